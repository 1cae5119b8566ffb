"""Every benchmark runs and prints tables of numbers. Whether they are good ones is not a test's business."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_TIMED = (
    "app_servers.py",
    "compare_checkouts.py",
    "prose.py",
    "record_book.py",
    "record_training.py",
    "screenshot.py",
    "studio_client.py",
    "timing.py",
)
SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py") if path.name not in NOT_TIMED)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@pytest.fixture(scope="module")
def timing() -> ModuleType:
    """Return the module that the benchmarks share."""
    spec = importlib.util.spec_from_file_location("timing", ROOT / "benchmarks" / "timing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of all tables, without headers."""
    lines = text.splitlines()
    below = zip(lines[1:], lines, strict=False)
    rows = [line for line, above in below if line.startswith("| ") and above.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_benchmark_prints_tables_of_numbers(name, tmp_path):
    environment = os.environ | {"DCGAN_DEVICE": "cpu", "DCGAN_RUNS": str(tmp_path)}
    command = [sys.executable, f"benchmarks/{name}", "--quick"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    rows = table_rows(result.stdout)
    assert len(rows) >= 2
    for _, *cells in rows:
        values = [
            [float(number.replace(",", "")) for number in NUMBER.findall(cell)] for cell in cells if cell != "-"
        ]
        assert values, rows
        assert all(values), f"a cell without a number in {rows}"
        assert max(map(max, values)) > 0
    assert not re.search(r"\b(nan|inf)\b", result.stdout)
    assert "PyTorch" in result.stdout, "numbers without the machine they are of"


def test_ratios_are_taken_round_by_round_and_shown_with_their_spread(timing):
    assert timing.spread(timing.ratios([2.0, 1.0, 4.0], [2.0, 3.0, 8.0]), 1) == "2.0 (1.0..3.0)"


def test_contestants_take_turns_after_an_unmeasured_call_each(timing):
    calls = []
    seconds = timing.alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert "".join(calls) == "abababab"
    assert [len(times) for times in seconds.values()] == [3, 3]
    assert min(map(min, seconds.values())) >= 0


@pytest.mark.slow
def test_the_memory_of_a_call_is_its_own():
    """The call runs in a process of its own, because a process that has computed must not fork."""
    code = (
        "from timing import peak_mib; print(peak_mib(lambda: None), peak_mib(lambda: len(bytes([1]) * (64 << 20))))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "benchmarks", capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    small, large = map(float, result.stdout.split())
    if math.isnan(small):
        pytest.skip("no process can be forked here")
    assert 56 < large - small < 80


@pytest.mark.slow
def test_a_checkout_trains_the_weights_that_it_trains():
    """With equal checkouts the ids are equal and the exit code is 0."""
    command = [sys.executable, "benchmarks/compare_checkouts.py", str(ROOT), str(ROOT)]
    options = ["--presets", "dcgan", "cgan", "--steps", "2", "--small"]
    result = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    rows = table_rows(result.stdout)
    assert [row[0] for row in rows[1:]] == ["dcgan", "cgan"]
    assert all(old == new and same == "yes" for _, old, new, same in rows[1:])
    assert rows[1][1] != rows[2][1]


@pytest.mark.slow
def test_checkouts_with_other_weights_are_reported(tmp_path):
    """The second checkout is a copy whose dcgan has another learning rate."""
    changed = tmp_path / "changed"
    shutil.copytree(ROOT / "dcgan", changed / "dcgan", ignore=shutil.ignore_patterns("__pycache__"))
    presets = changed / "dcgan" / "presets.py"
    presets.write_text(presets.read_text(encoding="utf-8").replace("batch_size=32,", "batch_size=32, lr_g=1e-3,", 1))
    command = [sys.executable, "benchmarks/compare_checkouts.py", str(ROOT), str(changed)]
    options = ["--presets", "dcgan", "--steps", "1", "--small"]
    result = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode == 1, result.stderr
    assert table_rows(result.stdout)[1][3] == "no"
