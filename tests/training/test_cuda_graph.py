"""Steps by CUDA graph, with a backend in CUDA's place that records calls and replays them on the same memory."""

from __future__ import annotations

import itertools
import logging
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from recipes import random_batches, small

from dcgan.data.batches import ImageSet, ResidentBatches
from dcgan.presets import PRESETS
from dcgan.training.cuda_graph import WARM_UP_STEPS, CapturedStep
from dcgan.training.fast_step import choose_step, discriminates_once
from dcgan.training.state import TrainState
from dcgan.training.step import StepStats, train_step, update_both

CPU = torch.device("cpu")


class Recorded:
    """What a graph can do: a call, made again and again, that reads and writes where it did when it was captured."""

    def __init__(self) -> None:
        self.captures = self.replays = 0

    def side_stream(self):
        return nullcontext()

    def capture(self, call):
        self.captures += 1
        return call, torch.full((len(StepStats._fields),), torch.nan)  # capturing runs nothing

    def replay(self, graph):
        self.replays += 1
        self.stats[graph].copy_(graph())


class Recording(CapturedStep):
    """A CapturedStep that tells its backend where the results of each graph are to lie."""

    def _capture(self, state, batch):
        captured = super()._capture(state, batch)
        if captured:
            self._backend.stats = getattr(self._backend, "stats", {}) | {captured.graph: captured.stats}
        return captured


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["dcgan", "gan", "cdcgan", "dcgan-step"])
def test_replays_compute_the_captured_steps(preset):
    """Bit for bit, for both sizes of batch that a pass has."""
    config = small(preset, engine="plain")
    plain, state, backend = TrainState.new(config, CPU), TrainState.new(config, CPU), Recorded()
    step = Recording(update_both, backend)
    results = []
    for batch in itertools.islice(random_batches(config).from_step(0), 40):
        results.append((train_step(plain, batch), step(state, batch)))
    for expected, found in results:  # only now: no replay may overwrite earlier results
        assert all(map(torch.equal, expected, found))
    assert backend.captures == 2
    assert backend.replays == 40 - 2 * WARM_UP_STEPS
    assert (state.step, state.images_seen) == (plain.step, plain.images_seen)
    for name, value in plain.tensors().items():
        assert torch.equal(state.tensors()[name], value), name


def test_a_step_that_cannot_be_captured_runs_with_a_note(caplog):
    class Refusing(Recorded):
        def capture(self, call):
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    config = small("dcgan", engine="plain")
    plain, state = TrainState.new(config, CPU), TrainState.new(config, CPU)
    step = CapturedStep(update_both, Refusing())
    with caplog.at_level(logging.WARNING):
        for batch in itertools.islice(random_batches(config).from_step(0), 12):
            assert all(map(torch.equal, train_step(plain, batch), step(state, batch)))
    assert [record.getMessage() for record in caplog.records] == [
        "steps of 8 images are not captured as a CUDA graph: operation not permitted when stream is capturing"
    ]


def test_rates_that_decay_are_written_where_a_graph_reads_them():
    config = small("dcgan", lr_decay=1.0)
    state = TrainState.new(config, CPU)
    state.steps = 10
    rate = torch.tensor(config.lr_g)  # as on a GPU
    state.optimizer_g.param_groups[0]["lr"] = rate
    step = Recording(update_both, Recorded())
    for batch in itertools.islice(random_batches(config).from_step(0), 6):
        step(state, batch)
    assert state.optimizer_g.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(config.lr_g / 2)  # that of step 5 of 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("intervals", "graphs"),
    [({"d_reg_interval": 3}, 2), ({"d_reg_interval": 2, "auxiliary_affine_interval": 3}, 4)],
    ids=["penalties", "penalties and random affine"],
)
def test_steps_with_other_terms_have_separate_graphs(intervals, graphs):
    config = small("dcgan-best", engine="plain", auxiliary_affine=1.0, **intervals)
    plain, state, backend = TrainState.new(config, CPU), TrainState.new(config, CPU), Recorded()
    step = Recording(update_both, backend)
    for batch in itertools.islice(random_batches(config, 48).from_step(0), 60):
        assert all(map(torch.equal, train_step(plain, batch), step(state, batch)))
    assert (backend.captures, backend.replays) == (graphs, 60 - graphs * WARM_UP_STEPS)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@needs_gpu
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_gpu_replays_the_steps_it_captured(preset):
    """To rounding: a capture may choose other kernels. From the same state at every step, as in test_fast."""
    device = torch.device("cuda", 0)
    config = small(preset)
    plain = TrainState.new(replace(config, engine="plain"), device)
    state = TrainState.new(config, device)
    step = choose_step(state)
    assert isinstance(step, CapturedStep)
    source = random_batches(config)
    images = ImageSet(source._images_u8, source._labels, ())
    for batch in itertools.islice(ResidentBatches(images, config, device).from_step(0), 60):
        for name, value in plain.tensors().items():
            state.tensors()[name].copy_(value)
        expected, found = train_step(plain, batch), step(state, batch)
        for name in ("d_loss", "g_loss"):
            assert float(getattr(found, name)) == pytest.approx(float(getattr(expected, name)), rel=1e-4)
    assert None not in step._captured.values()
    assert discriminates_once(state) or preset != "dcgan"
