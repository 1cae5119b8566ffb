"""Home and Architectures, without a browser."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dcgan.figures import animations
from dcgan.files import CHECKPOINTS
from dcgan.presets import PRESETS
from dcgan.runs.run import Run

APP = str(Path(__file__).resolve().parents[2] / "streamlit_app.py")


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"dcgan/pages/{page}.py").run()
    assert not app.exception, app.exception[0].stack_trace
    return app


@pytest.fixture
def recordings(tmp_path, monkeypatch) -> Path:
    """Copies of the two recordings on the first page, to be damaged; without their weights."""
    for name in ("gan-mnist", "dcgan-mnist"):
        shutil.copytree(
            CHECKPOINTS / name, tmp_path / name, ignore=lambda folder, names: [n for n in names if "safetensors" in n]
        )
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path)
    return tmp_path


def test_the_first_page_plays_both_recordings():
    app = opened("home")
    (picture,) = [image.proto.imgs[0] for image in app.get("image")]
    assert picture.url.endswith(".gif")
    assert not app.info
    app.toggle[0].set_value(False).run()
    assert app.get("image")[0].proto.imgs[0].url.endswith(".png")
    assert "from epoch 0 to epoch 20" in "".join(caption.value for caption in app.caption)


def test_its_film_goes_from_the_first_grid_to_the_last(recordings):
    left, right = Run(recordings / "gan-mnist"), Run(recordings / "dcgan-mnist")
    steps = list(zip(left.sample_steps(), right.sample_steps(), strict=True))
    with Image.open(io.BytesIO(animations.side_by_side_gif(left, right, steps))) as film:
        assert film.size == (2 * 448 + animations.SIDE_GAP, 448 + 56)
        assert film.n_frames > 25


def test_without_recordings_the_text_stays(runs_root, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "none")
    app = opened("home")
    assert "cannot be shown" in app.info[0].value
    assert "generative adversarial network" in app.markdown[0].value


@pytest.mark.parametrize("name", ["gan-mnist", "dcgan-mnist"])
def test_a_damaged_recording_is_a_sentence(recordings, name):
    run = Run(recordings / name)
    run.sample_path(run.sample_steps()[-1]).write_bytes(b"no picture")
    assert "cannot be shown" in opened("home").info[0].value
    (run.path / "status.json").write_text("{")
    assert "cannot be shown" in opened("home").info[0].value


def test_the_first_page_imports_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({APP!r}, default_timeout=30).run(); "
        "sys.exit('torch' in sys.modules or app.title[0].value != 'DCGAN Studio')"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Architectures


def test_two_presets_side_by_side_with_their_differences_marked():
    app = opened("architectures")
    assert [box.value for box in app.selectbox] == ["gan", "dcgan"]
    tables = [each.value for each in app.dataframe]
    totals = [table["parameters"].sum() for table in tables]
    assert totals == [1_486_352, 312_256, 1_460_225, 109_440]
    assert set(tables[0][""]) == {"", "≠"}
    assert "**1,486,352** parameters" in [each.value for each in app.markdown]
    assert "From: MNIST GAN, the series' first article." in app.markdown[1].value


def test_a_preset_beside_itself_has_no_differences():
    app = opened("architectures", left="dcgan", right="dcgan")
    assert all(set(table.value[""]) == {""} for table in app.dataframe)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_shown(preset):
    app = opened("architectures", left=preset, right="gan")
    assert app.selectbox[0].value == preset
    assert len(app.get("graphviz_chart")) == 4
    assert (app.dataframe[0].value["parameters"].sum(), app.dataframe[2].value["parameters"].sum()) == (
        PRESETS[preset].parameters
    )


@pytest.mark.parametrize("value", ["<script>", "nan", "../gan", "9" * 400])
def test_a_hostile_address_is_a_sentence(value):
    app = opened("architectures", left=value)
    assert "in the address cannot be shown" in app.warning[0].value
    assert app.selectbox[0].value == "gan"
