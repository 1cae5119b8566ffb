"""The networks that a session trains by hand: opened once for each choice, and bounded over all sessions.

torch is imported when networks are opened, not before.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import streamlit as st

from dcgan.config import TrainConfig
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.reader import stamp
from dcgan.pages.parts.step_texts import BUDGET_SPENT, NO_DATA, NO_NETWORKS, NOT_PUBLIC, WAS_CLOSED
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.runs import launch
from dcgan.runs.run import Run
from dcgan.training.sandbox_limits import SERVER_STEPS, VISITOR_STEPS, OpenSandboxes, StepBudget

if TYPE_CHECKING:
    from dcgan.data.batches import ImageSet
    from dcgan.training.sandbox import Sandbox, Start

NEWEST, NEW = tr_later("newest weights"), tr_later("new networks")
"""Starts that are not a snapshot."""

_AT_STEP = "step "
"""Begins the choice of a snapshot, before its step."""
_SANDBOX = "step-sandbox"
_BUDGET = "step-budget"
_LEFT = "step-left"
_PLAYING = "step-playing"

_open_sandboxes = OpenSandboxes()
_server_budget = StepBudget(SERVER_STEPS)


def starts_of(run: Run) -> list[str]:
    """Return the choices of a start, as an address has them.

    Raises RunError where the folder of the snapshots cannot be read.
    """
    return [NEWEST, *(f"{_AT_STEP}{step}" for step in run.snapshot_steps()), NEW]


def start_text(chosen: str) -> str:
    """Return how the page shows a choice of a start."""
    if chosen in (NEWEST, NEW):
        return tr_marked(chosen)
    return tr("step {step}", step=chosen.removeprefix(_AT_STEP))


def opened(run: Run, chosen: str) -> Sandbox | None:
    """Return this session's networks for a choice, or None after a message.

    Another choice, and weights that have changed on the disk, open new ones.
    """
    key = (str(run.path), chosen, stamp(run.generator_path))
    known: tuple[Hashable, Sandbox] | None = st.session_state.get(_SANDBOX)
    if known and known[0] == key and not known[1].is_closed:
        _open_sandboxes.use(known[1])
        return known[1]
    if known and known[0] == key:
        st.info(tr_marked(WAS_CLOSED))
    elif known:
        stop()
        for name in ("lr_g", "lr_d"):  # those of the other run
            st.session_state.pop(name, None)
    st.session_state.pop(_SANDBOX, None)
    sandbox = _open(run, chosen)
    if sandbox is not None:
        st.session_state[_SANDBOX] = (key, sandbox)
        _open_sandboxes.use(sandbox)
    return sandbox


def _open(run: Run, chosen: str) -> Sandbox | None:
    from dcgan.training.sandbox import Sandbox

    try:
        start = _start(run, chosen)
    except (OSError, ValueError) as error:
        st.warning(plain(tr_marked(NO_NETWORKS, run=run.name, reason=error)))
        return None
    model = start.config.model
    if launch.forbidden() and start.config.data.is_own:
        st.warning(plain(tr_marked(NO_DATA, run=run.name, reason=tr_marked(NOT_PUBLIC))))
        return None
    try:
        images = _real_images(repr((start.config.data, model.image_shape, model.num_classes)), start.config)
    except (OSError, ValueError) as error:
        st.warning(plain(tr_marked(NO_DATA, run=run.name, reason=error)))
        return None
    try:
        return Sandbox(start, images)
    except ValueError as error:
        st.warning(plain(tr_marked(NO_NETWORKS, run=run.name, reason=error)))
        return None


def _start(run: Run, chosen: str) -> Start:
    from dcgan.training.sandbox import fresh_start, load_start

    if chosen == NEW:
        return fresh_start(_config(run))
    return load_start(run, None if chosen == NEWEST else int(chosen.removeprefix(_AT_STEP)))


def _config(run: Run) -> TrainConfig:
    """Return the run's config: that of its weights, where they can be read."""
    from dcgan.runs.headers import metadata_of

    try:
        return TrainConfig.from_json(metadata_of(run.weights_path)["config"])
    except (OSError, ValueError, KeyError, TypeError):
        return run.config()


@st.cache_resource(max_entries=8, show_spinner=Spinner(tr_later("Reading real images ...")))
def _real_images(key: str, _config: TrainConfig) -> ImageSet:
    """Return some real images, read once for all sessions."""
    from dcgan.data.loading import load_images
    from dcgan.training.sandbox import NUM_REAL

    return load_images(_config.data, _config.model, _config.seed, at_most=NUM_REAL)


def reset() -> None:
    """Forget this session's networks, so that the page opens them again."""
    stop()
    st.session_state.pop(_SANDBOX, None)


# Playing, and steps that are still to be taken


def is_playing() -> bool:
    """Return whether the parts of the step are played."""
    return bool(st.session_state.get(_PLAYING))


def play() -> None:
    """Play the parts of the step, or pause."""
    st.session_state[_PLAYING] = not is_playing()


def stop() -> None:
    """Take no further steps, and play no further part."""
    st.session_state[_PLAYING] = False
    st.session_state[_LEFT] = 0


def steps_left() -> int:
    """Return the steps that were requested and are still to be taken."""
    return int(st.session_state.get(_LEFT, 0))


def set_steps_left(count: int) -> None:
    """Request so many steps."""
    st.session_state[_LEFT] = count


# The bound on steps of a public server


def allowed(count: int) -> int:
    """Return how many of these steps this session may take now: all of them on a private server."""
    if not launch.forbidden():
        return count
    return min(count, _visitor_budget().left(), _server_budget.left())


def count_steps(count: int) -> None:
    """Count steps that were taken."""
    _visitor_budget().take(count)
    _server_budget.take(count)


def budget_message() -> str:
    """Return the sentence for a visitor who has no step left."""
    return tr_marked(BUDGET_SPENT, most=min(_visitor_budget().most, _server_budget.most))


def _visitor_budget() -> StepBudget:
    return st.session_state.setdefault(_BUDGET, StepBudget(VISITOR_STEPS))
