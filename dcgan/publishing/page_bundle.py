"""Join the modules of dcgan/web to one script, for pages that are one file and for workers.

The script is valid as a module and as a classic script. So the modules keep rules, which are checked here: named
imports and exports without renames, names that are unique among all modules, and no cycle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dcgan.publishing.javascript import line_of, masked, top_level, without_comments, without_empty_lines

ENTRY = "main.js"

_NAME = r"[A-Za-z_$][\w$]*"
_FILE = rf"{_NAME}(?:\.\w+)*\.js"
"""A module beside this one, such as texts.js or texts.vi.js."""
_STATEMENT = re.compile(r"(?<![\w$.])(?:import|export)\b[^;\n]*;?")
_NAMES_FROM = re.compile(
    rf"""import\s*\{{(?P<imported>[^}}]*)\}}\s*from\s*["']\./(?P<source>{_FILE})["']\s*;?"""
    rf"""|export\s*\{{(?P<exported>[^}}]*)\}}(?:\s*from\s*["']\./(?P<origin>{_FILE})["']\s*;?|\s*;|(?=\s*\Z))"""
)
_DECLARATION = re.compile(r"export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)")
_DECLARED = re.compile(rf"(?<![\w$.])(?:function\s*\*?|class)\s+(?!extends\b)({_NAME})")
_VARIABLES = re.compile(r"(?<![\w$.])(?:const|let|var)\s+([^;]*);")
_REFUSED = {
    r"\bimport\s*\.\s*meta\b": "import.meta, which a classic worker lacks; use location",
    r"(?<![.\w$])import\s*\(": "a dynamic import, which one file cannot have; import at the top",
}
GLOBALS = frozenset(
    {
        *("addEventListener", "close", "closed", "console", "crypto", "document", "event", "fetch", "frames"),
        *("history", "length", "location", "name", "navigator", "open", "origin", "parent", "performance"),
        *("postMessage", "print", "screen", "scroll", "self", "status", "stop", "top", "window"),
    }
)
"""Names of the browser. A module that declares one of them would hide it from all others."""


@dataclass(frozen=True)
class Module:
    """A module as its part of the script."""

    name: str
    code: str
    """Without comments, imports and the word export."""
    imports: dict[str, tuple[str, ...]]
    """Module -> the names that are taken from it, in the order of the statements."""
    exports: tuple[str, ...]
    declared: tuple[str, ...]
    """All names of its top level."""


def bundle(folder: Path, entry: str = ENTRY) -> str:
    """Return the entry with all modules that it reaches, as one script, in the order in which they would run.

    Raises FileNotFoundError for a missing module, and ValueError for one that cannot be joined.
    """
    modules = reachable_modules(folder, entry)
    _check_names(modules)
    parts = "".join(module.code for module in modules)
    if match := re.search(r"</script|<script|<!--", parts, re.IGNORECASE):
        raise ValueError(f"the modules of {folder} have {match[0]!r}, which ends a script in HTML; split the text")
    # Within braces, so that a classic worker keeps its own global names.
    return f'"use strict";\n{{\n{parts}}}\n'


def reachable_modules(folder: Path, entry: str = ENTRY) -> list[Module]:
    """Return the entry and what it imports, each module after those that it imports."""
    ordered: dict[str, Module] = {}

    def visit(name: str, waiting: tuple[str, ...]) -> None:
        if name in waiting:
            cycle = " -> ".join([*waiting[waiting.index(name) :], name])
            raise ValueError(f"modules import each other: {cycle}; move what both need to a third one")
        if name in ordered:
            return
        module = read_module(folder / name)
        for imported in module.imports:
            visit(imported, (*waiting, name))
        ordered[name] = module

    visit(entry, ())
    return list(ordered.values())


def read_module(path: Path) -> Module:
    """Return a module of a folder. Raises FileNotFoundError, or ValueError that names the module and the line."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, and a module of the page imports it; put it there")
    original = path.read_text(encoding="utf-8")
    try:
        return _parsed(path.name, without_comments(original))
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be joined with other modules: {error}") from error


def _parsed(name: str, source: str) -> Module:
    code = masked(source)
    for pattern, text in _REFUSED.items():
        if re.search(pattern, code):
            raise ValueError(f"it has {text}")
    outer = top_level(code)
    if re.search(r"\bawait\b", outer):
        raise ValueError("it waits at its top level, which a classic worker cannot; wait in a function")
    imports: dict[str, tuple[str, ...]] = {}
    exports: list[str] = []
    parts, at = [], 0
    for statement in _STATEMENT.finditer(outer):
        start = statement.start()
        parts.append(source[at:start])
        if declaration := _DECLARATION.match(source, start):
            at = declaration.end()
            exports += re.findall(rf"\A(?:async\s+)?(?:function\s*\*?|class|const|let)\s+({_NAME})", outer[at:])
            continue
        match = _NAMES_FROM.match(source, start)
        if match is None:
            text = source[start : statement.end()]
            raise ValueError(f"`{text}` is not an import or export of names; write import {{ name }} from './x.js'")
        names = _listed(match["imported"] or match["exported"] or "")
        if module := match["source"] or match["origin"]:
            imports[module] = (*imports.get(module, ()), *names)
        if match["exported"] is not None:
            exports += names
        at = match.end()
    parts.append(source[at:])
    text = without_empty_lines("".join(parts))
    return Module(name, text, imports, tuple(exports), _declared(top_level(masked(text)), text))


def _listed(text: str) -> list[str]:
    """Return the names between the braces of an import or export. Raises ValueError for a rename."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"`{name}` renames; use the same name in both modules")
    return names


def _declared(outer: str, source: str) -> tuple[str, ...]:
    """Return the names that the top level declares."""
    names = _DECLARED.findall(outer)
    for statement in _VARIABLES.finditer(outer):
        start = statement.start(1)
        for declarator in re.finditer(r"[^,]+", statement[1]):
            left = start + declarator.start()
            pattern = source[left : start + declarator.end()].partition("=")[0].strip()
            if re.fullmatch(_NAME, pattern):
                names.append(pattern)
            elif re.fullmatch(rf"[\[{{]\s*{_NAME}(\s*,\s*{_NAME})*\s*,?\s*[\]}}]", pattern):
                names += re.findall(_NAME, pattern)
            else:
                line = line_of(source, left)
                raise ValueError(f"line {line} declares `{pattern[:60]}`; declare one name at a time")
    return tuple(names)


def _check_names(modules: list[Module]) -> None:
    """Raise ValueError for an import that does not exist, and for a name that two modules declare."""
    by_name = {module.name: module for module in modules}
    owner: dict[str, str] = {}
    for module in modules:
        for imported, names in module.imports.items():
            if missing := [name for name in names if name not in by_name[imported].exports]:
                raise ValueError(f"{module.name} imports {missing[0]}, which {imported} does not export; export it")
        for name in module.declared:
            if name in GLOBALS:
                raise ValueError(f"{module.name} declares {name}, which is a name of the browser; rename it")
            if name in owner:
                raise ValueError(f"{owner[name]} and {module.name} both declare {name}; rename one of them")
            owner[name] = module.name
