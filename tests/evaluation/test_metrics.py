"""Metrics against closed forms, and against the definition written out, one distance at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch.overrides import TorchFunctionMode

from dcgan.evaluation import metrics
from dcgan.evaluation.metrics import (
    class_distance,
    class_histogram,
    frechet_distance,
    inception_score,
    kernel_distance,
    memorization_ratio,
    nearest,
    nearest_neighbor_error,
    neighbors,
    radii,
)


def normal(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(count: int, width: int) -> torch.Tensor:
    """Return vectors with sample mean 0 and sample covariance 1, to rounding."""
    x = normal(count, width, 0)
    x = x - x.mean(0)
    return torch.linalg.qr(x).Q * math.sqrt(count - 1)


# Fréchet distance


def test_with_equal_covariances_the_distance_is_that_of_the_means():
    x = normal(50, 4, 0) @ normal(4, 4, 1)
    assert frechet_distance(x, x + torch.tensor([3.0, 0, 4.0, 0])) == pytest.approx(25)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_with_diagonal_covariances_the_distance_is_that_of_the_deviations():
    x = whitened(100, 3)
    a, b = torch.tensor([1.0, 2, 3]).double(), torch.tensor([4.0, 2, 0]).double()
    assert frechet_distance(x * a, x * b + 1) == pytest.approx(9 + 0 + 9 + 3)


def test_covariances_that_do_not_commute_agree_with_the_eigenvalues_of_their_product():
    x, y = normal(60, 5, 0) @ normal(5, 5, 1), normal(80, 5, 2) @ normal(5, 5, 3)
    a, b = torch.cov(x.T), torch.cov(y.T)
    trace = torch.linalg.eigvals(a @ b).real.sqrt().sum()
    expected = (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * trace
    assert frechet_distance(x, y) == pytest.approx(expected.item(), rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(expected.item(), rel=1e-9)


def test_fewer_images_than_features_have_a_finite_distance():
    x = normal(5, 30, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x.float() + 1) == pytest.approx(30, rel=1e-5)


# Kernel distance


def test_the_kernel_distance_of_two_images_each_by_hand():
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
    within = (0 * 1 + 1) ** 3 + (2 * 3 + 1) ** 3
    between = sum((a * b + 1) ** 3 for a in (0, 1) for b in (2, 3)) / 4
    distance = kernel_distance(x, y, subsets=3)
    assert distance.mean == pytest.approx(within - 2 * between)
    assert distance.deviation == pytest.approx(0, abs=1e-9)  # the subsets are all there is


def test_the_kernel_distance_is_unbiased():
    """For equal distributions the mean is 0, with values of both signs. The subsets are fixed."""
    values = [
        kernel_distance(normal(400, 8, 2 * i), normal(400, 8, 2 * i + 1), subsets=10, size=100).mean
        for i in range(20)
    ]
    assert abs(sum(values)) / 20 < 0.02
    assert min(values) < 0 < max(values)
    x, y = normal(200, 8, 0), normal(200, 8, 1) + 1
    state = torch.get_rng_state()
    few = {"subsets": 5, "size": 50}
    assert kernel_distance(x, y, **few) == kernel_distance(x, y, **few) != kernel_distance(x, y, **few, seed=1)
    assert torch.equal(state, torch.get_rng_state())


# Inception score


def test_the_inception_score_is_the_number_of_clearly_drawn_classes():
    sure = 1000 * torch.eye(10)
    assert inception_score(sure) == pytest.approx(10)
    assert inception_score(sure[:4].repeat(3, 1)) == pytest.approx(4)
    assert inception_score(sure[:1]) == pytest.approx(1)
    assert inception_score(torch.zeros(5, 10)) == pytest.approx(1)


# Neighbours


def test_precision_recall_density_and_coverage_follow_their_definitions(monkeypatch):
    monkeypatch.setattr(metrics, "_ELEMENTS", 100)  # blocks of two rows
    real, fake = normal(40, 3, 0), normal(33, 3, 1) * 0.8 + 0.8
    distances = [[math.dist(f, r) for r in real.tolist()] for f in fake.tolist()]

    def kth(points: torch.Tensor) -> list[float]:
        return [sorted(math.dist(p, q) for q in points.tolist())[3] for p in points.tolist()]

    real_radii, fake_radii = kth(real), kth(fake)
    assert radii(real, 3).tolist() == pytest.approx(real_radii)
    inside = [[d < radius for d, radius in zip(row, real_radii, strict=True)] for row in distances]
    result = neighbors(real, fake, radii(real, 3), radii(fake, 3), 3)
    assert result.precision == pytest.approx(sum(map(any, inside)) / 33)
    assert result.density == pytest.approx(sum(map(sum, inside)) / (3 * 33))
    assert result.coverage == pytest.approx(sum(map(any, zip(*inside, strict=True))) / 40)
    in_fake = [any(distances[i][j] < fake_radii[i] for i in range(33)) for j in range(40)]
    assert result.recall == pytest.approx(sum(in_fake) / 40)
    assert 0.1 < result.precision < 1  # or nothing was tested
    assert 0.1 < result.recall < 1


@pytest.mark.slow
def test_equal_distributions_have_the_density_and_coverage_of_the_theory():
    """Density 1, coverage 1 - (N-1)...(N-k) / ((2N-1)...(2N-k)): Naeem et al., section 3.3."""
    count, k = 4000, 5
    real, fake = normal(count, 4, 0), normal(count, 4, 1)
    result = neighbors(real, fake, radii(real, k), radii(fake, k), k)
    coverage = 1 - math.prod((count - i) / (2 * count - i) for i in range(1, k + 1))
    assert result.coverage == pytest.approx(coverage, abs=0.01)
    assert result.density == pytest.approx(1, abs=0.03)


def test_copies_have_precision_1_and_coverage_1():
    x = normal(50, 3, 0)
    result = neighbors(x, x, radii(x), radii(x))
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)


def test_one_repeated_image_covers_only_its_own_neighborhood():
    real = normal(200, 3, 0)
    fake = real[:1].expand(200, 3)
    result = neighbors(real, fake, radii(real), radii(fake))
    assert result.precision == 1
    assert result.recall == 0
    assert result.coverage < 0.1


def test_too_few_images_for_neighbors_are_named():
    with pytest.raises(ValueError, match="5 images do not have 5 neighbors each; take more"):
        radii(normal(5, 2, 0))


def test_the_nearest(monkeypatch):
    monkeypatch.setattr(metrics, "_ELEMENTS", 2)
    assert nearest(torch.tensor([[0.0, 0], [3, 4], [9, 9]]), torch.tensor([[0.0, 0], [9, 8]])).tolist() == [0, 5, 1]


# Classes and memorization


def test_histograms_and_their_distance():
    half = class_histogram(torch.tensor([0, 0, 1, 1]), 3)
    assert half.tolist() == [0.5, 0.5, 0]
    assert class_distance(half, half) == 0
    assert class_distance(half, class_histogram(torch.tensor([2]), 3)) == 1
    assert class_distance(half, class_histogram(torch.tensor([0, 0, 0, 1]), 3)) == 0.25


def test_memorization_is_measured_class_by_class():
    classes = torch.tensor([0, 0, 0, 1, 1, 1])
    unseen = torch.tensor([9.0, 10, 11, 1, 2, 3])
    assert memorization_ratio(unseen, classes, unseen, classes) == pytest.approx(1, abs=0.11)
    near = torch.tensor([2.0, 2, 2])
    assert memorization_ratio(near, torch.tensor([1, 1, 1]), unseen, classes) == 1  # as near as unseen ones
    assert memorization_ratio(near, torch.tensor([0, 0, 0]), unseen, classes) == pytest.approx(0.2)
    assert math.isnan(memorization_ratio(near, torch.tensor([2, 2, 2]), unseen, classes))


# Labels


def test_the_nearest_known_image_gives_its_label(monkeypatch):
    known, labels = torch.tensor([[0.0, 0], [10, 0], [0, 10]]), torch.tensor([7, 8, 9])
    images = torch.tensor([[1.0, 1], [9, 3], [4, 6], [6, 5]])
    for rows in (1, 3, 100):  # a block of distances at a time
        monkeypatch.setattr(metrics, "_ELEMENTS", rows * len(known))
        assert nearest_neighbor_error(known, labels, images, torch.tensor([7, 8, 9, 8])) == 0
        assert nearest_neighbor_error(known, labels, images, torch.tensor([7, 9, 9, 7])) == 0.5


class AppleGPU(TorchFunctionMode):
    """A device without float64: only CPU tensors can have that type."""

    def __init__(self) -> None:
        super().__init__()
        self.on_cpu: list[torch.Tensor] = []

    def __torch_function__(self, function, types, arguments=(), more=None):
        if function is torch.Tensor.double and not any(arguments[0] is each for each in self.on_cpu):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64"
            )
        result = function(*arguments, **(more or {}))
        if function is torch.Tensor.cpu:
            self.on_cpu.append(result)
        return result


def test_the_nearest_neighbor_error_needs_no_float64_on_the_device():
    x, labels = normal(20, 3, 0).float(), torch.arange(20) % 4
    with AppleGPU():
        assert nearest_neighbor_error(x, labels, x, labels) == 0


def test_an_image_is_the_nearest_to_itself():
    x = normal(200, 30, 0).float()
    labels = torch.arange(200) % 10
    assert nearest_neighbor_error(x, labels, x, labels) == 0
    assert nearest_neighbor_error(x, labels, x, (labels + 1) % 10) == 1
