"""How trainings fail: which errors a user can mend, and the sentence for each."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from dcgan.config import TrainConfig
from dcgan.files import remedy_of
from dcgan.locale.language import tr
from dcgan.runtime.distributed import LostRankError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""The disk is full, or the user's share of it."""
_CPU_MEMORY = ("can't allocate memory", "Storage size calculation overflowed")
"""PyTorch's words for a full memory of the CPU, which has no error type of its own."""


_LOST_WORKER = ("DataLoader worker", "shared memory", "(shm)")
"""PyTorch's words for a process that decodes images and has died, or cannot share what it has decoded."""


class TrainingError(RuntimeError):
    """The training cannot continue. The message names the step, the reason and the remedy."""


class LostWorkerError(RuntimeError):
    """A process that decodes images has died."""


def deleted_run(path: Path) -> TrainingError:
    """Return the error of a training whose run directory is gone."""
    return TrainingError(
        tr(
            "{path} was deleted or moved while it was trained; a directory that was moved can be resumed where it is "
            "now",
            path=path,
        )
    )


def out_of_memory(error: BaseException) -> bool:
    """Return whether the error means that a device, or this machine, has too little memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_MEMORY)


def is_expected(error: BaseException) -> bool:
    """Return whether the message is for users, and complete.

    Any other error is a fault of the code and keeps its trace.
    """
    for_users = (TrainingError, LostRankError, OSError, ValueError)
    return isinstance(error, for_users) or out_of_memory(error) or _lost_worker(error)


def sentence(error: BaseException) -> str:
    """Return the message on one line, with the error's type where the message is not for users."""
    text = " ".join(str(error).split())
    return text if is_expected(error) and text else f"{type(error).__name__}: {text}"


def opening_failure(error: BaseException, path: Path, device: torch.device) -> str:
    """Return why the training of the run at this path could not begin on the device."""
    if not out_of_memory(error):
        return sentence(error)
    if isinstance(error, torch.OutOfMemoryError):
        return tr("{path}: networks and data do not fit on {device}; try --device cpu", path=path, device=device)
    return tr(
        "{path}: networks and data do not fit in this machine's memory; try narrower networks, or fewer images by "
        "--data.limit",
        path=path,
    )


def training_failure(error: BaseException, path: Path, config: TrainConfig) -> str:
    """Return why the training of the run at this path ended early."""
    message = sentence(error)
    if out_of_memory(error):
        return tr("the device ran out of memory; try a batch_size below {batch_size}", batch_size=config.batch_size)
    if _lost_worker(error):
        return tr(
            "a process that decodes images has died ({reason}), which happens when memory or /dev/shm is full; "
            "resume the run, train its config again with --data.workers 0, or give the container more by --shm-size",
            reason=message.rstrip(". "),
        )
    if isinstance(error, OSError):
        return tr(
            "{path} could not be written ({reason}); {remedy}, then resume the run",
            path=error.filename or path,
            reason=error.strerror or error,
            remedy=remedy_of(error),
        )
    return message


@contextmanager
def reading_errors() -> Iterator[None]:
    """Raise an OSError of the block, which only reads, as a TrainingError that says so.

    The error of a full disk is raised as it is. Files are not read through a connection, so an error of one means
    that a process at its other end, which decodes images, has died.
    """
    try:
        yield
    except (ConnectionError, EOFError) as error:
        raise LostWorkerError(" ".join(str(error).split()) or tr("it closed its connection")) from error
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        reason = error.strerror or error
        if error.filename:
            text = tr(
                "{path} could not be read ({reason}); mend that, then resume the run",
                path=error.filename,
                reason=reason,
            )
        else:
            text = tr("the training data could not be read ({reason}); mend that, then resume the run", reason=reason)
        raise TrainingError(text) from error


def _lost_worker(error: BaseException) -> bool:
    """Return whether a process that decodes images has died, or has no memory to share its images.

    PyTorch has no error type of its own for that.
    """
    if isinstance(error, LostWorkerError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _LOST_WORKER)
