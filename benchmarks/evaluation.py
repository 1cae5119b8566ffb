"""Time the evaluation of a generator: the first, later ones, and their parts. `python benchmarks/evaluation.py`.

The first evaluation also measures the real images and caches the result. Later evaluations read this cache. Each
round begins with an empty cache. The second table has images/s for each part of an evaluation.
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

    def timed() -> float:
        started = time.perf_counter()
        evaluate(generator, classifier=classifier, num_images=count)
        return time.perf_counter() - started

    first, second = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["DCGAN_CACHE"] = cache
            first.append(timed())
            second.append(timed())
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
    rows = [[name, spread(seconds, 2), spread(count / s for s in seconds)] for name, seconds in times.items()]
    print_table(f"Parts of an evaluation of {count:,} images", ["", "seconds", "images/s"], rows)
    print("\nRatio: how many times faster than the first evaluation of the round; then the median (lowest..highest).")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="dcgan-mnist", help="a published model (default: dcgan-mnist)")
    parser.add_argument("--count", type=int, default=10_000, help="images (default: 10000)")
    parser.add_argument("--limit", type=int, default=0, help="use only so many training images; 0: all")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds (default: 3)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: PyTorch's choice")
    parser.add_argument("--quick", action="store_true", help="one short round, to test that everything runs")
    options = parser.parse_args()
    if options.quick:
        options.count, options.limit, options.rounds, options.threads = 100, 1000, 1, 1
    return options


if __name__ == "__main__":
    main()
