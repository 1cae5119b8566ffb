"""Home and Architectures, without a browser."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dcgan.figures import animations
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.icon import studio_icon
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
    """Copy the two recordings of the first page, without their weights, so that a test can damage them."""
    for name in ("gan-mnist", "dcgan-mnist"):
        shutil.copytree(
            CHECKPOINTS / name, tmp_path / name, ignore=lambda folder, names: [n for n in names if "safetensors" in n]
        )
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_first_page_plays_both_recordings():
    app = opened("home")
    (picture,) = [image.proto.imgs[0] for image in app.get("image")]
    assert picture.url.endswith(".gif")
    assert not app.info
    app.toggle(key="play").set_value(False).run()
    assert app.get("image")[0].proto.imgs[0].url.endswith(".png")
    assert "from epoch 0 to epoch 20" in "".join(caption.value for caption in app.caption)


@pytest.mark.slow
def test_its_animation_goes_from_the_first_grid_to_the_last(recordings):
    left, right = Run(recordings / "gan-mnist"), Run(recordings / "dcgan-mnist")
    steps = list(zip(left.sample_steps(), right.sample_steps(), strict=True))
    with Image.open(io.BytesIO(animations.side_by_side_gif(left, right, steps))) as gif:
        assert gif.size == (2 * 448 + animations.SIDE_GAP, 448 + 56)
        assert gif.n_frames > 25


@pytest.mark.slow
def test_without_recordings_the_text_stays(runs_root, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "none")
    app = opened("home")
    assert "cannot be shown" in app.info[0].value
    assert "generative adversarial network" in app.markdown[0].value


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan-mnist", "dcgan-mnist"])
def test_a_damaged_recording_is_a_sentence(recordings, name):
    run = Run(recordings / name)
    run.sample_path(run.sample_steps()[-1]).write_bytes(b"no picture")
    assert "cannot be shown" in opened("home").info[0].value
    (run.path / "status.json").write_text("{")
    assert "cannot be shown" in opened("home").info[0].value


@pytest.mark.slow
def test_the_first_page_imports_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({APP!r}, default_timeout=30).run(); "
        "sys.exit('torch' in sys.modules or app.title[0].value != 'DCGAN Studio')"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# The list of pages


def test_every_page_of_the_list_has_a_file_and_a_material_icon():
    assert PAGES[0] is HOME
    folder = Path(APP).parent / "dcgan" / "pages"
    assert {entry.path for entry in PAGES} == {f"dcgan/pages/{file.name}" for file in folder.glob("[!_]*.py")}
    assert all(re.fullmatch(r":material/[a-z_]+:", entry.icon) for entry in PAGES)


@pytest.mark.slow
def test_the_first_page_links_to_all_others():
    links = [link.proto.page for link in opened("home").get("page_link")]
    assert links == [entry.name for entry in PAGES if entry is not HOME]


def test_the_icon_has_both_networks_colors():
    icon_u8 = np.asarray(studio_icon(enlarge=2))
    assert (icon_u8.shape, icon_u8.dtype) == ((16, 16, 4), "uint8")
    assert icon_u8[0, 0].tolist() == [0x00, 0x72, 0xB2, 255]
    assert icon_u8[0, -1].tolist() == [0xD5, 0x5E, 0x00, 255]


# Architectures

DIFFERENT = "≠"


def parameters(table) -> int:
    """Return the sum of the column, whose numbers have separators."""
    return sum(int(text.replace(",", "")) for text in table.value["parameters"])


@pytest.mark.slow
def test_two_presets_side_by_side_with_their_differences_marked():
    app = opened("architectures")
    assert [box.value for box in app.selectbox] == ["gan", "dcgan"]
    assert [parameters(table) for table in app.table] == [1_486_352, 312_256, 1_460_225, 109_440]
    assert {layer.startswith(DIFFERENT) for layer in app.table[0].value["layer"]} == {True, False}
    assert "**1,486,352** parameters" in [element.value for element in app.markdown]
    assert PRESETS["gan"].source in app.markdown[1].value


def test_a_preset_beside_itself_has_no_differences():
    app = opened("architectures", left="dcgan", right="dcgan")
    assert not [layer for table in app.table for layer in table.value["layer"] if layer.startswith(DIFFERENT)]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_shown(preset):
    app = opened("architectures", left=preset, right="gan")
    assert app.selectbox[0].value == preset
    assert len(app.get("graphviz_chart")) == 4
    assert (parameters(app.table[0]), parameters(app.table[2])) == PRESETS[preset].parameters


@pytest.mark.slow
@pytest.mark.parametrize("value", ["<script>", "nan", "../gan", "9" * 400])
def test_a_hostile_address_is_a_sentence(value):
    app = opened("architectures", left=value)
    assert "in the address cannot be shown" in app.warning[0].value
    assert app.selectbox[0].value == "gan"
