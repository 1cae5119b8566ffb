"""Test FID's network without its weights: its shape, its download, and known distances."""

from __future__ import annotations

import hashlib
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import TINY, record_run
from torch import Tensor
from torch.nn import functional as F
from torchvision.models import inception as torchvisions

from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.data.loading import ImageSet, load_images
from dcgan.evaluation import fid as inception
from dcgan.evaluation.fid import Inception, build_network, evaluate_inception, load_inception
from dcgan.latents import latents_from_seeds
from dcgan.pixels import from_uint8
from dcgan.runs.run import Run


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network().eval()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inception"


@pytest.fixture
def offline(monkeypatch) -> list[str]:
    urls = []

    def refuse(url, *args, **kwargs):
        urls.append(url)
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    return urls


# The network


@pytest.mark.parametrize(
    ("name", "theirs", "pool"),
    [
        ("5b", torchvisions.InceptionA(192, 32), "mean"),
        ("6b", torchvisions.InceptionC(768, 128), "mean"),
        ("7b", torchvisions.InceptionE(1280), "mean"),
        ("7c", torchvisions.InceptionE(2048), "largest"),
    ],
    ids=["5b", "6b", "7b", "7c"],
)
@torch.no_grad()
def test_the_network_is_that_of_torchvision_except_for_its_pooling(network, name, theirs, pool):
    """The mean without padding differs only at the edge. The maximum differs everywhere."""
    ours = getattr(network, f"Mixed_{name}")
    theirs.load_state_dict(ours.state_dict())
    channels = next(ours.parameters()).shape[1]
    x = torch.rand(1, channels, 5, 5, generator=torch.Generator().manual_seed(1))
    a, b = ours(x), theirs.eval()(x)
    pooled = ours.branch_pool.conv.out_channels
    assert torch.equal(a[:, :-pooled], b[:, :-pooled])
    expected = F.max_pool2d(x, 3, 1, 1) if pool == "largest" else F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    assert torch.equal(a[:, -pooled:], ours.branch_pool(expected))
    middle = (slice(None), slice(-pooled, None), slice(1, -1), slice(1, -1))
    assert torch.allclose(a[middle], b[middle], atol=1e-5) == (pool == "mean")
    assert not torch.allclose(a[:, -pooled:], b[:, -pooled:], atol=1e-5)


def write_weights(network: torch.nn.Module, folder: Path, monkeypatch) -> Path:
    """Write weights where a download puts them, and make their checksum the expected one."""
    folder.mkdir(parents=True)
    path = folder / inception.WEIGHTS_URL.rpartition("/")[2]
    torch.save(network.state_dict(), path)
    monkeypatch.setattr(inception, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    return path


@pytest.mark.slow
def test_weights_in_the_cache_are_read_and_give_2048_features_of_any_image(network, cache, offline, monkeypatch):
    write_weights(network, cache, monkeypatch)
    classifier = load_inception()
    assert not offline
    gray = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = classifier.features(gray)
    assert (features.shape, features.dtype) == ((1, 2048), torch.float32)
    assert torch.equal(features, classifier.features(gray.expand(-1, 3, -1, -1)))
    with torch.no_grad():  # the layer before the classes
        large = F.interpolate(gray.expand(-1, 3, -1, -1), (299, 299), mode="bilinear", align_corners=False)
        torch.testing.assert_close(network.fc(features), network(large), rtol=1e-4, atol=1e-4)
    assert classifier.features(gray[:0]).shape == (0, 2048)


def test_a_damaged_file_is_named_and_never_read(network, cache, offline, monkeypatch):
    path = write_weights(network, cache, monkeypatch)
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(ValueError, match=r"6726825d.pth is damaged.*delete it to download it again"):
        load_inception()


def test_weights_of_another_network_are_named(cache, offline, monkeypatch):
    write_weights(torch.nn.Linear(2, 2), cache, monkeypatch)
    with pytest.raises(ValueError, match=r"6726825d.pth is damaged"):
        load_inception()


def test_without_a_network_the_download_is_one_error(cache, offline):
    with pytest.raises(FileNotFoundError) as caught:
        load_inception()
    assert "\n" not in str(caught.value)
    for part in (str(cache), "no network here", inception.WEIGHTS_URL, "leave out --features inception"):
        assert part in str(caught.value)
    assert offline == [inception.WEIGHTS_URL]
    assert list(cache.iterdir()) == []


# Distances


class Plain(Inception):
    """A network whose features are the mean brightness of each quarter of an image."""

    def __init__(self) -> None:
        self.hash = "plain"

    def features(self, images: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(images, 2).mean(1).flatten(1)


@pytest.fixture
def drawn(monkeypatch, cache) -> ImageSet:
    """Return 40 training images, and the same images as test images, in another order and a little brighter."""
    images_u8 = torch.randint(200, (40, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    train = ImageSet(images_u8, torch.arange(40) % 10, ())
    test = train._replace(images_u8=images_u8.flip(0) + 51)
    monkeypatch.setattr(inception, "load_images", lambda *what: test if what[-1] == "test" else train)
    return train


class Copier:
    """A generator that draws these images one after the other."""

    def __init__(self, images_u8: Tensor, **model) -> None:
        self.train_config = replace(TINY, model=replace(TINY.model, **model))
        self.config, self.device = self.train_config.model, torch.device("cpu")
        self.weights_id, self.step = "copies", 3
        self.images_u8, self.labels, self.drawn = images_u8, [], 0

    def latents(self, seeds) -> np.ndarray:
        return latents_from_seeds(seeds, 100)

    def __call__(self, z, labels=None) -> Tensor:
        self.labels.append(labels)
        self.drawn += len(z)
        return from_uint8(self.images_u8[self.drawn - len(z) : self.drawn])


def test_with_equal_covariances_the_distance_is_that_of_the_means(drawn):
    """51 of 255 brighter is 0.4 of [-1, 1], in four features."""
    scores = evaluate_inception(Copier(drawn.images_u8), classifier=Plain(), num_images=40)
    assert scores.real["fid"] == pytest.approx(4 * 0.4**2, rel=1e-4)
    assert scores["fid"] == pytest.approx(scores.real["fid"], rel=1e-6)
    exact = evaluate_inception(Copier(drawn.images_u8 + 51), classifier=Plain(), num_images=40, seed=2)
    assert exact["fid"] == pytest.approx(0, abs=1e-6)
    assert exact["kid"] < scores["kid"]
    assert (exact.num_images, exact.seed, exact.step, exact.weights_id) == (40, 2, 3, "copies")


def test_a_conditional_generator_draws_every_class(drawn):
    generator = Copier(drawn.images_u8, num_classes=10)
    evaluate_inception(generator, classifier=Plain(), num_images=40)
    assert torch.equal(torch.cat(generator.labels), torch.arange(40) % 10)


@pytest.mark.parametrize("count", [1, 41])
def test_impossible_counts_are_named(drawn, count):
    with pytest.raises(ValueError, match=rf"num_images={count} is not in 2..40"):
        evaluate_inception(Copier(drawn.images_u8), classifier=Plain(), num_images=count)


# Of a run


@pytest.fixture
def run(digits, runs_root, monkeypatch, tmp_path, cache) -> Run:
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "published")
    few = load_images(digits, TINY.model)
    monkeypatch.setattr(inception, "load_images", lambda *_: few._replace(images_u8=few.images_u8[:4]))
    return record_run(runs_root, replace(TINY, data=digits))


@pytest.mark.slow
def test_the_command_prints_fid_by_the_whole_network_with_random_weights(run, network, cache, monkeypatch, capsys):
    """The test uses the first features only: linear algebra with all 2,048 takes half a minute."""
    write_weights(network, cache, monkeypatch)
    whole = Inception.features
    monkeypatch.setattr(Inception, "features", lambda classifier, images: whole(classifier, images)[:, :8])
    assert main(["evaluate", run.name, "--features", "inception", "--num-images", "4", "--save"]) == 0
    head, first, real, *_, last = capsys.readouterr().out.splitlines()
    (row,) = run.evals()
    assert head.split() == ["NAME", "FID", "KID"]
    assert first.split() == [run.name, f"{row['fid']:.2f}", f"{row['kid']:.5f}"]
    assert real.split() == ["real", "images", f"{row['real_fid']:.2f}", f"{row['real_kid']:.5f}"]
    assert row["fid"] > 0
    assert row["real_fid"] == pytest.approx(0, abs=1e-6)  # the same four images
    assert row["weights_id"] == load_generator(run.path).weights_id
    assert "seeds 0 to 3" in last
    assert last.endswith(f"{row['classifier']} {row['classifier_hash']}")
    assert np.isfinite([row["fid"], row["kid"]]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "leave out --features inception"), (["--labels"], "--labels uses classifiers, not Inception")],
)
def test_the_command_names_wrong_options(run, offline, arguments, message, capsys):
    assert main(["evaluate", run.name, "--features", "inception", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert run.evals() == []
