"""A sheet of seeds as the discriminator sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from images import save_image
from recorded import CONDITIONAL, MIXED, TINY, record_run, write_idx

from dcgan import pixels
from dcgan.checkpoint import load_discriminator, load_generator
from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS
from dcgan.training import critique_sheet as sheets
from dcgan.training.critique import as_in_training, criticize, follow_advice
from dcgan.training.critique_sheet import RealImages, real_images

NO_REAL = RealImages(None, None, "none here")
RGB = replace(TINY, model=replace(TINY.model, channels=3, output="sigmoid"))
PAIRED = replace(MIXED, model=replace(MIXED.model, auxiliary_head=True, minibatch_stddev=True), loss="relativistic")


def parts(config, runs_root):
    run = record_run(runs_root, config)
    return load_generator(run.path), as_in_training(load_discriminator(run.path)[0])


def some_real(config, count=16):
    images = np.random.RandomState(5).randint(256, size=(count, *config.model.image_shape)).astype(np.uint8)
    classes = config.model.num_classes
    return RealImages(images, np.arange(count) % classes if classes else None)


@pytest.mark.parametrize("config", [TINY, CONDITIONAL, RGB, PAIRED], ids=["plain", "labels", "RGB", "paired"])
def test_the_sheet_is_what_the_critique_says(config, runs_root):
    generator, discriminator = parts(config, runs_root)
    real = some_real(config)
    sheet = sheets.critique_sheet(generator, discriminator, range(3, 19), real)
    low, high = config.model.pixel_range
    z = generator.latents(range(3, 19))
    labels = np.arange(16) % 3 if config.model.num_classes else None
    drawn = generator(z, labels)
    given = z[:, :20].argmax(1) if config.model.auxiliary_head else labels
    given = None if given is None else torch.from_numpy(given)
    images = low + (drawn + 1) / 2 * (high - low)
    beside = low + torch.from_numpy(real.images_u8) / 255 * (high - low)
    of_real = None if real.labels is None else torch.from_numpy(real.labels)
    critique = criticize(discriminator, config, images, given, beside, of_real)
    np.testing.assert_array_equal(sheet.images_u8, pixels.to_uint8(drawn.numpy()))
    np.testing.assert_allclose(sheet.fake.logits, critique.logits.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sheet.advice, critique.advice.numpy(), rtol=1e-4, atol=1e-6)
    edited, after = follow_advice(discriminator, config, images, 5, sheets.STEP_SIZE, given, beside, of_real)
    followed = sheets.follow(discriminator, sheets.follow(discriminator, sheet.scene, 1).scene, 4)
    edited_u8, answers = followed.images_u8, followed.answers
    expected_u8 = pixels.to_uint8((2 * (edited - low) / (high - low) - 1).numpy())
    assert np.abs(edited_u8.astype(int) - expected_u8).max() <= 1
    np.testing.assert_allclose(answers.logits, after.logits.numpy(), rtol=1e-3, atol=1e-3)
    assert not sheet.replaced_loss


def test_probabilities_are_sigmoids_of_logits(runs_root):
    generator, discriminator = parts(TINY, runs_root)
    sheet = sheets.critique_sheet(generator, discriminator, range(16), NO_REAL)
    assert (sheet.scale, sheet.real) == ("probability", None)
    np.testing.assert_allclose(sheet.fake.realness, 1 / (1 + np.exp(-sheet.fake.logits)), rtol=1e-5)


def test_both_images_of_a_pair_share_one_probability(runs_root):
    generator, discriminator = parts(PAIRED, runs_root)
    sheet = sheets.critique_sheet(generator, discriminator, range(16), some_real(PAIRED))
    assert sheet.scale == "pair"
    np.testing.assert_allclose(sheet.fake.realness + sheet.real.realness, 1, rtol=1e-5)


def test_without_real_images_a_loss_that_pairs_is_replaced_by_one_with_the_same_direction(runs_root):
    generator, discriminator = parts(PAIRED, runs_root)
    alone = sheets.critique_sheet(generator, discriminator, range(16), NO_REAL)
    assert alone.replaced_loss
    assert alone.scale == "logit"
    assert sheets.follow(discriminator, alone.scene, 20).answers.logits.mean() > alone.fake.logits.mean()


@pytest.mark.parametrize(
    ("loss", "scale"),
    [("least-squares", "target"), ("hinge", "logit"), ("wasserstein", "logit"), ("bce", "probability")],
)
def test_every_loss_has_a_scale_within_0_and_1(loss, scale, runs_root):
    generator, discriminator = parts(replace(TINY, loss=loss), runs_root)
    sheet = sheets.critique_sheet(generator, discriminator, range(16), some_real(TINY))
    assert sheet.scale == scale
    for answers in (sheet.fake, sheet.real):
        assert answers.realness.min() >= 0
        assert answers.realness.max() <= 1


def test_the_published_dcgan_is_seen_as_in_its_training():
    """The recorded mean of D(G(z)) is 0.1 and that of D(x) 0.78; by running averages both are above 0.9."""
    path = CHECKPOINTS / "dcgan-mnist"
    generator, discriminator = load_generator(path), as_in_training(load_discriminator(path)[0])
    config = generator.train_config
    sheet = sheets.critique_sheet(generator, discriminator, range(16), real_images(config, 16, read_own=False))
    assert sheet.fake.realness.mean() < 0.5 < 0.75 < sheet.real.realness.mean()
    followed = sheets.follow(discriminator, sheet.scene, 1)
    assert followed.answers.realness.mean() > 0.8
    assert sheets.follow(discriminator, followed.scene, 19).answers.realness.mean() > 0.8


def test_a_discriminator_of_another_model_is_refused(runs_root):
    generator, _ = parts(TINY, runs_root)
    _, other = parts(replace(TINY, model=replace(TINY.model, image_size=32)), runs_root)
    with pytest.raises(ValueError, match="train it again"):
        sheets.critique_sheet(generator, other, range(16), NO_REAL)


def test_answers_that_are_not_finite_are_refused(runs_root):
    generator, discriminator = parts(TINY, runs_root)
    with torch.no_grad():
        next(discriminator.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        sheets.critique_sheet(generator, discriminator, range(16), NO_REAL)


def test_large_networks_get_fewer_seeds_and_too_large_ones_none():
    model = load_generator(CHECKPOINTS / "dcgan-mnist").config
    assert sheets.seeds_within_bounds(model) == 16
    assert sheets.seeds_within_bounds(load_generator(CHECKPOINTS / "cdcgan-best-mnist").config) == 16
    assert sheets.seeds_within_bounds(replace(model, image_size=128)) == 6
    assert sheets.seeds_within_bounds(replace(model, image_size=128, width_d=64)) == sheets.FEWEST_SEEDS
    assert sheets.seeds_within_bounds(replace(model, image_size=512, width_d=128)) == 0


# Real images


def test_real_images_have_the_labels_of_the_seeds():
    config = load_generator(CHECKPOINTS / "cdcgan-mnist").train_config
    real = real_images(config, 16, read_own=False)
    assert real.labels.tolist() == [*range(10), *range(6)]
    assert real.images_u8.shape == (16, 1, 28, 28)
    assert len({image.tobytes() for image in real.images_u8}) == 16


def test_real_images_are_the_same_each_time_and_are_converted():
    config = replace(TINY, model=replace(TINY.model, image_size=32, channels=3))
    first, second = (real_images(config, 4, read_own=False) for _ in range(2))
    assert first.images_u8.shape == (4, 3, 32, 32)
    np.testing.assert_array_equal(first.images_u8, second.images_u8)
    assert first.labels is None


def test_a_class_without_real_images_gets_others(tmp_path):
    write_idx(tmp_path, "train", np.zeros((6, 28, 28), np.uint8), np.array([0, 0, 0, 2, 2, 2]))
    real = real_images(replace(CONDITIONAL, data=DataConfig(root=str(tmp_path))), 6, read_own=False)
    assert real.labels[[0, 2, 3, 5]].tolist() == [0, 2, 0, 2]


def test_nothing_is_downloaded(monkeypatch, tmp_path):
    monkeypatch.setattr(sheets, "PROJECT_DATA", tmp_path)
    monkeypatch.setattr(sheets, "cache_folder", lambda: tmp_path)
    real = real_images(TINY, 16, read_own=True)
    assert (real.images_u8, real.reason) == (None, "mnist is not on this machine")


def test_a_folder_is_read_only_where_it_may_be_shown(tmp_path):
    for index in range(5):
        save_image(tmp_path / f"{index}.png", np.full((28, 28), 40 * index, np.uint8))
    config = replace(TINY, data=DataConfig(name=f"folder:{tmp_path}"))
    assert real_images(config, 8, read_own=True).images_u8.shape == (8, 1, 28, 28)
    closed = real_images(config, 8, read_own=False)
    assert closed.images_u8 is None
    assert str(tmp_path) not in closed.reason


@pytest.mark.parametrize("name", ["table:/nowhere.parquet", "hub:a/b", "folder:/nowhere"])
def test_data_that_cannot_be_read_is_a_reason(name):
    real = real_images(replace(TINY, data=DataConfig(name=name)), 8, read_own=True)
    assert real.images_u8 is None
    assert real.reason
