"""Likely causes in a config: each is named, sound findings stay, and sound configs have none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcgan.fields import changed
from dcgan.presets import PRESETS
from dcgan.runs import diagnosis
from dcgan.runs.causes import CAUSES, explained

DCGAN = PRESETS["dcgan"].config


@pytest.mark.parametrize(
    ("changes", "cause", "remedy"),
    [
        ({"real_target": 0.7, "fake_target": 0.3}, "0.7 for real images, and 0.3 for fake", "fake_target to 0"),
        ({"lr_d": 0.002}, "10 times that of G", "0.0002"),
        ({"lr_g": 0.002}, "10 times that of D", "0.0002"),
        ({"lr_g": 0.02, "lr_d": 0.02}, "100 times the usual 0.0002", "0.0002"),
        ({"batch_size": 2}, "A batch has 2 images", "batch_size to 32"),
        ({"model.norm_d": "none", "r1_gamma": 500.0}, "The weight of R1 is 500", "r1_gamma to 1"),
        (
            {"model.norm_g": "none", "model.norm_d": "none", "model.init": "normal"},
            "No layer is normalized",
            "norm_g",
        ),
    ],
)
@pytest.mark.parametrize("finding", [diagnosis.COLLAPSED, diagnosis.NOISE, diagnosis.DISCRIMINATOR_WINS])
def test_a_fault_of_the_config_is_the_cause(changes, cause, remedy, finding):
    result = explained(finding, changed(DCGAN, changes))
    assert cause in result.cause
    assert remedy in result.remedy
    assert (result.kind, result.level, result.title) == (finding.kind, finding.level, finding.title)


@pytest.mark.parametrize("finding", [diagnosis.HEALTHY, diagnosis.YOUNG, diagnosis.COPIES, diagnosis.UNJUDGED])
def test_other_findings_keep_their_words(finding):
    assert explained(finding, replace(DCGAN, lr_g=0.02, lr_d=0.02)) == finding


@pytest.mark.parametrize("name", PRESETS)
def test_the_config_of_a_preset_is_no_cause(name):
    assert not [cause.cause for cause in CAUSES if cause.holds(PRESETS[name].config)]
    assert explained(diagnosis.COLLAPSED, PRESETS[name].config) == diagnosis.COLLAPSED


def test_augmentation_is_no_remedy_for_a_training_that_has_it():
    overfits = diagnosis.OVERFITTING.filled(r_v=0.5, count=40, epoch=3)
    for finding in (overfits, diagnosis.COPIES.filled(share=0.5, real=0.0)):
        assert "augment" in explained(finding, DCGAN).remedy
        augmented = explained(finding, replace(DCGAN, augment="translate"))
        assert augmented.title == finding.title
        assert "augment" not in augmented.remedy
        assert "init" in augmented.remedy
