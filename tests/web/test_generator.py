"""The generator in plain JavaScript against Python's: the same latents, images, links and ids."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
from published import RUNS
from recorded import TINY

from dcgan import pixels
from dcgan.checkpoint import load_generator, save_generator
from dcgan.config import TrainConfig
from dcgan.files import CHECKPOINTS, PROJECT
from dcgan.latents import DISTRIBUTIONS, PATHS, latents_from_seeds, piecewise, rms_norm, truncate
from dcgan.models.gan import build_generator
from dcgan.runs.run import Run
from dcgan.sampling.link import MAX_FRAMES, MAX_KEYS, MAX_LABEL, MAX_LABELS, MAX_SEED, ShareLink
from dcgan.sampling.link import PATHS as PATHS_OF_LINKS
from dcgan.sampling.link_fields import text_of_halves
from dcgan.sampling.rendering import render

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NUM_IMAGES = 1000


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_latents_of_ten_thousand_seeds_are_those_of_numpy(web, distribution):
    body = """
      const { latentOfSeed } = await web("latents");
      const all = new Float32Array(10_000 * 100);
      for (let seed = 0; seed < 10_000; seed += 1) all.set(latentOfSeed(seed, 100, argument), seed * 100);
      return all;
    """
    latents = web.numbers(body, "<f4", distribution).reshape(10_000, 100)
    expected = latents_from_seeds(range(10_000), 100, distribution)
    # One unit in the last place is allowed in one of a million numbers.
    assert np.count_nonzero(latents != expected) <= 1
    np.testing.assert_array_max_ulp(latents, expected, maxulp=1)


@pytest.mark.parametrize("seed", [0, 1, 2**31, MAX_SEED])
def test_a_stream_can_be_as_long_as_needed(web, seed):
    body = """
      const { RandomState } = await web("random");
      const stream = new RandomState(argument);
      return Float64Array.from({ length: 5000 }, () => stream.uniform());
    """
    assert np.array_equal(web.numbers(body, "<f8", seed), np.random.RandomState(seed).uniform(size=5000))


@pytest.mark.parametrize("path", PATHS)
def test_paths_are_those_of_python(web, path):
    z = latents_from_seeds(range(6), 100)
    pairs = [(z[0], z[1]), (z[2], -z[2]), (z[3], z[3]), (z[4], 0 * z[4]), (0 * z[4], z[5]), (z[0], z[0] * 2)]
    t = [0, 0.1, 1 / 3, 0.5, 0.999, 1]
    body = """
      const { PATHS } = await web("latents");
      const { path, pairs, t } = argument;
      return Float32Array.from(pairs.flatMap(([a, b]) => t.flatMap((position) => {
        return [...PATHS[path](Float32Array.from(a), Float32Array.from(b), position)];
      })));
    """
    argument = {"path": path, "pairs": [[a.tolist(), b.tolist()] for a, b in pairs], "t": t}
    result = web.numbers(body, "<f4", argument).reshape(len(pairs), len(t), 100)
    expected = np.stack([piecewise([a, b], t, path) for a, b in pairs])
    np.testing.assert_array_max_ulp(result, expected, maxulp=1)


def test_positions_norms_and_truncation_are_those_of_python(web):
    body = """
      const { positions, rmsNorm, truncate, latentOfSeed } = await web("latents");
      const all = [];
      for (let n = 2; n <= 64; n += 1) all.push(...positions(n, false), ...positions(n, true));
      for (const distribution of ["normal", "uniform", "mixture"]) {
        all.push(rmsNorm(100, distribution), ...truncate(latentOfSeed(3, 100, distribution), 0.7, distribution));
      }
      return Float64Array.from(all);
    """
    expected: list[float] = []
    for frames in range(2, 65):
        expected += [*np.linspace(0, 1, frames), *np.linspace(0, 1, frames, endpoint=False)]
    for name in ("normal", "uniform", "mixture"):
        expected += [rms_norm(100, name), *truncate(latents_from_seeds([3], 100, name)[0], 0.7, name).tolist()]
    assert web.numbers(body, "<f8").tolist() == expected


# Images


def published() -> list[str]:
    """Return the files of all published generators that the browser draws, snapshots too, below checkpoints/."""
    files = []
    for run in RUNS:
        if run.config().model.topology in ("conv", "mlp"):
            files += [run.weights_path, *(run.snapshot_path(step) for step in run.snapshot_steps())]
    return [str(file.relative_to(PROJECT)) for file in files]


DRAW = """
  const { TrainedGenerator } = await web("generator");
  const { file, content, seeds } = argument;
  const sent = content ? Uint8Array.from(content) : await fetch(`${address}/${file}`);
  const generator = TrainedGenerator.read(content ? sent.buffer : await sent.arrayBuffer());
  const images = [];
  for (let start = 0; start < seeds.length; start += 50) {
    const part = seeds.slice(start, start + 50);
    const classes = generator.model.numClasses;
    const labels = classes ? part.map((seed) => generator.weightsOfLabel(seed % classes)) : null;
    images.push(generator.draw(part.map((seed) => generator.latent(seed)), labels));
  }
  const all = new Uint8Array(images.reduce((sum, image) => sum + image.length, 0));
  let at = 0;
  for (const image of images) {
    all.set(image, at);
    at += image.length;
  }
  return all;
"""


def drawn_by_python(path, seeds) -> np.ndarray:
    """Return the images of the seeds (N, H, W, C)."""
    generator = load_generator(path)
    classes = generator.config.num_classes
    labels = np.array(seeds) % classes if classes else None
    return pixels.to_uint8(generator(generator.latents(seeds), labels).numpy()).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("file", published())
def test_published_generators_draw_the_images_of_pytorch(web, file):
    seeds = list(range(NUM_IMAGES))
    expected = drawn_by_python(PROJECT / file, seeds)
    images = web.numbers(DRAW, "u1", {"file": file, "seeds": seeds}).reshape(expected.shape)
    difference = np.abs(images.astype(int) - expected).reshape(NUM_IMAGES, -1).max(axis=1)
    assert difference.max() <= 1
    assert np.mean(difference == 0) >= 0.95 ** (expected[0].size / 28**2)


SHAPES = [
    {"image_size": 8, "channels": 3},
    {"image_size": 16, "num_classes": 3},
    {"image_size": 32, "channels": 3, "norm_g": "none", "output": "sigmoid"},
    {"image_size": 64, "latent": "uniform"},
    {"latent": "mixture", "latent_dim": 24},
    {"width_g": 1, "latent_dim": 12},  # layers with fewer than four channels
    {"topology": "mlp", "hidden_g": (7, 9), "channels": 3, "image_size": 10, "norm_g": "none"},
    {"topology": "mlp", "hidden_g": (8,), "num_classes": 4, "output": "sigmoid"},
]


def write_generator(path: Path, *, half: bool = False, **changes: Any) -> TrainConfig:
    """Write a small generator with random weights and random statistics of its batch norms, and return its config."""
    model = replace(TINY.model, topology="conv", width_g=3, width_d=2)
    config = replace(TINY, model=replace(model, **changes))
    torch.manual_seed(0)
    generator = build_generator(config.model)
    for name, value in generator.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.2, 2)
        elif value.is_floating_point():
            value.normal_(0, 0.6 if value.ndim == 4 else 0.3)
    save_generator(path, generator, config, 7, half=half)
    return config


@pytest.mark.parametrize("changes", SHAPES, ids=str)
@pytest.mark.parametrize("half", [False, True])
def test_every_shape_draws_the_images_of_pytorch(web, tmp_path, changes, half):
    write_generator(tmp_path / "g.safetensors", half=half, **changes)
    seeds = list(range(60))
    expected = drawn_by_python(tmp_path / "g.safetensors", seeds)
    assert expected.std() > 5, "the images must not be blank"
    content = (tmp_path / "g.safetensors").read_bytes()
    images = web.numbers(DRAW, "u1", {"content": list(content), "seeds": seeds})
    difference = np.abs(images.reshape(expected.shape).astype(int) - expected)
    assert difference.max() <= 1
    assert np.mean(difference == 0) > 0.999


@pytest.mark.parametrize("changes", [*SHAPES, {"width_g": 5}], ids=str)
def test_vectors_and_plain_javascript_draw_the_same_bytes(web, tmp_path, changes):
    write_generator(tmp_path / "g.safetensors", **changes)
    body = """
      const { Network } = await web("network");
      const { readWeights } = await web("weights");
      const { latentOfSeed } = await web("latents");
      const file = readWeights(Uint8Array.from(argument).buffer);
      const [fast, plain] = [true, false].map((vectors) => new Network(file, { vectors }));
      if (fast.multiplier.kernels.block.name === plain.multiplier.kernels.block.name) return "no vectors";
      for (const count of [1, 2, 3, 4, 5, 13]) {
        const seeds = Array.from({ length: count }, (_, seed) => seed);
        const { latentDim, latent, numClasses } = fast.model;
        const latents = seeds.map((seed) => latentOfSeed(seed, latentDim, latent));
        const hot = (seed) => (_, index) => Number(index === seed % numClasses);
        const label = (seed) => Float32Array.from({ length: numClasses }, hot(seed));
        const labels = numClasses ? seeds.map(label) : null;
        const [one, other] = [fast, plain].map((network) => network.draw(latents, labels));
        if (!one.every((value, index) => value === other[index])) return `${count} images differ`;
      }
      return "same";
    """
    assert web.call(body, list((tmp_path / "g.safetensors").read_bytes())) == "same"


def test_an_image_is_the_same_alone_and_among_others(web):
    body = """
      const { TrainedGenerator } = await web("generator");
      const file = `${address}/checkpoints/dcgan-mnist/generator.safetensors`;
      const generator = TrainedGenerator.read(await (await fetch(file)).arrayBuffer());
      const latents = Array.from({ length: 8 }, (_, seed) => generator.latent(seed));
      const together = generator.draw(latents);
      const alone = latents.flatMap((z) => [...generator.draw([z])]);
      return Uint8Array.from(together, (value, index) => value === alone[index]);
    """
    assert web.numbers(body, "u1").all()


@pytest.mark.parametrize("name", ["dcgan-mnist", "dcgan-best-mnist", "cdcgan-mnist", "gan-mnist"])
def test_ids_of_weights_and_pixels_are_those_of_python(web, name):
    run = Run(CHECKPOINTS / name)
    generator = load_generator(run.path)
    link = ShareLink(model=name, seed_a=3, seed_b=5, keys=(7,), loop=True, labels=(2, 8), frames=9)
    drawn = render(link, generator)
    body = """
      const { TrainedGenerator, readLink, render, writeLink } = await web("generator");
      const generator = TrainedGenerator.read(await (await fetch(`${address}/${argument.file}`)).arrayBuffer());
      return writeLink(render(readLink(argument.link).link, generator).link);
    """
    file = str(run.weights_path.relative_to(PROJECT))
    answer = dict(parse_qsl(web.call(body, {"file": file, "link": f"?{link.to_query()}"})))
    expected = dict(parse_qsl(drawn.link.to_query()))
    assert answer["w"] == generator.weights_id
    assert answer | {"d": ""} == expected | {"d": ""}, "the digest may differ where a pixel is rounded differently"


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 1000])
def test_hashes_are_sha256(web, size):
    content = bytes(range(256)) * 4
    body = """
      const { sha256 } = await web("sha256");
      const bytes = Uint8Array.from(argument);
      return sha256([bytes.subarray(0, 3), bytes.subarray(3)]);
    """
    assert web.call(body, list(content[:size])) == hashlib.sha256(content[:size]).hexdigest()


# Files that are damaged or strange


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def good_header(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the header and the data of a small generator."""
    write_generator(folder / "good.safetensors")
    content = (folder / "good.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_model(header: dict[str, Any], **changes: Any) -> dict[str, Any]:
    metadata = json.loads(header["__metadata__"]["dcgan"])
    metadata["config"]["model"] |= changes
    return header | {"__metadata__": {"dcgan": json.dumps(metadata)}}


def damaged_files(folder: Path) -> dict[str, bytes]:
    header, data = good_header(folder)
    first = next(name for name in header if name.endswith("weight"))
    entry = header[first]
    return {
        "empty": b"",
        "short": b"\1\2\3",
        "a header longer than the file": struct.pack("<Q", 2**63) + b"{}",
        "not JSON": safetensors(b"\xff\xfe{"),
        "a list": safetensors([1, 2]),
        "no config": safetensors({name: value for name, value in header.items() if name[0] != "_"}, data),
        "a config of another kind": safetensors(header | {"__metadata__": {"dcgan": "[1]"}}, data),
        "cut off": safetensors(header, data[:-1]),
        "offsets beyond the end": safetensors(header | {first: entry | {"data_offsets": [0, 2**40]}}, data),
        "offsets that run backwards": safetensors(header | {first: entry | {"data_offsets": [8, 0]}}, data),
        "a huge shape": safetensors(header | {first: entry | {"shape": [2**30, 2**30]}}, data),
        "a shape of text": safetensors(header | {first: entry | {"shape": ["a"]}}, data),
        "another type": safetensors(header | {first: entry | {"dtype": "__proto__"}}, data),
        "a missing tensor": safetensors({name: value for name, value in header.items() if name != first}, data),
        "an unknown tensor": safetensors(header | {"<script>": entry}, data),
        "another width": safetensors(with_model(header, width_g=4), data),
        "a generator of another family": safetensors(with_model(header, topology="keras"), data),
        "a family that is a list": safetensors(with_model(header, topology=[[]]), data),
        "a huge network": safetensors(with_model(header, width_g=100_000), data),
        "an image of no size": safetensors(with_model(header, image_size=0), data),
        "an odd size": safetensors(with_model(header, image_size=30), data),
        "no latent": safetensors(with_model(header, latent_dim=None), data),
        "weights without values": safetensors(header, b"\xff" * len(data)),
    }


def test_a_damaged_file_gives_a_sentence(web, tmp_path):
    body = """
      const { TrainedGenerator, WeightsError } = await web("generator");
      try {
        const generator = TrainedGenerator.read(Uint8Array.from(argument).buffer);
        generator.draw([generator.latent(0)]);
        return "nothing";
      } catch (error) {
        return error instanceof WeightsError ? error.message : `another error: ${error}`;
      }
    """
    answers = {name: web.call(body, list(content)) for name, content in damaged_files(tmp_path).items()}
    header, data = good_header(tmp_path)
    assert web.call(body, list(safetensors(header, data))) == "nothing"
    for name, answer in answers.items():
        assert answer[0].isupper(), f"{name}: {answer}"
        assert answer.endswith("."), f"{name}: {answer}"
        assert len(answer) < 250


# Links


NAMES = ["dcgan-mnist", "a b", "m\u00e8re&=%+?#", "\u4e2d\u6587", "\U0001f600", "x" * 255, ".a"]


def random_link(choose: random.Random) -> ShareLink:
    def whole(high: int) -> int:
        return choose.choice([0, high, choose.randrange(high + 1), choose.randrange(100)])

    return ShareLink(
        model=choose.choice(
            ["dcgan-mnist", "a b", "m\u00e8re&=%+?#", "\u4e2d\u6587", "\U0001f600", "x" * 255, "."[:0] + ".a"]
        ),
        weights_id=choose.choice(["", f"{choose.randrange(16**12):012x}"]),
        seed_a=whole(MAX_SEED),
        seed_b=whole(MAX_SEED),
        frames=choose.randint(2, MAX_FRAMES),
        path=choose.choice(PATHS_OF_LINKS),
        t=choose.choice([0.0, 1.0, choose.random(), choose.random() * 10.0 ** -choose.randrange(12), 0.5, 1e-300]),
        labels=tuple(whole(MAX_LABEL) for _ in range(choose.choice([0, 1, 2, MAX_LABELS]))),
        keys=tuple(whole(MAX_SEED) for _ in range(choose.choice([0, 1, MAX_KEYS]))),
        loop=choose.random() < 0.5,
        digest=choose.choice(["", f"{choose.randrange(16**12):012x}"]),
        z_a=choose.choice(["", text_of_halves([choose.gauss(0, 1) for _ in range(choose.randint(1, 375))])]),
        z_b=choose.choice(["", text_of_halves([0.0, -0.0, 65504.0, 6e-8])]),
    )


def test_a_thousand_links_are_read_and_written_alike(web):
    choose = random.Random(0)
    links = [random_link(choose) for _ in range(1000)]
    body = """
      const { readLink, writeLink } = await web("generator");
      return argument.map((text) => {
        const { link, notes } = readLink(text);
        return [writeLink(link), notes.length];
      });
    """
    queries = [link.to_query() for link in links]
    answers = web.call(body, queries)
    assert [written for written, _ in answers] == queries
    assert not any(notes for _, notes in answers)
    assert [ShareLink.from_query(dict(parse_qsl(written)))[0] for written, _ in answers] == links


PIECES = ["", "&", "=", "%", "-1", "9" * 11, ".", "e-5", "%00", "%E2%80%AE", "+", "amp;", "A", ",", "\u0663", "\n"]
ENDS = ["", "", ".", ")", "&utm_source=x", "&fbclid=1", "&foo=1", "&&", "&w=ABCDEF012345."]


def changed_query(choose: random.Random) -> str:
    """Return the query of a link, with some of its characters changed."""
    text = list(random_link(choose).to_query()[:3000])
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(text))
        text[at : at + choose.randrange(3)] = choose.choice(PIECES)
    return "".join(text) + choose.choice(ENDS)


@pytest.mark.parametrize("loop", [False, True])
def test_latent_vectors_of_a_link_are_drawn_alike(web, loop):
    generator = load_generator(CHECKPOINTS / "dcgan-mnist")
    z_a, z_b = (text_of_halves(1.5 * z) for z in generator.latents([700, 701]))
    link = ShareLink(seed_a=1, seed_b=2, z_a=z_a, z_b=z_b, keys=(7,), loop=loop, frames=7)
    drawn = render(link, generator).images_u8
    assert not np.array_equal(drawn, render(replace(link, z_a="", z_b=""), generator).images_u8)
    body = """
      const { TrainedGenerator, readLink, render } = await web("generator");
      const generator = TrainedGenerator.read(await (await fetch(`${address}/${argument.file}`)).arrayBuffer());
      const { link, images } = render(readLink(argument.query).link, generator);
      return { images: [...images], zA: link.zA };
    """
    file = str(Run(CHECKPOINTS / "dcgan-mnist").weights_path.relative_to(PROJECT))
    answer = web.call(body, {"file": file, "query": link.to_query()})
    assert answer["zA"] == z_a
    images = np.array(answer["images"], np.uint8).reshape(7, 28, 28, 1).transpose(0, 3, 1, 2)
    assert np.abs(images.astype(int) - drawn).max() <= 1


def test_hostile_queries_are_read_alike(web):
    choose = random.Random(1)
    queries = [changed_query(choose) for _ in range(2000)]
    queries += ["", "?", "&&&", "=", "a", "a=" + "1" * 2000, "model=..", "model=a/b", "t=NaN", "t=1e5"]
    queries += [
        "za=" + text for text in ("", "A", "AA", "AAA", "AAAA", "AHw", "AH4", "-_8", "AA==", "A A", "x" * 1001)
    ]
    queries += ["k=" + "1," * 8 + "1", "t=0.5%0A", "a=7%0A", "model=a%0Ab", "v=01", "a=007", "t=0.1e-3", "loop=%0A"]
    body = """
      const { readLink, writeLink } = await web("generator");
      return argument.map((text) => {
        const { link, notes } = readLink(text);
        return [writeLink(link), notes.length];
      });
    """
    for query, (written, notes) in zip(queries, web.call(body, queries), strict=True):
        link, sentences = ShareLink.from_query(dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)))
        assert (written, notes) == (link.to_query(), len(sentences)), query
