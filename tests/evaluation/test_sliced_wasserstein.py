"""The sliced Wasserstein distance of patches, against known answers and the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dcgan.evaluation import sliced_wasserstein as module
from dcgan.evaluation.sliced_wasserstein import (
    MAX_PATCHES,
    NUM_DIRECTIONS,
    Patches,
    directions,
    double,
    halve,
    laplacian_pyramid,
    level_sizes,
    mean_distance,
    normalization,
    num_patches,
    patches_of,
    sliced_wasserstein,
)


def pictures(count: int, *, size: int = 64, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """Return smooth random images (N, C, H, H) in [-1, 1] with details of every size."""
    draws = torch.Generator().manual_seed(seed)
    images = torch.zeros(count, channels, size, size)
    for level in level_sizes(size):
        noise = torch.randn(count, channels, level, level, generator=draws)
        images += torch.nn.functional.interpolate(noise, size=size, mode="bilinear")
    return (images / 4).clamp(-1, 1)


def patches(images: torch.Tensor, *, chunk: int = 100) -> Patches:
    return patches_of(images.split(chunk), len(images))


def checkerboard(size: int) -> torch.Tensor:
    """Return +1 and -1 in turn, across and down (H, H)."""
    return 1 - 2 * (torch.arange(size)[:, None] + torch.arange(size)).remainder(2).float()


# The pyramid


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (1024, (1024, 512, 256, 128, 64, 32, 16)),
        (64, (64, 32, 16)),
        (32, (32, 16)),
        (28, (28, 14)),
        (27, (27, 14)),
        (26, (26,)),
        (100, (100, 50, 25)),
        (16, (16,)),
        (8, (8,)),
        (1, (1,)),
    ],
)
def test_levels_are_halved_while_fourteen_pixels_are_left(size, sizes):
    assert level_sizes(size) == sizes
    assert [level.shape[-1] for level in laplacian_pyramid(torch.zeros(1, 1, size, size))] == [*sizes]


@pytest.mark.parametrize("size", [28, 27, 64, 100])
def test_the_levels_add_up_to_the_image(size):
    images = pictures(2, size=size)
    *details, image = laplacian_pyramid(images)
    for detail in reversed(details):
        image = detail + double(image, detail.shape[-1])
    assert torch.allclose(image, images, atol=1e-6)


def test_halving_blurs_with_the_binomial_kernel_and_mirrors_at_the_edges():
    row = torch.zeros(1, 1, 16, 16)
    row[..., 0] = 16.0  # its mirror image is itself, and 1 to the right counts 4
    assert halve(row)[0, 0, 0, :3].tolist() == [6.0, 1.0, 0.0]
    flat = torch.full((1, 1, 16, 16), 0.5)
    assert torch.equal(halve(flat), torch.full((1, 1, 8, 8), 0.5))
    assert torch.allclose(double(halve(flat), 16), flat)


# Known answers


@pytest.mark.parametrize(("size", "channels", "count"), [(64, 3, 40), (28, 1, 3), (8, 3, 5), (5, 1, 5)])
def test_equal_sets_have_the_distance_zero(size, channels, count):
    first = patches(pictures(count, size=size, channels=channels))
    assert sliced_wasserstein(first, first) == (0.0,) * len(level_sizes(size))


def test_a_brighter_set_moves_the_coarsest_level_only_and_by_the_shift():
    images = pictures(20)
    shift = torch.tensor([0.3, 0.0, -0.1])[None, :, None, None]
    real = patches(images)
    fine, middle, coarse = sliced_wasserstein(real, patches(images + shift))
    assert max(fine, middle) < 0.01
    # A shift moves every projection by the same amount, and so does it move the distance.
    moved = (shift / normalization(real.levels[-1])[1]).expand(1, 3, 7, 7).flatten()
    expected = 1000 * (directions(3 * 49) @ moved).abs().mean().item()
    assert coarse == pytest.approx(expected, rel=1e-4)
    assert coarse > 500


def test_a_checkerboard_moves_the_finest_level_only():
    images = pictures(20)
    fine, middle, coarse = sliced_wasserstein(patches(images), patches(images + 0.2 * checkerboard(64)))
    assert fine > 100
    assert max(middle, coarse) < 0.01


def test_the_distance_is_that_of_its_definition():
    real, others = (patches(pictures(2, size=16, channels=1, seed=seed)) for seed in (0, 1))
    a, b = (np.asarray(level.levels[0].flatten(1), np.float64) for level in (real, others))
    mean, deviation = a.mean(), a.std()
    total = 0.0
    for direction in directions(49).double().numpy():
        x, y = (sorted(((values - mean) / deviation) @ direction) for values in (a, b))
        total += np.mean(np.abs(np.array(x) - np.array(y)))
    (distance,) = sliced_wasserstein(real, others)
    assert distance == pytest.approx(1000 * total / NUM_DIRECTIONS, rel=1e-5)
    assert mean_distance((1.0, 3.0)) == 2.0


def test_other_pictures_of_one_kind_are_near_and_noise_is_far():
    real = patches(pictures(100, size=32))
    same = sliced_wasserstein(real, patches(pictures(100, size=32, seed=1)))
    noise = torch.rand(100, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    far = sliced_wasserstein(real, patches(noise))
    assert 10 * mean_distance(same) < mean_distance(far)


def test_a_channel_that_never_varies_has_a_finite_distance():
    gray = torch.zeros(4, 3, 16, 16)
    (distance,) = sliced_wasserstein(patches(gray), patches(gray + 2 / 255))
    assert 0 < distance < 10_000


# Patches


def test_patches_are_pieces_of_the_levels():
    images = pictures(3)
    result = patches(images)
    for level, whole in zip(result.levels, laplacian_pyramid(images), strict=True):
        windows = whole.unfold(2, 7, 1).unfold(3, 7, 1).movedim(1, 3).flatten(0, 2)
        known = {window.numpy().tobytes() for window in windows}
        assert all(patch.numpy().tobytes() in known for patch in level)
        assert len({patch.numpy().tobytes() for patch in level}) > len(level) / 3


def test_chunks_do_not_change_the_patches():
    images = pictures(30)
    whole = patches(images)
    for chunk in (1, 7, 29):
        parts = patches(images, chunk=chunk)
        assert all(torch.equal(a, b) for a, b in zip(whole.levels, parts.levels, strict=True))


@pytest.mark.parametrize(("count", "expected"), [(1, 128), (50, 6_400), (128, MAX_PATCHES), (5_000, MAX_PATCHES)])
def test_each_image_has_at_most_128_patches_and_a_level_2_to_the_14(count, expected):
    assert num_patches(count) == expected
    numbers = module._places(count, 64)[:, 0]
    assert len(numbers) == expected
    shares = numbers.bincount(minlength=count)
    assert shares.max() - shares.min() <= 1


def test_memory_is_that_of_the_patches_and_one_chunk():
    def endless():
        while True:
            yield pictures(10, size=32)

    result = patches_of(endless(), 500)
    assert [level.shape for level in result.levels] == [(MAX_PATCHES, 3, 7, 7)] * 2


def test_no_global_random_number_is_drawn():
    before = torch.get_rng_state()
    first = [sliced_wasserstein(patches(pictures(5)), patches(pictures(5, seed=1))) for _ in range(2)]
    assert first[0] == first[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_too_few_images_and_other_sizes_are_refused():
    with pytest.raises(ValueError, match="5 images are fewer than the 6"):
        patches_of(pictures(5).split(2), 6)
    with pytest.raises(ValueError, match="do not compare"):
        sliced_wasserstein(patches(pictures(5)), patches(pictures(6)))
    with pytest.raises(ValueError, match="do not compare"):
        sliced_wasserstein(patches(pictures(5)), patches(pictures(5, size=32)))
