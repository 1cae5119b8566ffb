"""The model card of a run: what a reader of the Hub sees, and its scores as metadata that the Hub reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from dcgan.config import DataConfig, TrainConfig
from dcgan.data.named_sets import NAMED_SETS
from dcgan.presets import PRESETS
from dcgan.runs import comparison, evaluations
from dcgan.runs.resume import saved_count
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES, measured

LIBRARY = "dcgan-studio"


def public_data(data: DataConfig) -> dict[str, str]:
    """Return data.name and data.root as they are published: no root, and only the last part of a path.

    A model draws with them as with the full ones. Training and scoring need the path again.
    """
    kind, colon, path = data.name.partition(":")
    if not colon or kind not in ("folder", "table"):
        return {"name": data.name, "root": ""}
    last = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return {"name": f"{kind}:{last if last.strip('~.') else 'images'}", "root": ""}


def model_card(run: Run, repo: str = "REPO", *, license: str = "", title: str = "") -> ModelCard:
    """Return the card of a run. Uses no network.

    repo: the repository's name in the example. license: the Hub's identifier of a license, such as mit or cc-by-4.0;
    empty: MIT for a model of a named data set. A model of own pictures then has none, because only their owner knows
    it. title: the heading; empty: the run's name.
    """
    if not license and not run.config().data.is_own:
        license = "mit"
    metadata = _metadata(run, license, title or run.name)
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n{_text(run, repo, title or run.name)}")


def _metadata(run: Run, license: str, title: str) -> ModelCardData:
    config = run.config()
    results = _eval_results(config, evaluations.evaluations(run, run.status().step))
    return ModelCardData(
        license=license or None,
        library_name=LIBRARY,
        pipeline_tag=None if config.model.num_classes else "unconditional-image-generation",
        datasets=_hub_names(config.data.name) or None,
        tags=["gan", "mlp" if config.model.topology == "mlp" else "dcgan", "pytorch"],
        model_name=title if results else None,
        eval_results=results or None,
    )


_COUNTS = {"--labels": "num_labeled", "--projection": "num_projected"}
"""Which evaluations count other images than those that are drawn -> the key of their number."""


def _eval_results(config: TrainConfig, rows: Sequence[evaluations.Row]) -> list[EvalResult]:
    """Return one result for each score of the registry that the rows have."""
    name = public_data(config.data)["name"]
    named_set = NAMED_SETS.get(name)
    kind = "conditional" if config.model.num_classes else "unconditional"
    return [
        EvalResult(
            task_type=f"{kind}-image-generation",
            dataset_type=(named_set and named_set.hub_name) or name,
            dataset_name=name,
            dataset_split="test",
            metric_type=key,
            metric_name=f"{score.label}, {score.title}",
            metric_value=row[key],
            metric_args={
                "num_images": row[_COUNTS.get(score.applies, "num_images")],
                "first_seed": row["seed"],
                "features": f"{row['classifier']} {row['classifier_hash']}",
            },
        )
        for row in rows
        for key, score in measured(row).items()
    ]


def _text(run: Run, repo: str, title: str) -> str:
    config, preset = run.config(), PRESETS.get(run.preset)
    origin = f"{preset.title}, from: {preset.source}" if preset else "A generator of its own config"
    classes = config.model.num_classes
    labels = f", [seed % {classes} for seed in range(64)]" if classes else ""
    return "\n".join(
        [
            f"# {title}",
            "",
            f"{origin}. Trained with DCGAN Studio on {_data_text(run, config)}.",
            "",
            "![64 samples, seeds 0 to 63](samples.png)",
            "",
            "Install the package `dcgan` with `pip install .` in a copy of DCGAN Studio. Then load the model:",
            "",
            "```python",
            "import dcgan",
            "",
            f'generator = dcgan.load_generator("hub:{repo}")',
            f"images = generator(generator.latents(range(64)){labels})  # in [-1, 1]",
            "```",
            "",
            "## Scores",
            "",
            *_score_lines(run),
            "",
            "## Training",
            "",
            *_training_lines(run),
            "",
            "`config.json` has every field of the config, and `progress.jsonl` the losses of the whole training.",
            "",
        ]
    )


def _data_text(run: Run, config: TrainConfig) -> str:
    """Return what the model was trained on. Of own pictures: their number and kind, and the folder's last name."""
    name = public_data(config.data)["name"]
    if not config.data.is_own:
        return name
    count = saved_count(run)
    colors = "RGB" if config.model.channels == 3 else "gray"
    size, classes = config.model.image_size, config.model.num_classes
    kind, _, last = name.partition(":")
    own, place = ("own ", f"a {kind} named {last}") if kind != "hub" else ("", f"{last} on the Hugging Face Hub")
    pictures = f"{count:,} {own}pictures" if count else f"{own}pictures"
    of_classes = f" in {classes} classes" if classes else ""
    return f"{pictures}{of_classes} from {place}, as {size}x{size} {colors}"


def _hub_names(name: str) -> list[str]:
    """Return the names on the Hub of a config's data, for the card's metadata."""
    if name.startswith("hub:"):
        return [name.removeprefix("hub:").partition(":")[0].partition("@")[0]]
    return [entry.hub_name] if (entry := NAMED_SETS.get(name)) and entry.hub_name else []


def _score_lines(run: Run) -> list[str]:
    """Return the scores of the run's last evaluations as a table, how they were measured, and what they mean."""
    status = run.status()
    rows = evaluations.evaluations(run, status.step)
    table = evaluations.score_table({"this model": rows})
    if not table:
        return ["Not measured yet."]
    keys = {key for row in rows for key in measured(row)}
    return [
        *(f"| {' | '.join(cells)} |" for cells in (list(table[0]), ["---"] * 3, *(row.values() for row in table))),
        "",
        f"Measured on {evaluations.measured_by(rows, status.steps)}.",
        "",
        *(f"- **{score.label}**: {score.description}" for key, score in SCORES.items() if key in keys),
    ]


def _training_lines(run: Run) -> list[str]:
    config, status, row = run.config(), run.status(), run.last_row()
    counts = [comparison.stored_parameters(path) for path in (run.weights_path, run.discriminator_path)]
    of_generator, of_discriminator = (f"{count:,}" if count else "unknown" for count in counts)
    return [
        f"- {status.state} after {status.epoch:.3g} of {status.epochs} epochs, {status.step:,} steps",
        f"- parameters: {of_generator} in the generator, {of_discriminator} in the discriminator",
        f"- loss {config.loss}, batches of {config.batch_size}, learning rates {config.lr_g:g} (generator) and "
        f"{config.lr_d:g} (discriminator)",
        *([f"- {row.images_seen:,} images in {row.wall_seconds:,.0f} s"] if row else []),
        *[f"- {name}: {value}" for name, value in status.environment.items()],
    ]
