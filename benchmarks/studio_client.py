"""A visitor of the studio without a browser: speaks Streamlit's protocol over a WebSocket, as its page does.

The visitor opens a page, runs its script, and refreshes each part of the page as often as the server says. New
pictures are requested over HTTP. Nothing is drawn, so hundreds of visitors need little of the processor.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

MAX_MESSAGE_BYTES = 2**26
CACHED_RUNS = 2
"""How many runs of a script the page remembers large elements that are no longer on it."""


@dataclass
class Seen:
    """What a visitor got."""

    runs: int = 0
    """Scripts and parts of a page that ended."""
    messages: int = 0
    received_bytes: int = 0
    pictures: int = 0
    exceptions: list[str] = field(default_factory=list)
    """Errors that the page shows, and the end of the connection if the server ended it."""
    bars: dict[tuple[int, ...], str] = field(default_factory=dict)
    """The texts of the progress bars, by their place on the page."""
    interval: float = 0.0
    """The seconds of the last refresh."""


class Visitor:
    """One visitor of a page. `watch` looks at it until a time or until the task is canceled."""

    def __init__(self, port: int, page: str, query: str = "") -> None:
        self.port, self.page, self.query = port, page, query
        self.seen = Seen()
        self._page_hash = ""
        self._known: dict[str, int] = {}
        self._shown_urls: set[str] = set()
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def watch(self, seconds: float) -> Seen:
        """Open the page, and look at it for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._talk()
        except TimeoutError:
            pass
        except (OSError, ConnectionClosed) as error:
            self.seen.exceptions.append(f"the connection ended: {error!r}")
        finally:
            self._stop_timers()
        return self.seen

    async def _talk(self) -> None:
        address = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        async with connect(address, max_size=MAX_MESSAGE_BYTES, proxy=None) as self._socket:
            await self._rerun()
            async for data in self._socket:
                assert isinstance(data, bytes)
                await self._take(ForwardMsg.FromString(data), len(data))

    async def _rerun(self, fragment: str = "", *, automatic: bool = False) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_script_hash = self._page_hash
        state.page_name = "" if self._page_hash else self.page
        state.fragment_id, state.is_auto_rerun = fragment, automatic
        state.cached_message_hashes.extend(self._known)
        state.context_info.url = f"http://127.0.0.1:{self.port}/{self.page}"
        state.widget_states.SetInParent()
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(message.SerializeToString())

    async def _repeat(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._rerun(fragment, automatic=True)

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _take(self, message: ForwardMsg, size: int) -> None:
        seen = self.seen
        seen.messages += 1
        seen.received_bytes += size
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._page_hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "new_session":
            if not message.metadata.run.fragment_ids:
                self._stop_timers()
                seen.bars.clear()
        elif kind == "script_finished":
            seen.runs += 1
            self._forget()
        elif kind == "auto_rerun":
            fragment, seen.interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
            if fragment in self._timers:
                self._timers.pop(fragment).cancel()
            self._timers[fragment] = asyncio.create_task(self._repeat(fragment, seen.interval))
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                if fragment in self._timers:
                    self._timers.pop(fragment).cancel()
        elif kind == "ref_hash":
            self._known[message.ref_hash] = CACHED_RUNS
        elif kind == "delta":
            if message.metadata.cacheable:
                self._known[message.hash] = CACHED_RUNS
            await self._show(message)

    def _forget(self) -> None:
        self._known = {name: age - 1 for name, age in self._known.items() if age > 0}

    async def _show(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.seen.exceptions.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "progress":
            self.seen.bars[tuple(message.metadata.delta_path)] = element.progress.text
        elif kind == "imgs":
            for picture in element.imgs.imgs:
                if picture.url.startswith("/") and picture.url not in self._shown_urls:
                    self._shown_urls.add(picture.url)
                    await asyncio.to_thread(self._request, picture.url)
                    self.seen.pictures += 1

    def _request(self, address: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection), contextlib.suppress(OSError):  # a newer picture may have replaced it
            connection.request("GET", address)
            connection.getresponse().read()


async def watch_together(visitors: list[Visitor], seconds: float, *, spread_seconds: float = 0.0) -> list[Seen]:
    """Let all visitors look at their pages for so many seconds. They come one after the other in `spread_seconds`."""
    end = time.monotonic() + seconds

    async def come(index: int, visitor: Visitor) -> Seen:
        await asyncio.sleep(spread_seconds * index / max(1, len(visitors)))
        return await visitor.watch(end - time.monotonic())

    return list(await asyncio.gather(*(come(index, visitor) for index, visitor in enumerate(visitors))))
