"""Tiles that a visitor taps: pictures or texts that are buttons, for a mouse, a finger and the keyboard.

Streamlit's own pictures cannot be tapped, so this is a component.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dcgan import pixels
from dcgan.pixels import Bytes

MAX_TILES = 256
_COLUMNS = 16
"""Of the picture from which all tiles are cut."""

_HTML = '<div class="tiles" role="group"></div>'
_CSS = """
.tiles { display: grid; gap: 6px; font-family: var(--st-font, sans-serif); color: var(--st-text-color, inherit); }
button { font: inherit; color: inherit; background: none; border: 2px solid transparent; border-radius: 6px;
  padding: 2px; margin: 0; cursor: pointer; text-align: center; min-width: 0; }
button:hover { border-color: var(--st-primary-color, #0072b2); }
button:focus-visible { outline: 3px solid var(--st-primary-color, #0072b2); outline-offset: 1px; }
.map { display: block; margin: 0 auto; image-rendering: pixelated; background-repeat: no-repeat; }
.text { display: block; font-size: 0.75rem; line-height: 1.2; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.note { opacity: 0.75; }
.marks { max-height: 27rem; overflow-y: auto; }
.marks [aria-pressed="true"] { border-color: #d55e00; }
.marks [aria-pressed="true"] .map { opacity: 0.25; }
.marks [aria-pressed="true"] .title { text-decoration: line-through; }
.chooses { gap: 2px; }
.chooses button { border-color: rgba(136, 136, 136, 0.4); border-radius: 3px; padding: 0.35rem 0; }
.chooses .title { font-size: 0.85rem; }
.chooses [aria-pressed="true"] { border-color: #009e73; background: rgba(0, 158, 115, 0.25); font-weight: 700; }
"""
_JS = """
const PATIENCE_MILLISECONDS = 3000;
export default ({ data, parentElement, setTriggerValue }) => {
  const root = parentElement.querySelector(".tiles");
  const pressed = new Set(data.tiles.filter((tile) => tile.pressed).map((tile) => tile.id));
  // An older answer of the server must not undo a later tap.
  const sent = root.sent;
  if (sent && sent.of === data.of && Date.now() - sent.at < PATIENCE_MILLISECONDS) {
    const answered = sent.ids.size === pressed.size && [...sent.ids].every((id) => pressed.has(id));
    if (answered) root.sent = null;
    else { pressed.clear(); for (const id of sent.ids) pressed.add(id); }
  }
  const focused = root.getRootNode().activeElement?.dataset?.id;
  root.className = `tiles ${data.single ? "chooses" : "marks"}`;
  root.setAttribute("aria-label", data.label);
  const width = data.side * data.zoom;
  root.style.gridTemplateColumns = data.columns
    ? `repeat(${data.columns}, minmax(0, 3rem))`
    : `repeat(auto-fill, minmax(${Math.max(width + 8, 62)}px, 1fr))`;
  const buttons = data.tiles.map((tile, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.id = tile.id;
    button.setAttribute("aria-label", tile.label);
    button.setAttribute("aria-pressed", String(pressed.has(tile.id)));
    button.title = tile.label;
    if (data.sprite) {
      const map = document.createElement("span");
      map.className = "map";
      const [left, top] = [(place % data.sheet) * width, Math.floor(place / data.sheet) * width];
      Object.assign(map.style, {
        width: `${width}px`, height: `${width}px`, backgroundImage: `url(${data.sprite})`,
        backgroundSize: `${data.sheet * width}px auto`, backgroundPosition: `-${left}px -${top}px`,
      });
      button.append(map);
    }
    for (const part of ["title", "note"]) {
      if (!tile[part]) continue;
      const text = document.createElement("span");
      text.className = `text ${part}`;
      text.textContent = tile[part];
      button.append(text);
    }
    button.onclick = () => {
      if (data.single) { for (const other of buttons) other.setAttribute("aria-pressed", "false"); pressed.clear(); }
      if (pressed.has(tile.id)) pressed.delete(tile.id); else pressed.add(tile.id);
      button.setAttribute("aria-pressed", String(pressed.has(tile.id)));
      root.sent = { of: data.of, ids: new Set(pressed), at: Date.now() };
      setTriggerValue("pressed", [...pressed]);
    };
    return button;
  });
  root.replaceChildren(...buttons);
  if (focused !== undefined) buttons.find((button) => button.dataset.id === focused)?.focus();
};
"""


@dataclass(frozen=True)
class Tile:
    """One button."""

    id: int
    title: str
    label: str
    """What a screen reader says, and what a mouse that rests on it shows."""
    pressed: bool = False
    note: str = ""


def show_tiles(
    key: str,
    tiles: Sequence[Tile],
    on_pressed: Callable[[list[int]], None],
    *,
    label: str,
    of: str = "",
    pictures_u8: Bytes | None = None,
    zoom: int = 1,
    columns: int = 0,
    single: bool = False,
) -> None:
    """Show tiles, each with its picture of pictures_u8 (N, 1, S, S), and call back with the ids that are pressed.

    `of` names what the ids belong to: taps of other tiles are forgotten. With `single`, one is pressed at a time.
    Without `columns`, there are as many as fit. What the browser sends is checked: only ids of these tiles arrive.
    """
    ids = {tile.id for tile in tiles}

    def pressed() -> None:
        sent = st.session_state[key].get("pressed")
        on_pressed(sorted({value for value in sent if type(value) is int and value in ids}) if sent else [])

    data: dict[str, Any] = {
        "tiles": [asdict(tile) for tile in tiles],
        "label": label,
        "of": of,
        "zoom": zoom,
        "columns": columns,
        "single": single,
        "side": 0 if pictures_u8 is None else pictures_u8.shape[-1],
        "sheet": _COLUMNS,
        "sprite": "" if pictures_u8 is None else sprite(pictures_u8),
    }
    tiles_component()(key=key, data=data, on_pressed_change=pressed)


def sprite(pictures_u8: Bytes) -> str:
    """Return one picture of all, as the address of its data."""
    png = pixels.png_bytes(pixels.grid(pictures_u8, _COLUMNS), compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@functools.cache
def tiles_component() -> Callable[..., Any]:
    """Return the component, registered once in this process."""
    return component("dcgan_tiles", html=_HTML, css=_CSS, js=_JS)
