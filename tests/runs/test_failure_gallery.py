"""The failure gallery: each recording has its planted fault, and the diagnosis names it."""

from __future__ import annotations

import pytest

from dcgan.fields import differences
from dcgan.runs.diagnosis import Diagnosis
from dcgan.runs.failure_gallery import FAILURES, Failure, sound_config
from dcgan.runs.run import Run
from dcgan.training.run_diagnosis import diagnose_run

MAX_BYTES = 300_000
NAMED = {
    "learning-rate-too-high": "learning rate is 1000 times",
    "discriminator-too-fast": "D's learning rate is 1000 times",
    "mode-collapse": "G's learning rate is 100 times",
    "no-normalization": "No layer is normalized",
    "targets-alike": "Both targets are smoothed",
    "penalty-too-strong": "The weight of R1 is 1000",
}
"""Failure -> what its cause must say."""


def finding_of(run: Run) -> Diagnosis:
    return diagnose_run(run.config(), run.status(), run.progress()[0], run.scores())


def test_there_are_six_failures_with_names_of_their_own():
    assert len(FAILURES) == len({failure.name for failure in FAILURES}) == 6


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_diagnosis_names_the_planted_fault(failure: Failure):
    finding = finding_of(failure.run)
    assert finding.kind == failure.finding
    assert finding.level in ("warning", "error")
    assert finding.cause
    assert finding.remedy
    assert NAMED[failure.name] in finding.cause


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_the_cured_twin_has_no_finding_and_better_images(failure: Failure):
    assert finding_of(failure.cured_run).level in ("success", "info")
    failed, cured = failure.run.scores()[-1], failure.cured_run.scores()[-1]
    assert failed.scale == cured.scale
    assert (failed.cfd or 0.0) > 1.5 * (cured.cfd or 0.0)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_recording_is_that_of_the_list_and_small(failure: Failure):
    sound = sound_config(failure.preset)
    for run, config in ((failure.run, failure.config), (failure.cured_run, sound)):
        assert run.config() == config
        files = [path for path in run.path.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) <= MAX_BYTES
        assert not [path for path in files if path.suffix == ".safetensors"]
        assert len(run.sample_steps()) >= 6
    assert {*differences(failure.config, sound)} == {*failure.fault}
