"""The attacks on trainings report faults that are planted, and their disk and their layer do what they say."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random

import pytest
from nightly import children, clock_jumps, kills, planted_faults, power_cuts, refusals, two_trainings
from nightly.attack import Setting
from nightly.disk import Disk
from nightly.file_faults import AtOperation, FullDisk, Recording
from nightly.file_layer import Operation, watching
from nightly.small_training import Place

pytestmark = pytest.mark.skipif(bool(children.MISSING), reason=children.MISSING)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """Return a place whose undisturbed training is shared."""
    return Place(tmp_path_factory.mktemp("planted"))


def intruded(setting, place, faults):
    return two_trainings.intrude(setting, place, place.undisturbed(kills.even_clock), faults)


def filled(setting, place, faults):
    return refusals.fill_disks(setting, place, place.undisturbed(kills.even_clock), faults)


def refused(setting, place, faults):
    return refusals.refuse_operations(setting, place, place.undisturbed(kills.even_clock), faults)


def cut(setting, place, faults):
    return power_cuts.cut_power(setting, place, resumed=False, faults=faults)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "fault", "words"),
    [
        (kills.kill_at_operations, planted_faults.writes_in_place, "the resume ended with"),
        (kills.kill_at_random, planted_faults.rows_stay, "rows are at steps"),
        (filled, planted_faults.no_remedy, "does not name"),
        (filled, planted_faults.traceback, "KeyError"),
        (refused, planted_faults.no_patience, "ended with code 2"),
        (clock_jumps.jump, planted_faults.clock_of_the_system, "are not a row"),
        (intruded, planted_faults.no_lock, "was permitted"),
        (cut, planted_faults.no_sync_of_rows, "rows up to step"),
        (cut, planted_faults.no_sync_of_folders, "was saved"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_fault_is_reported(tmp_path, place, attack, fault, words):
    row = attack(Setting(tmp_path), place, faults=(fault,))
    assert len(row.failures) >= 1
    assert words in " ".join(row.failures)


# The layer


def test_the_record_alone_makes_the_same_files(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "old").write_bytes(b"12345678")
    before, recording = Disk.of(folder), Recording()
    with watching(folder, recording):
        (folder / "sub").mkdir()
        (folder / "sub" / "text.txt").write_text("a\nb\n")
        with open(folder / "log", "a", encoding="utf-8") as log:
            log.write("first\n")
            log.flush()
            log.write("second\n")
        with open(folder / "log", "ab", buffering=0) as log:
            log.write(b"third\n")
            log.truncate(8)
        with open(folder / "old", "rb+") as old:
            old.seek(2)
            old.write(b"xy")
        os.replace(folder / "sub" / "text.txt", folder / "sub" / "renamed.txt")
        (folder / "gone").touch()
        (folder / "gone").unlink()
        (tmp_path / "elsewhere").write_text("not on this disk")
    for operation in recording.operations:
        before.apply(operation)
    on_disk = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before.seen() == on_disk
    assert set(on_disk) == {"log", "old", "sub/renamed.txt"}
    assert not any("elsewhere" in operation.path for operation in recording.operations)


@pytest.mark.slow
def test_nothing_of_a_training_passes_by_the_record(place):
    run = place.new_run()
    disk = Disk.of(place.disk)
    for operation in power_cuts.traced(place, "resume", str(run.path)):
        disk.apply(operation)
    files = [path for path in place.disk.rglob("*") if path.is_file()]
    assert disk.seen() == {path.relative_to(place.disk).as_posix(): path.read_bytes() for path in files}
    assert {"state.safetensors", "progress.jsonl", "scores.jsonl"} <= {path.name for path in files}


def test_a_write_is_torn_before_the_act(tmp_path):
    def act() -> None:
        raise KeyboardInterrupt

    with watching(tmp_path, AtOperation(1, act)), pytest.raises(KeyboardInterrupt):
        (tmp_path / "file").write_bytes(b"12345678")
    assert (tmp_path / "file").read_bytes() == b"1234"


@pytest.mark.parametrize("room", [0, 1, 5])
def test_a_full_disk_takes_what_fits(tmp_path, room):
    with watching(tmp_path, FullDisk(room)), pytest.raises(OSError, match="No space") as caught:
        (tmp_path / "file").write_bytes(b"12345678")
    assert caught.value.errno == errno.ENOSPC
    path: Path = tmp_path / "file"
    assert (path.read_bytes() if path.exists() else None) == (b"1234"[: room - 1] if room else None)


# The disk


def outcomes(*operations: Operation, ordered: bool) -> set[tuple[tuple[str, bytes], ...]]:
    """Return everything that the disk shows after a cut, in 300 tries."""
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    return {tuple(sorted(disk.after_cut(Random(seed), ordered=ordered).items())) for seed in range(300)}


NEW = (Operation("create", "a.tmp"), Operation("write", "a.tmp", data=b"new"))
OLD = (
    Operation("create", "a"),
    Operation("write", "a", data=b"old"),
    Operation("fsync", "a"),
    Operation("fsync", ""),
)


@pytest.mark.parametrize("ordered", [False, True])
def test_what_is_synced_stays(ordered):
    assert outcomes(*OLD, ordered=ordered) == {(("a", b"old"),)}


def test_a_rename_without_a_sync_of_the_file_may_show_an_empty_file():
    shown = outcomes(*OLD, *NEW, Operation("rename", "a.tmp", target="a"), ordered=True)
    assert {(("a", b""),), (("a", b"old"),), (("a", b"new"),)} <= shown


def test_a_rename_after_a_sync_of_the_file_shows_one_of_both():
    synced = (*NEW, Operation("fsync", "a.tmp"), Operation("rename", "a.tmp", target="a"))
    shown = {dict(files)["a"] for files in outcomes(*OLD, *synced, ordered=False)}
    assert shown == {b"old", b"new"}
    assert outcomes(*OLD, *synced, Operation("fsync", ""), ordered=False) == {(("a", b"new"),)}


def test_a_sync_of_a_file_promises_nothing_about_its_name():
    shown = outcomes(*NEW, Operation("fsync", "a.tmp"), ordered=True)
    assert shown == {(), (("a.tmp", b"new"),)}


def test_only_an_unordered_disk_keeps_later_names_without_earlier_ones():
    two = (Operation("create", "first"), Operation("create", "second"))
    assert ((("second", b""),)) not in outcomes(*two, ordered=True)
    assert (("second", b""),) in outcomes(*two, ordered=False)
