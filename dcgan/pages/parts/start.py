"""The form that starts a training: a preset, its main fields, all the others, and the command that does the same."""

from __future__ import annotations

import os
from typing import Any

import streamlit as st

from dcgan import fields, files
from dcgan.config import TrainConfig
from dcgan.data.named_sets import NAMED_SETS, check_data
from dcgan.fields import Field
from dcgan.pages.parts.address import plain
from dcgan.presets import PRESETS
from dcgan.runs import launch, tables
from dcgan.training import time_estimate
from dcgan.training.losses import LOSSES, check_loss

MAIN_FIELDS = {
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "lr_g": "Learning rate of G",
    "lr_d": "Learning rate of D",
    "loss": "Loss",
    "real_target": "Target for real images",
    "ema_half_life_images": "EMA half-life, images",
    "seed": "Seed",
}
"""Fields that everybody looks at -> their label; the data has widgets of its own."""

OWN_IMAGES = "images of your own"
_DATA_FIELD = "data.name"
_ERROR = "start-error"


def start_form() -> None:
    """The whole form; a Start that works adds a run and chooses it."""
    if not launch.running():  # a training would slow the steps that are timed, and they it
        time_estimate.measure_in_background(PRESETS[name].config for name in _presets())
    preset = st.selectbox("Preset", _presets(), key="preset", bind="query-params")
    about(preset)
    config = configured(preset)
    if config is not None:
        st.caption("The same from a terminal:")
        st.code(fields.train_command(config, preset), language="bash", wrap_lines=True)
        if not launch.running():
            time_estimate.measure_in_background([config])
        st.fragment(estimate_line, run_every=2.0 if time_estimate.is_measuring(config) else None)(config)
    st.button(
        "Start training",
        type="primary",
        icon="▶️",
        disabled=config is None,
        on_click=start_clicked,
        args=(config, preset),
    )
    if error := st.session_state.pop(_ERROR, ""):
        st.error(plain(error))


def estimate_line(config: TrainConfig) -> None:
    """Looks again by itself while the steps are being timed."""
    st.markdown(estimate_text(config))


def start_clicked(config: TrainConfig, preset: str) -> None:
    """Before the page is drawn anew, so that it opens with the new run."""
    try:
        run = launch.start(config, preset)
    except (OSError, ValueError) as error:
        st.session_state[_ERROR] = f"The training was not started: {error}"
        return
    st.session_state["run"] = run.name


def about(preset: str) -> None:
    """The card of a preset: where it comes from, how large it is, how long it takes here."""
    chosen = PRESETS[preset]
    g, d = chosen.parameters
    st.markdown(
        f"**{chosen.title}.** From: {chosen.source}. {g:,} parameters in G, {d:,} in D; "
        f"{chosen.config.epochs} epochs, batches of {chosen.config.batch_size}."
    )
    if chosen.notes:
        st.caption(chosen.notes)
    with st.expander("All presets"):
        waiting = any(time_estimate.is_measuring(each.config) for each in PRESETS.values())
        st.fragment(table_of_presets, run_every=5.0 if waiting else None)()


def table_of_presets() -> None:
    st.dataframe(
        [
            {
                "preset": name,
                "what": PRESETS[name].title,
                "from": PRESETS[name].source,
                "G parameters": PRESETS[name].parameters[0],
                "D parameters": PRESETS[name].parameters[1],
                "epochs": PRESETS[name].config.epochs,
                "time here": estimate_text(PRESETS[name].config, short=True),
            }
            for name in _presets()
        ],
        hide_index=True,
        alt="The presets with their source, sizes and the time they take on this machine",
    )


def estimate_text(config: TrainConfig, short: bool = False) -> str:
    """What the training will take on this machine, and how that is known."""
    estimate = time_estimate.estimate(config)
    if estimate is None:
        unknown = "being measured" if time_estimate.is_measuring(config) else "not known"
        return unknown if short else f"The time it takes on this machine is {unknown}."
    text = tables.duration(estimate.seconds)
    timed = f"{estimate.steps_timed} steps timed on this machine's {estimate.device}"
    return f"about {text}" if short else f"It takes about {text} here, by {timed}."


def configured(preset: str) -> TrainConfig | None:
    """The preset with what the widgets say; None, and a sentence, where that does not go together."""
    base = PRESETS[preset].config
    values: dict[str, Any] = {}
    data = _data(preset, base)
    known = fields.config_fields(choices={"loss": [*LOSSES]})
    columns = st.columns(4)
    for index, (name, label) in enumerate(MAIN_FIELDS.items()):
        with columns[index % 4]:
            values[name] = widget(known[name], label, fields.value_of(base, name), f"{preset}:{name}")
    with st.expander("Everything else"):
        st.caption("As the command line has it; the question marks say what each one is.")
        rest = [field for name, field in known.items() if name not in MAIN_FIELDS and name != _DATA_FIELD]
        columns = st.columns(3)
        try:
            for index, field in enumerate(rest):
                with columns[index % 3]:
                    default = fields.value_of(base, field.name)
                    values[field.name] = widget(field, field.name, default, f"{preset}:{field.name}")
        except ValueError as error:
            st.error(plain(str(error)))
            return None
    try:
        if data is None:
            return None
        config = fields.changed(base, values | {_DATA_FIELD: data})
        check_data(config.data, config.model)
        check_loss(config)
        return config
    except ValueError as error:
        st.error(plain(f"{error}."))
        return None


def _data(preset: str, base: TrainConfig) -> str | None:
    """The data's name; None, and a sentence, while a folder is asked for that is not there."""
    choices = [*NAMED_SETS] if os.environ.get("SPACE_ID") else [*NAMED_SETS, OWN_IMAGES]
    left, right = st.columns(2)
    chosen = left.selectbox("Data", choices, choices.index(base.data.name), key=f"{preset}:{_DATA_FIELD}")
    if chosen != OWN_IMAGES:
        return chosen
    path = right.text_input("Folder", key=f"{preset}:folder", placeholder="/home/me/photos").strip()
    if os.path.isdir(os.path.expanduser(path)) and path:
        return f"folder:{path}"
    st.warning(
        plain(f"{path!r} is no folder on this machine; write one's path." if path else "Write a folder's path.")
    )
    return None


def widget(field: Field, label: str, default: Any, key: str) -> Any:
    """The widget that suits the field's type, and what it says. Raises ValueError for text that is no number."""
    text = field.help.replace("$", r"\$")
    if field.choices:
        return st.selectbox(label, field.choices, field.choices.index(default), key=key, help=text)
    if field.kind is bool:
        return st.toggle(label, default, key=key, help=text)
    if field.kind is int:
        return st.number_input(label, value=default, step=1, key=key, help=text)
    if field.kind is float:
        return float(
            st.number_input(label, value=float(default), step=_step(default), format="%g", key=key, help=text)
        )
    written = st.text_input(label, fields.as_text(default), key=key, help=text)
    return written if field.item_kind is None else fields.from_text(written, field.item_kind)


def _step(default: float) -> float:
    """A click changes a learning rate by a quarter or so, and a probability by a twentieth."""
    return default / 4 if 0 < default < 0.01 else 0.05


def _presets() -> list[str]:
    """Their names, those with a published recording first."""
    return sorted(PRESETS, key=lambda name: not (files.CHECKPOINTS / f"{name}-mnist" / "config.json").is_file())
