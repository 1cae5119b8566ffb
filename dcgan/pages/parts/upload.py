"""Take pictures from the visitor's machine into a folder, and delete such folders. Imports no torch."""

from __future__ import annotations

import shutil
from pathlib import Path

import streamlit as st

from dcgan.data import uploads
from dcgan.data.uploads import UploadError, delete_upload, save_upload, uploads_root
from dcgan.locale.language import tr
from dcgan.pages.parts.address import plain
from dcgan.runs import launch

_MESSAGE = "upload-message"
_EXTENSIONS = ["zip", "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]


def upload_panel(folder_key: str) -> None:
    """Show the field for files, and the uploaded folders. A new one becomes the value of the widget `folder_key`.

    Shows nothing where no training can be started.
    """
    if launch.forbidden():
        return
    with st.expander(tr("Upload pictures"), icon=":material/upload:"):
        st.caption(
            tr(
                "Choose pictures, or a zip archive of them. Folders in an archive are classes. Only pixels are kept, "
                "at most {side} wide and high.",
                side=uploads.MAX_SIDE,
            )
        )
        files = st.file_uploader(
            tr("Pictures or a zip archive"), _EXTENSIONS, accept_multiple_files=True, key=f"{folder_key}:files"
        )
        st.button(
            tr("Use these pictures"),
            key=f"{folder_key}:save",
            disabled=not files,
            on_click=_save_clicked,
            args=(folder_key,),
        )
        if message := st.session_state.pop(_MESSAGE, None):
            kind, text = message
            (st.error if kind == "error" else st.success)(plain(text))
        for folder in uploads.uploads():
            _show_upload(folder, folder_key)


def _save_clicked(folder_key: str) -> None:
    """Write the uploaded pictures before the page is drawn again, so that the page shows the new folder."""
    files = st.session_state.get(f"{folder_key}:files") or []
    name = Path(files[0].name).stem if len(files) == 1 else "pictures"
    try:
        with st.spinner(tr("Reading the pictures ...")):
            upload = save_upload([(file.name, file) for file in files], name)
    except UploadError as error:
        st.session_state[_MESSAGE] = ("error", tr("Nothing was saved: {error}.", error=error))
        return
    except OSError as error:
        reason = error.strerror or str(error)
        text = tr("Nothing was saved in {folder}: {reason}.", folder=uploads_root(), reason=reason)
        st.session_state[_MESSAGE] = ("error", text)
        return
    saved = tr("{count:,} pictures are in {folder}.", count=upload.count, folder=upload.folder)
    sentences = (f"{note[0].upper()}{note[1:]}" for note in upload.notes)
    notes = [tr("{note}.", note=sentence) for sentence in sentences]
    st.session_state[_MESSAGE] = ("success", " ".join([saved, *notes]))
    st.session_state[folder_key] = str(upload.folder)


def _show_upload(folder: Path, folder_key: str) -> None:
    left, middle, right = st.columns([4, 1, 1], vertical_alignment="center")
    left.markdown(plain(folder.name))
    key = f"{folder_key}:{folder.name}"
    middle.button(tr("Use"), key=f"{key}:use", on_click=_use_clicked, args=(folder, folder_key), width="stretch")
    with right.popover(tr("Delete"), width="stretch"):
        st.button(tr("Delete these pictures"), key=f"{key}:delete", on_click=_delete_clicked, args=(folder,))


def _use_clicked(folder: Path, folder_key: str) -> None:
    st.session_state[folder_key] = str(folder)


def _delete_clicked(folder: Path) -> None:
    try:
        _check_unused(folder)
        delete_upload(folder)
    except (UploadError, OSError, shutil.Error) as error:
        text = tr("{folder} was not deleted: {error}.", folder=folder.name, error=error)
        st.session_state[_MESSAGE] = ("error", text)
        return
    st.session_state[_MESSAGE] = ("success", tr("{folder} was deleted.", folder=folder.name))


def _check_unused(folder: Path) -> None:
    """Raise UploadError where a training that runs reads the folder."""
    for run in launch.running():
        name = run.config().data.name
        if name.startswith("folder:") and Path(name.removeprefix("folder:")).resolve() == folder.resolve():
            raise UploadError(tr("{run} is trained on it; stop that training first", run=run.name))
