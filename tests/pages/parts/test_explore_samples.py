"""The view Samples of the Explore page."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, MIXED, TINY, record_run
from studio import captions, open_page, texts, warnings

from dcgan.checkpoint import load_generator, save_generator
from dcgan.config import NUM_COMPONENTS
from dcgan.latents import MAX_SEED, latents_from_seeds
from dcgan.pages.parts.explore_samples import at_psi_zero
from dcgan.sampling import exploration, sheets

UNIFORM = replace(TINY, model=replace(TINY.model, latent="uniform"))

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_the_sheet_is_that_of_the_library(tiny_run, drawn):
    app = open_page("explore")
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
    app = open_page("explore", seeds="5-10", labels=["2", "0"], size="1")
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), [2, 0]))
    app.toggle(key="cross").set_value(True).run()
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), [2, 0], cross=True))
    app.multiselect(key="labels").set_value([]).run()
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), cross=True))
    assert not app.exception


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels", [["2", "0"], ["red fox", "birds"], ["2 red fox", "0 birds"]], ids=["numbers", "names", "as listed"]
)
def test_labels_of_an_address_are_numbers_or_names(only_own_runs, drawn, labels):
    run = record_run(only_own_runs, CONDITIONAL)
    generator = load_generator(run.path)
    generator.classes = ("birds", "cats, dogs", "red fox")
    save_generator(run.generator_path, generator.network, generator.train_config, 4, classes=generator.classes)
    app = open_page("explore", seeds="5-10", labels=labels, size="1")
    assert app.multiselect(key="labels").value == [2, 0]
    assert app.query_params["labels"] == ["2 red fox", "0 birds"]
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 11), [2, 0]))
    assert warnings(app) == []


@pytest.mark.slow
def test_a_mixture_model_shows_every_component(only_own_runs, drawn):
    generator = load_generator(record_run(only_own_runs, MIXED).path)
    app = open_page("explore", seeds="5-7", size="1")
    assert f"the first {NUM_COMPONENTS} of which" in texts(app)
    assert not app.multiselect
    app.toggle(key="cross").set_value(True).run()
    assert "component" in app.toggle(key="cross").label
    assert np.array_equal(drawn[-1], exploration.sheet(generator, range(5, 8), cross=True))
    assert not app.exception


@pytest.mark.slow
def test_an_unconditional_model_offers_no_labels(tiny_run):
    assert not open_page("explore").multiselect


def test_the_download_is_the_picture_with_its_description(tiny_run, monkeypatch):
    saved = {}

    def download_button(label, data, name, mime, **others):
        saved[name] = Image.open(io.BytesIO(data()))  # made when it is downloaded

    monkeypatch.setattr("streamlit.download_button", download_button)
    open_page("explore", seeds="3", size="2")
    picture = saved[f"samples-{tiny_run.name}.png"]
    generator = load_generator(tiny_run.path)
    assert np.array_equal(picture, exploration.sheet(generator, [3], enlarge=2))
    assert picture.text == {
        "Title": f"{tiny_run.name}, seeds 3, psi 1",
        "Source": f"weights {generator.weights_id}",
    }


@pytest.mark.slow
def test_a_large_sheet_is_drawn_smaller_with_a_warning(tiny_run, drawn):
    app = open_page("explore", size="8", count="2048")
    assert warnings(app) == ["2,048 images of 28x28 are too many for zoom 8; zoom 4 is used instead."]
    assert drawn[-1].shape == (45 * 28 * 4, 46 * 28 * 4)
    assert warnings(open_page("explore", size="8", count="64")) == []


@pytest.mark.slow
def test_too_many_images_at_any_zoom_are_a_warning(tiny_run, monkeypatch):
    monkeypatch.setattr(exploration, "MAX_PIXELS", 30_000)
    app = open_page("explore", count="64")
    assert "38 images" in warnings(app)[-1]
    assert captions(app) == []


@pytest.mark.slow
def test_the_address_has_every_value_of_the_view(only_own_runs, drawn):
    first, second = record_run(only_own_runs), record_run(only_own_runs, UNIFORM)
    app = open_page(
        "explore", run=second.name, first="8", count="4", psi="0.25", size="1", reverse="true", numbers="false"
    )
    assert not app.warning
    assert captions(app) == [f"{second.name}, seeds 8-11, psi 0.25"]
    expected = exploration.sheet(load_generator(second.path), range(8, 12), psi=0.25, reverse=True)
    assert np.array_equal(drawn[-1], expected)
    app.selectbox(key="run").select(first.name).run()
    assert captions(app) == [f"{first.name}, seeds 8-11, psi 0.25"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "named"),
    [
        ("1-", "'1-'"),
        ("9-3", "range 9-3"),
        (f"{MAX_SEED + 1}", f"seed={MAX_SEED + 1}"),
        ("0-2999", "3,000 images are more than 2,048"),
        ("![](http://192.0.2.1/x.png)", "192.0.2.1"),
    ],
)
def test_invalid_seeds_are_a_warning(tiny_run, seeds, named):
    app = open_page("explore", seeds=seeds)
    (warning,) = warnings(app)
    assert named in warning
    assert "![](" not in app.warning[0].value  # Markdown would fetch it
    app.text_input(key="seeds").set_value("1").run()
    assert not app.warning
    assert len(captions(app)) == 1


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
    app = open_page("explore")
    assert at_psi_zero(config.model) == f"At psi 0, {sentence}."
    assert at_psi_zero(config.model) in texts(app)
    seeds = range(60)
    shared = [()] * 60
    if config.model.num_classes:
        shared = [(*key, seed % config.model.num_classes) for key, seed in zip(shared, seeds, strict=True)]
    if config.model.latent == "mixture":
        z = latents_from_seeds(seeds, config.model.latent_dim, "mixture")
        shared = [(*key, int(row[:NUM_COMPONENTS].argmax())) for key, row in zip(shared, z, strict=True)]
    images_u8 = sheets.draw(generator.truncated(0.0), seeds)
    assert len({image.tobytes() for image in images_u8}) == len(set(shared))
