"""The command line, as a user types it: in this process, or in one of its own where the process matters."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recorded import score_row

from dcgan import cli, pixels
from dcgan.cli import progress_bar, tensorboard, train
from dcgan.cli.main import COMMANDS, command_modules, main
from dcgan.cli.program import name_in_shell
from dcgan.config import ModelConfig, TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs.listing import find_run, list_runs
from dcgan.runs.run import Run, RunError
from dcgan.training import recording

PROJECT = Path(__file__).resolve().parents[2]
TINY = [
    *("--data.limit", "64", "--batch-size", "16", "--epochs", "1", "--threads", "1"),
    *("--model.hidden-g", "16", "--model.hidden-d", "16", "--model.latent-dim", "4", "--no-scores"),
]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> Path:
    """Runs, published models and the working directory of their own. Returns the folder of the runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("DCGAN_DEVICE", raising=False)
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    return tmp_path / "runs"


@pytest.fixture(scope="module", params=["gan", "cgan"])
def trained(request, tmp_path_factory) -> Run:
    return _trained(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def trained_gan(tmp_path_factory) -> Run:
    return _trained("gan", tmp_path_factory)


def _trained(preset: str, tmp_path_factory) -> Run:
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCGAN_RUNS", str(root))
        assert main(["train", preset, *TINY]) == 0
    (run,) = list_runs(root)
    return run


def own_copy(run: Run, places: Path, name: str = "mine") -> Run:
    shutil.copytree(run.path, places / name)
    return Run(places / name)


def subprocess_of(*arguments: str, **options) -> subprocess.Popen:
    """python -W error -m dcgan ..., in the same working directory and environment."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-m", "dcgan", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(command, env=environment, **pipes)


def config_of(capsys, *arguments: str) -> TrainConfig:
    """What --dry-run says would be trained."""
    capsys.readouterr()
    assert main(["train", *arguments, "--dry-run"]) == 0
    return TrainConfig.from_json(json.loads(capsys.readouterr().out))


def error_of(capsys, *arguments: str) -> str:
    """The one sentence that a mistake is answered with."""
    capsys.readouterr()
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


# Parsing


@pytest.mark.parametrize("name", PRESETS)
def test_a_dry_run_prints_the_presets_config_and_trains_nothing(name, capsys, places):
    assert config_of(capsys, name) == PRESETS[name].config
    assert not places.exists()


KERAS = PRESETS["dcgan-keras"].config


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--model.output tanh", replace(KERAS, model=replace(KERAS.model, output="tanh"))),
        ("--model.latent-dim 50", replace(KERAS, model=replace(KERAS.model, latent_dim=50))),
        ("--model.norm-g batch", replace(KERAS, model=replace(KERAS.model, norm_g="batch"))),
        ("--real-target 0.9", replace(KERAS, real_target=0.9)),
        ("--score-images 500", replace(KERAS, score_images=500)),
        ("--score-images 0", replace(KERAS, score_images=0)),
        ("--no-scores", replace(KERAS, score_images=0)),
        ("--no-joint-batch --reuse-fakes --generator-batch-factor 1",
         replace(KERAS, joint_batch=False, reuse_fakes=True, generator_batch_factor=1)),
        ("--betas 0 0.99", replace(KERAS, betas=(0.0, 0.99))),
        ("--model.topology mlp --model.hidden-g 128 256",
         replace(KERAS, model=replace(KERAS.model, topology="mlp", hidden_g=(128, 256)))),
        ("--data kmnist", replace(KERAS, data=replace(KERAS.data, name="kmnist"))),
        ("--data=folder:a--data/b", replace(KERAS, data=replace(KERAS.data, name="folder:a--data/b"))),
        ("--data.name cifar10", replace(KERAS, data=replace(KERAS.data, name="cifar10"))),
    ],
)  # fmt: skip
def test_one_flag_is_one_field(flags, expected, capsys):
    assert config_of(capsys, "dcgan-keras", *flags.split()) == expected


def test_tanh_brings_its_pixel_range(capsys):
    assert config_of(capsys, "dcgan-keras").model.pixel_range == (0, 1)
    assert config_of(capsys, "dcgan-keras", "--model.output", "tanh").model.pixel_range == (-1, 1)


def test_notes_are_printed_once_and_beside_the_config(capsys):
    assert main(["train", "dcgan", "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"dcgan: {PRESETS['dcgan'].notes}\n"
    assert json.loads(captured.out)["epochs"] == 20
    assert main(["train", "gan", "--dry-run"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("trian gan", "'trian' is not a command; did you mean train?"),
        ("xyz", "commands are presets, runs, train"),
        ("train", "name a preset first, as in: python -m dcgan train dcgan"),
        ("train --epochs 1 gan", "name a preset first"),
        ("train dcgn", "'dcgn' is neither a preset nor a run; did you mean dcgan?"),
        ("train nothing-like-it", "presets are gan, dcgan"),
        ("train gan --epochs 0", "epochs=0 is below 1; try 1"),
        (
            "train gan --loss hinge",
            "real_target=0.9, generator_target=0.9 have no effect with loss hinge; set them to 1.0, 1.0",
        ),
        ("train gan --device gpu", "--device 'gpu' is not on this machine; choose one of"),
        ("train cgan --model.num-classes 30", "num_classes=30 is more than the 10 labels of mnist"),
        ("train dcgan --gradient-penalty 10", "gradient_penalty=10 is taken of each image"),
        ("train dcgan --gradient-penalty 10 --dry-run", "set model.norm_d to none"),
        ("train gan --data.root nowhere", "nowhere"),
        ("train gan --data folder:nowhere", "nowhere does not exist; name one that holds images"),
        ("resume nothing", "'nothing' is not a run directory; there is none yet"),
        ("sample nothing", "'nothing' is not a run directory"),
        ("sample nothing.safetensors", "nothing.safetensors does not exist"),
        ("sample x.safetensors --step 3", "names a snapshot of a run"),
        ("sample x --seeds 9-3", "range 9-3 runs backwards"),
        ("sample x --components seven", "components 'seven' are not numbers; write 7, 0-9 or 0,1,2"),
        ("sample x --labels seven", "labels 'seven' are not numbers; write 7, 0-9 or 0,1,2"),
        ("gif nothing", "'nothing' is not a run directory"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(arguments, expected, capsys, places):
    assert expected in error_of(capsys, *arguments.split())
    assert not list_runs(places)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("train gan --modle.output tanh", "--model.output"),
        ("train gan --model.output tan", "invalid choice 'tan'"),
        ("train gan --model.latent-dim 0", "latent_dim=0 is below 1; try 1"),
        (f"train gan --model.latent-dim {10**22}", f"latent_dim={10**22} is above 1000000; try 100"),
        ("train gan --threads 100000000000", "threads=100000000000 is above 4096; try 0"),
        ("train gan --data.holdout 0.1", "holdout=0.1 has no effect with mnist"),
        ("sample x --nope", "--nope"),
        ("sample", "CHECKPOINT"),
        ("runs extra", "extra"),
    ],
)
def test_what_tyro_does_not_understand_is_code_2(arguments, expected, capsys):
    assert main(arguments.split()) == 2
    assert expected in " ".join(capsys.readouterr().err.split())


def test_help_names_every_command_and_every_field(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert main([]) == 2
    assert capsys.readouterr().err == text
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
    assert main(["train", "dcgan-step", "--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--model.latent-dim INT", "--data.limit INT", "--r1-gamma FLOAT", "--no-joint-batch", "--dry-run"):
        assert flag in text
    assert "(default: 96)" in text  # the preset's own


@pytest.mark.parametrize(
    ("arguments", "current"),
    [
        ("train-features mnist", "'train-classifier'"),
        ("train dcgan --penalty-every 4", "--d-reg-interval"),
        ("train dcgan --penalty-every=4", "--d-reg-interval"),
        ("train dcgan-best --model.guessed-kinds", "--model.auxiliary-head"),
        ("train dcgan-best --model.no-guessed-kinds", "--model.no-auxiliary-head"),
        ("train dcgan-best --guess-warp 1", "--auxiliary-affine"),
        ("train dcgan --model.batch-deviation", "--model.minibatch-stddev"),
        ("sample dcgan-best-mnist --kinds 0-19", "--components"),
        ("sample dcgan-best-mnist --kind 3", "--component"),
    ],
)
def test_an_earlier_name_is_answered_with_the_current_one(arguments, current, capsys):
    assert error_of(capsys, *arguments.split()).endswith(f"is now called {current}; use that name")


def test_a_module_of_commands_is_found_by_its_table(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text("def toy() -> int:\n    return 7\n\n\nCOMMANDS = {'toy': toy}\n")
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    monkeypatch.setitem(sys.modules, "dcgan.cli.toy", None)  # removed at the end, like the import below
    monkeypatch.delitem(sys.modules, "dcgan.cli.toy")
    *others, last = command_modules()
    assert last.COMMANDS["toy"]() == 7
    assert list(COMMANDS) == [name for module in others for name in module.COMMANDS]


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("dcgan-studio 0.")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--help", "runs", "runs --json", "train dcgan --dry-run"])
def test_quick_commands_do_not_import_torch(arguments):
    code = f"import sys; from dcgan.cli.main import main; main({arguments.split()}); sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess_of("train", "dcgan", "--dry-run")
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert "Error" not in err
    assert process.returncode == 141


# Training


def test_training_says_where_how_it_goes_and_what_is_next(capsys, places):
    assert main(["train", "gan", *TINY, "--device", "cpu"]) == 0
    (run,) = list_runs(places)
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"recording in {run.path}, on cpu; Ctrl-C stops and saves",
        f"finished 1 epochs, saved in {run.path}",
        f"next: python -m dcgan sample {run.name}",
        f"      python -m dcgan gif {run.name}",
    ]
    assert captured.err.splitlines()[-1].startswith("epoch 1/1  step 4/4  D 0.")
    assert captured.err.isprintable() or set(captured.err) - {"\n"} <= set(map(chr, range(32, 127)))
    assert run.status().state == "finished"


def test_a_collapse_is_diagnosed_at_the_end(trained_gan, capsys, places):
    run = own_copy(trained_gan, places)
    status = run.status()
    train._report(run, status, stop_file_seen=False)
    assert "diagnosis" not in capsys.readouterr().out
    for step in range(2, 20, 2):
        run.append_score(score_row(step, cfd=30.0, class_histogram=(1.0,) + (0.0,) * 9))
    for state in ("finished", "stopped"):
        train._report(run, replace(status, state=state), stop_file_seen=False)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("diagnosis: ")]
        assert "100% of its images are of one class, 0." in line
        assert line.endswith("learning rate at a quarter.")


@pytest.mark.slow
def test_a_recorded_config_trains_again_to_the_same_weights(trained_gan, capsys, places):
    old = own_copy(trained_gan, places, "old")
    assert config_of(capsys, "old") == config_of(capsys, str(old.path)) == old.config()
    assert config_of(capsys, "old", "--seed", "5") == replace(old.config(), seed=5)
    assert main(["train", "old"]) == 0
    new = next(run for run in list_runs(places) if run != old)
    assert (new.config(), new.preset) == (old.config(), "gan")
    assert new.generator_path.read_bytes() == old.generator_path.read_bytes()


def test_a_failed_training_says_why_and_keeps_the_run(capsys, places):
    assert "became" in error_of(capsys, "train", "gan", *TINY, "--lr-d", "1e30", "--lr-g", "1e30", "--epochs", "9")
    (run,) = list_runs(places)
    assert run.status().state == "failed"
    assert main(["runs"]) == 0
    assert "failed" in capsys.readouterr().out


@pytest.mark.slow
def test_resume_finishes_what_a_stop_file_stopped(capsys, places, monkeypatch):
    ask = lambda self, row, status: list_runs(places)[0].request_stop()  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(progress_bar.Progress, "__call__", ask)
        assert main(["train", "gan", *TINY, "--epochs", "3"]) == 0  # somebody asked, nothing went wrong
    (run,) = list_runs(places)
    assert f"continue with: python -m dcgan resume {run.name}" in capsys.readouterr().out
    assert run.status().state == "stopped"
    assert main(["resume", run.name]) == 0
    assert run.status().state == "finished"
    assert main(["resume", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "has finished its 3 epochs" in out
    assert f"python -m dcgan train {run.name} --epochs 6" in out


def test_resume_starts_a_run_that_never_began(capsys, places, trained_gan):
    run = Run.create(trained_gan.config(), "gan", places)
    assert main(["resume", run.name]) == 0
    assert run.generator_path.read_bytes() == trained_gan.generator_path.read_bytes()


@pytest.mark.slow
def test_resume_refuses_a_published_run_and_one_that_is_trained(capsys, places, trained_gan):
    run = own_copy(trained_gan, places)
    run.state_path.unlink()
    sentence = error_of(capsys, "resume", "mine")
    assert "has no state.safetensors and cannot be resumed" in sentence
    assert sentence.endswith("python -m dcgan train mine")
    other = Run.create(trained_gan.config(), "gan", places)
    with other.lock():
        assert "is being trained by another process" in error_of(capsys, "resume", other.name)


def with_config(run: Run, **fields) -> None:
    """Change a recorded config, which only a test does."""
    values = json.loads((run.path / "config.json").read_text())
    values["config"] |= fields
    run.write_text("config.json", json.dumps(values))


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a POSIX terminal does")
@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(capsys, places):
    flags = ["--steps-per-epoch", "1000000", "--log-every", "1"]
    process = subprocess_of("train", "gan", *TINY, *flags)
    give_up = time.monotonic() + 60
    while not (list_runs(places) and list_runs(places)[0].progress()[0]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    (run,) = list_runs(places)
    assert process.returncode == 130, err
    assert f"continue with: python -m dcgan resume {run.name}" in out
    assert "Traceback" not in err
    assert run.status().state == "stopped"
    step = run.status().step
    assert step > 0
    assert main(["sample", run.name, "-o", "half.png"]) == 0
    assert f"of step {step}" in capsys.readouterr().out
    with_config(run, steps_per_epoch=step + 5)  # nobody waits for the million
    assert main(["resume", run.name]) == 0
    assert (run.status().state, run.status().step) == ("finished", step + 5)
    assert run.progress()[0][-1].step == step + 5


def test_a_second_ctrl_c_aborts_and_says_what_is_left(capsys, monkeypatch, trained_gan, places):
    run = own_copy(trained_gan, places)
    run.write_status(replace(run.status(), state="running"))

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "run_training", interrupted)
    assert main(["resume", "mine"]) == 130
    assert "continue from the last save with: python -m dcgan resume mine" in capsys.readouterr().err


def test_aborted_before_its_first_step_a_training_says_that_nothing_is_left(capsys, monkeypatch, places):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "run_training", interrupted)
    assert main(["train", "gan", *TINY]) == 130
    err = capsys.readouterr().err
    assert "aborted before the first step; nothing was recorded" in err
    assert "resume" not in err
    assert list_runs(places) == []


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 8 TiB"), RuntimeError("can't allocate memory: x")])
def test_a_full_memory_is_a_sentence(error, capsys, monkeypatch):
    monkeypatch.setitem(COMMANDS, "runs", lambda: raised(error))
    assert "there is not enough memory for this; ask for fewer" in error_of(capsys, "runs")


def test_a_fault_of_ours_keeps_its_trace(monkeypatch):
    monkeypatch.setitem(COMMANDS, "runs", lambda: raised(RuntimeError("mat1 and mat2 cannot be multiplied")))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        main(["runs"])


def raised(error: Exception) -> int:
    raise error


def test_networks_too_large_for_this_machine_are_a_sentence_and_leave_nothing(capsys, places):
    flags = ["--data.limit", "64", "--model.latent-dim", "1", "--model.hidden-g", "1000000", "1000000", "--no-scores"]
    assert "do not fit in this machine's memory" in error_of(capsys, "train", "gan", *flags, "--device", "cpu")
    assert list_runs(places) == []


def test_a_run_is_named_in_the_shell_by_its_name_where_that_finds_it(tmp_path, places):
    config = TrainConfig()
    assert name_in_shell(mine := Run.create(config, "x", places)) == mine.name
    elsewhere = Run.create(config, "y", tmp_path / "else where")
    assert name_in_shell(elsewhere) == f"'{elsewhere.path}'"


# Looking


def test_runs_are_a_table(capsys, places, trained_gan):
    assert main(["runs"]) == 0
    assert "there are no runs" in capsys.readouterr().out
    own_copy(trained_gan, places)
    own_copy(trained_gan, places.parent / "published", "model")
    Run.create(TrainConfig(), "dcgan", places)
    assert main(["runs"]) == 0
    head, model, new, mine = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "STATE", "PRESET", "DATA", "EPOCH", "D", "LOSS", "G", "LOSS", "IMAGES/S"]
    assert model.split()[:6] == ["model", "finished", "(published)", "gan", "mnist", "1/1"]
    assert new.split()[1:] == ["new", "dcgan", "mnist", "0/20", "-", "-", "-"]
    last = trained_gan.progress()[0][-1]
    assert mine.split()[:7] == ["mine", "finished", "gan", "mnist", "1/1", f"{last.d_loss:.3f}", f"{last.g_loss:.3f}"]


def test_runs_as_json(capsys, places, trained_gan):
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    own_copy(trained_gan, places)
    assert main(["runs", "--json"]) == 0
    (mine,) = json.loads(capsys.readouterr().out)
    assert (mine["name"], mine["state"], mine["published"], mine["step"]) == ("mine", "finished", False, 4)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b"\xff\xfe"),
        ("config.json", b'{"config": {"format": 99}}'),
        ("status.json", b""),
        ("status.json", b'{"state": 3, "step": "x", "steps": 1, "epochs": 1}'),
        ("status.json", b'{"state": "finished"}'),
    ],
)
def test_a_damaged_run_is_a_line_with_its_reason(file, content, capsys, places, trained_gan):
    own_copy(trained_gan, places, "sound")
    (own_copy(trained_gan, places, "broken").path / file).write_bytes(content)
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("sound")
    assert lines[2].startswith("broken is damaged: ")
    assert main(["runs", "--json"]) == 0
    assert [summary["state"] for summary in json.loads(capsys.readouterr().out)] == ["damaged", "finished"]


def test_presets_show_the_sizes_of_the_real_networks(capsys):
    assert main(["presets"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in PRESETS)
    (line,) = (line for line in text.splitlines() if line.startswith("dcgan "))
    assert line.split()[1:6] == ["DCGAN", "312,256", "109,440", "20", "32"]
    assert PRESETS["dcgan-step"].notes in text
    assert main(["presets", "--json"]) == 0
    by_name = {preset["name"]: preset for preset in json.loads(capsys.readouterr().out)}
    keras = by_name["dcgan-keras"]
    assert (keras["generator_parameters"], keras["discriminator_parameters"]) == (1_164_289, 40_705)


# Pictures


def test_a_seed_gives_one_image_alone_and_in_a_batch_of_64(trained, capsys, tmp_path):
    assert main(["sample", str(trained.path), "-o", "all/"]) == 0
    assert "64 images from weights" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert len(names) == 64
    labelled = trained.preset == "cgan"
    assert names[42] == ("seed-0000042-label-2.png" if labelled else "seed-0000042.png")
    (tmp_path / "one").mkdir()
    assert (
        main(["sample", str(trained.path), "--seeds", "42", "-o", "one", *(["--label", "2"] if labelled else [])])
        == 0
    )
    assert (tmp_path / "one" / names[42]).read_bytes() == (tmp_path / "all" / names[42]).read_bytes()
    assert main(["sample", str(trained.path), "-o", "sheet.png"]) == 0
    with Image.open("sheet.png") as sheet, Image.open(tmp_path / "all" / names[42]) as single:
        np.testing.assert_array_equal(pixels.cell(np.asarray(sheet), 42, 8, 8), np.asarray(single))


def test_samples_are_the_same_from_the_run_and_from_its_file(trained, tmp_path, capsys):
    assert main(["sample", str(trained.path), "-o", "a.png", "--device", "auto"]) == 0
    assert main(["sample", str(trained.generator_path), "-o", "b.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    a, b = capsys.readouterr().out.splitlines()
    assert a.removeprefix("a.png") == b.removeprefix("b.png")
    with Image.open("a.png") as sheet, Image.open(trained.sample_path(4)) as recorded:
        np.testing.assert_array_equal(np.asarray(sheet), np.asarray(recorded))


def test_sample_flags(trained_gan, capsys, places):
    run = own_copy(trained_gan, places)
    assert main(["sample", "mine", "--seeds", "0-2,9", "--enlarge", "3", "--columns", "4", "--reverse"]) == 0
    assert capsys.readouterr().out.startswith("samples-mine.png: 4 images from weights ")
    assert main(["sample", "mine", "--seeds", "0-2,9", "--columns", "4", "-o", "plain.png"]) == 0
    with Image.open("samples-mine.png") as large, Image.open("plain.png") as plain:
        assert (large.size, plain.size) == ((4 * 84, 84), (112, 28))
        np.testing.assert_array_equal(255 - np.asarray(large)[::3, ::3], np.asarray(plain))
    first, last = run.snapshot_steps()[0], run.snapshot_steps()[-1]
    assert main(["sample", "mine", "--step", str(first)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"of step {first}")
    assert Path(f"samples-mine-{first:07d}.png").exists()
    assert f"no snapshot of step 3; there are: {first}, " in error_of(capsys, "sample", "mine", "--step", "3")
    assert last == 4
    assert "write x.jpg.png or x.jpg/" in error_of(capsys, "sample", "mine", "-o", "x.jpg")
    assert "not conditional" in error_of(capsys, "sample", "mine", "--label", "3")
    assert "latents are normal" in error_of(capsys, "sample", "mine", "--component", "3")
    assert "factor=0 is below 1" in error_of(capsys, "sample", "mine", "--enlarge", "0")
    Path("file").write_text("")
    assert error_of(capsys, "sample", "mine", "-o", "file/x.png").startswith("error: file")


def test_a_run_without_weights_says_so(capsys, places):
    run = Run.create(TrainConfig(model=ModelConfig()), "dcgan", places)
    assert "generator.safetensors does not exist" in error_of(capsys, "sample", run.name)
    assert "has no sample grids yet" in error_of(capsys, "gif", run.name)


def test_gif_makes_a_film_of_the_training(trained, capsys, tmp_path):
    assert main(["gif", str(trained.path), "--milliseconds", "100", "--last-hold", "1000", "--enlarge", "1"]) == 0
    path = tmp_path / f"training-{trained.name}.gif"
    assert capsys.readouterr().out.startswith(path.name)
    with Image.open(path) as film:
        assert film.n_frames == len(trained.sample_steps()) == 4  # 0, 1, 2 and the epoch's end, 4
        durations = []
        for index in range(4):
            film.seek(index)
            durations.append(film.info["duration"])
    assert durations == [100, 100, 100, 1000]
    assert "milliseconds=15 is not a multiple of 10" in error_of(
        capsys, "gif", str(trained.path), "--milliseconds", "15"
    )
    assert "film.mp4.gif" in error_of(capsys, "gif", str(trained.path), "-o", "film.mp4")


def test_gif_of_a_run_that_is_still_written(trained, places, capsys):
    run = own_copy(trained, places)
    run.write_status(replace(run.status(), state="running", step=2))
    run.sample_path(4).unlink()
    with run.lock():
        assert main(["gif", "mine", "-o", "half.gif"]) == 0
    with Image.open("half.gif") as film:
        assert film.n_frames == 3


# TensorBoard


@pytest.mark.slow
def test_tensorboard_mirrors_the_whole_record_even_after_a_resume(capsys, places, trained_gan):
    run = own_copy(trained_gan, places)
    with_config(run, epochs=2)
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


def test_a_missing_tensorboard_is_said_before_a_run_is_made(capsys, places, monkeypatch):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    sentence = error_of(capsys, "train", "gan", *TINY, "--tensorboard")
    assert "pip install tensorboard" in sentence
    assert not places.exists()
    with pytest.raises(RunError):
        find_run("anything")
