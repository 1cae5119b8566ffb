"""The files of a Space: what this list allows and, in a git checkout, git tracks. Nothing else is published."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Literal

from dcgan.files import PROJECT, missing_from_wheel

SpaceKind = Literal["gradio", "streamlit", "static"]

_RUN_FILES = (
    "config.json",
    "status.json",
    "progress.jsonl",
    "scores.jsonl",
    "evals.jsonl",
    "log.txt",
    "generator.safetensors",
    "generator_ema.safetensors",
    "discriminator.safetensors",
    "samples/[0-9]*.png",
    "snapshots/[0-9]*.safetensors",
)
_FAILURE_FILES = ("config.json", "status.json", "progress.jsonl", "scores.jsonl", "samples/[0-9]*.png")
_SHARED = (
    "README.md",
    "requirements.txt",
    "LICENSE",
    "dcgan/**/*.py",
    "dcgan/locale/*/LC_MESSAGES/*.mo",
    "dcgan/py.typed",
    "dcgan/web/*",
    *(f"checkpoints/*/{name}" for name in _RUN_FILES),
    "docs/*.md",
    "docs/*.png",
)
ALLOWED: dict[SpaceKind, tuple[str, ...]] = {
    "gradio": ("gradio_app.py", *_SHARED),
    "streamlit": (
        "streamlit_app.py",
        ".streamlit/config.toml",
        "requirements.lock",
        "data/README.md",
        "data/MNIST/raw/*-ubyte.gz",
        "features/*.safetensors",  # the classifiers, which score what is trained there
        *(f"failures/*/{name}" for name in _FAILURE_FILES),
        *_SHARED,
    ),
    # What the page is made of; page.static_space_files makes it.
    "static": (
        "LICENSE",
        "dcgan/web/*",
        *(f"checkpoints/*/{name}" for name in _RUN_FILES if name.endswith((".json", ".safetensors"))),
    ),
}
"""The patterns of the project's files. `.dockerignore` has those of the pages."""
OVERLAY = ("Dockerfile", "README.md", "requirements.lock", "requirements.txt")
"""The files of deploy/KIND."""


def space_files(kind: SpaceKind) -> dict[str, Path]:
    """Return a Space's repository: the project, with the files of deploy/KIND laid over it.

    For a static Space these are the files that its page is made of.

    Files that git does not track are left out, such as notes, keys and models of your own. Without git, as in an
    unpacked archive, the allowed names alone decide. Raises FileNotFoundError where the package was installed without
    the project around it, and ValueError for a symbolic link.
    """
    if missing := missing_from_wheel(PROJECT / "deploy"):
        raise FileNotFoundError(missing)
    overlay = PROJECT / "deploy" / kind
    allowed = [(path, PROJECT) for pattern in ALLOWED[kind] for path in sorted(PROJECT.glob(pattern))]
    allowed += [(overlay / name, overlay) for name in OVERLAY]
    tracked = _tracked_files()
    files = {}
    for path, base in allowed:
        name = path.relative_to(PROJECT).as_posix()
        if not path.is_file() or "__pycache__" in path.parts or (tracked is not None and name not in tracked):
            continue
        if _passes_link(path):
            raise ValueError(
                f"{name} is a symbolic link, which may lead to files that are not yours to publish; "
                "put a copy of the file there"
            )
        files[path.relative_to(base).as_posix()] = path
    return files


def _passes_link(path: Path) -> bool:
    """Return whether the path or one of its folders within the project is a symbolic link."""
    below = path.relative_to(PROJECT).parts
    return any((PROJECT / Path(*below[: depth + 1])).is_symlink() for depth in range(len(below)))


def _tracked_files() -> set[str] | None:
    """Return the names of the project's files that git tracks; None where the project is not a git checkout."""
    # A hook that calls this has variables that lead git to another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(PROJECT), "ls-files", "-z"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return {os.fsdecode(name) for name in done.stdout.split(b"\0") if name} or None
