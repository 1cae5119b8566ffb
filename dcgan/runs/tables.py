"""Runs and presets as tables. A damaged run is a row with its reason, never an error. Imports no torch."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan.files import printable
from dcgan.locale.language import tr
from dcgan.presets import PRESETS
from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.run import Length, Run, RunError


def run_summary(run: Run) -> dict[str, Any]:
    """Return one run, JSON-ready: its name, its path, and either its state and last numbers or `error`.

    `state` is one of Status, `new` before the first step, or `damaged` beside an `error`.
    """
    summary: dict[str, Any] = {
        "name": run.name,
        "path": printable(str(run.path), 4096),
        "published": run.is_published,
    }
    try:
        if not run.has_plain_name:
            raise RunError(tr("its folder's name cannot be shown; rename the folder"))
        return summary | _state(run)
    except TypeError:  # the files are JSON with other contents than ours
        reason = tr("{path} holds values of the wrong type", path=run.path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
    return summary | {"state": "damaged", "error": printable(reason)}


def _state(run: Run) -> dict[str, Any]:
    config, preset = run.config(), run.preset
    begun = os.path.exists(run.status_path)
    status = run.status() if begun else None
    last = run.last_row()
    return {
        "state": str(status.state) if status else "new",
        "preset": preset,
        "data": printable(config.data.name),
        "epoch": round(status.epoch, 2) if status else 0.0,
        "epochs": config.epochs,
        "step": status.step if status else 0,
        "d_loss": round(float(last.d_loss), 4) if last else None,
        "g_loss": round(float(last.g_loss), 4) if last else None,
        "images_per_second": round(float(last.images_per_second), 1) if last else None,
    }


def runs_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Return the readable runs as a table, then one line for every damaged one."""
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


def earlier_lengths(run: Run) -> list[str]:
    """Return a phrase for each length that the training had before a resume changed it."""
    return length_texts(run.earlier_lengths)


def length_texts(lengths: Sequence[Length]) -> list[str]:
    """Return a phrase for each of these earlier lengths."""
    return [
        tr("planned for {epochs} epochs until step {step:,}", epochs=length.epochs, step=length.until_step)
        for length in lengths
    ]


def rows_csv(run: Run) -> str:
    """Return the rows of progress.jsonl as CSV (RFC 4180), with the names of the columns in its first line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field.name for field in dataclasses.fields(ProgressRow)])
    writer.writerows(dataclasses.astuple(row) for row in run.progress()[0])
    return text.getvalue()


def seconds_left(status: Status, rows: Sequence[ProgressRow]) -> float | None:
    """Return the training seconds to the last step at the pace of these rows; None for fewer than two steps."""
    if len(rows) < 2 or rows[-1].step <= rows[0].step:
        return None
    pace = (rows[-1].wall_seconds - rows[0].wall_seconds) / (rows[-1].step - rows[0].step)
    return pace * max(0, status.steps - rows[-1].step)


def duration(seconds: float) -> str:
    """Return a duration as text: "45 s", "3 min 20 s" or "2 h 5 min"."""
    if not abs(seconds) < 1e9:
        return tr("more than 30 years")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def preset_summaries() -> list[dict[str, Any]]:
    """Return every preset, JSON-ready."""
    return [
        {
            "name": name,
            "title": preset.title,
            "generator_parameters": preset.parameters[0],
            "discriminator_parameters": preset.parameters[1],
            "epochs": preset.config.epochs,
            "batch_size": preset.config.batch_size,
            "source": preset.source,
            "notes": preset.notes,
        }
        for name, preset in PRESETS.items()
    ]


def presets_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """Return the presets as a table, then the notes of those that have notes."""
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
    """Return aligned columns, with numbers to the right and words to the left."""
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
