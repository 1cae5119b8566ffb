"""The commands train and resume: what they record and print, stops, resumes and failures."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace

import pytest
from command_line import TINY_FLAGS, change_config, command_error, copy_run, dry_run_config, start_command
from own_images import photos
from recorded import score_row

from dcgan.cli import progress_bar, train
from dcgan.cli.main import main
from dcgan.presets import PRESETS
from dcgan.runs.diagnosis import diagnose
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Length, Run
from dcgan.training import recording


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("train", ["name a preset first", *PRESETS]),
        ("train --epochs 1 gan", ["name a preset first", *PRESETS]),
        ("train dcgn", ["'dcgn'", "dcgan?"]),
        ("train nothing-like-it", ["'nothing-like-it'", *PRESETS]),
        ("train gan --epochs 0", ["epochs=0"]),
        ("train gan --loss hinge", ["real_target=0.9", "generator_target=0.9", "loss hinge"]),
        ("train gan --device gpu", ["--device 'gpu'", "cpu"]),
        ("train cgan --model.num-classes 30", ["num_classes=30", "10 labels of mnist"]),
        ("train dcgan --gradient-penalty 10", ["gradient_penalty=10", "model.norm_d"]),
        ("train dcgan --gradient-penalty 10 --dry-run", ["gradient_penalty=10", "model.norm_d"]),
        ("train gan --data.root nowhere", ["nowhere"]),
        ("train gan --data folder:nowhere", ["nowhere does not exist"]),
        ("resume nothing", ["'nothing'"]),
    ],
)
def test_a_mistake_is_one_line_that_names_it_and_leaves_no_run(arguments, named, capsys, places):
    error = command_error(capsys, *arguments.split())
    assert [text for text in named if text not in error] == []
    assert not list_runs(places)


def test_notes_of_a_preset_go_to_stderr_and_the_config_to_stdout(capsys):
    assert main(["train", "dcgan", "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"dcgan: {PRESETS['dcgan'].notes}\n"
    assert json.loads(captured.out)["epochs"] == 20
    assert main(["train", "gan", "--dry-run"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("error")
def test_a_recorded_loss_that_is_unknown_is_an_error_unless_another_is_given(trained_gan, capsys, places):
    run = copy_run(trained_gan, places)
    change_config(run, loss="from-the-future")
    error = command_error(capsys, "train", run.name, "--dry-run")
    assert "from-the-future" in error
    assert "wasserstein" in error
    assert dry_run_config(capsys, run.name, "--loss", "bce").loss == "bce"


def test_a_training_whose_data_are_missing_does_not_say_that_it_records(capsys, places, tmp_path):
    assert main(["train", "gan", *TINY_FLAGS, "--device", "cpu", "--data.root", str(tmp_path / "no-data")]) == 2
    assert capsys.readouterr().out == ""


def test_a_training_prints_its_run_its_progress_and_the_next_commands(capsys, places):
    assert main(["train", "gan", *TINY_FLAGS, "--device", "cpu"]) == 0
    (run,) = list_runs(places)
    captured = capsys.readouterr()
    first, finished, advice, *following = captured.out.splitlines()
    assert first == f"recording in {run.path}, on cpu; Ctrl-C stops and saves"
    assert finished == f"finished 1 epochs, saved in {run.path}"
    assert advice.startswith("diagnosis: The training was short.")
    assert following == [
        f"next: python -m dcgan sample {run.name}",
        f"      python -m dcgan gif {run.name}",
    ]
    assert captured.err.splitlines()[-1].startswith("epoch 1/1  step 4/4  D 0.")
    assert captured.err.isprintable() or set(captured.err) - {"\n"} <= set(map(chr, range(32, 127)))
    assert run.status().state == "finished"


def test_a_collapse_is_diagnosed_at_the_end(trained_gan, capsys, places):
    run = copy_run(trained_gan, places)
    status = run.status()
    train._report(run, status, stop_file_seen=False)
    assert "collapsed" not in capsys.readouterr().out
    for step in range(2, 20, 2):
        run.append_score(score_row(step, cfd=30.0, class_histogram=(1.0,) + (0.0,) * 9))
    for state in ("finished", "stopped"):
        train._report(run, replace(status, state=state), stop_file_seen=False)
        result = diagnose(run.progress()[0], state, "", run.scores(), logits_are_probabilities=True)
        assert result.kind == "collapsed"
        lines = capsys.readouterr().out.splitlines()
        assert f"diagnosis: {result.title} {result.cause} {result.remedy}" in lines


@pytest.mark.slow
def test_a_recorded_config_trains_again_to_the_same_weights(trained_gan, capsys, places):
    old = copy_run(trained_gan, places, "old")
    assert dry_run_config(capsys, "old") == dry_run_config(capsys, str(old.path)) == old.config()
    assert dry_run_config(capsys, "old", "--seed", "5") == replace(old.config(), seed=5)
    assert main(["train", "old"]) == 0
    new = next(run for run in list_runs(places) if run != old)
    assert (new.config(), new.preset) == (old.config(), "gan")
    assert new.generator_path.read_bytes() == old.generator_path.read_bytes()


def test_a_failed_training_is_an_error_and_its_run_is_kept(capsys, places):
    error = command_error(capsys, "train", "gan", *TINY_FLAGS, "--lr-d", "1e30", "--lr-g", "1e30", "--epochs", "9")
    (run,) = list_runs(places)
    assert run.status().state == "failed"
    assert run.status().error in error
    assert main(["runs"]) == 0
    assert "failed" in capsys.readouterr().out


@pytest.mark.slow
def test_resume_finishes_a_training_that_a_stop_file_stopped(capsys, places, monkeypatch):
    def request_stop(self, row, status):
        list_runs(places)[0].request_stop()

    with monkeypatch.context() as patch:
        patch.setattr(progress_bar.Progress, "__call__", request_stop)
        assert main(["train", "gan", *TINY_FLAGS, "--epochs", "3"]) == 0
    (run,) = list_runs(places)
    assert f"python -m dcgan resume {run.name}\n" in capsys.readouterr().out
    assert run.status().state == "stopped"
    assert main(["resume", run.name]) == 0
    assert run.status().state == "finished"
    assert main(["resume", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert f"python -m dcgan resume {run.name} --epochs 6" in out


def test_resume_extends_a_finished_run(capsys, places, trained_gan):
    run = copy_run(trained_gan, places)
    assert main(["resume", "mine", "--epochs", "2"]) == 0
    assert f"finished 2 epochs, saved in {run.path}" in capsys.readouterr().out
    assert (run.config().epochs, run.status().epoch, run.earlier_lengths) == (2, 2.0, (Length(1, 4),))
    assert main(["train", "mine"]) == 0
    (whole,) = (other for other in list_runs(places) if other != run)
    assert run.generator_path.read_bytes() == whole.generator_path.read_bytes()
    assert "has done 2 epochs" in command_error(capsys, "resume", "mine", "--epochs", "1")


def test_own_images_are_counted_and_those_left_out_are_named(capsys, places, tmp_path):
    folder = photos(tmp_path / "own", 6)
    (folder / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (folder / "empty.png").touch()
    assert main(["train", "gan", *TINY_FLAGS, "--device", "cpu", "--data", f"folder:{folder}"]) == 0
    assert "training on 6 images\n" in capsys.readouterr().out
    (run,) = list_runs(places)
    status, log = run.status(), run.log_path.read_text(encoding="utf-8")
    assert status.num_images == 6
    for text in ("1 .heic files were left out; pip install", "left out: empty.png", "--model.channels 3 keeps"):
        assert [note for note in status.notes if text in note], text
    for text in (
        f"6 training images of folder:{folder}",
        "left out: a.HEIC (pip",
        "left out: empty.png (it",
        *status.notes,
    ):
        assert text in log, text


def test_resume_finds_images_that_were_moved(capsys, places, tmp_path):
    folder = photos(tmp_path / "own", 6)
    assert main(["train", "gan", *TINY_FLAGS, "--device", "cpu", "--data", f"folder:{folder}"]) == 0
    (run,) = list_runs(places)
    folder.rename(tmp_path / "moved")
    assert "own does not exist" in command_error(capsys, "resume", run.name, "--epochs", "2")
    assert main(["resume", run.name, "--epochs", "2", "--data", f"folder:{tmp_path / 'moved'}"]) == 0
    assert (run.status().state, run.status().epoch) == ("finished", 2.0)
    assert run.config().data.name == f"folder:{tmp_path / 'moved'}"


def test_resume_offers_a_new_training_once_the_rates_have_fallen(capsys, places, trained_gan):
    change_config(copy_run(trained_gan, places), lr_decay=0.5)
    assert main(["resume", "mine"]) == 0
    assert "python -m dcgan train mine --epochs 2" in capsys.readouterr().out
    assert "began to fall at step 3 of its 4" in command_error(capsys, "resume", "mine", "--epochs", "2")


def test_resume_starts_a_run_that_never_began(capsys, places, trained_gan):
    run = Run.create(trained_gan.config(), "gan", places)
    assert main(["resume", run.name]) == 0
    assert run.generator_path.read_bytes() == trained_gan.generator_path.read_bytes()


@pytest.mark.slow
def test_resume_refuses_a_published_run_and_one_that_is_training(capsys, places, trained_gan):
    run = copy_run(trained_gan, places)
    run.state_path.unlink()
    error = command_error(capsys, "resume", "mine")
    assert run.state_path.name in error
    assert error.endswith("python -m dcgan train mine")
    other = Run.create(trained_gan.config(), "gan", places)
    with other.lock():
        assert "another process" in command_error(capsys, "resume", other.name)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a POSIX terminal does")
@pytest.mark.slow
def test_ctrl_c_saves_and_prints_the_command_that_resumes(capsys, places):
    flags = ["--steps-per-epoch", "1000000", "--log-every", "1"]
    process = start_command("train", "gan", *TINY_FLAGS, *flags)
    give_up = time.monotonic() + 60
    while not (list_runs(places) and list_runs(places)[0].progress()[0]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    (run,) = list_runs(places)
    assert process.returncode == 130, err
    assert f"python -m dcgan resume {run.name}\n" in out
    assert "Traceback" not in err
    assert run.status().state == "stopped"
    step = run.status().step
    assert step > 0
    assert main(["sample", run.name, "-o", "half.png"]) == 0
    assert f"of step {step}" in capsys.readouterr().out
    change_config(run, steps_per_epoch=step + 5)  # a million steps take too long
    assert main(["resume", run.name]) == 0
    assert (run.status().state, run.status().step) == ("finished", step + 5)
    assert run.progress()[0][-1].step == step + 5


def test_an_aborted_training_prints_the_command_that_resumes(capsys, monkeypatch, trained_gan, places):
    run = copy_run(trained_gan, places)
    run.write_status(replace(run.status(), state="running"))

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "run_training", interrupted)
    assert main(["resume", "mine"]) == 130
    assert "python -m dcgan resume mine\n" in capsys.readouterr().err


def test_a_training_aborted_before_its_first_step_leaves_no_run(capsys, monkeypatch, places):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "run_training", interrupted)
    assert main(["train", "gan", *TINY_FLAGS]) == 130
    err = capsys.readouterr().err
    assert "before the first step" in err
    assert "resume" not in err
    assert list_runs(places) == []


def test_networks_too_large_for_this_machine_are_an_error_and_leave_no_run(capsys, places):
    flags = ["--data.limit", "64", "--model.latent-dim", "1", "--model.hidden-g", "1000000", "1000000", "--no-scores"]
    assert "this machine's memory" in command_error(capsys, "train", "gan", *flags, "--device", "cpu")
    assert list_runs(places) == []
