"""Streams of random numbers that are named by numbers, such as a seed and a pass. Imports no torch."""

from __future__ import annotations

import numpy as np


def random_state(entropy: list[int]) -> np.random.RandomState:
    """Return the stream of these numbers. NumPy's policy (NEP 19) freezes it, and a test guards the seeds."""
    return np.random.RandomState(np.random.SeedSequence(entropy).generate_state(1)[0])
