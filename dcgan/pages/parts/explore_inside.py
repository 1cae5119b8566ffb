"""The view "Inside the generator" of the Explore page: feature maps, and what a channel draws.

The module has more than 250 lines because all parts of the view share the channels that are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

from dcgan.figures.overlays import difference_overlay
from dcgan.latents import MAX_SEED, parse_seeds
from dcgan.locale.language import tr, tr_later, tr_marked
from dcgan.pages.parts import explore_by_hand
from dcgan.pages.parts.address import plain
from dcgan.pages.parts.addressed import addressed, begin_with_address, keep_in_address
from dcgan.pages.parts.explore_pictures import label_choice
from dcgan.pages.parts.picture_cards import Card, show_cards
from dcgan.pages.parts.tiles import MAX_TILES, Tile, show_tiles
from dcgan.pages.parts.turns import one_at_a_time
from dcgan.pages.parts.visitor_language import Spinner
from dcgan.pixels import Bytes, invert
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator
    from dcgan.evaluation.classifier import Classifier
    from dcgan.sampling.inside import Anatomy, Effects, Layer

KEYS = ("one", "layer", "order", "off", "label", *explore_by_hand.KEYS)

NUM_SEEDS = 12
"""Of the sheet below the maps."""
TILE_PIXELS = 48
"""Side of a map on the screen, about."""
GAMMA = 0.6
"""Of the maps' gray. Below 1, so that weak activity is seen too."""
MAX_MAP_SIDE = 56
"""Larger maps are shown smaller."""

BY_PIXELS, BY_CLASS, BY_NUMBER = tr_later("effect on the pixels"), tr_later("effect on the class"), tr_later("number")
ORDERS = (BY_PIXELS, BY_CLASS, BY_NUMBER)

INTRODUCTION = tr_later(
    "Between z and the image, the generator computes maps: coarse and many first, then fine and few. Each map "
    "belongs to a channel. Tap a map to switch its channel off. The sheet below shows what that channel drew."
)
NO_MAPS = tr_later(
    "{name} has no feature maps: its layers are fully connected, so no number in them has a place in the image. "
    "Choose a run of a DCGAN."
)
READING_MAPS = tr_later(
    "How to read it: a map is bright where its channel is active for this seed. All maps of a layer have one scale. "
    "Under a map are the number of the channel and its effect: how much a pixel changes when it alone is off, in "
    "levels of 255, on average over {count} seeds."
)
READING_CLASSES = tr_later(
    "The percentage is the effect on the class: how much of the classifier's probability moves to other classes."
)
READING_SHEET = tr_later(
    "How to read it: the first image of a group has all channels, and the second one is drawn without those that are "
    "off. The third one is the difference: blue is what they made brighter, and vermilion what they made darker. "
    "One channel seldom draws one thing: most strokes are the work of many."
)
TILE_LABEL = tr_later("Channel {channel}")
TILE_LABEL_EFFECT = tr_later("Channel {channel}: it changes a pixel by {levels:.1f} levels of 255")
READ_AS = tr_later("read as {name}")


class Measured(NamedTuple):
    """The effects of a layer's channels, and with how many seeds they were measured."""

    effects: Effects
    count: int


def show_view(run: Run, generator: TrainedGenerator | None, *, reverse: bool, enlarge: int) -> None:
    """Show the maps of one seed, what the channels that are off drew, and a transposed convolution by hand."""
    if generator is not None:
        anatomy = anatomy_of(generator.weights_id, generator)
        if anatomy.layers:
            show_anatomy(generator, anatomy, reverse=reverse, enlarge=enlarge)
        else:
            st.info(plain(tr_marked(NO_MAPS, name=run.name)))
    explore_by_hand.show_by_hand()


def show_anatomy(generator: TrainedGenerator, anatomy: Anatomy, *, reverse: bool, enlarge: int) -> None:
    """Show the controls, the maps as tiles, and the sheet of seeds."""
    st.write(tr_marked(INTRODUCTION))
    classifier = classifier_of(generator)
    left, middle, right = st.columns([2, 3, 3])
    seed = left.number_input(tr("Seed"), 0, MAX_SEED, 0, key="one", bind="query-params")
    layers = {layer.title: layer for layer in anatomy.layers}
    titles = list(layers)
    begin_with_address("layer", titles, titles[0])
    title = middle.selectbox(
        tr("Layer"),
        titles,
        format_func=lambda title: layers[title].text,
        key="layer",
        on_change=all_on,
        help=tr("From z to the image. The next layer sees these maps."),
    )
    keep_in_address("layer", title, titles[0])
    orders = [name for name in ORDERS if name != BY_CLASS or classifier is not None]
    order = addressed(right.selectbox, tr("Order of the channels"), orders, orders[0], key="order")
    layer = layers[title]
    label = label_choice(generator) if generator.config.num_classes else None
    off = channels_off(layer)
    measured = measure(generator, anatomy, layer, label, classifier)
    maps = maps_of(generator.weights_id, layer.index, seed, label, anatomy)
    show_maps(generator, layer, maps, measured, order, off, reverse=reverse)
    show_sheet(generator, anatomy, layer, off, seed, label, classifier, reverse=reverse, enlarge=enlarge)


# The channels that are off, which the address holds


def channels_off(layer: Layer) -> list[int]:
    """Show the text with the channels that are off, and return them. What is not a channel gets a sentence."""
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    text = left.text_input(
        tr("Channels that are off"),
        key="off",
        bind="query-params",
        max_chars=2000,
        placeholder=tr("none; tap a map, or write 3,17,40-43"),
    )
    right.button(tr("All on"), key="all-on", on_click=all_on, disabled=not text, width="stretch")
    if not text.strip():
        return []
    try:
        named = sorted(set(parse_seeds(text)))
    except ValueError:
        st.warning(plain(tr("{text} is not a list of channels, so all are on.", text=repr(text[:40]))))
        return []
    known = [channel for channel in named if channel < layer.channels]
    if len(known) < len(named):
        st.warning(
            tr(
                "This layer has the channels 0 to {last}. Numbers left out: {count}.",
                last=layer.channels - 1,
                count=len(named) - len(known),
            )
        )
    return known


def all_on() -> None:
    """Switch all channels on."""
    st.session_state["off"] = ""


def spelled(channels: Sequence[int]) -> str:
    """Return ascending channels as text with ranges, as 3,17,40-43."""
    parts: list[list[int]] = []
    for channel in channels:
        if parts and channel == parts[-1][-1] + 1:
            parts[-1].append(channel)
        else:
            parts.append([channel])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


# What is computed, and how long it is kept


@st.cache_resource(max_entries=16, show_spinner=False)
def anatomy_of(weights_id: str, _generator: TrainedGenerator) -> Anatomy:
    """Take a generator apart once for all sessions."""
    from dcgan.sampling.inside import Anatomy

    return Anatomy(_generator)


def classifier_of(generator: TrainedGenerator) -> Classifier | None:
    """Return the classifier of the generator's data; None where there is none."""
    from dcgan.evaluation.classifier import has_classifier

    config = generator.train_config
    return classifier_named(config.data.name) if has_classifier(config) else None


@st.cache_resource(max_entries=4, show_spinner=False)
def classifier_named(name: str) -> Classifier | None:
    """Load a classifier once for all sessions. None where there is none."""
    from dcgan.evaluation.classifier import load_classifier

    try:
        return load_classifier(name)
    except (OSError, ValueError):
        return None


def probabilities(classifier: Classifier, images_u8: Bytes) -> np.ndarray:
    """Return the probability of each class (N, 10) of images (N, 1, 28, 28)."""
    import torch

    from dcgan.pixels import from_uint8

    logits = classifier.logits(classifier.features(torch.from_numpy(from_uint8(images_u8))))
    return logits.softmax(1).numpy()


def measure(
    generator: TrainedGenerator, anatomy: Anatomy, layer: Layer, label: int | None, classifier: Classifier | None
) -> Measured | None:
    """Return the effects of the layer's channels; None where that is too much work."""
    count = anatomy.seeds_for_effects(layer)
    if not count:
        return None
    known_as = "" if classifier is None else classifier.hash
    return effects_of(generator.weights_id, layer.index, count, label, known_as, layer, anatomy, classifier)


@st.cache_data(max_entries=128, show_spinner=Spinner(tr_later("Switching channels off, one after another ...")))
def effects_of(
    weights_id: str,
    index: int,
    count: int,
    label: int | None,
    classifier_hash: str,
    _layer: Layer,
    _anatomy: Anatomy,
    _classifier: Classifier | None,
) -> Measured:
    """Return the effects of a layer's channels with the first seeds, measured once for all sessions."""
    classify = None if _classifier is None else lambda images_u8: probabilities(_classifier, images_u8)
    with one_at_a_time:
        return Measured(_anatomy.effects(_layer, range(count), labels_of(label, count), classify=classify), count)


@st.cache_data(max_entries=128, show_spinner=False)
def maps_of(weights_id: str, index: int, seed: int, label: int | None, _anatomy: Anatomy) -> np.ndarray:
    """Return the maps (C, h, w) of a seed, float32; those above MAX_MAP_SIDE are averaged over blocks."""
    layer = next(layer for layer in _anatomy.layers if layer.index == index)
    maps = _anatomy.maps(layer, [seed], labels_of(label, 1))[0]
    block = -(-layer.height // MAX_MAP_SIDE)
    side = layer.height // block
    cut = maps[:, : side * block, : side * block]
    return cut.reshape(len(maps), side, block, side, block).mean((2, 4))


@st.cache_data(max_entries=128, show_spinner=False)
def sheet_of(
    weights_id: str, index: int, off: tuple[int, ...], seed: int, label: int | None, _anatomy: Anatomy
) -> Bytes:
    """Return the images of NUM_SEEDS seeds from `seed` on without these channels, (N, C, H, W) uint8."""
    layer = next(layer for layer in _anatomy.layers if layer.index == index)
    return _anatomy.draw(layer, off, seeds_from(seed), labels_of(label, NUM_SEEDS))


def seeds_from(seed: int) -> list[int]:
    """Return the seeds of the sheet: after the last one comes the first."""
    return [(seed + offset) % (MAX_SEED + 1) for offset in range(NUM_SEEDS)]


def labels_of(label: int | None, count: int) -> list[int] | None:
    """Return the label for each of so many images; None for a model without labels."""
    return None if label is None else [label] * count


# What is shown


def show_maps(
    generator: TrainedGenerator,
    layer: Layer,
    maps: np.ndarray,
    measured: Measured | None,
    order: str,
    off: Sequence[int],
    *,
    reverse: bool,
) -> None:
    """Show the maps as tiles in the chosen order."""
    if not np.isfinite(maps).all():
        raise ValueError(tr("its maps are not finite; use weights from before the training diverged"))
    if measured is None:
        st.info(
            tr("This layer is too large to switch off its channels one after another, so it has no effects here.")
        )
    channels = list(range(layer.channels))
    if measured is not None and order != BY_NUMBER:
        channels = measured.effects.order(by_class=order == BY_CLASS)
    if len(channels) > MAX_TILES:
        st.info(
            tr(
                "The first {count} of the {total} channels are shown in this order.",
                count=MAX_TILES,
                total=len(channels),
            )
        )
    shown = channels[:MAX_TILES]
    # Leaky layers have values below 0, which are drawn as black.
    scaled = maps.clip(min=0) / max(float(maps.max()), 1e-12)
    pictures_u8 = np.rint(255 * scaled[shown] ** GAMMA).astype(np.uint8)[:, None]
    side = pictures_u8.shape[-1]
    show_tiles(
        "maps",
        [tile(channel, measured, pressed=channel in off) for channel in shown],
        lambda pressed: switch(shown, pressed),
        label=tr("The maps of this layer"),
        of=f"{generator.weights_id} {layer.index}",
        pictures_u8=invert(pictures_u8) if reverse else pictures_u8,
        zoom=max(1, round(TILE_PIXELS / side)),
    )
    if measured is not None:
        reading = tr_marked(READING_MAPS, count=measured.count)
        st.caption(reading if measured.effects.classes is None else f"{reading} {tr_marked(READING_CLASSES)}")


def tile(channel: int, measured: Measured | None, *, pressed: bool) -> Tile:
    """Return the tile of a channel, with its effects."""
    if measured is None:
        return Tile(channel, str(channel), tr_marked(TILE_LABEL, channel=channel), pressed)
    levels, classes = measured.effects.pixels[channel], measured.effects.classes
    note = f"{levels:.1f}" if classes is None else f"{levels:.1f} · {classes[channel]:.0%}"
    return Tile(channel, str(channel), tr_marked(TILE_LABEL_EFFECT, channel=channel, levels=levels), pressed, note)


def switch(shown: Sequence[int], pressed: Sequence[int]) -> None:
    """Switch these of the shown channels off, and the other shown ones on. Those that are not shown stay."""
    try:
        before = set(parse_seeds(st.session_state.get("off", "")))
    except ValueError:
        before = set[int]()
    st.session_state["off"] = spelled(sorted((before - set(shown)) | set(pressed)))


def show_sheet(
    generator: TrainedGenerator,
    anatomy: Anatomy,
    layer: Layer,
    off: Sequence[int],
    seed: int,
    label: int | None,
    classifier: Classifier | None,
    *,
    reverse: bool,
    enlarge: int,
) -> None:
    """Show the images of some seeds with all channels and without those that are off, and the difference."""
    weights_id, index = generator.weights_id, layer.index
    whole_u8 = sheet_of(weights_id, index, (), seed, label, anatomy)
    without_u8 = sheet_of(weights_id, index, tuple(off), seed, label, anatomy)
    names = [[""] * NUM_SEEDS, [""] * NUM_SEEDS]
    if classifier is not None:
        for place, images_u8 in enumerate((whole_u8, without_u8)):
            read = probabilities(classifier, images_u8).argmax(1).tolist()
            names[place] = [tr_marked(READ_AS, name=digit) for digit in read]
    st.subheader(tr("What they drew"))
    tell_changes(layer, off, names, classifies=classifier is not None)
    if reverse:
        whole_u8, without_u8 = invert(whole_u8), invert(without_u8)
    drew_u8 = difference_overlay(whole_u8, without_u8, light=reverse)
    change = np.abs(sheet_levels(whole_u8, without_u8))
    groups = []
    for place, number in enumerate(seeds_from(seed)):
        title = tr("seed {seed}", seed=number)
        group = [Card(whole_u8[place], title, names[0][place], tr("The image of seed {seed}", seed=number))]
        if off:
            alt = tr("The image of seed {seed} without the channels that are off", seed=number)
            group.append(Card(without_u8[place], tr("without"), names[1][place], alt))
            alt = tr("What the channels drew in the image of seed {seed}", seed=number)
            levels = tr("{levels:.1f} levels", levels=change[place])
            group.append(Card(drew_u8[place], tr("difference"), levels, alt))
        groups.append(group)
    show_cards(groups, enlarge=enlarge)
    if off:
        st.caption(tr_marked(READING_SHEET))


def sheet_levels(whole_u8: Bytes, without_u8: Bytes) -> np.ndarray:
    """Return the mean absolute change of each image's pixels (N,), in levels of 255."""
    return np.abs(whole_u8.astype(np.int16) - without_u8).mean((1, 2, 3))


def tell_changes(layer: Layer, off: Sequence[int], names: Sequence[Sequence[str]], *, classifies: bool) -> None:
    """Show how many channels are off, and how many images the classifier reads as something else."""
    if not off:
        st.write(tr("All channels are on. Tap maps above to see what their channels draw."))
        return
    if not classifies:
        st.write(tr("{off} of {channels} channels are off.", off=len(off), channels=layer.channels))
        return
    sentence = tr(
        "{off} of {channels} channels are off. The classifier reads {changed} of {count} images as another class "
        "than before.",
        off=len(off),
        channels=layer.channels,
        changed=sum(before != after for before, after in zip(*names, strict=True)),
        count=NUM_SEEDS,
    )
    st.write(sentence)
