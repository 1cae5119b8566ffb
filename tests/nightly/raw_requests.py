"""Requests as bytes, which no library would send, and their answers as bytes."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

SILENCE_SECONDS = 1.0
"""A stream that is silent for so long has sent its answer."""
MOST_BYTES = 8 * 2**20


class Answer(NamedTuple):
    """What came back."""

    status: int
    """0 where the server closed the connection without an answer."""
    data: bytes
    """With the head."""
    hung: bool
    """Whether nothing at all came within the time."""


def send(port: int, parts: Sequence[bytes], *, pause: float = 0.0, patience: float = 120.0) -> Answer:
    """Send bytes, part by part, and return what the server answers within `patience` seconds."""
    data = b""
    hung = False
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), patience)) as connection:
        with contextlib.suppress(OSError):  # a server may refuse before it has read everything
            for number, part in enumerate(parts):
                time.sleep(pause if number else 0.0)
                connection.sendall(part)
        give_up = time.monotonic() + patience
        try:
            while len(data) < MOST_BYTES and time.monotonic() < give_up:
                connection.settimeout(SILENCE_SECONDS if data else patience)
                received = connection.recv(65536)
                if not received:
                    break
                data += received
        except TimeoutError:
            hung = not data
        except OSError:  # the server reset the connection
            pass
    first = data.split(b"\r\n", 1)[0].split()
    return Answer(int(first[1]) if len(first) > 1 and first[1].isdigit() else 0, data, hung)


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, host: str = "127.0.0.1"
) -> bytes:
    """Return a request whose connection ends with it. The path and the headers are sent as they are."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    named = {name.lower() for name in headers or {}}
    if body and not named & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


TARGETS = (
    *("secret.txt", ".env", "gradio_app.py", ".streamlit/config.toml", "../secret.txt", "../home/secret.txt"),
    *("../home/.ssh/id_rsa", "../temporary/secret.txt", "../runs/secret.txt", "../runs/linked/log.txt"),
    *("../outside/secret-run/log.txt", "../../../../../../../../etc/passwd", "../../../../../../proc/self/environ"),
)
"""Files that no visitor may get, relative to the folder of the program."""

ENCODINGS: Mapping[str, Mapping[str, str]] = {
    "plain": {},
    "dots": {"..": "%2e%2e"},
    "slashes": {"/": "%2f"},
    "both": {"..": "%2e%2e", "/": "%2f"},
    "twice": {"..": "%252e%252e", "/": "%252f"},
    "backslash": {"/": "\\"},
    "encoded backslash": {"/": "%5c"},
    "overlong": {"..": "%c0%ae%c0%ae", "/": "%c0%af"},
    "doubled": {"..": "....", "/": "//"},
    "semicolon": {"..": "..;"},
    "null": {"secret": "secret%00"},
    "capital": {"..": "%2E%2E", "/": "%2F"},
}


def paths(prefixes: Sequence[str], absolute: Sequence[str], choice: random.Random, number: int) -> Iterator[str]:
    """Yield so many addresses that climb out of a folder, in random order; later ones mix encodings."""
    targets = [*TARGETS, *absolute]
    every = [(prefix, target, code) for prefix in prefixes for target in targets for code in ENCODINGS]
    choice.shuffle(every)
    for prefix, target, code in every[:number]:
        yield prefix + encoded(target, ENCODINGS[code])
    for _ in range(number - len(every)):
        parts = "/".join(
            encoded(part, choice.choice(list(ENCODINGS.values()))) for part in choice.choice(targets).split("/")
        )
        climb = encoded("../" * choice.randrange(9), choice.choice(list(ENCODINGS.values())))
        yield f"{choice.choice(prefixes)}{climb}{parts}{choice.choice(ENDINGS)}"


ENDINGS = ("", "?x", "#", "/", "%20", ".png", "::$DATA")


def encoded(text: str, replacements: Mapping[str, str]) -> str:
    """Return the text with these replacements, one after the other."""
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text


def odd_requests(choice: random.Random, addresses: Sequence[str], number: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yield a description and the parts of requests that are wrong in themselves: methods, headers, bodies."""
    json = {"Content-Type": "application/json"}
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="../../x"\r\n\r\n' + b"x" * 2**16
    makers = {
        "method": lambda path: [request(choice.choice(METHODS), path, b"{}", json)],
        "large header": lambda path: [
            request("GET", path, headers={"X-Large": "x" * choice.choice([9_000, 300_000])})
        ],
        "many headers": lambda path: [request("GET", path, headers={f"X-{i}": "x" for i in range(2_000)})],
        "wrong host": lambda path: [request("GET", path, host=choice.choice(HOSTS))],
        "wrong origin": lambda path: [request("POST", path, b"{}", json | {"Origin": "http://evil.example"})],
        "wrong length": lambda path: [
            request("POST", path, b"{}", json | {"Content-Length": choice.choice(LENGTHS)})
        ],
        "both lengths": lambda path: [
            request("POST", path, b"0\r\n\r\n", json | {"Content-Length": "5", "Transfer-Encoding": "chunked"})
        ],
        "large body": lambda path: [request("POST", path, b"x" * 2**21, json)],
        "large chunks": lambda path: [
            request("POST", path, headers=json | {"Transfer-Encoding": "chunked"}),
            *[b"100000\r\n" + b"x" * 2**20 + b"\r\n"] * 4,
            b"0\r\n\r\n",
        ],
        "bad chunk": lambda path: [request("POST", path, b"ZZ\r\nx\r\n", json | {"Transfer-Encoding": "chunked"})],
        "upload": lambda path: [request(choice.choice(["POST", "PUT"]), path, part + b"\r\n--b--\r\n", multipart)],
        "wrong json": lambda path: [request("POST", path, choice.choice(BODIES), json)],
        "form": lambda path: [
            request("POST", path, b"data=1&data=2", {"Content-Type": "application/x-www-form-urlencoded"})
        ],
        "garbage": lambda path: [choice.randbytes(choice.randrange(1, 3_000)) + b"\r\n\r\n"],
        "cut off": lambda path: [request("POST", path, b"{}", json)[: choice.randrange(5, 60)]],
        "range": lambda path: [request("GET", path, headers={"Range": "bytes=0-0,-1,5-2,99999999999999999999-"})],
        "forwarded": lambda path: [request("GET", path, headers=FORWARDED)],
    }
    names = list(makers)
    for index in range(number):
        name = names[index] if index < len(names) else choice.choice(names)
        path = choice.choice(list(addresses))
        yield f"{name} {path}", makers[name](path)


METHODS = ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "OPTIONS", "HEAD", "POST", "FOO", "get")
HOSTS = ("evil.example", "127.0.0.1:1", "a b", "", "[::1", "localhost@evil.example", "x" * 5_000)
LENGTHS = ("-1", "99999999999999999999", "1e3", "5, 5", "", "0x2")
FORWARDED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "127.0.0.1, ::1",
    "X-Forwarded-Proto": "javascript",
    "X-Original-URL": "/etc/passwd",
    "Cookie": "access-token=../../secret; _streamlit_user=x; a=" + "x" * 4_000,
}
BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"3",
    b'"x"',
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"1" * 60_000,
    b'{"data": 1e999999, "fn_index": 1e999}',
    b'{"data": ["\\ud800"], "fn_index": -1, "session_hash": {"a": []}}',
    b'{"data": null, "fn_index": null, "session_hash": null, "event_data": 7, "trigger_id": []}',
    b'{"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}], "fn_index": 0, "session_hash": "s"}',
    b'{"model": "../../outside/secret-run", "seed_a": 1}',
    b'{"model": ["x"], "keys": {"a": 1}, "labels": 1e308, "link": [], "t": "NaN"}',
    b'{"\\u0000": "\\u0000", "__proto__": {"x": 1}}',
)
