"""Pictures from the visitor's machine, on the Train page."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest
from PIL import Image
from recorded import TINY, record_run
from studio import button, checked, open_page, texts, unescaped

from dcgan.config import DataConfig
from dcgan.data import uploads
from dcgan.runs import launch

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("only_own_runs")]

FOLDER = "pictures:folder"


def picture(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (level, 0, 0)).save(file, "PNG")
    return file.getvalue()


def archive(count: int = 5) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for index in range(count):
            packed.writestr(f"cats/{index}.png", picture(40 * index))
    return file.getvalue()


def uploaded(files: list[tuple[str, bytes, str]]):
    app = open_page("train", preset="pictures")
    app.file_uploader[0].set_value(files)
    checked(app.run())
    return checked(button(app, f"{FOLDER}:save").click().run())


def test_an_uploaded_archive_is_chosen_shown_and_deleted():
    app = uploaded([("pets.zip", archive(), "application/zip")])
    (folder,) = uploads.uploads()
    assert app.text_input(key=FOLDER).value == str(folder)
    assert "5 pictures are in" in app.success[0].value
    assert not button(app, "start").disabled
    checked(button(app, f"{FOLDER}:{folder.name}:delete").click().run())
    assert uploads.uploads() == []
    assert button(app, "start").disabled


def test_several_pictures_are_one_folder():
    uploaded([(f"{index}.png", picture(50 * index), "image/png") for index in range(4)])
    (folder,) = uploads.uploads()
    assert len(list(folder.iterdir())) == 4


def test_a_file_without_pictures_is_a_sentence_and_leaves_nothing():
    app = uploaded([("pets.zip", b"no archive", "application/zip")])
    assert "Nothing was saved: there is no picture in the upload" in unescaped(app.error[0].value)
    assert uploads.uploads() == []


def test_without_a_file_there_is_nothing_to_save():
    assert button(open_page("train", preset="pictures"), f"{FOLDER}:save").disabled


def test_pictures_of_a_running_training_are_kept(only_own_runs, monkeypatch):
    uploaded([("pets.zip", archive(), "application/zip")])
    (folder,) = uploads.uploads()
    run = record_run(only_own_runs, replace(TINY, data=DataConfig(name=f"folder:{folder}")))
    monkeypatch.setattr(launch, "running", lambda *_: [run])
    app = open_page("train", preset="pictures")
    checked(button(app, f"{FOLDER}:{folder.name}:delete").click().run())
    assert folder.is_dir()
    assert "stop that training first" in unescaped(app.error[0].value)


def test_a_server_without_trainings_takes_no_pictures(monkeypatch):
    monkeypatch.setenv(launch.ALLOW_VARIABLE, "0")
    app = open_page("train", preset="pictures")
    assert not app.file_uploader
    assert "Upload pictures" not in texts(app)
