"""Models and Spaces for the Hugging Face Hub: what would be uploaded, what is wrong with it, and the upload."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from dcgan import pixels
from dcgan.config import DataConfig
from dcgan.files import PROJECT
from dcgan.presets import PRESETS
from dcgan.runs import comparison, evaluations
from dcgan.runs.run import Run, RunError

Content = Path | bytes
Files = dict[str, Content]
"""Path in the repository -> a file here, or what is to be in it."""
SpaceKind = Literal["gradio", "streamlit"]

MAX_FILE_BYTES = 15_000_000
MAX_TOTAL_BYTES = 1_000_000_000
MAX_SHORT_DESCRIPTION = 60
"""Characters, the Hub's limit."""

_SPACE_FILES = {
    "gradio": (
        "gradio_app.py",
        "README.md",
        "requirements.txt",
        "LICENSE",
        "dcgan/**/*.py",
        "checkpoints/**/*",
        "docs/*",
    ),
    "streamlit": (
        "streamlit_app.py",
        ".streamlit/config.toml",
        "README.md",
        "requirements.txt",
        "LICENSE",
        "dcgan/**/*.py",
        "checkpoints/**/*",
        "data/**/*",
        "features/*.safetensors",  # the judges, for what is trained there
        "docs/*",
    ),
}
_SECRETS = re.compile(
    rb"hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{30,}"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_PLACE = re.compile(r"""(?:^|[\s(=:'"])(?:~?/(?!/)|[A-Za-z]:[\\/]|\\\\)\S""")
"""The beginning of a path from the root of a disk or from somebody's home, but not of an address."""
_COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


def model_files(run: Run) -> Files:
    """A model's repository: weights, config, recording, and a card with samples, scores and how to load it.

    Where images or data lie on this machine is told in none of them: see public_data.

    Raises RunError for a run without weights or samples, or one that cannot be read.
    """
    if not run.weights_path.exists() or not run.sample_steps():
        raise RunError(f"{run.path} has no weights or no samples yet; train it first")
    names = ("config.json", "status.json", "progress.jsonl", "scores.jsonl", "evals.jsonl")
    paths = [run.path / name for name in names] + [run.generator_path, run.ema_path, run.discriminator_path]
    files: Files = {path.name: path for path in paths if path.exists()}
    files |= _without_places(run, files)
    files["samples.png"] = pixels.png_bytes(
        pixels.enlarge(pixels.read_png(run.sample_path(run.sample_steps()[-1])), 2)
    )
    files["README.md"] = model_card(run).encode()
    return files


def public_data(data: DataConfig) -> dict[str, str]:
    """A model's data.name and data.root as they are published: of a folder's path its last part, of a root nothing.

    One draws with them as with the full ones; to train or to score one names the folder again.
    """
    if not data.name.startswith("folder:"):
        return {"name": data.name, "root": ""}
    last = re.split(r"[\\/]", data.name.removeprefix("folder:").rstrip("\\/"))[-1]
    return {"name": f"folder:{last if last.strip('~.') else 'images'}", "root": ""}


def _without_places(run: Run, files: Files) -> Files:
    """Those of the files that name places on this machine, rewritten; all others stay, byte for byte, as they are."""
    data, status = run.config().data, run.status()
    public = public_data(data)
    notes = tuple(told for note in status.notes if (told := _told(note, data)))
    told = replace(status, notes=notes, error=_told(status.error, data))
    changed: Files = {} if told == status else {"status.json": _json(asdict(told))}
    if public == {"name": data.name, "root": data.root}:
        return changed
    config = json.loads(read(files["config.json"]))
    config["config"]["data"] |= public
    changed["config.json"] = _json(config)
    from dcgan.checkpoint import with_data_fields  # only now: it imports torch

    weights = {name: path for name, path in files.items() if name.endswith(".safetensors")}
    return changed | {name: with_data_fields(path, public) for name, path in weights.items()}


def _told(text: str, data: DataConfig) -> str:
    """A sentence of the status as it is published; nothing where it names a place that is not the images' folder."""
    if data.name.startswith("folder:"):
        before, after = (name.removeprefix("folder:") for name in (data.name, public_data(data)["name"]))
        text = text.replace(before, after)
    return "" if _PLACE.search(text) else text


def _json(values: object) -> bytes:
    """As Run writes it."""
    return (json.dumps(values, indent=1) + "\n").encode()


def model_card(run: Run, repo: str = "REPO") -> str:
    """The card as Markdown; `repo` is replaced by the repository's name on upload."""
    config, status = run.config(), run.status()
    preset = PRESETS.get(run.preset)
    counts = [comparison.parameters(path) for path in (run.weights_path, run.discriminator_path)]
    told = [f"{count:,}" if count else "unknown" for count in counts]
    row = run.last_row()
    classes = config.model.num_classes
    labels = f", [seed % {classes} for seed in range(64)]" if classes else ""
    tags = ["gan", "dcgan" if config.model.topology != "mlp" else "mlp", "pytorch"]
    return "\n".join(
        [
            "---",
            "license: mit",
            *(["pipeline_tag: unconditional-image-generation"] if not config.model.num_classes else []),
            "library_name: dcgan-studio",
            *(["datasets:", "  - ylecun/mnist"] if config.data.name == "mnist" else []),
            "tags:",
            *[f"  - {tag}" for tag in tags],
            "---",
            "",
            f"# {run.name}",
            "",
            f"{preset.title + ', from: ' + preset.source if preset else 'A generator of its own config'}. "
            f"Trained with DCGAN Studio on {public_data(config.data)['name']}.",
            "",
            "![64 samples, seeds 0 to 63](samples.png)",
            "",
            "```python",
            "import dcgan",
            f'generator = dcgan.load_generator("hub:{repo}")',
            "z = dcgan.latents_from_seeds(range(64), generator.config.latent_dim, generator.config.latent)",
            f"images = generator(z{labels})  # in [-1, 1]",
            "```",
            "",
            "## Scores",
            "",
            *_score_lines(run),
            "",
            "## Training",
            "",
            f"- {status.state} after {status.epoch:.3g} of {status.epochs} epochs, {status.step:,} steps",
            f"- parameters: {told[0]} in the generator, {told[1]} in the discriminator",
            f"- loss {config.loss}, batches of {config.batch_size}, learning rates {config.lr_g:g} (generator) and "
            f"{config.lr_d:g} (discriminator)",
            *([f"- {row.images_seen:,} images in {row.wall_seconds:,.0f} s"] if row else []),
            *[f"- {name}: {value}" for name, value in status.environment.items()],
            "",
            "`config.json` holds every field; `progress.jsonl` the losses of the whole training.",
            "",
        ]
    )


def _score_lines(run: Run) -> list[str]:
    """Return the scores of the run's last evaluations as a table in Markdown, and how they were measured."""
    status = run.status()
    rows = evaluations.evaluations(run, status.step)
    table = evaluations.score_table({"this model": rows})
    if not table:
        return ["Not measured yet."]
    lines = [f"| {' | '.join(cells)} |" for cells in (list(table[0]), ["---"] * 3, *(row.values() for row in table))]
    return [*lines, "", f"Measured on {evaluations.measured_by(rows, status.steps)}."]


def space_files(kind: SpaceKind) -> Files:
    """A Space's repository: the project, with what deploy/KIND holds laid over it."""
    files: Files = {}
    for pattern in _SPACE_FILES[kind]:
        for path in sorted(PROJECT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                files[path.relative_to(PROJECT).as_posix()] = path
    overlay = PROJECT / "deploy" / kind
    files |= {path.relative_to(overlay).as_posix(): path for path in sorted(overlay.rglob("*")) if path.is_file()}
    return files


def problems(files: Mapping[str, Content], kind: Literal["model"] | SpaceKind) -> list[str]:
    """What must not be uploaded, a sentence each: too large, secret, or without what the Hub needs to know."""
    found = []
    sizes = {name: size_of(content) for name, content in files.items()}
    for name, size in sizes.items():
        if size > MAX_FILE_BYTES:
            found.append(f"{name} has {size / 1e6:.1f} MB, more than {MAX_FILE_BYTES / 1e6:.0f}; make it smaller.")
    if sum(sizes.values()) > MAX_TOTAL_BYTES:
        found.append(f"All files together have {sum(sizes.values()) / 1e6:.0f} MB; leave some out.")
    for name, content in files.items():
        if name.startswith(".env") or name.endswith((".pem", ".key")):
            found.append(f"{name} looks like a secret by its name; leave it out.")
        elif match := _SECRETS.search(read(content)):
            found.append(f"{name} holds what looks like a secret, {match[0][:6].decode()}...; take it out.")
    return found + _front_matter_problems(files, kind)


def _front_matter_problems(files: Mapping[str, Content], kind: str) -> list[str]:
    if "README.md" not in files:
        return ["There is no README.md, whose front matter the Hub reads."]
    match = re.match(r"---\n(.*?)\n---\n", read(files["README.md"]).decode(), re.DOTALL)
    if match is None:
        return ["README.md does not begin with front matter between two lines of ---."]
    fields = dict(re.findall(r"^([a-z_A-Z]+): *(.*?) *$", match[1], re.MULTILINE))
    found = [f"README.md's front matter has no {name}." for name in ("license",) if name not in fields]
    if kind == "model":
        return found
    found += [f"README.md's front matter has no {name}." for name in ("title", "sdk") if name not in fields]
    wanted = {"gradio": "gradio", "streamlit": "docker"}[kind]
    if fields.get("sdk", wanted) != wanted:
        found.append(f"README.md's sdk is {fields['sdk']}; a {kind} Space needs {wanted}.")
    needed = {"gradio": fields.get("app_file", "app.py"), "streamlit": "Dockerfile"}[kind]
    if needed not in files:
        found.append(f"{needed}, with which the Space starts, is not among the files.")
    if len(fields.get("short_description", "")) > MAX_SHORT_DESCRIPTION:
        found.append(f"README.md's short_description has more than {MAX_SHORT_DESCRIPTION} characters.")
    for name in ("colorFrom", "colorTo"):
        if fields.get(name, "blue") not in _COLORS:
            found.append(f"README.md's {name} is {fields[name]}; choose one of {', '.join(_COLORS)}.")
    return found


def size_of(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def read(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def stage(files: Mapping[str, Content], folder: Path) -> None:
    """Write the repository into a folder, as it would be on the Hub."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(content))


def upload(repo: str, files: Mapping[str, Content], kind: Literal["model"] | SpaceKind, private: bool = False) -> str:
    """Make the repository where it is not there yet, and upload all files; its address.

    Raises ValueError where something is wrong with the files, the name, the login or the network.
    """
    if found := problems(files, kind):
        raise ValueError(" ".join(found))
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    repo_type = "model" if kind == "model" else "space"
    sdk = {"model": None, "gradio": "gradio", "streamlit": "docker"}[kind]
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


def published_files(run: Run, repo: str) -> Files:
    """model_files with the repository's name in the card."""
    return model_files(run) | {"README.md": model_card(run, repo).encode()}
