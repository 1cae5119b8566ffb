"""Write the results page as Markdown: scores with their deviations over seeds, real images, cost, published figures.

The same runs give the same bytes: the page holds only what the runs recorded.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from dcgan.config import DataConfig, TrainConfig
from dcgan.data.named_sets import NAMED_SETS
from dcgan.presets import PRESETS
from dcgan.publishing.published_results import PUBLISHED
from dcgan.publishing.results import Entry, by_recipe, name_of, number, place, preset_of, read
from dcgan.runs import comparison
from dcgan.runs.run import Run
from dcgan.runs.scores import NOT_SCORES, REAL, SCORES, Score
from dcgan.runs.tables import duration

_MISSING = "-"

_FURTHER_SEEDS = """\
To add a seed, and so a deviation, run `python -m dcgan train dcgan --seed 1`, then `python -m dcgan evaluate RUN`,
then `python -m dcgan results --keep RUN`. Then make this page again."""

_LIMITS = """\
- The classifier was trained on MNIST's training digits, from which the rows of real images are drawn. It is surer of
  these digits than of others. A perfect generator would not reach these rows exactly.
- Different people wrote MNIST's training and test digits. A generator that learned the training digits perfectly
  would still differ from the test digits.
- The classifier sees digits and little else. It hardly notices noise in the background or impossible strokes.
- A deviation over two or three seeds is uncertain by half or more. One seed has no deviation. Two rows without a
  deviation may differ by chance.
- A score depends on its data, its classifier and its number of images. Do not compare it with other
  projects' scores.
- Training times are what the runs recorded, on machines that may have had other work. They are not a benchmark."""


def page(runs: Sequence[Run], *, command: str = "python -m dcgan results") -> str:
    """Return the page as Markdown; its first line names the `command` that made it."""
    entries, left_out = read(runs)
    parts = [
        "# Results",
        f"Made by `{command}` from what the runs recorded (config.json, status.json, evals.jsonl).",
        "- The last evaluation of the last weights counts, never the best of several.\n"
        "- A recipe with several seeds shows their mean ± the sample deviation (n - 1). One seed has no deviation.\n"
        "- The rows of real training images show what as many real images score instead of generated ones.\n"
        "- A conditional model draws every class equally often. The real images beside it have the same classes.\n"
        "- ↓ lower is better, ↑ higher is better.",
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
        _table(
            ["score", "what it is", "measured for", "source"],
            [[_cell(score.head), score.description, score.applies, score.source] for score in SCORES.values()],
        ),
        "## What others have published",
        *_published(),
        "## Limits of these scores",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _score_tables(entries: Sequence[Entry]) -> list[str]:
    """Return a heading and a table for every set of conditions under which scores compare."""
    parts = []
    all_conditions = list(dict.fromkeys(entry.conditions for entry in entries))
    for conditions in all_conditions:
        comparable = [entry for entry in entries if entry.conditions == conditions]
        classifier = f"{_cell(conditions.classifier)}, hash `{_cell(conditions.classifier_hash)}`"
        channels, height, width = conditions.image_shape
        # The shape is named only if another table differs in nothing else.
        alike = [
            other for other in all_conditions if other._replace(image_shape=conditions.image_shape) == conditions
        ]
        shape = f" of {width}x{height} pixels, {'gray' if channels == 1 else 'RGB'}," if len(alike) > 1 else ""
        parts += [
            f"### {_cell(conditions.data)}: {conditions.num_images:,} images each{shape or ','} by the {classifier}",
            _score_table(comparable),
        ]
    return parts or ["No run has scores yet."]


def _score_table(entries: Sequence[Entry]) -> str:
    columns = _columns(entries)
    lines = [
        [f"`{_cell(label)}`", str(len(group)), *(_statistic(group, key, columns[key].format) for key in columns)]
        for label, group in by_recipe(entries)
    ]
    real_rows: dict[tuple[str, ...], str] = {}
    for entry in entries:
        cells = tuple(score.text(number(entry.row, REAL + key), missing=_MISSING) for key, score in columns.items())
        real_rows.setdefault(cells, _real_name(entry))
    lines += [[name, "", *cells] for cells, name in real_rows.items() if not _is_in_another(cells, real_rows)]
    return _table(["recipe", "seeds", *(_cell(score.head) for score in columns.values())], lines)


def _columns(entries: Sequence[Entry]) -> dict[str, Score]:
    """Return the scores of these entries by key; a number that the registry lacks has a column under its own key."""
    keys = dict.fromkeys(key for entry in entries for key in entry.row if number(entry.row, key) is not None)
    hidden = NOT_SCORES | {score.deviation for score in SCORES.values()}
    columns = {key: score for key, score in SCORES.items() if key in keys}
    for key in keys:
        if key not in SCORES and key not in hidden and not key.startswith(REAL):
            label = key.replace("_", " ")
            columns[key] = Score(
                label=label, title=label, direction="none", format=".4g", description="", source="this project"
            )
    return columns


def _statistic(group: Sequence[Entry], key: str, spec: str) -> str:
    """Return mean ± sample deviation of a score over a recipe's seeds."""
    values = [value for entry in group if (value := number(entry.row, key)) is not None]
    if not values:
        return _MISSING
    spread = f" ± {statistics.stdev(values):{spec}}" if len(values) > 1 else ""
    some = f" ({len(values)} of {len(group)} seeds)" if len(values) < len(group) else ""
    return f"{statistics.fmean(values):{spec}}{spread}{some}"


def _real_name(entry: Entry) -> str:
    """Return which real images a row is of.

    A conditional model draws each class in turn, so its real images are as many of each class. For Stacked MNIST both
    have the modes of as many training images.
    """
    even = entry.config.model.num_classes > 0 and entry.config.data.name != "stacked-mnist"
    return f"real training images, {'equally many of each class, ' * even}from {_training_images(entry.config.data)}"


def _is_in_another(cells: tuple[str, ...], real_rows: Mapping[tuple[str, ...], str]) -> bool:
    """Return whether a row of the same real images has all that these cells have, and more.

    Some scores are measured on request only.
    """
    same = (other for other, name in real_rows.items() if other != cells and name == real_rows[cells])
    return any(all(cell in (_MISSING, more) for cell, more in zip(cells, other, strict=True)) for other in same)


def _recipe_table(entries: Sequence[Entry], left_out: Iterable[Run]) -> str:
    """Return a row for every preset, trained or not, and for every other recipe."""
    groups = by_recipe(entries)
    trained = {label for label, _ in groups}
    rows = sorted(groups + [(name, []) for name in PRESETS if name not in trained], key=lambda row: place(row[0]))
    tried = {preset_of(run) for run in left_out}
    lines = []
    for name, scored in rows:
        # A run with scores by several classifiers was trained once.
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
            lines.append([*shared, _MISSING, remedy, _MISSING])
    heads = ["recipe", "parameters of G", "training images", "epochs", "images seen", "training time", "hardware"]
    return _table(heads, lines)


def _parameters(group: Sequence[Entry], config: TrainConfig) -> str:
    """Return G's parameters: from the presets, else counted in the weights, which a record of a seed lacks."""
    known = [preset.parameters[0] for preset in PRESETS.values() if preset.config.model == config.model]
    counted = (comparison.stored_parameters(entry.run.weights_path) for entry in group)
    count = known[0] if known else next((count for count in counted if count), None)
    return f"{count:,}" if count else _MISSING


def _training_images(data: DataConfig) -> str:
    whole = NAMED_SETS[data.name].num_train if data.name in NAMED_SETS else None
    if data.limit and (whole is None or data.limit < whole):
        return f"the first {data.limit:,}"
    return f"all {whole:,}" if whole else "all"


def _span(seconds: Sequence[float]) -> str:
    """Return one time, or the shortest and the longest."""
    times = dict.fromkeys(duration(value) for value in sorted(seconds))
    ends = list(times)
    return f"{ends[0]} to {ends[-1]}" if len(ends) > 1 else ends[0] if ends else _MISSING


def _hardware(group: Sequence[Entry]) -> list[str]:
    return [_cell(text) for text in dict.fromkeys(entry.hardware for entry in group)]


def _run_table(entries: Sequence[Entry]) -> str:
    cfd = SCORES["cfd"]
    lines = [
        [
            f"`{_cell(name_of(entry.run))}`",
            f"`{_cell(label)}`",
            str(entry.config.seed),
            f"`{_cell(str(entry.row.get('weights_id', _MISSING)))}`",
            f"{entry.conditions.num_images:,} by `{_cell(entry.conditions.classifier_hash)}`",
            _statistic([entry], "cfd", cfd.format),
        ]
        for label, group in by_recipe(entries)
        for entry in group
    ]
    return _table(["run", "recipe", "seed", "weights", "images scored", cfd.head], lines)


def _published() -> list[str]:
    parts = []
    for group in PUBLISHED:
        lines = [[figure.model, figure.value, figure.source] for figure in group.figures]
        parts += [f"### {group.title}", group.compares, _table(["model", "published", "source"], lines)]
    return parts


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    """Return text of a run's files that cannot end a cell, a line or a code span, nor be markup."""
    return " ".join(text.split()).replace("|", "/").replace("`", "'").replace("<", "&lt;")
