"""The modules of a page as one script."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from small_pages import MODULES, write_web

from dcgan.publishing.page import WEB
from dcgan.publishing.page_bundle import bundle, reachable_modules

NODE = shutil.which("node")


def test_modules_stand_after_those_that_they_import(tmp_path):
    modules = reachable_modules(write_web(tmp_path))
    assert [module.name for module in modules] == ["numbers.js", "show.js", "main.js"]
    assert modules[0].declared == ("half", "FACTOR", "twice")
    assert modules[0].exports == ("twice", "half")
    assert modules[1].imports == {"numbers.js": ("half", "half")}
    assert modules[1].exports == ("half", "show")


def test_the_bundle_has_no_import_export_or_comment(tmp_path):
    script = bundle(write_web(tmp_path))
    assert script == (
        '"use strict";\n{\n'
        "const FACTOR = 2;\n"
        "const twice = ( value) => FACTOR * value;\n"
        "function half(value) {\n  return value / FACTOR;\n}\n"
        "function show(value) {\n"
        '   (document.getElementById("answer")).textContent = `${value} and ${half(value)}`;\n}\n'
        'if (typeof document !== "undefined") show(twice(21));\n'
        "}\n"
    )


def of(**modules: str) -> dict[str, str]:
    """Return modules by name, where main.js imports a.js."""
    return {"main.js": 'import { a } from "./a.js";'} | {f"{name}.js": code for name, code in modules.items()}


@pytest.mark.parametrize(
    ("modules", "reason"),
    [
        (of(a="export const b = 1;"), "main.js imports a, which a.js does not export"),
        (of(a="export const a = 1;", main='import { a as b } from "./a.js";'), "`a as b` renames"),
        (of(a="export const a = 1;", main='import * as a from "./a.js";'), "is not an import or export of names"),
        (of(a="export default 1;"), "is not an import or export of names"),
        (of(a='export * from "./b.js";', b=""), "is not an import or export of names"),
        (of(a='import { b } from "../b.js"; export const a = b;'), "is not an import or export of names"),
        (of(a='export const a = () => import("./b.js");'), "a dynamic import"),
        (of(a="export const a = import.meta.url;"), "import.meta"),
        (of(a="export const a = await 1;"), "waits at its top level"),
        (of(a='import { b } from "./b.js"; export const a = b;', b='import { a } from "./a.js";'), "a.js -> b.js"),
        (of(a="export const a = 1;", main='import { a } from "./a.js"; const a = 2;'), "both declare a"),
        (of(a="export class a {}", main='import { a } from "./a.js"; let { b, a } = c;'), "both declare a"),
        (of(a="export async function a() {} function a() {}"), "a.js and a.js both declare a"),
        (of(a="export const a = 1, name = 2;"), "declares name, which is a name of the browser"),
        (of(a="export const { b: a } = c;"), "declare one name at a time"),
        (of(a='export const a = "</SCRIPT>";'), "ends a script in HTML"),
        (of(a='export const a = "<!--";'), "ends a script in HTML"),
        (of(a="export const a = ("), "a bracket is not closed"),
    ],
)
def test_what_cannot_be_joined_is_an_error_with_its_remedy(tmp_path, modules, reason):
    with pytest.raises(ValueError, match=reason.replace("*", r"\*")):
        bundle(write_web(tmp_path, modules))


def test_a_missing_module_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.js does not exist"):
        bundle(write_web(tmp_path, of()))


def test_names_within_functions_may_repeat(tmp_path):
    code = "function one() { const x = 1; }\nfunction two() { const x = 2; }\nexport const a = one;"
    assert "const x = 2" in bundle(write_web(tmp_path, of(a=code)))


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("suffix", ["cjs", "mjs"])
def test_the_bundles_are_scripts_and_modules(tmp_path, suffix):
    scripts = {"small": bundle(write_web(tmp_path / "web", MODULES)), "generator": bundle(WEB, "generator.js")}
    for name, script in scripts.items():
        file = tmp_path / f"{name}.{suffix}"
        file.write_text(script, encoding="utf-8")
        subprocess.run([NODE, "--check", str(file)], check=True, capture_output=True)


def test_a_module_may_have_a_language_in_its_name(tmp_path):
    modules = {
        "main.js": 'import { a } from "./texts.vi.js"; export const b = a;',
        "texts.vi.js": "export const a = 1;",
    }
    assert "const a = 1;" in bundle(write_web(tmp_path, modules))
