"""Home, and the list of pages."""

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
from studio import APP, open_page, texts, unescaped

from dcgan.figures import animations
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.icon import studio_icon
from dcgan.runs.run import Run


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
    app = open_page("home")
    (picture,) = [image.proto.imgs[0] for image in app.get("image")]
    assert picture.url.endswith(".gif")
    assert not app.info
    app.toggle(key="play").set_value(False).run()
    assert app.get("image")[0].proto.imgs[0].url.endswith(".png")
    assert "from epoch 0 to epoch 20" in texts(app)


@pytest.mark.slow
def test_the_animation_goes_from_the_first_grid_to_the_last(recordings):
    left, right = Run(recordings / "gan-mnist"), Run(recordings / "dcgan-mnist")
    steps = list(zip(left.sample_steps(), right.sample_steps(), strict=True))
    with Image.open(io.BytesIO(animations.side_by_side_gif(left, right, steps))) as gif:
        assert gif.size == (2 * 448 + animations.SIDE_GAP, 448 + 56)
        assert gif.n_frames > 25


@pytest.mark.slow
def test_without_recordings_the_page_has_its_text_and_links(runs_root, monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root / "none")
    app = open_page("home")
    (info,) = app.info
    assert "gan-mnist" in unescaped(info.value)
    assert "GAN" in app.markdown[0].value
    assert app.get("page_link")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan-mnist", "dcgan-mnist"])
def test_a_damaged_recording_is_named(recordings, name):
    run = Run(recordings / name)
    grid = run.sample_path(run.sample_steps()[-1])
    grid.write_bytes(b"no picture")
    assert grid.name in unescaped(open_page("home").info[0].value)
    (run.path / "status.json").write_text("{")
    assert "status.json" in unescaped(open_page("home").info[0].value)


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
def test_the_first_page_links_to_the_tour_and_to_all_others():
    app = open_page("home")
    links = [link.proto.page for link in app.get("page_link")]
    assert links == [entry.name for entry in PAGES if entry is not HOME]
    (tour,) = [html.proto.body for html in app.get("html")]
    assert 'href=".?tour=1"' in tour


def test_the_icon_has_both_networks_colors():
    icon_u8 = np.asarray(studio_icon(enlarge=2))
    assert (icon_u8.shape, icon_u8.dtype) == ((16, 16, 4), "uint8")
    assert icon_u8[0, 0].tolist() == [0x00, 0x72, 0xB2, 255]
    assert icon_u8[0, -1].tolist() == [0xD5, 0x5E, 0x00, 255]
