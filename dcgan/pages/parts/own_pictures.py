"""Show what a training would make of a folder of pictures, as soon as it is named. Imports no torch."""

from __future__ import annotations

import streamlit as st

from dcgan import pixels
from dcgan.config import DataConfig, TrainConfig
from dcgan.data.picture_notes import notes_on
from dcgan.data.pictures import Pictures, adapted, holdout_for
from dcgan.data.survey import Survey, survey_data
from dcgan.fields import changed
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.presets import PRESETS
from dcgan.training import preview

MAX_SECONDS = 5.0
MOST = 500
_SHEET_WIDTH = 512


@st.cache_resource(max_entries=16, ttl=60, show_spinner=Spinner(tr_later("Looking at the pictures ...")))
def surveyed(data: DataConfig, language_code: str) -> Survey:
    """Return the survey of own pictures, with notes in a language: once for all sessions and for a minute.

    Raises ValueError or OSError.
    """
    return survey_data(data, most=MOST, max_seconds=MAX_SECONDS)


def found_in(data: DataConfig) -> Survey | None:
    """Return the survey of a folder or table; None, and a message, where it cannot be trained on."""
    try:
        return surveyed(data, language())
    except (OSError, ValueError) as error:
        st.error(plain(tr("{error}.", error=error)))
        return None


def fitting(preset: str, data: DataConfig, found: Survey) -> TrainConfig:
    """Return the preset's config with these data, and with the channels that the pictures have.

    A preset for own pictures is adapted to them. Raises ValueError where the pictures lack classes for it.
    """
    base = changed(PRESETS[preset].config, {"data.name": data.name})
    if not PRESETS[preset].for_pictures:
        return changed(base, {"model.channels": found.channels})
    pictures = Pictures(found.num_images, found.channels, len(found.labels))
    return changed(adapted(base, pictures), {"data.holdout": holdout_for(pictures)})


def panel(config: TrainConfig, found: Survey) -> None:
    """Show the facts, the notes, the advice, and 64 pictures as the networks will see them."""
    title = tr("Your {count:,} pictures", count=found.num_images)
    with st.expander(title, expanded=True, icon=":material/photo_library:"):
        left, right = st.columns([3, 2])
        left.markdown("\n".join(f"- {plain(line)}" for line in preview.facts(found)))
        for note in (*found.notes, *notes_on(found, config.data, config.model)):
            left.warning(plain(tr("{note}.", note=tr_marked(note))))
        for sentence in preview.advice(found, config):
            left.info(plain(tr("{note}.", note=tr_marked(sentence))))
        try:
            sheet = preview.sheet(found, config)
        except (OSError, ValueError) as error:
            right.error(plain(tr("{error}.", error=error)))
            return
        right.image(
            pixels.png_bytes(sheet),
            tr("The pictures as the networks will see them"),
            width=_SHEET_WIDTH,
            output_format="PNG",
        )
