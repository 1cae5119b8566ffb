"""The controls of a path from A to B, which views of the Explore page share. An end is a seed or a latent vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dcgan.latents import MAX_SEED, PATHS, Vectors
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.models.browser import why_not_in_browser
from dcgan.pages.parts.address import plain, spell_labels
from dcgan.pages.parts.explore_pictures import label_choice
from dcgan.pages.parts.visitor_language import chosen_language
from dcgan.runs.run import Run
from dcgan.sampling.class_names import label_text
from dcgan.sampling.link import ShareLink, with_language
from dcgan.sampling.link_fields import text_of_halves

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = ("a", "b", "za", "zb", "n", "path", "label", "labelb")

PATH_HELP = tr_later(
    "slerp turns at constant speed and keeps a norm that is typical of samples. lerp is the straight line. It passes "
    "points with a smaller norm, where training drew no z."
)

_LABELS = "labels-of-the-walk"
"""Key in the session -> labels of ends that another view has set, until their widgets are there."""


@dataclass(frozen=True)
class ChosenPath:
    """The path that the visitor has chosen, and the number of its images."""

    seed_a: int
    seed_b: int
    columns: int
    path: str
    z_a: str = ""
    """A latent vector that replaces that of the seed, as an address carries it; empty: none."""
    z_b: str = ""

    @property
    def name_a(self) -> str:
        """Return what A is, as a part of a title."""
        return _end_text(self.seed_a, self.z_a)

    @property
    def name_b(self) -> str:
        """Return what B is."""
        return _end_text(self.seed_b, self.z_b)

    def link(
        self, run: Run, generator: TrainedGenerator, labels: tuple[int, ...], t: float = 0.0
    ) -> tuple[ShareLink, list[str]]:
        """Return the link that draws this path by the generator, and a sentence for each change."""
        from dcgan.sampling.rendering import fit_latents

        link = ShareLink(
            model=run.name,
            weights_id=generator.weights_id,
            seed_a=self.seed_a,
            seed_b=self.seed_b,
            frames=self.columns,
            path=self.path,
            t=t,
            labels=labels,
            z_a=self.z_a,
            z_b=self.z_b,
        )
        return fit_latents(link, generator)


def _end_text(seed: int, z: str) -> str:
    return tr("own image") if z else tr("seed {seed}", seed=seed)


def choose_path() -> ChosenPath:
    """Show the controls of the path and return their values."""
    seeds = st.columns([2, 2, 3, 2])
    with seeds[0]:
        seed_a = _choose_seed("A", 7)
    with seeds[1]:
        seed_b = _choose_seed("B", 42)
    columns = seeds[2].slider(tr("Columns"), 2, 24, 10, key="n", bind="query-params")
    path = seeds[3].selectbox(tr("Path"), list(PATHS), key="path", bind="query-params", help=tr_marked(PATH_HELP))
    z_a, z_b = _latent("za", seed_a), _latent("zb", seed_b)
    for end, key, text, seed in (("A", "za", z_a, seed_a), ("B", "zb", z_b, seed_b)):
        if text:
            _show_latent(end, key, seed)
    return ChosenPath(seed_a, seed_b, columns, path, z_a, z_b)


def _choose_seed(end: str, default: int) -> int:
    key = end.lower()
    # Another seed replaces a latent vector of the address.
    changed = partial(forget_latent, f"z{key}")
    label = tr("Seed {end}", end=end)
    return st.number_input(label, 0, MAX_SEED, default, key=key, bind="query-params", on_change=changed)


def choose_labels(generator: TrainedGenerator) -> tuple[int, ...]:
    """Show the labels of A and of B where the model is conditional; return none, one for both, or two."""
    count = generator.config.num_classes
    pending: dict[str, int] = st.session_state.pop(_LABELS, {})
    if not count:
        return ()
    for key, label in pending.items():
        if 0 <= label < count:
            st.session_state[key] = label
    left, right = st.columns(2)
    with left:
        label = label_choice(generator)

    def named(choice: int | None) -> str:
        return tr("the same") if choice is None else label_text(choice, classes=generator.classes)

    spell_labels("labelb", generator.classes, count)
    choices = [None, *range(count)]
    other = right.selectbox(tr("Label at B"), choices, format_func=named, key="labelb", bind="query-params")
    return (label,) if other in (None, label) else (label, other)


# Latent vectors in the address


def use_latent(key: str, text: str, label: int | None) -> None:
    """Make a latent vector the end "za" or "zb" of the path, with the label that it was found for."""
    st.query_params[key] = text
    if label is not None:
        st.session_state.setdefault(_LABELS, {})["label" if key == "za" else "labelb"] = label


def forget_latent(key: str) -> None:
    """Make the end of the path that of its seed again."""
    if key in st.query_params:
        del st.query_params[key]


def has_latent(key: str) -> bool:
    """Return whether the address has a latent vector for the end "za" or "zb"."""
    return bool(_parsed(key))


def _parsed(key: str) -> str:
    return ShareLink.rows()["z_a"].parse(st.query_params.get(key, "")) or ""


def _latent(key: str, seed: int) -> str:
    """Return the latent vector of the address as text; empty where it has none that is valid."""
    text = _parsed(key)
    # What the page compares with the address, and names if the address is refused.
    st.session_state[key] = text or tr("seed {seed}", seed=seed)
    return text


def _show_latent(end: str, key: str, seed: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(plain(tr("{end} is your own image, and not seed {seed}.", end=end, seed=seed)))
        label = tr("Use seed {seed} as {end}", seed=seed, end=end)
        st.button(label, key=f"{key}-off", on_click=forget_latent, args=(key,))


def offer_ends(generator: TrainedGenerator, z: Vectors, label: int | None) -> None:
    """Show buttons that make the latent vector (Z,) an end of a walk, and one that opens the walk."""
    try:
        text = text_of_halves([float(number) for number in z])
    except ValueError as error:
        st.info(plain(tr("This latent vector cannot be an end of a walk: {error}.", error=error)))
        return
    view = "Time machine" if why_not_in_browser(generator.config) else "Live"
    with st.container(horizontal=True):
        for end, key in (("A", "za"), ("B", "zb")):
            caption = tr("Use as {end}", end=end)
            st.button(caption, key=f"use-{key}", on_click=use_latent, args=(key, text, label))
        used = has_latent("za") or has_latent("zb")
        st.button(tr("Open the walk"), key="open-walk", on_click=partial(open_view, view), disabled=not used)
    ends = [end for end, key in (("A", "za"), ("B", "zb")) if st.query_params.get(key) == text]
    if ends == ["A", "B"]:
        st.caption(tr("This image is both ends of the walk. Draw another one for B, or choose a seed there."))
    elif ends:
        st.caption(tr("This image is now {end} of the walk. The address of this page carries it.", end=ends[0]))


def open_view(view: str) -> None:
    """Open another view of the page, by its English name."""
    st.session_state["view"] = view


def in_chosen_language(address: str) -> str:
    """Return the address of a share link in the language that the visitor chose. Without a choice it stays."""
    return with_language(address, chosen_language().get("lang", ""))
