"""Seeds to vectors, and the paths between vectors."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dcgan.config import COMPONENT_SCALE, NUM_COMPONENTS
from dcgan.latents import (
    DISTRIBUTIONS,
    MAX_SEED,
    PATHS,
    interpolate,
    latents_from_seeds,
    lerp,
    norm_interval,
    parse_seeds,
    rms_norm,
    slerp,
    truncate,
)

coordinates = st.floats(-100, 100, width=32)
fractions = st.floats(0, 1)
# No deadline: a slow machine is no failure. The same examples every time: all see a failure, or none does.
repeatable = settings(deadline=None, derandomize=True, max_examples=40)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw two vectors (Z,) of one size; zero, parallel and opposite ones are among them."""
    size = draw(st.integers(1, 8))
    a, b = (draw(arrays(np.float32, size, elements=coordinates)) for _ in "ab")
    return a, draw(st.sampled_from([b, a, -a, 3 * a, np.zeros_like(a)]))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (v.astype(np.float64) / np.linalg.norm(v.astype(np.float64)) for v in (a, b))
    return 2 * math.atan2(np.linalg.norm(a - b), np.linalg.norm(a + b))


# Seeds


@pytest.mark.parametrize(
    ("seed", "distribution", "first"),
    [
        (0, "normal", [1.764052391052246, 0.40015721321105957, 0.978738009929657, 2.2408931255340576]),
        (7, "normal", [1.6905256509780884, -0.46593737602233887, 0.032820165157318115, 0.4075162708759308]),
        (0, "uniform", [0.09762700647115707, 0.4303787350654602, 0.20552675426006317, 0.08976636826992035]),
        (7, "uniform", [-0.847383439540863, 0.5598375797271729, -0.1231815367937088, 0.4469303488731384]),
    ],
)
def test_a_seed_gives_the_recorded_vector(seed, distribution, first):
    (z,) = latents_from_seeds([seed], 100, distribution)
    assert z[:4].tolist() == first


def test_latents_have_their_shape_type_and_range():
    z = latents_from_seeds(range(64), 100)
    assert (z.shape, z.dtype) == ((64, 100), np.float32)
    assert abs(z.mean()) < 0.05
    assert abs(z.std() - 1) < 0.05
    uniform = latents_from_seeds(range(64), 100, "uniform")
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() <= 1
    assert latents_from_seeds([], 100).shape == (0, 100)


@pytest.mark.slow
def test_a_mixture_is_a_component_beside_the_normal_vector_of_the_seed():
    z = latents_from_seeds(range(4000), 30, "mixture")
    components = z[:, :NUM_COMPONENTS]
    assert ((components == 0).sum(1) == NUM_COMPONENTS - 1).all()
    assert (components.max(1) == COMPONENT_SCALE).all()
    shares = np.bincount(components.argmax(1), minlength=NUM_COMPONENTS) / len(z)
    assert abs(shares - 1 / NUM_COMPONENTS).max() < 0.02
    normal = latents_from_seeds(range(4000), 30)
    np.testing.assert_array_equal(z[:, NUM_COMPONENTS:], normal[:, NUM_COMPONENTS:])
    np.testing.assert_array_equal(components.argmax(1), normal[:, :NUM_COMPONENTS].argmax(1))


def test_a_mixture_without_room_beside_its_components_is_refused():
    with pytest.raises(ValueError, match="latent_dim=20 has no room beside the 20 components of mixture; try 100"):
        latents_from_seeds([1], NUM_COMPONENTS, "mixture")
    assert latents_from_seeds([1], NUM_COMPONENTS + 1, "mixture").shape == (1, NUM_COMPONENTS + 1)


@pytest.mark.slow
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_norm_interval_holds_95_percent(distribution):
    norms = np.linalg.norm(latents_from_seeds(range(4000), 100, distribution), axis=1)
    low, high = norm_interval(100, distribution)
    assert 0.93 < ((norms > low) & (norms < high)).mean() < 0.97
    assert rms_norm(100, distribution) == pytest.approx(np.sqrt((norms**2).mean()), rel=0.01)


def test_truncation_of_a_mixture_keeps_the_component():
    z = latents_from_seeds(range(50), 30, "mixture")
    half = truncate(z, 0.5, "mixture")
    np.testing.assert_array_equal(half[:, :NUM_COMPONENTS], z[:, :NUM_COMPONENTS])
    np.testing.assert_array_equal(half[:, NUM_COMPONENTS:], z[:, NUM_COMPONENTS:] / 2)
    mean = truncate(z, 0, "mixture")
    np.testing.assert_array_equal(mean[:, :NUM_COMPONENTS], z[:, :NUM_COMPONENTS])
    assert not mean[:, NUM_COMPONENTS:].any()
    np.testing.assert_array_equal(truncate(z[0], 0.5, "mixture"), half[0])


def test_a_vector_depends_only_on_its_own_seed():
    together = latents_from_seeds([3, 1, 3, MAX_SEED], 10)
    np.testing.assert_array_equal(together[[0]], latents_from_seeds([3], 10))
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[[3]], latents_from_seeds(np.array([MAX_SEED]), 10))


def test_no_global_random_state_changes():
    before = np.random.get_state()[1].copy()
    latents_from_seeds([1], 10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("seed", [-1, 2**32, True, np.True_, 1.0, "1", None])
def test_invalid_seeds_are_refused(seed):
    with pytest.raises(ValueError, match=r"seed=.* is not a whole number in 0\.\.4294967295; try 0"):
        latents_from_seeds([seed], 10)


def test_an_unknown_distribution_is_refused():
    with pytest.raises(ValueError, match="distribution='cauchy' is not one of normal, uniform"):
        latents_from_seeds([1], 10, "cauchy")


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [3]),
        ("0-63", list(range(64))),
        ("1,5,9-12", [1, 5, 9, 10, 11, 12]),
        (" 9 - 10 , 1 ", [9, 10, 1]),
        ("2,2,1-2", [2, 2, 1, 2]),
        ("007", [7]),
        ("4294967295", [MAX_SEED]),
        ("1-4096", list(range(1, 4097))),
    ],
)
def test_seeds_are_read_from_text(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a seed or a range of seeds; write 3, 0-63 or 1,5,9-12"),
        ("1,", "'' is not a seed"),
        ("seven", "'seven' is not a seed"),
        ("-1", "'-1' is not a seed"),
        ("1-2-3", "'1-2-3' is not a seed"),
        ("1.5", "'1.5' is not a seed"),
        ("٣", "'٣' is not a seed"),
        ("9" * 100_000, "'9{40}' is not a seed"),
        ("9-5", "range 9-5 runs backwards; write 5-9"),
        ("4294967296", "seed=4294967296 is not in 0..4294967295"),
        ("0-4294967296", "seed=4294967296 is not in 0..4294967295"),
        ("0-4096", "'0-4096' names more than 4096 seeds"),
        ("0-4095,7", "'0-4095,7' names more than 4096 seeds"),
        ("0-4294967295", "'0-4294967295' names more than 4096 seeds"),
    ],
)
def test_invalid_texts_of_seeds_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_seeds(text)


# Paths


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@repeatable
@given(pair=pairs())
def test_ends_are_exact_to_the_bit(path, pair):
    a, b = pair
    for t, end in ((0, a), (1, b)):
        assert path(a, b, t).tobytes() == end.tobytes()
    middle = path(a, b, [0.0, 0.5, 1.0])
    assert middle[0].tobytes() + middle[2].tobytes() == a.tobytes() + b.tobytes()


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@repeatable
@given(pair=pairs(), t=fractions)
def test_paths_are_finite_and_deterministic(path, pair, t):
    z = path(*pair, t)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    assert z.tobytes() == path(*pair, t).tobytes()


@repeatable
@given(pair=pairs(), t=fractions)
def test_slerp_interpolates_the_norm(pair, t):
    a, b = pair
    assume(len(a) > 1)  # one dimension turns around through 0
    norm = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    assert np.linalg.norm(slerp(a, b, t)) == pytest.approx(norm, rel=1e-5, abs=1e-6)


@repeatable
@given(pair=pairs(), t=fractions)
def test_slerp_turns_at_constant_speed(pair, t):
    a, b = pair
    assume(len(a) > 1 and min(np.linalg.norm(a), np.linalg.norm(b)) > 1e-3)
    assert angle(a, slerp(a, b, t)) == pytest.approx(t * angle(a, b), abs=1e-5)


@repeatable
@given(pair=pairs(), t=fractions)
def test_the_reversed_path_is_the_path_between_swapped_ends(pair, t):
    a, b = pair
    assume(
        min(np.linalg.norm(a), np.linalg.norm(b)) == 0 or angle(a, b) < 3
    )  # opposite vectors may turn to both sides
    np.testing.assert_allclose(slerp(a, b, t), slerp(b, a, 1 - t), rtol=1e-5, atol=1e-4)


@repeatable
@given(arrays(np.float32, 5, elements=coordinates), st.sampled_from([0, 0.5, 1, 4]), fractions)
def test_slerp_of_parallel_vectors_is_lerp(a, factor, t):
    b = np.float32(factor) * a
    np.testing.assert_allclose(slerp(a, b, t), lerp(a, b, t), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("tilt", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9])
def test_slerp_approaches_lerp_at_small_angles(tilt):
    """At every angle the two differ at most by the arc's sagitta, tilt^2 / 8."""
    a, b = np.float32([1, 0]), np.float32([math.cos(tilt), math.sin(tilt)])
    difference = np.abs(slerp(a, b, 0.5) - lerp(a, b, 0.5)).max()
    assert difference == pytest.approx(tilt**2 / 8, rel=0.01, abs=1e-7)


def test_slerp_has_the_known_values():
    half = math.sqrt(0.5)
    np.testing.assert_allclose(slerp([1, 0], [0, 1], 0.5), [half, half], rtol=1e-6)
    # A third of a right angle is 30 degrees; a third from norm 2 to norm 5 is 3.
    np.testing.assert_allclose(slerp([2, 0], [0, 5], 1 / 3), [3 * math.sqrt(0.75), 1.5], rtol=1e-6)


def test_slerp_of_opposite_vectors_turns_through_the_most_perpendicular_axis():
    a = np.float32([3, 1, 2, 1])
    middle = slerp(a, -a, 0.5)
    assert middle[1] > 0  # coordinates 1 and 3 are equally small: the first
    assert middle @ a == pytest.approx(0, abs=1e-5)
    assert np.linalg.norm(middle) == pytest.approx(np.linalg.norm(a))
    np.testing.assert_allclose(slerp([2.0], [-2.0], [0.25, 0.5]), [[math.sqrt(2)], [0]], atol=1e-6)


def test_slerp_of_a_zero_vector_is_lerp():
    zero, b = np.zeros(3, np.float32), np.float32([1, 2, 3])
    np.testing.assert_allclose(slerp(zero, b, 0.25), b / 4, rtol=1e-6)
    np.testing.assert_allclose(slerp(b, zero, 0.25), b * 0.75, rtol=1e-6)
    np.testing.assert_array_equal(slerp(zero, zero, 0.25), zero)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_shapes(path):
    a, b = latents_from_seeds(range(6), 5).reshape(2, 3, 5)
    assert path(a[0], b[0], 0.5).shape == (5,)
    assert path(a[0], b[0], [0.2, 0.4]).shape == (2, 5)
    assert path(a, b, 0.5).shape == (3, 5)
    together = path(a, b, [0.2, 0.4, 0.6, 1])
    assert together.shape == (4, 3, 5)
    np.testing.assert_array_equal(together[2, 1], path(a[1], b[1], 0.6))


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_invalid_paths_are_refused(path):
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        path(np.zeros(2), np.zeros(3), 0.5)
    for t in (-0.1, 1.5, math.nan, [0.5, 2]):
        with pytest.raises(ValueError, match=r"t=.* is not in \[0, 1\]; try 0.5"):
            path(np.zeros(2), np.zeros(2), t)


@pytest.mark.parametrize("path", PATHS)
def test_interpolate_includes_both_ends_in_equal_steps(path):
    a, b = latents_from_seeds([7, 42], 100)
    z = interpolate(a, b, 16, path)
    assert (z.shape, z.dtype) == ((16, 100), np.float32)
    assert z[0].tobytes() + z[-1].tobytes() == a.tobytes() + b.tobytes()
    np.testing.assert_array_equal(z[5], PATHS[path](a, b, 1 / 3))
    np.testing.assert_array_equal(interpolate(a, b, 2, path), [a, b])


def test_invalid_interpolations_are_refused():
    a, b = latents_from_seeds([7, 42], 10)
    with pytest.raises(ValueError, match="path='arc' is not one of slerp, lerp"):
        interpolate(a, b, 16, "arc")
    with pytest.raises(ValueError, match="frames=1 cannot show both ends; try 2 or more"):
        interpolate(a, b, 1)
