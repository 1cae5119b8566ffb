"""Inside a generator: feature maps and channels that are switched off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorded import CONDITIONAL, TINY, record_run

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.files import CHECKPOINTS
from dcgan.sampling import inside
from dcgan.sampling.inside import Anatomy


def test_the_layers_of_the_dcgan_are_those_of_the_paper():
    anatomy = Anatomy(load_generator(CHECKPOINTS / "dcgan-mnist"))
    assert [layer.title for layer in anatomy.layers] == ["128 maps of 4x4", "64 maps of 7x7", "32 maps of 14x14"]


def test_a_network_without_feature_maps_has_no_layers():
    assert Anatomy(load_generator(CHECKPOINTS / "gan-mnist")).layers == ()


@pytest.mark.parametrize("config", [TINY, CONDITIONAL], ids=["plain", "conditional"])
def test_nothing_switched_off_draws_the_image(config, runs_root):
    generator = load_generator(record_run(runs_root, config).path)
    anatomy = Anatomy(generator)
    labels = [2, 0, 1] if config.model.num_classes else None
    images = generator(generator.latents([5, 6, 7]), None if labels is None else np.array(labels))
    for layer in anatomy.layers:
        drawn = anatomy.draw(layer, [], [5, 6, 7], labels)
        assert np.abs(drawn.astype(int) - pixels.to_uint8(images.numpy())).max() <= 1


def test_switching_off_a_channel_equals_zeroing_the_weights_that_read_it(runs_root):
    generator = load_generator(record_run(runs_root, replace(TINY, model=replace(TINY.model, width_g=4))).path)
    anatomy = Anatomy(generator)
    for layer in anatomy.layers:
        reader = generator.network.layers[layer.index + 1]
        drawn = anatomy.draw(layer, [1, 3], range(4))
        kept = reader.weight.detach().clone()
        with torch.no_grad():
            reader.weight[[1, 3]] = 0
            expected = pixels.to_uint8(generator(generator.latents(range(4))).numpy())
            reader.weight.copy_(kept)
        np.testing.assert_array_equal(drawn, expected)


def test_maps_are_what_the_next_layer_sees():
    generator = load_generator(CHECKPOINTS / "dcgan-mnist")
    anatomy = Anatomy(generator)
    layer = anatomy.layers[0]
    maps = anatomy.maps(layer, [3])
    assert maps.shape == (1, 128, 4, 4)
    assert maps.min() == 0
    rest = torch.nn.Sequential(*list(generator.network.layers)[layer.index + 1 :])
    with torch.no_grad():
        image = rest(torch.from_numpy(maps))
    torch.testing.assert_close(image, generator(generator.latents([3])), rtol=1e-4, atol=1e-5)


def test_the_effect_of_a_channel_is_the_mean_change_of_the_pixels():
    generator = load_generator(CHECKPOINTS / "dcgan-mnist")
    anatomy = Anatomy(generator)
    layer = anatomy.layers[2]
    effects = anatomy.effects(layer, range(4)).pixels
    assert effects.shape == (32,)
    whole = anatomy.draw(layer, [], range(4)).astype(int)
    for channel in (0, int(effects.argmax())):
        without = anatomy.draw(layer, [channel], range(4))
        assert effects[channel] == pytest.approx(np.abs(without - whole).mean(), abs=0.01)
    assert effects.max() > 10 * np.median(effects) or effects.max() > 5


@pytest.mark.parametrize("channel", [-1, 128])
def test_a_channel_that_is_not_there_is_refused(channel):
    anatomy = Anatomy(load_generator(CHECKPOINTS / "dcgan-mnist"))
    with pytest.raises(ValueError, match=rf"channel={channel} is not in 0\.\.127"):
        anatomy.draw(anatomy.layers[0], [channel], [0])


def test_the_effect_on_the_class_is_the_probability_that_moves(runs_root):
    anatomy = Anatomy(load_generator(record_run(runs_root, replace(TINY, model=replace(TINY.model, width_g=4))).path))
    layer = anatomy.layers[1]

    def classify(images):
        bright = images.mean((1, 2, 3)) / 255
        return np.stack([bright, 1 - bright], axis=1)

    effects = anatomy.effects(layer, range(6), classify=classify)
    whole = classify(anatomy.draw(layer, [], range(6)))
    for channel in range(layer.channels):
        moved = np.abs(classify(anatomy.draw(layer, [channel], range(6))) - whole)[:, 0].mean()
        assert effects.classes[channel] == pytest.approx(moved, abs=1e-3)
    assert effects.order() == sorted(range(layer.channels), key=lambda channel: -effects.pixels[channel])
    assert effects.order(by_class=True)[0] == int(effects.classes.argmax())
    assert anatomy.effects(layer, range(2)).classes is None


def test_large_layers_are_measured_with_fewer_seeds(monkeypatch):
    anatomy = Anatomy(load_generator(CHECKPOINTS / "dcgan-mnist"))
    assert [anatomy.seeds_for_effects(layer) for layer in anatomy.layers] == [inside.MAX_SEEDS] * 3
    after = 128 * (128 * 64 * 9 * 16 + 64 * 32 * 16 * 49 + 32 * 16 * 196)
    monkeypatch.setattr(inside, "MAX_MULTIPLICATIONS", int(3.5 * after))
    assert anatomy.seeds_for_effects(anatomy.layers[0]) == 3
    monkeypatch.setattr(inside, "MAX_MULTIPLICATIONS", after // 2)
    assert anatomy.seeds_for_effects(anatomy.layers[0]) == 1
    monkeypatch.setattr(inside, "MAX_MULTIPLICATIONS", after // 10)
    assert anatomy.seeds_for_effects(anatomy.layers[0]) == 0
