"""Let visitors of one server take turns: work that fills the processors is done for one of them at a time."""

from __future__ import annotations

import threading

one_at_a_time = threading.Lock()
"""Hold it while something is computed that takes longer than a picture. Do not hold it while waiting for anything."""
