"""The fast step against the reference: the same numbers except for rounding, for every recipe; and its parts alone.

A GAN's training multiplies rounding errors some tenfold every ten steps, by whichever path it is computed. So two
paths are compared over 100 steps in double precision, where there is room for that, and in single precision at each
of the first 100 steps from the same state.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from recipes import random_batches, small
from torch.nn import functional as F

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.batches import Batch
from dcgan.data.loading import make_batches
from dcgan.models.accelerated import (
    AcceleratedDiscriminator,
    AcceleratedGenerator,
    Fold,
    Unfold,
    conv_by_patches,
    transpose_by_patches,
)
from dcgan.models.gan import build_discriminator
from dcgan.presets import PRESETS
from dcgan.training.fast_step import (
    RunningStatistics,
    SerialExecutor,
    choose_step,
    discriminates_once,
    update_in_one_pass,
)
from dcgan.training.state import TrainState
from dcgan.training.step import StepStats, train_step

CPU = torch.device("cpu")


DCGAN = PRESETS["dcgan"].config.model
RECIPES = {
    **{name: small(name) for name in PRESETS if name != "dcgan64"},
    "32 pixels in color": small("dcgan64", model={"image_size": 32, "channels": 3}),
    "relativistic with penalties, no norm": small(
        "dcgan", loss="relativistic", real_target=1.0, generator_target=1.0, r1_gamma=1.0, r2_gamma=0.5,
        model={"norm_d": "none"}, ema_half_life_images=100,
    ),
    "relativistic with norm": small("dcgan", loss="relativistic", real_target=1.0, generator_target=1.0),
    "R1 through batch norm": small("dcgan", r1_gamma=1.0),
    "relativistic, discriminator first": small(
        "dcgan", loss="relativistic", real_target=1.0, generator_target=1.0, r1_gamma=1.0, r2_gamma=1.0,
        order="discriminator-first", reuse_fakes=False, model={"norm_d": "none"},
    ),
    "auxiliary head": small("dcgan-best", model={"auxiliary_head": True}),
    "auxiliary head, discriminator first": small(
        "dcgan-best", order="discriminator-first", reuse_fakes=False, model={"auxiliary_head": True}
    ),
    "auxiliary head, random affine": small("dcgan-best", auxiliary_affine=1.0),
    "auxiliary head, random affine, norm": small("dcgan-best", auxiliary_affine=1.0, model={"norm_d": "batch"}),
    "random affine at every second step, penalties at every third": small(
        "dcgan-best", auxiliary_affine=1.0, auxiliary_affine_interval=2, d_reg_interval=3
    ),
    "penalties at every third step": small("dcgan-best", d_reg_interval=3),
    "one penalty, at every second step": small(
        "dcgan", r1_gamma=1.0, d_reg_interval=2, order="discriminator-first", reuse_fakes=False
    ),
    "WGAN-GP": small(
        "dcgan", loss="wasserstein", real_target=1.0, generator_target=1.0, gradient_penalty=10.0,
        model={"norm_d": "none"},
    ),
    "augmented": small("dcgan", augment="translate,mirror,cutout,color"),
    "augmented with a steered probability": small(
        "dcgan-best", augment="translate,mirror", augment_target=0.6, ema_ramp=0.1, model={"auxiliary_head": True}
    ),
    "augmented, discriminator first": small(
        "dcgan", augment="translate", augment_target=0.1, order="discriminator-first", reuse_fakes=False, r1_gamma=1.0
    ),
    "least squares, a sum": small("dcgan", loss="least-squares", reduction="sum"),
}  # fmt: skip


def new_pair(config: TrainConfig) -> tuple[TrainState, TrainState]:
    """Return the state of the plain step and the state of the fast step."""
    images = random_batches(config).first_images
    return (
        TrainState.new(replace(config, engine="plain"), CPU, first_images=images),
        TrainState.new(config, CPU, first_images=images),
    )


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("config", RECIPES.values(), ids=RECIPES)
def test_100_steps_are_those_of_the_plain_step(config, in_double):
    compare_100_steps(config, threads=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "dcgan",
        "cdcgan",
        "relativistic with penalties, no norm",
        "relativistic with norm",
        "auxiliary head, random affine, norm",
    ],
)
def test_100_steps_are_those_of_the_plain_step_with_an_executor(name, in_double):
    compare_100_steps(RECIPES[name], threads=2)


def compare_100_steps(config: TrainConfig, threads: int) -> None:
    before = torch.get_num_threads()
    plain, fast = new_pair(config)
    try:
        torch.set_num_threads(threads)
        step = choose_step(fast)
        for batch in itertools.islice(random_batches(config).from_step(0), 100):
            batch = batch._replace(images=batch.images.double())
            torch.set_num_threads(1)
            expected = train_step(plain, batch)
            torch.set_num_threads(threads)
            found = step(fast, batch)
            for name, one, other in zip(StepStats._fields, expected, found, strict=True):
                assert float(other) == pytest.approx(float(one), rel=1e-6, abs=1e-9), (name, plain.step)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert (fast.step, fast.images_seen) == (plain.step, plain.images_seen)
    ours, theirs = fast.tensors(), plain.tensors()
    assert ours.keys() == theirs.keys()
    for name in theirs:  # the running statistics, the optimizers' state and the moving average are among them
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-5, atol=1e-8, msg=name)


SINGLE = {"dcgan at its own size": PRESETS["dcgan"].config} | {
    name: RECIPES[name] for name in ("cdcgan", "dcgan-keras", "dcgan-step", "relativistic with penalties, no norm")
}


@pytest.mark.slow
@pytest.mark.parametrize("config", SINGLE.values(), ids=SINGLE)
def test_each_of_100_steps_is_that_of_the_plain_step_in_single_precision(config):
    config = replace(config, data=DataConfig(limit=4000))
    plain, fast = new_pair(config)
    step = choose_step(fast)
    for batch in itertools.islice(make_batches(config, CPU).from_step(0), 100):
        fast.load({name: value.clone() for name, value in plain.tensors().items()})
        expected, found = train_step(plain, batch), step(fast, batch)
        for name in ("d_loss", "g_loss"):
            assert float(getattr(found, name)) == pytest.approx(float(getattr(expected, name)), rel=1e-4), plain.step


def test_a_second_thread_changes_no_bit():
    config = small("dcgan")
    states = [TrainState.new(config, CPU) for _ in range(2)]
    before = torch.get_num_threads()
    results = []
    try:
        for threads, state in zip((2, 1), states, strict=True):
            torch.set_num_threads(threads)
            step = choose_step(state)
            results.append(
                [step(state, batch) for batch in itertools.islice(random_batches(config).from_step(0), 10)]
            )
    finally:
        torch.set_num_threads(before)
    for threaded, serial in zip(*results, strict=True):
        assert all(map(torch.equal, threaded, serial))


def test_an_error_on_the_second_thread_is_raised():
    config = small("dcgan")
    state = TrainState.new(config, CPU)
    batch = next(random_batches(config).from_step(0))
    with pytest.raises(RuntimeError, match="size"):
        choose_step(state)(state, batch._replace(images=batch.images[:, :, :5]))


@pytest.mark.parametrize(
    ("preset", "changes", "once"),
    [
        ("dcgan", {}, True),
        ("cdcgan", {}, True),
        ("gan", {}, False),  # dropout
        ("dcgan-step", {}, False),  # the discriminator goes first
        ("dcgan-keras", {}, False),
        ("dcgan", {"reuse_fakes": False}, False),
        ("dcgan", {"joint_batch": True}, False),
        ("dcgan", {"gradient_penalty": 10.0}, False),
    ],
)
def test_images_are_discriminated_once_where_that_changes_nothing(preset, changes, once):
    assert discriminates_once(TrainState.new(small(preset, **changes), CPU)) == once


def test_statistics_replay_passes_in_any_order():
    network = build_discriminator(ModelConfig(topology="conv", width_d=2))
    images = torch.randn(3, 4, 1, 28, 28)
    other = build_discriminator(network.config)
    other.load_state_dict(network.state_dict())
    statistics = RunningStatistics(network)
    for number in (0, 1):
        network(images[number])
        statistics.record_pass()
    statistics.replay([1, 0, 1, 1])
    for number in (1, 0, 1, 1):
        other(images[number])
    for name, buffer in other.named_buffers():
        torch.testing.assert_close(network.get_buffer(name), buffer, msg=name)


# The networks' operations


GEOMETRIES = [(4, 2, 1), (5, 1, 0), (7, 1, 3), (6, 2, 2), (3, 3, 1), (2, 1, 0)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_patches_give_the_convolution_and_its_gradients(kernel, stride, padding, channels, in_double):
    torch.manual_seed(0)
    images = torch.randn(2, channels, 12, 12, requires_grad=True)
    weight, bias = (torch.randn(shape, requires_grad=True) for shape in ((5, channels, kernel, kernel), (5,)))
    ours = conv_by_patches(images, weight, bias, stride, padding)
    theirs = F.conv2d(images, weight, bias, stride, padding)
    torch.testing.assert_close(ours, theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    direction = torch.randn_like(theirs)
    for one, other in zip(*(torch.autograd.grad(y, (images, weight, bias), direction) for y in (ours, theirs))):  # noqa: B905
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_patches_give_the_transposed_convolution_and_its_gradients(kernel, stride, padding, channels, in_double):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, 6, requires_grad=True)
    weight, bias = (torch.randn(shape, requires_grad=True) for shape in ((5, channels, kernel, kernel), (channels,)))
    ours = transpose_by_patches(x, weight, bias, stride, padding)
    theirs = F.conv_transpose2d(x, weight, bias, stride, padding)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(theirs)
    for one, other in zip(*(torch.autograd.grad(y, (x, weight, bias), direction) for y in (ours, theirs))):  # noqa: B905
        torch.testing.assert_close(one, other)


def test_fold_and_unfold_are_adjoint_and_differentiable_twice(in_double):
    torch.manual_seed(0)
    images = torch.randn(2, 1, 6, 6, requires_grad=True)
    patches = torch.randn(4, 4, 1, 2, 3, 3, requires_grad=True)
    inner = (Unfold.apply(images, 4, 2, 1) * patches).sum()
    torch.testing.assert_close(inner, (images * Fold.apply(patches, 2, 1)).sum())
    assert torch.autograd.gradcheck(lambda x: Unfold.apply(x, 4, 2, 1), images)
    assert torch.autograd.gradgradcheck(lambda x: Unfold.apply(x, 4, 2, 1).square(), images)
    assert torch.autograd.gradgradcheck(lambda x: Fold.apply(x, 2, 1).square(), patches)


def test_an_update_computes_only_its_own_gradients():
    """The update of D needs no gradient of the images. The update of G needs none of D's weights."""
    network = AcceleratedDiscriminator(build_discriminator(ModelConfig(topology="conv", width_d=2)))
    images = torch.randn(4, 1, 28, 28, requires_grad=True)
    logits = network(images)
    (for_images,) = torch.autograd.grad(logits.sum(), images, retain_graph=True)
    assert all(parameter.grad is None for parameter in network.parameters())
    torch.autograd.backward(logits.sum(), inputs=list(network.parameters()))
    assert images.grad is None
    assert for_images.abs().sum() > 0


def test_fully_connected_networks_are_not_changed():
    state = TrainState.new(small("gan"), CPU)
    choose_step(state)
    assert state.accelerated == state.gan
    fast = TrainState.new(small("dcgan"), CPU)
    assert fast.accelerated == fast.gan
    choose_step(fast)
    assert isinstance(fast.accelerated.generator, AcceleratedGenerator)
    assert set(fast.accelerated.generator.parameters()) == set(fast.gan.generator.parameters())


@pytest.mark.parametrize("preset", ["dcgan", "dcgan-best"])
def test_half_precision_is_near_and_keeps_float32_parameters(preset):
    config = small(preset)
    plain, half = TrainState.new(config, CPU), TrainState.new(replace(config, precision="bf16"), CPU)
    batch = next(random_batches(config).from_step(0))
    expected, found = choose_step(plain)(plain, batch), choose_step(half)(half, batch)
    for name in ("d_loss", "g_loss"):
        assert float(getattr(found, name)) == pytest.approx(float(getattr(expected, name)), rel=0.05)
        assert float(getattr(found, name)) != float(getattr(expected, name))
    assert {parameter.dtype for parameter in half.gan.generator.parameters()} == {torch.float32}
    assert found.d_loss.dtype == torch.float32


def test_one_pass_needs_no_second_thread():
    config = small("dcgan")
    state = TrainState.new(config, CPU)
    batch: Batch = next(random_batches(config).from_step(0))
    stats = update_in_one_pass(state, batch, SerialExecutor())
    assert all(map(torch.isfinite, stats))
