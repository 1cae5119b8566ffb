"""Configs: JSON both ways, frozen, and an error that names the value and the remedy for everything that is wrong."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.bounded_json import parse
from dcgan.config import MAX_EPOCHS, MAX_STEPS_PER_EPOCH, RENAMED, DataConfig, ModelConfig, TrainConfig, check_new
from dcgan.presets import PRESETS
from dcgan.runs.rows import MAX_COUNT

# JSON


def through_json(config: TrainConfig) -> TrainConfig:
    return TrainConfig.from_json(parse(json.dumps(config.to_json(), allow_nan=False)))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = PRESETS[name].config
    assert through_json(config) == config


POSITIVE = st.floats(1e-300, 1e300)
WEIGHT = st.floats(0, 1e300) | st.integers(0, 10)
FRACTION = st.floats(0, 1, exclude_max=True)
TARGET = st.floats(0, 1) | st.sampled_from([0, 1])
WIDTHS = st.lists(st.integers(1, 10**6), min_size=1, max_size=5).map(tuple)
SIZES = {
    "mlp": st.integers(1, 1024),
    "conv": st.sampled_from([28, *(2**power for power in range(3, 11))]),
    "keras": st.integers(4, 128).map(lambda quarter: 4 * quarter),
    "step": st.integers(4, 256).map(lambda quarter: 4 * quarter),
}


@st.composite
def model_configs(draw) -> ModelConfig:
    topology = draw(st.sampled_from(list(SIZES)))
    latent = draw(st.sampled_from(["normal", "uniform", "mixture"]))
    size = draw(SIZES[topology])
    width = 10**6 if topology == "mlp" else min(10**6, 2**23 // (size if topology == "keras" else size // 2) ** 2)
    auxiliary_head = topology == "conv" and latent == "mixture" and draw(st.booleans())
    return ModelConfig(
        topology=topology,
        latent_dim=draw(st.integers(21 if latent == "mixture" else 1, 10**6)),
        latent=latent,
        image_size=size,
        channels=draw(st.sampled_from([1, 3])),
        num_classes=0 if auxiliary_head else draw(st.integers(0, 10_000)),
        output=draw(st.sampled_from(["tanh", "sigmoid"])),
        hidden_g=draw(WIDTHS),
        hidden_d=draw(WIDTHS),
        width_g=draw(st.integers(1, width)),
        width_d=draw(st.integers(1, width)),
        norm_g=draw(st.sampled_from(["batch", "none"])),
        norm_d=draw(st.sampled_from(["batch", "none"])),
        auxiliary_head=auxiliary_head,
        dropout=draw(FRACTION),
        init=draw(st.sampled_from(["torch", "glorot", "normal"])),
    )


@st.composite
def train_configs(draw) -> TrainConfig:
    reuse_fakes = draw(st.booleans())
    model = draw(model_configs())
    r1_gamma = draw(WEIGHT)
    affine = draw(st.floats(0, 2)) if model.auxiliary_head else 0.0
    folder = draw(st.booleans())
    return TrainConfig(
        model=model,
        data=DataConfig(
            name=draw(
                st.text(min_size=1).map(lambda path: f"folder:{path}")
                if folder
                else st.sampled_from(["mnist", "fashion-mnist", "kmnist", "cifar10"])
            ),
            root="" if folder else draw(st.text()),
            limit=draw(st.integers(0, 10**9)),
            holdout=draw(FRACTION) if folder else 0.0,
            min_holdout=draw(st.integers(0, 10**9)),
            resident_limit_mib=draw(st.integers(0, 10**9)),
            workers=draw(st.integers(0, 64)),
            cache=folder and draw(st.booleans()),
        ),
        epochs=draw(st.integers(1, MAX_EPOCHS)),
        batch_size=draw(st.integers(2, 10**9)),
        lr_g=draw(POSITIVE),
        lr_d=draw(POSITIVE),
        betas=draw(st.tuples(FRACTION, FRACTION)),
        adam_epsilon=draw(POSITIVE),
        loss=draw(st.text() | st.just("bce")),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        order=draw(st.sampled_from(["generator-first", "discriminator-first"])),
        reuse_fakes=reuse_fakes,
        joint_batch=not model.auxiliary_head and draw(st.booleans()),
        generator_batch_factor=1 if reuse_fakes else draw(st.integers(1, 9)),
        sampling=draw(st.sampled_from(["shuffle", "replacement"])),
        steps_per_epoch=draw(st.integers(0, MAX_STEPS_PER_EPOCH)),
        r1_gamma=r1_gamma,
        r2_gamma=draw(WEIGHT),
        d_reg_interval=draw(st.integers(1, 10**9)) if r1_gamma else 1,
        auxiliary_affine=affine,
        auxiliary_affine_interval=draw(st.integers(1, 10**9)) if affine else 1,
        patch_whitening=model.topology == "conv" and not model.num_classes and draw(st.booleans()),
        gradient_penalty=0 if model.auxiliary_head else draw(WEIGHT),
        ema_half_life_images=(half_life := draw(st.integers(0, 10**9))),
        ema_ramp=draw(st.floats(0, 1)) if half_life else 0,
        seed=draw(st.integers(0, 2**32 - 1)),
        threads=draw(st.integers(0, 256)),
        log_every=draw(st.integers(1, 10**9)),
        snapshots=draw(st.integers(0, 10**9)),
        d_snapshot_parameters=draw(st.integers(0, 10**12)),
        real_target=draw(TARGET),
        fake_target=draw(TARGET),
        generator_target=draw(TARGET),
    )


@pytest.mark.slow
@given(train_configs())
@settings(max_examples=60, deadline=None)
def test_any_valid_config_survives_json(config):
    again = through_json(config)
    assert again == config
    assert hash(again) == hash(config), "tuples come back as tuples"


def test_json_holds_every_field_and_the_format():
    values = TrainConfig().to_json()
    assert values.pop("format") == 3
    assert set(values) == {field.name for field in dataclasses.fields(TrainConfig)}
    assert set(values["model"]) == {field.name for field in dataclasses.fields(ModelConfig)}
    assert set(values["data"]) == {field.name for field in dataclasses.fields(DataConfig)}


def test_fields_missing_in_json_have_their_defaults():
    assert TrainConfig.from_json({}) == TrainConfig()
    read = TrainConfig.from_json({"model": {"topology": "mlp", "hidden_g": [3, 4]}, "betas": [0, 0.9]})
    assert read == TrainConfig(model=ModelConfig(topology="mlp", hidden_g=(3, 4)), betas=(0, 0.9))


def test_to_json_is_a_copy_and_from_json_changes_nothing():
    config = TrainConfig()
    values = config.to_json()
    values["model"]["topology"] = "mlp"
    assert config.to_json()["model"]["topology"] == "conv"
    before = json.dumps(values)
    TrainConfig.from_json(values)
    assert json.dumps(values) == before


def refused(values: Any) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        TrainConfig.from_json(values)
    return str(caught.value)


@pytest.mark.parametrize("version", [4, 99, 0, "2", None, [1]])
def test_another_format_is_refused_by_name(version):
    assert refused({"format": version}) == f"config format {version!r} is not 1 to 3; update DCGAN Studio to read it"


@pytest.mark.parametrize("values", [[], [["epochs", 3]], 5, None, "{}"])
def test_json_that_is_not_an_object_is_not_a_config(values):
    """A damaged file must not be read as a config of defaults."""
    assert refused(values) == f"TrainConfig is {values!r}, not an object"


def test_a_config_without_a_format_may_have_earlier_names():
    values = {"model": {"batch_deviation": True}, "penalty_every": 2, "r1_gamma": 1.0}
    config = TrainConfig.from_json(values)
    assert (config.model.minibatch_stddev, config.d_reg_interval) == (True, 2)
    assert TrainConfig.from_json(values | {"d_reg_interval": 3}).d_reg_interval == 3


def test_only_fields_are_renamed():
    assert refused({"format": 1, "crowding": 3}).startswith("config field crowding is unknown")
    assert refused({"format": 2, "penalty_every": 3}).startswith("config field penalty_every is unknown")


def test_unknown_fields_are_named():
    remedy = "unknown to this version; update DCGAN Studio"
    assert refused({"turbo": 1}) == f"config field turbo is {remedy}"
    assert refused({"zeta": 1, "alpha": 2}) == f"config field alpha, zeta is {remedy}"
    assert refused({"model": {"depth": 3}}) == f"config field depth is {remedy}"
    assert refused({"data": {"sha": ""}}) == f"config field sha is {remedy}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": []}, "ModelConfig is [], not an object"),
        ({"model": None}, "ModelConfig is None, not an object"),
        ({"data": "mnist"}, "DataConfig is 'mnist', not an object"),
        ({"epochs": "20"}, "epochs='20' is not int"),
        ({"epochs": 20.0}, "epochs=20.0 is not int"),
        ({"epochs": None}, "epochs=None is not int"),
        ({"epochs": [20]}, "epochs=(20,) is not int"),
        ({"lr_g": "2e-4"}, "lr_g='2e-4' is not float"),
        ({"reuse_fakes": 1}, "reuse_fakes=1 is not bool"),
        ({"reuse_fakes": "false"}, "reuse_fakes='false' is not bool"),
        ({"loss": 5}, "loss=5 is not str"),
        ({"loss": ["bce"]}, "loss=('bce',) is not str"),
        ({"order": "both"}, "order='both' is not one of generator-first, discriminator-first"),
        ({"betas": [0.5]}, "betas=(0.5,) is not tuple"),
        ({"betas": [0.5, 0.9, 0.9]}, "betas=(0.5, 0.9, 0.9) is not tuple"),
        ({"betas": 0.5}, "betas=0.5 is not tuple"),
        ({"betas": [0.5, "0.9"]}, "betas=(0.5, '0.9') is not tuple"),
        ({"betas": [True, 0.9]}, "betas=(True, 0.9) is not tuple"),
        ({"model": {"hidden_g": [256, 5.5]}}, "hidden_g=(256, 5.5) is not tuple"),
        ({"model": {"hidden_g": 256}}, "hidden_g=256 is not tuple"),
        ({"model": {"topology": "resnet"}}, "topology='resnet' is not one of mlp, conv, keras, step"),
        ({"model": {"latent": "cauchy"}}, "latent='cauchy' is not one of normal, uniform"),
        ({"model": {"output": "relu"}}, "output='relu' is not one of tanh, sigmoid"),
        ({"model": {"norm_d": "layer"}}, "norm_d='layer' is not one of batch, none"),
        ({"model": {"init": "he"}}, "init='he' is not one of torch, glorot, normal"),
        ({"data": {"name": 5}}, "name=5 is not str"),
        ({"data": {"root": None}}, "root=None is not str"),
    ],
)
def test_a_wrong_type_from_json_is_named(values, message):
    assert message in refused(values)


def test_python_callers_are_checked_as_json_is():
    with pytest.raises(ValueError, match=r"model=\{\} is not ModelConfig"):
        TrainConfig(model={})
    with pytest.raises(ValueError, match=r"betas=\[0.5, 0.9\] is not tuple"):
        TrainConfig(betas=[0.5, 0.9])


INTS = ["epochs", "batch_size", "generator_batch_factor", "steps_per_epoch", "ema_half_life_images", "seed"]
INTS += ["threads", "log_every", "snapshots", "d_snapshot_parameters"]
FLOATS = ["lr_g", "lr_d", "adam_epsilon", "real_target", "fake_target", "generator_target"]
FLOATS += ["r1_gamma", "r2_gamma", "gradient_penalty"]


@pytest.mark.parametrize("name", INTS + FLOATS)
def test_a_bool_is_not_a_number(name):
    kind = "int" if name in INTS else "float"
    assert refused({name: True}) == f"{name}=True is not {kind}"


def test_a_bool_is_not_a_number_in_the_model_either():
    for name in ("latent_dim", "image_size", "channels", "num_classes", "width_g", "width_d"):
        assert refused({"model": {name: True}}) == f"{name}=True is not int"
    assert refused({"model": {"dropout": False}}) == "dropout=False is not float"
    for name in ("limit", "resident_limit_mib", "workers"):
        assert refused({"data": {name: False}}) == f"{name}=False is not int"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", FLOATS)
def test_a_number_that_is_not_finite_is_refused(name, value):
    assert refused({name: value}) == f"{name}={value} is not float"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_neither_betas_nor_dropout_nor_holdout_may_be_infinite(value):
    assert f"betas=({value}, 0.9)" in refused({"betas": [value, 0.9]})
    assert refused({"model": {"dropout": value}}) == f"dropout={value} is not float"
    assert refused({"data": {"holdout": value}}) == f"holdout={value} is not float"


def test_an_integer_too_large_for_a_float_is_refused():
    """JSON knows no limit: 1 with 400 zeros is an int that no float can hold."""
    assert "lr_g=1000" in refused(json.loads('{"lr_g": 1' + "0" * 400 + "}"))


# Values

MODEL_ERRORS = [
    ({"latent_dim": 0}, "latent_dim=0 is below 1; try 1"),
    (
        {"latent_dim": 20, "latent": "mixture"},
        "latent_dim=20 is too small for the 20 components and noise; try 100",
    ),
    (
        {"auxiliary_head": True, "latent": "mixture", "topology": "mlp"},
        "auxiliary_head=True needs topology conv, not mlp; set it to False",
    ),
    (
        {"auxiliary_head": True, "topology": "conv"},
        "auxiliary_head=True needs latent mixture, not normal; set it to False",
    ),
    (
        {"auxiliary_head": True, "topology": "conv", "latent": "mixture", "num_classes": 10},
        "num_classes=10 does not go with auxiliary_head=True; set one of them to 0 or False",
    ),
    ({"latent_dim": 10**22}, f"latent_dim={10**22} is above 1000000; try 100"),
    ({"width_g": 10**6 + 1}, "width_g=1000001 is above 1000000; try 32"),
    ({"width_d": 10**9}, "width_d=1000000000 is above 1000000; try 32"),
    ({"hidden_g": (5, 10**7)}, "hidden_g=10000000 is above 1000000; try 256"),
    ({"topology": "mlp", "image_size": 1025}, "image_size=1025 is above 1024; try 28"),
    ({"topology": "keras", "image_size": 516}, "image_size=516 is above 512; try 28"),
    ({"image_size": 1024, "width_d": 33}, "width_d=33 is above 32; try 32"),
    ({"num_classes": 10_001}, "num_classes=10001 is above 10000; try 10"),
    ({"hidden_d": (1,) * 65}, "hidden_d has 65 layers, more than 64; try three"),
    ({"hidden_d": (10**7, 5)}, "hidden_d=10000000 is above 1000000; try 256"),
    ({"num_classes": -1}, "num_classes=-1 is below 0; try 1"),
    ({"width_g": 0}, "width_g=0 is below 1; try 1"),
    ({"width_d": -3}, "width_d=-3 is below 1; try 1"),
    ({"channels": 2}, "channels=2 is not 1 (gray) or 3 (RGB)"),
    ({"channels": 0}, "channels=0 is not 1 (gray) or 3 (RGB)"),
    ({"dropout": 1}, "dropout=1 is not in [0, 1); try 0.3"),
    ({"dropout": -0.1}, "dropout=-0.1 is not in [0, 1); try 0.3"),
    ({"hidden_g": ()}, "hidden_g=() needs at least one width of 1 or more"),
    ({"hidden_d": (5, 0)}, "hidden_d=(5, 0) needs at least one width of 1 or more"),
    ({"topology": "conv", "image_size": 30}, "image_size=30 is not 28 or a power of two from 8; try 32"),
    ({"topology": "conv", "image_size": 4}, "image_size=4 is not 28 or a power of two from 8; try 8"),
    ({"topology": "conv", "image_size": 0}, "image_size=0 is not 28 or a power of two from 8; try 8"),
    ({"topology": "conv", "image_size": -64}, "image_size=-64 is not 28 or a power of two from 8; try 8"),
    ({"topology": "conv", "image_size": 100}, "image_size=100 is not 28 or a power of two from 8; try 128"),
    ({"topology": "mlp", "image_size": 0}, "image_size=0 is below 1; try 28"),
    ({"topology": "keras", "image_size": 30}, "image_size=30 is not a multiple of four from 16; try 32"),
    ({"topology": "keras", "image_size": 12}, "image_size=12 is not a multiple of four from 16; try 16"),
    ({"topology": "step", "image_size": 29}, "image_size=29 is not a multiple of four from 16; try 28"),
    ({"topology": "step", "image_size": 8}, "image_size=8 is not a multiple of four from 16; try 16"),
]

DATA_ERRORS = [
    ({"limit": -1}, "limit=-1 is below 0; try 1"),
    ({"resident_limit_mib": -1}, "resident_limit_mib=-1 is below 0; try 1"),
    ({"workers": -1}, "workers=-1 is below 0; try 1"),
    ({"holdout": 1}, "holdout=1 is not in [0, 1); try 0.1"),
    ({"holdout": -0.5}, "holdout=-0.5 is not in [0, 1); try 0.1"),
    (
        {"holdout": 0.1, "name": "kmnist"},
        "holdout=0.1 has no effect with kmnist, which has test images of its own; set it to 0",
    ),
    ({"fit": "pad"}, "fit=pad has no effect with mnist, only with own images; set it to crop"),
    ({"ground": "black"}, "ground=black has no effect with mnist, only with own images; set it to auto"),
    ({"cache": True}, "cache=True has no effect with mnist, only with own images; set it to False"),
    (
        {"root": "here", "name": "folder:there"},
        "root='here' has no effect with folder:there, which says itself where it lies; leave it empty",
    ),
]

TRAIN_ERRORS = [
    ({"epochs": 0}, "epochs=0 is below 1; try 1"),
    ({"batch_size": 1}, "batch_size=1 is below 2; try 2"),
    ({"generator_batch_factor": 0}, "generator_batch_factor=0 is below 1; try 1"),
    ({"steps_per_epoch": -1}, "steps_per_epoch=-1 is below 0; try 1"),
    ({"ema_half_life_images": -1}, "ema_half_life_images=-1 is below 0; try 1"),
    ({"ema_ramp": 1.5, "ema_half_life_images": 9}, "ema_ramp=1.5 is not in [0, 1]; try 0.1"),
    ({"ema_ramp": 0.1}, "ema_ramp=0.1 has no effect without ema_half_life_images; set it to 0"),
    (
        {"augment": "translate,blur"},
        "augment='translate,blur' is not a list of translate, mirror, cutout, color, each once; try translate,mirror",
    ),
    (
        {"augment": "mirror,mirror"},
        "augment='mirror,mirror' is not a list of translate, mirror, cutout, color, each once; try translate,mirror",
    ),
    ({"augment_p": 1.5}, "augment_p=1.5 is not in [0, 1]; try 0.5"),
    ({"augment": "mirror", "augment_target": 1.0}, "augment_target=1.0 is not in [0, 1); try 0.6"),
    ({"augment_target": 0.6}, "augment_target=0.6 has no effect without augment; set it to 0"),
    ({"keep_states": -1}, "keep_states=-1 is below 0; try 1"),
    ({"keep_states": 2}, "keep_states=2 is above 1; try 1"),
    ({"threads": -1}, "threads=-1 is below 0; try 1"),
    ({"threads": 10**11}, "threads=100000000000 is above 4096; try 0"),
    ({"log_every": 0}, "log_every=0 is below 1; try 1"),
    ({"snapshots": -1}, "snapshots=-1 is below 0; try 1"),
    ({"d_snapshot_parameters": -1}, "d_snapshot_parameters=-1 is below 0; try 1"),
    ({"r1_gamma": -0.5}, "r1_gamma=-0.5 is below 0; try 1"),
    ({"d_reg_interval": 0, "r1_gamma": 1.0}, "d_reg_interval=0 is below 1; try 1"),
    ({"d_reg_interval": 4}, "d_reg_interval=4 has no effect without r1_gamma or r2_gamma; set it to 1"),
    ({"r2_gamma": -0.5}, "r2_gamma=-0.5 is below 0; try 1"),
    ({"gradient_penalty": -10}, "gradient_penalty=-10 is below 0; try 1"),
    ({"seed": -1}, "seed=-1 is not in 0..4294967295"),
    ({"seed": 2**32}, "seed=4294967296 is not in 0..4294967295"),
    ({"lr_g": 0}, "lr_g=0 is not positive; try 2e-4"),
    ({"lr_d": -2e-4}, "lr_d=-0.0002 is not positive; try 2e-4"),
    ({"adam_epsilon": 0}, "adam_epsilon=0 is not positive; try"),
    ({"betas": (0.5, 1)}, "betas=(0.5, 1) are not in [0, 1); try (0.5, 0.999)"),
    ({"betas": (-0.1, 0.9)}, "betas=(-0.1, 0.9) are not in [0, 1); try (0.5, 0.999)"),
    ({"real_target": 1.1}, "real_target=1.1 is not in [0, 1]; try 0.9 for smoothed real labels"),
    ({"fake_target": -0.1}, "fake_target=-0.1 is not in [0, 1]; try"),
    ({"generator_target": 2}, "generator_target=2 is not in [0, 1]; try"),
    *(
        (
            {"model": ModelConfig(latent="mixture", auxiliary_head=True), field: value},
            "auxiliary_head=True goes with neither joint_batch=True nor a gradient_penalty; set it to False",
        )
        for field, value in (("joint_batch", True), ("gradient_penalty", 10.0))
    ),
    ({"auxiliary_affine": 1.0}, "auxiliary_affine=1.0 has no effect without auxiliary_head; set it to 0"),
    (
        {"auxiliary_affine_interval": 2},
        "auxiliary_affine_interval=2 has no effect without auxiliary_affine; set it to 1",
    ),
    ({"auxiliary_affine_interval": 0}, "auxiliary_affine_interval=0 is below 1; try 1"),
    (
        {"patch_whitening": True, "model": ModelConfig("mlp")},
        "patch_whitening=True needs topology conv, not mlp; set it to False",
    ),
    (
        {"patch_whitening": True, "model": ModelConfig(num_classes=10)},
        "patch_whitening=True does not go with labels, num_classes=10; set it to False",
    ),
    ({"auxiliary_affine": -1.0}, "auxiliary_affine=-1.0 is below 0; try 1"),
    (
        {"model": ModelConfig(latent="mixture", auxiliary_head=True), "auxiliary_affine": 2.5},
        "auxiliary_affine=2.5 is above 2; try 1",
    ),
    (
        {"reuse_fakes": True, "generator_batch_factor": 2},
        "generator_batch_factor=2 needs fresh fakes; set reuse_fakes to False",
    ),
]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [(ModelConfig, *row) for row in MODEL_ERRORS]
    + [(DataConfig, *row) for row in DATA_ERRORS]
    + [(TrainConfig, *row) for row in TRAIN_ERRORS],
)
def test_a_wrong_value_is_named_with_its_remedy(kind, values, message):
    with pytest.raises(ValueError, match=r"\S") as caught:
        kind(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("earlier", "current"),
    [
        (
            {"model": {"latent": "mixture", "batch_deviation": True}},
            {"model": {"latent": "mixture", "minibatch_stddev": True}},
        ),
        (
            {"model": {"latent": "mixture", "guessed_kinds": True}, "guess_warp": 1.5},
            {"model": {"latent": "mixture", "auxiliary_head": True}, "auxiliary_affine": 1.5},
        ),
        ({"r1_gamma": 1.0, "penalty_every": 4}, {"r1_gamma": 1.0, "d_reg_interval": 4}),
        ({"model": {"minibatch_stddev": True}}, {"model": {"minibatch_stddev": True}}),
        ({}, {}),
    ],
)
def test_a_config_of_format_1_is_read_under_the_current_names(earlier, current):
    assert TrainConfig.from_json({"format": 1, **earlier}) == TrainConfig.from_json({"format": 3, **current})


@pytest.mark.parametrize("name", ["guess_warp", "penalty_every"])
def test_a_config_of_format_2_has_no_earlier_names(name):
    assert refused({"format": 2, name: 1}).startswith(f"config field {name} is unknown to this version")


@pytest.mark.parametrize("version", [0, 4, "1", None])
def test_a_config_of_another_format_is_refused(version):
    assert refused({"format": version}).startswith(f"config format {version!r} is not 1 to 3")


@pytest.mark.parametrize(("version", "ground"), [(1, "white"), (2, "white"), (3, "auto")])
def test_transparent_pictures_were_on_white_before_format_3(version, ground):
    config = TrainConfig.from_json({"format": version, "data": {"name": "folder:here"}})
    assert (config.data.fit, config.data.ground, config.data.mirror) == ("crop", ground, False)
    assert TrainConfig.from_json({"format": version, "data": {"name": "mnist"}}).data.ground == "auto"
    assert TrainConfig.from_json(config.to_json()) == config


def test_no_earlier_name_is_in_use():
    fields = {field.name for kind in (TrainConfig, ModelConfig, DataConfig) for field in dataclasses.fields(kind)}
    assert fields.isdisjoint(RENAMED)
    assert set(RENAMED.values()).isdisjoint(RENAMED)


def test_recorded_options_without_effect_are_read_as_defaults():
    """Runs of earlier versions have them and train on as before."""
    named = TrainConfig.from_json({"data": {"name": "kmnist", "holdout": 0.1, "cache": True, "root": "here"}})
    assert named.data == DataConfig(name="kmnist", root="here")
    folder = TrainConfig.from_json({"data": {"name": "folder:x", "holdout": 0.1, "cache": True, "root": "here"}})
    assert folder.data == DataConfig(name="folder:x", holdout=0.1, cache=True, ground="white")
    assert refused({"data": {"holdout": 1.5}}) == "holdout=1.5 is not in [0, 1); try 0.1"
    assert refused({"data": {"cache": 1}}) == "cache=1 is not bool"
    assert refused({"data": {"name": "folder:x", "root": 5}}) == "root=5 is not str"


@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1_gamma", "r2_gamma"])
def test_a_penalty_over_batch_norm_is_refused_in_new_trainings_only(penalty):
    config = TrainConfig.from_json({penalty: 10})
    with pytest.raises(ValueError, match=rf"^{penalty}=10 is .*batch norm.*; set model\.norm_d to none$"):
        check_new(config)
    check_new(dataclasses.replace(config, model=ModelConfig(norm_d="none")))
    for preset in PRESETS.values():
        check_new(preset.config)


@pytest.mark.parametrize("topology", ["conv", "keras", "step"])
@pytest.mark.parametrize("size", [-7, 0, 1, 9, 15, 22, 27, 29, 31, 33, 47, 63, 65, 127, 250, 1001])
def test_the_image_size_that_the_error_proposes_is_valid(topology, size):
    with pytest.raises(ValueError, match=f"^image_size={size} is not") as caught:
        ModelConfig(topology=topology, image_size=size)
    proposed = int(str(caught.value).rsplit("try ", 1)[1])
    assert ModelConfig(topology=topology, image_size=proposed).image_size == proposed


def test_the_bounds_themselves_are_allowed():
    assert TrainConfig(seed=0).seed == 0
    assert TrainConfig(seed=2**32 - 1).seed == 2**32 - 1
    assert TrainConfig(betas=(0.0, 0.0)).betas == (0, 0)
    assert ModelConfig(topology="mlp", image_size=1).image_size == 1
    assert ModelConfig(topology="conv", image_size=8).image_size == 8
    assert DataConfig(name="folder:x").name == "folder:x"


# Properties and frozenness


def test_the_last_activation_decides_the_pixel_range():
    assert ModelConfig(output="tanh").pixel_range == (-1, 1)
    assert ModelConfig(output="sigmoid").pixel_range == (0, 1)


def test_image_shape_is_channels_height_width():
    assert ModelConfig(image_size=64, channels=3).image_shape == (3, 64, 64)


def test_configs_are_frozen():
    config = TrainConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.model.latent_dim = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.data.limit = 3


def test_a_length_beyond_what_recordings_count_is_refused():
    assert MAX_EPOCHS * MAX_STEPS_PER_EPOCH <= MAX_COUNT
    TrainConfig(epochs=MAX_EPOCHS, steps_per_epoch=MAX_STEPS_PER_EPOCH)
    with pytest.raises(ValueError, match="epochs=10000001 is above 10000000; try 20"):
        TrainConfig(epochs=MAX_EPOCHS + 1)
    with pytest.raises(ValueError, match="steps_per_epoch=31250000000 is above 100000000; try 0"):
        TrainConfig().with_images(10**14)


def test_replace_checks_again():
    with pytest.raises(ValueError, match="epochs=0"):
        dataclasses.replace(TrainConfig(), epochs=0)


def test_a_value_that_json_readers_refuse_is_refused():
    with pytest.raises(ValueError, match="batch_size does not fit 64 bits; try a smaller number"):
        TrainConfig(batch_size=2**63)
    with pytest.raises(ValueError, match=r"name='folder:caf\\udce9' is not UTF-8; rename what it names"):
        DataConfig(name="folder:caf\udce9")
