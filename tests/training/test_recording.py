"""What a training leaves in its run directory, and what a resume continues: finished, stopped, killed."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import WITH_DEFAULT_SIGNALS
from PIL import Image
from small_trainings import CPU, files, pictures, small, stop_at, trained

from dcgan.checkpoint import halved, load_discriminator, load_generator, load_tensors, save_tensors
from dcgan.latents import latents_from_seeds
from dcgan.pixels import grid, to_uint8
from dcgan.presets import PRESETS
from dcgan.runs.resume import check_resumable
from dcgan.runs.run import Run, RunError
from dcgan.training.recording import draw_grid, is_grid_step, run_training, snapshot_steps


def test_a_run_holds_the_whole_training(tmp_path, digits):
    run = trained(tmp_path, small(digits, ema_half_life_images=200))
    status = run.status()
    assert (status.state, status.step, status.steps, status.epoch, status.error) == ("finished", 18, 18, 3.0, "")
    assert "cpu" in status.environment["device"]

    rows, _ = run.progress()
    assert [row.step for row in rows] == [1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 18]
    assert rows[-1].images_seen == 3 * 336
    assert rows[-1].epoch == 3
    assert all(later.wall_seconds >= earlier.wall_seconds for earlier, later in itertools.pairwise(rows))
    assert all(0 <= row.d_real_accuracy <= 1 and 0 <= row.d_fake_accuracy <= 1 for row in rows)
    assert all(0 < row.d_real < 1 and 0 < row.d_fake < 1 and row.images_per_second > 0 for row in rows)

    assert run.sample_steps() == [0, 1, 2, 4, 6, 12, 18]
    assert run.snapshot_steps() == run.d_snapshot_steps() == [0, 1, 2, 3, 5, 9, 18]
    present = {p.name for p in run.path.iterdir()}
    weights = {"generator.safetensors", "generator_ema.safetensors", "discriminator.safetensors", "state.safetensors"}
    records = {"config.json", "status.json", "progress.jsonl", "scores.jsonl", "log.txt", "samples", "snapshots"}
    assert present == weights | records
    assert "finished at step 18" in run.log_path.read_text()


@pytest.mark.slow
def test_the_last_grid_is_what_the_saved_generator_draws(tmp_path, digits):
    run = trained(tmp_path, small(digits, "cdcgan"))
    recorded = np.asarray(Image.open(run.sample_path(18)))
    generator = load_generator(run.path)
    images = generator(latents_from_seeds(range(64), 100), np.arange(64) % 10)
    assert recorded.shape == (224, 224)
    assert np.array_equal(recorded, grid(to_uint8(images.numpy()), 8))
    assert np.array_equal(recorded, draw_grid(generator.network))


@pytest.mark.slow
def test_the_same_config_gives_the_same_run(tmp_path, digits):
    config = small(digits, "dcgan")
    first, second = trained(tmp_path / "a", config), trained(tmp_path / "b", config)
    assert files(first) == files(second)
    losses = [[(row.step, row.d_loss, row.g_loss) for row in run.progress()[0]] for run in (first, second)]
    assert losses[0] == losses[1]


@pytest.mark.slow
@pytest.mark.parametrize("cut", [2, 6, 13, 17])
def test_stopped_anywhere_and_resumed_is_uninterrupted_bit_for_bit(tmp_path, digits, cut):
    config = small(digits, "dcgan", log_every=1, ema_half_life_images=300)
    whole = trained(tmp_path / "whole", config)
    run = Run.create(config, "test", tmp_path / "cut")
    stopped = run_training(run, CPU, stop_at(run, cut))
    assert (stopped.state, stopped.step) == ("stopped", cut)
    assert run.status() == stopped
    assert not run.stop_requested()
    torch.manual_seed(cut)
    assert run_training(run, CPU).state == "finished"
    assert files(run) == files(whole)
    cut_state, whole_state = load_tensors(run.state_path)[0], load_tensors(whole.state_path)[0]
    assert all(torch.equal(cut_state[name], whole_state[name]) for name in whole_state)
    rows = [[(row.step, row.d_loss, row.g_grad_norm) for row in each.progress()[0]] for each in (run, whole)]
    assert rows[0] == rows[1]


def test_a_resume_elsewhere_keeps_where_the_training_was_before(tmp_path, digits):
    run = Run.create(small(digits), "test", tmp_path)
    run_training(run, CPU, stop_at(run, 2))
    for step, device in ((2, "cuda (NVIDIA H200)"), (6, "mps (M4)")):
        assert "earlier devices" not in run.status().environment or step > 2
        run.write_status(replace(run.status(), environment=run.status().environment | {"device": device}))
        run_training(run, CPU, stop_at(run, step + 4))
    environment = run.status().environment
    assert environment["earlier devices"] == "cuda (NVIDIA H200) to step 2, mps (M4) to step 6"
    assert environment["device"].startswith("cpu")
    run_training(run, CPU)
    assert run.status().environment == environment


def test_a_finished_run_trained_again_does_not_change(tmp_path, digits):
    run = trained(tmp_path, small(digits))
    before = files(run) | {"rows": (run.path / "progress.jsonl").read_bytes()}
    assert run_training(run, CPU).state == "finished"
    assert files(run) | {"rows": (run.path / "progress.jsonl").read_bytes()} == before


SCRIPT = """
import sys, torch
from dcgan.training.recording import run_training
from dcgan.runs.run import Run
print(run_training(Run(sys.argv[1]), torch.device("cpu"), lambda row, status: print(row.step, flush=True)).state)
"""


def start(run: Run) -> subprocess.Popen:
    """Start another process that trains the run, and wait for its first row."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **WITH_DEFAULT_SIGNALS,
    )
    assert process.stdout.readline().strip() == "1"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_finishes_the_step_and_saves(tmp_path, digits, name):
    number = getattr(signal, name, None) or pytest.skip(f"this system has no {name}")
    config = small(digits, epochs=10_000)
    run = Run.create(config, "test", tmp_path)
    process = start(run)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.strip().endswith("stopped")
    status = run.status()
    assert (status.state, status.step) == ("stopped", load_tensors(run.state_path)[1]["step"])
    assert load_generator(run.path).step == status.step


@pytest.mark.slow
def test_a_killed_training_is_interrupted_and_resumes_from_its_last_save(tmp_path, digits, monkeypatch):
    config = small(digits, epochs=10_000, log_every=50)
    run = Run.create(config, "test", tmp_path)
    process = start(run)
    while len(run.progress()[0]) < 12:
        time.sleep(0.01)
    with pytest.raises(RunError, match="being trained by another process"):
        run_training(run, CPU)
    assert run.status().state == "running"
    process.kill()
    process.communicate()
    assert run.status().state == "interrupted"
    steps = [row.step for row in run.progress()[0]]

    saved = load_tensors(run.state_path)[1]["step"]
    status = run_training(run, CPU, stop_at(run, 60))
    assert status.state == "stopped"
    again = [row.step for row in run.progress()[0]]
    assert again == sorted(set(again))
    assert saved < steps[-1] or again[: len(steps)] == steps


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["gan", "cgan"])
@pytest.mark.parametrize("recorded", [True, False])
def test_an_unchanged_folder_is_resumed_bit_for_bit(tmp_path, preset, recorded):
    config = pictures(tmp_path / "own", preset)
    whole = trained(tmp_path / "whole", config)
    run = Run.create(config, "test", tmp_path / "cut")
    run_training(run, CPU, stop_at(run, 4))
    tensors, metadata = load_tensors(run.state_path)
    assert metadata["source"]["num_images"] == 48
    assert metadata["source"]["classes"] == (["ants", "bees"] if preset == "cgan" else [])
    if not recorded:  # as earlier versions have saved
        del metadata["source"]
        save_tensors(run.state_path, tensors, metadata)
    status = run_training(run, CPU)
    assert status.state == "finished"
    assert not any("not those" in note for note in status.notes)
    assert files(run) == files(whole)


def test_the_state_of_a_named_set_has_no_files(tmp_path, digits):
    assert set(load_tensors(trained(tmp_path, small(digits, epochs=1)).state_path)[1]) == {
        "kind", "config", "step", "images_seen", "wall_seconds",
    }  # fmt: skip


def test_a_resume_refuses_labels_of_other_classes(tmp_path):
    run = Run.create(pictures(tmp_path / "own", "cgan"), "test", tmp_path)
    run_training(run, CPU, stop_at(run, 4))
    (tmp_path / "own" / "ants").rename(tmp_path / "own" / "cats")  # label 0 would now be bees
    before = files(run)
    with pytest.raises(ValueError, match=r"gone: ants; new: cats"):
        run_training(run, CPU)
    assert run.status().state == "failed"
    assert "put them back" in run.status().error
    assert files(run) == before
    (tmp_path / "own" / "cats").rename(tmp_path / "own" / "ants")
    assert run_training(run, CPU).state == "finished"


@pytest.mark.parametrize("recorded", [True, False])
def test_a_resume_refuses_a_folder_too_small_for_the_steps_that_were_made(tmp_path, recorded):
    run = Run.create(pictures(tmp_path / "own"), "test", tmp_path)
    run_training(run, CPU, stop_at(run, 7))
    if not recorded:
        tensors, metadata = load_tensors(run.state_path)
        del metadata["source"]
        save_tensors(run.state_path, tensors, metadata)
    for path in list((tmp_path / "own" / "ants").iterdir())[:20]:
        path.unlink()
    counts = "28 of 48" if recorded else "28; put"
    with pytest.raises(
        RunError, match=rf"at step 7 and would have ended at step 6 .*{counts}.*train its config again"
    ):
        run_training(run, CPU)
    assert (run.status().state, run.status().step) == ("failed", 7)


def test_every_resume_with_other_files_adds_a_note(tmp_path):
    run = Run.create(pictures(tmp_path / "own", holdout=0.1), "test", tmp_path)
    run_training(run, CPU, stop_at(run, 2))
    (tmp_path / "own" / "bees" / "01.png").rename(tmp_path / "own" / "bees" / "new.png")
    for step in (4, 9):
        status = run_training(run, CPU, stop_at(run, step))
        (note,) = [note for note in status.notes if "are not those that the training began with" in note]
        assert "(43 images then, 43 now)" in note
        assert "held out may now be trained on" in note
        assert note in run.log_path.read_text()
    assert status.state == "finished"


@pytest.mark.parametrize("preset", ["gan", "cgan"])
def test_moved_images_are_found_again_by_their_names(tmp_path, preset):
    whole = trained(tmp_path / "whole", pictures(tmp_path / "own", preset))
    run = Run.create(pictures(tmp_path / "own", preset), "test", tmp_path)
    run_training(run, CPU, stop_at(run, 4))
    (tmp_path / "own").rename(tmp_path / "moved")
    pictures(tmp_path / "other", preset)
    (tmp_path / "other" / "bees" / "01.png").rename(tmp_path / "other" / "bees" / "new.png")
    before = run.config_path.read_bytes(), run.status_path.read_bytes()
    for wrong in ("folder:nowhere", f"folder:{tmp_path / 'other'}", "mnist"):
        with pytest.raises((ValueError, FileNotFoundError)):
            run_training(run, CPU, data=wrong)
        assert (run.config_path.read_bytes(), run.status_path.read_bytes()) == before
    assert run_training(run, CPU, data=f"folder:{tmp_path / 'moved'}").state == "finished"
    assert run.config().data.name == f"folder:{tmp_path / 'moved'}"
    assert run.status().num_images == 48
    assert run.sample_path(9).read_bytes() == whole.sample_path(9).read_bytes()


@pytest.mark.slow
def test_a_state_of_other_networks_is_refused_by_name(tmp_path, digits):
    run, other = trained(tmp_path, small(digits)), trained(tmp_path / "other", small(digits, "dcgan"))
    run.state_path.write_bytes(other.state_path.read_bytes())
    with pytest.raises(RunError, match=r"state\.safetensors"):
        run_training(run, CPU)


def test_the_number_of_threads_is_that_of_the_config_and_restored_afterwards(tmp_path, digits):
    before = torch.get_num_threads()
    run = trained(tmp_path, small(digits, threads=1, epochs=1))
    assert run.status().environment["threads"] == "1"
    assert torch.get_num_threads() == before


def test_grid_and_snapshot_steps():
    assert [step for step in range(27) if is_grid_step(step, 10)] == [0, 1, 2, 4, 8, 10, 20]
    assert [step for step in range(51) if is_grid_step(step, 3)] == [0, 1, 2, 3, 6, 9, 12, 24, 36, 48]
    config = PRESETS["dcgan"].config
    assert sorted(snapshot_steps(config, 37_500)) == [0, 586, 1172, 2344, 4688, 9375, 18_750, 37_500]
    assert snapshot_steps(replace(config, snapshots=0), 100) == set()
    assert snapshot_steps(replace(config, snapshots=10**18), 6) == {0, 1, 2, 3, 6}
    assert snapshot_steps(replace(config, snapshots=1), 100) == {100}
    assert snapshot_steps(replace(config, snapshots=2), 100) == {0, 100}


def test_a_snapshot_has_the_discriminator_of_its_step_in_half_precision(tmp_path, digits):
    run = trained(tmp_path, small(digits))
    newest = load_tensors(run.discriminator_path)[0]
    kept = load_tensors(run.d_snapshot_path(18))[0]
    assert all(torch.equal(kept[name], value) for name, value in halved(newest).items())
    network, config, step = load_discriminator(run.d_snapshot_path(9))
    assert (config, step) == (run.config(), 9)
    earlier = network.state_dict()
    assert any(not torch.equal(earlier[name], value.float()) for name, value in kept.items())


@pytest.mark.parametrize(("above", "kept"), [(0, True), (-1, False)])
def test_only_a_small_discriminator_is_kept(tmp_path, digits, above, kept):
    network = load_discriminator(trained(tmp_path / "first", small(digits, epochs=1)).path)[0]
    num_parameters = sum(weights.numel() for weights in network.parameters())
    run = trained(tmp_path / "second", small(digits, epochs=1, d_snapshot_parameters=num_parameters + above))
    assert bool(run.d_snapshot_steps()) is kept
    assert run.snapshot_steps()


def test_rows_are_made_where_the_device_has_no_float64(tmp_path, digits, monkeypatch):
    """Apple GPUs have no float64; only tensors on the CPU can have it."""
    on_cpu, cpu, double = set(), torch.Tensor.cpu, torch.Tensor.double

    def to_cpu(tensor, *arguments, **options):
        copy = cpu(tensor, *arguments, **options).clone()
        on_cpu.add(copy.data_ptr())
        return copy

    def to_double(tensor, *arguments, **options):
        if tensor.data_ptr() not in on_cpu:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it")
        return double(tensor, *arguments, **options)

    monkeypatch.setattr(torch.Tensor, "cpu", to_cpu)
    monkeypatch.setattr(torch.Tensor, "double", to_double)
    run = Run.create(small(digits, epochs=1, score_images=0), "gan", tmp_path)
    assert run_training(run, CPU).state == "finished"
    assert on_cpu
    assert run.progress()[0][-1].step == 6


def test_a_finished_training_keeps_no_state_if_none_is_wanted(tmp_path, digits):
    kept = trained(tmp_path, small(digits))
    run = Run.create(small(digits, keep_states=0), "test", tmp_path)
    assert run_training(run, CPU, stop_at(run, 5)).state == "stopped"
    assert run.state_path.exists()
    assert run_training(run, CPU).state == "finished"
    assert not run.state_path.exists()
    assert load_generator(run.path).weights_id == load_generator(kept.path).weights_id
    with pytest.raises(RunError, match="cannot be resumed"):
        check_resumable(run)


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 2000])
def test_a_training_of_any_length_has_some_hundred_grids(steps_per_epoch):
    steps = range(0, 10_000 * steps_per_epoch + 1, 1 if steps_per_epoch < 10 else steps_per_epoch)
    drawn = [step for step in steps if is_grid_step(step, steps_per_epoch)]
    assert 60 < len(drawn) < 400
    later = [step for step in drawn if step > 4 * steps_per_epoch]
    assert min(b - a for a, b in itertools.pairwise(later)) >= 10
