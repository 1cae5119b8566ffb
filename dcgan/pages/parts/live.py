"""One run as it is now: progress, the doctor's word, curves, samples; and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from dcgan import pixels
from dcgan.config import TrainConfig
from dcgan.figures import animations, plots
from dcgan.pages.parts.address import plain
from dcgan.runs import diagnosis, launch, tables
from dcgan.runs.rows import UNSCORED, ScoreRow, Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.series import Newest, Series
from dcgan.training.losses import logits_are_probabilities

LIVE_EVERY_SECONDS = 1.0
REPLAY_EVERY_SECONDS = 0.4
PACE_ROWS = 40
"""The newest rows, which tell the time left."""
GRID_PIXELS = 672
"""About how wide a grid of samples is drawn."""

_REPLAYING, _STEP, _ERROR = "replaying", "step", "action-error"

ICONS = {"running": "🏃", "finished": "🏁", "stopped": "⏸️", "interrupted": "⚡", "failed": "💥"}
STATES = {
    "running": "running",
    "finished": "finished",
    "stopped": "stopped; resume goes on from here",
    "interrupted": "interrupted: its process is gone; resume goes on from its last save",
    "failed": "failed",
}


@st.cache_resource(max_entries=16, show_spinner="Reading the rows ...")
def _newest_at(path: str) -> Newest:
    return Newest(Run(path))


def series_of(run: Run) -> Series:
    """The run's rows as they are now, to be asked for once a look; of all sessions' looks, only new ones are read."""
    return _newest_at(str(run.path.resolve())).update()


def live_view(run: Run) -> None:
    """The run, drawn anew by itself while it trains or plays; the rest of the page stays as it is."""
    alive = run.is_locked()
    every = LIVE_EVERY_SECONDS if alive else REPLAY_EVERY_SECONDS if st.session_state.get(_REPLAYING) else None
    st.fragment(view, run_every=every)(run, alive)


def view(run: Run, was_alive: bool) -> None:
    """One look. A training that has ended since the page was drawn has the whole page drawn again, once."""
    if was_alive != run.is_locked():
        st.rerun()
    try:
        status, config, series, scores = run.status(), run.config(), series_of(run), run.scores()
    except RunError as error:
        st.warning(plain(f"{error}."))
        if words := launch.last_words(run):
            st.code(words, language=None, wrap_lines=True)
        return
    how_far(run, status, config, series)
    consult(status, config, series, scores)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        step = samples(run, status)
    epoch = step and step / max(1, status.steps) * status.epochs
    with right:
        curves(series, epoch, config.loss)
    score_plots(scores, status, config, epoch)
    for note in status.notes:
        st.caption(plain(note))


def how_far(run: Run, status: Status, config: TrainConfig, series: Series) -> None:
    """State, bar, speed, time left."""
    rows = series.last_rows(PACE_ROWS)
    said = f"{ICONS[status.state]} {STATES[status.state]}"
    if status.state == "running" and not rows:
        said = "🏃 starting: loading PyTorch and the data"
    st.markdown(said + (f": {plain(status.error)}" if status.error else ""))
    if status.state == "interrupted" and not status.error and (words := launch.last_words(run)):
        st.code(words, language=None, wrap_lines=True)
    step = max(status.step, rows[-1].step if rows else 0)
    epoch = min(int(step / max(1, status.steps) * status.epochs) + 1, status.epochs)
    text = f"epoch {epoch} of {status.epochs} · step {step:,} of {status.steps:,}"
    if rows and status.state == "running":
        text += f" · {rows[-1].images_per_second:,.0f} images/s"
        left = tables.seconds_left(status, rows)
        text += "" if left is None else f" · {tables.duration(left)} left"
    elif rows:
        mean = rows[-1].images_seen / max(1e-9, rows[-1].wall_seconds)
        text += f" · {tables.duration(rows[-1].wall_seconds)} at {mean:,.0f} images/s"
    st.progress(min(1.0, step / max(1, status.steps)), text)
    device = status.environment.get("device", "")
    threads = status.environment.get("threads", "")
    where = f", on {device}" + (
        f" with {threads} thread{'s' * (threads != '1')}" if threads and device.startswith("cpu") else ""
    )
    st.caption(plain(f"{run.preset}, {config.data.name}, batches of {config.batch_size}{where if device else ''}"))


DIAGNOSIS_BOXES = {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}


def consult(status: Status, config: TrainConfig, series: Series, scores: Sequence[ScoreRow]) -> None:
    """What the doctor says of the rows and the scores, in one box: an alarm moves nothing below it away."""
    rows = series.last_rows(diagnosis.USUAL_ROWS)
    probabilities = logits_are_probabilities(config.loss)
    found = diagnosis.diagnose(rows, status.state, status.error, scores, logits_are_probabilities=probabilities)
    parts = [f"**{found.title}**"] + [text for text in (found.cause, found.remedy) if text]
    DIAGNOSIS_BOXES[found.level](" ".join(parts), icon="🩺")


# Samples


def samples(run: Run, status: Status) -> int | None:
    """The newest grid, or the one that the slider or the replay is at: its step, None for the newest."""
    steps = run.sample_steps()
    if not steps:
        st.info("No samples yet: the first grid is drawn before the first step.")
        return None
    alive = status.state == "running"
    newest = st.toggle("Follow the newest", True, key="follow") if alive else False
    step = steps[-1] if newest else scrub(run, steps, alive)
    try:
        sheet = pixels.read_png(run.sample_path(step))
    except FileNotFoundError:
        st.caption("This grid was taken back by a resume; the next one is on its way.")
        return None
    except ValueError as error:
        st.warning(plain(f"{error}."))
        return None
    caption = animations.frame_caption(step, status)
    st.image(
        pixels.png_bytes(pixels.enlarge(sheet, max(1, GRID_PIXELS // sheet.shape[1]))),
        f"{caption}: always the same 64 seeds",
        output_format="PNG",
        alt=f"64 samples of {run.name} at {caption}",
    )
    st.caption(
        "How to read it: every cell keeps its seed. Noise turns to blobs, then to strokes. Look for variety: cells "
        "that grow alike say that the generator has collapsed to a few images, which the losses may not show."
    )
    return None if newest else step


def scrub(run: Run, steps: list[int], alive: bool) -> int:
    """The slider over every recorded grid, and its replay."""
    if len(steps) == 1:
        return steps[0]
    key = f"{_STEP}:{run.path}"
    playing = bool(st.session_state.get(_REPLAYING)) and not alive
    current = st.session_state.get(key, steps[-1])
    if current not in steps:
        current = st.session_state[key] = steps[-1]
    if playing:
        later = [step for step in steps if step > current]
        if later:
            st.session_state[key] = later[0]
        else:
            st.session_state[_REPLAYING] = False
            st.rerun()
    if not alive and st.button("Pause" if playing else "Replay", icon="⏸️" if playing else "▶️", key="replay"):
        st.session_state[_REPLAYING] = not playing
        if not playing and current == steps[-1]:
            st.session_state[key] = steps[0]
        st.rerun()
    st.session_state.setdefault(key, steps[-1])
    return st.select_slider("Step", steps, format_func=lambda step: f"{step:,}", key=key)


# Curves


def curves(series: Series, epoch: float | None, loss: str) -> None:
    """The three figures, each with a word on how to read it, which `loss` has a say in; a line at `epoch`."""
    if not len(series):
        st.info("The curves begin with the first step.")
        return
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    x = left.selectbox("Over", list(plots.X_AXES), format_func=plots.X_AXES.get, key="x")
    smoothing = middle.slider("Smoothing", 0.0, 0.99, 0.6, key="smoothing")
    log = right.toggle("Log scale", key="log", help="For the losses.")
    show(
        plots.loss_curves(series, x, smoothing=smoothing, log=log),
        "losses",
        "Both losses over the training",
        epoch,
        x,
    )
    st.caption(
        "How to read it: a GAN's losses do not fall to zero, they are a balance. When one network gains, the other's "
        "loss rises. A discriminator loss that sticks at zero leaves the generator nothing to learn from."
    )
    probabilities = logits_are_probabilities(loss)
    judgement = plots.discriminator_curves(series, x, smoothing=smoothing, probabilities=probabilities)
    show(judgement, "scores", "Mean D(x) and mean D(G(z))", epoch, x)
    st.caption(
        "How to read it: what D says of real and of generated images, 1 is real. It begins near 0.5, for D has "
        "learnt nothing, and could only end there, were both perfect. D(G(z)) flat at 0 says that D wins; both above "
        "0.5 for long, that it is fooled."
        if probabilities
        else f"How to read it: the {loss} loss does not make D's outputs probabilities, so there is no value that "
        "they should have. Real above generated is all that D has to learn; both may run to 0 or to 1 without harm, "
        "and then nothing is to be seen here."
    )
    show(
        plots.gradient_curves(series, x, smoothing=smoothing),
        "gradients",
        "Gradient norms of both networks",
        epoch,
        x,
    )
    st.caption(
        "How to read it: how hard each network is pushed. The generator's gradient going to zero says that it learns "
        "no more; one that grows tenfold and more, that the training is about to diverge."
    )


def show(figure: go.Figure, key: str, alt: str, epoch: float | None, x: str) -> None:
    if epoch is not None and x == "epoch":
        figure.add_vline(epoch, line={"color": plots.GRAY, "width": 1})
    st.plotly_chart(figure, key=key, config={"displayModeBar": False}, alt=alt)


# Scores


def score_plots(scores: Sequence[ScoreRow], status: Status, config: TrainConfig, epoch: float | None) -> None:
    """The light evaluations of each epoch, below all else: with the first one they appear, and move nothing."""
    if not scores:
        if (
            status.state == "running"
            and config.score_images
            and not any(note.startswith(UNSCORED) for note in status.notes)
        ):
            st.caption("Scores come with the end of the first epoch.")
        return
    x, newest = st.session_state.get("x", "epoch"), scores[-1]
    st.subheader("Scores along the way")
    left, middle, right = st.columns(3, gap="medium")
    with left:
        cfd = plots.score_curves("cfd", [("generated", scores)], x)
        show(cfd, "cfd", "CFD at the end of each epoch, beside that of real images", epoch, x)
        st.caption(
            "How to read it: how far the images are from real ones, as a classifier sees them; lower is better. The "
            "green line is what as many real images get."
        )
    with middle:
        coverage = plots.score_curves("coverage", [("generated", scores)], x)
        show(coverage, "coverage", "Coverage at the end of each epoch, beside that of real images", epoch, x)
        st.caption(
            "How to read it: the share of real images that have a generated one near them; higher is better. It "
            "falls when kinds of images get lost."
        )
    with right:
        alt = "The share of each class among the generated images, beside that among real ones"
        show(plots.class_bars(newest), "classes", alt, None, x)
        st.caption(
            f"How to read it: the classes of epoch {newest.epoch:.3g}'s images. A bar far below its green mark is a "
            "kind that is hardly drawn; one bar alone is a collapse."
        )
    st.caption(
        plain(
            f"{newest.num_images:,} images at the end of each epoch, always of the same seeds, by the "
            f"{newest.classifier} {newest.classifier_hash}, scored in {newest.scoring_seconds:.1f} s. CFD is no FID."
        )
    )


# Actions


def actions(run: Run, may_train: bool) -> None:
    """Stop or resume, rename, delete, download."""
    row = st.container(horizontal=True)
    alive = run.is_locked()
    with row:
        if may_train and not run.is_published:
            if alive:
                st.button("Stop", icon="⏹️", on_click=stop_clicked, args=(run,), help="Finishes the step and saves.")
            elif _resumable(run):
                st.button("Resume", icon="▶️", on_click=_try, args=("resumed", launch.resume, run))
            with st.popover("Rename", disabled=alive):
                name = st.text_input("New name", run.name, key=f"name:{run.path}", max_chars=80)
                st.button(
                    "Rename", on_click=rename_clicked, args=(run, f"name:{run.path}"), disabled=name == run.name
                )
            with st.popover("Delete", disabled=alive):
                st.write(plain(f"{run.name}, with its weights, samples and rows, cannot be brought back."))
                st.button("Delete for good", type="primary", on_click=delete_clicked, args=(run,))
        with st.popover("Download"):
            downloads(run)
    if alive and run.stop_requested():
        st.caption("Stopping: the step is finished and everything saved.")
    if error := st.session_state.pop(_ERROR, ""):
        st.error(plain(error))


def _resumable(run: Run) -> bool:
    try:
        return run.status().state in ("stopped", "interrupted", "failed")
    except RunError:
        return False


def _try(what: str, action: object, *arguments: object) -> bool:
    """Do it; where that fails, say why on the page that is drawn next."""
    try:
        action(*arguments)
        return True
    except (OSError, ValueError) as error:
        st.session_state[_ERROR] = f"It was not {what}: {error}."
        return False


def stop_clicked(run: Run) -> None:
    _try("stopped", launch.stop, run)


def rename_clicked(run: Run, key: str) -> None:
    name = st.session_state[key].strip()
    if _try("renamed", run.rename, name):
        st.session_state["run"] = name


def delete_clicked(run: Run) -> None:
    if _try("deleted", run.delete):
        st.session_state.pop("run", None)


def downloads(run: Run) -> None:
    """Everything that leaves the page is made when it is asked for."""
    weights = {
        "Generator": run.generator_path,
        "Generator, moving average": run.ema_path,
        "Discriminator": run.discriminator_path,
    }
    for label, path in weights.items():
        if path.exists():
            save(f"{label} (safetensors)", path.read_bytes, f"{run.name}-{path.name}", "application/octet-stream")
    if steps := run.sample_steps():
        save(
            "Newest grid (PNG)", run.sample_path(steps[-1]).read_bytes, f"{run.name}-{steps[-1]:07d}.png", "image/png"
        )
        save("The training as a GIF", lambda: animations.training_gif(run), f"{run.name}.gif", "image/gif")
    if run.progress_path.exists():
        save("The rows (CSV)", lambda: tables.rows_csv(run).encode(), f"{run.name}.csv", "text/csv")


def save(label: str, data: object, name: str, mime: str) -> None:
    st.download_button(label, data, name, mime, on_click="ignore", key=f"save:{name}")
