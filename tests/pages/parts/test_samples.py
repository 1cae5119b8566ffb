"""The sample grids of one run, and their replay."""

from __future__ import annotations

import pytest
from recorded import record_run
from studio import button, button_keys, checked, open_page

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_a_replay_walks_from_the_first_grid_to_the_last_and_ends(only_own_runs):
    record_run(only_own_runs)
    app = open_page("train")
    checked(button(app, "replay").click().run())
    seen = [app.select_slider[0].value]
    for _ in range(5):
        checked(app.run())
        seen.append(app.select_slider[0].value)
    assert seen[-1] == 4
    assert sorted(set(seen)) == seen[: len(set(seen))]
    assert "replay" in button_keys(app)
    assert button(app, "replay").label == "Replay"
