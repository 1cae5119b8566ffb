"""Show the scores of two runs, the fields in which their configs differ, and details, as tables.

The tables are static and wrap their cells, so that every cell can be read in full on a telephone.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.locale.recorded import tr_recorded_list
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.pair import Side, names_of
from dcgan.presets import PRESETS
from dcgan.runs import tables
from dcgan.runs.comparison import config_table, stored_parameters
from dcgan.runs.evaluations import is_known, measured_by, same_measure, score_table

ENVIRONMENT = (tr_later("earlier devices"), tr_later("device"), tr_later("threads"), "torch")
"""What a run recorded about its machine, as far as the details show it."""


def show_table(rows: Sequence[dict[str, str]], alt: str) -> None:
    """Show rows of plain text. st.table reads Markdown, so names from outside are escaped."""
    escaped = [{plain(head): plain(cell) for head, cell in row.items()} for row in rows]
    st.table(escaped, hide_index=True, border="horizontal", alt=alt)


def scores(sides: Sequence[Side]) -> None:
    """Show the scores of each run's last weights, how they were measured, and how to get missing ones."""
    st.subheader(tr("Scores"), anchor="scores")
    named = list(zip(names_of(sides), sides, strict=True))
    scored = {name: side for name, side in named if is_known(side.evaluated)}
    if scored:
        rows = score_table({name: side.evaluated for name, side in scored.items()})
        show_table(rows, tr("Scores of each run beside those of real images"))
        if not same_measure((side.config, side.evaluated) for side in scored.values()):
            st.warning(
                tr("These scores do not compare. They differ in data, image size, classifier, or number of images.")
            )
        measures = {name: measured_by(side.evaluated, side.status.steps) for name, side in scored.items()}
        is_conditional = any(side.config.model.num_classes for side in sides)
        real = real_images_text(is_conditional=is_conditional)
        st.caption(plain(f"{measured_text(measures)} {real}"))
    for name, side in named:
        if name not in scored:
            st.caption(without_evaluation(side, name))


def measured_text(measures: dict[str, str]) -> str:
    """Return how the scores of each run were measured, in one sentence where all runs agree."""
    texts = list(measures.values())
    if len(set(texts)) == 1:
        if len(texts) > 1:
            return tr("Scores of each run: {measure}.", measure=texts[0])
        return tr("Scores of {run}: {measure}.", run=next(iter(measures)), measure=texts[0])
    return " ".join(tr("Scores of {run}: {measure}.", run=name, measure=text) for name, text in measures.items())


def real_images_text(*, is_conditional: bool) -> str:
    """Return what the column of real images is."""
    if is_conditional:
        return tr(
            "The real images are as many training images, compared with the same test images. For a conditional "
            "model they have equally many images of each class. CFD is not FID. Compare CFD only with CFD by the "
            "same classifier and number of images."
        )
    return tr(
        "The real images are as many training images, compared with the same test images. CFD is not FID. Compare "
        "CFD only with CFD by the same classifier and number of images."
    )


def without_evaluation(side: Side, name: str) -> str:
    """Return why a run has no scores in the table, and how to get them."""
    command = f"python -m dcgan evaluate {shlex.quote(side.run.name)}{' --save' * side.run.is_published}"
    if side.evaluated:
        text = tr(
            "{run} has an evaluation without a known score. This command makes one: {command}",
            run=name,
            command=command,
        )
    else:
        text = tr("{run} has no saved evaluation. This command makes one: {command}", run=name, command=command)
    return plain(text)


def config_differences(left: Side, right: Side) -> None:
    """Show the fields in which the two configs differ: name and meaning in one cell, then both values."""
    st.subheader(tr("Differences between the configs"), anchor="configs")
    rows = config_table(left.config, right.config)
    if not rows:
        st.write(tr("There are none: both runs have the same config."))
        return
    heads = [plain(name) for name in names_of([left, right])]
    table = [
        {
            tr("field"): f"**{plain(row['field'])}** :small[{plain(row['what it is'])}]",
            heads[0]: plain(row["left"]),
            heads[1]: plain(row["right"]),
        }
        for row in rows
    ]
    alt = tr("The fields in which the two configs differ, with their meaning and both values")
    st.table(table, hide_index=True, border="horizontal", alt=alt)


def details(sides: Sequence[Side]) -> None:
    """Show parameters, time and throughput of each run."""
    st.subheader(tr("Details"), anchor="details")
    facts = [facts_of(side) for side in sides]
    fields = list(dict.fromkeys(field for run_facts in facts for field in run_facts))
    heads = names_of(sides)
    rows = [
        {"": field} | {head: run_facts.get(field, tr("n/a")) for head, run_facts in zip(heads, facts, strict=True)}
        for field in fields
    ]
    show_table(rows, tr("Parameters, time and throughput of each run"))
    st.caption(tr("Times and throughputs are those of the machines in the last rows."))


def facts_of(side: Side) -> dict[str, str]:
    """Return what a run is and what its training took, as text in the visitor's language."""
    run, config, status = side.run, side.config, side.status
    source = tr_marked(PRESETS[side.preset].source) if side.preset in PRESETS else tr("a config of its own")
    facts = {
        tr("preset"): side.preset,
        tr("source"): source,
        tr("parameters of the generator"): parameters_text(run.generator_path),
        tr("parameters of the discriminator"): parameters_text(run.discriminator_path),
    }
    done = tr("{epoch:.3g} of {epochs}", epoch=status.epoch, epochs=status.epochs)
    facts[tr("epochs")] = ", ".join([done, *tables.earlier_lengths(run)])
    if rows := side.series.last_rows(1):
        facts[tr("images seen")] = f"{rows[0].images_seen:,}"
        facts[tr("training time")] = tables.duration(rows[0].wall_seconds)
        facts[tr("images per second")] = f"{rows[0].images_seen / max(1e-9, rows[0].wall_seconds):,.0f}"
    facts[tr("loss")] = config.loss
    recorded = {name: status.environment[name] for name in ENVIRONMENT if name in status.environment}
    return facts | {tr_marked(name): tr_recorded_list(text) for name, text in recorded.items()}


def parameters_text(weights: Path) -> str:
    """Return the number of parameters in a file of weights."""
    count = stored_parameters(weights)
    return tr("no weights") if count is None else f"{count:,}"
