"""The running demo: what it refuses, what it answers to wrong calls, and what it leaves behind.

The tests share one server, because starting one takes seconds.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from recorded import record_run
from servers import free_port

from dcgan.demo.limits import MAX_BODY_BYTES
from dcgan.files import PROJECT

pytestmark = pytest.mark.slow

MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}


class Server:
    """The demo in a process, with runs and temporary files of its own."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.run = record_run(folder / "runs")
        self.port = free_port()
        self.log = open(folder / "log.txt", "w+")  # noqa: SIM115 - the process writes it
        environment = os.environ | {
            "DCGAN_RUNS": str(folder / "runs"),
            "DCGAN_DEVICE": "cpu",
            "GRADIO_SERVER_PORT": str(self.port),
            "TMPDIR": str(self.temporary),
            "SPACE_ID": "",
        }
        command = [sys.executable, "gradio_app.py"]
        self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=self.log, stderr=self.log)
        give_up = time.monotonic() + 300
        while True:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < give_up, self.text()
            try:
                self.get("/config")
                return
            except OSError:
                time.sleep(0.2)

    def text(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text()[-5000:]

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None):
        """Return the status and the body of the response."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()

    def get(self, path: str):
        return self.request("GET", path)

    def post(self, path: str, value: Any):
        return self.request("POST", path, json.dumps(value), JSON)

    def call(self, endpoint: str, *values: Any):
        """Call an endpoint by the queue, and return "complete" or "error", and the answer."""
        status, body = self.post(f"/gradio_api/call/{endpoint}", {"data": list(values)})
        assert status == 200, body
        _, text = self.get(f"/gradio_api/call/{endpoint}/{json.loads(body)['event_id']}")
        event, data = text.decode().strip().split("\n")[-2:]
        return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("demo"))
    yield server
    if server.process.poll() is None:
        server.process.terminate()
        server.process.wait(60)
    server.log.close()


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/process_recording", "/gradio_api/component_server"],
)
def test_routes_for_files_are_closed(server, path):
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    assert server.request("POST", path, part, MULTIPART)[0] == 403
    assert server.get("/gradio_api/deep_link?session_hash=a")[0] == 403


def test_a_large_body_is_refused_before_it_is_read(server):
    large = b'{"data": ["' + b"x" * MAX_BODY_BYTES + b'"]}'
    assert server.request("POST", "/gradio_api/queue/join", large, JSON)[0] == 413
    chunks = (b"x" * 10_000 for _ in range(7))
    assert server.request("POST", "/gradio_api/queue/join", chunks, JSON)[0] == 413
    # The server answers from the header alone: nothing of the 300 MB is sent.
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.putrequest("POST", "/gradio_api/call/sample")
        connection.putheader("Content-Length", str(300 * 2**20))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_no_call_passes_the_queue(server):
    for path in ("/gradio_api/run/sample", "/gradio_api/api/sample"):
        assert server.post(path, {"data": [server.run.name, "0", ""]})[0] == 404


WRONG = [7, -1, 1.5, True, [], ["0"], [[]], {}, {"a": {"b": [None]}}, float("nan"), 10**400]


@pytest.mark.parametrize("seeds", [None, *WRONG], ids=lambda value: ascii(value)[:20])
def test_seeds_of_a_wrong_type_are_an_error_with_a_sentence(server, seeds):
    event, answer = server.call("sample", server.run.name, seeds, "")
    assert (event, answer["error"].startswith("seeds has to be a text")) == ("error", True)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: ascii(value)[:20])
def test_other_wrong_types_have_an_error_with_a_sentence_or_a_note(server, value):
    event, answer = server.call("sample", server.run.name, "0", value)
    assert (event, answer["error"].startswith("labels has to be")) == ("error", True) or value == []
    assert server.call("sample", value, "0", "")[1]["error"].startswith("There is no model")
    event, answer = server.call("interpolate", *[value] * 10)
    assert (event, len(answer[0]["notes"]) > 0) == ("complete", True)
    event, answer = server.call("nearest", *[value] * 4)
    assert (event, isinstance(answer["error"], str)) == ("error", True)


def test_too_few_values_and_calls_that_nothing_can_read_have_a_sentence(server):
    assert server.call("sample")[1]["error"] == "The call has 0 values; it takes 3."
    status, body = server.post("/gradio_api/call/v2/sample", {"sed": "0"})
    assert (status, list(json.loads(body))) == (500, ["error"])
    assert server.post("/gradio_api/call/v2/nothing", {})[0] == 500
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    event, answer = server.call("sample", file, file, file)
    assert (event, isinstance(answer["error"], str)) == ("error", True)


def test_a_temporary_folder_that_is_removed_changes_nothing(server):
    """Programs that tidy up a system remove it while the demo runs."""
    away = server.temporary.rename(server.temporary.with_name("away"))
    try:
        status, body = server.post("/view/open", {})
        files = [f"/view/{name}?model={server.run.name}" for name in ("strip.png", "animation.gif", "animation.mp4")]
        statuses = [server.get(file)[0] for file in files]
        path = server.call("interpolate", server.run.name, 3, 5, 4, "slerp", 0, "", False, "", "gif")
        sheet = server.call("sample", server.run.name, "0-3", "")
    finally:
        away.rename(server.temporary)
    assert (status, json.loads(body)["strip"]["url"][:10]) == (200, "view/strip")
    assert statuses == [200, 200, 200]
    assert (path[0], sheet[0]) == ("complete", "complete")


def test_the_page_and_its_files_leave_nothing_on_the_disk(server):
    """Gradio by itself writes every picture below the temporary folder, and never removes it."""
    status, body = server.post("/view/open", {})
    assert status == 200
    urls = [value["url"] for value in json.loads(body).values() if isinstance(value, dict) and "url" in value]
    pictures = [url for url in urls if url.startswith("data:image/png;base64,")]
    files = sorted({url for url in urls if not url.startswith("data:")})
    assert (len(pictures), [file.partition("?")[0] for file in files][:2]) == (
        3,
        ["view/animation.gif", "view/animation.mp4"],
    )
    for file in files:
        assert server.get(f"/{file}")[0] == 200
    server.process.terminate()
    server.process.wait(60)
    # Gradio makes this empty folder at its start.
    assert list(server.temporary.rglob("*")) == [
        server.temporary / name for name in ("gradio", "gradio/vibe_edit_history")
    ]
