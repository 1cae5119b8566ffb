"""Models and Spaces for the Hugging Face Hub: the files of a repository, their problems, and the upload."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, ModelCard, SpaceCard
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
from yaml import YAMLError

from dcgan import bounded_json, pixels
from dcgan.config import DataConfig
from dcgan.publishing.model_card import model_card, public_data
from dcgan.publishing.space_files import SpaceKind
from dcgan.runs.run import Run, RunError

Content = Path | bytes
Files = dict[str, Content]
"""Path in the repository -> a file of this machine, or the content."""
RepositoryKind = Literal["model", "gradio", "streamlit", "static"]

MAX_FILE_BYTES = 15_000_000
"""Of a file in a Space of this project, as in its repository."""
MAX_MODEL_FILE_BYTES = 500_000_000
"""Of a file of a model: more than any network of this project has."""
MAX_TOTAL_BYTES = 1_000_000_000
MAX_SHORT_DESCRIPTION = 60
"""Characters, the Hub's limit."""

_SECRETS = re.compile(
    rb"hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{30,}"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_PATH = re.compile(r"""(?:^|[\s(=:'"])(?:~?/(?!/)|[A-Za-z]:[\\/]|\\\\)\S""")
"""The beginning of a path from a disk's root or from a home folder. An address does not match."""
_SDKS: dict[SpaceKind, str] = {"gradio": "gradio", "streamlit": "docker", "static": "static"}
_STARTS: dict[SpaceKind, str] = {"gradio": "app.py", "streamlit": "Dockerfile", "static": "index.html"}
"""The file with which a Space starts where its README names no app_file. A Docker Space never has another one."""
_COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


def model_files(run: Run, repo: str = "REPO", *, license: str = "", title: str = "") -> Files:
    """Return a model's repository: weights, config, record, and a card with samples, scores and an example.

    license and title: those of `model_card`.

    No file names a path of this machine: see `public_data`. Raises RunError for a run that has no weights or no
    samples, whose files are links to other places, or that cannot be read.
    """
    if not run.weights_path.exists() or not run.sample_steps():
        raise RunError(f"{run.path} has no weights or no samples yet; train it first")
    names = ("config.json", "status.json", "progress.jsonl", "scores.jsonl", "evals.jsonl")
    paths = [run.path / name for name in names] + [run.generator_path, run.ema_path, run.discriminator_path]
    recorded = {path.name: path for path in paths if path.exists()}
    for path in recorded.values():
        if not path.resolve().is_relative_to(run.path.resolve()):
            raise RunError(f"{path} is a link out of the run and is not published; put a copy of the file there")
    files: Files = recorded | _without_paths(run, recorded)
    files["samples.png"] = pixels.png_bytes(
        pixels.enlarge(pixels.read_png(run.sample_path(run.sample_steps()[-1])), 2)
    )
    files["README.md"] = str(model_card(run, repo, license=license, title=title)).encode()
    return files


def _without_paths(run: Run, recorded: Mapping[str, Path]) -> Files:
    """Return the files that name paths of this machine, rewritten. All others are published byte for byte."""
    data, status = run.config().data, run.status()
    public = public_data(data)
    notes = tuple(text for note in status.notes if (text := _public_text(note, data)))
    public_status = replace(status, notes=notes, error=_public_text(status.error, data))
    changed: Files = {} if public_status == status else {"status.json": _json(asdict(public_status))}
    if public == {"name": data.name, "root": data.root}:
        return changed
    config = bounded_json.read_object(recorded["config.json"])
    config["config"]["data"] |= public
    changed["config.json"] = _json(config)
    from dcgan.checkpoint import with_data_fields  # only now: it imports torch

    weights = {name: path for name, path in recorded.items() if name.endswith(".safetensors")}
    return changed | {name: with_data_fields(path, public) for name, path in weights.items()}


def _public_text(text: str, data: DataConfig) -> str:
    """Return a sentence of the status as it is published; empty if it names a path other than the images' folder."""
    if data.is_own and not data.name.startswith("hub:"):
        before, after = (name.partition(":")[2] for name in (data.name, public_data(data)["name"]))
        text = text.replace(before, after)
    return "" if _PATH.search(text) else text


def _json(values: object) -> bytes:
    """Return the JSON as Run writes it."""
    return (json.dumps(values, indent=1) + "\n").encode()


def problems(files: Mapping[str, Content], kind: RepositoryKind) -> list[str]:
    """Return a sentence for everything that is too large, is secret, or lacks what the Hub needs. Uses no network."""
    sentences = []
    sizes = {name: size_of(content) for name, content in files.items()}
    most = MAX_MODEL_FILE_BYTES if kind == "model" else MAX_FILE_BYTES
    for name, size in sizes.items():
        if size > most:
            sentences.append(f"{name} has {size / 1e6:.1f} MB, more than {most / 1e6:.0f}; make it smaller.")
    if sum(sizes.values()) > MAX_TOTAL_BYTES:
        sentences.append(f"All files together have {sum(sizes.values()) / 1e6:.0f} MB; leave some out.")
    for name, content in files.items():
        if name.startswith(".env") or name.endswith((".pem", ".key")):
            sentences.append(f"{name} looks like a secret by its name; leave it out.")
        elif match := _SECRETS.search(read(content)):
            sentences.append(f"{name} has what looks like a secret, {match[0][:6].decode()}...; remove it.")
    return sentences + _front_matter_problems(files, kind)


def _front_matter_problems(files: Mapping[str, Content], kind: RepositoryKind) -> list[str]:
    if "README.md" not in files:
        return ["README.md is missing, and the Hub reads its front matter; add one."]
    text = read(files["README.md"]).decode()
    if not re.match(r"---\n.*?\n---\n", text, re.DOTALL):
        return ["README.md does not begin with front matter between two lines of ---; add it."]
    try:
        fields = (ModelCard if kind == "model" else SpaceCard)(text).data.to_dict()
    except (ValueError, YAMLError) as error:
        return [f"README.md's front matter cannot be read ({' '.join(str(error).split())}); correct it."]
    required = ("license",) if kind == "model" else ("license", "title", "sdk")
    missing = [name for name in required if name not in fields]
    if kind == "model":
        return [
            "The model has no license, which the owner of its pictures chooses; add it, as in --license cc-by-4.0."
            for _ in missing
        ]
    problems = [f"README.md's front matter has no {name}; add it." for name in missing]
    return problems + _space_problems(files, fields, kind)


def _space_problems(files: Mapping[str, Content], fields: Mapping[str, Any], kind: SpaceKind) -> list[str]:
    problems = []
    sdk = _SDKS[kind]
    if fields.get("sdk", sdk) != sdk:
        problems.append(f"README.md's sdk is {fields['sdk']}; a {kind} Space needs {sdk}.")
    start = _STARTS[kind] if kind == "streamlit" else fields.get("app_file", _STARTS[kind])
    if start not in files:
        problems.append(f"{start}, with which the Space starts, is not among the files; add it.")
    if "app_build_command" in fields:
        problems.append("README.md's app_build_command starts a build, which costs credits; leave it out.")
    if len(str(fields.get("short_description", ""))) > MAX_SHORT_DESCRIPTION:
        problems.append(
            f"README.md's short_description has more than {MAX_SHORT_DESCRIPTION} characters; shorten it."
        )
    for name in ("colorFrom", "colorTo"):
        if fields.get(name, "blue") not in _COLORS:
            problems.append(f"README.md's {name} is {fields[name]}; choose one of {', '.join(_COLORS)}.")
    return problems


def size_of(content: Content) -> int:
    """Return the size in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def read(content: Content) -> bytes:
    """Return the content, from its file where it is one."""
    return content if isinstance(content, bytes) else content.read_bytes()


def stage(files: Mapping[str, Content], folder: Path) -> None:
    """Write the files into a folder, as they would be on the Hub."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(content))


def upload(repo: str, files: Mapping[str, Content], kind: RepositoryKind, *, private: bool = False) -> str:
    """Upload all files, into a new repository where there is none of that name, and return its address.

    `private` makes a new repository private. Raises ValueError for a problem with the files, the name, the login or
    the network.
    """
    if sentences := problems(files, kind):
        raise ValueError(" ".join(sentences))
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    repo_type = "model" if kind == "model" else "space"
    sdk = None if kind == "model" else _SDKS[kind]
    with tempfile.TemporaryDirectory() as folder:
        stage(files, Path(folder))
        try:
            made = api.create_repo(repo, repo_type=repo_type, space_sdk=sdk, private=private or None, exist_ok=True)
            api.upload_folder(
                repo_id=made.repo_id,
                folder_path=folder,
                repo_type=repo_type,
                commit_message="Upload from DCGAN Studio",
            )
        except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
            raise ValueError(f"{repo} was not published: {error}; log in with: hf auth login") from error
    return str(made)
