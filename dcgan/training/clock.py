"""The clock of a training, which never goes back."""

from __future__ import annotations

import time

RESOLUTION_SECONDS = 0.001
"""The least time between two rows. Some clocks of Windows show one time for 16 milliseconds."""


class Clock:
    """Counts the seconds since it was made.

    A clock that goes back, as on some virtual machines, would give rows before the training, and no save for hours.
    Such a jump counts as no time.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds so far. No later call returns less."""
        now = time.monotonic()
        self._seconds += max(0.0, now - self._last)
        self._last = now
        return self._seconds
