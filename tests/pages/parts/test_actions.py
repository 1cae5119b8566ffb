"""The buttons of a run."""

from __future__ import annotations

import pytest
from recorded import record_run
from studio import button, checked, choices, open_page, unescaped

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_a_run_can_be_renamed_and_deleted(only_own_runs):
    run, other = record_run(only_own_runs), record_run(only_own_runs)
    app = open_page("train", run=run.name)
    checked(app.text_input(key=f"name:{run.path}").input("mine").run())
    checked(button(app, "rename").click().run())
    assert (only_own_runs / "mine" / "config.json").exists()
    assert choices(app)["run"] == "mine"
    checked(app.text_input(key=f"name:{only_own_runs / 'mine'}").input("../up").run())
    checked(button(app, "rename").click().run())
    assert "'../up'" in unescaped(app.error[0].value)
    checked(button(app, "delete").click().run())
    assert not (only_own_runs / "mine").exists()
    assert other.path.exists()
