"""A folder decoded once: the same batches, decoded again when needed, whole or not at all; memory."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data import decoded_cache
from dcgan.data.folder import find_images
from dcgan.data.loading import DecodedBatches, ResidentBatches, StreamedBatches, load_images, make_batches
from dcgan.files import take_lock

CPU = torch.device("cpu")
RGB_8 = ModelConfig(image_size=8, channels=3)

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 on


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write 12 images of three classes and a file that is not an image. The cache is a folder beside them."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    photos = tmp_path / "my photos"
    for i in range(12):
        path = photos / ("ants", "bees", "cats")[i % 3] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.RandomState(i).randint(0, 256, (8, 10, 3)).astype(np.uint8)).save(path)
    (photos / "bees" / "broken.png").touch()
    return photos


def training(folder: Path, **data: object) -> TrainConfig:
    data = {"resident_limit_mib": 0, "workers": 0} | data
    return TrainConfig(model=RGB_8, data=DataConfig(name=f"folder:{folder}", **data), batch_size=5, seed=3)


def decode(folder: Path, size: int = 8, channels: int = 3) -> decoded_cache.DecodedFolder:
    return decoded_cache.DecodedFolder(find_images(folder), size, channels)


def cached_files(folder: Path) -> list[str]:
    """Return the names of all files in the cache, temporary ones too."""
    return sorted(path.name for path in (folder.parent / "cache").rglob("*") if path.is_file())


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded_cache, "read_image", lambda *_, **__: pytest.fail("decoded again"))


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("fields", [{}, {"holdout": 0.25}, {"limit": 6}, {"holdout": 0.25, "limit": 6}])
def test_the_batches_are_the_streamed_and_the_resident_ones_bit_for_bit(folder, fields, num_classes):
    def made(**data: object):
        config = training(folder, **fields, **data)
        return make_batches(replace(config, model=replace(RGB_8, num_classes=num_classes)), CPU)

    streamed, held = made(), made(resident_limit_mib=9)
    cached, held_cached = made(cache=True), made(cache=True, resident_limit_mib=9)
    types = [StreamedBatches, ResidentBatches, DecodedBatches, ResidentBatches]
    assert [type(batches) for batches in (streamed, held, cached, held_cached)] == types
    for other in (streamed, held, held_cached):
        assert (other.num_images, other.steps_per_epoch) == (cached.num_images, cached.steps_per_epoch)
        assert set(other.notes) <= set(cached.notes)  # the same files are left out, the same classes named
        for start in (0, 4):  # a resume starts in the middle
            with contextlib.closing(other.from_step(start)) as batches:
                for a, b in zip(islice(batches, 6), cached.from_step(start), strict=False):
                    assert torch.equal(a.images, b.images)
                    assert (a.labels is None) == (b.labels is None) == (num_classes == 0)
                    assert num_classes == 0 or torch.equal(a.labels, b.labels)
        for count in (4, 99):  # the whole set is smaller
            assert torch.equal(other.first_images(count), cached.first_images(count))
        assert len(other.first_images(4)) == 4


def test_the_note_names_the_cache_its_place_and_its_size(folder):
    left_out, note = make_batches(training(folder, cache=True), CPU).notes
    assert left_out.startswith("1 of 13 files")
    assert left_out.endswith(": bees/broken.png")
    (path,) = (folder.parent / "cache" / "folders").glob("my_photos-*/8x8-rgb.npy")
    assert note == f"the decoded images of {folder} are kept in {path}, 1 MiB; it may be deleted"


def test_the_file_is_an_array_that_numpy_opens(folder):
    images_u8 = np.load(decode(folder).path, mmap_mode="r")
    assert images_u8.shape == (13, 3, 8, 8)
    readable = [i for i, path in enumerate(find_images(folder).paths) if path.name != "broken.png"]
    config = training(folder)
    assert np.array_equal(images_u8[readable], load_images(config.data, config.model).images_u8)


def test_a_second_training_decodes_nothing_with_any_seed_split_and_limit(folder, request):
    whole = make_batches(training(folder, cache=True), CPU)
    images = next(whole.from_step(0)).images
    request.getfixturevalue("no_decoding")
    assert torch.equal(next(make_batches(training(folder, cache=True), CPU).from_step(0)).images, images)
    for config in (
        training(folder, cache=True, limit=4),
        replace(training(folder, cache=True, holdout=0.5), seed=9),
        training(folder, cache=True, resident_limit_mib=9),
    ):
        next(make_batches(config, CPU).from_step(0))
    held_out = load_images(training(folder, cache=True, holdout=0.5).data, RGB_8, split="test")
    assert 5 <= len(held_out.images_u8) <= 6  # of 13 files, one of which is no image
    assert len(cached_files(folder)) == 1


def test_other_sizes_and_colors_are_kept_beside_it(folder, request):
    for size, channels in ((8, 3), (16, 3), (8, 1)):
        decode(folder, size, channels)
    assert cached_files(folder) == ["16x16-rgb.npy", "8x8-grey.npy", "8x8-rgb.npy"]
    request.getfixturevalue("no_decoding")
    decode(folder)


def _add(folder: Path) -> None:
    shutil.copy(folder / "ants" / "00.png", folder / "ants" / "new.png")


def _touch(folder: Path) -> None:
    os.utime(folder / "ants" / "00.png", ns=(0, 0))


def _grow(folder: Path) -> None:
    path = folder / "ants" / "00.png"
    times = path.stat()
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = {
    "added": _add,
    "removed": lambda folder: (folder / "ants" / "00.png").unlink(),
    "renamed": lambda folder: (folder / "ants" / "00.png").rename(folder / "ants" / "0x.png"),
    "replaced": _touch,
    "grown": _grow,
    "repaired": lambda folder: shutil.copy(folder / "ants" / "00.png", folder / "bees" / "broken.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_has_changed_is_decoded_again_in_the_same_place(folder, change):
    before = decode(folder)
    seal = before.path.read_bytes()[-32:]
    CHANGES[change](folder)
    after = decode(folder)
    assert after.path == before.path
    assert after.path.read_bytes()[-32:] != seal
    images = [next(make_batches(training(folder, cache=cache), CPU).from_step(0)).images for cache in (True, False)]
    assert torch.equal(*images)


@pytest.mark.parametrize(("name", "value"), [("DECODER", 99), ("PIL.__version__", "99.0")])
def test_another_decoder_decodes_again(folder, monkeypatch, name, value):
    seal = decode(folder).path.read_bytes()[-32:]
    monkeypatch.setattr(f"dcgan.data.decoded_cache.{name}", value)
    assert decode(folder).path.read_bytes()[-32:] != seal


@pytest.mark.parametrize("keep", [0, 50, 500, -1, -32, -100])
def test_a_file_that_was_cut_is_made_again(folder, keep):
    path = decode(folder).path
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    assert decode(folder).path.read_bytes() == whole


@pytest.mark.parametrize("place", [0, 70, -1, -40])
def test_a_damaged_header_checksum_or_seal_is_made_again(folder, place):
    path = decode(folder).path
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[place] ^= 1
    path.write_bytes(damaged)
    assert decode(folder).path.read_bytes() == whole
    path.write_bytes(whole + b"more")
    assert decode(folder).path.read_bytes() == whole


def test_a_damaged_image_is_noticed_and_made_again_at_the_next_start(folder):
    batches = make_batches(training(folder, cache=True), CPU)
    path = decode(folder).path
    whole = path.read_bytes()
    with open(path, "r+b") as file:
        file.seek(200)
        file.write(b"rotten")
    with pytest.raises(ValueError, match=r"8x8-rgb\.npy was damaged and is deleted"):
        list(islice(batches.from_step(0), 3))
    assert not path.exists()
    assert decode(folder).path.read_bytes() == whole


def test_a_cache_of_an_interrupted_decoding_is_made_again(folder, monkeypatch):
    read, count = decoded_cache.read_image, iter(range(99))

    def interrupted(*arguments: object, **options: object) -> np.ndarray:
        if next(count) == 5:
            raise KeyboardInterrupt
        return read(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(decoded_cache, "read_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decode(folder)
    assert cached_files(folder) == []
    path = decode(folder).path
    whole = path.read_bytes()
    path.unlink()
    # A process that is killed cannot tidy up: the next one does.
    path.with_name(f".{path.name}.123.tmp").write_bytes(whole[:500])
    assert decode(folder).path.read_bytes() == whole
    assert cached_files(folder) == [path.name]


SENTENCE = (
    r"the decoded images of .*my photos, 1 MiB, cannot be kept in .*cache.*\(No space left on device\); make room"
)


def test_too_small_a_disk_is_an_error_before_anything_is_decoded(folder, monkeypatch, no_decoding):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(decoded_cache.shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(ValueError, match=SENTENCE):
        decode(folder)
    assert cached_files(folder) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_disk_that_fills_up_while_decoding_is_the_same_error(folder, monkeypatch):
    @contextlib.contextmanager
    def full(path: Path):
        yield Path("/dev/full")

    monkeypatch.setattr(decoded_cache, "replacing", full)
    with pytest.raises(ValueError, match=SENTENCE) as caught:
        make_batches(training(folder, cache=True), CPU)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert cached_files(folder) == []


def test_a_place_that_cannot_be_written_is_named_with_the_remedy(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"Not a directory\); .*DCGAN_CACHE, or leave out --data\.cache"):
        decode(folder)


def test_a_folder_without_an_image_is_the_usual_error(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"\b13 image files"):
        make_batches(training(folder, cache=True), CPU)


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
def test_two_trainings_decode_once(folder, monkeypatch):
    whole = decode(folder).path.read_bytes()
    path = decode(folder).path
    path.unlink()
    other = take_lock(path.parent, patience_seconds=0)
    made = []
    waiting = threading.Thread(target=lambda: made.append(decode(folder)))
    monkeypatch.setattr(decoded_cache, "read_image", lambda *_, **__: pytest.fail("decoded again"))
    waiting.start()
    time.sleep(0.1)
    path.write_bytes(whole)
    os.close(other)
    waiting.join(20)
    assert made[0].path == path


# Memory. Linux tells the peak of a process; the rusage of a child would begin with its parent's. Left to itself,
# glibc keeps large blocks that were freed, some hundred MiB of them: with a fixed threshold the peak is what is held.

FEW, MANY = 500, 2500
MIB_OF_IMAGES = (MANY - FEW) * 3 * 128 * 128 / 2**20  # what a growing set would add: 94
MEMORY = """
    import contextlib, itertools, json, multiprocessing, os, sys
    import torch
    from dcgan.config import DataConfig, ModelConfig, TrainConfig
    from dcgan.data.loading import make_batches

    def peak(process):
        with open(f"/proc/{process}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))

    def one_pass(folder, **data):
        "The peaks, MiB, of this process and of its largest worker."
        model = ModelConfig(image_size=128, channels=3)
        config = TrainConfig(model=model, data=DataConfig(name=f"folder:{folder}", **data), batch_size=64)
        batches = make_batches(config, torch.device("cpu"))
        with contextlib.closing(batches.from_step(0)) as stream:
            for _ in itertools.islice(stream, batches.steps_per_epoch):
                pass
            workers = [peak(child.pid) for child in multiprocessing.active_children()]
        return peak(os.getpid()), max(workers, default=0.0)

    peaks = {}
    for name, data in json.loads(sys.argv[1]).items():
        peaks[name] = [one_pass(folder, **data) for folder in sys.argv[2:]]
    print(json.dumps(peaks))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_the_peak_of_memory_does_not_grow_with_the_folder(tmp_path):
    folders = []
    for count in (FEW, MANY):
        folder = tmp_path / str(count)
        folder.mkdir()
        Image.new("RGB", (128, 128), (9, 99, 199)).save(folder / "0.png")
        for i in range(1, count):
            os.link(folder / "0.png", folder / f"{i}.png")
        folders.append(str(folder))
    types = {
        "streamed": {"resident_limit_mib": 0, "workers": 1},
        "decoded": {"resident_limit_mib": 0, "cache": True},
        "held": {"cache": True},
    }
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), json.dumps(types), *folders],
        env=os.environ | {"DCGAN_CACHE": str(tmp_path / "cache"), "MALLOC_MMAP_THRESHOLD_": str(2**20)},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    peaks = json.loads(child.stdout)
    assert peaks["streamed"][1][1] > 0  # there was a worker
    for name in ("streamed", "decoded"):
        (few, few_worker), (many, many_worker) = peaks[name]
        assert many - few < MIB_OF_IMAGES / 6, peaks
        assert many_worker - few_worker < MIB_OF_IMAGES / 6, peaks
    (few, _), (many, _) = peaks["held"]
    assert many - few > MIB_OF_IMAGES / 2, peaks  # the measure sees what it should
