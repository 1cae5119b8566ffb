"""Who may import whom: the table of docs/architecture.md, and the imports of every file parsed against it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# The table. A name with .* is a folder. A module that is in no row fails the first test: give it its level.
LEVELS = {
    0: "config presets runs share doctor command machine literature __init__",
    1: "losses ema warp latents pixels series compare",
    2: "models.* archives folder decoded batches data device distributed features metrics checkpoint kept",
    3: "reference fast graph trainer recording scoring evaluate export films explore render publish anatomy diagrams "
    "launch speed plots listing results results_page stacked labels inception",
    4: "pages.* progress tensorboard",
    5: "cli cli_draw cli_evaluate cli_link cli_publish cli_results cli_train __main__ streamlit_app gradio_app",
}

# What a module may import from outside, where that is less than everything but the user interfaces.
ONLY = {
    "config": "",
    "presets": "",
    "runs": "",
    "doctor": "",
    "command": "",
    "machine": "",
    "literature": "",
    "share": "",
    "__init__": "",
    "latents": "numpy",
    "pixels": "numpy PIL",
    "series": "numpy",
    "compare": "numpy",
    "losses": "torch",
    "ema": "torch",
    "warp": "torch",
}
INTERFACES = {"streamlit": ("pages.*", "streamlit_app"), "gradio": ("gradio_app",)}

# Pages and commands open in a second: at module level they reach no torch. Pages that draw new images are excepted.
WITHOUT_TORCH = "config presets runs share series doctor compare __init__ latents pixels plots listing progress"
WITHOUT_TORCH += " literature results results_page cli_results"
WITHOUT_TORCH += (
    " launch speed anatomy diagrams pages.* cli cli_draw cli_evaluate cli_link cli_publish cli_train __main__"
    " streamlit_app"
)
PAGES_WITH_TORCH: tuple[str, ...] = ()
TORCH = ("torch", "torchvision", "torchmetrics", "safetensors.torch", "keras")


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
    """name -> file: the package's modules without their `dcgan.`, and the apps beside it."""
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
    """Every import statement of a module, wherever it stands."""
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
    """Full names of the modules that a statement imports; `from dcgan import pixels` is dcgan.pixels."""
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


def level_of(name: str) -> int | None:
    return next((level for level, names in LEVELS.items() if matches(name, names)), None)


# The rules: each gives a sentence for every offence.


def unlisted(modules: Mapping[str, Path]) -> list[str]:
    lost = [name for name in modules if level_of(name) is None]
    return [f"{name} has no level; add it to LEVELS and to docs/architecture.md" for name in lost]


def upward(modules: Mapping[str, Path]) -> list[str]:
    offences = []
    for name in modules:
        for found in imports_of(name, modules):
            if found.ours and level_of(found.target) is not None and level_of(found.target) > level_of(name):
                offences.append(f"{name}:{found.line} imports {found.target}, which is above it")
    return offences


def through_the_door(modules: Mapping[str, Path]) -> list[str]:
    """`from dcgan import load_generator` hides, behind the lazy package, which module is meant."""
    return [
        f"{name}:{found.line} imports from the package; import from the module itself"
        for name in modules
        for found in imports_of(name, modules)
        if found.ours and found.target == "__init__"
    ]


def cycles(modules: Mapping[str, Path]) -> list[str]:
    graph = {name: {found.target for found in imports_of(name, modules) if found.ours} for name in modules}
    reach = {name: _reachable(name, graph) for name in graph}
    return [f"{name} imports itself by way of others" for name in graph if name in reach[name]]


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = set(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= graph.get(name, set())
    return reached


def strangers(modules: Mapping[str, Path]) -> list[str]:
    """Imports from outside the house that the module's row does not have."""
    offences = []
    for name in modules:
        for found in imports_of(name, modules):
            root = found.target.split(".")[0]
            if found.ours or root in sys.stdlib_module_names:
                continue
            if name in ONLY and root not in ONLY[name].split():
                offences.append(f"{name}:{found.line} imports {root}; it may import only [{ONLY[name]}]")
            if root in INTERFACES and not matches(name, INTERFACES[root]):
                offences.append(f"{name}:{found.line} imports {root}; only {INTERFACES[root]} may")
    return offences


def torch_at_start(modules: Mapping[str, Path]) -> list[str]:
    """Importing a module runs its imports, its packages' and theirs."""
    graph, direct = {}, {}
    for name in modules:
        found = [each for each in imports_of(name, modules) if each.at_start]
        direct[name] = any(matches(each.target, [t for o in TORCH for t in (o, f"{o}.*")]) for each in found)
        graph[name] = {each.target for each in found if each.ours}
        graph[name] |= {".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)}
    light = [name for name in modules if matches(name, WITHOUT_TORCH) and not matches(name, PAGES_WITH_TORCH)]
    return [
        f"{name} imports torch at module level, in {heavy}"
        for name in light
        for heavy in sorted({name, *_reachable(name, graph)})
        if direct.get(heavy)
    ]


RULES = (unlisted, upward, through_the_door, cycles, strangers, torch_at_start)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule):
    assert rule(modules_in(PROJECT)) == []


def test_the_parser_sees_the_house():
    modules = modules_in(PROJECT)
    assert {"__init__", "config", "runs", "models", "models.parts", "trainer", "checkpoint"} <= set(modules)
    of_checkpoint = {(found.target, found.ours) for found in imports_of("checkpoint", modules)}
    assert {("models", True), ("models.parts", True), ("runs", True), ("torch", False)} <= of_checkpoint
    assert ("pixels", True) in {(found.target, found.ours) for found in imports_of("recording", modules)}
    assert {"models.conv", "models.step"} <= {found.target for found in imports_of("models", modules)}


# The rules themselves, each broken once in a house of a few lines.

SOUND = {
    "__init__": "__version__ = '1'",
    "config": "import json",
    "pixels": "import numpy\nfrom PIL import Image",
    "losses": "import torch",
    "models/__init__": "import torch\nfrom dcgan.models import conv",
    "models/conv": "from dcgan.config import A\nfrom dcgan.models.parts import B",
    "models/parts": "import torch",
    "data": "from dcgan import config",
    "pages/compare": "import streamlit\nfrom dcgan import pixels\nif TYPE_CHECKING:\n    import torch",
    "cli": "from dcgan import __version__\nimport dcgan.config\ndef train():\n    import torch, dcgan.data",
}

BROKEN = {
    "a new module": (unlisted, {"wardrobe": ""}),
    "a new module in a folder": (unlisted, {"garden/shed": ""}),
    "up": (upward, {"config": "from dcgan.losses import L"}),
    "up by name": (upward, {"config": "from dcgan import losses"}),
    "up within a function": (upward, {"config": "def f():\n    import dcgan.losses"}),
    "up by dots": (upward, {"models/conv": "from ..pages import compare"}),
    "up for type checkers": (upward, {"data": "if TYPE_CHECKING:\n    from dcgan.cli import main"}),
    "through the lazy package": (through_the_door, {"data": "from dcgan import load_generator"}),
    "the whole package": (through_the_door, {"pages/compare": "import dcgan"}),
    "a cycle of two": (cycles, {"models/parts": "from dcgan.models.conv import C"}),
    "a cycle by dots": (cycles, {"models/parts": "from .conv import C"}),
    "a cycle of three": (
        cycles,
        {"data": "import dcgan.checkpoint", "checkpoint": "import dcgan.models", "models/parts": "import dcgan.data"},
    ),
    "numpy below": (strangers, {"config": "import numpy"}),
    "torch below": (strangers, {"pixels": "def f():\n    from torch import nn"}),
    "streamlit outside": (strangers, {"data": "import streamlit as st"}),
    "gradio in a page": (strangers, {"pages/compare": "from gradio import Blocks"}),
    "torch in a page": (torch_at_start, {"pages/compare": "import torch"}),
    "torch behind a page": (
        torch_at_start,
        {"pages/compare": "from dcgan import data", "data": "import dcgan.losses"},
    ),
    "torch in a page's package": (torch_at_start, {"pages/__init__": "import torchvision.datasets"}),
    "torch in a class": (torch_at_start, {"cli": "class A:\n    import torch.nn"}),
    "torch in a try": (torch_at_start, {"cli": "try:\n    from torch import nn\nexcept ImportError:\n    pass"}),
    "torch behind safetensors": (torch_at_start, {"cli": "from safetensors.torch import save_file"}),
}


def house(root: Path, files: Mapping[str, str]) -> dict[str, Path]:
    for name, code in files.items():
        file = root / "dcgan" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return modules_in(root)


def test_a_sound_house_offends_no_rule(tmp_path):
    modules = house(tmp_path, SOUND)
    assert [offence for rule in RULES for offence in rule(modules)] == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_noticed(name, tmp_path):
    rule, files = BROKEN[name]
    assert len(rule(house(tmp_path, SOUND | files))) > 0


# And what really happens


def test_what_must_be_light_imports_no_torch():
    """Other people's packages too: what the modules below the pages and commands load is asked of Python itself."""
    modules = modules_in(PROJECT)
    light = [f"dcgan.{name}" for name in modules if matches(name, WITHOUT_TORCH) and not name.endswith("__")]
    light = [name for name in light if not name.startswith("dcgan.pages") and name != "dcgan.streamlit_app"]
    assert {"dcgan.runs", "dcgan.presets", "dcgan.latents", "dcgan.pixels"} <= set(light)
    code = f"import sys, {', '.join(light)}; print(sorted({{'torch', 'streamlit', 'gradio'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def test_the_pixel_and_latent_rooms_use_numpy_and_pillow_alone():
    code = "import sys, dcgan.latents, dcgan.pixels; print(sorted(name for name in sys.modules if '.' not in name))"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"torch", "scipy", "plotly", "matplotlib"} & set(ast.literal_eval(result.stdout))
