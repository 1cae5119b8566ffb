"""A config as flags: what is written trains the very same config."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.cli import main as cli
from dcgan.config import DataConfig, TrainConfig
from dcgan.fields import as_text, changed, config_fields, differences, from_text, train_command, value_of
from dcgan.presets import PRESETS

DCGAN = PRESETS["dcgan"].config


def test_every_field_is_there_with_its_help():
    names = list(config_fields())
    assert {"epochs", "lr_d", "model.latent_dim", "data.name"} <= set(names)
    assert len(names) == len(set(names))
    assert [name for name, field in config_fields().items() if not field.help] == []
    assert config_fields()["engine"].choices == ("fast", "plain")
    assert config_fields()["betas"].item_kind is float
    assert config_fields()["epochs"].item_kind is None
    assert config_fields()["epochs"].choices == ()


def test_the_help_of_a_field_is_its_docstring():
    assert config_fields()["batch_size"].help == "Real images in a step."
    assert "\n    " not in config_fields()["engine"].help, "the lines of a docstring are not indented"


def test_choices_that_a_type_does_not_list_are_given_by_name():
    field = config_fields(choices={"data.name": ["mnist", "circles"]})["data.name"]
    assert field.choices == ("mnist", "circles")
    assert field.help == config_fields()["data.name"].help
    assert config_fields()["data.name"].choices == ()


def test_fields_are_read_and_replaced_by_name():
    config = changed(DCGAN, {"epochs": 3, "model.latent_dim": 7, "data.name": "kmnist", "model.width_g": 8})
    assert (config.epochs, config.model.latent_dim, config.data.name, config.model.width_g) == (3, 7, "kmnist", 8)
    assert value_of(config, "model.latent_dim") == 7
    assert differences(config, DCGAN) == {
        "epochs": 3, "model.latent_dim": 7, "model.width_g": 8, "data.name": "kmnist",
    }  # fmt: skip
    with pytest.raises(ValueError, match="epochs=0"):
        changed(DCGAN, {"epochs": 0})


ODD = [
    {},
    {"epochs": 3, "lr_g": 1e-5, "seed": 4},
    {"reuse_fakes": False, "joint_batch": True, "order": "discriminator-first"},
    {"data.name": "folder:my photos/it's", "data.holdout": 0.25},
    {"data.name": "folder:-x"},
    {"betas": (0.0, 0.99), "model.latent_dim": 50, "model.output": "sigmoid", "snapshots": 0},
    {"data.root": "-dashed"},
]


@pytest.mark.parametrize("values", ODD, ids=str)
@pytest.mark.parametrize("preset", ["dcgan", "gan"])
def test_the_command_trains_the_same_config(preset, values, capsys):
    config = changed(PRESETS[preset].config, values)
    words = shlex.split(train_command(config, preset))
    assert words[:5] == ["python", "-m", "dcgan", "train", preset]
    assert cli.main([*words[3:], "--dry-run"]) == 0
    assert TrainConfig.from_json(json.loads(capsys.readouterr().out)) == config


def test_a_tuple_of_sizes_is_a_flag_too(capsys):
    config = changed(PRESETS["gan"].config, {"model.hidden_d": (64, 32, 16)})
    assert cli.main([*shlex.split(train_command(config, "gan"))[3:], "--dry-run"]) == 0
    assert TrainConfig.from_json(json.loads(capsys.readouterr().out)) == config


def test_an_unchanged_preset_is_a_short_command():
    assert train_command(DCGAN, "dcgan") == "python -m dcgan train dcgan"
    smoothed = replace(DCGAN, lr_g=1e-4, data=DataConfig(name="fashion-mnist"))
    assert train_command(smoothed, "dcgan") == "python -m dcgan train dcgan --data fashion-mnist --lr-g 1e-4"


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e-4, "2e-4"), (1.25e-5, "1.25e-5"), (0.9, "0.9"), (0.0, "0"), (1.0, "1"), (1e8, "1e8"), (7, "7"), ("x", "x"),
     ((0.5, 0.999), "0.5, 0.999"), ((), "")],
)  # fmt: skip
def test_values_are_written_as_people_write_them(value, text):
    assert as_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_back_equal(value):
    assert float(as_text(value)) == value


def test_lists_of_numbers_are_read_from_text():
    assert from_text("256, 512 1024", int) == (256, 512, 1024)
    assert from_text("", float) == ()
    with pytest.raises(ValueError, match="'many' is not a list of numbers; write them like 256, 512"):
        from_text("many", int)
