"""The Streamlit pages on every kind of run, without a browser."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import record_run
from streamlit.testing.v1 import AppTest

from dcgan.runs import Run

APP = str(Path(__file__).resolve().parent.parent / "streamlit_app.py")


@pytest.fixture
def only_own_runs(runs_root, monkeypatch) -> Path:
    """The pages see no published model, so that a test decides what there is."""
    monkeypatch.setattr("dcgan.runs.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    return runs_root


def open_app() -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30).run()
    assert not app.exception
    return app


def captions(app: AppTest) -> list[str]:
    """Of every picture on the page, all of which must be lossless."""
    pictures = [image.proto.imgs[0] for image in app.get("image")]
    assert all(picture.url.endswith(".png") for picture in pictures)
    return [picture.caption for picture in pictures]


def test_without_runs_the_page_says_how_to_make_one(only_own_runs):
    assert "python -m dcgan train" in open_app().info[0].value


def test_two_runs_stand_side_by_side_and_the_slider_moves_both(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    app = open_app()
    app.selectbox(key="right").select(second.name).run()
    assert [box.value for box in app.selectbox] == [first.name, second.name]
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 2: 16 images seen"] * 2
    app.slider(key="at").set_value(0).run()
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 0: 0 images seen"] * 2
    assert not app.exception


def test_the_curves_are_the_recorded_losses(only_own_runs):
    run = record_run(only_own_runs)
    app = open_app()
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    traces = {trace["name"]: trace for trace in figure["data"]}
    drawn = np.frombuffer(base64.b64decode(traces["discriminator"]["y"]["bdata"]))
    assert drawn.tolist() == [row.d_loss for row in run.progress()[0]]


def damage_config(run: Run) -> None:
    (run.path / "config.json").write_text('{"preset": "dcgan", "config": {"format": 99}}')


def damage_status(run: Run) -> None:
    (run.path / "status.json").write_text("{")


def damage_grid(run: Run) -> None:
    run.sample_path(4).write_bytes(b"no picture")


def forget_status(run: Run) -> None:
    (run.path / "status.json").unlink()


@pytest.mark.parametrize("damage", [damage_config, damage_status, damage_grid, forget_status])
def test_a_damaged_run_is_a_sentence_and_the_page_lives_on(only_own_runs, damage):
    whole, broken = record_run(only_own_runs), record_run(only_own_runs)
    damage(broken)
    app = open_app()
    app.selectbox(key="right").select(broken.name).run()
    assert not app.exception
    assert broken.name in app.warning[0].value
    (caption,) = captions(app)
    assert whole.name in caption


def test_pages_that_read_runs_import_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"AppTest.from_file({APP!r}, default_timeout=30).run(); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
