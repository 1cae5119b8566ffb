"""The commands presets and runs."""

from __future__ import annotations

import json

import pytest
from command_line import copy_run

from dcgan.cli.main import main
from dcgan.config import TrainConfig
from dcgan.presets import PRESETS
from dcgan.runs.run import Run


def test_runs_are_a_table(capsys, places, trained_gan):
    assert main(["runs"]) == 0
    assert "there are no runs" in capsys.readouterr().out
    copy_run(trained_gan, places)
    copy_run(trained_gan, places.parent / "published", "model")
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
    copy_run(trained_gan, places)
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
    copy_run(trained_gan, places, "sound")
    (copy_run(trained_gan, places, "broken").path / file).write_bytes(content)
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
