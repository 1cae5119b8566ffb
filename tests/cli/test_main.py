"""The program as a whole: its help, its exit codes, and errors as one sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from command_line import PROJECT, command_error, start_command

from dcgan import cli
from dcgan.cli.main import COMMANDS, command_modules, main


@pytest.mark.parametrize(
    ("name", "advice"), [("trian", "did you mean train?"), ("xyz", f"commands are {', '.join(COMMANDS)}")]
)
def test_an_unknown_command_is_answered_with_the_known_ones(name, advice, capsys):
    assert command_error(capsys, name) == f"error: {name!r} is not a command; {advice}"


def test_arguments_that_a_command_does_not_have_are_code_2(capsys):
    assert main(["runs", "extra"]) == 2
    assert "extra" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert main([]) == 2
    assert capsys.readouterr().err == text
    for name in COMMANDS:
        assert main([name, "--help"]) == 0


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
    assert command_error(capsys, *arguments.split()).endswith(f"is now called {current}; use that name")


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
    process = start_command("train", "dcgan", "--dry-run")
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert "Error" not in err
    assert process.returncode == 141


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 8 TiB"), RuntimeError("can't allocate memory: x")])
def test_a_full_memory_is_an_error_of_one_line(error, capsys, monkeypatch):
    monkeypatch.setitem(COMMANDS, "runs", lambda: raised(error))
    assert "not enough memory" in command_error(capsys, "runs")


@pytest.mark.parametrize(
    ("number", "advises_room"), [(errno.ENOSPC, True), (errno.EROFS, False), (errno.EACCES, False)]
)
def test_only_a_full_disk_is_answered_with_room(number, advises_room, capsys, monkeypatch):
    monkeypatch.setitem(COMMANDS, "runs", lambda: raised(OSError(number, os.strerror(number), "runs/x")))
    message = command_error(capsys, "runs")
    assert f"runs/x: {os.strerror(number)}" in message
    assert ("make room" in message) == advises_room


def test_a_fault_of_the_program_keeps_its_trace(monkeypatch):
    monkeypatch.setitem(COMMANDS, "runs", lambda: raised(RuntimeError("mat1 and mat2 cannot be multiplied")))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        main(["runs"])


def raised(error: Exception) -> int:
    raise error
