"""The Live view of the Explore page: the visitor's browser draws, so an image follows the pointer.

The browser gets the weights once, by a component of its own: Streamlit sends an element again only if it changed. The
view's component has all that changes. The address and the links follow when a movement has ended.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.components.v2 import component

from dcgan.files import PROJECT
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.models.browser import why_not_in_browser
from dcgan.pages.parts import explore_path
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.explore_path import choose_labels, choose_path, in_chosen_language
from dcgan.pages.parts.explore_pictures import load
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.publishing.page_bundle import bundle
from dcgan.runs.run import Run
from dcgan.sampling.link import ShareLink, demo_url, page_url

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator

KEYS = (*explore_path.KEYS, "t", "step")

MAX_WEIGHT_BYTES = 16 * 2**20
"""Weights in half precision beyond this size are not sent to browsers."""

WEB = PROJECT / "dcgan" / "web"
ENTRY = "live.js"

_SEND = "export default ({ data }) => globalThis.dcganLive.receiveWeights(data, `(${program})()`);"
_SHOW = """
export default async (component) => {
  const isReady = () => new Promise((resolve) => addEventListener("dcgan-live", resolve, { once: true }));
  if (!globalThis.dcganLive) await isReady();
  return globalThis.dcganLive.showLive(component);
};
"""
"""Which component's script runs first is not known."""

READING = tr_later(
    "How to read it: each position t between A and B is a point of latent space. If the image changes in small steps "
    "and stays plausible, the latent space is smooth there. The frame in the row marks the image nearest to t."
)


def show_view(run: Run, newest: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the path from A to B: one image that follows the pointer, and the row of images."""
    chosen = choose_path()
    generator, path = choose_weights(run, newest)
    if generator is None:
        return
    config = generator.config
    labels = choose_labels(generator)
    link, notes = chosen.link(run, generator, labels, position())
    for note in notes:
        st.warning(plain(note))
    reason = why_not_in_browser(config)
    content = "" if reason else packed_weights(str(path), path.stat().st_mtime_ns, generator.weights_id)
    if not reason and not content:
        reason = tr("its weights have more than {most} MiB", most=MAX_WEIGHT_BYTES // 2**20)
    if reason:
        offer_other_views(
            tr("Your browser cannot draw {run}, since {reason}. The server draws it:", run=run.name, reason=reason)
        )
    else:
        st.write(tr("Drag the large image left and right: it moves along the path from A to B."))
        mount(link, content, reverse=reverse, enlarge=enlarge)
    links = {
        tr("Open this position in the interpolation demo"): demo_url(link),
        tr("Open this position in the static page"): "" if reason else page_url(link),
    }
    texts = [f"[{text}]({in_chosen_language(address)})" for text, address in links.items() if address]
    if texts:
        st.markdown(" · ".join(texts))
    if not reason:
        st.caption(tr_marked(READING))


def choose_weights(run: Run, newest: TrainedGenerator | None) -> tuple[TrainedGenerator | None, Path]:
    """Show the steps whose weights the run has saved, and return the chosen generator and its file.

    The generator is None, with a warning, where the file cannot be used.
    """
    from dcgan.sampling.exploration import saved_generators

    saved = {entry.step: entry for entry in saved_generators(run, newest and newest.step)}
    if not saved:
        return newest, run.weights_path
    steps = list(saved)
    last = steps.index(newest.step) if newest else len(steps) - 1
    step = st.selectbox(
        tr("Step of the training"),
        steps,
        last,
        key="step",
        bind="query-params",
        help=tr(
            "The last one has the newest weights. The others are snapshots, which the training saved on its way."
        ),
    )
    if newest and step == newest.step:
        return newest, run.weights_path
    return load(saved[step].path), saved[step].path


# The position, which the browser sets when a movement has ended


def position() -> float:
    """Return t of the address, 0 to 1; 0 where the address has none that is valid."""
    t = valid_position(st.query_params.get("t", ""))
    st.session_state["t"] = t  # what the page compares with the address
    return t


def valid_position(value: Any) -> float:
    """Return the position that a text or a number spells; 0 for anything else."""
    try:
        t = float(value)
    except (TypeError, ValueError):
        return 0.0
    return t if 0 <= t <= 1 else 0.0


def moved() -> None:
    """Keep the position in the address. A movement has ended."""
    t = valid_position(st.session_state["live"].get("moved"))
    if t:
        st.query_params["t"] = f"{t:g}"
    elif "t" in st.query_params:
        del st.query_params["t"]


# The components


def mount(link: ShareLink, content: str, *, reverse: bool, enlarge: int) -> None:
    """Show the view of a link in the browser, and send the weights."""
    show, send = components()
    # Two runs can begin with equal weights. What these draw is decided by the config in their file.
    weights = hashlib.sha256(content.encode()).hexdigest()[:12]
    data = {
        "link": link.to_query(),
        "weights": weights,
        "reverse": reverse,
        "enlarge": enlarge,
        "language": language(),
    }
    show(key="live", data=data, on_moved_change=moved)
    send(key="live-weights", data={"key": weights, "id": link.weights_id, "content": content})


@functools.cache
def components() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the component that shows the view and the one that sends weights. The second one brings the program.

    Raises ValueError or FileNotFoundError if the modules of dcgan/web do not fit together.
    """
    program = f"function program() {{\n{bundle(WEB, ENTRY)}}}\nif (!globalThis.dcganLive) program();\n{_SEND}\n"
    html, css = ((WEB / name).read_text(encoding="utf-8") for name in ("live.html", "live.css"))
    return component("dcgan_live", html=html, css=css, js=_SHOW), component("dcgan_live_weights", js=program)


@st.cache_data(max_entries=4, show_spinner=Spinner(tr_later("Packing the weights ...")))
def packed_weights(path: str, modified_ns: int, expected_id: str) -> str:
    """Return a generator's file in half precision as base64; empty if it has more than MAX_WEIGHT_BYTES.

    Raises ValueError if the file was replaced by other weights.
    """
    from dcgan.checkpoint import load_tensors, weights_id, with_data_fields
    from dcgan.config import TrainConfig
    from dcgan.publishing.model_card import public_data

    tensors, metadata = load_tensors(Path(path))
    if weights_id(tensors) != expected_id:
        raise ValueError(tr("{path} was replaced a moment ago; reload this page", path=path))
    if sum(2 * tensor.numel() for tensor in tensors.values()) > MAX_WEIGHT_BYTES:
        return ""
    fields = public_data(TrainConfig.from_json(metadata["config"]).data)
    return base64.b64encode(with_data_fields(Path(path), fields, half=True)).decode()


def offer_other_views(sentence: str) -> None:
    """Show why there is no image, and a button to the view that the server draws."""
    st.info(plain(sentence))
    st.button(tr("Open the Time machine"), key="live-elsewhere", on_click=open_time_machine)


def open_time_machine() -> None:
    st.session_state["view"] = "Time machine"
