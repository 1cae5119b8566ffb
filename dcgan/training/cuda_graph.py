"""A whole training step as one CUDA graph: the host starts all of its kernels with one call.

In networks of this size, starting a kernel takes longer than its arithmetic. A graph replays the kernels of the
captured step on the same memory. Inputs are copied to the memory that this step read. Results are copied from the
memory that it wrote. Nothing in this module waits for the device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan.data.loading import Batch
from dcgan.training.state import TrainState, begin_step, count_step
from dcgan.training.step import StepStats, is_augmented, is_penalized

Update = Callable[[TrainState, Batch], StepStats]
log = logging.getLogger(__name__)

WARM_UP_STEPS = 3
"""Steps without a graph before a capture. In them, optimizers create their state, and libraries choose kernels and
reserve memory. They are steps of the training like all others."""


class Captured(NamedTuple):
    """A graph, with the memory that it reads and writes."""

    graph: Any
    batch: Batch
    stats: Tensor
    """One value a field of StepStats."""


class CapturedStep:
    """Takes training steps on a GPU: WARM_UP_STEPS without a graph, all later ones by a graph.

    Each batch size has its own graph. If only some steps have gradient penalties or the random affine transform, each
    size has one graph for each combination.
    A step that cannot be captured runs without a graph, and the log has the reason.
    """

    def __init__(self, update: Update, backend: Any = None) -> None:
        self._update = update
        self._backend = CudaGraphs() if backend is None else backend
        self._captured: dict[tuple[int, bool, bool], Captured | None] = {}
        self._warm: dict[tuple[int, bool, bool], int] = {}

    def __call__(self, state: TrainState, batch: Batch) -> StepStats:
        kind = len(batch.images), is_penalized(state), is_augmented(state)
        if self._warm.get(kind, 0) < WARM_UP_STEPS:
            self._warm[kind] = self._warm.get(kind, 0) + 1
            return self._without_graph(state, batch)
        if kind not in self._captured:
            self._captured[kind] = self._capture(state, batch)
        captured = self._captured[kind]
        if captured is None:
            return self._without_graph(state, batch)
        captured.batch.images.copy_(batch.images)
        if batch.labels is not None:
            assert captured.batch.labels is not None, "captured with labels"
            captured.batch.labels.copy_(batch.labels)
        begin_step(state)  # a graph reads its seed from the global RNG at every replay
        self._backend.replay(captured.graph)
        count_step(state, batch.size)
        return StepStats(*captured.stats.clone().unbind())  # cloned: the next replay overwrites them

    def _without_graph(self, state: TrainState, batch: Batch) -> StepStats:
        begin_step(state)
        with self._backend.side_stream():
            stats = self._update(state, batch)
        count_step(state, batch.size)
        return stats

    def _capture(self, state: TrainState, batch: Batch) -> Captured | None:
        labels = None if batch.labels is None else batch.labels.clone()
        own = Batch(batch.images.clone(), labels, batch.whole)
        try:
            # A capture runs no kernel, so the state does not change.
            graph, stats = self._backend.capture(lambda: torch.stack(self._update(state, own)))
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            log.warning("steps of %d images are not captured as a CUDA graph: %s", len(own.images), reason)
            return None
        return Captured(graph, own, stats)


class CudaGraphs:
    """The CUDA calls that CapturedStep needs. Tests replace them."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    def side_stream(self) -> Any:
        """Return the block in which steps before a capture run. A capture then reuses their memory and handles."""
        return _After(self._stream)

    def capture(self, call: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Record a call without running it. Return the graph, and the tensor that every replay writes."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            result = call()
        return graph, result

    def replay(self, graph: torch.cuda.CUDAGraph) -> None:
        """Run the recorded call."""
        graph.replay()


class _After:
    """A block on its own stream. It runs after all earlier work and before all later work of the current stream."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._context = torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context.__enter__()

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)
        torch.cuda.current_stream().wait_stream(self._stream)
