"""The Explore page on many runs, without a browser."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from recorded import TINY, record_run
from streamlit.testing.v1 import AppTest

from dcgan import files, pixels
from dcgan.checkpoint import load_generator, load_tensors, save_tensors, weights_id
from dcgan.config import NUM_COMPONENTS
from dcgan.evaluation.classifier import load_classifier
from dcgan.files import CHECKPOINTS
from dcgan.latents import latents_from_seeds, parse_seeds
from dcgan.sampling import exploration, sheets
from dcgan.sampling.link import ShareLink

PAGE = str(files.PROJECT / "dcgan" / "pages" / "explore.py")
CONDITIONAL = replace(TINY, model=replace(TINY.model, num_classes=3))
UNIFORM = replace(TINY, model=replace(TINY.model, latent="uniform"))
MIXED = replace(TINY, model=replace(TINY.model, latent="mixture", latent_dim=24))


@pytest.fixture(autouse=True)
def only_own_runs(runs_root, monkeypatch) -> Path:
    """The page sees no published model, so that a test decides what there is."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    for name in ("DCGAN_DEMO_URL", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    return runs_root


@pytest.fixture
def drawn(monkeypatch) -> list[np.ndarray]:
    """Record every picture that the page shows from now on, before it becomes a file."""
    pictures = []
    png_bytes = pixels.png_bytes

    def recording(picture, metadata=None):
        if metadata is None:  # with metadata it is the download
            pictures.append(picture)
        return png_bytes(picture, metadata)

    monkeypatch.setattr(pixels, "png_bytes", recording)
    return pictures


def open_page(**query: str | list[str]) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def captions(app: AppTest) -> list[str]:
    """Return the caption of every picture on the page; each must be a PNG with a text for screen readers."""
    pictures = [image.proto.imgs[0] for image in app.get("image")]
    assert all(picture.url.endswith(".png") for picture in pictures)
    assert all(picture.alt for picture in pictures)
    return [picture.caption for picture in pictures]


def warnings(app: AppTest) -> list[str]:
    """Return the warnings without the backslashes that protect them from Markdown."""
    return [re.sub(r"\\(.)", r"\1", warning.value) for warning in app.warning]


# What there is to choose


@pytest.mark.slow
def test_without_runs_the_page_says_how_to_make_one():
    (info,) = open_page().info
    assert "There is no trained model yet" in info.value
    assert "python -m dcgan train" in info.value


@pytest.mark.slow
def test_runs_without_weights_are_no_choice(tiny_run):
    tiny_run.generator_path.unlink()
    for step in tiny_run.snapshot_steps():
        tiny_run.snapshot_path(step).unlink()
    assert "None of the 1 runs has weights yet" in open_page().info[0].value
    other = record_run(tiny_run.path.parent, replace(TINY, seed=1))
    app = open_page(run=tiny_run.name)
    assert app.selectbox(key="run").options == [other.name]
    assert warnings(app) == [f"run='{tiny_run.name}' in the address cannot be shown; {other.name} is used instead."]


@pytest.mark.slow
def test_the_moving_average_is_what_is_shown(only_own_runs):
    run = record_run(only_own_runs, ema=True)
    expected = load_generator(run.ema_path).weights_id
    assert f"weights {expected} of step 4" in open_page().caption[0].value


# Samples


@pytest.mark.slow
def test_the_sheet_is_the_librarys(tiny_run, drawn):
    app = open_page()
    generator = load_generator(tiny_run.path)
    assert captions(app) == [f"{tiny_run.name}, seeds 0-63, psi 1"]
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(64), enlarge=3))
    app.number_input(key="first").set_value(100)
    app.number_input(key="count").set_value(5)
    app.slider(key="psi").set_value(0.5)
    app.slider(key="size").set_value(2)
    app.toggle(key="reverse").set_value(True).run()
    assert captions(app) == [f"{tiny_run.name}, seeds 100-104, psi 0.5"]
    expected = exploration.sheet(generator, range(100, 105), psi=0.5, reverse=True, enlarge=2)
    assert np.array_equal(drawn[-1], expected)
    app.text_input(key="seeds").set_value("7, 3-4").run()
    app.toggle(key="numbers").set_value(True).run()
    expected = exploration.sheet(generator, [7, 3, 4], psi=0.5, numbers=True, reverse=True, enlarge=2)
    assert np.array_equal(drawn[-1], expected)
    assert app.number_input(key="first").disabled
    assert not app.exception


@pytest.mark.slow
def test_a_conditional_model_offers_labels(only_own_runs, drawn):
    generator = load_generator(record_run(only_own_runs, CONDITIONAL).path)
    app = open_page(seeds="5-10", labels=["2", "0"], size="1")
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), [2, 0]))
    app.toggle(key="cross").set_value(True).run()
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), [2, 0], cross=True))
    app.multiselect(key="labels").set_value([]).run()
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), cross=True))
    assert not app.exception


@pytest.mark.slow
def test_a_mixture_model_shows_every_component(only_own_runs, drawn):
    generator = load_generator(record_run(only_own_runs, MIXED).path)
    app = open_page(seeds="5-7", size="1")
    assert "the first 20 of which select a mixture component" in " ".join(caption.value for caption in app.caption)
    assert not app.multiselect
    app.toggle(key="cross").set_value(True).run()
    assert app.toggle(key="cross").label == "Every seed with every component"
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 8), cross=True))
    assert not app.exception


@pytest.mark.slow
def test_an_unconditional_model_offers_no_labels(tiny_run):
    assert not open_page().multiselect


def test_the_download_is_the_picture_with_its_description(tiny_run, monkeypatch):
    saved = {}

    def download_button(label, data, name, mime, **others):
        saved[name] = Image.open(io.BytesIO(data()))  # made when it is downloaded

    monkeypatch.setattr("streamlit.download_button", download_button)
    open_page(seeds="3", size="2")
    picture = saved[f"samples-{tiny_run.name}.png"]
    generator = load_generator(tiny_run.path)
    assert np.array_equal(picture, exploration.sheet(generator, [3], enlarge=2))
    assert picture.text == {
        "Title": f"{tiny_run.name}, seeds 3, psi 1",
        "Source": f"weights {generator.weights_id}",
    }


@pytest.mark.slow
def test_a_large_sheet_is_drawn_smaller_with_a_warning(tiny_run, drawn):
    app = open_page(size="8", count="2048")
    (sentence,) = warnings(app)
    assert sentence == "2,048 images of 28x28 are too many for zoom 8; zoom 4 is used instead."
    assert drawn[-1].shape == (45 * 28 * 4, 46 * 28 * 4)
    assert warnings(open_page(size="8", count="64")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "query"), [("Time machine", {"n": "24"}), ("Vector arithmetic", {"va": "0-15"}), ("Samples", {})]
)
def test_every_view_keeps_within_the_pixels_that_a_page_can_draw(tiny_run, drawn, monkeypatch, view, query):
    monkeypatch.setattr(exploration, "MAX_PIXELS", 300_000)
    app = open_page(view=view, size="8", **query)
    assert "are too many for zoom 8" in warnings(app)[0]
    assert 0 < sum(picture.size for picture in drawn) <= 300_000


@pytest.mark.slow
def test_too_many_images_at_any_zoom_are_a_warning(tiny_run, monkeypatch):
    monkeypatch.setattr(exploration, "MAX_PIXELS", 30_000)
    app = open_page(count="64")
    assert "try at most 38 images" in warnings(app)[-1]
    assert captions(app) == []


@pytest.mark.slow
def test_the_address_carries_the_whole_view(only_own_runs, drawn):
    first, second = record_run(only_own_runs), record_run(only_own_runs, UNIFORM)
    app = open_page(run=second.name, first="8", count="4", psi="0.25", size="1", reverse="true", numbers="false")
    assert not app.warning
    assert captions(app) == [f"{second.name}, seeds 8-11, psi 0.25"]
    expected = exploration.sheet(load_generator(second.path), range(8, 12), psi=0.25, reverse=True)
    assert np.array_equal(drawn[-1], expected)
    app.selectbox(key="run").select(first.name).run()
    assert captions(app) == [f"{first.name}, seeds 8-11, psi 0.25"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "reason"),
    [
        ("1-", "'1-' is not a seed or a range of seeds"),
        ("9-3", "range 9-3 runs backwards"),
        ("4294967296", "seed=4294967296 is not in"),
        ("0-2999", "3,000 images are more than 2,048"),
        ("![](http://192.0.2.1/x.png)", "is not a seed"),
    ],
)
def test_invalid_seeds_are_a_warning(tiny_run, seeds, reason):
    app = open_page(seeds=seeds)
    (sentence,) = warnings(app)
    assert reason in sentence
    assert "![](" not in app.warning[0].value  # Markdown would fetch it
    app.text_input(key="seeds").set_value("1").run()
    assert not app.warning
    assert len(captions(app)) == 1


# The time machine


def links(app: AppTest) -> list[ShareLink]:
    """Return the links of the rows, equal in the picture and in its caption."""
    rows = []
    for image in app.get("image"):
        address = image.proto.link
        assert f"({address})" in image.proto.imgs[0].caption
        assert urlsplit(address)[:3] == ("http", "localhost:7860", "/")
        link, notes = ShareLink.from_query(dict(parse_qsl(urlsplit(address).query)))
        assert notes == []
        rows.append(link)
    return rows


@pytest.mark.slow
def test_every_snapshot_is_a_row_that_leads_to_the_demo(tiny_run, drawn):
    app = open_page(view="Time machine", a="3", b="9", n="6", path="lerp", size="1")
    rows = [caption.split(" · ")[0] for caption in captions(app)]
    assert rows == ["epoch 0 (step 0)", "epoch 1 (step 2)", "epoch 2 (step 4)"]
    generators = [load_generator(tiny_run.snapshot_path(step)) for step in (0, 2, 4)]
    for picture, generator in zip(drawn, generators, strict=True):
        assert np.array_equal(picture, exploration.path_strip(generator, (3, 9), 6, path="lerp"))
    assert links(app) == [
        ShareLink(1, tiny_run.name, generator.weights_id, 3, 9, 6, "lerp") for generator in generators
    ]


@pytest.mark.slow
def test_the_newest_weights_are_the_last_row_of_a_run_that_goes_on(tiny_run):
    tiny_run.snapshot_path(4).unlink()
    last = links(open_page(view="Time machine"))[-1]
    assert last.weights_id == weights_id(load_tensors(tiny_run.generator_path)[0])


@pytest.mark.slow
def test_a_conditional_path_keeps_one_label(only_own_runs, drawn):
    run = record_run(only_own_runs, CONDITIONAL)
    drawn.clear()
    app = open_page(view="Time machine", size="1", label="2")
    generator = load_generator(run.snapshot_path(0))
    assert np.array_equal(drawn[0], exploration.path_strip(generator, (7, 42), 10, label=2))
    assert [link.labels for link in links(app)] == [(2,)] * 3


@pytest.mark.slow
def test_a_run_without_snapshots_shows_its_weights(tiny_run):
    for step in tiny_run.snapshot_steps():
        tiny_run.snapshot_path(step).unlink()
    app = open_page(view="Time machine")
    assert "has no snapshots" in app.info[0].value
    assert len(captions(app)) == 1


@pytest.mark.slow
def test_the_demo_can_be_elsewhere(tiny_run, monkeypatch):
    monkeypatch.setenv("DCGAN_DEMO_URL", "https://example.org/demo")
    image = open_page(view="Time machine").get("image")[0]
    assert image.proto.link.startswith("https://example.org/demo?v=1&model=")


@pytest.mark.slow
def test_in_a_space_without_a_demo_rows_have_no_link(tiny_run, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    app = open_page(view="Time machine")
    assert captions(app) == ["epoch 0 (step 0)", "epoch 1 (step 2)", "epoch 2 (step 4)"]
    assert not any(image.proto.link for image in app.get("image"))


# Vector arithmetic


@pytest.mark.slow
def test_the_first_operands_draw_the_digits_that_the_text_names(monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", CHECKPOINTS)
    app = open_page(view="Vector arithmetic")
    assert "leaning eights, minus upright eights, plus the upright digit 1" in app.markdown[2].value
    generator = load_generator(CHECKPOINTS / app.selectbox(key="run").value)
    for key, digit in (("va", 8), ("vb", 8), ("vc", 1)):
        seeds = parse_seeds(app.text_input(key=key).value)
        assert read_digits(sheets.draw(generator, seeds)) == [digit] * 3


def read_digits(images_u8: np.ndarray) -> list[int]:
    """Return the digits that the classifier reads in images (N, 1, 28, 28)."""
    classifier = load_classifier("mnist")
    return classifier.logits(classifier.features(torch.from_numpy(pixels.from_uint8(images_u8)))).argmax(1).tolist()


@pytest.mark.slow
def test_arithmetic_shows_seeds_means_result_and_neighbors(tiny_run, drawn):
    app = open_page(view="Vector arithmetic", va="1-3", vb="4,5,6", vc="7-9", size="1")
    sums = exploration.arithmetic(load_generator(tiny_run.path), [1, 2, 3], [4, 5, 6], [7, 8, 9])
    expected = [picture for pair in zip(sums.seeds_u8, sums.means_u8, strict=True) for picture in pair]
    expected += [sums.result_u8, sums.neighbors_u8]
    assert len(drawn) == len(captions(app)) == 8
    assert all(map(np.array_equal, drawn, expected))
    assert any(f"a norm of {sums.norm:.1f}" in caption.value for caption in app.caption)


@pytest.mark.slow
def test_arithmetic_keeps_one_label(only_own_runs, drawn):
    run = record_run(only_own_runs, CONDITIONAL)
    open_page(view="Vector arithmetic", size="1", label="1")
    sums = exploration.arithmetic(load_generator(run.path), [3, 14, 768], [112, 400, 943], [26, 162, 727], label=1)
    assert np.array_equal(drawn[-1], sums.neighbors_u8)


@pytest.mark.slow
def test_an_invalid_operand_is_a_warning(tiny_run):
    for text in ("", "none", "0-99"):
        app = open_page(view="Vector arithmetic", vb=text)
        assert len(app.warning) == 1
        assert not app.get("image")


@pytest.mark.slow
@pytest.mark.parametrize(("config", "word"), [(TINY, "With one seed per letter"), (MIXED, "in one component")])
def test_the_text_about_norms_fits_the_latent(only_own_runs, config, word):
    record_run(only_own_runs, config)
    assert word in " ".join(caption.value for caption in open_page(view="Vector arithmetic").caption)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (TINY, "all images are the image of z = 0"),
        (CONDITIONAL, "all images of a label are equal"),
        (MIXED, "all images of a component are equal"),
        (
            replace(MIXED, model=replace(MIXED.model, num_classes=3)),
            "all images of a component and a label are equal",
        ),
    ],
)
def test_the_text_about_psi_0_is_true_of_the_images(only_own_runs, drawn, config, sentence):
    generator = load_generator(record_run(only_own_runs, config).path)
    app = open_page()
    assert sentence in " ".join(caption.value for caption in app.caption)
    seeds = range(60)
    shared = [()] * 60
    if config.model.num_classes:
        shared = [(*key, seed % config.model.num_classes) for key, seed in zip(shared, seeds, strict=True)]
    if config.model.latent == "mixture":
        z = latents_from_seeds(seeds, config.model.latent_dim, "mixture")
        shared = [(*key, int(row[:NUM_COMPONENTS].argmax())) for key, row in zip(shared, z, strict=True)]
    images_u8 = sheets.draw(generator.truncated(0.0), seeds)
    assert len({image.tobytes() for image in images_u8}) == len(set(shared))


# Damage


VIEWS = ("Samples", "Time machine", "Vector arithmetic")


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("data", [None, b"", b"no weights"], ids=["missing", "empty", "damaged"])
def test_damaged_weights_are_a_warning(tiny_run, view, data):
    if data is None:
        tiny_run.generator_path.unlink()
    else:
        tiny_run.generator_path.write_bytes(data)
    app = open_page(view=view)
    assert "generator.safetensors" in warnings(app)[0]
    assert len(captions(app)) == (3 if view == "Time machine" else 0)  # the snapshots are sound


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_weights_that_diverged_are_a_warning(tiny_run, view):
    tensors, metadata = load_tensors(tiny_run.generator_path)
    broken = {name: value * float("nan") if value.is_floating_point() else value for name, value in tensors.items()}
    save_tensors(tiny_run.generator_path, broken, metadata)
    tiny_run.snapshot_path(4).unlink()
    app = open_page(view=view)
    assert any("non-finite" in sentence for sentence in warnings(app))


def test_a_damaged_snapshot_is_a_warning_among_the_rows(tiny_run):
    tiny_run.snapshot_path(2).write_bytes(b"no weights")
    app = open_page(view="Time machine")
    assert "0000002.safetensors" in warnings(app)[0]
    assert [caption.split(" · ")[0] for caption in captions(app)] == ["epoch 0 (step 0)", "epoch 2 (step 4)"]


def test_a_run_with_only_damaged_generators_is_a_warning(tiny_run):
    for path in (tiny_run.generator_path, *map(tiny_run.snapshot_path, tiny_run.snapshot_steps())):
        path.write_bytes(b"no weights")
    app = open_page(view="Time machine")
    assert "no generator that can be loaded" in warnings(app)[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "status.json", "progress.jsonl"])
@pytest.mark.parametrize("text", ["{", '{"state": "running"}', '{"config": {"format": 99}}'])
@pytest.mark.parametrize("view", VIEWS)
def test_weights_need_no_other_file_of_the_run(tiny_run, name, text, view):
    (tiny_run.path / name).write_text(text)
    app = open_page(view=view)
    assert not app.warning
    assert captions(app)


@pytest.mark.slow
def test_a_killed_run_is_explored_like_any_other(tiny_run):
    tiny_run.write_status(replace(tiny_run.status(), state="running", step=3))
    assert len(captions(open_page(view="Time machine"))) == 3


@pytest.mark.slow
def test_weights_that_a_training_replaces_are_read_again(tiny_run, drawn):
    app = open_page(size="1", seeds="0-8")
    other = record_run(tiny_run.path.parent, replace(TINY, seed=1))
    tiny_run.generator_path.unlink()
    other.generator_path.rename(tiny_run.generator_path)
    app.run()
    assert np.array_equal(drawn[-1], exploration.sheet(load_generator(tiny_run.path), range(9)))
    assert not np.array_equal(drawn[0], drawn[-1])


# Hostile addresses


@pytest.mark.slow
def test_the_default_replaces_a_refused_value_with_a_warning(tiny_run):
    app = open_page(run="../../etc", size="99", psi="nan", reverse="maybe", first="-3", count="x", view="None")
    keys = sorted(sentence.split("=")[0] for sentence in warnings(app))
    assert keys == ["count", "first", "psi", "reverse", "run", "size", "view"]
    assert captions(app) == [f"{tiny_run.name}, seeds 0-63, psi 1"]
    app.run()
    assert not app.warning  # shown once


@pytest.mark.slow
@pytest.mark.parametrize(("key", "view"), [("first", "Samples"), ("size", "Samples"), ("a", "Time machine")])
@pytest.mark.parametrize("text", ["inf", "-1e999", "9" * 400])
def test_infinite_numbers_are_no_error(tiny_run, key, view, text):
    app = open_page(view=view, **{key: text})
    (sentence,) = warnings(app)
    assert sentence.startswith(f"{key}=")
    assert captions(app)


@pytest.mark.slow
def test_unknown_keys_are_a_warning(tiny_run):
    app = open_page(run=tiny_run.name, labels="7", seed="5", a="3")
    assert warnings(app) == ["This page does not use 'labels', 'seed' of the address."]
    app.run()
    assert not app.warning


@pytest.mark.slow
def test_defaults_in_the_address_give_no_warning(tiny_run):
    app = open_page(run=tiny_run.name, size="3", psi="1.0", reverse="false", first="0", count="64", view="Samples")
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_noise_in_the_address_is_no_error(tiny_run, view):
    noise = [
        "\0",
        "'\"><script>",
        "9" * 400,
        "-1",
        "NaN",
        "[x](http://192.0.2.1)",
        "漢",
        "",
        "1,2,3",
        "inf",
        "-1e308",
    ]
    keys = ["run", "size", "reverse", "first", "count", "seeds", "psi", "labels", "cross", "a", "b", "n", "path"]
    keys += ["label", "va", "vb", "vc", "unknown", "explored"]
    for shift in range(len(noise)):
        query = {key: noise[(index + shift) % len(noise)] for index, key in enumerate(keys)}
        app = open_page(view=view, **query)
        assert not any("[x](" in warning.value for warning in app.warning)


# Start


@pytest.mark.slow
def test_the_page_imports_no_torch_before_it_draws():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({PAGE!r}, default_timeout=30).run(); "
        "sys.exit(bool(app.exception) or 'torch' in sys.modules)"
    )
    environment = {"DCGAN_RUNS": "/nonexistent", "PATH": "/usr/bin"}
    assert run_python(code, environment) == 0


def run_python(code: str, environment: dict[str, str]) -> int:
    """Return the exit code of the code in an interpreter of its own, without published models."""
    code = f"import dcgan.files, pathlib; dcgan.files.CHECKPOINTS = pathlib.Path('/nonexistent'); {code}"
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True
    )
    assert process.returncode in (0, 1), process.stderr
    return process.returncode
