"""Weights on disk: the same images again, equal bytes for equal weights, and an error that names the file."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import TINY, record_run
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dcgan.checkpoint import (
    METADATA_KEY,
    load_discriminator,
    load_generator,
    load_tensors,
    save_discriminator,
    save_generator,
    save_tensors,
    weights_id,
    with_data_fields,
)
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.latents import latents_from_seeds, truncate
from dcgan.models.gan import build_discriminator, build_gan, build_generator
from dcgan.models.inference import sample
from dcgan.presets import PRESETS


def used_generator(model: ModelConfig) -> nn.Module:
    """Return a generator whose batch norm has seen a batch."""
    torch.manual_seed(5)
    generator = build_generator(model)
    with torch.no_grad():
        labels = torch.arange(4) if model.num_classes else None
        generator.train()(1 + torch.randn(4, model.latent_dim), labels)
    return generator


def question(model: ModelConfig) -> tuple[np.ndarray, np.ndarray | None]:
    labels = np.array([7, 0, 9]) if model.num_classes else None
    return latents_from_seeds([1, 2, 3], model.latent_dim, model.latent), labels


def header(path: Path) -> dict:
    content = path.read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


@pytest.fixture
def tiny(tmp_path) -> tuple[Path, nn.Module]:
    path, generator = tmp_path / "g.safetensors", used_generator(TINY.model)
    save_generator(path, generator, TINY, 3)
    return path, generator


# There and back


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_draws_the_same_images_from_disk(name, tmp_path):
    config = PRESETS[name].config
    generator = used_generator(config.model)
    z, labels = question(config.model)
    path = tmp_path / "g.safetensors"
    save_generator(path, generator, config, 469)
    if name in ("dcgan-step", "dcgan64"):  # 26.7 and 14.3 MB of float32
        generator = generator.half().float()
    loaded = load_generator(path)
    assert torch.equal(loaded(z, labels), sample(generator, z, labels))
    assert (loaded.train_config, loaded.config, loaded.step) == (config, config.model, 469)
    assert path.stat().st_size < 15_000_000


@pytest.mark.parametrize("name", ["gan", "dcgan", "dcgan-keras", "cdcgan"])
def test_a_loaded_discriminator_has_the_same_outputs(name, tmp_path):
    config = PRESETS[name].config
    discriminator = build_discriminator(config.model)
    images = torch.randn(4, *config.model.image_shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(4) if config.model.num_classes else None
    with torch.no_grad():
        discriminator.train()(images, labels)
        save_discriminator(tmp_path / "d.safetensors", discriminator, config, 7)
        if name == "gan":  # 5.8 MB of float32
            discriminator.half().float()
        expected = discriminator.eval()(images, labels)
    assert (tmp_path / "d.safetensors").stat().st_size < 4_000_000
    loaded, loaded_config, step = load_discriminator(tmp_path / "d.safetensors")
    with torch.no_grad():
        assert torch.equal(loaded(images, labels), expected)
    assert (loaded_config, step, loaded.training) == (config, 7, False)


def test_a_loaded_generator_is_for_drawing_only(tiny):
    loaded = load_generator(str(tiny[0]), device=torch.device("cpu"))
    assert not loaded.network.training
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    assert loaded.device == torch.device("cpu")
    images = loaded(torch.zeros(2, 6))
    assert (images.shape, images.dtype, images.device.type) == ((2, 1, 28, 28), torch.float32, "cpu")


def test_saving_changes_nothing_in_the_network(tiny, tmp_path):
    generator = tiny[1]
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    save_generator(tmp_path / "half.safetensors", generator, TINY, 3, half=True)
    assert generator.training
    for name, value in generator.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_tensors_keep_their_types_shapes_and_bits(tmp_path):
    tensors = {
        "float": torch.tensor([[1.5, -0.0], [torch.inf, 1e-40]]),
        "double": torch.tensor(0.1, dtype=torch.float64),
        "half": torch.ones(3, dtype=torch.float16),
        "count": torch.tensor(7),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "none": torch.empty(0, 4),
        "strided": torch.arange(6.0).reshape(2, 3).T,
    }
    save_tensors(tmp_path / "t.safetensors", tensors, {"kind": "state", "step": 3})
    read, metadata = load_tensors(tmp_path / "t.safetensors")
    assert metadata == {"kind": "state", "step": 3}
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert read[name].numpy().tobytes() == np.ascontiguousarray(tensor.numpy()).tobytes()


# The file


def test_all_metadata_is_one_json_string(tiny):
    described = header(tiny[0])["__metadata__"]
    assert list(described) == [METADATA_KEY]
    from_json = json.loads(json.dumps(TINY.to_json()))  # lists for tuples
    assert json.loads(described[METADATA_KEY]) == {"kind": "generator", "step": 3, "config": from_json}


def test_equal_weights_make_equal_files(tiny, tmp_path):
    path, generator = tiny
    again = tmp_path / "again.safetensors"
    save_generator(again, generator, TINY, 3)
    assert again.read_bytes() == path.read_bytes()
    save_generator(again, load_generator(path).network, TrainConfig.from_json(TINY.to_json()), 3)
    assert again.read_bytes() == path.read_bytes(), "nor does the way over the disk change a byte"
    save_generator(again, generator, TINY, 4)
    assert again.read_bytes() != path.read_bytes()


def test_the_file_is_readable_by_all_and_alone_in_its_folder(tmp_path):
    before = os.umask(0o077)
    try:
        save_discriminator(tmp_path / "deep" / "d.safetensors", build_discriminator(TINY.model), TINY, 0)
    finally:
        os.umask(before)
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["d.safetensors"]
    assert (tmp_path / "deep" / "d.safetensors").stat().st_mode & 0o777 == 0o644


def test_a_failed_save_leaves_the_old_weights(tiny, monkeypatch):
    path, generator = tiny
    before = path.read_bytes()

    write_bytes = Path.write_bytes

    def full_disk(file, content):
        write_bytes(file, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_generator(path, generator, TINY, 4)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_only_one_temporary_file_is_written_and_its_name_is_known(tmp_path, monkeypatch):
    during = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (during.append(os.listdir(tmp_path)), fsync(file))[1])
    save_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(10)}, {})
    assert during[0] == [f".t.safetensors.{os.getpid()}.tmp"]


def test_a_disk_that_refuses_is_an_oserror_with_its_number(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            save_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "t.safetensors"))
    assert list(tmp_path.iterdir()) == []


# Precision


def dtypes(path: Path) -> set[torch.dtype]:
    return {tensor.dtype for tensor in load_tensors(path)[0].values()}


def test_half_precision_is_stored_on_request(tmp_path):
    generator = used_generator(TINY.model)
    path = tmp_path / "g.safetensors"
    save_generator(path, generator, TINY, 3)
    assert dtypes(path) == {torch.float32, torch.int64}
    save_generator(path, generator, TINY, 3, half=True)
    assert dtypes(path) == {torch.float16, torch.int64}, "batch norm's count of batches stays a whole number"
    loaded = load_generator(path)
    assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
    z = latents_from_seeds([1, 2, 3], 6)
    assert torch.equal(loaded(z), sample(generator.half().float(), z))


def test_values_beyond_half_precision_keep_single_precision(tmp_path):
    generator = used_generator(TINY.model)
    path, usual = tmp_path / "g.safetensors", tmp_path / "usual.safetensors"
    save_generator(usual, generator, TINY, 3, half=True)
    (name, *_) = [name for name, _ in generator.named_buffers() if name.endswith("running_var")]
    generator.get_buffer(name)[0] = 70_000
    save_generator(path, generator, TINY, 3, half=True)
    read, before = load_tensors(path)[0], load_tensors(usual)[0]
    assert torch.equal(read[name], generator.get_buffer(name))
    assert read[name].dtype == torch.float32
    assert all(read[other].dtype == before[other].dtype for other in read if other != name)
    assert load_generator(path).network.get_buffer(name)[0] == 70_000


def test_a_file_of_other_data_has_the_same_weights(tmp_path, tiny):
    path = tiny[0]
    assert with_data_fields(path, {}) == path.read_bytes()
    other = tmp_path / "other.safetensors"
    other.write_bytes(with_data_fields(path, {"name": "folder:pics", "root": ""}))
    loaded = load_generator(other)
    assert loaded.weights_id == load_generator(path).weights_id
    assert loaded.train_config == replace(TINY, data=DataConfig(name="folder:pics"))


@pytest.mark.parametrize(
    ("hidden", "fitting", "build", "save", "limit"),
    [
        ("hidden_g", 3_159, build_generator, save_generator, 10_000_000),  # 791 n + 784 numbers of 4 bytes
        ("hidden_d", 636, build_discriminator, save_discriminator, 2_000_000),  # 786 n + 1
    ],
)
def test_weights_above_the_limit_are_halved(hidden, fitting, build, save, limit, tmp_path):
    config = replace(TINY, model=replace(TINY.model, topology="mlp", norm_g="none", norm_d="none"))
    path = tmp_path / "weights.safetensors"
    fits, exceeds = (build(replace(config.model, **{hidden: (n,)})) for n in (fitting, fitting + 1))
    sizes = [4 * sum(p.numel() for p in network.parameters()) for network in (fits, exceeds)]
    assert sizes[0] <= limit < sizes[1], sizes
    save(path, fits, config, 0)
    assert dtypes(path) == {torch.float32}
    save(path, exceeds, config, 0)
    assert dtypes(path) == {torch.float16}


# The weights' name


def test_weights_id_names_these_weights(tiny, tmp_path):
    path, generator = tiny
    name = weights_id(generator.state_dict())
    assert re.fullmatch("[0-9a-f]{12}", name)
    assert load_generator(path).weights_id == name
    save_generator(tmp_path / "later.safetensors", generator, replace(TINY, epochs=9), 99)
    assert load_generator(tmp_path / "later.safetensors").weights_id == name, "the weights' name, not the file's"
    with torch.no_grad():
        next(generator.parameters()).view(-1)[3] += 1e-6
    save_generator(path, generator, TINY, 3)
    assert load_generator(path).weights_id == weights_id(generator.state_dict()) != name


def test_weights_id_is_the_documented_digest():
    """SHA-256 of 'a torch.int64 ()\\n', eight bytes, 'b torch.float32 (2,)\\n', eight bytes. Links hold it."""
    tensors = {"b": torch.tensor([1.0, -2.0]), "a": torch.tensor(3)}
    assert weights_id(tensors) == weights_id(dict(reversed(tensors.items()))) == "0fc707690d6a"


def base() -> dict[str, Tensor]:
    return {"w": torch.zeros(2, 3), "b": torch.zeros(3)}


@pytest.mark.parametrize(
    "other",
    [
        base() | {"w": torch.zeros(3, 2)},
        base() | {"w": torch.zeros(2, 3, dtype=torch.float16)},
        base() | {"w": torch.zeros(2, 3).index_fill(0, torch.tensor(1), -0.0)},
        {"w": torch.zeros(2, 3)},
        {"w": torch.zeros(2, 3), "c": torch.zeros(3)},
    ],
    ids=["shape", "type", "sign of zero", "one less", "name"],
)
def test_weights_id_differs_for_different_weights(other):
    assert weights_id(other) != weights_id(base())


# Which file


def test_a_run_directory_gives_its_moving_average(tmp_path):
    plain = record_run(tmp_path / "plain")
    z = latents_from_seeds(range(3), 6)
    assert load_generator(plain.path).weights_id == load_generator(plain.generator_path).weights_id
    averaged = record_run(tmp_path / "ema", ema=True)
    ids = [load_generator(path).weights_id for path in (averaged.path, averaged.ema_path, averaged.generator_path)]
    assert ids[0] == ids[1] != ids[2]
    assert torch.equal(load_generator(str(averaged.path))(z), load_generator(averaged.ema_path)(z))


def test_a_run_directory_gives_its_discriminator(tiny_run):
    from_run, config, step = load_discriminator(tiny_run.path)
    from_file, _, _ = load_discriminator(tiny_run.discriminator_path)
    assert (config, step) == (TINY, 4)
    assert weights_id(from_run.state_dict()) == weights_id(from_file.state_dict())


def test_the_labels_of_a_conditional_model_come_back(tmp_path):
    config = PRESETS["cgan"].config
    generator = used_generator(config.model)
    save_generator(tmp_path / "g.safetensors", generator, config, 1)
    loaded = load_generator(tmp_path / "g.safetensors")
    assert loaded.config.num_classes == 10
    z = np.repeat(latents_from_seeds([4], 100), 10, axis=0)
    images = loaded(z, np.arange(10))
    assert torch.equal(images, sample(generator, z, np.arange(10)))
    assert len({image.numpy().tobytes() for image in images}) == 10
    with pytest.raises(ValueError, match="pass labels from 0 to 9"):
        loaded(z)


# Errors


def complaint(load: Callable, path: Path, error: type[Exception] = ValueError) -> str:
    """Return the message of an error that begins with the name of the file."""
    with pytest.raises(error, match=re.escape(path.name)) as caught:
        load(path)
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"{path} ")
    return str(caught.value).removeprefix(f"{path} ")


@pytest.mark.parametrize("load", [load_tensors, load_generator, load_discriminator])
def test_a_missing_file_is_named(load, tmp_path):
    message = complaint(load, tmp_path / "gone.safetensors", FileNotFoundError)
    assert message == "does not exist; name a run directory or a .safetensors file"


def test_a_run_without_weights_is_named(tiny_run):
    tiny_run.generator_path.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tiny_run.generator_path} does not exist")):
        load_generator(tiny_run.path)
    tiny_run.discriminator_path.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tiny_run.discriminator_path} does not exist")):
        load_discriminator(tiny_run.path)


@pytest.mark.parametrize("load", [load_tensors, load_generator])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not weights at all",
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: content + b"x",
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content.replace(b'"dtype":"F32"', b'"dtype":"F99"'),
    ],
    ids=["empty", "text", "one byte short", "header only", "one byte more", "endless header", "unknown type"],
)
def test_a_damaged_file_is_named(load, damage, tiny):
    path = tiny[0]
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert path.read_bytes() != content
    assert complaint(load, path).startswith("is damaged or was not written by DCGAN Studio: ")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {METADATA_KEY: "{"}, {METADATA_KEY: ""}])
def test_foreign_weights_are_named(metadata, tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata)
    assert complaint(load_generator, path).startswith("is damaged or was not written by DCGAN Studio: ")


def rewritten(path: Path, **changes) -> None:
    """Write the file with other metadata."""
    tensors, metadata = load_tensors(path)
    save_tensors(path, tensors, {key: value for key, value in (metadata | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": None}, "kind"),
        ({"step": None}, "step"),
        ({"config": None}, "config"),
        ({"step": "many"}, "many"),
        ({"config": 5}, ""),
        ({"config": []}, ""),
        ({"config": TINY.to_json() | {"format": 4}}, "config format 4"),
        ({"config": TINY.to_json() | {"epochs": 0}}, "epochs=0"),
        ({"config": TINY.to_json() | {"turbo": 1}}, "config field turbo"),
    ],
)
def test_invalid_metadata_is_named(changes, message, tiny):
    rewritten(tiny[0], **changes)
    complained = complaint(load_generator, tiny[0])
    assert complained.startswith("cannot be used: ")
    assert message in complained


@pytest.mark.parametrize("metadata", [[], 5, "generator", None])
def test_metadata_that_is_not_an_object_is_named(metadata, tmp_path):
    path = tmp_path / "g.safetensors"
    save_tensors(path, {"weight": torch.zeros(3)}, metadata)
    complaint(load_generator, path)


def test_the_wrong_network_is_named(tmp_path):
    gan = build_gan(TINY.model)
    g, d = tmp_path / "g.safetensors", tmp_path / "d.safetensors"
    save_generator(g, gan.generator, TINY, 0)
    save_discriminator(d, gan.discriminator, TINY, 0)
    assert complaint(load_generator, d) == "cannot be used: it holds a discriminator, not a generator"
    assert complaint(load_discriminator, g) == "cannot be used: it holds a generator, not a discriminator"


@pytest.mark.parametrize(
    "model",
    [{"latent_dim": 7}, {"width_g": 4}, {"norm_g": "none"}, {"topology": "mlp"}, {"image_size": 32}],
    ids=lambda change: next(iter(change)),
)
def test_weights_that_do_not_fit_their_config_are_named(model, tiny):
    config = replace(TINY, model=replace(TINY.model, **model))
    rewritten(tiny[0], config=config.to_json())
    assert complaint(load_generator, tiny[0]).startswith("does not fit its own config: ")


def test_nothing_is_ever_unpickled(tmp_path):
    """A pickle under the right name is refused and never run."""
    path = tmp_path / "g.safetensors"
    torch.save({"weight": torch.zeros(3)}, path)
    assert complaint(load_generator, path).startswith("is damaged or was not written by DCGAN Studio: ")


def test_the_file_is_plain_safetensors(tiny):
    """Programs without DCGAN Studio can read it."""
    path, generator = tiny
    with safe_open(path, framework="numpy") as file:
        weight = file.get_tensor("layers.1.weight")
    assert np.array_equal(weight, generator.layers[1].weight.detach().numpy())


@pytest.mark.parametrize("latent", ["normal", "mixture"])
def test_a_truncated_generator_draws_from_latents_nearer_to_the_mean(latent, runs_root):
    config = replace(TINY, model=replace(TINY.model, latent=latent, latent_dim=24))
    generator = load_generator(record_run(runs_root, config).path)
    z = latents_from_seeds(range(5), 24, latent)
    half = generator.truncated(0.5)
    assert torch.equal(half(z), generator(truncate(z, 0.5, latent)))
    assert torch.equal(half(torch.from_numpy(z).requires_grad_()), half(z))  # as without a psi
    assert not torch.equal(half(z), generator(z))
    assert torch.equal(half.truncated(1)(z), generator(z))  # instead of the 0.5, not in addition to it
    with pytest.raises(ValueError, match=r"psi=-0.1"):
        generator.truncated(-0.1)


def test_a_run_is_loaded_by_its_name(tiny_run):
    assert load_generator(tiny_run.name).weights_id == load_generator(tiny_run.path).weights_id
    assert load_generator("dcgan-mnist").step == 37_500
    with pytest.raises(FileNotFoundError, match="no-such-run does not exist"):
        load_generator("no-such-run")


# What a stranger's file may claim

HUGE = {
    "mlp": {"hidden_g": (1_000_000,) * 8},
    "conv": {"width_g": 2**17, "image_size": 8},
    "keras": {"width_g": 2**13, "image_size": 32, "latent_dim": 1_000_000},
    "step": {"width_g": 2**13, "image_size": 32, "latent_dim": 1_000_000},
}


@pytest.mark.parametrize("topology", HUGE)
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_networks_that_a_file_only_claims_are_never_built(topology, kind, tmp_path, monkeypatch):
    claimed = replace(TINY, model=ModelConfig(topology=topology, **HUGE[topology]))
    path = tmp_path / "small.safetensors"
    save_tensors(path, {"layers.0.weight": torch.zeros(8)}, {"kind": kind, "step": 0, "config": claimed.to_json()})
    assert path.stat().st_size < 8192

    def build(config):
        raise AssertionError("the tensors are compared before anything is built")

    monkeypatch.setattr("dcgan.checkpoint.build_generator", build)
    monkeypatch.setattr("dcgan.checkpoint.build_discriminator", build)
    load = load_generator if kind == "generator" else load_discriminator
    assert complaint(load, path).startswith("does not fit its own config: ")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
@pytest.mark.slow
def test_a_small_file_takes_little_memory(tmp_path):
    path = tmp_path / "small.safetensors"
    claimed = replace(TINY, model=ModelConfig(topology="mlp", hidden_g=(20_000, 20_000)))
    save_tensors(path, {"a": torch.zeros(8)}, {"kind": "generator", "step": 0, "config": claimed.to_json()})
    code = """
import resource, sys
from dcgan.checkpoint import load_generator
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_generator(sys.argv[1])
except ValueError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000, "KiB; the claimed weights have 1.6 million"


@pytest.mark.parametrize(
    "model",
    [
        {"image_size": 2**11},
        {"image_size": 2**62},
        {"num_classes": 10_001},
        {"width_g": 2**20 + 1},
        {"width_g": 2**17, "image_size": 32},
        {"topology": "mlp", "hidden_g": [1] * 65},
        {"topology": "mlp", "hidden_d": [1] * 100_000},
        {"topology": "keras", "image_size": 1024},
    ],
    ids=str,
)
def test_sizes_beyond_the_bounds_are_named(model, tiny):
    config = TINY.to_json()
    rewritten(tiny[0], config=config | {"model": config["model"] | model})
    message = complaint(load_generator, tiny[0])
    assert message.startswith("cannot be used: ")
    assert len(message) < 400


@pytest.mark.parametrize(
    ("name", "change", "difference"),
    [
        ("layers.1.weight", lambda tensor: tensor.long(), "layers.1.weight is I64"),
        ("layers.1.weight", lambda tensor: tensor[:, :1].clone(), "layers.1.weight is F32"),
        ("layers.2.num_batches_tracked", lambda tensor: tensor.float(), "layers.2.num_batches_tracked is F32"),
        ("layers.1.weight", lambda tensor: None, "1 tensors are missing, as layers.1.weight"),
        ("layers.99.weight", lambda tensor: torch.zeros(1), "1 tensors are unknown, as layers.99.weight"),
    ],
)
def test_tensors_of_other_names_shapes_and_types_are_named(name, change, difference, tiny):
    tensors, metadata = load_tensors(tiny[0])
    tensors[name] = change(tensors.get(name))
    save_tensors(tiny[0], {name: tensor for name, tensor in tensors.items() if tensor is not None}, metadata)
    assert complaint(load_generator, tiny[0]).startswith(f"does not fit its own config: {difference}")


@pytest.mark.parametrize("step", [-1, 10**16, 1.5, "3", True, None])
def test_a_step_that_is_not_a_count_is_refused(step, tiny):
    rewritten(tiny[0], step=step)
    assert complaint(load_generator, tiny[0]).startswith("cannot be used: ")
