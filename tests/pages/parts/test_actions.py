"""The buttons of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recorded import TINY, record_run
from studio import button, button_keys, checked, choices, open_page, texts, unescaped

from dcgan.checkpoint import save_tensors
from dcgan.runs import launch

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


@pytest.mark.slow
def test_a_finished_run_can_be_trained_longer(only_own_runs, monkeypatch):
    run = record_run(only_own_runs)
    assert "train-longer" not in button_keys(open_page("train"))  # it has no state
    save_tensors(run.state_path, {}, {"step": 4})
    app = open_page("train")
    requests = []
    monkeypatch.setattr(launch, "resume", lambda run, *, epochs: requests.append((run, epochs)))
    checked(button(app, "train-longer").click().run())
    (field,) = (field for field in app.number_input if field.key.startswith("epochs:"))
    assert (field.value, field.min) == (4, 3)
    checked(field.set_value(3).run())
    checked(button(app, "train-longer").click().run())
    assert requests == [(run, 4), (run, 3)]


@pytest.mark.slow
def test_a_refusal_to_train_longer_is_shown(only_own_runs, monkeypatch):
    run = record_run(only_own_runs)
    save_tensors(run.state_path, {}, {"step": 4})
    app = open_page("train")
    monkeypatch.setenv("DCGAN_MAX_RUNNING", "0")
    checked(button(app, "train-longer").click().run())
    assert "0 of at most 0 trainings" in unescaped(app.error[0].value)
    assert run.config() == TINY


@pytest.mark.slow
def test_a_run_whose_rates_have_fallen_says_that_it_keeps_its_length(only_own_runs):
    run = record_run(only_own_runs, replace(TINY, lr_decay=0.5))
    save_tensors(run.state_path, {}, {"step": 4})
    app = open_page("train")
    assert "train-longer" not in button_keys(app)
    assert "began to fall at step 3 of its 4" in texts(app)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["train", "compare"])
def test_an_extended_run_says_what_its_length_was(only_own_runs, page):
    run = record_run(only_own_runs)
    run.change_epochs(5, 4)
    app = open_page(page)
    tables = "".join(str(table.value) for table in app.table)
    assert "planned for 2 epochs until step 4" in unescaped(texts(app) + tables)
