"""Registries, errors and figures speak the visitor's language, and what is cached speaks no language of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from translations import extracted, mo_bytes

from dcgan.config import TrainConfig
from dcgan.fields import config_fields
from dcgan.figures import animations, diagrams, plots
from dcgan.figures.architecture import describe_architecture
from dcgan.locale import language
from dcgan.locale.language import speaking, tr_marked
from dcgan.presets import PRESETS
from dcgan.runs import diagnosis
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES
from dcgan.runs.series import Series
from dcgan.runs.timeline import ALIGNMENTS, HOURS

SIGN = "⟦"


@pytest.fixture(scope="module")
def bracketed_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a catalog in which each text without a plural is the English one in brackets."""
    catalog = Catalog(locale="ja")
    for message in extracted():
        if isinstance(message.id, str) and message.id:
            catalog.add(message.id, f"{SIGN}{message.id}⟧")
    root = tmp_path_factory.mktemp("locale")
    path = root / "ja" / "LC_MESSAGES" / "dcgan.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(mo_bytes(catalog))
    return root


@pytest.fixture
def bracketed(bracketed_texts: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add the language of the texts in brackets, and return its code."""
    monkeypatch.setenv("DCGAN_LOCALE", str(bracketed_texts))
    language._translations.cache_clear()
    return "ja"


def test_all_texts_of_the_registries_are_marked(bracketed: str):
    texts = [text for score in SCORES.values() for text in (score.title, score.description)]
    texts += [text for preset in PRESETS.values() for text in (preset.title, preset.source, preset.notes) if text]
    texts += [field.help for field in config_fields().values()]
    texts += [*ALIGNMENTS.values(), *plots.X_AXES.values(), plots.axis("wall_seconds", HOURS).title]
    with speaking(bracketed):
        assert [text for text in texts if not tr_marked(text).startswith(SIGN)] == []
        assert all(score.sentence.startswith(SIGN) for score in SCORES.values())


def test_findings_are_in_the_language_with_their_values(bracketed: str):
    findings = [value for value in vars(diagnosis).values() if isinstance(value, diagnosis.Diagnosis)]
    assert len(findings) > 15
    with speaking(bracketed):
        texts = [tr_marked(text) for one in findings for text in (one.title, one.cause, one.remedy) if text]
        result = diagnosis.PAIRS_WON.filled(loss=0.01)
    assert all(text.startswith(SIGN) for text in texts)
    assert result.cause.startswith(SIGN)
    assert "0.010" in result.cause


def test_an_invalid_config_is_refused_in_the_language(bracketed: str):
    with speaking(bracketed), pytest.raises(ValueError, match=rf"^{SIGN}epochs=0 "):
        TrainConfig(epochs=0)
    with pytest.raises(ValueError, match=r"^epochs=0 "):
        TrainConfig(epochs=0)


def test_figures_are_in_the_language_although_parts_of_them_are_cached(bracketed: str, tmp_path: Path):
    series = Series(Run(tmp_path)).update()
    norms, changes = np.ones(3), np.ones(2)
    english = plots.path_curves_json(norms, (0.5, 1.5), changes)
    with speaking(bracketed):
        titles = json.loads(plots.path_curves_json(norms, (0.5, 1.5), changes))["layout"]
        assert titles["xaxis2"]["title"]["text"] == f"{SIGN}frame⟧"
        assert SIGN in diagrams.two_networks()
        losses = plots.loss_curves(series, plots.EPOCH)
        assert losses.layout.xaxis.title.text.startswith(SIGN)
        assert losses.layout.yaxis.title.text.startswith(SIGN)
        assert all(trace.name.startswith(SIGN) for trace in losses.data)
    assert plots.path_curves_json(norms, (0.5, 1.5), changes) == english


def test_the_layers_of_a_network_are_equal_in_all_languages(bracketed: str):
    layers = describe_architecture(PRESETS["cgan"].config.model).generator
    with speaking(bracketed):
        assert describe_architecture(PRESETS["cgan"].config.model).generator == layers
        assert [layer.name for layer in layers[:2]] == [f"{SIGN}Input⟧", f"{SIGN}Reshape⟧"]
        assert layers[1].settings == f"{SIGN}with the label, one of 10⟧"
    assert layers[1].settings == "with the label, one of 10"


def test_the_letters_in_an_animation_are_latin_in_all_languages(bracketed: str, tiny_run: Run):
    english = animations.training_gif(tiny_run)
    with speaking(bracketed):
        assert animations.frame_caption(4, tiny_run.status()).startswith(SIGN)
        assert animations.training_gif(tiny_run) == english
