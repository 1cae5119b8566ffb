"""The README and the pages of docs/ have short sentences, and benchmarks/prose.py measures them rightly."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def prose() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose", ROOT / "benchmarks" / "prose.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_mean_sentence_of_the_documentation_is_short(prose, capsys):
    assert prose.main([]) == 0
    assert "| README.md |" in capsys.readouterr().out


def test_only_running_text_is_measured(prose):
    text = """---
title: Not. Measured.
---
# A heading. Not measured.

One two three. Four five
six `a b.c d`!

<!-- a comment. -->
| a. | b. |
|---|---|

```bash
not measured.
```

- **Name.** [Seven eight](https://example.com/a.b) nine.
- Ten
  eleven, e.g. twelve.
1. ![an image](x.png) Thirteen?
"""
    assert [prose.num_words(sentence) for sentence in prose.sentences(text)] == [3, 4, 3, 4, 1]


def test_long_sentences_fail_and_are_printed(prose, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(" ".join(["word"] * 21) + ". " + " ".join(["word"] * 12) + ".\n", encoding="utf-8")
    assert prose.main([str(page)]) == 1
    assert "page.md, 21 words: word" in capsys.readouterr().out
    page.write_text(" ".join(["word"] * 16) + ".\n", encoding="utf-8")
    assert prose.main([str(page)]) == 0


def test_an_empty_page_has_a_row(prose, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.touch()
    assert prose.main([str(page)]) == 0
    assert "| page.md | 0 | - | - |" in capsys.readouterr().out


@pytest.mark.slow
def test_words_that_are_hard_to_translate_are_absent():
    words = [word.replace("-", "") for word in ("to-ld", "in pl-ace of", "but f-or", "who-ever", "an-ew")]
    pattern = re.compile(rf"\b({'|'.join(words)})\b")
    files = [path for kind in ("*.py", "*.md") for path in ROOT.rglob(kind)]
    ours = [path for path in files if not {".venv", "runs", "build"} & set(path.relative_to(ROOT).parts)]
    assert len(ours) > 150
    places = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in ours
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert places == []
