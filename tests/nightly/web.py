"""Raw HTTP and WebSocket requests at both apps, with secrets planted around them.

No answer may have a secret, a trace or a path of the server. An error of the server comes with a sentence. Afterwards
the server answers, and has not grown by more than MOST_MB.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from nightly.apps import App, Place, get, planted_apps
from nightly.attack import Row, Setting
from nightly.raw_requests import Answer, odd_requests, paths, request, send
from nightly.raw_sockets import OPENED, odd_sockets, visit

MOST_MB = {"demo": 400, "studio": 1_000}
"""How much a server may grow. The studio loads PyTorch when it draws for the first time."""
CLIENTS = 4

DEMO_PREFIXES = (
    *("/", "/static/", "/assets/", "/svelte/", "/file=", "/gradio_api/file=", "/gradio_api/file/", "/proxy="),
    *("/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/proxy=file:///", "/gradio_api/stream/a/b/c/", "/pwa_icon/"),
    *("/gradio_api/custom_component/0/server/component/", "/custom_component/0/client/example/", "/monitoring/"),
    *("/gradio_api/upload_progress?upload_id=", "/gradio_api/deep_link?session_hash=", "/theme.css/", "/config/"),
    *("/view/", "/gradio_api/vibe-code/", "/gradio_api/run-history/records/a/b/assets/", "/gradio_api/runs/"),
)
STUDIO_PREFIXES = (
    *("/", "/static/", "/app/static/", "/media/", "/component/", "/component/streamlit.x/", "/_stcore/", "/~/+/"),
    *("/_stcore/upload_file/", "/_stcore/agent/", "/train/", "/explore/static/", "/_stcore/bidi-components/x/"),
    *("/_stcore/host-config/", "/.well-known/", "/oauth2callback/"),
)
DEMO_ADDRESSES = (
    *("/", "/config", "/gradio_api/info", "/gradio_api/queue/join", "/gradio_api/queue/data?session_hash=x"),
    *("/gradio_api/call/sample", "/gradio_api/call/v2/interpolate", "/gradio_api/run/sample", "/gradio_api/upload"),
    *("/gradio_api/reset", "/gradio_api/cancel", "/gradio_api/component_server", "/gradio_api/stream/x"),
    *("/gradio_api/process_recording", "/gradio_api/vibe-edit", "/gradio_api/vibe-code", "/view/controls"),
    *("/view/open", "/view/typed", "/view/scrub", "/view/strip.png?model=x", "/gradio_api/heartbeat/x", "/login"),
    *("/gradio_api/mcp/sse", "/gradio_api/openapi.json", "/manifest.json", "/dev/reload"),
    *("/gradio_api/startup-events", "/gradio_api/monitoring", "/robots.txt"),
)
STUDIO_ADDRESSES = (
    *("/", "/_stcore/health", "/_stcore/host-config", "/_stcore/upload_file/a/b", "/_stcore/stream"),
    *("/_stcore/agent/interact", "/_stcore/agent/mcp", "/_stcore/agent/openapi.json", "/_stcore/metrics"),
    *("/component/x/y", "/media/x.png", "/app/static/x", "/_stcore/script-health-check", "/auth/login"),
)

IN_SOCKETS = ("a path of the server",)
"""Streamlit itself sends each browser the path of its script."""

Case = tuple[str, Callable[[], Answer]]


def attack(setting: Setting) -> Iterator[Row]:
    """Yield a row for each kind of request at each app."""
    kinds = {
        "demo": (DEMO_PREFIXES, DEMO_ADDRESSES),
        "studio": (STUDIO_PREFIXES, STUDIO_ADDRESSES),
    }
    with setting.using(planted_apps) as apps:
        place = apps.place
        absolute = [str(place.program / "secret.txt"), str(place.run.path / "../secret.txt"), "/etc/passwd"]
        for name, (prefixes, addresses) in kinds.items():
            app = apps.start(name)
            choice = setting.random(f"web {name}")
            climbing = paths(prefixes, absolute, choice, setting.cases(quick=80, long=8_000))
            yield attacked(app, place, "paths", (_path_case(app, path) for path in climbing))
            odd = odd_requests(choice, addresses, setting.cases(quick=34, long=4_000))
            yield attacked(app, place, "odd requests", (_odd_case(app, *parts) for parts in odd))
            slow = setting.cases(quick=4, long=60)
            bodies = (_slow_case(app, choice.choice(addresses)) for _ in range(slow))
            yield attacked(app, place, "slow bodies", bodies)
            if name == "demo":
                calls = wrong_calls(app, choice, setting.cases(quick=32, long=4_000))
                yield attacked(app, place, "wrong calls", calls)
            else:
                sockets = odd_sockets(app.port, choice, setting.cases(quick=25, long=2_000))
                yield attacked(app, place, "WebSocket", sockets, allowed=IN_SOCKETS)
                yield attacked(app, place, "pages", visits(app, place, setting), allowed=IN_SOCKETS)


def attacked(app: App, place: Place, kind: str, cases: Iterable[Case], *, allowed: Collection[str] = ()) -> Row:
    """Send all cases, some at a time, and return what the answers and the server afterwards show."""
    failures: list[str] = []
    statuses: dict[int, int] = {}
    count = 0
    rest = iter(cases)
    with ThreadPoolExecutor(CLIENTS) as pool:
        while some := list(islice(rest, 10 * CLIENTS)):  # some at a time: large bodies of all would fill the memory
            for description, answer in pool.map(lambda case: (case[0], case[1]()), some):
                count += 1
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
                found = problems(answer, place, allowed=allowed)
                failures += [f"{description[:300]!a} {problem}" for problem in found]
    failures += app.failures(place, most_mb=MOST_MB[app.name])
    shown = ", ".join(f"{number}x {status or 'closed'}" for status, number in sorted(statuses.items()))
    memory = app.memory_mb()
    return Row(f"{app.name}: {kind}", count, tuple(failures), f"peak {memory:.0f} MB; {shown}", extra={"mb": memory})


def problems(answer: Answer, place: Place, *, allowed: Collection[str] = ()) -> list[str]:
    """Return what is wrong with an answer, each as the end of a sentence; what is `allowed` may be shown."""
    found = [f"shows {name}" for name in place.leaks(answer.data) if name not in allowed]
    if answer.status == OPENED:
        found.append("is open to the page of a stranger")
    if answer.hung:
        found.append("has no answer in time")
    body = answer.data.partition(b"\r\n\r\n")[2].strip()
    if answer.status >= 500 and (not body or body == b"Internal Server Error"):
        found.append(f"has the status {answer.status} without a sentence")
    return found


def _path_case(app: App, path: str) -> Case:
    return f"GET {path}", lambda: send(app.port, [request("GET", path)])


def _odd_case(app: App, description: str, parts: list[bytes]) -> Case:
    # A request that is cut off has no answer: the server waits for the rest, as it has to.
    patience = 3.0 if description.startswith(("cut off", "wrong length", "garbage")) else 120.0

    def sent() -> Answer:
        answer = send(app.port, parts, patience=patience)
        return answer if patience > 100 else answer._replace(hung=False)

    return description, sent


def _slow_case(app: App, path: str) -> Case:
    head = request("POST", path, headers={"Content-Type": "application/json", "Content-Length": "60000"})
    parts = [head, *[b" " * 10] * 5]
    return f"slow {path}", lambda: send(app.port, parts, pause=0.3, patience=2.0)._replace(hung=False)


VALUES = (
    None,
    True,
    -1,
    1.5,
    10**400,
    "",
    "x" * 30_000,
    "../../outside/secret-run",
    [],
    {},
    [[[]]],
    {"path": "/etc/x"},
)
FILE = {"path": "/etc/passwd", "url": "file:///etc/passwd", "meta": {"_type": "gradio.FileData"}, "orig_name": "../x"}


def wrong_calls(app: App, choice: random.Random, number: int) -> Iterator[Case]:
    """Yield calls of every event, named and by its number, with wrong values."""
    config = json.loads(get(app.port, "/config")[1])
    events = [event["id"] for event in config["dependencies"]]
    names = ("models", "interpolate", "sample", "_private", "../sample", "lambda")
    pages = ("open", "controls", "typed", "scrub")
    fields = ("model", "seed_a", "seed_b", "keys", "loop", "frames", "path", "t", "labels", "link", "a", "w", "d")
    for index in range(number):
        values = [choice.choice([*VALUES, FILE]) for _ in range(choice.choice([0, 1, 3, 10, 10, 12, 200]))]
        kind = index % 4
        if kind == 0:
            yield f"call {index}", partial(call, app.port, choice.choice(names), {"data": values})
        elif kind == 1:
            named = {choice.choice(["model", "seeds", "labels", "x"]): value for value in values[:4]}
            yield f"call v2 {index}", partial(call, app.port, f"v2/{choice.choice(names)}", named)
        elif kind == 2:
            number_of_event = choice.choice([*events, -1, len(events), 10**9, "0", None, 1.5])
            body = {"data": values, "fn_index": number_of_event, "session_hash": f"s{index}"}
            yield f"event {number_of_event} {index}", partial(post, app.port, "/gradio_api/queue/join", body)
        else:
            body = {name: choice.choice(VALUES) for name in fields if choice.random() < 0.7}
            yield f"view {index}", partial(post, app.port, f"/view/{choice.choice(pages)}", body)


def post(port: int, path: str, value: object) -> Answer:
    body = json.dumps(value).encode()
    return send(port, [request("POST", path, body, {"Content-Type": "application/json"})])


def call(port: int, endpoint: str, value: object) -> Answer:
    """Call an endpoint and return its result, or the answer that refused the call."""
    answer = post(port, f"/gradio_api/call/{endpoint}", value)
    if answer.status != 200:
        return answer
    number = json.loads(answer.data.partition(b"\r\n\r\n")[2])["event_id"]
    result = send(port, [request("GET", f"/gradio_api/call/{endpoint.removeprefix('v2/')}/{number}")])
    if b"event: error" in result.data and b"data: null" in result.data:
        return result._replace(status=500, data=b"\r\n\r\n")
    return result


def visits(app: App, place: Place, setting: Setting) -> Iterator[Case]:
    """Yield pages of the studio, as a browser opens them, whose addresses name what is outside of the folder."""
    names = [
        "linked",
        "linked-config",
        place.run.name,
        "../outside/secret-run",
        "../../home",
        "/etc",
        "%2e%2e",
        "x" * 9_000,
    ]
    names += [str(place.program.parent / "outside" / "secret-run"), "linked/../../outside/secret-run"]
    pages = ["", "train", "compare", "explore", "step", "architectures", "../train", "x"]
    keys = ["run", "a", "b", "model", "preset", "view", "w"]
    choice = setting.random("visits")
    every = [(page, name) for name in names for page in pages]
    choice.shuffle(every)
    first = [("train", "linked"), ("train", "linked-config"), ("compare", "linked")]
    for page, name in [*first, *every][: setting.cases(quick=6, long=300)]:
        query = "&".join(f"{key}={name}" for key in keys)
        yield f"{page}?{query}", partial(visit, app.port, page, query)
