"""What import-linter cannot say: who imports torch when it is imported, and where the interfaces' libraries stay.

The layers themselves are contracts in pyproject.toml, which `lint-imports` checks.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcgan.files import PROJECT

# A name with .* is a package.
WITHOUT_TORCH = (
    "__init__ __main__ config presets fields files pixels latents runs.* figures.* data.named_sets sampling.link "
    "training.losses training.time_estimate publishing.results publishing.results_page "
    "publishing.published_results cli.* pages.* streamlit_app"
)
"""Pages and commands open in a second, so at module level they reach no torch."""
TORCH = ("torch", "torchvision", "torchmetrics", "safetensors.torch", "keras")
INTERFACES = {"streamlit": "pages.* streamlit_app", "gradio": "demo.* gradio_app"}
"""Library -> the modules that may import it."""
MOST_ENTRIES = 26
"""Of `ls dcgan`: the architecture at one look."""


@dataclass(frozen=True)
class Import:
    target: str
    """A module of ours without its `dcgan.`, or a full name from outside."""
    ours: bool
    at_start: bool
    """Runs when the module is imported: not within a function, not for type checkers alone."""
    line: int


# Parsing


def modules_in(project: Path) -> dict[str, Path]:
    """Return name -> file: the modules of the package without `dcgan.`, and the apps beside it."""
    found = {}
    for file in sorted((project / "dcgan").rglob("*.py")):
        parts = file.relative_to(project / "dcgan").with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = file
    for app in ("streamlit_app", "gradio_app"):
        if (project / f"{app}.py").exists():
            found[app] = project / f"{app}.py"
    return found


def imports_of(name: str, modules: Mapping[str, Path]) -> Iterator[Import]:
    """Return every import statement of a module, at any depth."""
    tree = ast.parse(modules[name].read_text(encoding="utf-8"))
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_for_type_checkers(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for full_name in _names(node, name, modules):
            ours = full_name.split(".")[0] == "dcgan"
            target = full_name.removeprefix("dcgan.") if ours else full_name
            yield Import("__init__" if target == "dcgan" else target, ours, id(node) not in late, node.lineno)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _names(node: ast.AST, name: str, modules: Mapping[str, Path]) -> list[str]:
    """Return the full names of the modules that a statement imports; `from dcgan import pixels` is dcgan.pixels."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        here = ["dcgan", *name.split(".")]
        is_package = modules[name].name == "__init__.py" and name != "__init__"
        package = here if is_package else here[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
    names = [f"{base}.{alias.name}" for alias in node.names if alias.name != "__version__"]
    return [full if full.removeprefix("dcgan.") in modules else base for full in names]


def matches(name: str, patterns: str | Sequence[str]) -> bool:
    patterns = patterns.split() if isinstance(patterns, str) else patterns
    return any(name == p or (p.endswith(".*") and (name + ".").startswith(p[:-1])) for p in patterns)


# The rules. Each gives a sentence for every offence.


def through_the_package(modules: Mapping[str, Path]) -> list[str]:
    """`from dcgan import load_generator` hides, behind the lazy package, which module is meant."""
    return [
        f"{name}:{item.line} imports from the package; import from the module itself"
        for name in modules
        for item in imports_of(name, modules)
        if item.ours and item.target == "__init__"
    ]


def misplaced_interfaces(modules: Mapping[str, Path]) -> list[str]:
    offences = []
    for name in modules:
        for item in imports_of(name, modules):
            library = item.target.split(".")[0]
            if not item.ours and library in INTERFACES and not matches(name, INTERFACES[library]):
                offences.append(f"{name}:{item.line} imports {library}; only {INTERFACES[library]} may")
    return offences


def torch_at_start(modules: Mapping[str, Path]) -> list[str]:
    """Importing a module runs its imports, its packages' and theirs."""
    graph, direct = {}, {}
    for name in modules:
        at_start = [item for item in imports_of(name, modules) if item.at_start]
        direct[name] = any(matches(item.target, [t for o in TORCH for t in (o, f"{o}.*")]) for item in at_start)
        graph[name] = {item.target for item in at_start if item.ours}
        graph[name] |= {".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)}
    light = [name for name in modules if matches(name, WITHOUT_TORCH)]
    return [
        f"{name} imports torch at module level, in {heavy}"
        for name in light
        for heavy in sorted({name, *_reachable(name, graph)})
        if direct.get(heavy)
    ]


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = set(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= graph.get(name, set())
    return reached


RULES = (through_the_package, misplaced_interfaces, torch_at_start)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_breaks_no_rule(rule):
    assert rule(modules_in(PROJECT)) == []


def test_the_package_has_few_entries():
    entries = {path.name for path in (PROJECT / "dcgan").iterdir()} | {"__pycache__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_subpackages_have_an_empty_init():
    packages = {path.parent for path in (PROJECT / "dcgan").rglob("*.py")} - {PROJECT / "dcgan"}
    assert {folder.name for folder in packages} >= {"training", "parts", "demo", "models"}
    assert [folder for folder in packages if (folder / "__init__.py").read_text(encoding="utf-8")] == []


def test_no_page_shows_the_docstring_of_a_constant():
    pages = sorted((PROJECT / "dcgan" / "pages").glob("*.py"))
    bodies = {path.name: ast.parse(path.read_text(encoding="utf-8")).body[1:] for path in pages}
    strings = [
        f"{name}:{node.lineno}"
        for name, body in bodies.items()
        for node in body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert strings == [], "Streamlit shows a string on its own line as text; write a comment"


def test_the_parser_sees_the_package():
    modules = modules_in(PROJECT)
    assert {"__init__", "config", "runs.run", "models.conv", "pages.parts.live", "gradio_app"} <= set(modules)
    of_checkpoint = {(item.target, item.ours) for item in imports_of("checkpoint", modules)}
    assert {("models.gan", True), ("runs.run", True), ("torch", False)} <= of_checkpoint
    assert {"models.conv", "models.step"} <= {item.target for item in imports_of("models.gan", modules)}


# The rules themselves, each broken once in a package of a few lines.

SOUND = {
    "__init__": "__version__ = '1'",
    "config": "import json",
    "pixels": "import numpy\nfrom PIL import Image",
    "models/__init__": "",
    "models/gan": "import torch\nfrom dcgan.models import conv",
    "models/conv": "from dcgan.config import A",
    "data/__init__": "",
    "data/loading": "from dcgan import config",
    "pages/__init__": "",
    "pages/compare": "import streamlit\nfrom dcgan import pixels\nif TYPE_CHECKING:\n    import torch",
    "cli/__init__": "",
    "cli/main": "import dcgan.config\ndef train():\n    import torch, dcgan.data.loading",
}

BROKEN = {
    "through the lazy package": (through_the_package, {"data/loading": "from dcgan import load_generator"}),
    "the whole package": (through_the_package, {"pages/compare": "import dcgan"}),
    "streamlit outside": (misplaced_interfaces, {"data/loading": "import streamlit as st"}),
    "gradio in a page": (misplaced_interfaces, {"pages/compare": "from gradio import Blocks"}),
    "torch in a page": (torch_at_start, {"pages/compare": "import torch"}),
    "torch behind a page": (
        torch_at_start,
        {"pages/compare": "from dcgan.data import loading", "data/loading": "import dcgan.models.gan"},
    ),
    "torch in a page's package": (torch_at_start, {"pages/__init__": "import torchvision.datasets"}),
    "torch in a class": (torch_at_start, {"cli/main": "class A:\n    import torch.nn"}),
    "torch in a try": (torch_at_start, {"cli/main": "try:\n    from torch import nn\nexcept ImportError:\n    pass"}),
    "torch behind safetensors": (torch_at_start, {"cli/main": "from safetensors.torch import save_file"}),
}


def package(root: Path, files: Mapping[str, str]) -> dict[str, Path]:
    for name, code in files.items():
        file = root / "dcgan" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return modules_in(root)


def test_a_valid_package_breaks_no_rule(tmp_path):
    modules = package(tmp_path, SOUND)
    assert [offence for rule in RULES for offence in rule(modules)] == []


@pytest.mark.parametrize("name", BROKEN)
def test_every_broken_rule_is_reported(name, tmp_path):
    rule, files = BROKEN[name]
    assert len(rule(package(tmp_path, SOUND | files))) > 0


# And what really happens


def test_light_modules_import_no_torch():
    """A new interpreter shows what the imported packages load."""
    names = [name for name in modules_in(PROJECT) if matches(name, WITHOUT_TORCH)]
    light = [f"dcgan.{name}" for name in names if not name.startswith(("__", "pages", "streamlit_app"))]
    assert {"dcgan.runs.run", "dcgan.presets", "dcgan.latents", "dcgan.cli.main"} <= set(light)
    code = f"import sys, {', '.join(light)}; print(sorted({{'torch', 'streamlit', 'gradio'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def test_pixels_and_latents_use_only_numpy_and_pillow():
    code = "import sys, dcgan.latents, dcgan.pixels; print(sorted(name for name in sys.modules if '.' not in name))"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"torch", "scipy", "plotly", "matplotlib"} & set(ast.literal_eval(result.stdout))


def test_the_command_line_imports_neither_numpy_nor_tqdm():
    """Commands such as `presets` answer at once."""
    code = "import sys, dcgan.cli.main; print(sorted({'torch', 'numpy', 'tqdm'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
