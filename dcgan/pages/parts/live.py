"""Show one run as it is now: progress, diagnosis, samples, curves and scores."""

from __future__ import annotations

import threading
import time

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dcgan.locale.language import tr, tr_later, tr_marked, tr_plural
from dcgan.locale.recorded import tr_recorded
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.curves import score_plots, training_curves
from dcgan.pages.parts.reader import Snapshot, read
from dcgan.pages.parts.samples import is_replaying, samples
from dcgan.runs import launch, tables
from dcgan.runs.diagnosis import Diagnosis
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.scores import SCORES
from dcgan.runs.yardstick import Milestone

LIVE_EVERY_SECONDS = 1.0
"""For one or two viewers; more of them see the view drawn less often (`refresh_seconds`)."""
VIEWER_SECONDS = 20.0
"""Who has not drawn the view for so long is no viewer any more."""
SHARED = 0.9
"""The share of the time between two drawings for which one reading of the run serves all viewers."""
REPLAY_EVERY_SECONDS = 0.4
SPEED_ROWS = 40
"""The newest rows, from which the remaining time is estimated."""
MOST_TRANSLATED = 50
"""Recorded notes that are translated. A training writes a few; a damaged run may have thousands."""

STATES = {
    "running": tr_later(":material/progress_activity: running"),
    "finished": tr_later(":material/check_circle: finished"),
    "stopped": tr_later(":material/pause_circle: stopped; resume continues from here"),
    "interrupted": tr_later(":material/bolt: interrupted: its process is gone; resume continues from its last save"),
    "failed": tr_later(":material/error: failed"),
}
"""State of a run -> icon and words, in English."""
STARTING = tr_later(":material/progress_activity: starting: loading PyTorch and the data")

DIAGNOSIS_BOXES = {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}


_viewers: dict[str, float] = {}
"""Session that draws a live view -> when it did last, on the monotonic clock."""
_viewers_change = threading.Lock()


def count_viewers() -> int:
    """Count the sessions of this server that draw live views, with this one."""
    context = get_script_run_ctx()
    now = time.monotonic()
    with _viewers_change:
        if context is not None:
            _viewers[context.session_id] = now
        for session in [session for session, last in _viewers.items() if now - last > VIEWER_SECONDS]:
            del _viewers[session]
        return len(_viewers)


def refresh_seconds(num_viewers: int) -> float:
    """Return how often each of so many viewers draws: together they leave most of the processor to the training."""
    return LIVE_EVERY_SECONDS * (1 if num_viewers <= 2 else 2 if num_viewers <= 6 else 4 if num_viewers <= 16 else 8)


def live_seconds(least: float = LIVE_EVERY_SECONDS) -> float:
    """Return how often this session draws a live view, one of its kind at most once in `least` seconds."""
    return max(least, refresh_seconds(count_viewers()))


def keep_pace(seconds: float, least: float = LIVE_EVERY_SECONDS) -> None:
    """Draw the page again if it draws too often, or four times too seldom, for the number of viewers."""
    due = live_seconds(least)
    if due > seconds or 4 * due <= seconds:
        st.rerun()


def shared_age() -> float:
    """Return how old a reading of a live run may be: more than two viewers see the same one, and draw it once."""
    seconds = refresh_seconds(count_viewers())
    return SHARED * seconds if seconds > LIVE_EVERY_SECONDS else 0.0


def live_view(run: Run) -> None:
    """Show the run. While it trains or plays, this part of the page is drawn again and again."""
    is_alive = run.is_locked()
    live_every = live_seconds() if is_alive else None
    every = live_every or (REPLAY_EVERY_SECONDS if is_replaying() else None)
    st.fragment(view, run_every=every)(run, was_alive=is_alive, live_every=live_every)


def view(run: Run, *, was_alive: bool, live_every: float | None = None) -> None:
    """Draw the run once. When a training has ended since the page was drawn, draw the whole page again."""
    if was_alive != run.is_locked():
        st.rerun()
    if live_every is not None:
        keep_pace(live_every)
    try:
        snapshot = read(run, shared_age() if was_alive else 0.0)
    except RunError as error:
        st.warning(plain(tr("{error}.", error=error)))
        process_output(run)
        return
    status, milestone = snapshot.status, snapshot.milestone
    progress(snapshot)
    diagnosis_box(snapshot.diagnosis)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        step = samples(run, status)
    epoch = step and step / max(1, status.steps) * status.epochs
    with right:
        x = training_curves(snapshot.series, epoch, snapshot.config.loss)
    score_plots(snapshot.scores, snapshot.scores_version, status, snapshot.config, epoch, x)
    if milestone:
        st.caption(plain(milestone_text(milestone)))
    for number, note in enumerate(status.notes):
        st.caption(plain(tr_recorded(note) if number < MOST_TRANSLATED else note))


def process_output(run: Run) -> None:
    """Show the last lines that the run's process printed, if there are any."""
    if text := launch.last_words(run):
        st.code(text, language=None, wrap_lines=True)


def progress(snapshot: Snapshot) -> None:
    """Show state, progress bar, speed, remaining time, and what is trained where."""
    status, config, milestone = snapshot.status, snapshot.config, snapshot.milestone
    rows = snapshot.recent[-SPEED_ROWS:]
    state = tr_marked(STARTING if status.state == "running" and not rows else STATES[status.state])
    if status.error:
        state = tr("{state}: {error}", state=state, error=plain(tr_recorded(status.error)))
    if milestone:
        state = tr(
            "{state} · **as good as the tutorial's DCGAN since second {second:,.0f} (epoch {epoch:.3g})**",
            state=state,
            second=milestone.row.wall_seconds,
            epoch=milestone.row.epoch,
        )
    st.markdown(state)
    if status.state == "interrupted" and not status.error:
        process_output(snapshot.run)
    step = max(status.step, rows[-1].step if rows else 0)
    epoch = min(int(step / max(1, status.steps) * status.epochs) + 1, status.epochs)
    facts = [
        tr("epoch {epoch} of {epochs}", epoch=epoch, epochs=status.epochs),
        tr("step {step:,} of {steps:,}", step=step, steps=status.steps),
    ]
    if rows and status.state == "running":
        facts.append(tr("{speed:,.0f} images/s", speed=rows[-1].images_per_second))
        seconds_left = tables.seconds_left(status, rows)
        if seconds_left is not None:
            facts.append(tr("{duration} left", duration=tables.duration(seconds_left)))
    elif rows:
        speed = rows[-1].images_seen / max(1e-9, rows[-1].wall_seconds)
        duration = tables.duration(rows[-1].wall_seconds)
        facts.append(tr("{duration} at {speed:,.0f} images/s", duration=duration, speed=speed))
    st.progress(min(1.0, step / max(1, status.steps)), " · ".join(facts))
    batches = tr("batches of {batch_size}", batch_size=config.batch_size)
    words = [snapshot.preset, config.data.name, batches, *device_words(status)]
    st.caption(plain(", ".join([*words, *tables.length_texts(snapshot.earlier_lengths)])))


def milestone_text(milestone: Milestone) -> str:
    """Return what was compared with the tutorial's DCGAN."""
    row, yardstick = milestone.row, milestone.yardstick
    return tr(
        "From second {second:,.0f} (epoch {epoch:.3g}) on, each CFD is at or below {cfd}. The tutorial's DCGAN, "
        "{run}, has this CFD after its {epochs} epochs. It was measured with as many images, {count:,}, and the same "
        "classifier. Seconds are training time without scoring.",
        second=row.wall_seconds,
        epoch=row.epoch,
        cfd=SCORES["cfd"].text(yardstick.cfd, missing=""),
        run=yardstick.run,
        epochs=yardstick.epochs,
        count=row.num_images,
    )


def device_words(status: Status) -> list[str]:
    """Return where the run trains or has trained, as at most one phrase."""
    device, threads = (status.environment.get(name, "") for name in ("device", "threads"))
    if not device:
        return []
    if not threads or not device.startswith("cpu"):
        return [tr("on {device}", device=device)]
    number = 1 if threads == "1" else 2  # a recording may hold any text here
    return [
        tr_plural(
            "on {device} with {threads} thread",
            "on {device} with {threads} threads",
            number,
            device=device,
            threads=threads,
        )
    ]


def diagnosis_box(finding: Diagnosis) -> None:
    """Show the diagnosis of the rows and the scores. There is always one box, so that nothing below it moves."""
    title = tr("**Diagnosis: {title}**", title=tr_marked(finding.title))
    parts = [title, tr_marked(finding.cause), tr_marked(finding.remedy)]
    DIAGNOSIS_BOXES[finding.level](" ".join(filter(None, parts)), icon=":material/stethoscope:")
