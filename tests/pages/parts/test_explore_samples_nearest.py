"""The nearest training images in the Samples view of the Explore page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from images import save_image
from recorded import CONDITIONAL, TINY, record_run, write_idx
from studio import captions, checked, open_page, texts, warnings

from dcgan.config import DataConfig
from dcgan.pages.parts import explore_samples_nearest
from dcgan.pages.parts.explore_samples_nearest import FEATURES, VERMILION, pairs

COLORED = replace(TINY, model=replace(TINY.model, channels=3))
MLP = replace(TINY, model=replace(TINY.model, topology="mlp", hidden_g=(8,), hidden_d=(8,)))


@pytest.fixture(autouse=True)
def fresh(only_own_runs, monkeypatch, tmp_path):
    """Forget what earlier tests have read."""
    explore_samples_nearest.training_images_of.clear()
    explore_samples_nearest.features_of.clear()
    explore_samples_nearest.frames_of_test.clear()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path) -> DataConfig:
    """Return twelve training digits and five test digits of noise."""
    digits = np.random.RandomState(0).randint(0, 256, (17, 28, 28)).astype(np.uint8)
    write_idx(tmp_path, "train", digits[:12], np.arange(12) % 3)
    write_idx(tmp_path, "t10k", digits[12:], np.arange(5) % 3)
    return DataConfig(root=str(tmp_path))


def test_only_framed_images_have_a_frame():
    images_u8 = np.full((2, 1, 4, 4), 100, np.uint8)
    sheet = pairs(images_u8, images_u8 + 50, np.array([True, False]), reverse=False)
    assert sheet.shape == (12, 17, 3)
    assert sheet[6, 0].tolist() == sheet[11, 5].tolist() == list(VERMILION)
    assert sheet[6, 11].tolist() == [0, 0, 0]
    assert (sheet[2, 2, 0], sheet[8, 2, 0]) == (100, 150)
    inverted = pairs(images_u8, images_u8, np.array([False, False]), reverse=True)
    assert (inverted[0, 0, 0], inverted[2, 2, 0]) == (255, 155)


@pytest.mark.slow
@pytest.mark.parametrize("config", [TINY, COLORED, MLP, CONDITIONAL], ids=["normal", "rgb", "mlp", "conditional"])
def test_every_image_has_its_nearest_training_image(config, data, only_own_runs):
    run = record_run(only_own_runs, replace(config, data=data))
    app = open_page("explore", nearest="true", seeds="0-8", size="1")
    assert not app.warning
    assert captions(app) == [f"{run.name}, images and the nearest training images"]
    assert "of 9 images have a frame. Of 5 test images" in texts(app)
    checked(app.toggle(key="nearest").set_value(False).run())
    assert captions(app) == [f"{run.name}, seeds 0-8, psi 1"]


@pytest.mark.slow
def test_features_can_be_compared_where_there_is_a_classifier(data, only_own_runs):
    record_run(only_own_runs, replace(TINY, data=data))
    app = open_page("explore", nearest="true", by=FEATURES, seeds="0-3")
    assert not app.warning
    assert app.radio(key="by").value == FEATURES
    assert len(captions(app)) == 1
    assert "of 4 images have a frame" in texts(app)


@pytest.mark.slow
def test_own_pictures_have_their_nearest_one(only_own_runs, tmp_path):
    for number in range(6):
        save_image(tmp_path / "own" / f"{number}.png", np.full((28, 28), 40 * number, np.uint8))
    data = DataConfig(name=f"folder:{tmp_path / 'own'}", min_holdout=0, holdout=0.0)
    record_run(only_own_runs, replace(TINY, data=data))
    app = open_page("explore", nearest="true", seeds="0-3")
    assert not app.warning
    assert "of 4 images have a frame." in texts(app)
    assert not app.radio


@pytest.mark.slow
def test_missing_data_is_a_sentence(only_own_runs):
    record_run(only_own_runs, replace(TINY, data=DataConfig(name="folder:/nowhere")))
    app = open_page("explore", nearest="true")
    (sentence,) = warnings(app)
    assert sentence.startswith("The training images cannot be shown")
    assert not captions(app)


@pytest.mark.slow
def test_many_images_are_cut_with_a_sentence(data, only_own_runs, monkeypatch):
    monkeypatch.setattr(explore_samples_nearest, "MAX_IMAGES", 4)
    record_run(only_own_runs, replace(TINY, data=data))
    app = open_page("explore", nearest="true", seeds="0-19")
    assert "first 4 images" in texts(app)
    assert "of 4 images have a frame" in texts(app)


@pytest.mark.slow
def test_damaged_weights_are_a_warning(data, only_own_runs):
    run = record_run(only_own_runs, replace(TINY, data=data))
    run.generator_path.write_bytes(b"no weights")
    assert any("generator.safetensors" in text for text in warnings(open_page("explore", nearest="true")))
