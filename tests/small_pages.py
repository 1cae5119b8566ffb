"""Make the parts of a page in a folder: small ones, with the same marks and rules as dcgan/web."""

from __future__ import annotations

from pathlib import Path

INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Small</title>
<!-- policy -->
<!-- style -->
</head>
<body>
<p id="answer">nothing</p>
<!-- data -->
<!-- program -->
</body>
</html>
"""
MODULES = {
    "main.js": """// @ts-check
        import { show } from "./show.js";
        import { twice } from "./numbers.js";

        if (typeof document !== "undefined") show(twice(21));
    """,
    "show.js": """import { half } from "./numbers.js";
        export { half } from "./numbers.js";

        /** @param {number} value */
        export function show(value) {
          /** @type {any} */ (document.getElementById("answer")).textContent = `${value} and ${half(value)}`;
        }
    """,
    "numbers.js": """const FACTOR = 2; // of twice
        export const twice = (/** @type {number} */ value) => FACTOR * value;
        export function half(value) {
          return value / FACTOR; // not a regular expression: /
        }
    """,
}


def write_web(folder: Path, modules: dict[str, str] = MODULES) -> Path:
    """Write the parts of a page, and return their folder. Lines lose the indent that they have here."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, code in modules.items():
        (folder / name).write_text(code.replace("\n" + 8 * " ", "\n"), encoding="utf-8")
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    (folder / "style.css").write_text("body { color: #0072b2; }\n", encoding="utf-8")
    return folder
