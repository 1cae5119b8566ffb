"""The controls of a path from seed A to seed B, which views of the Explore page share."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dcgan.latents import MAX_SEED, PATHS

KEYS = ("a", "b", "n", "path", "label")

PATH_HELP = (
    "slerp turns at constant speed and keeps a norm that is typical of samples. lerp is the straight line. It passes "
    "points with a smaller norm, where training drew no z."
)


@dataclass(frozen=True)
class ChosenPath:
    """The path that the visitor has chosen, and the number of its images."""

    seed_a: int
    seed_b: int
    columns: int
    path: str


def choose_path() -> ChosenPath:
    """Show the controls of the path and return their values."""
    seeds = st.columns([2, 2, 3, 2])
    seed_a = seeds[0].number_input("Seed A", 0, MAX_SEED, 7, key="a", bind="query-params")
    seed_b = seeds[1].number_input("Seed B", 0, MAX_SEED, 42, key="b", bind="query-params")
    columns = seeds[2].slider("Columns", 2, 24, 10, key="n", bind="query-params")
    path = seeds[3].selectbox("Path", list(PATHS), key="path", bind="query-params", help=PATH_HELP)
    return ChosenPath(seed_a, seed_b, columns, path)
