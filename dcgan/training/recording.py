"""The policy around the loop: train a run from its config, and record it in its directory.

The Recorder makes this file long: all decisions on what is written when are in one place.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from dcgan import pixels
from dcgan.checkpoint import save_discriminator, save_generator, save_tensors
from dcgan.config import DataConfig, TrainConfig
from dcgan.data.folder import Source
from dcgan.data.loading import Batches
from dcgan.data.named_sets import NAMED_SETS
from dcgan.evaluation.epoch_scores import EpochScorer, Scorer
from dcgan.evaluation.picture_scorer import PictureScorer
from dcgan.files import REPLACE_PATIENCE_SECONDS
from dcgan.latents import latents_from_seeds
from dcgan.locale.language import ENGLISH, speaking, tr
from dcgan.models.inference import sample
from dcgan.models.networks import Generator
from dcgan.runs.classes import shown_names
from dcgan.runs.resume import change_length
from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.run import Run, RunError
from dcgan.runtime.distributed import ALONE, Ranks
from dcgan.runtime.host import keep_freed_memory
from dcgan.training.clock import RESOLUTION_SECONDS, Clock
from dcgan.training.environment import arithmetic, earlier_devices, environment, logging_to
from dcgan.training.failures import (
    TrainingError,
    deleted_run,
    is_expected,
    opening_failure,
    out_of_memory,
    reading_errors,
    training_failure,
)
from dcgan.training.initial import load_initial
from dcgan.training.loop import StepResult, training_steps
from dcgan.training.saved import changed_files, load_training, require_same_files, state_metadata
from dcgan.training.signals import stop_signals, worker_deaths_ignored
from dcgan.training.state import TrainState
from dcgan.training.step import StepStats

GRID_SEEDS = range(64)
"""The seeds of every sample grid: the same 64 in every run, so that runs compare image by image."""
GRID_COLUMNS = 8
MIN_GRID_STEPS = 10
"""Steps between two grids at the ends of epochs: a grid takes as much time as a few steps."""
GRIDS_BEFORE_THINNING = 64
_FIRST_EPOCHS = 4
SAVE_EVERY_SECONDS = 60.0
"""The most seconds that a killed training loses. Saves by the clock take a small share of a fast training's time."""
STATUS_EVERY_SECONDS = 0.5
_REFRESH_PATIENCE_SECONDS = 0.1
"""How long a row waits for a status.json that another program has open. The next row tries again."""
_LAST_PATIENCE_SECONDS = 10.0
"""How long the end of a training waits for it. No row comes after that."""

OnRow = Callable[[ProgressRow, Status], None]
log = logging.getLogger(__name__)


def run_training(
    run: Run,
    device: torch.device,
    on_row: OnRow | None = None,
    ranks: Ranks = ALONE,
    *,
    epochs: int | None = None,
    data: str = "",
) -> Status:
    """Train what the run's config says, from its last save if it has one, and record everything in the run.

    `epochs` makes the run one of so many epochs first, see dcgan.runs.resume. Its config then says so. `data`,
    folder:PATH, is where the images of the run's folder are now. They must be the same, by their names and classes.

    Of several ranks each calls this; rank 0 records, the others read and compute. All stop after the same step,
    whichever of them is asked to. Where a rank is gone the others raise LostRankError, and rank 0 records it.

    Ctrl-C, SIGTERM, a hang-up or a file named `stop` finish the step and save; the status is then `stopped`. A loss
    that is not finite, data that can no longer be read, a full disk or a full device end it as `failed`, with the
    last good weights in place and the reason in `error`. So does any unexpected error, which is then raised.
    `on_row` is called with every progress row. Raises RunError where another process trains this run, ValueError or
    FileNotFoundError where its config or data cannot be used, and leaves the reason in the status of a run that has
    one.
    """
    keep_freed_memory()
    if ranks.rank:
        return _follow(run, device, ranks, epochs, data)
    with (
        run.lock() as launched,
        speaking(ENGLISH),  # recorded sentences are English
        logging_to(run),
        arithmetic(run.config()),
        stop_signals(ranks) as signals,
    ):
        run.remove_leftovers()
        if epochs is not None:
            change_length(run, epochs)
        if not launched:
            run.clear_stop()  # `launch` did so before; a stop that is here was requested while this process started
        recorder = None
        try:
            with _moved(run, data):
                recorder = _open(run, device, on_row, ranks, has_moved=bool(data))
            recorder.record(should_stop=lambda: bool(signals) or run.stop_requested())
            status = recorder.status
        except Exception as error:  # whatever it is, the status says that the run failed and why
            if recorder is None:
                raise
            with worker_deaths_ignored():
                status = _failed(recorder, error)
            if not is_expected(error):
                raise
        run.clear_stop()
    return status


@contextmanager
def _moved(run: Run, data: str) -> Iterator[None]:
    """Let the config name another folder, and restore it where the training cannot be opened with that one."""
    config = run.config()
    if data:
        run.change_data(moved_data(config, data))
    try:
        yield
    except BaseException:
        if data:
            run.change_data(config.data)
        raise


def moved_data(config: TrainConfig, data: str) -> DataConfig:
    """Return the config's data at another place. Raises ValueError where they are not own images of one kind."""
    moved = replace(config.data, name=data).with_absolute_paths() if config.data.is_own else config.data
    kinds = {name.partition(":")[0] for name in (config.data.name, moved.name)}
    if not config.data.is_own or len(kinds) > 1 or not moved.is_own:
        raise ValueError(
            f"{data!r} cannot stand for {config.data.name}: only own images move, to a place of the same kind, as in "
            "--data folder:PATH"
        )
    return moved


def _follow(run: Run, device: torch.device, ranks: Ranks, epochs: int | None, data: str) -> Status:
    """Train as a rank that records nothing."""
    config = run.config()  # rank 0 may not have written another length and place yet
    config = replace(config, epochs=config.epochs if epochs is None else epochs)
    config = replace(config, data=moved_data(config, data)) if data else config
    with arithmetic(config), stop_signals(ranks) as signals:
        ranks.barrier()  # rank 0 may have a set to download, or a reason to end here
        batches, state, _ = load_training(run, config, device, ranks)
        status = Status("running", state.step, config.epochs * batches.steps_per_epoch, config.epochs)
        for result in training_steps(config, batches, device, state):
            status = replace(status, step=result.state.step)
            if ranks.any(flag=bool(signals)) and status.step < status.steps:
                return replace(status, state="stopped")
    return replace(status, state="finished")


def _open(run: Run, device: torch.device, on_row: OnRow | None, ranks: Ranks, *, has_moved: bool) -> Recorder:
    """Open a Recorder. If that fails, write the reason into the status, for a page that started this process.

    Where images are sought at another place, the status stays.
    """
    if has_moved:
        return Recorder.open(run, device, on_row, ranks, has_moved=True)
    try:
        return Recorder.open(run, device, on_row, ranks)
    except Exception as error:  # and is raised again, as what it was
        reason = opening_failure(error, run.path, device)
        log.error("%s", reason, exc_info=not is_expected(error))
        if run.status_path.exists():
            run.write_status(replace(run.status(), state="failed", error=reason))
        if out_of_memory(error):
            raise RunError(reason) from error
        raise


@dataclass
class Recorder:
    """A training, and the run directory that it is written to."""

    run: Run
    config: TrainConfig
    batches: Batches
    state: TrainState
    status: Status
    on_row: OnRow | None
    seconds_before: float
    """Training time of the processes before this one."""
    source: Source | None = None
    """The files of a folder at the start of the training."""
    scorer: EpochScorer | None = None
    """Scores the generator at the end of each epoch; None where nothing is to be scored, or can be."""
    window: list[StepStats] = field(default_factory=list)
    """Statistics since the last row, still on the device."""
    images_at_row: int = 0
    clock: Clock = field(default_factory=Clock)
    scoring_seconds: float = 0.0
    """Time of this process that does not count as training."""
    row_time: float = 0.0
    """The clock's seconds at the last row; the next two are those of the last save and status."""
    save_time: float = 0.0
    status_time: float = -math.inf
    folder_id: tuple[int, int] | None = None
    """Of the run's directory at the start. A directory that was deleted is not made again."""
    status_is_late: bool = False
    """Whether status.json could not be written at the last row."""

    @classmethod
    def open(
        cls, run: Run, device: torch.device, on_row: OnRow | None, ranks: Ranks = ALONE, *, has_moved: bool = False
    ) -> Recorder:
        """Load the data and either the run's last save or fresh networks, and take back rows past the save."""
        config, folder_id = _with_weights_ids(run), run.folder_id()
        batches, state, saved = load_training(run, config, device, ranks)
        if has_moved:
            require_same_files(config, batches, saved)
        if run.state_path.exists():
            run.rewind(state.step)
        scorer, notes = _open_scorer(config, device, batches)
        notes = (*changed_files(config, batches, saved), *batches.notes, *notes)
        steps, surroundings = config.epochs * batches.steps_per_epoch, environment(device, ranks)
        if state.step:
            surroundings |= earlier_devices(run, state.step, surroundings["device"])
        status = Status(
            "running",
            state.step,
            steps,
            config.epochs,
            notes=notes,
            environment=surroundings,
            num_images=batches.num_images,
            classes=shown_names(batches.source.classes) if batches.source else (),
        )
        source = saved.source if saved and saved.source.names_hash else batches.source
        seconds = saved.wall_seconds if saved else 0.0
        return cls(
            run,
            config,
            batches,
            state,
            status,
            on_row,
            seconds,
            source,
            scorer,
            images_at_row=state.images_seen,
            folder_id=folder_id,
        )

    def record(self, should_stop: Callable[[], bool]) -> None:
        """Run the loop to its end or to a stop, recording as it goes."""
        config, state, per_epoch = self.config, self.state, self.batches.steps_per_epoch
        for note in self.status.notes:
            log.info("%s", note)
        log.info("%d training images of %s", self.status.num_images, config.data.name)
        log.info("training on %s from step %d of %d", state.device, state.step, self.status.steps)
        self._set_status("running")
        if state.step == 0:
            self._write_grid()
            if 0 in snapshot_steps(config, self.status.steps):
                self._write_snapshot()
            self._save()
        kept = snapshot_steps(config, self.status.steps)
        stopping = False
        for result in _reading(training_steps(config, self.batches, state.device, state)):
            self.window.append(result.stats)
            step, last = state.step, state.step == self.status.steps
            stopping = state.ranks.any(flag=should_stop()) and not last
            drawn = last or is_grid_step(step, per_epoch)
            if step % config.log_every == 0 or step == 1 or step in kept or drawn or stopping or last:
                self._write_row()
            if drawn:
                self._write_grid()
            if step in kept:
                self._write_snapshot()
            if self.scorer and is_score_step(step, self.status.steps, per_epoch, self._stride):
                self._score()
            due = not self.window and self.clock.seconds() - self.save_time > SAVE_EVERY_SECONDS
            if due or stopping or last:
                self._save()
            if stopping:
                break
        self._set_status("stopped" if stopping else "finished")
        if not stopping and not config.keep_states:
            self._present_run().state_path.unlink(missing_ok=True)
        log.info("%s at step %d of %d", self.status.state, state.step, self.status.steps)

    @property
    def _stride(self) -> int:
        """Return the epochs between two scorings."""
        images = self.batches.steps_per_epoch * min(self.config.batch_size, self.batches.num_images)
        return max(1, math.ceil(self.scorer.every_images / images)) if self.scorer else 1

    def _write_row(self) -> None:
        """Append a progress row with the window's means. Raises TrainingError if one of its steps was not finite."""
        # To the CPU first: an Apple GPU has no float64.
        values = torch.stack([torch.stack(stats) for stats in self.window]).cpu().double().numpy()
        state, now = self.state, self.clock.seconds()
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            step = state.step - len(self.window) + 1 + int(bad[0, 0])
            name = StepStats._fields[int(bad[0, 1])]
            raise self._not_finite(name, float(values[tuple(bad[0])]), step)
        spent = max(now - self.row_time, RESOLUTION_SECONDS)
        row = ProgressRow(
            step=state.step,
            epoch=round(state.step / self.batches.steps_per_epoch, 6),
            images_seen=state.images_seen,
            wall_seconds=self._wall_seconds(now),
            images_per_second=round((state.images_seen - self.images_at_row) / spent, 1),
            **dict(zip(StepStats._fields, map(float, values.mean(axis=0)), strict=True)),
        )
        self._present_run().append_progress(row)
        self.window.clear()
        self.images_at_row, self.row_time = state.images_seen, now
        self.status = replace(self.status, step=state.step)
        if now - self.status_time > STATUS_EVERY_SECONDS:
            self._refresh_status()
        if self.on_row:
            self.on_row(row, self.status)

    def _wall_seconds(self, now: float) -> float:
        """Return the seconds of training until `now` on the clock, without the scoring."""
        return round(self.seconds_before + now - self.scoring_seconds, 3)

    def _write_grid(self) -> None:
        sheet = draw_grid(self.state.best_generator)
        self._present_run().write_bytes(f"samples/{self.state.step:07d}.png", pixels.png_bytes(sheet))

    def _score(self) -> None:
        """Append a row of scores, if the training is scored. The training's clock does not count this time."""
        if self.scorer is None:
            return
        state, began = self.state, self.clock.seconds()
        wall_seconds = self._wall_seconds(began)
        scores = self.scorer.score(state.best_generator, gan=state.gan)
        spent = self.clock.seconds() - began
        self.scoring_seconds += spent
        self.row_time += spent
        if scores is None:
            log.warning("step %d is not scored: its images have pixels that are no numbers", state.step)
            return
        self._present_run().append_score(
            self.scorer.row(
                scores,
                step=state.step,
                epoch=round(state.step / self.batches.steps_per_epoch, 6),
                images_seen=state.images_seen,
                wall_seconds=wall_seconds,
                seconds=spent,
            )
        )

    def _write_snapshot(self) -> None:
        config, state = self.config, self.state
        path = self._present_run().snapshot_path(state.step)
        save_generator(path, state.best_generator, config, state.step, half=True, classes=self.status.classes)
        discriminator = state.gan.discriminator
        if sum(weights.numel() for weights in discriminator.parameters()) <= config.d_snapshot_parameters:
            path = self._present_run().d_snapshot_path(state.step)
            save_discriminator(path, discriminator, config, state.step, half=True)

    def _save(self) -> None:
        """Save the weights, and the state for a resume. Values that are not finite are never saved."""
        run, config, state = self.run, self.config, self.state
        tensors = state.tensors()
        for name, tensor in tensors.items():
            if not torch.isfinite(tensor).all():
                raise self._not_finite(name, math.nan, state.step)
        # If there is an average, the other weights are only read to see the effect of the average.
        self._present_run().sync_rows()
        save_generator(
            run.generator_path,
            state.gan.generator,
            config,
            state.step,
            half=state.ema is not None,
            classes=self.status.classes,
        )
        if state.ema is not None:
            save_generator(self._present_run().ema_path, state.ema, config, state.step, classes=self.status.classes)
        save_discriminator(self._present_run().discriminator_path, state.gan.discriminator, config, state.step)
        # Last, so that the state is never newer than the weights and the rows beside it.
        wall_seconds = self._wall_seconds(self.clock.seconds())
        save_tensors(
            self._present_run().state_path, tensors, state_metadata(config, state, wall_seconds, self.source)
        )
        self.save_time = self.clock.seconds()

    def _set_status(self, name: str) -> None:
        self.status = replace(self.status, state=name, step=self.state.step)
        patience = REPLACE_PATIENCE_SECONDS if name == "running" else _LAST_PATIENCE_SECONDS
        self._present_run().write_status(self.status, patience_seconds=patience)
        self.status_time = self.clock.seconds()

    def _refresh_status(self) -> None:
        """Write the step into status.json. Where that fails, the training goes on, and a later row tries it again."""
        self.status_time = self.clock.seconds()
        try:
            self._present_run().write_status(self.status, patience_seconds=_REFRESH_PATIENCE_SECONDS)
        except OSError as error:
            if not self.status_is_late:  # once is enough for the log
                log.warning("status.json could not be written (%s); later rows try again", error.strerror or error)
            self.status_is_late = True
        else:
            self.status_is_late = False

    def _present_run(self) -> Run:
        """Return the run, to write to it. Raises TrainingError where its directory was deleted, moved or replaced."""
        if self.folder_id is None or self.run.folder_id() != self.folder_id:
            raise deleted_run(self.run.path)
        return self.run

    def _not_finite(self, name: str, value: float, step: int) -> TrainingError:
        return TrainingError(
            tr(
                "{name} became {value} at step {step} (epoch {epoch:.2f}); the last good weights are kept; try lower "
                "learning rates than lr_g={lr_g:g}, lr_d={lr_d:g}",
                name=name,
                value=value,
                step=step,
                epoch=step / self.batches.steps_per_epoch,
                lr_g=self.config.lr_g,
                lr_d=self.config.lr_d,
            )
        )


def _with_weights_ids(run: Run) -> TrainConfig:
    """Return the config. Before its first save, the run's `init` gets the ids of the weights that it begins with."""
    config = run.config()
    if config.init and not run.state_path.exists():
        config = replace(config, init=load_initial(config.init, config.model).text)
        run.record_init(config.init)
    return config


def _reading(results: Iterator[StepResult]) -> Iterator[StepResult]:
    """Yield the same results. The loop writes nothing, so its OSErrors are reading errors."""
    with reading_errors():
        yield from results


def _failed(recorder: Recorder, error: Exception) -> Status:
    """Return the status of a failed run, and write it if that is still possible."""
    is_present = recorder.folder_id is not None and recorder.run.folder_id() == recorder.folder_id
    if not is_present:  # a write to a directory that was deleted a moment ago is an error of its own
        error = deleted_run(recorder.run.path)
    message = training_failure(error, recorder.run.path, recorder.config)
    status = replace(recorder.status, state="failed", step=recorder.state.step, error=message)
    log.error("%s", message, exc_info=None if is_expected(error) else error)
    try:
        if is_present:
            recorder.run.write_status(status)
    except OSError as second:
        # A full disk may have no room even for this. The caller has the status; readers see `interrupted`.
        log.error("status.json could not be written: %s", second)
    return status


def draw_grid(generator: Generator) -> np.ndarray:
    """Return the 8x8 sheet of GRID_SEEDS, uint8, without gaps. A conditional model's labels count up: 0 1 2 ..."""
    config = generator.config
    z = latents_from_seeds(GRID_SEEDS, config.latent_dim, config.latent)
    labels = np.arange(len(GRID_SEEDS)) % config.num_classes if config.num_classes else None
    images = sample(generator, z, labels).numpy()
    # A diverging generator is reported by its losses; its picture must not be the first to fall.
    return pixels.grid(pixels.to_uint8(np.nan_to_num(images)), GRID_COLUMNS)


def is_grid_step(step: int, steps_per_epoch: int) -> bool:
    """Return whether a grid is drawn: at powers of two in the first epoch, then at the ends of epochs.

    These are some hundred in any training: every second one after GRIDS_BEFORE_THINNING, every fourth one after twice
    as many, and so on. Between two of them are MIN_GRID_STEPS steps at least, after the first epochs. The rule does
    not know the training's length, so that a longer one draws the same grids and more.
    """
    if step < steps_per_epoch:
        return step & (step - 1) == 0
    epoch, beyond = divmod(step, steps_per_epoch)
    number, between = divmod(epoch, math.ceil(MIN_GRID_STEPS / steps_per_epoch))
    if beyond or between:
        return not beyond and epoch <= _FIRST_EPOCHS
    return number % 2 ** math.ceil(math.log2(max(1, number / GRIDS_BEFORE_THINNING))) == 0


def is_score_step(step: int, steps: int, steps_per_epoch: int, stride: int) -> bool:
    """Return whether the generator is scored: at the end of every `stride`-th epoch, and of the training."""
    epoch, rest = divmod(step, steps_per_epoch)
    return rest == 0 and (epoch % stride == 0 or step == steps)


def snapshot_steps(config: TrainConfig, steps: int) -> set[int]:
    """Return config.snapshots steps: the last, its halvings, and 0."""
    # A number of steps has no more halvings than bits: those after it are step 1 again.
    count = min(max(config.snapshots - 1, min(config.snapshots, 1)), steps.bit_length() + 1)
    halvings = {math.ceil(steps / 2**k) for k in range(count)}
    return halvings | ({0} if config.snapshots > 1 else set())


def _open_scorer(
    config: TrainConfig, device: torch.device, batches: Batches
) -> tuple[EpochScorer | None, tuple[str, ...]]:
    """Return the scorer and a note, or None and the reason.

    Data without a classifier get the scores of pictures. Where nothing can be scored, they are trained on without.
    """
    try:
        return Scorer.open(config, device), ()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
    try:
        scorer = PictureScorer.open(config, device, batches)
    except (OSError, ValueError) as error:
        return None, (tr("not scored along the way: {reason}", reason=" ".join(str(error).split())),)
    if config.data.name not in NAMED_SETS:
        return scorer, ()
    return scorer, (tr("scored by its patches, without a classifier: {reason}", reason=reason),)
