"""The list of a page's models: a damaged one is a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WEIGHTS = {"id": "0" * 12, "step": 4, "epoch": 2.0, "file": "weights/0.safetensors", "half": False, "packed": ""}
MANIFEST = {
    "version": 2,
    "usual": "a",
    "models": [
        {
            "name": "a",
            "weights": WEIGHTS,
            "snapshots": [WEIGHTS, WEIGHTS],
            "classes": ["0"],
            "discriminator": {"real": [0.5], "fake": {"0" * 12: [0.5]}},
            "digits": {"file": "digits.png", "size": 28, "channels": 1, "columns": 10, "count": 100},
        }
    ],
}


def read(web, texts: list[str]) -> list[dict[str, Any]]:
    """Return what the page reads in each text: the name and the values of an error, or the manifest."""
    body = """
      const { parseManifest } = await web("manifest");
      const { SentenceError } = await web("texts");
      return argument.map((text) => {
        try {
          return parseManifest(text);
        } catch (error) {
          return error instanceof SentenceError ? { text: error.text, ...error.values } : { text: String(error) };
        }
      });
    """
    return web.call(body, texts)


def test_a_sound_list_is_read(web):
    other = {**MANIFEST, "models": [{**MANIFEST["models"][0], "discriminator": None, "digits": None}]}
    assert read(web, [json.dumps(MANIFEST), json.dumps(other)]) == [MANIFEST, other]


def test_text_that_is_not_an_object_is_damaged(web):
    assert read(web, ["", "{", "null", "[]", "7"]) == [{"text": "manifestNotJson"}] * 5


def test_each_wrong_value_is_named(web):
    places = {
        "usual": None,
        "models": [],
        "models[0]": "x",
        "models[0].name": 7,
        "models[0].weights": None,
        "models[0].weights.id": None,
        "models[0].weights.file": [],
        "models[0].snapshots": None,
        "models[0].snapshots[1].epoch": "x",
        "models[0].snapshots[1].step": -1,
        "models[0].snapshots[0].half": "yes",
        "models[0].classes": {},
        "models[0].classes[0]": 0,
        "models[0].discriminator": [],
        "models[0].discriminator.real": None,
        "models[0].discriminator.real[0]": "x",
        "models[0].digits": "x",
        "models[0].digits.size": 0,
        "models[0].digits.columns": 1e9,
    }
    texts = []
    for place, value in places.items():
        manifest: Any = json.loads(json.dumps(MANIFEST))
        *parents, last = place.replace("[", ".#").replace("]", "").split(".")
        entry = manifest
        for key in parents:
            entry = entry[int(key[1:]) if key.startswith("#") else key]
        entry[int(last[1:]) if last.startswith("#") else last] = value
        texts.append(json.dumps(manifest))
    assert read(web, texts) == [{"text": "manifestDamaged", "place": place} for place in places]
