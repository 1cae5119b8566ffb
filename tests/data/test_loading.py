"""From a config to images and batches: sizes, channels, splits, limits, labels, resident or streamed."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data.folder import Source, find_images, readable_files, source_of
from dcgan.data.image_files import check_header
from dcgan.data.loading import ResidentBatches, StreamedBatches, load_images, make_batches

CPU = torch.device("cpu")
GRAY_8 = ModelConfig(image_size=8)

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 on


@pytest.fixture
def folder(tmp_path) -> Path:
    """Write 12 RGB images 10x8 of class i % 3 ('ants', 'bees', 'cats'); the i-th is all (i, i, i)."""
    for i in range(12):
        path = tmp_path / ("ants", "bees", "cats")[i % 3] / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (10, 8), (i, i, i)).save(path)
    return tmp_path


def own(folder: Path, **fields: object) -> DataConfig:
    return DataConfig(name=f"folder:{folder}", **fields)


def numbers(images_u8: torch.Tensor) -> list[int]:
    return images_u8[:, 0, 0, 0].tolist()


def test_mnist_is_loaded_as_it_is():
    train = load_images(DataConfig(), ModelConfig())
    assert train.images_u8.shape == (60_000, 1, 28, 28)
    assert train.images_u8.dtype == torch.uint8
    assert torch.bincount(train.labels)[:2].tolist() == [5923, 6742]
    assert train.labels.dtype == torch.int64
    assert train.notes == ()
    assert len(load_images(DataConfig(), ModelConfig(), split="test").images_u8) == 10_000


@pytest.mark.slow
def test_a_limit_cuts_the_training_part_only():
    whole = load_images(DataConfig(), ModelConfig())
    cut = load_images(DataConfig(limit=50), ModelConfig())
    assert torch.equal(cut.images_u8, whole.images_u8[:50])
    assert torch.equal(cut.labels, whole.labels[:50])
    assert len(load_images(DataConfig(limit=50), ModelConfig(), split="test").images_u8) == 10_000


@pytest.mark.slow
def test_a_named_set_gets_the_shape_of_the_model_with_a_note():
    data = DataConfig(limit=20)
    gray = load_images(data, ModelConfig()).images_u8
    rgb = load_images(data, ModelConfig(channels=3))
    assert torch.equal(rgb.images_u8, gray.expand(-1, 3, -1, -1))
    assert rgb.notes == ("mnist: 28x28 gray images were made 28x28 RGB; --model.channels 1 keeps them",)
    large = load_images(data, ModelConfig(image_size=64))
    assert large.notes == ("mnist: 28x28 gray images were made 64x64 gray; --model.image-size 28 keeps them",)
    assert large.images_u8.shape == (20, 1, 64, 64)
    assert large.images_u8.float().mean() == pytest.approx(gray.float().mean().item(), rel=0.03)


def test_cifar10_becomes_small_and_gray_with_a_note_that_has_the_remedy(monkeypatch):
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)[:, :, None, None]
    pictures = (np.tile(colors, (1, 1, 32, 32)), np.arange(3))
    monkeypatch.setattr("dcgan.data.loading.read_named_set", lambda *_: pictures)
    images, labels, notes = load_images(DataConfig(name="cifar10"), ModelConfig())
    assert images.unique(dim=2).shape == (3, 1, 1, 28)
    assert numbers(images) == [76, 150, 29]  # ITU-R 601-2
    assert labels.tolist() == [0, 1, 2]
    remedy = "--model.image-size 32 --model.channels 3 keeps them"
    assert notes == (f"cifar10: 32x32 RGB images were made 28x28 gray; {remedy}",)
    kept = load_images(DataConfig(name="cifar10"), ModelConfig(image_size=32, channels=3))
    assert np.array_equal(kept.images_u8, pictures[0])
    assert kept.notes == ()


def test_a_folder_is_loaded_in_path_order_with_its_labels(folder):
    images, labels, notes = load_images(own(folder), GRAY_8)
    assert images.shape == (12, 1, 8, 8)
    assert numbers(images) == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert notes == ()
    assert load_images(own(folder), ModelConfig(image_size=8, channels=3)).images_u8.shape == (12, 3, 8, 8)
    Image.new("L", (9, 9), 99).save(folder / "stray.png")
    assert load_images(own(folder), GRAY_8).labels is None


def test_the_home_folder_may_be_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(load_images(DataConfig(name=f"folder:~/{folder.name}"), GRAY_8).images_u8) == 12


def test_the_split_of_a_folder_is_disjoint_and_complete(folder):
    data = own(folder, holdout=0.25)
    parts = [numbers(load_images(data, GRAY_8, 1, split).images_u8) for split in ("train", "test")]
    assert [len(part) for part in parts] == [9, 3]
    assert sorted(parts[0] + parts[1]) == list(range(12))
    assert numbers(load_images(data, GRAY_8, 2, "test").images_u8) != parts[1]
    limited = replace(data, limit=4)
    assert numbers(load_images(limited, GRAY_8, 1).images_u8) == parts[0][:4]
    assert numbers(load_images(limited, GRAY_8, 1, "test").images_u8) == parts[1]
    assert make_batches(TrainConfig(model=GRAY_8, data=limited, seed=1), CPU).num_images == 4
    with pytest.raises(ValueError, match=r"--data\.holdout 0\.1"):
        load_images(own(folder), GRAY_8, split="test")


def test_some_of_the_images_are_those_of_some_files(folder):
    whole = numbers(load_images(own(folder), GRAY_8).images_u8)
    some = load_images(own(folder), GRAY_8, at_most=5)
    assert len(set(numbers(some.images_u8))) == 5
    assert set(numbers(some.images_u8)) < set(whole)
    assert [label for _, label in zip(some.images_u8, some.labels, strict=True)] == [
        number % 3 for number in numbers(some.images_u8)
    ]
    assert numbers(load_images(own(folder), GRAY_8, at_most=50).images_u8) == whole


def test_some_images_of_a_named_set_keep_their_labels(digits):
    model = ModelConfig()
    whole, some = load_images(digits, model), load_images(digits, model, at_most=7)
    assert len(some.images_u8) == len(some.labels) == 7
    for image, label in zip(some.images_u8, some.labels, strict=True):
        assert label in whole.labels[(whole.images_u8 == image).all(dim=(1, 2, 3))]


def test_unreadable_files_leave_no_gap(folder):
    (folder / "ants" / "00.png").write_text("no image")
    (folder / "ants" / "extra.png").touch()
    images, labels, notes = load_images(own(folder), GRAY_8)
    assert numbers(images) == [3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    assert labels.tolist() == [0] * 3 + [1] * 4 + [2] * 4
    (note,) = notes
    assert note.startswith("2 of 13 files")
    assert note.endswith(": ants/00.png, ants/extra.png")


def test_a_conditional_model_needs_labels_and_enough_classes(folder):
    conditional = replace(GRAY_8, num_classes=3)
    classes = "labels are the subfolders: 0 ants, 1 bees, 2 cats"
    assert load_images(own(folder), conditional).notes == (classes,)
    (note,) = load_images(own(folder, limit=4), conditional).notes
    assert note == f"{classes}; no image is left of 1 bees, 2 cats"
    for load in (load_images, lambda data, model: make_batches(TrainConfig(model=model, data=data), CPU)):
        with pytest.raises(ValueError, match=r"num_classes=2 is too few.*up to 2; .*--model\.num-classes 3"):
            load(own(folder), replace(GRAY_8, num_classes=2))
        with pytest.raises(ValueError, match=r"num_classes=9 is too few for mnist.*--model\.num-classes 10"):
            load(DataConfig(), ModelConfig(num_classes=9))
    Image.new("L", (9, 9)).save(folder / "stray.png")
    with pytest.raises(ValueError, match=r"needs labels.* 1 images .*: stray\.png;.*--model\.num-classes 0"):
        load_images(own(folder), conditional)
    for name in ("ants", "bees", "cats"):
        shutil.rmtree(folder / name)
    with pytest.raises(ValueError, match=r"num_classes=3 needs labels.*subfolder.*--model\.num-classes 0"):
        load_images(own(folder), conditional)


@pytest.mark.slow
def test_a_new_training_has_no_more_classes_than_labels(folder, monkeypatch):
    def batches(data, num_classes, source=None):
        model = replace(GRAY_8, num_classes=num_classes)
        return make_batches(TrainConfig(model=model, data=data), CPU, source=source)

    with pytest.raises(ValueError, match=r"num_classes=30 is more than the 10 labels of mnist.* 10$"):
        batches(DataConfig(limit=3), 30)
    with pytest.raises(ValueError, match=r"num_classes=4 is more than the 3 labels of folder:.* 3$"):
        batches(own(folder), 4)
    assert batches(own(folder, limit=4), 3).num_images == 4, "a limit may leave none of a class"
    assert batches(DataConfig(limit=3), 10).num_images == 3
    # What was trained so is resumed and looked at as it was.
    assert batches(DataConfig(limit=3), 30, source=Source()).num_images == 3
    assert len(load_images(own(folder), replace(GRAY_8, num_classes=4)).images_u8) == 12


@pytest.mark.parametrize("data", [{}, {"resident_limit_mib": 0}, {"resident_limit_mib": 0, "cache": True}])
def test_batches_of_a_folder_record_its_files(folder, data, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(folder.parent / "cache"))
    (folder / "bees" / "broken.png").touch()
    config = TrainConfig(model=replace(GRAY_8, num_classes=3), data=own(folder, **data))
    kept = readable_files(find_images(folder), check_header)
    assert make_batches(config, CPU).source == source_of(kept, conditional=True)
    limited = make_batches(replace(config, data=replace(config.data, limit=5)), CPU).source
    assert (limited.num_images, limited.classes) == (5, ("ants", "bees", "cats"))
    assert make_batches(TrainConfig(data=DataConfig(limit=3)), CPU).source is None


def test_a_resume_with_other_classes_is_refused(folder):
    config = TrainConfig(model=replace(GRAY_8, num_classes=3), data=own(folder))
    source = make_batches(config, CPU).source
    (folder / "aphids").mkdir()
    Image.new("L", (9, 9)).save(folder / "aphids" / "1.png")
    with pytest.raises(ValueError, match=r"not the 3 classes .* \(new: aphids\); put them back"):
        make_batches(config, CPU, source=source)


@pytest.mark.parametrize("num_classes", [0, 3])
def test_a_folder_beyond_the_resident_limit_streams_the_same_bits(folder, num_classes):
    (folder / "ants" / "broken.png").touch()
    model = replace(GRAY_8, num_classes=num_classes)
    config = TrainConfig(model=model, data=own(folder), batch_size=5, seed=3)
    held = make_batches(config, CPU)
    stream = make_batches(replace(config, data=own(folder, resident_limit_mib=0, workers=1)), CPU)
    assert isinstance(held, ResidentBatches)
    assert isinstance(stream, StreamedBatches)
    for name in ("num_images", "steps_per_epoch", "notes"):
        assert getattr(held, name) == getattr(stream, name)
    assert held.num_images == 12
    assert held.notes[0].startswith("1 of 13 files")
    with contextlib.closing(stream.from_step(2)) as batches:
        for a, b in zip(islice(batches, 6), held.from_step(2), strict=False):
            assert torch.equal(a.images, b.images)
            assert (a.labels is None) == (num_classes == 0)
            assert num_classes == 0 or torch.equal(a.labels, b.labels)


def test_the_resident_limit_counts_the_decoded_bytes(folder, monkeypatch):
    monkeypatch.setattr("dcgan.data.loading._load_files", lambda *_: pytest.fail("decoded"))
    large = ModelConfig(image_size=512, channels=3)  # 12 images of 0.75 MiB
    batches = make_batches(TrainConfig(model=large, data=own(folder, resident_limit_mib=8)), CPU)
    assert isinstance(batches, StreamedBatches)
    with pytest.raises(pytest.fail.Exception, match="decoded"):
        make_batches(TrainConfig(model=large, data=own(folder, resident_limit_mib=9)), CPU)


def test_a_named_set_beyond_the_resident_limit_is_an_error_that_names_the_field():
    model = ModelConfig(image_size=256)
    with pytest.raises(ValueError, match=r"mnist takes 3750 MiB .*=2048,.* --data\.resident-limit-mib 3750"):
        make_batches(TrainConfig(model=model), CPU)
    assert make_batches(TrainConfig(model=model, data=DataConfig(limit=5)), CPU).num_images == 5


def test_batches_of_mnist():
    batches = make_batches(TrainConfig(model=ModelConfig(num_classes=10), batch_size=32), CPU)
    assert (batches.num_images, batches.steps_per_epoch) == (60_000, 1875)
    images, labels, _ = next(batches.from_step(1874))
    assert images.shape == (32, 1, 28, 28)
    assert images.device == labels.device == CPU
    assert (images.min(), images.max()) == (-1, 1)
    assert labels.shape == (32,)


def test_the_first_batch_of_mnist_is_the_same_in_every_release():
    images = next(make_batches(TrainConfig(), CPU).from_step(0)).images
    digest = hashlib.sha256(((images + 1) * 127.5).round().to(torch.uint8).numpy().tobytes()).hexdigest()
    assert digest[:12] == "7e5f480edfd3"


def test_loading_mnist_needs_no_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError):
        import torchvision  # noqa: F401
    assert len(load_images(DataConfig(), ModelConfig(), split="test").images_u8) == 10_000
