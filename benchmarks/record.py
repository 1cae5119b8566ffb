"""Measure the time to a target: `python benchmarks/record.py --track cpu --target tutorial`.

The newest record, the record before it and the tutorial's loop train in turn, once for each seed. docs/records.md has
the rules. `--candidate PRESET` measures a preset or a run's config against the newest record; flags after it change
fields of the config, as with `python -m dcgan train`. `--save NAME` appends the candidate to records.json.

The module has more than 250 lines, so that the order of a measurement is read in one go.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import multiprocessing
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
import tyro
from record_book import (
    HEADER,
    MAX_P,
    MIN_SEEDS,
    NUM_IMAGES,
    REAL_FACTOR,
    TARGETS,
    TRACKS,
    TUTORIAL_RUN,
    Measurement,
    Record,
    add_record,
    config_line,
    details,
    pick,
    read_records,
    row,
    shortcoming,
    tutorial_target,
)
from record_training import GpuOptions, Steps, Timed, record_steps, timed, tutorial_steps
from timing import machine_line, print_table
from training import unpack_mnist

from dcgan.cli.config_flags import config_registry
from dcgan.config import DataConfig, TrainConfig, check_new
from dcgan.data.named_sets import PROJECT_DATA
from dcgan.evaluation.epoch_scores import Scorer
from dcgan.files import PROJECT
from dcgan.models.gan import build_gan
from dcgan.presets import PRESETS
from dcgan.runs.listing import named_config
from dcgan.runtime.device import choose_device

TUTORIAL = "tutorial's loop"
TUTORIAL_PRESET = "dcgan"
FALLBACK = "dcgan-best"
"""The preset that --quick trains where there is neither a record nor a candidate."""
NUM_THREADS = 2
"""Of the track "two CPU cores"."""
QUICK_STEPS, QUICK_IMAGES, QUICK_SEEDS = 2, 200, 2


@dataclass(frozen=True)
class Training:
    """A training that takes part, and how it starts for a seed."""

    name: str
    config: TrainConfig
    start: Callable[[TrainConfig], Steps]
    """Called with the config of one seed, in the training's own process."""
    steps: int | None
    """Steps that are timed; None: the whole training."""
    scored: bool
    commit: str = "-"
    factor: float = 1.0
    """The whole training's steps, divided by the timed ones."""


def main() -> None:
    options = parse()
    try:
        measure(options)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"record.py: {error}")


def measure(options: argparse.Namespace) -> None:
    """Time all trainings in turn, score their weights, and print the tables."""
    device = use_track(options.track, quick=options.quick)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data = unpacked_digits(root, quick=options.quick)
        candidate, trainings = line_up(options, device, root, data)
        runners = [stack.enter_context(Runner(training, device)) for training in trainings]
        print(machine_line(device), flush=True)
        num_images = QUICK_IMAGES if options.quick else NUM_IMAGES
        scorers = [opened_scorer(training.config, num_images, device) for training in trainings]
        target = print_target(options, scorers[-1])
        measurements = [Measurement(training.name, training.commit) for training in trainings]
        for seed in range(options.seeds):
            for training, runner, scorer, measurement in zip(trainings, runners, scorers, measurements, strict=True):
                result = runner.run(seed)
                measurement.seconds.append(result.seconds * training.factor)
                scores = f"{result.num_steps:,} steps in {result.seconds:.2f} s"
                if training.scored:
                    measurement.cfds.append(cfd_of(training.config, result, scorer, device))
                    scores += f", CFD {measurement.cfds[-1]:.4f}"
                print(f"seed {seed}: {training.name}: {scores}", file=sys.stderr, flush=True)
    report(options, trainings, candidate, measurements, target)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--track", choices=TRACKS, default="cpu", help="default: cpu")
    parser.add_argument("--target", choices=TARGETS, default="tutorial", help="default: tutorial")
    parser.add_argument("--record", default="", metavar="NAME", help="a record; default: the newest one")
    parser.add_argument(
        "--candidate",
        default="",
        metavar="PRESET",
        help="a preset or run to measure instead of a record; flags of its config may follow, such as --epochs 1",
    )
    names = ", ".join(field.name for field in dataclasses.fields(GpuOptions))
    parser.add_argument(
        "--gpu-options", nargs="+", default=[], metavar="NAME", help=f"of the candidate on --track gpu: {names}"
    )
    parser.add_argument("--save", default="", metavar="NAME", help="append the candidate to records.json")
    parser.add_argument("--seeds", type=int, default=MIN_SEEDS, help=f"0, 1, ... (default: {MIN_SEEDS})")
    parser.add_argument(
        "--steps", type=int, default=100, help="timed steps of the tutorial's loop for each seed (default: 100)"
    )
    parser.add_argument("--full", action="store_true", help="the tutorial's loop whole: 20 epochs for each seed")
    parser.add_argument("--quick", action="store_true", help="as little as shows that everything runs")
    options, options.flags = parser.parse_known_args()
    if options.flags and not options.candidate:
        parser.error(f"{' '.join(options.flags)} needs --candidate PRESET; a record's config is fixed")
    if options.record and options.candidate:
        parser.error("--record and --candidate exclude each other")
    if (options.save or options.gpu_options) and not options.candidate:
        parser.error("--save and --gpu-options need --candidate PRESET")
    if options.quick:
        options.seeds, options.steps, options.full = QUICK_SEEDS, QUICK_STEPS, False
    if options.seeds < 2 or options.steps < 1:
        parser.error(f"--seeds {options.seeds} or --steps {options.steps} is too low; a t-test needs two seeds")
    return options


# The track


def use_track(track: str, *, quick: bool) -> torch.device:
    """Keep this process and its children to the track's processors. Return the device.

    Raises ValueError where this machine does not have them.
    """
    if track == "gpu":
        if not torch.cuda.is_available():
            raise ValueError("--track gpu needs an NVIDIA GPU, and this machine has none; use --track cpu")
        return choose_device("cuda")
    if quick:
        torch.set_num_threads(1)  # several threads wait for each other where the cores are busy
        return torch.device("cpu")
    if hasattr(os, "sched_getaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) >= NUM_THREADS:
            os.sched_setaffinity(0, processors[:NUM_THREADS])
    else:
        processors = range(os.cpu_count() or 1)
    if len(processors) < NUM_THREADS:
        raise ValueError(f"--track cpu needs {NUM_THREADS} processors, and this process has {len(processors)}")
    torch.set_num_threads(NUM_THREADS)
    return torch.device("cpu")


# The trainings


def line_up(
    options: argparse.Namespace, device: torch.device, root: Path, data: DataConfig
) -> tuple[Record, list[Training]]:
    """Return the measured record or candidate, and all trainings: the tutorial's loop first, that one last."""
    records = read_records()
    record, previous = pick(records, options.track, options.target, options.record)
    if options.candidate or record is None:
        if not options.candidate and not options.quick:
            raise ValueError(
                f"--track {options.track} --target {options.target} has no record yet; name a config with --candidate"
            )
        record, previous = candidate_record(options), record
    check_savable(options, records)
    tutorial_config = replace(PRESETS[TUTORIAL_PRESET].config, data=data)
    whole = tutorial_config.epochs * -(-60_000 // tutorial_config.batch_size)  # its DataLoader keeps a last part
    tutorial = Training(
        TUTORIAL,
        tutorial_config,
        partial(tutorial_steps, device=device, root=root),
        whole if options.full else options.steps,
        scored=options.full,
        factor=1.0 if options.full or options.quick else whole / options.steps,
    )
    trainings = [tutorial]
    for entry in (previous, record):
        if entry is not None:
            gpu_options = GpuOptions(**entry.options)
            start = partial(record_steps, device=device, options=gpu_options)
            config = replace(entry.config, data=replace(entry.config.data, root=data.root))
            steps = QUICK_STEPS if options.quick else None
            trainings.append(Training(entry.name, config, start, steps, scored=True, commit=entry.commit))
    return record, trainings


def candidate_record(options: argparse.Namespace) -> Record:
    """Return the candidate as a record of this commit. Raises ValueError for a config that has no such scores."""
    base, _ = named_config(options.candidate or FALLBACK)
    config = tyro.cli(TrainConfig, default=base, args=options.flags, registry=config_registry())
    check_new(config)
    if config.data.name != "mnist" or config.model.image_shape != (1, 28, 28):
        shape = "x".join(map(str, config.model.image_shape))
        raise ValueError(
            f"{options.candidate} draws {shape} images of {config.data.name}; the targets are for mnist at 1x28x28"
        )
    known = [field.name for field in dataclasses.fields(GpuOptions)]
    if unknown := [name for name in options.gpu_options if name not in known]:
        raise ValueError(f"--gpu-options {unknown[0]} is unknown; choose of {', '.join(known)}")
    if options.gpu_options and options.track != "gpu":
        raise ValueError(f"--gpu-options {options.gpu_options[0]} has no effect on --track cpu; leave it out")
    return Record(
        options.save or options.candidate or FALLBACK,
        options.track,
        options.target,
        datetime.date.today().isoformat(),
        commit(),
        replace(config, seed=0, data=replace(config.data, root="")),
        dict.fromkeys(options.gpu_options, True),
    )


def check_savable(options: argparse.Namespace, records: Sequence[Record]) -> None:
    """Raise ValueError, before anything is measured, for a record that could not be saved."""
    if not options.save:
        return
    if options.quick:
        raise ValueError("--save needs a measurement; leave --quick out")
    if options.save in [record.name for record in records]:
        raise ValueError(f"records.json has a record {options.save!r} already; choose another name")
    if commit().endswith(("*", "-")):
        raise ValueError("--save needs a commit that others can check out; commit your changes first")


def commit() -> str:
    """Return the short hash of the checked-out commit, with * where files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PROJECT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=7", "HEAD") + ("*" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "-"


# Running them


class Runner:
    """Runs a training: on a CPU in a process of its own, as its users have it, and on a GPU in this process."""

    def __init__(self, training: Training, device: torch.device) -> None:
        self._training = training
        self._device = device
        self._pool: ProcessPoolExecutor | None = None
        if device.type == "cpu":
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),  # MKL's threads do not survive a fork
                initializer=torch.set_num_threads,
                initargs=(torch.get_num_threads(),),
            )

    def run(self, seed: int) -> Timed:
        """Train with this seed."""
        training = self._training
        arguments = training.start, replace(training.config, seed=seed), training.steps, self._device
        if self._pool is None:
            return train(*arguments)
        return self._pool.submit(train, *arguments).result()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def train(
    start: Callable[[TrainConfig], Steps], config: TrainConfig, steps: int | None, device: torch.device
) -> Timed:
    """Start a training and time it."""
    return timed(start(config), steps, device)


def opened_scorer(config: TrainConfig, num_images: int, device: torch.device) -> Scorer:
    """Return what scores the generators of this config: images from the seeds 0, 1, ... against all test images."""
    scorer = Scorer.open(replace(config, score_images=num_images), device)
    assert scorer is not None, "score_images is not 0"
    return scorer


def cfd_of(config: TrainConfig, result: Timed, scorer: Scorer, device: torch.device) -> float:
    """Return the CFD of the last weights. Raises ValueError for pixels that are not numbers."""
    generator = build_gan(config.model).generator
    generator.load_state_dict({name: torch.from_numpy(value) for name, value in result.weights.items()})
    scores = scorer.score(generator.to(device))
    if scores is None:
        raise ValueError("the generator draws pixels that are not numbers; lower --lr-g and --lr-d of the candidate")
    return scores.cfd


def unpacked_digits(root: Path, *, quick: bool) -> DataConfig:
    """Write MNIST's files to a folder for torchvision, and return the data that the other trainings read.

    A quick run without MNIST has random images. Raises FileNotFoundError for a measurement without MNIST.
    """
    archives = PROJECT_DATA / "MNIST" / "raw"
    if archives.is_dir():
        unpack_mnist(root)
        return DataConfig()
    if not quick:
        raise FileNotFoundError(f"{archives} is missing; measure in a clone, which has MNIST's archives")
    write_random_digits(root)
    return DataConfig(root=str(root))


def write_random_digits(root: Path) -> None:
    """Write random images in the files of MNIST."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.RandomState(0)
    for prefix, count in (("train", 1000), ("t10k", 500)):
        for name, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            values = random.randint(256 if len(shape) == 3 else 10, size=shape).astype(np.uint8)
            header = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
            (raw / f"{prefix}-{name}-ubyte").write_bytes(header + values.tobytes())


# The report


def print_target(options: argparse.Namespace, scorer: Scorer) -> float:
    """Print the target in a sentence, and return it."""
    if options.target == "tutorial":
        target, published = tutorial_target(scorer.classifier.hash)
        origin = f"the published run {TUTORIAL_RUN} has {published:.3f}"
    else:
        real = scorer.statistics.real.cfd
        target, origin = REAL_FACTOR * real, f"as many real training images have {real:.3f}"
    print(
        f"Track {options.track}: {TRACKS[options.track]}. Target {options.target}: CFD {target:.3f} with "
        f"{scorer.num_images:,} images from the seeds 0 to {scorer.num_images - 1:,}; {origin}.",
        flush=True,
    )
    return target


def report(
    options: argparse.Namespace,
    trainings: Sequence[Training],
    record: Record,
    measurements: Sequence[Measurement],
    target: float,
) -> None:
    """Print both tables and what they depend on, and save a candidate that is a record."""
    tutorial_seconds, today = measurements[0].seconds, datetime.date.today().isoformat()
    prefix = "Not a measurement: " if options.quick else ""
    rows = [row(measurement, tutorial_seconds, target, today) for measurement in measurements]
    print_table(f"{prefix}docs/records.md takes the last row.", HEADER, rows)
    print_table(
        f"{prefix}each seed", ["training", "seed", "CFD", "seconds", "ratio"], details(measurements, tutorial_seconds)
    )
    print(f"\n{''.join(explanation(trainings))}\n\n{record.name}: {config_line(record.config, record.options)}")
    previous = measurements[1] if len(measurements) > 2 else None
    reason = shortcoming(measurements[-1], target, previous=previous, quick=options.quick)
    print(f"\n{reason or f'{record.name} reaches the target: p < {MAX_P}.'}")
    if options.save and not reason:
        add_record(record)
        print(f"Appended to {Path('benchmarks') / 'records.json'}; append its row to docs/records.md.")


def explanation(trainings: Sequence[Training]) -> Iterator[str]:
    """Yield the sentences that say what the numbers are."""
    yield "± is the standard deviation over the seeds. p is that of a one-sided t-test: the mean CFD is below the "
    yield "target. The clock starts after the data are loaded and an untimed warm-up, and stops at the last weights. "
    yield "Scoring is not timed. The last weights are scored, and no test image chooses anything. "
    yield "The ratio is taken seed by seed; then the median (lowest..highest)."
    tutorial = trainings[0]
    if tutorial.factor != 1:
        yield f" The {TUTORIAL} took {tutorial.steps:,} steps for each seed, and its seconds are multiplied by "
        yield f"{tutorial.factor:,.1f}: 20 epochs of 60,000 images in batches of {tutorial.config.batch_size}."


if __name__ == "__main__":
    main()
