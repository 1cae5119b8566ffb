"""The examples in the docstrings of the public names print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import dcgan
from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS

WITH_EXAMPLES = ("train", "training_steps", "evaluate", "load_generator", "Run", "Scores")


def examples_of(item: object, name: str) -> list[doctest.DocTest]:
    """Return the docstring's examples; those of a class include its methods'."""
    module = importlib.import_module(item.__module__) if hasattr(item, "__module__") else item
    return [test for test in doctest.DocTestFinder().find(item, name, module=module, globs={}) if test.examples]


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scored_digits: DataConfig) -> Path:
    """Change to a folder with the published models and a small MNIST; runs and caches go into it too."""
    (tmp_path / "checkpoints").symlink_to(CHECKPOINTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dcgan.data.named_sets.PROJECT_DATA", Path(scored_digits.root))
    return tmp_path


@pytest.mark.parametrize("name", ["dcgan", *sorted(set(dcgan.__all__) - {"__version__", "PRESETS", "LOSSES"})])
def test_the_examples_of_a_public_name_print_their_output(name, newcomer):
    item = dcgan if name == "dcgan" else getattr(dcgan, name)
    tests = examples_of(item, name)
    assert tests or name not in WITH_EXAMPLES
    for test in tests:
        report: list[str] = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert not report, "".join(report)
