"""The view Vector arithmetic of the Explore page."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recorded import CONDITIONAL, MIXED, TINY, record_run
from studio import captions, open_page, texts

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.evaluation.classifier import load_classifier
from dcgan.files import CHECKPOINTS
from dcgan.latents import parse_seeds
from dcgan.pages.parts import explore_arithmetic
from dcgan.sampling import exploration, sheets

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.mark.slow
def test_the_first_operands_draw_the_digits_that_the_text_names(monkeypatch):
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", CHECKPOINTS)
    app = open_page("explore", view="Vector arithmetic")
    assert "leaning eights, minus upright eights, plus the upright digit 1" in app.markdown[2].value
    generator = load_generator(CHECKPOINTS / app.selectbox(key="run").value)
    for key, digit in (("va", 8), ("vb", 8), ("vc", 1)):
        seeds = parse_seeds(app.text_input(key=key).value)
        assert read_digits(sheets.draw(generator, seeds)) == [digit] * 3


def read_digits(images_u8: np.ndarray) -> list[int]:
    """Return the digits that the classifier reads in images (N, 1, 28, 28)."""
    classifier = load_classifier("mnist")
    return classifier.logits(classifier.features(torch.from_numpy(pixels.from_uint8(images_u8)))).argmax(1).tolist()


@pytest.mark.slow
def test_arithmetic_shows_seeds_means_result_and_neighbors(tiny_run, drawn):
    app = open_page("explore", view="Vector arithmetic", va="1-3", vb="4,5,6", vc="7-9", size="1")
    sums = exploration.arithmetic(load_generator(tiny_run.path), [1, 2, 3], [4, 5, 6], [7, 8, 9])
    expected = [picture for pair in zip(sums.seeds_u8, sums.means_u8, strict=True) for picture in pair]
    expected += [sums.result_u8, sums.neighbors_u8]
    assert len(drawn) == len(captions(app)) == 8
    assert all(map(np.array_equal, drawn, expected))
    assert f"a norm of {sums.norm:.1f}" in texts(app)


@pytest.mark.slow
def test_arithmetic_keeps_one_label(only_own_runs, drawn):
    run = record_run(only_own_runs, CONDITIONAL)
    open_page("explore", view="Vector arithmetic", size="1", label="1")
    sums = exploration.arithmetic(load_generator(run.path), [3, 14, 768], [112, 400, 943], [26, 162, 727], label=1)
    assert np.array_equal(drawn[-1], sums.neighbors_u8)


@pytest.mark.slow
def test_an_invalid_operand_is_a_warning(tiny_run):
    for text in ("", "none", "0-99"):
        app = open_page("explore", view="Vector arithmetic", vb=text)
        assert len(app.warning) == 1
        assert not app.get("image")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "text"), [(TINY, explore_arithmetic.NORMS), (MIXED, explore_arithmetic.NORMS_OF_MIXTURE)]
)
def test_the_text_about_norms_fits_the_latent(only_own_runs, config, text):
    record_run(only_own_runs, config)
    assert text in texts(open_page("explore", view="Vector arithmetic"))
