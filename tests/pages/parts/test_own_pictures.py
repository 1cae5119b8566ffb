"""The panel of a folder's pictures on the Train page."""

from __future__ import annotations

import pytest
import tables
from own_images import photos
from studio import button, checked, open_page, texts, unescaped

from dcgan.locale.language import speaking
from dcgan.pages.parts import own_pictures
from dcgan.pages.parts.start import OWN_IMAGES
from dcgan.training import time_estimate

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_a_folder_sets_the_channels_and_shows_its_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    folder = photos(tmp_path / "own", 6)
    app = open_page("train", preset="dcgan")
    checked(app.selectbox(key="dcgan:data.name").select(OWN_IMAGES).run())
    checked(app.text_input(key="dcgan:folder").input(str(folder)).run())
    assert "--model.channels 3" in app.code[0].value
    assert "6 pictures in" in unescaped(texts(app))
    assert "channels is 3" in unescaped(texts(app))
    assert not button(app, "start").disabled
    own_pictures.surveyed.clear()
    for path in sorted(folder.iterdir())[3:]:
        path.unlink()
    checked(app.run())
    assert "holds 3 images" in unescaped(app.error[0].value)
    assert button(app, "start").disabled


@pytest.mark.slow
def test_a_table_has_the_same_panel_and_some_pictures_are_held_out(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    name = tables.parquet(tmp_path / "own.parquet", tables.dataset(0, 120))
    app = open_page("train", preset="pictures")
    checked(app.text_input(key="pictures:folder").input(name).run())
    assert "120 pictures in" in unescaped(texts(app))
    assert "channels is 3" in unescaped(texts(app))
    assert name in app.code[0].value
    assert "--data.holdout 0.133" in app.code[0].value
    assert not button(app, "start").disabled
    own_pictures.surveyed.clear()
    (tmp_path / "own.parquet").write_bytes(b"no table")
    checked(app.run())
    assert "own.parquet" in unescaped(app.error[0].value)
    assert button(app, "start").disabled


@pytest.mark.slow
def test_facts_and_notes_on_pictures_follow_the_language_of_each_visitor(tmp_path, monkeypatch, brackets):
    monkeypatch.setattr(time_estimate, "measure_in_background", lambda configs: None)
    folder = photos(tmp_path / "own", 6)
    (folder / "later.svg").write_bytes(b"<svg/>")
    for code in ("en", brackets, "en"):
        app = open_page("train", preset="pictures", lang=code)
        with speaking(code):  # AppTest looks for the data as they are shown
            checked(app.text_input(key="pictures:folder").input(str(folder)).run())
        opened = "⟦" * (code == brackets)
        assert f"{opened}6 pictures in {folder}" in texts(app)
        assert f"{opened}1 .svg files were left out; {opened}save them" in texts(app)
        assert not button(app, "start").disabled
