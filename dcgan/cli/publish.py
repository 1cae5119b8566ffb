"""The command publish: a model or a Space, on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.runs.listing import find_run


def publish(
    kind: Annotated[Positional[Literal["model", "space"]], arg(metavar="model|space")],
    what: Annotated[Positional[str], arg(metavar="WHAT")],
    repo: Annotated[Positional[str], arg(metavar="REPO")],
    *,
    dry_run: FlagCreatePairsOff[bool] = False,
    private: FlagCreatePairsOff[bool] = False,
    license: Annotated[str, arg(metavar="LICENSE")] = "",
    title: Annotated[str, arg(metavar="TITLE")] = "",
) -> int:
    """Publish a model, or one of the apps as a Space, on the Hugging Face Hub.

    Args:
        kind: model or space.
        what: A model: a run's path or name (see: runs). A space: gradio, streamlit or static. The static one is a
            page with the published models, which draws in the visitor's browser.
        repo: USER/NAME on the Hub.
        dry_run: List and check the files, and upload nothing.
        private: Make a new repository private.
        license: A model's license, as the Hub names it, such as mit or cc-by-4.0. A model of own pictures needs one.
            Other models are under the MIT license by default.
        title: A model's title on its card. By default it is the run's name.
    """
    from dcgan.publishing import hub
    from dcgan.publishing.space_files import space_files

    if kind == "space" and (license or title):
        raise ValueError("--license and --title are for a model; a Space has those of its README.md")
    files: Mapping[str, hub.Content]
    if kind == "model":
        app, files = "model", hub.model_files(find_run(what), repo, license=license, title=title)
    elif what == "static":
        from dcgan.publishing.page import static_space_files  # only now: it imports torch

        app, files = "static", static_space_files()
    elif what in ("gradio", "streamlit"):
        app, files = what, space_files(what)
    else:
        raise ValueError(f"{what!r} is not an app; choose gradio, streamlit or static")
    sizes = {name: hub.size_of(content) for name, content in files.items()}
    if not dry_run:
        print(f"published {len(files)} files at {hub.upload(repo, files, app, private=private)}")
        return 0
    for name, size in sorted(sizes.items()):
        print(f"{size:>12,}  {name}")
    print(f"{sum(sizes.values()):>12,}  bytes in {len(files)} files for {repo}; nothing was uploaded")
    if sentences := hub.problems(files, app):
        raise ValueError(" ".join(sentences))
    return 0


COMMANDS = {"publish": publish}
HELP_ORDER = 7
