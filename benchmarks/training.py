"""Compare the speed of DCGAN Studio's training loop with the tutorials' loops. `python benchmarks/training.py`.

The loops of a table train the same networks, with the same batch size and the same images. They run in turn, a few
steps each. Every loop continues its training from round to round, so its start is not timed.

The script has more than 250 lines because it contains the tutorials' loops, written as in the tutorials.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
import torchvision
from timing import (
    Worker,
    alternate,
    in_turn,
    machine_line,
    peak_mib,
    print_table,
    ratios,
    spread,
    wait_for,
)
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms

from dcgan.config import TrainConfig
from dcgan.data.loading import make_batches
from dcgan.data.named_sets import PROJECT_DATA, read_named_set
from dcgan.models.gan import build_gan
from dcgan.presets import PRESETS
from dcgan.runtime.device import choose_device
from dcgan.runtime.host import keep_freed_memory
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState
from dcgan.training.step import train_step

Loop = Callable[[TrainConfig, torch.device, Path, int], Iterator[object]]
"""(config, device, folder of the unpacked MNIST, DataLoader's workers) -> a training that yields after every step."""

# Loops of DCGAN Studio


def studio(config: TrainConfig, device: torch.device, root: Path, workers: int) -> Iterator[object]:
    """Train as `dcgan.train` does, without recording."""
    keep_freed_memory()
    yield from training_steps(config, make_batches(config, device), device)


def plain(config: TrainConfig, device: torch.device, root: Path, workers: int) -> Iterator[object]:
    """Train with the plain step of dcgan.training.step."""
    state = TrainState.new(replace(config, engine="plain"), device)
    for batch in make_batches(config, device).from_step(0):
        yield train_step(state, batch)


# Loops of the tutorials, written as in the tutorials


def tutorial(config: TrainConfig, device: torch.device, root: Path, workers: int) -> Iterator[nn.Module]:
    """Train as the tutorial series: G first, with the target 0.9; then D on the same fakes, with the target 0.

    Every step yields the generator, which record.py scores.
    """
    generator, discriminator = networks(config, device)
    optimizer_g, optimizer_d = adams(config, generator, discriminator)
    criterion = nn.BCELoss()
    loader = image_loader(config, root, workers)
    while True:
        total_g = total_d = 0.0
        for images, _ in loader:
            images = images.to(device)
            real_targets = torch.full((len(images), 1), 0.9, device=device)
            fake_targets = torch.zeros(len(images), 1, device=device)

            optimizer_g.zero_grad()
            z = torch.randn(len(images), config.model.latent_dim, device=device)
            fakes = generator(z)
            loss_g = criterion(discriminator(fakes), real_targets)
            loss_g.backward()
            optimizer_g.step()

            optimizer_d.zero_grad()
            loss_real = criterion(discriminator(images), real_targets)
            loss_fake = criterion(discriminator(fakes.detach()), fake_targets)
            loss_d = (loss_real + loss_fake) / 2
            loss_d.backward()
            optimizer_d.step()

            total_g += loss_g.item()
            total_d += loss_d.item()
            yield generator


def pytorch_example(config: TrainConfig, device: torch.device, root: Path, workers: int) -> Iterator[None]:
    """Train as PyTorch's DCGAN example: D first, in two backward passes. Every step prints a line."""
    generator, discriminator = networks(config, device)
    optimizer_g, optimizer_d = adams(config, generator, discriminator)
    criterion = nn.BCELoss()
    loader = image_loader(config, root, workers)
    for epoch in itertools.count():
        for i, (images, _) in enumerate(loader):
            discriminator.zero_grad()
            real = images.to(device)
            label = torch.full((len(real),), 1.0, device=device)
            output = discriminator(real).view(-1)
            error_real = criterion(output, label)
            error_real.backward()
            d_x = output.mean().item()

            noise = torch.randn(len(real), config.model.latent_dim, device=device)
            fake = generator(noise)
            label.fill_(0.0)
            output = discriminator(fake.detach()).view(-1)
            error_fake = criterion(output, label)
            error_fake.backward()
            d_g_z1 = output.mean().item()
            error_d = error_real + error_fake
            optimizer_d.step()

            generator.zero_grad()
            label.fill_(1.0)
            output = discriminator(fake).view(-1)
            error_g = criterion(output, label)
            error_g.backward()
            d_g_z2 = output.mean().item()
            optimizer_g.step()

            print_nowhere(
                f"[{epoch}][{i}/{len(loader)}] Loss_D: {error_d.item():.4f} Loss_G: {error_g.item():.4f} "
                f"D(x): {d_x:.4f} D(G(z)): {d_g_z1:.4f} / {d_g_z2:.4f}"
            )
            yield


def networks(config: TrainConfig, device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Return the preset's networks. The discriminator returns probabilities (B, 1), because BCELoss needs them."""
    torch.manual_seed(config.seed)
    gan = build_gan(config.model)
    discriminator = nn.Sequential(gan.discriminator, nn.Unflatten(0, (-1, 1)), nn.Sigmoid())
    return gan.generator.to(device), discriminator.to(device)


def adams(config: TrainConfig, *networks: nn.Module) -> list[torch.optim.Adam]:
    return [torch.optim.Adam(network.parameters(), lr=config.lr_g, betas=config.betas) for network in networks]


def image_loader(config: TrainConfig, root: Path, workers: int) -> DataLoader:
    """Return a loader of torchvision's MNIST. Each image is transformed whenever it is read, as in the tutorials."""
    steps: list[object] = [transforms.ToTensor()]
    if config.model.pixel_range == (-1, 1):
        steps.append(transforms.Normalize((0.5,), (0.5,)))
    dataset = torchvision.datasets.MNIST(root, transform=transforms.Compose(steps))
    return DataLoader(dataset, batch_size=config.batch_size, shuffle=True, num_workers=workers)


def print_nowhere(line: str) -> None:
    """Write the line to the null device. Formatting and writing are part of the tutorials' time."""
    with open(os.devnull, "w") as nowhere:
        print(line, file=nowhere)


def keras_tutorial(config: TrainConfig, device: torch.device, root: Path, workers: int) -> Iterator[None]:
    """Train as the Keras tutorial, in Keras 3 on PyTorch: train_on_batch for D, then for G through D."""
    os.environ["KERAS_BACKEND"] = "torch"  # Keras reads it once, when it is imported
    import keras
    from keras import layers

    # By default Keras uses a GPU if there is one.
    with keras.device(str(device)):
        discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Dropout(0.4),
                layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Dropout(0.4),
                layers.Flatten(),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        generator = keras.Sequential(
            [
                keras.Input((100,)),
                layers.Dense(128 * 7 * 7),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Reshape((7, 7, 128)),
                layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Conv2D(1, (7, 7), activation="sigmoid", padding="same"),
            ]
        )
        assert (generator.count_params(), discriminator.count_params()) == PRESETS["dcgan-keras"].parameters

        def adam() -> keras.optimizers.Adam:
            return keras.optimizers.Adam(learning_rate=0.0002, beta_1=0.5)

        discriminator.compile(loss="binary_crossentropy", optimizer=adam(), metrics=["accuracy"])
        both = keras.Sequential([generator, discriminator])
        both.compile(loss="binary_crossentropy", optimizer=adam())
        dataset = read_named_set("mnist", str(PROJECT_DATA), "train")[0].transpose(0, 2, 3, 1) / np.float32(255)
        n = config.batch_size
        for step in itertools.count(1):
            real = dataset[np.random.randint(0, len(dataset), n)]
            fake = generator.predict(np.random.randn(n, 100), verbose=0)  # pyright: ignore[reportArgumentType], Keras types it as a str
            x, y = np.vstack((real, fake)), np.vstack((np.ones((n, 1)), np.zeros((n, 1))))
            # The tutorial sets this once, before compile. Keras 3 reads it at every call.
            discriminator.trainable = True
            loss_d = discriminator.train_on_batch(x, y)[0]
            discriminator.trainable = False
            loss_g = both.train_on_batch(np.random.randn(2 * n, 100), np.ones((2 * n, 1)))
            print_nowhere(f">{step}, d={loss_d:.3f}, g={loss_g:.3f}")
            yield


SERIES = {"tutorial's loop": tutorial, "PyTorch example's loop": pytorch_example, "DCGAN Studio": studio}
LOOPS: dict[str, dict[str, Loop]] = {
    "dcgan": SERIES,
    "gan": SERIES,
    "dcgan-keras": {"Keras tutorial's loop": keras_tutorial, "DCGAN Studio": studio},
}
"""The loops of each table by preset. The others are compared with the first."""

KERAS_BATCH = 128
"""Real images in a batch of the Keras tutorial. --batch does not change it."""

STEPS, KERAS_STEPS = 10, 1
"""Steps of each loop in a round. An image takes sixteen times as many operations in the Keras tutorial's networks."""

# Measuring


def matmul_peak(device: torch.device, *, quick: bool) -> float:
    """Return the most floating-point operations a second that a product of two square float32 matrices reaches."""
    sizes = (256, 512) if quick else (512, 1024, 2048) if device.type == "cpu" else (2048, 4096, 8192)
    best = 0.0
    for size in sizes:
        a, b = torch.rand(2, size, size, device=device)
        for _ in range(10):
            wait_for(device)
            started = time.perf_counter()
            torch.mm(a, b)
            wait_for(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def step_flops(config: TrainConfig, device: torch.device) -> int:
    """Return the floating-point operations of the plain step's matrix products and convolutions, both passes."""
    config = replace(config, engine="plain")
    state, batch = TrainState.new(config, device), next(make_batches(config, device).from_step(0))
    with FlopCounterMode(display=False) as counter:
        train_step(state, batch)
    return counter.get_total_flops()


def run_steps(steps: Iterator[object], count: int, device: torch.device) -> None:
    done = sum(1 for _ in itertools.islice(steps, count))
    assert done == count, f"the training ended {count - done} steps early; ask for fewer --rounds or --steps"
    wait_for(device)


def main() -> None:
    options = parse()
    device = choose_device(options.device)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    tables = [(preset, batch) for preset in options.presets for batch in options.batch]
    if not options.quick and "dcgan-keras" in options.presets:
        tables = [table for table in tables if table[0] != "dcgan-keras"] + [("dcgan-keras", KERAS_BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        unpack_mnist(Path(folder))
        loops = [loops_of(preset, batch, device, Path(folder), options) for preset, batch in tables]
        if device.type == "cpu":  # before any computation, while this process may be forked
            print(f"The memory includes {peak_mib(lambda: None):,.0f} MiB for Python and PyTorch.", flush=True)
        print(machine_line(device), flush=True)
        for table, starts in zip(tables, loops, strict=True):
            measure(*table, starts, device, options)
    print(EXPLANATION)
    if device.type == "cuda":
        print(f"Convolutions may use TF32: {torch.backends.cudnn.allow_tf32}. The peak's matrix products do not.")


EXPLANATION = """
Ratio: how many times faster than the first row, as the median (lowest..highest) of the rounds.
Memory: the peak resident memory of a separate process with its imports, or of the GPU's allocations.
% of the peak: the operations a second of the plain step's convolutions and matrix products, divided by the peak. The
peak is the highest rate of a few square float32 torch.mm in this run, with as many threads. Further operations of a
loop are not counted."""


def measure(
    preset: str,
    batch: int,
    starts: dict[str, Callable[[], Iterator[object]]],
    device: torch.device,
    options: argparse.Namespace,
) -> None:
    """Measure the loops of one table and print it."""
    config = config_of(preset, batch)
    num_steps = options.steps or (KERAS_STEPS if preset == "dcgan-keras" else STEPS)
    flops_per_image = step_flops(config, device) / batch
    peak = matmul_peak(device, quick=options.quick)
    memory: dict[str, float] = {}
    if device.type == "cpu":
        seconds = by_workers(starts, num_steps, memory, options)
    else:
        seconds = by_this_process(starts, num_steps, memory, device, options)
    peak = max(peak, matmul_peak(device, quick=options.quick))
    first = next(iter(seconds))
    rows = []
    for name, times in seconds.items():
        speeds = [num_steps * batch / t for t in times]
        fractions = [100 * speed * flops_per_image / peak for speed in speeds]
        used = f"{memory[name]:,.0f}" if name in memory else "-"
        rows.append([name, spread(speeds), spread(ratios(times, seconds[first]), 2), used, spread(fractions, 1)])
    title = (
        f"{preset}, batch {batch}, on {device.type}: {options.rounds} rounds of {num_steps} steps each, in turn"
        f"{', processor time' if options.cpu_time else ''}; "
        f"{flops_per_image / 1e6:,.1f} MFLOP an image, peak {peak / 1e9:,.0f} GFLOP/s"
    )
    print_table(title, ["loop", "images/s", "ratio", "memory, MiB", "% of the peak"], rows)


def by_workers(
    starts: dict[str, Callable[[], Iterator[object]]],
    num_steps: int,
    memory: dict[str, float],
    options: argparse.Namespace,
) -> dict[str, list[float]]:
    """Run each loop in its own process. Return the seconds of each round, and add the peak memory to `memory`."""
    workers = {name: Worker(start, torch.get_num_threads()) for name, start in starts.items()}
    for worker in workers.values():
        worker.run(num_steps)
    results = in_turn(
        {name: functools.partial(worker.run, num_steps) for name, worker in workers.items()}, options.rounds
    )
    memory |= {name: rounds[-1][2] for name, rounds in results.items()}
    return {name: [result[options.cpu_time] for result in rounds] for name, rounds in results.items()}


def by_this_process(
    starts: dict[str, Callable[[], Iterator[object]]],
    num_steps: int,
    memory: dict[str, float],
    device: torch.device,
    options: argparse.Namespace,
) -> dict[str, list[float]]:
    """Run all loops in this process, so that only one process has a GPU context. Return the seconds of each round."""
    calls = {}
    for name, start in starts.items():
        steps = start()
        if device.type == "cuda":
            # Memory is measured here. During the rounds, all loops have their networks on the GPU.
            before = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
            run_steps(steps, num_steps, device)
            memory[name] = (torch.cuda.max_memory_allocated(device) - before) / 2**20
        calls[name] = functools.partial(run_steps, steps, num_steps, device)
    return alternate(calls, options.rounds, time.process_time if options.cpu_time else time.perf_counter)


def config_of(preset: str, batch: int) -> TrainConfig:
    # With so many epochs no benchmark reaches the end of its training.
    return replace(PRESETS[preset].config, batch_size=batch, epochs=1000)


def loops_of(
    preset: str, batch: int, device: torch.device, root: Path, options: argparse.Namespace
) -> dict[str, Callable[[], Iterator[object]]]:
    """Return the loops of a table by name. Each starts its training when it is called."""
    loops = LOOPS[preset] | ({"plain step": plain} if options.plain else {})
    config = config_of(preset, batch)
    return {name: functools.partial(loop, config, device, root, options.workers) for name, loop in loops.items()}


def unpack_mnist(root: Path) -> None:
    """Unpack the repository's archives: torchvision's class reads files."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive in (PROJECT_DATA / "MNIST" / "raw").glob("*.gz"):
        (raw / archive.stem).write_bytes(gzip.decompress(archive.read_bytes()))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps, or auto (default: cpu)")
    parser.add_argument("--presets", nargs="+", default=["dcgan"], choices=LOOPS, help="default: dcgan")
    parser.add_argument("--batch", nargs="+", type=int, default=[128, 32], help="batch sizes (default: 128 32)")
    parser.add_argument("--rounds", type=int, default=10, help="measured rounds (default: 10)")
    parser.add_argument(
        "--steps", type=int, default=0, help=f"steps a round (default: {STEPS}; dcgan-keras {KERAS_STEPS})"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: PyTorch's choice")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="worker processes of the tutorials' DataLoader (default: 0); they also read while other loops are timed",
    )
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="for a busy machine: use one thread, and count its processor time",
    )
    parser.add_argument("--plain", action="store_true", help="also time the plain step")
    parser.add_argument("--quick", action="store_true", help="two short rounds, to test that everything runs")
    options = parser.parse_args()
    if options.cpu_time:
        options.threads = 1
        if options.device != "cpu" or options.workers:
            parser.error("--cpu-time counts this process only; leave --device and --workers out")
    if options.quick:
        options.presets, options.batch, options.rounds, options.steps = ["dcgan", "dcgan-keras"], [8], 2, 1
        options.plain, options.threads = True, 1  # on busy cores, several threads wait for each other
    return options


if __name__ == "__main__":
    main()
