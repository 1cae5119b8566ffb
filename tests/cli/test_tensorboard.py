"""The mirror of a run for TensorBoard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from command_line import TINY_FLAGS, change_config, command_error, copy_run

from dcgan.cli import tensorboard
from dcgan.cli.main import main


@pytest.mark.slow
def test_the_mirror_of_a_resumed_training_has_all_rows_and_grids(capsys, places, trained_gan):
    run = copy_run(trained_gan, places)
    change_config(run, epochs=2)
    run.write_status(replace(run.status(), state="stopped", steps=8, epochs=2))
    assert main(["resume", "mine", "--tensorboard"]) == 0
    # Imported here: the package is optional.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "tensorboard"), {"images": 0}).Reload()  # 0: all
    rows = run.progress()[0]
    assert [(event.step, event.value) for event in events.Scalars("d_loss")] == [
        (row.step, pytest.approx(row.d_loss)) for row in rows
    ]
    assert [event.step for event in events.Images("samples")] == run.sample_steps()


def test_without_the_package_no_run_is_made(capsys, places, monkeypatch):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    assert "pip install tensorboard" in command_error(capsys, "train", "gan", *TINY_FLAGS, "--tensorboard")
    assert not places.exists()
