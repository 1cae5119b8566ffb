"""Test the classifier: its accuracy, the images that it refuses, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dcgan.checkpoint import load_tensors, save_tensors
from dcgan.cli.main import main
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation import classifier as module
from dcgan.evaluation.classifier import (
    Classifier,
    ClassifierNetwork,
    load_classifier,
    save_classifier,
    train_classifier,
)
from dcgan.pixels import from_uint8

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("mnist")


@pytest.fixture(scope="module")
def test_part() -> tuple[torch.Tensor, torch.Tensor]:
    images_u8, labels = map(torch.from_numpy, read_named_set("mnist", "", "test"))
    return from_uint8(images_u8), labels


@pytest.mark.slow
def test_the_published_classifier_has_an_accuracy_of_99_4_percent(classifier, test_part):
    accuracy = classifier.accuracy(*test_part)
    assert accuracy >= 0.994
    assert classifier.test_accuracy == pytest.approx(accuracy, abs=2e-4)  # an image or two on another machine
    assert (module.FEATURES / "mnist.safetensors").stat().st_size < 2e6


def test_the_published_classifier_of_clothes_has_an_accuracy_of_93_percent():
    classifier = load_classifier("fashion-mnist")
    assert classifier.name == "fashion-mnist"
    assert classifier.test_accuracy >= 0.93
    assert load_tensors(module.FEATURES / "fashion-mnist.safetensors")[1]["epochs"] == 25


@pytest.mark.slow
@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_stated_accuracy_of_the_classifier_of_clothes_is_right():
    classifier = load_classifier("fashion-mnist")
    images_u8, labels = map(torch.from_numpy, read_named_set("fashion-mnist", str(DEBIAN), "test"))
    assert classifier.accuracy(from_uint8(images_u8), labels) == pytest.approx(classifier.test_accuracy, abs=4e-4)


def test_an_image_has_the_same_features_in_any_batch(classifier, test_part):
    images = test_part[0][:130]  # more than a forward pass
    whole = classifier.features(images)
    assert whole.shape == (130, 128)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole[7:8], classifier.features(images[7:8]), rtol=1e-4, atol=1e-4)
    assert classifier.features(images[:0]).shape == (0, 128)


def test_the_last_layer_maps_features_to_logits(classifier, test_part):
    images = test_part[0][:4]
    network = ClassifierNetwork().eval()
    network.load_state_dict(load_tensors(module.FEATURES / "mnist.safetensors")[0])
    with torch.no_grad():
        torch.testing.assert_close(
            classifier.logits(classifier.features(images)), network(images), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32), (1, 28, 28), (2, 784)])
def test_other_shapes_are_refused_by_name(classifier, shape):
    with pytest.raises(ValueError, match=rf"{shape[-1]}\) cannot be scored.*--model.image-size 28"):
        classifier.features(torch.zeros(shape))


def test_bytes_are_refused(classifier):
    with pytest.raises(ValueError, match=r"torch.uint8 are not floats"):
        classifier.features(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))


def test_shifts_move_an_image_and_leave_black_behind():
    image = torch.full((3, 1, 28, 28), -1.0)
    image[:, :, 10, 20] = 1
    moved = module._shifted(image, torch.tensor([[2, 0, 4], [2, 1, 4]]))
    assert torch.nonzero(moved > 0).tolist() == [[0, 0, 10, 20], [1, 0, 12, 21], [2, 0, 8, 18]]
    assert moved.min() == moved[:, :, -1].max() == -1


def test_a_mirror_flips_only_the_selected_images():
    images = torch.arange(8.0).reshape(2, 1, 2, 2)
    turned = module._mirrored(images, torch.tensor([False, True]))
    assert turned.flatten(1).tolist() == [[0, 1, 2, 3], [5, 4, 7, 6]]


@pytest.fixture(scope="module")
def small_train() -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.from_numpy(values[:512]) for values in read_named_set("mnist", "", "train"))


@pytest.mark.slow
def test_a_seed_gives_the_same_network_after_any_other_draws(small_train):
    hashes = []
    for seed in (0, 0, 1):
        torch.rand(seed + len(hashes))
        *_, network = train_classifier(*small_train, seed=seed, epochs=1)
        hashes.append(Classifier("mnist", network).hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.slow
def test_a_classifier_of_mirrored_images_cannot_tell_left_from_right():
    """The two classes are mirror images, lit on the left or on the right."""
    images = torch.full((512, 1, 28, 28), 200, dtype=torch.uint8)
    labels = torch.arange(512) % 2
    images[labels == 0, :, :, :14] = 0
    images[labels == 1, :, :, 14:] = 0
    sure = []
    for mirror in (False, True):
        *_, network = train_classifier(images, labels, seed=0, epochs=4, mirror=mirror)
        classifier = Classifier("halves", network)
        chances = classifier.logits(classifier.features(from_uint8(images))).softmax(1)
        sure.append(chances.gather(1, labels[:, None]).mean().item())
    assert sure[0] > 0.7
    assert sure[1] == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_training_reaches_an_accuracy_of_80_percent(small_train, test_part):
    networks = train_classifier(*small_train, seed=0, epochs=8)
    accuracies = [
        Classifier("mnist", network).accuracy(test_part[0][:500], test_part[1][:500]) for network in networks
    ]
    assert len(accuracies) == 8
    assert accuracies[-1] > 0.8


def test_a_saved_classifier_loads_unchanged(tmp_path):
    network = ClassifierNetwork()
    save_classifier(tmp_path / "a.safetensors", network, name="mnist", accuracy=0.5, seed=3, epochs=1)
    loaded = load_classifier(str(tmp_path / "a.safetensors"))
    assert (loaded.name, loaded.test_accuracy, loaded.hash) == ("mnist", 0.5, Classifier("mnist", network).hash)


def test_a_missing_damaged_or_foreign_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no classifier for kmnist, only for: .*mnist.*train-classifier"):
        load_classifier("kmnist")
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a.safetensors is damaged"):
        load_classifier(str(path))
    save_tensors(path, {}, {"kind": "generator"})
    with pytest.raises(ValueError, match=r"a.safetensors.*a generator"):
        load_classifier(str(path))
    save_tensors(path, {}, {"kind": "long\n" * 9999})
    with pytest.raises(ValueError, match=r"a.safetensors cannot be used: it holds a long\\nlong[^\n]{,400}$"):
        load_classifier(str(path))
    network = ClassifierNetwork()
    save_classifier(path, network, name="mnist", accuracy=0.5, seed=0, epochs=1)
    tensors, metadata = load_tensors(path)
    tensors["head.bias"][0] += 1
    save_tensors(path, tensors, metadata)
    with pytest.raises(ValueError, match=r"its weights have the hash"):
        load_classifier(str(path))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("kmnist", "train one with: python -m dcgan train-classifier kmnist"),
        ("lost.safetensors", "train one with: python -m dcgan train-classifier NAME -o lost.safetensors"),
        ("cifar10", "by FID instead: python -m dcgan evaluate RUN --features inception"),
        ("stacked-mnist", "by FID instead: python -m dcgan evaluate RUN --features inception"),
        ("folder:x", "python -m dcgan evaluate RUN --features inception, of a training with --data.holdout 0.1"),
    ],
)
def test_the_error_for_a_missing_classifier_has_a_remedy(name, remedy):
    with pytest.raises(FileNotFoundError) as caught:
        load_classifier(name)
    assert str(caught.value).endswith(f"; {remedy}") or str(caught.value).endswith(f" {remedy}")


@pytest.mark.slow
def test_the_command_trains_saves_and_reports(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    whole = read_named_set
    monkeypatch.setattr(
        "dcgan.data.named_sets.read_named_set", lambda *where: [values[:256] for values in whole("mnist", *where[1:])]
    )
    output = tmp_path / "own.safetensors"
    assert main(["train-classifier", "kmnist", "--epochs", "1", "-o", str(output)]) == 0
    out, err = capsys.readouterr()
    classifier = load_classifier(str(output))
    assert classifier.name == "kmnist"
    assert classifier.hash in out
    assert f"{classifier.test_accuracy:.2%} of 256 test images" in out
    assert err.startswith("epoch 1/1: ")


@pytest.mark.parametrize(("name", "epochs", "mirror"), [("kmnist", 10, False), ("fashion-mnist", 25, True)])
def test_each_set_has_its_own_recipe_and_is_read_from_its_root(name, epochs, mirror, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    whole = read_named_set

    def read(name, root, split):
        calls.append((name, root, split))
        return [values[:256] for values in whole("mnist", "", split)]

    def train(images_u8, labels, **options):
        calls.append(options)
        return iter([ClassifierNetwork()])

    monkeypatch.setattr("dcgan.data.named_sets.read_named_set", read)
    monkeypatch.setattr(module, "train_classifier", train)
    assert main(["train-classifier", name, "--root", "here", "-o", str(tmp_path / "own.safetensors")]) == 0
    options = {"seed": 0, "epochs": epochs, "mirror": mirror}
    assert calls == [(name, "here", "train"), (name, "here", "test"), options]
    assert load_tensors(tmp_path / "own.safetensors")[1]["epochs"] == epochs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cifar10"], "choose one of mnist, fashion-mnist, kmnist"),
        (["mnist"], "mnist.safetensors exists"),
        (["mnist", "--epochs", "-1"], "epochs=-1"),
        (["mnist", "-o", "a.pt"], "write a.pt.safetensors"),
    ],
)
def test_the_command_names_wrong_options(arguments, message, capsys):
    assert main(["train-classifier", *arguments]) == 2
    assert message in capsys.readouterr().err
