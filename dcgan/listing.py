"""Runs and presets as tables. Runs are read without torch; a damaged one is a row with its reason, never an error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan.presets import PRESETS
from dcgan.runs import Run


def run_summary(run: Run) -> dict[str, Any]:
    """One run, JSON-ready: its name, where it is, and either its state and last numbers or `error`.

    `state` is one of Status, or `new` where no step has been recorded yet.
    """
    summary: dict[str, Any] = {
        "name": run.name,
        "path": str(run.path),
        "published": run.is_published,
    }
    try:
        return summary | _state(run)
    except TypeError:  # the files are JSON, but not what we write
        reason = f"{run.path} holds values of the wrong type"
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
    return summary | {"state": "damaged", "error": reason}


def _state(run: Run) -> dict[str, Any]:
    config, preset = run.config(), run.preset
    begun = (run.path / "status.json").exists()
    status = run.status() if begun else None
    rows, _ = run.progress()
    last = rows[-1] if rows else None
    return {
        "state": str(status.state) if status else "new",
        "preset": preset,
        "data": config.data.name,
        "epoch": round(status.epoch, 2) if status else 0.0,
        "epochs": config.epochs,
        "step": status.step if status else 0,
        "d_loss": round(float(last.d_loss), 4) if last else None,
        "g_loss": round(float(last.g_loss), 4) if last else None,
        "images_per_second": round(float(last.images_per_second), 1) if last else None,
    }


def runs_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The readable runs as a table, then one line for each damaged one."""
    heads = ["NAME", "STATE", "PRESET", "DATA", "EPOCH", "D LOSS", "G LOSS", "IMAGES/S"]
    sound = [summary for summary in summaries if "error" not in summary]
    lines = [table(heads, [_cells(summary) for summary in sound])] if sound else []
    lines += [f"{bad['name']} is damaged: {bad['error']}" for bad in summaries if "error" in bad]
    return "\n".join(lines)


def _cells(summary: Mapping[str, Any]) -> list[str]:
    formats = {"d_loss": "{:.3f}", "g_loss": "{:.3f}", "images_per_second": "{:.0f}"}
    numbers = ["-" if summary[key] is None else text.format(summary[key]) for key, text in formats.items()]
    state = summary["state"] + (" (published)" if summary["published"] else "")
    epoch = f"{round(summary['epoch'], 1):g}/{summary['epochs']}"
    return [summary["name"], state, summary["preset"], summary["data"], epoch, *numbers]


def preset_summaries() -> list[dict[str, Any]]:
    """Every preset, JSON-ready, with the sizes of the very networks it trains."""
    import torch  # here, because listing runs must not wait for it

    from dcgan.models import build_gan, count_parameters

    summaries = []
    for name, preset in PRESETS.items():
        with torch.device("meta"):  # shapes alone: nothing is allocated or drawn
            gan = build_gan(preset.config.model)
        summaries.append(
            {
                "name": name,
                "title": preset.title,
                "generator_parameters": count_parameters(gan.generator),
                "discriminator_parameters": count_parameters(gan.discriminator),
                "epochs": preset.config.epochs,
                "batch_size": preset.config.batch_size,
                "source": preset.source,
                "notes": preset.notes,
            }
        )
    return summaries


def presets_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The presets as a table, then the notes of those that have some."""
    heads = ["NAME", "TITLE", "G", "D", "EPOCHS", "BATCH", "SOURCE"]
    rows = [
        [
            preset["name"],
            preset["title"],
            f"{preset['generator_parameters']:,}",
            f"{preset['discriminator_parameters']:,}",
            str(preset["epochs"]),
            str(preset["batch_size"]),
            preset["source"],
        ]
        for preset in summaries
    ]
    notes = [f"{preset['name']}: {preset['notes']}" for preset in summaries if preset["notes"]]
    return "\n\n".join([table(heads, rows), *notes])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, numbers to the right, words to the left."""
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    to_right = [all(re.fullmatch(r"[-0-9.,/]+", cell) for cell in column[1:]) for column in columns]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    )
