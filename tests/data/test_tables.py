"""Tables of pictures: Parquet, Arrow and WebDataset files, and sets of the Hugging Face Hub."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import tables
import torch

from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.data import table_files
from dcgan.data.batches import DecodedBatches, ResidentBatches
from dcgan.data.folder import Source
from dcgan.data.loading import load_images, make_batches
from dcgan.data.pictures import Pictures, pictures_of
from dcgan.data.table_batches import StreamedTable
from dcgan.files import PROJECT
from dcgan.runtime.distributed import Ranks

CPU = torch.device("cpu")
RGB = ModelConfig(image_size=16, channels=3)
LABELED = replace(RGB, num_classes=3)
MAKERS = {"parquet": tables.parquet, "arrow": tables.arrow, "tar": tables.webdataset}

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def table(tmp_path) -> DataConfig:
    """Write 60 pictures, in six row groups."""
    return DataConfig(name=tables.parquet(tmp_path / "pictures.parquet"))


def numbers(images_u8: torch.Tensor) -> list[int]:
    """Return which pictures (see tables.picture) these are."""
    return images_u8[:, 0, 0, 0].tolist()


def of_batch(images: torch.Tensor) -> list[int]:
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def streamed(data: DataConfig, model: ModelConfig = RGB, **changes) -> TrainConfig:
    return TrainConfig(
        model=model, data=replace(data, resident_limit_mib=0, shuffle_buffer=20), batch_size=8, **changes
    )


def test_no_thread_of_pyarrow_reads_a_parquet_file(table, monkeypatch):
    """Such a thread can wait for ever for one that has stopped to read: https://github.com/apache/arrow/issues/45214."""
    from pyarrow import dataset

    class Fragments:
        """Makes fragments, whose number of row groups is all that may be asked for."""

        def __init__(self, **options):
            self.format = dataset.ParquetFileFormat()

        def make_fragment(self, file):
            return SimpleNamespace(num_row_groups=self.format.make_fragment(file).num_row_groups)

    library = importlib.import_module("datasets.packaged_modules.parquet.parquet")
    monkeypatch.setattr(library, "ds", SimpleNamespace(ParquetFileFormat=Fragments))
    assert numbers(load_images(table, RGB).images_u8) == list(range(60))
    assert len(batches_from(streamed(table), 0, 14)) == 14


def batches_from(config: TrainConfig, step: int, count: int, ranks: Ranks | None = None) -> list:
    with closing(make_batches(config, CPU, ranks or Ranks()).from_step(step)) as batches:
        return list(islice(batches, count))


# What is read


@pytest.mark.parametrize("kind", MAKERS)
def test_all_kinds_of_files_give_the_same_pictures_and_labels(tmp_path, kind):
    data = DataConfig(name=MAKERS[kind](tmp_path / f"pictures.{kind}"))
    images = load_images(data, LABELED)
    assert images.images_u8.shape == (60, 3, 16, 16)
    assert numbers(images.images_u8) == list(range(60))
    assert images.labels is not None
    assert images.labels.tolist() == [i % 3 for i in range(60)]
    batches = make_batches(streamed(data, LABELED), CPU)
    assert isinstance(batches, StreamedTable)
    with closing(batches.from_step(0)) as stream:
        for batch in islice(stream, 8):
            assert [i % 3 for i in of_batch(batch.images)] == batch.labels.tolist()


def test_a_table_trains_as_a_folder_of_the_same_pictures(tmp_path, table):
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.png").write_bytes(tables.picture(i))
    config = TrainConfig(model=RGB, data=table, batch_size=8)
    resident = batches_from(config, 5, 5)
    decoded = batches_from(replace(config, data=replace(table, cache=True, resident_limit_mib=0)), 5, 5)
    of_folder = batches_from(replace(config, data=DataConfig(name=f"folder:{folder}")), 5, 5)
    for batch, *others in zip(resident, decoded, of_folder, strict=True):
        assert all(torch.equal(batch.images, other.images) for other in others)


def test_the_sizes_decide_how_a_table_is_read(table):
    config = TrainConfig(model=RGB, data=table, batch_size=8)
    assert isinstance(make_batches(config, CPU), ResidentBatches)
    assert isinstance(make_batches(streamed(table), CPU), StreamedTable)
    assert isinstance(make_batches(streamed(replace(table, cache=True)), CPU), DecodedBatches)


def test_several_files_and_a_limit(tmp_path):
    for part in range(3):
        tables.parquet(tmp_path / f"part-{part}.parquet", tables.dataset(20 * part, 20 * part + 20))
    data = DataConfig(name=f"table:{tmp_path}", limit=30)
    assert numbers(load_images(data, RGB).images_u8) == list(range(30))
    assert sorted(i for batch in batches_from(streamed(data), 0, 3) for i in of_batch(batch.images))[-1] < 30
    pattern = DataConfig(name=f"table:{tmp_path}/part-[12].parquet")
    assert numbers(load_images(pattern, RGB).images_u8) == list(range(20, 60))


def test_a_split_is_the_same_however_a_table_is_read(table):
    data = replace(table, holdout=0.25)
    train, test = (numbers(load_images(data, RGB, 3, split).images_u8) for split in ("train", "test"))
    assert len(test) == 15
    assert sorted(train + test) == list(range(60))
    decoded = replace(data, cache=True)
    assert numbers(load_images(decoded, RGB, 3, "test").images_u8) == test
    seen = {i for batch in batches_from(streamed(data, seed=3), 0, 20) for i in of_batch(batch.images)}
    assert seen == set(train)
    assert numbers(load_images(data, RGB, 4, "test").images_u8) != test


def test_some_of_a_table_are_loaded(table):
    table = replace(table, resident_limit_mib=0)
    assert len(load_images(table, RGB).images_u8) == 60
    some = numbers(load_images(table, RGB, at_most=12).images_u8)
    assert len(some) == 12
    assert len(set(some)) == 12
    assert numbers(load_images(table, RGB, at_most=12).images_u8) == some


# The order of streamed shards


def test_a_pass_shows_each_picture_at_most_once_and_the_next_pass_in_another_order(table):
    config = streamed(table)
    assert make_batches(config, CPU).steps_per_epoch == 7
    passes = [of_batch(torch.cat([b.images for b in batches_from(config, start, 7)])) for start in (0, 7)]
    assert all(len(set(seen)) == 56 for seen in passes)
    assert passes[0] != passes[1]
    assert passes[0] != sorted(passes[0])


def test_any_step_is_found_again_without_those_before_it(table):
    config = streamed(replace(table, mirror=True))
    whole = batches_from(config, 0, 16)
    for step in (1, 3, 6, 7, 12):
        for batch, again in zip(whole[step:], batches_from(config, step, 16 - step), strict=True):
            assert torch.equal(batch.images, again.images)


def test_a_resume_reads_no_chunk_before_its_own(table, monkeypatch):
    batches = make_batches(streamed(table), CPU)
    chunks = []
    read = batches._table._read
    monkeypatch.setattr(batches._table, "_read", lambda chunk, columns: chunks.append(chunk) or read(chunk, columns))
    with closing(batches.from_step(6)) as stream:
        next(stream)
        stream.close()
    of_last_window = len(chunks)
    chunks.clear()
    with closing(batches.from_step(0)) as stream:
        list(islice(stream, 7))
    assert of_last_window < len(chunks)


@pytest.mark.parametrize("world_size", [2, 3])
def test_each_rank_reads_its_own_part_of_a_pass(table, world_size):
    parts = [batches_from(streamed(table), 0, 7, Ranks(rank, world_size)) for rank in range(world_size)]
    assert [sum(len(part[k].images) for part in parts) for k in range(7)] == [8] * 7
    assert all(part[0].size == 8 for part in parts)
    seen = [i for part in parts for batch in part for i in of_batch(batch.images)]
    assert len(set(seen)) == 56
    again = batches_from(streamed(table), 4, 2, Ranks(1, world_size))
    assert torch.equal(again[0].images, parts[1][4].images)


def test_the_note_says_the_buffer_and_the_source_names_the_files(table):
    batches = make_batches(streamed(table), CPU)
    assert "shuffled by a buffer of 16" in batches.notes[-1]
    assert batches.source is not None
    assert batches.source.num_images == 60
    other = make_batches(streamed(DataConfig(name=table.name)), CPU, source=batches.source)
    assert other.source == batches.source


def test_sampling_with_replacement_needs_a_decoded_file(table):
    with pytest.raises(ValueError, match=r"sampling=replacement .* --data\.cache"):
        make_batches(streamed(table, sampling="replacement"), CPU)


# What is left out


@pytest.fixture
def hostile(tmp_path) -> DataConfig:
    """Write a table whose rows 1 to 4 have no image: no bytes, text, a bomb, and a path on this machine."""
    from PIL import Image

    secret = tmp_path / "secret.png"
    secret.write_bytes(tables.picture(77))
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    values = [{"bytes": tables.picture(i), "path": None} for i in range(40)]
    values[1:5] = [
        {"bytes": b"", "path": None},
        {"bytes": b"no image", "path": None},
        {"bytes": bomb.read_bytes(), "path": None},
        {"bytes": None, "path": str(secret)},
    ]
    from datasets import Dataset, Features
    from datasets import Image as ImageFeature

    rows = Dataset.from_dict({"image": values}, features=Features({"image": ImageFeature()}))
    return DataConfig(name=tables.parquet(tmp_path / "hostile.parquet", rows))


@pytest.mark.parametrize("cache", [False, True])
def test_hostile_rows_are_left_out_and_counted(hostile, cache):
    images = load_images(replace(hostile, cache=cache), RGB)
    assert numbers(images.images_u8) == [0, *range(5, 40)]
    assert "4 of 40 images could not be read and were left out: row 1, row 2, row 3, row 4" in images.notes


def test_another_image_takes_the_place_of_a_hostile_row_of_a_stream(hostile, caplog):
    config = streamed(hostile)
    seen = [i for batch in batches_from(config, 0, 6) for i in of_batch(batch.images)]
    assert set(seen) == {0, *range(5, 40)}
    assert "4 of 40 images" in caplog.text
    assert torch.equal(batches_from(config, 3, 1)[0].images, batches_from(config, 0, 4)[3].images)


def test_rows_without_a_label_are_left_out_of_a_conditional_training(tmp_path):
    rows = tables.dataset(label=[-1, None, *[i % 3 for i in range(58)]])
    data = DataConfig(name=tables.parquet(tmp_path / "a.parquet", rows))
    assert len(load_images(data, RGB).images_u8) == 60
    images = load_images(data, LABELED)
    assert numbers(images.images_u8) == list(range(2, 60))
    assert images.labels is not None
    assert images.labels.tolist() == [i % 3 for i in range(58)]


# Columns


def test_columns_are_named_where_there_are_several(tmp_path):
    from datasets import ClassLabel
    from datasets import Image as ImageFeature

    rows = tables.dataset(kind=[f"kind {i % 2}" for i in range(60)])
    rows = rows.add_column("small", rows["image"][:] and [{"bytes": tables.picture(200), "path": None}] * 60)
    rows = rows.cast_column("small", ImageFeature())
    rows = rows.cast_column("kind", ClassLabel(names=["kind 0", "kind 1"]))
    data = DataConfig(name=tables.parquet(tmp_path / "a.parquet", rows))
    with pytest.raises(ValueError, match=r"image columns image, small; name one: --data\.image-column image"):
        load_images(data, RGB)
    data = replace(data, image_column="small")
    with pytest.raises(ValueError, match=r"label columns label, kind"):
        load_images(data, RGB)
    with pytest.raises(ValueError, match=r"no column none, but image, label"):
        load_images(replace(data, label_column="none"), RGB)
    images = load_images(replace(data, label_column="kind"), replace(RGB, num_classes=2))
    assert set(numbers(images.images_u8)) == {200}
    assert images.notes == ("labels are those of the column kind: 0 kind 0, 1 kind 1",)


def test_plain_columns_of_bytes_and_texts_are_found(tmp_path):
    from datasets import Dataset

    values = {"png": [tables.picture(i) for i in range(20)], "label": ["owl", "ant"] * 10}
    data = DataConfig(name=tables.parquet(tmp_path / "a.parquet", Dataset.from_dict(values)))
    images = load_images(data, replace(RGB, num_classes=2))
    assert numbers(images.images_u8) == list(range(20))
    assert images.labels is not None
    assert images.labels.tolist() == [1, 0] * 10
    assert pictures_of(data) == Pictures(20, 3, 2)


def test_classes_must_fit_the_model(table, tmp_path):
    with pytest.raises(ValueError, match=r"set --model\.num-classes 3"):
        load_images(table, replace(RGB, num_classes=2))
    with pytest.raises(ValueError, match=r"set --model\.num-classes 3"):
        make_batches(TrainConfig(model=replace(RGB, num_classes=4), data=table), CPU)
    with pytest.raises(ValueError, match="are not those that the training began with"):
        make_batches(TrainConfig(model=LABELED, data=table), CPU, source=Source(60, ("a", "b", "c")))
    unlabeled = DataConfig(name=tables.parquet(tmp_path / "b.parquet", tables.dataset().remove_columns("label")))
    with pytest.raises(ValueError, match="needs labels"):
        load_images(unlabeled, LABELED)


# Files that cannot be read


def test_files_that_are_no_table_are_refused_with_a_remedy(tmp_path):
    def refused(name: str, error: type[Exception], text: str) -> None:
        with pytest.raises(error, match=text):
            load_images(DataConfig(name=f"table:{name}"), RGB)

    refused(str(tmp_path / "none.parquet"), FileNotFoundError, "does not exist")
    (tmp_path / "note.txt").write_text("no table")
    refused(str(tmp_path), ValueError, "has no .parquet, .arrow, .tar files")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no table")
    refused(str(tmp_path), ValueError, "cannot be read")
    (tmp_path / "b.tar").write_bytes(b"")
    refused(str(tmp_path), ValueError, r"mixes .parquet, .tar files; .* PATH/\*\.parquet")
    refused(str(tmp_path / "b.tar"), ValueError, "cannot be read")
    (tmp_path / "b.tar").unlink()
    for split in ("train", "test"):
        (tmp_path / f"{split}-00000.parquet").write_bytes(b"")
    refused(str(tmp_path), ValueError, r"splits test, train; .* PATH/test\*\.parquet")


def test_a_tar_file_with_a_packed_member_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        tables.add(archive, "0001.png.gz", b"")
    with pytest.raises(ValueError, match=r"'0001\.png\.gz', which is packed"):
        load_images(DataConfig(name=f"table:{tmp_path / 'a.tar'}"), RGB)


def test_without_the_library_one_sentence_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="pip install datasets"):
        load_images(table, RGB)


# The Hub


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """Stand for the set owner/set on the Hub by a folder: configs `small` and `large`, two splits of each."""
    folder = tmp_path / "set"
    for config, count in (("small", 20), ("large", 40)):
        tables.parquet(folder / config / "train-0.parquet", tables.dataset(0, count))
        tables.parquet(folder / config / "test-0.parquet", tables.dataset(100, 110))
    configs = "".join(f"- config_name: {name}\n  data_dir: {name}\n" for name in ("small", "large"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    monkeypatch.setattr(table_files, "_commit", lambda repo, revision: revision or "c0ffee" + "0" * 34)
    monkeypatch.setattr(
        table_files,
        "_load_builder",
        lambda library, repo, config, options: library.load_dataset_builder(
            str(folder), config, cache_dir=options["cache_dir"]
        ),
    )
    return folder


def test_a_set_of_the_hub_has_configs_splits_and_class_names(hub, cache):
    data = DataConfig(name="hub:owner/set:large")
    images = load_images(data, LABELED)
    assert numbers(images.images_u8) == list(range(40))
    assert "labels are those of the column label: 0 cat, 1 dog, 2 owl" in images.notes
    assert any("hub:owner/set@c0ffee000000:large" in note for note in images.notes)
    assert list(cache.glob("tables/*/*.npy")), "a set that fits is downloaded once"
    assert len(load_images(DataConfig(name="hub:owner/set:small:train"), RGB).images_u8) == 20
    assert numbers(load_images(DataConfig(name="hub:owner/set:small:test"), RGB).images_u8) == list(range(100, 110))
    with pytest.raises(ValueError, match="has no split dev, but train, test"):
        load_images(DataConfig(name="hub:owner/set:small:dev"), RGB)
    with pytest.raises(ValueError, match="write hub:USER/DATASET"):
        load_images(DataConfig(name="hub:set"), RGB)


def test_a_resume_reads_the_commit_that_the_training_began_with(hub, monkeypatch):
    config = TrainConfig(model=RGB, data=DataConfig(name="hub:owner/set:large"), batch_size=8)
    before = make_batches(config, CPU).source
    assert before is not None
    assert before.revision == "c0ffee" + "0" * 34
    monkeypatch.setattr(table_files, "_commit", lambda repo, revision: revision or "beef" + "0" * 36)
    assert make_batches(config, CPU, source=before).source == before
    assert make_batches(config, CPU).source != before


@pytest.fixture
def loose_files(tmp_path, monkeypatch) -> Path:
    """Stand for a set on the Hub whose pictures are files in class folders. Its addresses lead to a folder here."""
    from fsspec import AbstractFileSystem

    folder, root = tmp_path / "set", "datasets/owner/set@c0ffee" + "0" * 34

    class LocalHub(AbstractFileSystem):
        protocol = "hf"

        def local(self, path: str) -> Path:
            return folder / self._strip_protocol(path).removeprefix(root).lstrip("/")

        def info(self, path, **options):
            kind = "directory" if self.local(path).is_dir() else "file"
            return {"name": self._strip_protocol(path), "size": self.local(path).stat().st_size, "type": kind}

        def ls(self, path, detail=True, **options):  # noqa: FBT002 - the signature of fsspec
            names = [f"{self._strip_protocol(path)}/{name}" for name in sorted(os.listdir(self.local(path)))]
            return [self.info(name) for name in names] if detail else names

        def _open(self, path, mode="rb", **options):
            return open(self.local(path), mode)

    for i in range(12):
        path = folder / "train" / tables.CLASSES[i % 3] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tables.picture(i))
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "hf", LocalHub)
    monkeypatch.setattr(table_files, "_commit", lambda repo, revision: revision or "c0ffee" + "0" * 34)
    monkeypatch.setattr(
        table_files,
        "_load_builder",
        lambda library, repo, config, options: library.load_dataset_builder(
            "imagefolder", data_files={"train": [f"hf://{root}/train/**"]}, cache_dir=options["cache_dir"]
        ),
    )
    return folder


def test_a_set_of_loose_files_on_the_hub_is_read(loose_files):
    images = load_images(DataConfig(name="hub:owner/set"), LABELED)
    shown = numbers(images.images_u8)
    assert sorted(shown) == list(range(12))
    assert images.labels is not None
    assert images.labels.tolist() == [number % 3 for number in shown]


def test_without_a_network_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"^hub:owner/set cannot be downloaded: .*; check name and network$"):
        load_images(DataConfig(name="hub:owner/set"), RGB)


_KILLED_WITH_THE_LOCK = """
import os
import sys

from tqdm import tqdm

lock = tqdm.get_lock()
process = os.fork()
if process == 0:
    lock.acquire()
    os._exit(0)
os.waitpid(process, 0)

from dcgan.config import DataConfig
from dcgan.data.table_files import open_files

print(len(open_files(DataConfig(name=sys.argv[1])).files))
"""


_BAR_THAT_KEEPS_THE_LOCK = """
import io
import os
import sys
import threading

from tqdm import tqdm

from dcgan.config import DataConfig
from dcgan.data.table_files import open_files

data = DataConfig(name=sys.argv[1])
open_files(data)

class Stream(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")

try:
    tqdm(total=2, file=Stream())
except BrokenPipeError:
    pass
else:
    sys.exit("the bar was written")
found = []
thread = threading.Thread(target=lambda: found.append(open_files(data)), daemon=True)
thread.start()
thread.join(60)
print(*[len(table.files) for table in found], flush=True)
os._exit(0)  # the bar would be closed, and fail again
"""


@pytest.mark.slow
def test_a_bar_that_cannot_be_written_stops_no_other_thread(table):
    """tqdm then keeps the lock that all its bars share."""
    command = [sys.executable, "-c", _BAR_THAT_KEEPS_THE_LOCK, table.name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=PROJECT)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["1"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_process_that_died_with_the_lock_of_progress_bars_stops_no_other(table):
    command = [sys.executable, "-c", _KILLED_WITH_THE_LOCK, table.name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=PROJECT)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["1"]
