"""`dcgan.train` and `dcgan.resume`: the calls from Python that train and record a run, and continue one."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dcgan.config import TrainConfig
from dcgan.data.folder import find_images
from dcgan.data.pictures import adapted_to
from dcgan.data.survey import folder_of, require_pictures
from dcgan.fields import changed, config_fields
from dcgan.presets import PRESETS
from dcgan.runs.listing import find_run, named_config
from dcgan.runs.resume import check_resumable
from dcgan.runs.rows import Status
from dcgan.runs.run import Run
from dcgan.runtime.device import choose_device
from dcgan.training.failures import TrainingError
from dcgan.training.losses import check_loss
from dcgan.training.recording import OnRow, run_training


def train(
    config: TrainConfig | str,
    *,
    device: str = "auto",
    root: str | Path | None = None,
    on_row: OnRow | None = None,
    **changes: Any,
) -> Run:
    """Train a preset or a config, record the training in a new run directory, and return the run.

    Ctrl-C finishes the step and saves. The returned run then has the state "stopped", and `dcgan.resume` continues
    it. A training that cannot begin leaves no directory.

    Args:
        config: A TrainConfig, a preset's name (see `dcgan.PRESETS`), or a run's name or path.
        device: "cpu", "cuda", "cuda:1" or "mps"; "auto" is $DCGAN_DEVICE, or the fastest device of this machine.
        root: The folder for the new run directory. Default: $DCGAN_RUNS, or ./runs.
        on_row: A function that is called with every ProgressRow and the Status, about every 25 steps.
        **changes: Fields of the config with new values. Two underscores lead to a field of the model or the data:
            `epochs=5, model__latent_dim=50, data__name="kmnist"`.

    Returns:
        The run. `run.status()`, `run.progress()` and `run.scores()` read its record; `dcgan.load_generator(run)`
        loads its generator.

    Raises:
        ValueError: A name, a field or a value is not valid; the message names a valid one.
        FileNotFoundError: The data are not there.
        TrainingError: The training failed after its start. The last good weights are kept; the message names the run.

    Example:
        >>> import dcgan
        >>> run = dcgan.train("gan", device="cpu", epochs=1, batch_size=16, data__limit=64, score_images=0)
        >>> run.status().state
        'finished'
        >>> rows, _ = run.progress()
        >>> rows[-1].step, rows[-1].images_seen
        (4, 64)
    """
    chosen = choose_device(device)
    fields = {_field_name(name): value for name, value in changes.items()}
    config, preset = _named(config, fields, chosen) if isinstance(config, str) else (config, "custom")
    config = changed(config, fields)
    check_loss(config)
    if config.data.is_folder:
        require_pictures(find_images(folder_of(config.data)))
    run = Run.create(config, preset, None if root is None else Path(root))
    try:
        status = run_training(run, chosen, on_row)
    finally:
        if not run.status_path.exists():
            run.discard()
    return _not_failed(run, status)


def _named(name: str, fields: dict[str, Any], device: torch.device) -> tuple[TrainConfig, str]:
    """Return the config of a preset or run, and the preset's name. Presets for own pictures are adapted to them."""
    config, preset = named_config(name)
    if name not in PRESETS or not PRESETS[name].for_pictures:
        return config, preset
    if "data.name" not in fields:
        raise ValueError(
            f"name the folder of your pictures, as in: dcgan.train({name!r}, data__name='folder:photos')"
        )
    of_data = {name.removeprefix("data."): value for name, value in fields.items() if name.startswith("data.")}
    data = replace(config.data, **of_data)
    size = fields.get("model.image_size")
    return adapted_to(config, data, image_size=size, on_gpu=device.type != "cpu"), preset


def resume(
    run: Run | str | Path,
    *,
    epochs: int | None = None,
    data: str = "",
    device: str = "auto",
    on_row: OnRow | None = None,
) -> Run:
    """Continue a training from its last save to its last epoch, and return the run.

    `epochs` makes the training longer, also after its last epoch. The run then holds the weights of a run that was
    trained for so many epochs at once, bit for bit. A finished run stays as it is without `epochs`.

    Args:
        run: A run, or its name or path.
        epochs: All epochs of the training, more than the run has done. Default: those of its config.
        data: "folder:PATH", where the images of the run's folder are now, if they were moved.
        device: As in `train`.
        on_row: As in `train`.

    Raises:
        RunError: The run has no state to continue from, is being trained, or cannot have so many epochs: learning
            rates that decay keep their length once they have begun to fall. Or the moved folder holds other images.
        FileNotFoundError: The data are not there.
        TrainingError: The training failed after its start. The last good weights are kept; the message names the run.

    Example:
        >>> import dcgan
        >>> config = dict(device="cpu", batch_size=16, data__limit=64, score_images=0)
        >>> run = dcgan.train("gan", epochs=1, **config)
        >>> run = dcgan.resume(run, epochs=2, device="cpu")
        >>> run.status().epoch, run.config().epochs
        (2.0, 2)
    """
    run = run if isinstance(run, Run) else find_run(str(run))
    check_resumable(run)
    return _not_failed(run, run_training(run, choose_device(device), on_row, epochs=epochs, data=data))


def _not_failed(run: Run, status: Status) -> Run:
    """Return the run. Raises TrainingError where its training failed."""
    if status.state == "failed":
        raise TrainingError(f"{run.path} failed: {status.error}")
    return run


def _field_name(keyword: str) -> str:
    """Return the config's name of a keyword: `model.latent_dim` of `model__latent_dim`. Raises ValueError."""
    name = keyword.replace("__", ".")
    if name not in config_fields():
        keywords = [known.replace(".", "__") for known in config_fields()]
        short = [known for known in keywords if known.rpartition("__")[2] == keyword]
        near = short or difflib.get_close_matches(keyword, keywords, n=1)
        advice = f"did you mean {near[0]}?" if near else f"fields are {', '.join(keywords)}"
        raise ValueError(f"{keyword!r} is not a field of a config; {advice}")
    return name
