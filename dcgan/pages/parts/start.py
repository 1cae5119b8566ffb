"""Show the form that starts a training: a preset, its main fields, all other fields, and the same as a command.

The module has a few more than 250 lines, because the parts of the form depend on each other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from dcgan import fields, files
from dcgan.config import OWN_PREFIXES, TABLE_PREFIXES, TrainConfig
from dcgan.data.named_sets import NAMED_SETS, check_data
from dcgan.fields import Field
from dcgan.locale.language import language, tr, tr_later, tr_marked
from dcgan.pages.parts import own_pictures
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.upload import upload_panel
from dcgan.presets import PRESETS
from dcgan.runs import launch, tables
from dcgan.training import preview, time_estimate
from dcgan.training.losses import LOSSES, check_loss

MAIN_FIELDS = {
    "epochs": tr_later("Epochs"),
    "batch_size": tr_later("Batch size"),
    "lr_g": tr_later("Learning rate of G"),
    "lr_d": tr_later("Learning rate of D"),
    "loss": tr_later("Loss"),
    "real_target": tr_later("Target for real images"),
    "ema_half_life_images": tr_later("EMA half-life, images"),
    "seed": tr_later("Seed"),
}
"""The most used fields -> their label, in English. The data has its own widgets."""

FIRST_PRESET = "dcgan-quick"
"""Takes one or two minutes on a CPU."""
OWN_IMAGES = tr_later("your own images")
_DATA_FIELD = "data.name"
_ERROR = "start-error"


def start_form() -> None:
    """Show the form. Its button starts a run and selects it."""
    is_free = not launch.running()  # a training and the timed steps would slow each other
    if is_free:
        time_estimate.measure_in_background(PRESETS[name].config for name in _presets())
    preset = st.selectbox(tr("Preset"), _presets(), key="preset", bind="query-params")
    about(preset)
    config = configured(preset)
    if config is not None:
        st.caption(tr("The same from a terminal:"))
        st.code(fields.train_command(config, preset), language="bash", wrap_lines=True)
        if is_free:
            time_estimate.measure_in_background([config])
        found = own_pictures.found_in(config.data) if config.data.is_own else None
        if found is not None:
            own_pictures.panel(config, found)
        steps = preview.plan(found, config).steps if found else None
        waits = time_estimate.is_measuring(config)
        st.fragment(estimate_line, run_every=2.0 if waits else None)(config, waits=waits, steps=steps)
    st.button(
        tr("Start training"),
        key="start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=config is None,
        on_click=start_clicked,
        args=(config, preset),
    )
    if error := st.session_state.pop(_ERROR, ""):
        st.error(plain(error))


def estimate_line(config: TrainConfig, *, waits: bool, steps: int | None = None) -> None:
    """Show the expected time. The page refreshes this line until the steps are timed."""
    if waits and not time_estimate.is_measuring(config):
        st.rerun()  # the whole page, which then ends the refreshes
    st.markdown(estimate_text(config, steps=steps))


def start_clicked(config: TrainConfig, preset: str) -> None:
    """Start the run before the page is drawn again, so that the page shows it."""
    try:
        run = launch.start(config, preset)
    except (OSError, ValueError) as error:
        st.session_state[_ERROR] = tr("The training was not started: {error}", error=error)
        return
    st.session_state["run"] = run.name


def about(preset: str) -> None:
    """Show a preset: its source, its size, and a table of all presets."""
    chosen = PRESETS[preset]
    g, d = chosen.parameters
    st.markdown(
        tr(
            "**{title}.** Source: {source}. {g:,} parameters in G, {d:,} in D; {epochs} epochs, batches of "
            "{batch_size}.",
            title=tr_marked(chosen.title),
            source=tr_marked(chosen.source),
            g=g,
            d=d,
            epochs=chosen.config.epochs,
            batch_size=chosen.config.batch_size,
        )
    )
    if chosen.notes:
        st.caption(tr_marked(chosen.notes))
    with st.expander(tr("All presets")):
        waits = waits_for_presets()
        st.fragment(table_of_presets, run_every=5.0 if waits else None)(waits=waits)


def waits_for_presets() -> bool:
    """Return whether a preset is being timed, or waits for it."""
    return any(time_estimate.is_measuring(preset.config) for preset in PRESETS.values())


def table_of_presets(*, waits: bool) -> None:
    """Show all presets with their times, in a table that is made once for all sessions and states of the times.

    The page refreshes it until all presets are timed.
    """
    if waits and not waits_for_presets():
        st.rerun()
    times = {name: estimate_text(PRESETS[name].config, short=True) for name in _presets()}
    _show_presets(repr((language(), times)), times)


@st.cache_resource(max_entries=16, show_spinner=False)
def _show_presets(key: str, _times: Mapping[str, str]) -> None:
    st.dataframe(
        [
            {
                "preset": name,
                "title": tr_marked(PRESETS[name].title),
                "source": tr_marked(PRESETS[name].source),
                "G parameters": PRESETS[name].parameters[0],
                "D parameters": PRESETS[name].parameters[1],
                "epochs": PRESETS[name].config.epochs,
                "time here": duration,
            }
            for name, duration in _times.items()
        ],
        hide_index=True,
        column_config={
            "preset": tr("preset"),
            "title": tr("title"),
            "source": tr("source"),
            "G parameters": tr("G parameters"),
            "D parameters": tr("D parameters"),
            "epochs": tr("epochs"),
            "time here": tr("time here"),
        },
        alt=tr("The presets with their source, their sizes and their training time on this machine"),
    )


def estimate_text(config: TrainConfig, *, short: bool = False, steps: int | None = None) -> str:
    """Return the expected time on this machine, and how it was measured. The steps of a folder must be given."""
    estimate = time_estimate.estimate(config, steps=steps)
    if estimate is None:
        if time_estimate.is_measuring(config):
            return tr("being measured") if short else tr("The training time on this machine is being measured.")
        return tr("not known") if short else tr("The training time on this machine is not known.")
    duration = tables.duration(estimate.seconds)
    if short:
        return tr("about {duration}", duration=duration)
    return tr(
        "The training takes about {duration} on this machine's {device} ({steps} timed steps).",
        duration=duration,
        device=estimate.device,
        steps=estimate.steps_timed,
    )


def configured(preset: str) -> TrainConfig | None:
    """Return the preset with the values of the widgets; None, and a message, where they do not go together."""
    base = defaults = PRESETS[preset].config
    values: dict[str, Any] = {}
    data = _data(preset, base)
    if data is not None and data.startswith(OWN_PREFIXES):
        own = replace(base.data, name=data)
        found = own_pictures.found_in(own)
        if found is None:
            return None
        try:
            base = own_pictures.fitting(preset, own, found)
        except ValueError as error:
            st.error(plain(tr("{error}.", error=error)))
            return None
    known = fields.config_fields(choices={"loss": [*LOSSES]})
    columns = st.columns(4)
    for index, (name, label) in enumerate(MAIN_FIELDS.items()):
        with columns[index % 4]:
            values[name] = widget(
                known[name], tr_marked(label), fields.value_of(base, name), _key(preset, name, base, defaults)
            )
    with st.expander(tr("Everything else")):
        st.caption(tr("Fields have the names of their command-line flags. The question marks explain them."))
        rest = [field for name, field in known.items() if name not in MAIN_FIELDS and name != _DATA_FIELD]
        columns = st.columns(3)
        try:
            for index, field in enumerate(rest):
                with columns[index % 3]:
                    default = fields.value_of(base, field.name)
                    values[field.name] = widget(field, field.name, default, _key(preset, field.name, base, defaults))
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
        st.error(plain(tr("{error}.", error=error)))
        return None


def _data(preset: str, base: TrainConfig) -> str | None:
    """Return the name of the data; None, and a message, while a folder does not exist."""
    choices = [*NAMED_SETS] if os.environ.get("SPACE_ID") else [*NAMED_SETS, OWN_IMAGES]
    left, right = st.columns(2)
    usual = OWN_IMAGES if PRESETS[preset].for_pictures and OWN_IMAGES in choices else base.data.name
    chosen = left.selectbox(
        tr("Data"), choices, choices.index(usual), format_func=tr_marked, key=f"{preset}:{_DATA_FIELD}"
    )
    if chosen != OWN_IMAGES:
        return chosen
    path = right.text_input(
        tr("Folder"),
        key=f"{preset}:folder",
        placeholder="/home/me/photos",
        help=tr("Or hub:USER/DATASET, or table:PATH for Parquet, Arrow or WebDataset files."),
    ).strip()
    upload_panel(f"{preset}:folder")
    if path.startswith(TABLE_PREFIXES):
        return path
    if os.path.isdir(os.path.expanduser(path)) and path:
        return f"folder:{path}"
    if path:
        st.warning(plain(tr("{path!r} is not a folder on this machine; enter another path.", path=path)))
    else:
        st.warning(plain(tr("Enter a folder's path.")))
    return None


def _key(preset: str, name: str, base: TrainConfig, defaults: TrainConfig) -> str:
    """Return the key of a field's widget. A default that follows from the pictures has a widget of its own."""
    default = fields.value_of(base, name)
    return f"{preset}:{name}" if default == fields.value_of(defaults, name) else f"{preset}:{name}:{default}"


def widget(field: Field, label: str, default: Any, key: str) -> Any:
    """Show the widget for the field's type, and return its value. Raises ValueError for text that is not a number."""
    text = tr_marked(field.help).replace("$", r"\$")
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
    """Return the step of a click: a quarter of a small value such as a learning rate, else 0.05."""
    return default / 4 if 0 < default < 0.01 else 0.05


def _presets() -> list[str]:
    """Return the names of the presets: the quick one, those with a published recording, and the others."""

    def place(name: str) -> tuple[bool, bool]:
        return name != FIRST_PRESET, not (files.CHECKPOINTS / f"{name}-mnist" / "config.json").is_file()

    return sorted(PRESETS, key=place)
