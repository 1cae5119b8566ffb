"""The commands that score: train-features and evaluate."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


def train_features(
    name: Annotated[Positional[str], arg(metavar="NAME")] = "mnist",
    *,
    epochs: int = 10,
    seed: int = 0,
    threads: int = 1,
    output: Annotated[str, arg(aliases=["-o"], metavar="PATH")] = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Train the classifier that scores are taken from; mnist's is published.

    Args:
        name: A named set of 28x28 grey images in ten classes: mnist, fashion-mnist or kmnist.
        epochs: Passes over the training images.
        seed: Of its first weights, the order of the images and their shifts.
        threads: CPU threads; 1 gives the published weights, on the same CPU and versions.
        output: The file to write. Default: features/NAME.safetensors.
        device: cuda, mps, cpu or auto.
    """
    import torch

    from dcgan import features
    from dcgan.archives import NAMED_SETS, read_named_set
    from dcgan.device import choose_device

    known = [each for each, named_set in NAMED_SETS.items() if named_set.shape == features.IMAGE_SHAPE]
    if name not in known:
        raise ValueError(f"{name!r} is no set of 28x28 grey images in ten classes; choose one of {', '.join(known)}")
    if min(epochs, threads) < 1:
        raise ValueError(f"epochs={epochs} and threads={threads} are not both 1 or more")
    path = Path(output) if output else features.FEATURES / f"{name}.safetensors"
    if path.suffix != ".safetensors":
        raise ValueError(f"output {output!r} is no .safetensors file; write {output}.safetensors")
    if path.exists():
        raise ValueError(f"{path} exists, and scores under another classifier compare with none; name a file with -o")
    chosen = choose_device(device)
    torch.set_num_threads(threads)
    train = [torch.from_numpy(values).to(chosen) for values in read_named_set(name, "", "train")]
    test_u8, test_labels = map(torch.from_numpy, read_named_set(name, "", "test"))
    test = features.to_float(test_u8)
    started = time.perf_counter()
    for epoch, network in enumerate(features.train_features(*train, seed, epochs), 1):
        judge = features.Features(name, network, chosen)
        accuracy = judge.accuracy(test, test_labels)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch}/{epochs}: {accuracy:.2%} of the test images, {seconds:.0f} s", file=sys.stderr)
    features.save_features(path, network, name, accuracy, seed, epochs)
    print(f"{path}: {judge.hash}, {accuracy:.2%} of {len(test):,} test images")
    return 0
