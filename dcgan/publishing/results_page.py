"""The results page as Markdown: scores with their deviations over seeds, floors, cost, and what others published.

The same runs give the same bytes: nothing is said here that the runs do not say.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dcgan.config import DataConfig, TrainConfig
from dcgan.data.named_sets import NAMED_SETS
from dcgan.presets import PRESETS
from dcgan.publishing.published_results import LITERATURE
from dcgan.publishing.results import Entry, by_recipe, name_of, number, place, preset_of, read
from dcgan.runs import comparison
from dcgan.runs.run import Run
from dcgan.runs.tables import duration


class Score(NamedTuple):
    """How a field of evals.jsonl is shown: head of its column, format, and how to read it."""

    head: str
    form: str
    reading: str


SCORES = {
    "cfd": Score(
        "CFD ↓",
        ".2f",
        "classifier Fréchet distance: how far the features of generated images are from those of test images, in "
        "mean and spread. It notices both poor images and missing kinds; it is no FID and compares with none.",
    ),
    "kernel_distance": Score(
        "kernel ↓",
        ".4f",
        "squared maximum mean discrepancy of the same features. Says much the same as CFD without assuming a normal "
        "distribution, and unlike it is not biased by the count; real images may come out a little below 0.",
    ),
    "inception_score": Score(
        "IS ↑",
        ".2f",
        "inception score by the digit classifier: 10 is most, where each image is of one class beyond doubt and all "
        "classes are equally frequent. It never looks at real images, so copies of ten digits would get it.",
    ),
    "precision": Score(
        "precision ↑",
        ".3f",
        "share of generated images that lie among the real ones. Low: many are no digits. High "
        "says little alone: one image, drawn again and again, has it too.",
    ),
    "recall": Score(
        "recall ↑",
        ".3f",
        "share of test images that lie among the generated ones. Low: kinds of digits are missing. A few strays far "
        "from everything raise it; coverage is not moved by them.",
    ),
    "density": Score(
        "density ↑",
        ".3f",
        "how many real images a generated one is near to, about 1 for real ones. Unlike precision it is not fooled "
        "by a real outlier; above 1 the generator keeps to the commonest digits.",
    ),
    "coverage": Score(
        "coverage ↑",
        ".3f",
        "share of test images that have a generated one near by. It falls with the count of images.",
    ),
    "class_distance": Score(
        "classes ↓", ".3f", "share of the images that would have to be of another class for the data's own balance."
    ),
    "memorization_ratio": Score(
        "nearest",
        ".2f",
        "distance from the nearest training image, between pixels, over that of unseen real images: near 1 is as it "
        "should be, below 0.5 most images are copies.",
    ),
    "label_accuracy": Score(
        "right label ↑",
        ".3f",
        "of a conditional model: share of images that the classifier takes for what was asked for.",
    ),
    "nearest_neighbor_error": Score(
        "1-NN error ↓",
        ".4f",
        "of a conditional model, where asked for: share of the test images whose nearest one of 50,000 generated, "
        "between pixels, was to be another digit. The DCGAN paper's own test. Its floor is of 50,000 drawn at "
        "random.",
    ),
    "classification_accuracy": Score(
        "CAS ↑",
        ".4f",
        "classification accuracy score, where asked for: share of the test images that a small network gets right "
        "which has learnt from 50,000 generated digits only.",
    ),
    "modes": Score("modes ↑", ".0f", "of Stacked MNIST: how many of the 1,000 kinds are among 26,000 images."),
    "kl": Score(
        "KL ↓", ".4f", "of Stacked MNIST: how far these kinds are from equally frequent, KL divergence in nats."
    ),
}
"""Field of a row -> its column. A number without a line here is shown too, under its own name."""

_NO_SCORES = ("step", "seed", "num_images", "num_labelled", "kernel_deviation")
"""Numbers of a row that say how it was measured."""

_LOST = "-"

_FURTHER_SEEDS = """\
A further seed of a recipe, and so a deviation: `python -m dcgan train dcgan --seed 1`, then `python -m dcgan evaluate
RUN`, then `python -m dcgan results --keep RUN`, and make this page again."""

_CANNOT_SAY = """\
The classifier was trained on MNIST's training digits, the very ones of the floors: it is surer of them than of any
others, so a floor is a place to come near, not what a perfect generator would get. MNIST's training and test digits
are of different writers: a generator that learnt the training digits perfectly would still differ from the test
digits, and need not come under the floor. The classifier sees digits and little else: what it ignores, such as
noise in the background or strokes no pen makes, hardly counts. A deviation over two or three seeds is itself
uncertain, by half or more; a single seed has none, and two rows without one may differ by luck alone. Every figure
is of its data, its classifier and its count of images, and compares with no figure of others. Training times are
what the runs recorded, on machines that may have had other work; they are no benchmark."""


def page(chosen: Sequence[Run], made_by: str = "python -m dcgan results") -> str:
    """The page as Markdown; `made_by` is the command that is named on top."""
    entries, left_out = read(chosen)
    parts = [
        "# Results",
        f"Made by `{made_by}` from what the runs recorded (config.json, status.json, evals.jsonl). "
        "The last evaluation of the last weights counts, never the best of several. Where a recipe was trained from "
        "several seeds, a figure is their mean ± the sample deviation (n - 1); of one seed there is no deviation. "
        "The floor is what as many real training images get in place of the generated ones; a conditional model "
        "draws each class as often, and so does its floor. ↓ lower is better, ↑ higher is better.",
        "## Scores",
        *_score_tables(entries),
        "## Recipes and what they cost",
        _recipe_table(entries, left_out),
        _FURTHER_SEEDS,
        "## The runs",
        _run_table(entries),
        "## Left out",
        "\n".join(f"- `{_cell(name_of(run))}`: {_cell(why)}" for run, why in left_out.items()) or "No run.",
        "## How to read a score",
        "\n".join(f"- **{score.head}**: {score.reading}" for score in SCORES.values()),
        "## What others have published",
        *_literature(),
        "## What these figures cannot say",
        _CANNOT_SAY,
    ]
    return "\n\n".join(parts) + "\n"


def _score_tables(entries: Sequence[Entry]) -> list[str]:
    parts = []
    judges = list(dict.fromkeys(entry.judge for entry in entries))
    for judge in judges:
        judged = [entry for entry in entries if entry.judge == judge]
        classifier = f"{_cell(judge.classifier)}, hash `{_cell(judge.classifier_hash)}`"
        channels, height, width = judge.image_shape
        # Told where another table is of the same images in another shape, and taken for granted elsewhere.
        alike = [each for each in judges if each._replace(image_shape=judge.image_shape) == judge]
        shape = f" of {width}x{height} pixels, {'grey' if channels == 1 else 'RGB'}," if len(alike) > 1 else ""
        parts += [
            f"### {_cell(judge.data)}: {judge.num_images:,} images each{shape or ','} by the {classifier}",
            _score_table(judged),
        ]
    return parts or ["No run has scores yet."]


def _score_table(entries: Sequence[Entry]) -> str:
    found = dict.fromkeys(key for entry in entries for key in entry.row if number(entry.row, key) is not None)
    names = [name for name in SCORES if name in found]
    names += [key for key in found if key not in SCORES and key not in _NO_SCORES and not key.startswith("real_")]
    columns = {name: SCORES.get(name, Score(name.replace("_", " "), ".4g", "")) for name in names}
    lines = [
        [f"`{_cell(label)}`", str(len(group)), *(_statistic(group, name, columns[name].form) for name in names)]
        for label, group in by_recipe(entries)
    ]
    floors = {}
    for entry in entries:
        values = [(number(entry.row, f"real_{name}"), score.form) for name, score in columns.items()]
        cells = tuple(_LOST if value is None else format(value, form) for value, form in values)
        floors.setdefault(cells, _real_name(entry))
    lines += [[name, "", *cells] for cells, name in floors.items() if not _is_told_by_another(cells, floors)]
    return _table(["recipe", "seeds", *(_cell(score.head) for score in columns.values())], lines)


def _statistic(group: Sequence[Entry], name: str, form: str) -> str:
    values = [value for entry in group if (value := number(entry.row, name)) is not None]
    if not values:
        return _LOST
    spread = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    some = f" ({len(values)} of {len(group)} seeds)" if len(values) < len(group) else ""
    return f"{statistics.fmean(values):{form}}{spread}{some}"


def _real_name(entry: Entry) -> str:
    """Of which images it is. A conditional model draws each class in turn, and its floor is of as many of each; of
    Stacked MNIST it draws what as many training images are."""
    even = entry.config.model.num_classes > 0 and entry.config.data.name != "stacked-mnist"
    return f"floor: as many real images,{' evenly of each class,' * even} from {_training_images(entry.config.data)}"


def _is_told_by_another(cells: tuple[str, ...], floors: Mapping[tuple[str, ...], str]) -> bool:
    """Whether a floor of the same images says all that these cells say, and more: some scores are on request only."""
    same = (other for other, name in floors.items() if other != cells and name == floors[cells])
    return any(all(cell in (_LOST, told) for cell, told in zip(cells, other, strict=True)) for other in same)


def _recipe_table(entries: Sequence[Entry], left_out: Iterable[Run]) -> str:
    """A row for every preset, trained or not, and for every other recipe."""
    groups = by_recipe(entries)
    trained = {label for label, _ in groups}
    rows = sorted(groups + [(name, []) for name in PRESETS if name not in trained], key=lambda row: place(row[0]))
    tried = {preset_of(run) for run in left_out}
    lines = []
    for name, scored in rows:
        # A run that was scored by several judges was trained once.
        group = list({entry.run: entry for entry in scored}.values())
        config = group[0].config if group else PRESETS[name].config
        shared = [f"`{_cell(name)}`", _parameters(group, config), _training_images(config.data), str(config.epochs)]
        if group:
            seconds = [entry.seconds for entry in group if entry.seconds is not None]
            lines.append(
                [*shared, f"{group[0].steps * config.batch_size:,}", _span(seconds), "; ".join(_hardware(group))]
            )
        else:
            remedy = (
                "trained and left out, see below" if name in tried else f"not trained: `python -m dcgan train {name}`"
            )
            lines.append([*shared, _LOST, remedy, _LOST])
    heads = ["recipe", "parameters of G", "training images", "epochs", "images seen", "training time", "hardware"]
    return _table(heads, lines)


def _parameters(group: Sequence[Entry], config: TrainConfig) -> str:
    """Known of the presets' networks; else counted in the weights, which a record of a further seed lacks."""
    known = [preset.parameters[0] for preset in PRESETS.values() if preset.config.model == config.model]
    counted = (comparison.parameters(entry.run.weights_path) for entry in group)
    count = known[0] if known else next((count for count in counted if count), None)
    return f"{count:,}" if count else _LOST


def _training_images(data: DataConfig) -> str:
    whole = NAMED_SETS[data.name].num_train if data.name in NAMED_SETS else None
    if data.limit and (whole is None or data.limit < whole):
        return f"the first {data.limit:,}"
    return f"all {whole:,}" if whole else "all"


def _span(seconds: Sequence[float]) -> str:
    """One time, or the shortest and the longest."""
    times = dict.fromkeys(duration(value) for value in sorted(seconds))
    ends = list(times)
    return f"{ends[0]} to {ends[-1]}" if len(ends) > 1 else ends[0] if ends else _LOST


def _hardware(group: Sequence[Entry]) -> list[str]:
    return [_cell(text) for text in dict.fromkeys(entry.hardware for entry in group)]


def _run_table(entries: Sequence[Entry]) -> str:
    lines = [
        [
            f"`{_cell(name_of(entry.run))}`",
            f"`{_cell(label)}`",
            str(entry.config.seed),
            f"`{_cell(str(entry.row.get('weights_id', _LOST)))}`",
            f"{entry.judge.num_images:,} by `{_cell(entry.judge.classifier_hash)}`",
            _statistic([entry], "cfd", SCORES["cfd"].form),
        ]
        for label, group in by_recipe(entries)
        for entry in group
    ]
    return _table(["run", "recipe", "seed", "weights", "images scored", "CFD ↓"], lines)


def _literature() -> list[str]:
    parts = []
    for group in LITERATURE:
        lines = [[each.model, each.value, each.source] for each in group.figures]
        parts += [f"### {group.title}", group.compares, _table(["model", "published", "source"], lines)]
    return parts


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text of a run's files that can neither end a cell, a line or a code span, nor be markup."""
    return " ".join(text.split()).replace("|", "/").replace("`", "'").replace("<", "&lt;")
