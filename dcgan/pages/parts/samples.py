"""Show the sample grids of one run: the newest one, or the one that the slider or the replay has reached."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dcgan import pixels
from dcgan.figures import animations
from dcgan.locale.language import language, tr
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.reader import stamp
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError

GRID_PIXELS = 672
"""About the width at which a grid is drawn."""

_REPLAYING, _STEP = "replaying", "step"


def is_replaying() -> bool:
    """Return whether this session replays a run."""
    return bool(st.session_state.get(_REPLAYING))


def samples(run: Run, status: Status) -> int | None:
    """Show a grid, and return its step; None for the newest grid."""
    try:
        steps = run.sample_steps()
    except RunError as error:
        st.warning(plain(tr("{error}.", error=error)))
        return None
    if not steps:
        st.info(tr("There are no samples yet: the first grid is drawn before the first step."))
        return None
    is_alive = status.state == "running"
    follow = st.toggle(tr("Follow the newest"), True, key="follow") if is_alive else False
    step = steps[-1] if follow else choose_step(run, steps, is_alive=is_alive)
    try:
        path = run.sample_path(step)
        caption = animations.frame_caption(step, status)
        _show_grid(repr((language(), str(path), stamp(path), caption)), path, run.name, caption)
    except FileNotFoundError:
        st.caption(tr("A resume removed this grid. The next grid appears soon."))
        return None
    except (OSError, ValueError) as error:
        st.warning(plain(tr("{error}.", error=error)))
        return None
    st.caption(
        tr(
            "How to read it: every cell keeps its seed. Noise turns into blobs, then into strokes. Look for variety: "
            "when many cells look alike, the generator has collapsed to a few images. The losses may not show that."
        )
    )
    return None if follow else step


@st.cache_resource(max_entries=64, show_spinner=False)
def _show_grid(key: str, _path: Path, _name: str, _caption: str) -> None:
    """Show a grid, made once for all sessions and each state of its file. Raises as read_png does."""
    sheet_u8 = pixels.read_png(_path)
    st.image(
        pixels.png_bytes(pixels.enlarge(sheet_u8, max(1, GRID_PIXELS // sheet_u8.shape[1]))),
        tr("{epoch}: always the same 64 seeds", epoch=_caption),
        output_format="PNG",  # the default recompresses to JPEG
        alt=tr("64 samples of {run} at {epoch}", run=_name, epoch=_caption),
    )


def choose_step(run: Run, steps: list[int], *, is_alive: bool) -> int:
    """Show the slider over all recorded grids and its replay; return the chosen step."""
    if len(steps) == 1:
        return steps[0]
    key = f"{_STEP}:{run.path}"
    replaying = is_replaying() and not is_alive
    current = st.session_state.get(key, steps[-1])
    if current not in steps:
        current = st.session_state[key] = steps[-1]
    if replaying:
        later = [step for step in steps if step > current]
        if later:
            st.session_state[key] = later[0]
        else:
            st.session_state[_REPLAYING] = False
            st.rerun()
    label, icon = (tr("Pause"), ":material/pause:") if replaying else (tr("Replay"), ":material/replay:")
    if not is_alive and st.button(label, icon=icon, key="replay"):
        st.session_state[_REPLAYING] = not replaying
        if not replaying and current == steps[-1]:
            st.session_state[key] = steps[0]
        st.rerun()
    st.session_state.setdefault(key, steps[-1])
    return st.select_slider(tr("Step"), steps, format_func=lambda step: f"{step:,}", key=key)
