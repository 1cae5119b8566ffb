"""The attacks over the network see what leaks, fails or hangs: servers that do, on purpose."""

from __future__ import annotations

import contextlib
import http.server
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from nightly import demo_crowds, raw_requests, raw_sockets, run, web
from nightly.apps import App, Place, plant, serving
from nightly.attack import Setting
from nightly.raw_requests import Answer, request, send


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return plant(tmp_path_factory.mktemp("place"))


@contextlib.contextmanager
def answering(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """Answer all requests by a function, and yield the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self)

        do_GET = do_POST = answer  # noqa: N815 - http.server calls them so

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def reply(status: int, body: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def app(tmp_path) -> Iterator[App]:
    """A process that lives, on a port that each test sets."""
    log = tmp_path / "log.txt"
    log.write_text("its log")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield App("demo", 0, process, log)
        process.kill()


def failures_of(app: App, place: Place, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> list[str]:
    with answering(answer) as app.port:
        row = web.attacked(app, place, "paths", [web._path_case(app, "/../secret.txt")])
    assert row.cases == 1
    return list(row.failures)


PAGE = b"<html></html>"


def test_a_server_that_withstands_has_no_failure(place, app):
    assert failures_of(app, place, reply(200, PAGE)) == []


def test_each_secret_is_seen_wherever_it_was_planted(place, app):
    assert {"secret.txt", "program/secret.txt", "home/.ssh/id_rsa", "DCGAN_SECRET"} <= {*place.secrets} | {
        "secret.txt"
    }
    for where, secret in place.secrets.items():
        (failure,) = failures_of(app, place, reply(200, PAGE + secret.encode()))
        assert where in failure
        assert secret not in failure


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAGE + b"Traceback (most recent call last)"),
        (200, PAGE + b"root:x:0:0:root"),
        (500, b""),
        (500, b"Internal Server Error"),
    ],
)
def test_traces_and_errors_without_a_sentence_are_seen(place, app, status, body):
    assert "'GET /../secret.txt'" in failures_of(app, place, reply(status, body))[0]


def test_paths_of_the_server_are_seen(place, app):
    (failure,) = failures_of(app, place, reply(404, f"{place.program}/dcgan/x.py".encode() + PAGE))[:1]
    assert "path of the server" in failure


def test_a_server_that_ended_or_grew_is_seen(place, app):
    with answering(reply(200, PAGE)) as app.port:
        app.started_mb = -1000.0
        if sys.platform == "linux":
            assert "grew" in app.failures(place, most_mb=1)[0]
        app.process.communicate(b"\n")
        assert "ended with 0: its log" in app.failures(place, most_mb=1e9)[0]


def test_a_silent_server_hangs(place):
    with answering(lambda handler: time.sleep(1.0)) as port:
        answer = send(port, [request("GET", "/")], patience=0.2)
    assert web.problems(answer, place) == ["has no answer in time"]
    assert web.problems(Answer(0, b"", hung=False), place) == []


def test_a_socket_that_a_stranger_may_open_is_seen(place, app):
    with answering(reply(101, b"")) as port:
        cases = dict(raw_sockets.odd_sockets(port, random.Random(0), 5))
        assert ["origin" in name or "host" in name for name in cases] == [True] * 5
        for opened in cases.values():
            assert web.problems(opened(), place) == ["is open to the page of a stranger"]


def test_the_same_seed_sends_the_same_requests():
    def sent(seed: int) -> list:
        choice = random.Random(seed)
        climbing = list(raw_requests.paths(["/a=", "/"], ["/etc/passwd"], choice, 500))
        return [*climbing, *raw_requests.odd_requests(choice, ["/x", "/y"], 40)]

    assert sent(1) == sent(1) != sent(2)
    assert any("%252e%252e" in str(part) for part in sent(1))


def test_servers_end_with_their_block(place, tmp_path):
    (place.program / "gradio_app.py").write_text(
        "import http.server, os\n"
        "port = int(os.environ['GRADIO_SERVER_PORT'])\n"
        "http.server.HTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    processes = []
    with contextlib.suppress(KeyError), serving("demo", place, tmp_path) as app:
        processes.append(app.process)
        raise KeyError
    assert processes[0].poll() is not None
    (place.program / "gradio_app.py").write_text("raise SystemExit('no port')")
    with pytest.raises(RuntimeError, match="no port"), serving("demo", place, tmp_path):
        pass


@pytest.mark.parametrize(("status", "body", "word"), [(500, b"{}", "are errors"), (503, b"busy", "no result")])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
def test_errors_and_answers_that_never_come_are_seen(place, app, tmp_path, monkeypatch, status, body, word):
    config = {"components": [{"id": 1, "props": {"label": "Model", "value": "a"}}], "dependencies": []}

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            reply(200, json.dumps(config).encode() if handler.path == "/config" else PAGE)(handler)
        else:
            reply(status, body)(handler)

    monkeypatch.setattr(demo_crowds, "QUICK_SECONDS", 0.3)
    with answering(answer) as app.port:
        apps = SimpleNamespace(place=place, start=lambda name: app)
        monkeypatch.setattr(demo_crowds, "planted_apps", lambda folder: contextlib.nullcontext(apps))
        rows = list(demo_crowds.attack(Setting(tmp_path)))
    assert [row.name for row in rows] == ["demo: 1 client", "demo: 16 clients"]
    assert all(word in " ".join(row.failures) for row in rows)
    assert run.ROOT  # run.py puts benchmarks/ on the path, from which the clients come
