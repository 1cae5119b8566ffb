"""Add the discriminators at the snapshots to a published run that was recorded without them.

The run's config is trained again. Each snapshot's generator must be that of the run, bit for bit. Then the
discriminators are copied, and no other file is written: python tests/kept_discriminators.py dcgan-mnist
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from dcgan.checkpoint import load_tensors, weights_id
from dcgan.files import CHECKPOINTS
from dcgan.runs.rows import ProgressRow, Status
from dcgan.runs.run import Run
from dcgan.training.recording import run_training


def add_discriminators(run: Run, repeated: Run) -> list[Path]:
    """Copy the discriminators at the snapshots of a repeated training into the run, and return their new paths.

    Raises ValueError where a snapshot's generator is not that of the run, or where a discriminator was not kept.
    """
    if difference := first_difference(run, repeated):
        raise ValueError(difference)
    steps = run.snapshot_steps()
    if repeated.d_snapshot_steps() != steps:
        raise ValueError(f"{repeated.path} has discriminators at {repeated.d_snapshot_steps()}, not at {steps}")
    return [Path(shutil.copyfile(repeated.d_snapshot_path(step), run.d_snapshot_path(step))) for step in steps]


def first_difference(run: Run, repeated: Run) -> str:
    """Return which snapshot of the repeated training is not that of the run; empty where all so far are."""
    for step in repeated.snapshot_steps():
        ids = [weights_id(load_tensors(one.snapshot_path(step))[0]) for one in (run, repeated)]
        if ids[0] != ids[1]:
            return f"the generator at step {step} is {ids[1]}, not {ids[0]}; use a processor like that of {run.name}"
    return ""


def main(name: str) -> int:
    """Train the published run's config again, and add its discriminators. Stop at the first difference."""
    run = Run(CHECKPOINTS / name)
    with tempfile.TemporaryDirectory() as folder:
        repeated = Run.create(replace(run.config(), score_images=0, keep_states=0), run.preset, Path(folder))
        kept: list[int] = []

        def on_row(row: ProgressRow, status: Status) -> None:
            steps = repeated.snapshot_steps()
            if steps != kept:
                kept[:] = steps
                print(f"step {row.step} of {status.steps}", flush=True)
                if first_difference(run, repeated):
                    repeated.request_stop()

        run_training(repeated, torch.device("cpu"), on_row)
        for path in add_discriminators(run, repeated):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
