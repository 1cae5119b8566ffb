"""Small pictures with a frame and a text each. They wrap as a text does, so a narrow screen shows them too.

The text has the color of the page, light or dark.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dcgan import pixels
from dcgan.pixels import Bytes

_STYLE = """<style>
.dcgan-cards { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; --zoom: var(--large); }
.dcgan-cards > div { display: flex; gap: 0.25rem; }
.dcgan-cards figure { margin: 0; text-align: center; }
.dcgan-cards img { box-sizing: content-box; display: block; width: calc(1px * var(--side) * var(--zoom));
  max-width: 100%; image-rendering: pixelated; border-radius: 4px; }
.dcgan-cards figcaption { font-size: 0.8rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.dcgan-cards small { display: block; opacity: 0.75; }
@media (max-width: 640px) { .dcgan-cards { gap: 0.5rem 0.25rem; --zoom: min(2, var(--large)); } }
</style>"""


@dataclass(frozen=True)
class Card:
    """A picture with its texts."""

    image_u8: Bytes
    """(C, H, W)"""
    title: str
    """What stands below it."""
    note: str
    """A smaller line below the title."""
    alt: str
    frame: str = ""
    """Color of the frame as #rrggbb; empty for none."""


def show_cards(groups: Sequence[Sequence[Card]], *, enlarge: int) -> None:
    """Show cards in groups, each of which stays on one line. A narrow screen enlarges twice at most."""
    side = groups[0][0].image_u8.shape[-1]
    body = "".join(f"<div>{''.join(map(_figure, group))}</div>" for group in groups)
    st.html(f'{_STYLE}<div class="dcgan-cards" style="--side: {side}; --large: {enlarge}">{body}</div>')


def _figure(card: Card) -> str:
    png = pixels.png_bytes(pixels.grid(card.image_u8[None], 1), compress_level=1)
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    frame = f' style="border: 4px solid {card.frame}"' if card.frame else ""
    title, note, alt = map(html.escape, (card.title, card.note, card.alt))
    return (
        f'<figure><img src="{source}" alt="{alt}"{frame}>'
        f"<figcaption>{title}<small>{note}</small></figcaption></figure>"
    )
