"""Which runs can be continued, and to which length."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from recorded import TINY, error_of, record_run

from dcgan.checkpoint import save_tensors
from dcgan.config import TrainConfig
from dcgan.files import CHECKPOINTS
from dcgan.runs.resume import (
    change_length,
    check_resumable,
    has_finished,
    length_refusal,
    rates_refusal,
    saved_step,
)
from dcgan.runs.run import Length, Run


def run_at(root, step: int, **config) -> Run:
    """A run of 10 epochs of 10 steps each, saved at this step; finished at step 100."""
    run = record_run(root, replace(TINY, **({"epochs": 10} | config)))
    save_tensors(run.state_path, {"x": torch.zeros(1)}, {"kind": "state", "step": step})
    state = "finished" if step == 100 else "stopped"
    run.write_status(replace(run.status(), state=state, step=step, steps=100, epochs=run.config().epochs))
    return run


@pytest.mark.parametrize(
    ("step", "epochs", "lr_decay", "remedy"),
    [
        (100, 20, 0.0, ""),
        (100, 10, 0.0, "has done 10 epochs, and 10 are not more; ask for 11 epochs or more"),
        (100, 9, 0.0, "ask for 11 epochs or more"),
        (53, 5, 0.0, "has done 5.3 epochs, and 5 are not more; ask for 6 epochs or more"),
        (53, -1, 0.0, "ask for 6 epochs or more"),
        (53, 6, 0.0, ""),
        (53, 10, 0.0, ""),
        (53, 40, 0.0, ""),
        (53, 10**18, 0.0, "epochs=1000000000000000000 is above 10000000; try 20"),
        (0, 3, 1.0, ""),
        # Half of 100 steps: the rates are lower from step 51 on.
        (51, 40, 0.5, ""),
        (
            52,
            40,
            0.5,
            r"began to fall at step 51 of its 100 \(lr_decay=0.5\), so its length cannot change at step 52",
        ),
        (100, 40, 0.5, r"train its config again: python -m dcgan train \S+ --epochs N"),
        (52, 10, 0.5, ""),
        (52, 5, 0.5, "ask for 6 epochs or more"),
        (40, 6, 0.5, "in 6 epochs the learning rates of .* would begin to fall at step 31, and it has done 40"),
        (31, 6, 0.5, ""),
    ],
)
def test_the_length_changes_until_the_rates_fall(runs_root, step, epochs, lr_decay, remedy):
    run = run_at(runs_root, step, lr_decay=lr_decay)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    if remedy:
        with pytest.raises(ValueError, match=remedy):
            change_length(run, epochs)
        assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    else:
        assert length_refusal(run, epochs) == ""
        change_length(run, epochs)
        assert run.config() == replace(TINY, epochs=epochs, lr_decay=lr_decay)


@pytest.mark.parametrize(("lr_decay", "first"), [(0.0, 100), (0.5, 51), (1.0, 1), (0.004, 100), (0.02, 99)])
def test_rates_are_refused_from_the_step_at_which_they_are_lower(runs_root, lr_decay, first):
    config = TrainConfig(lr_decay=lr_decay)
    assert [config.decay_factor(step, 100) for step in range(100)][:first] == [1.0] * first
    assert first == 100 or config.decay_factor(first, 100) < 1
    refused = [
        step
        for step in (1, first, min(first + 1, 100), 100)
        if rates_refusal(run_at(runs_root, step, lr_decay=lr_decay))
    ]
    assert all(step > first for step in refused)
    assert (100 in refused) == (first < 100)


def test_config_and_status_have_the_new_length_and_the_config_notes_the_earlier_one(runs_root):
    run = run_at(runs_root, 100)
    values = json.loads(run.config_path.read_bytes())
    assert run.earlier_lengths == ()
    with run.lock():
        change_length(run, 400)
        status = run.status()
    assert (status.state, status.step, status.steps, status.epochs) == ("running", 100, 4000, 400)
    assert run.status().state == "interrupted"  # a process that ends now leaves a run that can be resumed
    assert run.earlier_lengths == (Length(10, 100),)
    changed = json.loads(run.config_path.read_bytes())
    assert changed.pop("earlier_lengths") == [{"epochs": 10, "until_step": 100}]
    assert changed == values | {"config": values["config"] | {"epochs": 400}}
    change_length(run, 40)  # nothing was trained with 400
    assert run.earlier_lengths == (Length(10, 100),)
    save_tensors(run.state_path, {"x": torch.zeros(1)}, {"kind": "state", "step": 150})
    change_length(run, 20)
    assert run.earlier_lengths == (Length(10, 100), Length(40, 150))
    assert (run.config().epochs, run.status().steps) == (20, 200)


@pytest.mark.parametrize("damage", ["x", 3, [None, {"epochs": "2"}], {"epochs": 2}])
def test_damaged_earlier_lengths_are_left_out(tiny_run, damage):
    values = json.loads(tiny_run.config_path.read_bytes())
    tiny_run.write_text("config.json", json.dumps(values | {"earlier_lengths": damage}))
    assert tiny_run.earlier_lengths == ()
    assert tiny_run.config() == TINY


def test_a_process_killed_between_config_and_status_leaves_a_run_to_resume(runs_root):
    run = run_at(runs_root, 100)
    assert has_finished(run)
    run.change_epochs(40, 100)
    assert run.status().state == "finished"
    assert not has_finished(run)
    change_length(run, 40)
    assert (run.status().steps, run.earlier_lengths) == (400, (Length(10, 100),))


@pytest.mark.parametrize(("steps", "epochs"), [(9, 10), (0, 10), (100, 0), (1, 2**40), (10**15, 1), (10**15, 10**8)])
def test_a_status_whose_steps_cannot_be_those_of_its_epochs_is_not_believed(runs_root, steps, epochs):
    run = run_at(runs_root, 5)
    damaged = replace(run.status(), steps=steps, epochs=epochs)
    run.write_status(damaged)
    assert length_refusal(run, 40) == ""
    change_length(run, 40)
    assert run.config().epochs == 40
    assert run.status() == replace(damaged, state=run.status().state)


def test_a_run_without_a_step_gets_any_length(runs_root):
    run = Run.create(TINY, "tiny", runs_root)
    assert not has_finished(run)
    change_length(run, 7)
    assert run.config().epochs == 7
    assert not run.status_path.exists()
    with pytest.raises(ValueError, match="epochs=0 is below 1"):
        change_length(run, 0)


def test_what_has_no_state_cannot_be_resumed(tiny_run):
    text = error_of(lambda: check_resumable(tiny_run))
    assert text.startswith(f"{tiny_run.path} has no state.safetensors and cannot be resumed")
    assert error_of(lambda: check_resumable(Run(CHECKPOINTS / "dcgan-mnist"))).endswith("train dcgan-mnist")
    save_tensors(tiny_run.state_path, {}, {"step": 4})
    check_resumable(tiny_run)


@pytest.mark.parametrize("content", [b"", b"\xff" * 99, b"\2\0\0\0\0\0\0\0[]", b"\2\0\0\0\0\0\0\0{}"])
def test_a_damaged_state_is_a_sentence(tiny_run, content):
    tiny_run.state_path.write_bytes(content)
    assert "cannot be read" in error_of(lambda: saved_step(tiny_run))


@pytest.mark.parametrize("metadata", [{}, {"step": "4"}, {"step": -1}])
def test_a_state_without_a_step_is_a_sentence(tiny_run, metadata):
    save_tensors(tiny_run.state_path, {}, metadata)
    assert "cannot be read" in error_of(lambda: saved_step(tiny_run))
