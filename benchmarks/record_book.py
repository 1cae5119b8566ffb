"""The list of records, the targets, the statistics of several seeds, and the rows of docs/records.md."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from timing import ratios, spread

from dcgan.config import TrainConfig
from dcgan.files import CHECKPOINTS, replacing
from dcgan.runs.evaluations import measured
from dcgan.runs.run import Run

RECORDS = Path(__file__).resolve().parent / "records.json"
TRACKS = {"cpu": "two CPU cores", "gpu": "one GPU"}
TARGETS = {"tutorial": "the CFD of the tutorial's DCGAN", "real": "1.5 times the CFD of real images"}
REAL_FACTOR = 1.5
TUTORIAL_RUN = "dcgan-mnist"
NUM_IMAGES = 10_000
"""Images that are scored, from the seeds 0, 1, ..."""
MIN_SEEDS = 5
MAX_P = 0.01


# The list of records


@dataclass(frozen=True)
class Record:
    """One record: what was trained, and the commit whose code trained it.

    The whole config is stored. So the record stays the same when a preset changes.
    """

    name: str
    track: str
    target: str
    date: str
    commit: str
    config: TrainConfig
    options: Mapping[str, bool] = field(default_factory=dict)
    """Fields of GpuOptions that are on."""


def read_records(path: Path = RECORDS) -> list[Record]:
    """Return all records, oldest first. Raises ValueError for an entry that is not one."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [Record(**{**entry, "config": TrainConfig.from_json(entry["config"])}) for entry in entries]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} has an entry that cannot be read ({error}); restore it with git") from error


def add_record(record: Record, path: Path = RECORDS) -> None:
    """Append a record. Raises ValueError for a name that the list has."""
    records = read_records(path)
    if record.name in [other.name for other in records]:
        raise ValueError(f"{path.name} has a record {record.name!r} already; choose another name")
    entries = [{**asdict(each), "config": each.config.to_json()} for each in [*records, record]]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def pick(records: Sequence[Record], track: str, target: str, name: str = "") -> tuple[Record | None, Record | None]:
    """Return a record of this track and target, and the one before it; None for each that is not there.

    Without a name the newest is chosen. Raises ValueError for an unknown name.
    """
    these = [record for record in records if (record.track, record.target) == (track, target)]
    names = [record.name for record in these]
    if name and name not in names:
        known = f"choose one of {', '.join(names)}" if names else "there is none yet; name a config with --candidate"
        raise ValueError(f"{name!r} is not a record of --track {track} --target {target}; {known}")
    index = names.index(name) if name else len(these) - 1
    return (these[index] if these else None), (these[index - 1] if index > 0 else None)


# The targets


def tutorial_target(classifier_hash: str, run: Path = CHECKPOINTS / TUTORIAL_RUN) -> tuple[float, float]:
    """Return the target "tutorial", and the published evaluation that it comes from.

    The target is the CFD of the published recording of the tutorial's DCGAN, to two decimals. Raises ValueError where
    the recording has no evaluation of these images by this classifier.
    """
    for row in reversed(measured(Run(run))):
        if (row["classifier_hash"], row["num_images"], row["seed"]) == (classifier_hash, NUM_IMAGES, 0):
            return round(row["cfd"], 2), row["cfd"]
    raise ValueError(
        f"{run} has no scores of {NUM_IMAGES:,} images by classifier {classifier_hash}; "
        f"type: python -m dcgan evaluate {run} --save"
    )


# The statistics


def student_t_cdf(t: float, df: int) -> float:
    """Return P(T <= t) for Student's t with `df` degrees of freedom, a whole number from 1.

    Source: Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4, finite sums for the two-sided probability.
    """
    if df < 1:
        raise ValueError(f"df={df} is below 1; measure at least two seeds")
    theta = math.atan(t / math.sqrt(df))
    cosine, odd = math.cos(theta), df % 2
    # The terms are cos, 2/3 cos^3, ... for an odd df, and 1, 1/2 cos^2, ... for an even one.
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for power in range(1 if odd else 0, df - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    two_sided = (theta + math.sin(theta) * total) * 2 / math.pi if odd else math.sin(theta) * total
    return (1 + two_sided) / 2


def p_below(values: Sequence[float], target: float) -> float:
    """Return p of the one-sided t-test: how likely so low a mean is where the true mean is the target.

    Raises ValueError for fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"a t-test needs two values and has {len(values)}; measure more --seeds")
    difference, deviation = statistics.fmean(values) - target, statistics.stdev(values)
    if deviation == 0:
        return 0.0 if difference < 0 else 1.0
    return student_t_cdf(difference / (deviation / math.sqrt(len(values))), len(values) - 1)


@dataclass
class Measurement:
    """What was measured of one training: a value a seed in each list."""

    name: str
    commit: str = "-"
    seconds: list[float] = field(default_factory=list)
    cfds: list[float] = field(default_factory=list)
    """Empty for the tutorial's loop where only its rate was measured."""


def shortcoming(
    measurement: Measurement, target: float, *, previous: Measurement | None = None, quick: bool = False
) -> str:
    """Return why this is not a record, as a sentence; an empty text if it is one.

    `previous` is the record before it, which trained in turn with it.
    """
    cfds = measurement.cfds
    if quick:
        return "Not a measurement: --quick only shows that everything runs."
    if len(cfds) < MIN_SEEDS:
        return f"Not a record: it has {len(cfds)} seeds, and a record needs {MIN_SEEDS}."
    if (p := p_below(cfds, target)) >= MAX_P:
        return f"Not a record: p is {p:.2g}, and a record needs p < {MAX_P}."
    if previous is not None and statistics.fmean(measurement.seconds) >= statistics.fmean(previous.seconds):
        times = (
            f"{with_deviation(measurement.seconds, 1)} s, and {previous.name} {with_deviation(previous.seconds, 1)} s"
        )
        return f"Not a record: it takes {times}."
    return ""


# The tables

HEADER = ("training", "CFD", "p", "seconds", "times the tutorial's speed", "seeds", "commit", "date")


def row(measurement: Measurement, tutorial_seconds: Sequence[float], target: float, date: str) -> list[str]:
    """Return the cells of a row of docs/records.md. The speed is compared seed by seed."""
    cfds, seconds = measurement.cfds, measurement.seconds
    return [
        measurement.name,
        with_deviation(cfds, 2) if cfds else "-",
        f"{p_below(cfds, target):.2g}" if len(cfds) > 1 else "-",
        with_deviation(seconds, 1),
        spread(ratios(seconds, tutorial_seconds), 1),
        str(len(seconds)),
        measurement.commit,
        date,
    ]


def details(measurements: Sequence[Measurement], tutorial_seconds: Sequence[float]) -> list[list[str]]:
    """Return a row for each training and seed: name, seed, CFD, seconds, times the tutorial's speed."""
    return [
        [
            measurement.name,
            str(seed),
            f"{measurement.cfds[seed]:.4f}" if measurement.cfds else "-",
            f"{seconds:,.2f}",
            f"{ratio:.2f}",
        ]
        for measurement in measurements
        for seed, (seconds, ratio) in enumerate(
            zip(measurement.seconds, ratios(measurement.seconds, tutorial_seconds), strict=True)
        )
    ]


def with_deviation(values: Sequence[float], digits: int) -> str:
    """Return the mean and the standard deviation of a sample as text; of one value, the value."""
    mean = f"{statistics.fmean(values):,.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):,.{digits}f}" if len(values) > 1 else mean


def config_line(config: TrainConfig, options: Mapping[str, Any]) -> str:
    """Return the whole config, and the options of a GPU that are on, as one line of JSON."""
    return json.dumps({"config": config.to_json()} | ({"options": dict(options)} if options else {}))
