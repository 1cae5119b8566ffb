"""Show one training step in slow motion, and let the reader train both networks by hand.

The networks are copies in memory. torch is imported when they are opened, not before.

The module has more than 250 lines, because the page is described from top to bottom in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts import step_state
from dcgan.pages.parts.address import plain, refusals, requested_values
from dcgan.pages.parts.addressed import addressed, begin_with_address, keep_in_address
from dcgan.pages.parts.step_compare import show_comparison
from dcgan.pages.parts.step_part import show_lines, show_part
from dcgan.pages.parts.step_state import opened, starts_of
from dcgan.pages.parts.step_texts import (
    ADAM_BEGINS,
    BEGINNING,
    INTRODUCTION,
    IS_AVERAGE,
    LATER_DISCRIMINATOR,
    MORE_FAKES,
    NOT_CHANGED,
    NOT_FINITE,
    NOT_FINITE_AT_FIRST,
    SMALL_BATCH,
    STEP_BUTTONS,
    STEPS_DONE,
    STOP_BUTTON,
)
from dcgan.runs import listing
from dcgan.runs.classes import class_names
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run, RunError

if TYPE_CHECKING:
    from dcgan.training.sandbox import Sandbox
    from dcgan.training.slow_motion import Players

DEFAULT_RUN = "dcgan-mnist"
# Who learns, as the page and its address say it. (Streamlit would show a string below this on the page.)
PLAYERS: Mapping[str, Players] = {
    tr_later("both"): "both",
    tr_later("only D"): "D",
    tr_later("only G"): "G",
}
PLAY_EVERY_SECONDS = 2.0
# Many steps are taken in slices, so that the page answers between them.
SLICE_SECONDS = 0.4
MAX_RATE = 1.0


def main() -> None:
    st.title(tr("Step by step"))
    st.write(tr_marked(INTRODUCTION))
    requested = requested_values()
    notes = st.container()
    listed = listing.best_first(list_runs())
    runs = {run.name: run for run in listed if run.has_plain_name and run.has_weights}
    if runs:
        show_run(runs)
    else:
        st.info(
            tr("There is no trained model yet. Run `python -m dcgan train dcgan --epochs 1`, then reload this page.")
        )
    for sentence in refusals(requested, ("run", "from", "learns", "lr_g", "lr_d")):
        notes.warning(sentence)


def show_run(runs: Mapping[str, Run]) -> None:
    """Choose a run and a start, and show the step."""
    names = list(runs)
    left, right = st.columns(2)
    index = names.index(DEFAULT_RUN) if DEFAULT_RUN in names else 0
    run = runs[left.selectbox(tr("Run"), names, index, key="run", bind="query-params")]
    try:
        starts = starts_of(run)
    except RunError as error:
        st.warning(plain(tr("{error}.", error=error)))
        return
    if st.session_state.get("from") not in starts:
        st.session_state.pop("from", None)  # a step of another run
    begin_with_address("from", starts, starts[0])
    chosen = right.selectbox(tr("Start from"), starts, format_func=step_state.start_text, key="from")
    keep_in_address("from", chosen, starts[0])
    box = opened(run, chosen)
    if box is None:
        return
    about_start(run, box)
    every = PLAY_EVERY_SECONDS if step_state.is_playing() else None
    st.fragment(workbench, run_every=every)(run, box)


def about_start(run: Run, box: Sandbox) -> None:
    """Say what differs from the training of the run."""
    start, config = box.start, box.start.config
    if start.has_later_discriminator:
        st.info(
            plain(
                tr_marked(
                    LATER_DISCRIMINATOR,
                    run=run.name,
                    step=f"{start.step:,}",
                    discriminator_step=f"{start.discriminator_step:,}",
                )
            )
        )
    sentences = [tr_marked(NOT_CHANGED, run=run.name)]
    if config.batch_size != box.config.batch_size:
        sentences.append(tr_marked(SMALL_BATCH, run=run.name, batch_size=config.batch_size))
    if config.generator_batch_factor > 1:
        sentences.append(tr_marked(MORE_FAKES, times=config.generator_batch_factor))
    if start.gan is not None:
        sentences.append(tr_marked(ADAM_BEGINS))
    if start.is_average:
        sentences.append(tr_marked(IS_AVERAGE, run=run.name))
    st.caption(plain(" ".join(sentences)))


def workbench(run: Run, box: Sandbox) -> None:
    """Show the controls, the part, and the comparison. While it plays, take the next part first."""
    if box.is_closed:
        st.rerun()  # the whole page, which opens new networks
    if step_state.is_playing():
        play_on(box)
    try:
        take_slice(box)
    except ValueError as error:
        st.warning(plain(tr("{error}.", error=error)))
        return
    controls(box)
    if not box.now.are_finite:
        st.warning(tr_marked(NOT_FINITE if box.steps_done or box.in_step else NOT_FINITE_AT_FIRST))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if box.seen:
            show_part(box, class_names(run))
        else:
            st.info(tr_marked(BEGINNING))
    with right:
        show_comparison(box)
    if box.seen:
        show_lines(box.seen[-1])
    if step_state.steps_left():
        st.rerun()


def controls(box: Sandbox) -> None:
    """Show the buttons and the learning rates."""
    config = box.config
    columns = st.columns([3, 2, 2], vertical_alignment="bottom")
    addressed(columns[0].segmented_control, tr("Who learns"), list(PLAYERS), "both", key="learns", required=True)
    for column, name, label in (
        (columns[1], "lr_g", tr("Learning rate of G")),
        (columns[2], "lr_d", tr("Learning rate of D")),
    ):
        rate = getattr(config, name)
        column.number_input(label, 0.0, MAX_RATE, rate, rate / 2, format="%g", key=name, bind="query-params")
    with st.container(horizontal=True, vertical_alignment="center"):
        stuck = not box.now.are_finite
        st.button(
            tr("Next"),
            key="next",
            type="primary",
            icon=":material/skip_next:",
            disabled=stuck,
            on_click=next_part,
            args=(box,),
        )
        playing = step_state.is_playing()
        label, icon = (tr("Pause"), ":material/pause:") if playing else (tr("Play"), ":material/play_arrow:")
        if st.button(label, key="play", icon=icon, disabled=stuck, on_click=step_state.play):
            st.rerun()
        for count in STEP_BUTTONS:
            label = tr_marked(STEP_BUTTONS[count])
            st.button(label, key=f"take-{count}", disabled=stuck, on_click=request_steps, args=(box, count))
        if left := step_state.steps_left():
            st.button(tr_marked(STOP_BUTTON, count=left), key="stop", on_click=step_state.stop)
        if st.button(tr("Reset"), key="reset", icon=":material/restart_alt:", on_click=step_state.reset):
            st.rerun()
        st.caption(tr_marked(STEPS_DONE, count=f"{box.steps_done:,}"))


def players() -> Players:
    """Return who learns."""
    return PLAYERS.get(st.session_state.get("learns") or "both", "both")


def set_rates(box: Sandbox) -> None:
    """Let the networks have the learning rates of the page."""
    rates = [st.session_state.get(name) for name in ("lr_g", "lr_d")]
    lr_g, lr_d = (
        getattr(box.config, name) if rate is None else float(rate)
        for name, rate in zip(("lr_g", "lr_d"), rates, strict=True)
    )
    box.set_learning_rates(lr_g, lr_d)


def next_part(box: Sandbox) -> None:
    """Take one part. A part that begins a step counts as a step."""
    step_state.stop()
    take_part(box)


def take_part(box: Sandbox) -> bool:
    """Take one part, if the visitor has a step left; return whether it was taken."""
    if not box.in_step:
        if not step_state.allowed(1):
            st.toast(step_state.budget_message())
            return False
        step_state.count_steps(1)
    try:
        set_rates(box)
        box.next_part(players())
    except ValueError as error:  # other visitors needed the memory
        st.toast(plain(tr("{error}.", error=error)))
        return False
    return True


def play_on(box: Sandbox) -> None:
    """Take the next part. The end of the step is the end of playing."""
    taken = take_part(box)
    if not taken or not box.in_step or not box.now.are_finite:
        step_state.stop()
        st.rerun()


def request_steps(box: Sandbox, count: int) -> None:
    """Request steps, which the page then takes in slices."""
    step_state.stop()
    count = step_state.allowed(count)
    if not count:
        st.toast(step_state.budget_message())
        return
    box.compare_from_here()
    step_state.set_steps_left(count)


def take_slice(box: Sandbox) -> None:
    """Take some of the requested steps, for about SLICE_SECONDS. Raises ValueError for closed networks."""
    left = step_state.steps_left()
    if not left:
        return
    set_rates(box)
    count = step_state.allowed(left)
    taken = box.take_steps(players(), count, seconds=SLICE_SECONDS) if count else 0
    step_state.count_steps(taken)
    step_state.set_steps_left(left - taken if taken else 0)


main()
