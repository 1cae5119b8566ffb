"""What one can do with a run: stop or resume it, train it longer, rename it, delete it, download what it has made."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import streamlit as st

from dcgan.figures import animations
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.runs import launch, tables
from dcgan.runs.resume import rates_refusal
from dcgan.runs.run import Run, RunError

STOPPING = tr_later("Stopping: the process finishes its step and saves everything.")

_ERROR = "action-error"


def actions(run: Run, *, may_train: bool) -> None:
    """Show the buttons. Published runs, and all runs on a server without training, have only downloads."""
    is_alive = run.is_locked()
    with st.container(horizontal=True):
        if may_train and not run.is_published:
            if is_alive:
                st.button(
                    tr("Stop"),
                    key="stop",
                    icon=":material/stop:",
                    on_click=stop_clicked,
                    args=(run,),
                    help=tr("Finishes the step and saves."),
                )
            elif _can_resume(run):
                st.button(
                    tr("Resume"), key="resume", icon=":material/play_arrow:", on_click=resume_clicked, args=(run,)
                )
            if not is_alive and os.path.exists(run.state_path):
                with st.popover(tr("Train longer"), icon=":material/fast_forward:"):
                    train_longer(run)
            with st.popover(tr("Rename"), icon=":material/edit:", disabled=is_alive):
                key = f"name:{run.path}"
                name = st.text_input(tr("New name"), run.name, key=key, max_chars=80)
                is_same = name == run.name
                st.button(tr("Rename"), key="rename", on_click=rename_clicked, args=(run, key), disabled=is_same)
            with st.popover(tr("Delete"), icon=":material/delete:", disabled=is_alive):
                st.write(
                    plain(
                        tr(
                            "This deletes {run} with its weights, samples and metrics. There is no undo.",
                            run=run.name,
                        )
                    )
                )
                st.button(tr("Delete for good"), key="delete", type="primary", on_click=delete_clicked, args=(run,))
        with st.popover(tr("Download"), icon=":material/download:"):
            downloads(run)
    if is_alive and run.stop_requested():
        st.caption(tr_marked(STOPPING))
    if error := st.session_state.pop(_ERROR, ""):
        st.error(plain(error))


def train_longer(run: Run) -> None:
    """Show the number of epochs and the button that trains so many; or why the run can have no other length."""
    try:
        status, refusal = run.status(), rates_refusal(run)
    except RunError as error:
        st.warning(plain(tr("{error}.", error=error)))
        return
    if refusal:
        st.write(plain(tr("This run cannot be made longer: {reason}.", reason=refusal)))
        return
    least = math.floor(status.epoch) + 1
    key = f"epochs:{run.path}:{least}"  # a value of before the last epochs may be too small now
    epochs = st.number_input(
        tr("Epochs in all"),
        least,
        None,
        max(least, 2 * status.epochs),
        key=key,
        help=tr("Done: {epoch:.4g}.", epoch=status.epoch),
    )
    if (last := run.last_row()) and last.epoch:
        seconds = last.wall_seconds / last.epoch * (epochs - status.epoch)
        duration = tables.duration(seconds)
        st.caption(tr("The training will take about {duration} more, at its speed so far.", duration=duration))
    st.button(tr("Train on"), key="train-longer", type="primary", on_click=train_longer_clicked, args=(run, key))


def _can_resume(run: Run) -> bool:
    try:
        return run.status().state in ("stopped", "interrupted", "failed")
    except RunError:
        return False


def _succeeds(failure: str, action: Callable[[], object]) -> bool:
    """Do it, and return whether that worked; where it fails, the next drawing of the page shows the failure."""
    try:
        action()
        return True
    except (OSError, ValueError) as error:
        st.session_state[_ERROR] = tr_marked(failure, error=error)
        return False


def stop_clicked(run: Run) -> None:
    _succeeds(tr_later("The run was not stopped: {error}."), lambda: launch.stop(run))


def resume_clicked(run: Run) -> None:
    _succeeds(tr_later("The run was not resumed: {error}."), lambda: launch.resume(run))


def train_longer_clicked(run: Run, key: str) -> None:
    epochs = st.session_state[key]
    _succeeds(tr_later("The run was not extended: {error}."), lambda: launch.resume(run, epochs=epochs))


def rename_clicked(run: Run, key: str) -> None:
    name = st.session_state[key].strip()
    if _succeeds(tr_later("The run was not renamed: {error}."), lambda: run.rename(name)):
        st.session_state["run"] = name


def delete_clicked(run: Run) -> None:
    if _succeeds(tr_later("The run was not deleted: {error}."), run.delete):
        st.session_state.pop("run", None)


def downloads(run: Run) -> None:
    """Show a button for each file. A file is made when its button is pressed."""
    weights = {
        tr("Generator (safetensors)"): run.generator_path,
        tr("Generator, moving average (safetensors)"): run.ema_path,
        tr("Discriminator (safetensors)"): run.discriminator_path,
    }
    for label, path in weights.items():
        if os.path.exists(path):
            save(label, path.read_bytes, f"{run.name}-{path.name}", "application/octet-stream")
    try:
        steps = run.sample_steps()
    except RunError as error:
        st.warning(plain(tr("{error}.", error=error)))
        steps = []
    if steps:
        newest = run.sample_path(steps[-1])
        save(tr("Newest grid (PNG)"), newest.read_bytes, f"{run.name}-{steps[-1]:07d}.png", "image/png")
        save(tr("Animation (GIF)"), lambda: animations.training_gif(run), f"{run.name}.gif", "image/gif")
    if os.path.exists(run.progress_path):
        save(tr("Metrics (CSV)"), lambda: tables.rows_csv(run).encode(), f"{run.name}.csv", "text/csv")


def save(label: str, data: Callable[[], bytes], name: str, mime: str) -> None:
    st.download_button(label, data, name, mime, on_click="ignore", key=f"save:{name}")
