"""Write diagrams in Graphviz' language, in the colors of every plot. Input and output are text; a page draws them.

Boxes are light with dark letters and lines are middle gray, so that they read on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dcgan.figures.architecture import RESHAPE, Shape, Stage
from dcgan.figures.plots import DISCRIMINATOR, GENERATOR, GRAY, REAL
from dcgan.locale.language import tr, tr_marked

_SETUP = (
    'bgcolor="transparent"; '
    'node [shape=box, style="filled,rounded", fillcolor="#FFFFFF", fontname="sans-serif", fontsize=12, '
    'fontcolor="#111111", penwidth=2, margin="0.15,0.08"]; '
    f'edge [color="{GRAY}", fontcolor="{GRAY}", fontname="sans-serif", fontsize=11];'
)


def two_networks(latent_dim: int = 100) -> str:
    """Return a diagram of a GAN: z to G, fake and real images to D, the answer of D to both."""
    # Not inside of the text below: the tool that extracts texts reads no f-strings.
    z, real_or_fake = tr("z: {count} random numbers", count=latent_dim), tr("real or fake?")
    generator, discriminator = tr("Generator G"), tr("Discriminator D")
    generated, real = tr("a generated image, G(z)"), tr("a real image, x")
    d_learns, g_learns = tr("D learns to be right"), tr("G learns to fool D")
    return f"""digraph {{
  rankdir=TB; nodesep=0.5; ranksep=0.4; {_SETUP}
  z [label="{z}", color="{GRAY}"];
  g [label="{generator}", fillcolor="{GENERATOR}", fontcolor="#FFFFFF", color="{GENERATOR}"];
  fake [label="{generated}", color="{GENERATOR}"];
  real [label="{real}", color="{REAL}"];
  d [label="{discriminator}", fillcolor="{DISCRIMINATOR}", fontcolor="#000000", color="{DISCRIMINATOR}"];
  answer [label="{real_or_fake}", color="{DISCRIMINATOR}"];
  z -> g -> fake -> d; real -> d; d -> answer;
  {{ rank=same; fake; real }}
  answer -> d [style=dashed, label="  {d_learns}", color="{DISCRIMINATOR}",
    fontcolor="{DISCRIMINATOR}", constraint=false];
  answer -> g [style=dashed, label="  {g_learns}", color="{GENERATOR}", fontcolor="{GENERATOR}",
    constraint=false];
}}"""


def network(stages: Sequence[Stage], color: str, name: str) -> str:
    """Return a diagram of one network, its input at the top.

    A box is a shape; more numbers make it wider. An arrow names the layers between two shapes.
    """
    lines = [f"digraph {{ rankdir=TB; ranksep=0.3; {_SETUP}", f'  label="{name}"; labelloc=t; fontcolor="{GRAY}";']
    lines[1] += ' fontname="sans-serif";'
    for index, stage in enumerate(stages):
        width = 0.8 + 0.16 * math.log2(max(1, math.prod(stage.shape)))
        lines.append(f'  s{index} [label="{shape_text(stage.shape)}", width={width:.2f}, color="{color}"];')
        if index:
            label = "\\l".join(f"  {tr_marked(step) if step == RESHAPE else step}" for step in stage.steps) + "\\l"
            lines.append(f'  s{index - 1} -> s{index} [label="{label}"];')
    return "\n".join([*lines, "}"])


def shape_text(shape: Shape) -> str:
    """Return "64 x 7 x 7" for channels, height and width, with no-break spaces, or a single number."""
    return "\u00a0×\u00a0".join(map(str, shape)) or "1"  # noqa: RUF001
