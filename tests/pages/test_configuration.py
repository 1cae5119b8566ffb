"""What .streamlit/config.toml closes, which is other machines, uploads and traces; and what it saves."""

from __future__ import annotations

import re
import tomllib
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.web.server.starlette import starlette_websocket
from streamlit.web.server.starlette.starlette_routes import create_upload_routes

from dcgan.files import PROJECT

OPTIONS = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())


def test_only_this_machine_reaches_the_studio_and_visitors_see_no_trace():
    assert OPTIONS["server"]["address"] == "localhost"
    assert OPTIONS["client"]["showErrorDetails"] == "none"
    # The image serves others, and lets them only look.
    image = (PROJECT / "deploy" / "streamlit" / "Dockerfile").read_text()
    assert "--server.address=0.0.0.0" in image
    assert "--server.allowedHosts=*" in image
    assert "DCGAN_ALLOW_TRAINING=0" in image


def test_a_refresh_does_not_search_the_whole_memory_for_garbage():
    assert OPTIONS["runner"]["postScriptGC"] is False
    assert config.get_option("runner.postScriptGC") in (True, False), "Streamlit has no such option any more"


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost"])
def test_this_machine_opens_the_studio_by_its_own_names(monkeypatch, host):
    allow_hosts(monkeypatch)
    assert starlette_websocket._is_origin_allowed(f"http://{host}", host)


@pytest.mark.parametrize(
    "host", ["evil.example:8501", "localhost.evil.example", "localhost@evil.example", "192.0.2.1", ""]
)
def test_a_name_of_a_stranger_does_not_open_the_studio(monkeypatch, host):
    """A website whose name leads to this machine sends its own name as host and as origin."""
    allow_hosts(monkeypatch)
    assert not starlette_websocket._is_origin_allowed(f"http://{host}", host)


def allow_hosts(monkeypatch) -> None:
    values = {"server.allowedHosts": OPTIONS["server"]["allowedHosts"], "server.enableCORS": True}
    original = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: values.get(name, original(name)))


def test_a_message_cannot_fill_the_memory():
    assert OPTIONS["server"]["maxMessageSize"] <= 32
    assert OPTIONS["server"]["maxWidgetStateSize"] <= 1


def test_a_page_of_this_machine_takes_files_of_a_bounded_size():
    assert 0 < OPTIONS["server"]["maxUploadSize"] <= 64
    assert OPTIONS["server"].get("enableXsrfProtection", True), "else any website could upload"


@pytest.mark.parametrize("size", [0, 1, 2**20 + 2**10])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_nothing_that_a_visitor_of_the_image_uploads_is_held(monkeypatch, size, is_chunked):
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    routes = create_upload_routes(SimpleNamespace(is_active_session=lambda session: True), manager, None)
    dockerfile = (PROJECT / "deploy" / "streamlit" / "Dockerfile").read_text(encoding="utf-8")
    limit = int(re.findall(r'"--server\.maxUploadSize=(\d+)"', dockerfile)[0])
    values = {"server.maxUploadSize": limit, "server.enableXsrfProtection": False, "server.enableCORS": False}
    original = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: values.get(name, original(name)))
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"x" * size + b"\r\n--b--\r\n"
    with TestClient(Starlette(routes=routes)) as client:
        response = client.put(
            "/_stcore/upload_file/session/file",
            content=iter([body]) if is_chunked else body,
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    held = sum(len(file.data) for file in manager.file_storage["session"].values())
    assert held == 0
    assert response.status_code == 413 or (size == 0 and is_chunked)
