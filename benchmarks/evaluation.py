"""How long scoring a generator takes, the first time and after, and where it goes. `python benchmarks/evaluation.py`.

The first evaluation also measures the real images and caches the result; later ones read it. Each round has its own
cache, which is empty at first. Then images/s of what an evaluation does to each of its images.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from timing import alternate, machine_line, print_table, ratios, spread

from dcgan.checkpoint import load_generator
from dcgan.evaluation import metrics
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.scores import evaluate
from dcgan.files import CHECKPOINTS


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    print(machine_line())
    count = options.count
    generator = load_generator(CHECKPOINTS / options.model)
    data = dataclasses.replace(generator.train_config.data, limit=options.limit)
    generator.train_config = dataclasses.replace(generator.train_config, data=data)
    classifier = load_classifier(data.name)

    def seconds() -> float:
        started = time.perf_counter()
        evaluate(generator, classifier=classifier, num_images=count)
        return time.perf_counter() - started

    first, second = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["DCGAN_CACHE"] = cache
            first.append(seconds())
            second.append(seconds())
    rows = [
        ["first evaluation, empty cache", spread(first, 1), spread(ratios(first, first), 2)],
        ["second evaluation", spread(second, 1), spread(ratios(second, first), 2)],
    ]
    print_table(f"{options.model}, {count:,} images: {options.rounds} rounds", ["", "seconds", "ratio"], rows)

    config = generator.config
    z = generator.latents(range(count))
    labels = torch.arange(count) % config.num_classes if config.num_classes else None
    images = generator(z, labels)
    features = classifier.features(images)
    times = alternate(
        {
            "drawing": lambda: generator(z, labels),
            "features": lambda: classifier.features(images),
            "radii of the balls": lambda: metrics.radii(features),
            "kernel distance": lambda: metrics.kernel_distance(features, features),
            "Fréchet distance": lambda: metrics.frechet_distance(features, features),
        },
        options.rounds,
    )
    rows = [[name, spread(each, 2), spread(count / s for s in each)] for name, each in times.items()]
    print_table(f"{count:,} images, on their own", ["", "seconds", "images/s"], rows)
    print("\nRatio: how many times faster than the first evaluation of the round; then the median (lowest..highest).")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="dcgan-mnist", help="a published model (default: dcgan-mnist)")
    parser.add_argument("--count", type=int, default=10_000, help="images (default: 10000)")
    parser.add_argument("--limit", type=int, default=0, help="training images, the first so many; 0: all")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds (default: 3)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: PyTorch's choice")
    parser.add_argument("--quick", action="store_true", help="as little as shows that everything runs")
    options = parser.parse_args()
    if options.quick:
        options.count, options.limit, options.rounds, options.threads = 100, 1000, 1, 1
    return options


if __name__ == "__main__":
    main()
