"""The attack by files reports readers that do not hold, and can be repeated."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import hostile_files, mutations, reading, samples
from nightly.attack import Setting
from nightly.reading import Audit, Read, failures_of

FEW = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def raising(error: BaseException):
    def call():
        raise error

    return call


def hidden() -> None:
    try:
        raise MemoryError
    except MemoryError as error:
        raise ValueError("a.png is damaged") from error


@pytest.mark.parametrize(
    ("read", "failure"),
    [
        (Read(lambda: None), ""),
        (Read(raising(ValueError("a.png is damaged; delete it")), (ValueError,), "a.png"), ""),
        (Read(raising(KeyError("step")), (ValueError,)), "KeyError"),
        (Read(raising(RuntimeWarning("overflow"))), "RuntimeWarning"),
        (Read(raising(AssertionError("other pixels"))), "other pixels"),
        (Read(raising(ValueError("bad")), (ValueError,), "a.png"), "does not name a.png"),
        (Read(raising(ValueError("two\nlines")), (ValueError,)), "not a sentence"),
        (Read(raising(ValueError("x" * 5000)), (ValueError,)), "not a sentence"),
        (Read(hidden, (ValueError,)), "hides MemoryError"),
    ],
)
def test_a_reader_that_does_not_hold_is_a_failure(read, failure):
    failures = failures_of(read)
    assert len(failures) == bool(failure)
    assert failure in "".join(failures)


CODE = {
    "os.system": "import os; os.system('true')",
    "subprocess.Popen": "import subprocess, sys; subprocess.run([sys.executable, '-c', ''])",
    "pickle.find_class": "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    "exec": "exec('1 + 1')",
    "socket": "import socket; socket.socket().close()",
    "marshal": "import marshal; marshal.loads(marshal.dumps(1))",
    "open to write": "open(sys.argv[1] + 'outside', 'w').close()",
}


@pytest.mark.parametrize(("event", "code"), CODE.items(), ids=CODE)
def test_code_that_a_reader_runs_is_a_failure(tmp_path, event, code):
    """A hook stays as long as its process, so it is added in another one."""
    program = f"""
import sys
from pathlib import Path
from nightly.reading import Audit
audit = Audit(Path(sys.argv[1]))
sys.addaudithook(audit)
import json, marshal, os, pickle, socket, subprocess
audit.is_watching = True
open(sys.argv[1] + "/inside", "w").close()
json.loads("[1]")
before = list(audit.events)
{code}
audit.is_watching = False
print(before, audit.events)
"""
    (tmp_path / "place").mkdir()
    paths = os.pathsep.join([str(hostile_files.ROOT), str(hostile_files.ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "place")],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("[] ["), done.stderr
    assert event in done.stdout


PLANTED = """
import json, os, sys, time
from pathlib import Path
place = Path(sys.argv[2])
for line in sys.stdin:
    kind, text = json.loads(line)["kind"], (place / "file").read_bytes()
    if b"hang" in text:
        time.sleep(600)
    if b"die" in text:
        os._exit(9)
    failures = ["it took 2,000 MB"] if b"bomb" in text else []
    print(json.dumps({"failures": failures, "peak_bytes": 5_000_000}), flush=True)
"""


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return a reader with faults, of files of one kind that are changed in three ways."""
    (tmp_path / "reader.py").write_text(PLANTED)
    (tmp_path / "file").write_bytes(b"valid")
    texts = st.sampled_from([b"fine", b"hang", b"die", b"bomb"])
    monkeypatch.setattr(samples, "KINDS", {"a": samples.Kind("file", lambda bases: texts)})
    monkeypatch.setattr(hostile_files, "HANG_SECONDS", 5.0)
    reader = hostile_files.Reader(tmp_path, [sys.executable, str(tmp_path / "reader.py")])
    yield reader
    reader.end()


def test_hangs_deaths_and_bombs_are_failures_that_can_be_repeated(planted, tmp_path):
    row = hostile_files.attack_kind(Setting(tmp_path), planted, "a", 40)
    assert row.cases > 4
    for word, fault in (("hang", "did not end within 5 s"), ("die", "ended with 9"), ("bomb", "took 2,000 MB")):
        (failure, *_) = [failure for failure in row.failures if fault in failure]
        packed = failure.rpartition("b85decode(")[2].rstrip(")").strip("'")
        assert zlib.decompress(base64.b85decode(packed)) == word.encode()
    assert row.measured == "peak 5 MB"
    assert (tmp_path / "file").read_bytes() == b"valid", "the valid file is put back"


def test_a_process_that_hangs_is_ended(planted, tmp_path):
    (tmp_path / "file").write_bytes(b"hang")
    (failure,) = planted.ask({"kind": "a"}, seconds=0.1)["failures"]
    assert "did not end" in failure
    assert not planted.is_running


def test_memory_is_measured_for_each_case():
    if not reading._status_bytes("VmHWM"):
        pytest.skip("this system forgets no peak")
    large = bytearray(80_000_000)
    large[::4096] = b"a" * len(large[::4096])
    del large
    before = reading.peak_bytes()
    reading.forget_peak()
    assert reading.peak_bytes() <= before


# What the strategies make


CONFIG = json.dumps({"preset": "gan", "config": {"epochs": 3, "model": {"hidden_g": [4, 5], "latent": "normal"}}})


@FEW
@given(mutations.changed_json(CONFIG, ["step"]))
def test_changed_json_is_text(text):
    assert isinstance(text, str)
    assert "@@" not in text


def weights() -> bytes:
    header = {
        "__metadata__": {"dcgan": json.dumps({"kind": "generator", "config": {"model": {"width_g": 2}}})},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    }
    return mutations.join_safetensors(json.dumps(header), bytes(8))


@pytest.mark.parametrize(
    ("strategy", "base"),
    [
        (mutations.json_files, CONFIG.encode()),
        (mutations.jsonl_files, b'{"step": 1}\n{"step": 2, "d_loss": 0.5}\n'),
        (mutations.safetensors_files, weights()),
        (mutations.png_files, next(samples.png_bombs(every=False))[:200]),
        (mutations.other_files, b"GIF89a"),
        (mutations.tar_files, samples._tar({"data_batch_1.bin": b"a" * 600})),
        (mutations.link_files, b"v=1&model=a&a=7&labels=1%2C2"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_most_changes_differ_from_the_valid_file(strategy, base):
    made = []

    @FEW
    @given(strategy([base]))
    def collect(data):
        assert isinstance(data, bytes)
        made.append(data)

    collect()
    assert len({data for data in made if data != base}) > len(made) / 2


def test_a_claim_keeps_the_tensors_and_changes_the_config():
    header, body = mutations.split_safetensors(samples.claiming(weights(), width_g=10**6))
    assert json.loads(header["__metadata__"]["dcgan"])["config"]["model"] == {"width_g": 10**6}
    assert (header["a"]["shape"], body) == ([2], bytes(8))


def test_a_folder_outside_is_not_the_programs():
    audit = Audit(Path("/nonexistent/place"))
    audit.is_watching = True
    audit("open", ("/nonexistent/place/a", "w", os.O_WRONLY))
    audit("open", ("/etc/hosts", "r", os.O_RDONLY))
    assert audit.events == []
    audit("open", ("/nonexistent/other", "w", os.O_WRONLY | os.O_CREAT))
    assert len(audit.events) == 1
