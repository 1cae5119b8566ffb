"""benchmarks/record.py: the statistics, the list of records, the tables, the clock and the options of a GPU."""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
import torchvision
from recipes import random_batches, small
from torch import nn

from dcgan.config import DataConfig, TrainConfig
from dcgan.data.named_sets import read_named_set
from dcgan.evaluation.classifier import load_classifier
from dcgan.presets import PRESETS
from dcgan.training.fast_step import SerialExecutor, choose_step, step_by, update_in_one_pass
from dcgan.training.loop import training_steps
from dcgan.training.state import TrainState

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
BENCHMARKS = ("record", "record_book", "record_training", "timing", "training")


@pytest.fixture(scope="module")
def scripts() -> Iterator[SimpleNamespace]:
    """The modules of benchmarks/ by name, imported as the script imports them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        for name in BENCHMARKS:
            patch.delitem(sys.modules, name, raising=False)
        __import__("record")
        yield SimpleNamespace(**{name: sys.modules[name] for name in BENCHMARKS})
        for name in BENCHMARKS:
            del sys.modules[name]


@pytest.fixture(scope="module")
def book(scripts) -> ModuleType:
    return scripts.record_book


@pytest.fixture(scope="module")
def trainings(scripts) -> ModuleType:
    return scripts.record_training


# The statistics


@pytest.mark.parametrize(
    ("df", "critical"),
    [(1, 31.82052), (2, 6.96456), (3, 4.54070), (4, 3.74695), (5, 3.36493), (9, 2.82144), (30, 2.45726)],
)
def test_student_t_agrees_with_the_printed_table(book, df, critical):
    """The critical values of a one-sided test at 0.01."""
    assert book.student_t_cdf(-critical, df) == pytest.approx(0.01, rel=1e-5)
    assert book.student_t_cdf(critical, df) == pytest.approx(0.99, rel=1e-7)
    assert book.student_t_cdf(0.0, df) == 0.5


def test_student_t_is_the_integral_of_its_density(book):
    """By Simpson's rule, for an odd and an even number of degrees of freedom."""
    for df, t in ((6, 1.3), (7, -0.4)):
        constant = math.gamma((df + 1) / 2) / (math.sqrt(df * math.pi) * math.gamma(df / 2))
        points = [i * t / 200 for i in range(201)]
        density = [constant * (1 + x * x / df) ** (-(df + 1) / 2) for x in points]
        weights = [1 if i in (0, 200) else 4 if i % 2 else 2 for i in range(201)]
        integral = sum(w * d for w, d in zip(weights, density, strict=True)) * t / 200 / 3
        assert book.student_t_cdf(t, df) == pytest.approx(0.5 + integral, abs=1e-10)


def test_p_is_small_only_if_the_mean_is_well_below_the_target(book):
    cfds = [2.0, 2.1, 2.2, 2.05, 2.15]  # mean 2.1, deviation 0.0791
    t = (2.1 - 2.18) / (statistics.stdev(cfds) / math.sqrt(5))
    assert book.p_below(cfds, 2.18) == pytest.approx(book.student_t_cdf(t, 4))
    assert 0.04 < book.p_below(cfds, 2.18) < 0.05
    assert book.p_below(cfds, 2.10) == pytest.approx(0.5)
    assert book.p_below(cfds, 2.5) < 0.001
    assert book.p_below(cfds, 1.5) > 0.999
    assert book.p_below([2.0, 2.0], 2.18) == 0.0
    assert book.p_below([2.2, 2.2], 2.18) == 1.0


def test_one_value_has_no_p(book):
    with pytest.raises(ValueError, match="two values"):
        book.p_below([2.0], 2.18)


def test_a_record_needs_five_seeds_and_a_small_p(book):
    def reason(*cfds: float, quick: bool = False) -> str:
        return book.shortcoming(book.Measurement("new", cfds=list(cfds)), 2.18, quick=quick)

    good = (2.0, 2.01, 1.99, 2.0, 2.02)
    assert reason(*good) == ""
    assert "seeds" in reason(*good[:4])
    assert "p is" in reason(2.0, 2.1, 2.2, 2.05, 2.15)
    assert reason(*good, quick=True)


def test_a_record_is_faster_than_the_one_before_it(book):
    cfds = [2.0, 2.01, 1.99, 2.0, 2.02]
    previous = measured(book, "previous", [30.0] * 5, cfds)
    assert book.shortcoming(measured(book, "new", [29.0] * 5, cfds), 2.18, previous=previous) == ""
    assert "previous" in book.shortcoming(measured(book, "new", [30.0] * 5, cfds), 2.18, previous=previous)


# The targets


def test_the_tutorials_target_is_its_published_cfd(book):
    classifier = load_classifier("mnist")
    target, published = book.tutorial_target(classifier.hash)
    assert target == 2.18
    assert abs(target - published) <= 0.005


def test_scores_of_another_classifier_are_no_target(book):
    with pytest.raises(ValueError, match="evaluate"):
        book.tutorial_target("0" * 12)


# The list of records


def entry(book: ModuleType, name: str, track: str = "cpu", target: str = "tutorial", **changes):
    config = replace(PRESETS["dcgan-best"].config, epochs=1)
    values = {"date": "2026-11-28", "commit": "abc1234", "config": config, "options": {}} | changes
    return book.Record(name=name, track=track, target=target, **values)


@pytest.fixture
def records_file(book, tmp_path) -> Path:
    """Two records of one track and target, and one of another, as they are on disk."""
    path = tmp_path / "records.json"
    path.write_text("[]")
    for record in (entry(book, "first"), entry(book, "other", "gpu"), entry(book, "second")):
        book.add_record(record, path)
    return path


def test_records_are_read_as_they_were_added(book, records_file):
    records = book.read_records(records_file)
    assert records == [entry(book, "first"), entry(book, "other", "gpu"), entry(book, "second")]
    assert isinstance(records[0].config, TrainConfig)


def test_the_newest_record_of_a_track_runs_beside_the_one_before_it(book, records_file):
    records = book.read_records(records_file)
    names = [record.name for record in book.pick(records, "cpu", "tutorial")]
    assert names == ["second", "first"]
    assert book.pick(records, "cpu", "tutorial", "first") == (records[0], None)
    assert book.pick(records, "gpu", "tutorial") == (records[1], None)
    assert book.pick(records, "gpu", "real") == (None, None)


def test_an_unknown_record_is_refused_with_the_known_ones(book, records_file):
    records = book.read_records(records_file)
    with pytest.raises(ValueError, match="first, second"):
        book.pick(records, "cpu", "tutorial", "third")
    with pytest.raises(ValueError, match="--candidate"):
        book.pick(records, "cpu", "real", "first")


def test_a_name_is_given_once(book, records_file):
    before = records_file.read_bytes()
    with pytest.raises(ValueError, match="first"):
        book.add_record(entry(book, "first", "gpu"), records_file)
    assert records_file.read_bytes() == before


def test_a_record_keeps_its_config_when_a_preset_changes(book, records_file, monkeypatch):
    config = PRESETS["dcgan-best"].config
    monkeypatch.setitem(PRESETS, "dcgan-best", replace(PRESETS["dcgan-best"], config=replace(config, lr_g=1.0)))
    assert book.read_records(records_file)[0].config == replace(config, epochs=1)


def test_a_damaged_list_is_named(book, tmp_path):
    path = tmp_path / "records.json"
    for text in ("[{}]", "[", '[{"config": {}, "name": "x"}]'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"records\.json"):
            book.read_records(path)


def test_every_record_has_a_row_and_options_that_are_known(book, trainings):
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    for record in book.read_records():
        assert f"| {record.name} " in page
        assert record.track in book.TRACKS
        assert record.target in book.TARGETS
        trainings.GpuOptions(**record.options)


# Who takes part


@pytest.fixture
def line_up(scripts, book, records_file, monkeypatch, tmp_path):
    """Call line_up with command-line arguments, on the records of `records_file`."""

    def call(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["record.py", *arguments])
        monkeypatch.setattr(scripts.record, "read_records", lambda: book.read_records(records_file))
        options = scripts.record.parse()
        return scripts.record.line_up(options, CPU, tmp_path, DataConfig(root=str(tmp_path)))

    return call


def test_the_tutorial_and_the_previous_record_run_before_the_newest(line_up, tmp_path):
    record, trainings = line_up()
    assert [training.name for training in trainings] == ["tutorial's loop", "first", "second"]
    assert record.name == "second"
    assert [training.scored for training in trainings] == [False, True, True]
    assert [training.steps for training in trainings] == [100, None, None]
    assert [training.factor for training in trainings] == [375.0, 1.0, 1.0]  # of 37,500 steps
    assert {training.config.data.root for training in trainings} == {str(tmp_path)}
    assert record.config.data.root == ""
    assert [training.name for training in line_up("--record", "first")[1]] == ["tutorial's loop", "first"]


def test_the_whole_tutorial_is_scored(line_up):
    tutorial = line_up("--full")[1][0]
    assert (tutorial.steps, tutorial.factor, tutorial.scored) == (37_500, 1.0, True)


def test_a_candidate_runs_beside_the_newest_record(line_up):
    record, trainings = line_up("--candidate", "dcgan-best", "--epochs", "3", "--model.width-d", "32", "--seed", "7")
    assert [training.name for training in trainings] == ["tutorial's loop", "second", "dcgan-best"]
    base = PRESETS["dcgan-best"].config
    assert record.config == replace(base, epochs=3, model=replace(base.model, width_d=32))
    assert record.options == {}


def test_options_of_a_gpu_belong_to_the_candidate(line_up):
    arguments = "--track", "gpu", "--candidate", "dcgan-best", "--gpu-options", "channels_last", "two_streams"
    record, trainings = line_up(*arguments)
    assert record.options == {"channels_last": True, "two_streams": True}
    assert trainings[-1].start.keywords["options"].two_streams
    assert not trainings[1].start.keywords["options"].any


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--target", "real"], "--candidate"),
        (["--candidate", "dcgan64"], "1x64x64"),
        (["--candidate", "dcgan", "--data.name", "kmnist"], "kmnist"),
        (["--candidate", "dcgan", "--gpu-options", "quick"], "two_streams"),
        (["--candidate", "dcgan", "--gpu-options", "compiled"], "--track cpu"),
        (["--candidate", "dcgan", "--save", "first"], "first"),
        (["--candidate", "dcgan", "--save", "new", "--quick"], "--quick"),
    ],
)
def test_a_measurement_that_cannot_be_is_refused_before_it(line_up, arguments, named):
    with pytest.raises(ValueError, match=named):
        line_up(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [["--epochs", "3"], ["--save", "new"], ["--record", "first", "--candidate", "dcgan"], ["--seeds", "1"]],
)
def test_arguments_that_exclude_each_other_end_the_command(line_up, arguments, capsys):
    with pytest.raises(SystemExit):
        line_up(*arguments)
    assert arguments[0] in capsys.readouterr().err


# The tables


def measured(book: ModuleType, name: str, seconds: list[float], cfds: list[float]):
    return book.Measurement(name, "abc1234", seconds, cfds)


def test_a_row_has_means_deviations_and_the_median_ratio(book):
    new = measured(book, "new", [20.0, 30.0, 25.0], [2.0, 2.1, 2.2])
    cells = book.row(new, [800.0, 900.0, 1000.0], 2.5, "2026-11-28")
    assert len(cells) == len(book.HEADER)
    assert cells[:2] == ["new", "2.10 ± 0.10"]
    assert float(cells[2]) == pytest.approx(book.p_below([2.0, 2.1, 2.2], 2.5), rel=0.05)
    assert cells[3:] == ["25.0 ± 5.0", "40.0 (30.0..40.0)", "3", "abc1234", "2026-11-28"]


def test_a_loop_whose_rate_alone_was_measured_has_no_score(book):
    loop = measured(book, "loop", [1000.0, 1100.0], [])
    assert book.row(loop, [1000.0, 1100.0], 2.18, "today")[1:4] == ["-", "-", "1,050.0 ± 70.7"]
    assert [row[2] for row in book.details([loop], [1000.0, 1100.0])] == ["-", "-"]


def test_details_have_a_row_for_each_seed(book):
    loop, new = measured(book, "loop", [100.0, 90.0], []), measured(book, "new", [4.0, 5.0], [2.0, 2.125])
    assert book.details([loop, new], [100.0, 90.0])[2:] == [
        ["new", "0", "2.0000", "4.00", "25.00"],
        ["new", "1", "2.1250", "5.00", "18.00"],
    ]


def test_the_printed_config_is_the_whole_config(book):
    config = PRESETS["dcgan-best"].config
    values = json.loads(book.config_line(config, {"compiled": True}))
    assert TrainConfig.from_json(values["config"]) == config
    assert values["options"] == {"compiled": True}


# The clock


def test_the_clock_runs_from_the_first_batch_to_the_last_weights(trainings, monkeypatch):
    """Loading and the warm-up are before it. Copying the weights and closing the training are after it."""
    events, network = [], nn.Linear(1, 1)
    ticks = iter([100.0, 103.5])

    def training():
        events.append("load and warm up")
        yield network
        try:
            for number in itertools.count():
                events.append(f"batch {number}")
                yield network
        finally:
            events.append("close")

    def clock() -> float:
        events.append("clock")
        return next(ticks)

    monkeypatch.setattr(trainings, "wait_for", lambda device: events.append("wait"))
    monkeypatch.setattr(trainings, "weights_of", lambda network: events.append("copy") or {})
    result = trainings.timed(training(), 2, CPU, clock)
    assert (result.seconds, result.num_steps) == (3.5, 2)
    timed = ["clock", "batch 0", "batch 1", "wait", "clock"]
    assert events == ["load and warm up", "wait", *timed, "copy", "close"]


def test_without_a_count_the_whole_training_is_timed(trainings):
    network = nn.Linear(1, 1)
    result = trainings.timed((network for _ in range(6)), None, CPU)
    assert result.num_steps == 5
    assert result.weights.keys() == {"weight", "bias"}


@pytest.mark.parametrize(("items", "count"), [(3, 3), (1, None)])
def test_a_training_that_ends_early_is_refused(trainings, items, count):
    network = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="--steps"):
        trainings.timed((network for _ in range(items)), count, CPU)


@pytest.mark.parametrize("preset", sorted({"dcgan", "dcgan-best", "dcgan-quick"} & PRESETS.keys()))
def test_a_record_trains_the_weights_of_the_package(trainings, monkeypatch, preset):
    """Bit for bit: the untimed warm-up leaves no trace."""
    config = small(preset, epochs=2, steps_per_epoch=6, lr_decay=0.5)
    monkeypatch.setattr(trainings, "make_batches", lambda config, device: random_batches(config))
    result = trainings.timed(trainings.record_steps(config, CPU), None, CPU)
    state = None
    for last in training_steps(config, random_batches(config), CPU):
        state = last.state
    assert state is not None
    assert result.num_steps == state.step == 12
    weights = state.best_generator.state_dict()
    assert weights.keys() == result.weights.keys()
    assert all(torch.equal(value, torch.from_numpy(result.weights[name])) for name, value in weights.items())


def test_a_warm_up_is_one_step_and_on_cuda_one_of_each_graph(trainings):
    config = replace(PRESETS["dcgan-best"].config, d_reg_interval=2)
    assert trainings.warm_up_steps(config, CPU) == 1
    penalized = [step % 2 == 0 for step in range(trainings.warm_up_steps(config, torch.device("cuda")))]
    # Three steps as they are, and the one that is captured.
    assert min(penalized.count(True), penalized.count(False)) >= 4


# A quick run without MNIST


def test_random_digits_are_read_as_mnist_is(scripts, tmp_path):
    """By the package and by torchvision, which the tutorial's loop reads with."""
    scripts.record.write_random_digits(tmp_path)
    for split, count in (("train", 1000), ("test", 500)):
        images_u8, labels = read_named_set("mnist", str(tmp_path), split)
        assert images_u8.shape == (count, 1, 28, 28)
        assert labels.max() == 9
        theirs = torchvision.datasets.MNIST(str(tmp_path), train=split == "train")
        assert theirs.data.equal(torch.from_numpy(images_u8[:, 0]))


@pytest.mark.slow
def test_a_quick_run_needs_no_mnist(tmp_path):
    """Its tables have numbers, and both say that they are not a measurement."""
    code = "import sys, pathlib, record; record.PROJECT_DATA = pathlib.Path('missing'); record.main()"
    command = [sys.executable, "-c", code, "--quick", "--target", "real"]
    environment = os.environ | {"DCGAN_CACHE": str(tmp_path)}
    result = subprocess.run(command, cwd=ROOT / "benchmarks", env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("| tutorial's loop |") == 3
    assert result.stdout.count("Not a measurement") == 3


def test_a_measurement_needs_mnist(scripts, monkeypatch, tmp_path):
    monkeypatch.setattr(scripts.record, "PROJECT_DATA", tmp_path)
    with pytest.raises(FileNotFoundError, match="MNIST"):
        scripts.record.unpacked_digits(tmp_path, quick=False)


# The options of a GPU


def test_a_machine_without_a_gpu_is_named(scripts, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="NVIDIA GPU"):
        scripts.record.use_track("gpu", quick=False)


def test_a_cpu_takes_no_options_of_a_gpu(trainings):
    state = TrainState.new(small("dcgan"), CPU)
    with pytest.raises(ValueError, match="--track gpu"):
        trainings.with_gpu_options(state, choose_step(state), trainings.GpuOptions(compiled=True))


def stepped(state: TrainState, executor: SerialExecutor, num_steps: int) -> dict[str, torch.Tensor]:
    """The tensors after some steps in one pass."""
    for batch in itertools.islice(random_batches(state.config).from_step(0), num_steps):
        step_by(partial(update_in_one_pass, executor=executor), state, batch)
    return {name: value.clone() for name, value in state.tensors().items()}


def test_weights_with_channels_last_take_the_same_steps(trainings):
    plain, changed = (TrainState.new(small("dcgan"), CPU) for _ in range(2))
    trainings.set_channels_last(changed)
    convolution = next(layer for layer in changed.gan.discriminator.layers[1:] if isinstance(layer, nn.Conv2d))
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    assert not convolution.weight.is_contiguous()
    expected = stepped(plain, SerialExecutor(), 3)
    for name, value in stepped(changed, SerialExecutor(), 3).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_networks_take_the_same_steps(trainings):
    """With and without penalties, by a backend that traces and differentiates as the default one does."""
    config = small("dcgan-best", d_reg_interval=2)
    plain, changed = (TrainState.new(config, CPU) for _ in range(2))
    trainings.compile_networks(changed, "aot_eager")
    expected = stepped(plain, SerialExecutor(), 3)
    for name, value in stepped(changed, SerialExecutor(), 3).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


class FakeStream:
    """A CUDA stream by name that notes what waits for what."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name, self.events = name, events

    def wait_stream(self, other: FakeStream) -> None:
        self.events.append(f"{self.name} waits for {other.name}")

    def wait_event(self, event: str) -> None:
        self.events.append(f"{self.name} waits for {event}")

    def record_event(self) -> str:
        return f"an event of {self.name}"


@pytest.mark.parametrize("preset", ["dcgan", "dcgan-best"])
def test_the_real_half_runs_on_a_second_stream(trainings, monkeypatch, preset):
    """The step asks for the calls that the executor knows, and all numbers are those of one stream."""
    events: list[str] = []
    current = [FakeStream("main", events)]

    @contextmanager
    def stream(side: FakeStream) -> Iterator[None]:
        current.append(side)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream("side", events))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", stream)
    calls: list[tuple[str, str]] = []

    class Noting(trainings.StreamExecutor):
        def __call__(self, function, *arguments):
            def noted(*arguments):
                calls.append((function.__name__, current[-1].name))
                return function(*arguments)

            noted.__name__ = function.__name__
            return super().__call__(noted, *arguments)

    expected = stepped(TrainState.new(small(preset), CPU), SerialExecutor(), 2)
    result = stepped(TrainState.new(small(preset), CPU), Noting(CPU), 2)
    assert all(torch.equal(value, expected[name]) for name, value in result.items())
    assert calls == 2 * [("discriminate", "side"), ("learn_real", "side"), ("learn_fake", "main")]
    assert events[0] == "side waits for main"
    assert "main waits for side" in events  # before the other half adds to the same gradients
    assert events[-1] == "main waits for an event of side"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("options", ["channels_last", "two_streams", "compiled", "all"])
def test_options_of_a_gpu_take_the_same_steps(trainings, monkeypatch, options):
    device, names = torch.device("cuda:0"), ("channels_last", "two_streams", "compiled")
    config = small("dcgan-best", epochs=1, d_reg_interval=2)
    data = random_batches(config)
    monkeypatch.setattr(trainings, "make_batches", lambda config, device: OnDevice(data, device))
    chosen = trainings.GpuOptions(**{name: options in (name, "all") for name in names})
    plain, changed = (
        trainings.timed(trainings.record_steps(config, device, choice), 3, device)
        for choice in (trainings.GpuOptions(), chosen)
    )
    for name, value in plain.weights.items():
        torch.testing.assert_close(
            torch.from_numpy(changed.weights[name]), torch.from_numpy(value), atol=1e-3, rtol=0
        )


class OnDevice:
    """Batches that are moved to a device."""

    def __init__(self, batches, device: torch.device) -> None:
        self.batches, self.device, self.steps_per_epoch = batches, device, batches.steps_per_epoch
        self.first_images = batches.first_images

    def from_step(self, step: int):
        for batch in self.batches.from_step(step):
            yield batch._replace(images=batch.images.to(self.device))
