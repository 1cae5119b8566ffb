"""WebSocket connections to the studio as bytes: wrong handshakes, frames and messages, and pages that open."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping

from nightly.raw_requests import Answer, request, send

STREAM = "/_stcore/stream"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
VISIT_SECONDS = 180.0
OPENED = 101
"""The status of a connection that opened, though a stranger's page asked for it."""
ALLOWED = 102
"""The status of one that may open, such as a program's own."""


def handshake(*, host: str = "", origin: str = "", protocol: str = "streamlit", **others: str) -> bytes:
    """Return the request that opens a WebSocket; names with _ are headers with -."""
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": protocol,
    }
    headers |= {"Origin": origin} if origin else {}
    headers |= {name.replace("_", "-"): value for name, value in others.items()}
    return request("GET", STREAM, headers=headers, host=host or "127.0.0.1").replace(b"Connection: close\r\n", b"", 1)


def frame(data: bytes, kind: int = BINARY, *, first_byte: int | None = None, length: int | None = None) -> bytes:
    """Return a masked frame of a client, with another length or first byte where these are given."""
    size = len(data) if length is None else length
    head = bytes([0x80 | kind if first_byte is None else first_byte])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 2**16:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + data  # masked with zeros: the data are sent as they are


def odd_sockets(port: int, choice: random.Random, number: int) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Yield connections with wrong origins, hosts, frames or messages.

    One that a stranger's page could open has the status OPENED, which is a failure.
    """
    from streamlit.proto.BackMsg_pb2 import BackMsg

    def messages(*parts: bytes) -> Callable[[], Answer]:
        def sent() -> Answer:
            answer = send(port, [handshake(), *parts], pause=0.05, patience=3.0)
            return answer._replace(status=ALLOWED if answer.status == OPENED else answer.status, hung=False)

        return sent

    def refused(**options: str) -> Callable[[], Answer]:
        return lambda: send(port, [handshake(**options)], patience=30.0)

    evil = "http://evil.example"
    shut_down = BackMsg(debug_shutdown_runtime=True).SerializeToString()
    disconnect = BackMsg(debug_disconnect_websocket=True).SerializeToString()
    makers: Mapping[str, Callable[[], Callable[[], Answer]]] = {
        "origin of a stranger": lambda: refused(origin=evil),
        "origin and host of a stranger": lambda: refused(origin=evil, host="evil.example"),
        "host of a stranger": lambda: refused(host="evil.example:80"),
        "origin null": lambda: refused(origin="null"),
        "origin like this host": lambda: refused(origin="http://127.0.0.1.evil.example"),
        "version": lambda: refused(Sec_WebSocket_Version="99"),
        "protocol": lambda: messages(),
        "garbage": lambda: messages(choice.randbytes(choice.randrange(1, 5_000))),
        "text": lambda: messages(frame(b"x" * choice.randrange(2_000), TEXT)),
        "wrong message": lambda: messages(frame(choice.randbytes(choice.randrange(2_000)))),
        "changed message": lambda: messages(frame(changed(rerun("train", "run=x"), choice))),
        "reserved bits": lambda: messages(frame(b"x", first_byte=0xF2)),
        "length without data": lambda: messages(frame(b"x", length=2**40)),
        "length of 64 bits": lambda: messages(frame(b"x", length=2**63)),
        "large": lambda: messages(*[frame(b"x" * 2**22)] * 4),
        "larger than all": lambda: messages(frame(b"x" * 40_000_000)),
        "without an end": lambda: messages(
            frame(b"x" * 2**16, first_byte=2), *[frame(b"x" * 2**16, first_byte=0)] * 20
        ),
        "continuation of nothing": lambda: messages(frame(b"x", first_byte=0x80)),
        "pings": lambda: messages(*[frame(b"x" * 125, PING) for _ in range(50)]),
        "large ping": lambda: messages(frame(b"x" * 1_000, PING)),
        "close": lambda: messages(frame(b"\xff\xff" + b"x" * 200, CLOSE)),
        "shut down": lambda: messages(frame(shut_down)),
        "disconnect": lambda: messages(frame(disconnect)),
        "many reruns": lambda: messages(*[frame(rerun("", f"a={i}")) for i in range(20)]),
        "page of no name": lambda: messages(frame(rerun(choice.choice(["../../secret.txt", "\0", "x" * 5_000]), ""))),
    }
    names = list(makers)
    for index in range(number):
        name = names[index] if index < len(names) else choice.choice(names)
        yield f"WebSocket: {name}, number {index}", makers[name]()


def changed(data: bytes, choice: random.Random) -> bytes:
    """Return the data with some other bytes."""
    parts = bytearray(data)
    for _ in range(choice.randrange(1, 6)):
        parts[choice.randrange(len(parts))] = choice.randrange(256)
    return bytes(parts)


def rerun(page: str, query: str) -> bytes:
    """Return the message with which a browser opens a page."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = page
    return message.SerializeToString()


def visit(port: int, page: str, query: str) -> Answer:
    """Open a page as a browser does, and return all messages until its script has ended."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    data = b""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), VISIT_SECONDS)) as connection:
        connection.sendall(handshake(origin=f"http://127.0.0.1:{port}", host=f"127.0.0.1:{port}"))
        head = _until(connection, b"\r\n\r\n")
        status = int(head.split()[1]) if head.split() else 0
        if status != 101:
            return Answer(status, head, hung=False)
        connection.sendall(frame(rerun(page, query)))
        give_up = time.monotonic() + VISIT_SECONDS
        try:
            while time.monotonic() < give_up:
                kind, payload = _frame_from(connection)
                data += payload
                if kind == CLOSE:
                    break
                if kind != BINARY:  # the server pings
                    continue
                message = ForwardMsg()
                message.ParseFromString(payload)
                if message.WhichOneof("type") == "script_finished":
                    return Answer(200, data, hung=False)
        except (OSError, ValueError):
            pass
    return Answer(0, data, hung=not data)


def _until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        byte = connection.recv(1)
        if not byte:
            break
        data += byte
    return data


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ValueError("the connection ended")
        data += part
    return data


def _frame_from(connection: socket.socket) -> tuple[int, bytes]:
    """Return the kind and the data of the next frame of the server. Raises ValueError at the end."""
    first, second = _exactly(connection, 2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(_exactly(connection, 2 if size == 126 else 8), "big")
    return first & 15, _exactly(connection, size)
