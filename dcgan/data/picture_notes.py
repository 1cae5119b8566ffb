"""What a training changes in own pictures, as notes that name the flag that keeps it. Imports no torch."""

from __future__ import annotations

import math

from dcgan.config import DataConfig, ModelConfig
from dcgan.data.survey import Survey
from dcgan.locale.language import tr, tr_later, tr_marked

_MENTIONED_SHARE = 0.1
"""Share of the pictures from which on a change to them is mentioned."""


def notes_on(found: Survey, data: DataConfig, model: ModelConfig) -> tuple[str, ...]:
    """Return a sentence for everything that a training would change in the pictures, and the flag that keeps it."""
    total = found.num_looked_at
    if not total:
        return ()

    def share(count: int) -> str:
        percent = max(1, round(100 * count / total))
        return f"{percent} %" if found.is_whole else tr("about {percent} %", percent=percent)

    notes = []
    if model.channels == 1 and found.num_colored:
        notes.append(
            tr(
                "{share} of the images have colors and are made gray; --model.channels 3 keeps the colors",
                share=share(found.num_colored),
            )
        )
    smaller = found.num_smaller(model.image_size)
    if smaller >= _MENTIONED_SHARE * total:
        fitting = _fitting_size(found.median_side, model)
        values = {"share": share(smaller), "size": model.image_size}
        if fitting < model.image_size:
            note = tr(
                "{share} of the images are smaller than {size}x{size} and enlarged; --model.image-size {fitting} "
                "needs less of that",
                fitting=fitting,
                **values,
            )
        else:
            note = tr("{share} of the images are smaller than {size}x{size} and enlarged", **values)
        notes.append(note)
    if data.fit == "crop" and found.num_wide >= _MENTIONED_SHARE * total:
        notes.append(
            tr(
                "{share} of the images are wide or tall, and cropped at both ends; --data.fit pad keeps all",
                share=share(found.num_wide),
            )
        )
    if found.num_transparent:
        notes += _notes_on_ground(found, data)
    partly = sorted(
        {(glance.bits, glance.stored_bits) for glance in found.glances if glance.bits < glance.stored_bits}
    )
    if partly:
        bits = ", ".join(tr("{used} of {stored}", used=used, stored=stored) for used, stored in partly)
        notes.append(tr("deep gray images that use a part of their bits ({bits}) are scaled to it", bits=bits))
    return tuple(notes)


def _notes_on_ground(found: Survey, data: DataConfig) -> list[str]:
    ground = found.ground
    hidden = found.count(lambda glance: ground in glance.hides_on)
    notes = []
    if data.ground == "auto" and ground == "black":
        notes.append(
            tr("transparent pictures are on black, which shows more of them; --data.ground white changes it")
        )
    if hidden:
        notes.append(tr_marked(_HARDLY_SEEN[ground], count=hidden, total=found.num_transparent))
    return notes


_HARDLY_SEEN: dict[str, str] = {
    "white": tr_later(
        "{count} of {total} transparent pictures can hardly be seen on white; --data.ground black changes the ground"
    ),
    "black": tr_later(
        "{count} of {total} transparent pictures can hardly be seen on black; --data.ground white changes the ground"
    ),
}
"""Ground -> note."""


def _fitting_size(side: int, model: ModelConfig) -> int:
    """Return the largest size of this topology that is not above the side, 8 at least."""
    if model.topology == "conv":
        return 2 ** max(3, int(math.log2(max(8, side))))
    return max(16, side // 4 * 4)
