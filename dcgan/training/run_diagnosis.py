"""The diagnosis of a run: what its rows and scores show, and what its config explains. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from dcgan.config import TrainConfig
from dcgan.runs import diagnosis
from dcgan.runs.causes import explained
from dcgan.runs.diagnosis import Diagnosis
from dcgan.runs.rows import ProgressRow, ScoreRow, Status
from dcgan.training.losses import logits_are_probabilities, pairs_real_with_fake


def diagnose_run(
    config: TrainConfig, status: Status, rows: Sequence[ProgressRow], scores: Sequence[ScoreRow]
) -> Diagnosis:
    """Return what a run's rows and scores show, with the cause and the remedy that its config suggests.

    Only the newest `diagnosis.USUAL_ROWS` rows count.
    """
    finding = diagnosis.diagnose(
        rows[-diagnosis.USUAL_ROWS :],
        status.state,
        status.error,
        scores,
        steps=status.steps,
        logits_are_probabilities=logits_are_probabilities(config.loss),
        pairs_real_with_fake=pairs_real_with_fake(config.loss),
    )
    return explained(finding, config)
