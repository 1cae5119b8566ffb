"""A whole training step as one CUDA graph: the host starts it with one call, where it had to start every kernel.

Networks this small are bound by launches, not by arithmetic. A graph replays the very kernels of the step that was
captured, on the same memory: inputs are copied to where that step read them, results are copied from where it wrote
them. Nothing here waits for the device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan.data.loading import Batch
from dcgan.training.state import TrainState, begin_step, count_step
from dcgan.training.step import StepStats, is_penalized

Update = Callable[[TrainState, Batch], StepStats]
log = logging.getLogger(__name__)

WARM_UP_STEPS = 3
"""Steps taken as they are before a capture: optimizers make their state, libraries choose kernels and reserve memory.
They are steps of the training like all others."""


class Captured(NamedTuple):
    """A graph, and the memory that it reads and writes."""

    graph: Any
    batch: Batch
    stats: Tensor
    """One value a field of StepStats."""


class CapturedStep:
    """Steps a state on a GPU: WARM_UP_STEPS as they are, then by graph, one for every size of batch, with and without
    penalties on the gradient where not all steps have them.

    A step that cannot be captured goes on as it is, and the log says why.
    """

    def __init__(self, update: Update, backend: Any = None) -> None:
        self._update = update
        self._backend = CudaGraphs() if backend is None else backend
        self._captured: dict[tuple[int, bool], Captured | None] = {}
        self._warm: dict[tuple[int, bool], int] = {}

    def __call__(self, state: TrainState, batch: Batch) -> StepStats:
        kind = len(batch.images), is_penalized(state)
        if self._warm.get(kind, 0) < WARM_UP_STEPS:
            self._warm[kind] = self._warm.get(kind, 0) + 1
            return self._as_it_is(state, batch)
        if kind not in self._captured:
            self._captured[kind] = self._capture(state, batch)
        captured = self._captured[kind]
        if captured is None:
            return self._as_it_is(state, batch)
        captured.batch.images.copy_(batch.images)
        if batch.labels is not None:
            assert captured.batch.labels is not None, "captured with labels"
            captured.batch.labels.copy_(batch.labels)
        begin_step(state)  # a graph takes its seed from the global RNG at every replay
        self._backend.replay(captured.graph)
        count_step(state, batch.size)
        return StepStats(*captured.stats.clone().unbind())  # the next replay writes over them

    def _as_it_is(self, state: TrainState, batch: Batch) -> StepStats:
        begin_step(state)
        with self._backend.side_stream():
            stats = self._update(state, batch)
        count_step(state, batch.size)
        return stats

    def _capture(self, state: TrainState, batch: Batch) -> Captured | None:
        labels = None if batch.labels is None else batch.labels.clone()
        still = Batch(batch.images.clone(), labels, batch.whole)
        try:
            # Capturing runs nothing: the state is as before.
            graph, stats = self._backend.capture(lambda: torch.stack(self._update(state, still)))
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            log.warning("steps of %d images are not captured as a CUDA graph: %s", len(still.images), reason)
            return None
        return Captured(graph, still, stats)


class CudaGraphs:
    """The CUDA calls that CapturedStep needs; its tests put others in their place."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    def side_stream(self) -> Any:
        """Where steps before a capture run: memory and handles made there serve the capture, too."""
        return _After(self._stream)

    def capture(self, call: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Record a call without running it; its result lies where every replay will put it."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            result = call()
        return graph, result

    def replay(self, graph: torch.cuda.CUDAGraph) -> None:
        """Run what was recorded."""
        graph.replay()


class _After:
    """A block on a stream of its own, after what was started before it and before what follows."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._context = torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context.__enter__()

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)
        torch.cuda.current_stream().wait_stream(self._stream)
