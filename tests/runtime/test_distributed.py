"""Several ranks: the numbers of one process, one recording, one stop. Real processes, joined by gloo on this machine.

Run as a script, this file is a rank itself: see `as_a_rank`.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan.checkpoint import load_generator, load_tensors
from dcgan.cli.main import main
from dcgan.config import DataConfig, TrainConfig
from dcgan.data.batches import ImageSet, ResidentBatches, StreamedBatches
from dcgan.data.folder import find_images, readable_files
from dcgan.data.image_files import check_header
from dcgan.data.order import Order
from dcgan.presets import PRESETS
from dcgan.runs.listing import list_runs
from dcgan.runs.run import Run
from dcgan.runtime.distributed import ALONE, Ranks, joined
from dcgan.training import recording
from dcgan.training.loop import training_steps
from dcgan.training.recording import run_training
from dcgan.training.state import TrainState

PROJECT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
STEPS = 12
PATIENCE_SECONDS = 400
"""No measure of speed: what takes longer hangs."""


def small(preset: str, **changes) -> TrainConfig:
    """Return the preset's recipe with small networks and no dropout, whose masks differ between ranks."""
    config = PRESETS[preset].config
    widths = {"hidden_g": (16, 24), "hidden_d": (24, 16), "width_g": 4, "width_d": 4, "dropout": 0.0}
    recipe = {"batch_size": 8, "epochs": 8, "steps_per_epoch": 0}
    changes = recipe | {"model": config.model} | changes
    return replace(config, **(changes | {"model": replace(changes["model"], **widths)}))


WITH_AUXILIARY_HEAD = replace(PRESETS["dcgan-best"].config.model, auxiliary_head=True, minibatch_stddev=False)
"""A deviation would be that of a rank's share."""


# Passes of 43 images in batches of 8: the last has 3, which share out as 1 and 2.
CASES = {
    "one noise a step": small("gan"),
    "relativistic, both penalties, average": small(
        "gan-beginners", loss="relativistic", r1_gamma=1.0, r2_gamma=1.0, ema_half_life_images=50
    ),
    "wasserstein with gradient penalty": small("gan-beginners", loss="wasserstein", gradient_penalty=10.0),
    "conditional": small("cgan"),
    "larger generator batches, drawn with replacement": small("dcgan-keras"),
    "batch norm": small("dcgan"),
    "batch norm and a penalty through it": small("cdcgan", r1_gamma=1.0, batch_size=8),
    "batch norm of a joint batch": small("dcgan-step", joint_batch=True),
    "shares of unequal size": small("dcgan", batch_size=9),
    "auxiliary head": small("dcgan-best", model=WITH_AUXILIARY_HEAD, auxiliary_affine=1.0),
}
FEW = {
    # On 3 ranks the pass ends with 2 images, and one rank has none.
    "a rank without images": small("cdcgan", batch_size=41, r1_gamma=1.0),
    "a rank without images, paired": small("gan-beginners", batch_size=41, loss="relativistic", gradient_penalty=1.0),
    "a rank without images, auxiliary head": small(
        "dcgan-best", model=WITH_AUXILIARY_HEAD, auxiliary_affine=1.0, batch_size=41
    ),
}


def numbers(config: TrainConfig, ranks: Ranks = ALONE) -> dict[str, list[float]]:
    """Return the statistics of each step, and two sums of every tensor of the last state."""
    rng = np.random.RandomState(3)
    images = torch.from_numpy(rng.randint(0, 256, (43, *config.model.image_shape), dtype=np.uint8))
    labels = torch.from_numpy(rng.randint(0, max(config.model.num_classes, 1), 43))
    batches = ResidentBatches(ImageSet(images, labels, ()), replace(config, epochs=STEPS), CPU, ranks)
    state = TrainState.new(config, CPU, ranks)
    trained = itertools.islice(training_steps(replace(config, epochs=STEPS), batches, CPU, state), STEPS)
    rows = [[float(value) for value in after.stats] for after in trained]
    sums = {name: [float(t.double().sum()), float(t.double().norm())] for name, t in state.tensors().items()}
    return {"losses": rows, "images_seen": [state.images_seen], **sums}


def digits_config(digits: DataConfig, preset: str = "dcgan", **changes) -> TrainConfig:
    """Return a config with 6 steps an epoch; the last batch has 16 images."""
    return small(preset, data=digits, batch_size=64, epochs=3, log_every=1, ema_half_life_images=200, **changes)


def as_a_rank(folder: Path, ports: list[str]) -> None:
    """Run what each of three processes does for all tests, because every start costs seconds. The environment
    replaces torchrun; the third rank ends after the first part."""
    torch.set_num_threads(1)
    with joined("cpu") as (_, ranks):
        write_numbers(FEW, ranks, folder)
    os.environ |= {"WORLD_SIZE": "2", "MASTER_PORT": ports[1]}
    if ranks.rank == 2:
        return
    with joined("cpu") as (device, ranks):
        write_numbers(CASES, ranks, folder)
        run_training(Run(folder / "first-on-1"), device, ranks=ranks)
        stopped = run_training(Run(folder / "first-on-2"), device, stop_at(folder / "first-on-2", 7), ranks)
        run_training(Run(folder / "scored"), device, ranks=ranks)
        run_training(Run(folder / "extended"), device, ranks=ranks)
        run_training(Run(folder / "extended"), device, ranks=ranks, epochs=3)
        run_training(Run(folder / "at once"), device, ranks=ranks)
        (folder / f"stopped.{ranks.rank}").write_text(f"{stopped.state} {stopped.step}")
        if ranks.rank:
            recording.training_steps = lambda *arguments: itertools.islice(training_steps(*arguments), 3)
        run_training(Run(folder / "deserted"), device, ranks=ranks)
        if ranks.rank:
            os._exit(0)  # as if killed: it tells nobody


def write_numbers(cases: dict[str, TrainConfig], ranks: Ranks, folder: Path) -> None:
    for name, config in cases.items():
        (folder / f"{name}.{ranks.rank}.json").write_text(json.dumps(numbers(config, ranks)))


def stop_at(path: Path, step: int):
    """Return an on_row that requests a stop during `step`, which the training then finishes."""

    def on_row(row, status):
        if row.step >= step - 1:
            Run(path).request_stop()

    return on_row


LOCAL = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT), "DCGAN_DEVICE": "cpu"}
"""Of a rank's environment. With the loopback interface named, gloo does not ask a network for this machine's name."""
LOCAL |= {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}


def start(*command: str, **environment: str) -> subprocess.Popen:
    """Start Python in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | LOCAL | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def torchrun(*command: str) -> subprocess.Popen:
    """Start `torchrun --nproc-per-node 2 -m dcgan ...` on the network of this machine only."""
    flags = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2"]
    return start("-m", "torch.distributed.run", *flags, "-m", "dcgan", *command)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """Return exit code and output. A process that hangs is killed with all processes that it started."""
    try:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, output, errors


def free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [str(each.getsockname()[1]) for each in sockets]


@pytest.fixture(scope="module")
def ranks_folder(tmp_path_factory, digits, scored_digits) -> Path:
    """Return the folder in which three processes have run `as_a_rank`."""
    folder = tmp_path_factory.mktemp("ranks")
    for name, preset in {"first-on-1": "dcgan", "first-on-2": "dcgan", "deserted": "gan"}.items():
        run = Run(folder / name)
        run.path.mkdir()
        run.write_config(digits_config(digits, preset), "test")
    for name, epochs in {"extended": 2, "at once": 3}.items():
        run = Run(folder / name)
        run.path.mkdir()
        run.write_config(replace(digits_config(digits, "gan"), epochs=epochs), "test")
    scored = Run(folder / "scored")
    scored.path.mkdir()
    scored.write_config(digits_config(scored_digits, score_images=50), "test")
    assert run_training(Run(folder / "first-on-1"), CPU, stop_at(folder / "first-on-1", 7)).state == "stopped"
    ports = free_ports(2)
    place = {"WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": ports[0]}
    processes = [
        start(__file__, str(folder), *ports, RANK=str(rank), DCGAN_CACHE=str(folder / "cache"), **place)
        for rank in range(3)
    ]
    for code, _, errors in map(finish, processes):
        assert code == 0, errors
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, digits) -> Run:
    """Return the same training by one process."""
    run = Run.create(digits_config(digits), "test", tmp_path_factory.mktemp("whole"))
    assert run_training(run, CPU).state == "finished"
    return run


# The numbers


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *FEW])
def test_ranks_have_the_numbers_of_one_process(ranks_folder, name):
    count = 2 if name in CASES else 3
    results = [json.loads((ranks_folder / f"{name}.{rank}.json").read_text()) for rank in range(count)]
    compare((CASES | FEW)[name], *results)


def compare(config: TrainConfig, first: dict, *others: dict) -> None:
    """Compare rank 0 with one process, to rounding, and the other ranks with rank 0, bit for bit."""
    assert all(other == first for other in others)
    alone = numbers(config)
    assert first.keys() == alone.keys()
    assert first["images_seen"] == alone["images_seen"]
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=1e-4, atol=1e-6)
    for name in alone:
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            np.testing.assert_allclose(first[name], alone[name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_shares_of_all_ranks_are_the_batch():
    for total, count in itertools.product((0, 1, 2, 7, 64), (1, 2, 3, 8)):
        parts = [list(range(total))[Ranks(rank, count).shard(total)] for rank in range(count)]
        assert list(itertools.chain(*parts)) == list(range(total))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("sampling", ["shuffle", "replacement"])
def test_the_ranks_share_every_batch_in_order(sampling):
    config = small("gan", sampling=sampling, batch_size=9)
    alone, *ranks = (
        itertools.islice(Order.of(config, 43, ranks).from_step(3), 9)
        for ranks in (ALONE, *(Ranks(r, 4) for r in range(4)))
    )
    order = Order.of(config, 43)
    for step, (batch, *shares) in enumerate(zip(alone, *ranks, strict=True), 3):
        assert np.array_equal(np.concatenate(shares), batch)
        assert order.size_of(step) == len(batch)


def test_a_streamed_folder_is_decoded_in_shares(tmp_path):
    from PIL import Image

    for i in range(6):
        Image.new("L", (8, 8), 40 * i).save(tmp_path / f"{i}.png")
    model = replace(PRESETS["dcgan"].config.model, image_size=8)
    config = TrainConfig(model=model, batch_size=4, data=DataConfig(name=f"folder:{tmp_path}", workers=0))
    files = readable_files(find_images(tmp_path), check_header)

    def batches(ranks: Ranks) -> Iterator:
        return itertools.islice(StreamedBatches(files, config, CPU, ranks).from_step(0), 4)

    for whole, *shares in zip(batches(ALONE), *(batches(Ranks(rank, 4)) for rank in range(4)), strict=True):
        assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
        assert [share.size for share in shares] == [len(whole.images)] * 4


def test_more_ranks_than_images_in_a_batch_are_too_many():
    with pytest.raises(ValueError, match="--nproc-per-node 8"):
        Order.of(small("gan"), 43, Ranks(0, 9))


# The recording


def rows(run: Run) -> np.ndarray:
    return np.array([[r.step, r.images_seen, r.d_loss, r.g_loss, r.d_real, r.d_fake] for r in run.progress()[0]])


def names(run: Run) -> set[str]:
    return {str(path.relative_to(run.path)) for path in run.path.rglob("*")}


def test_ranks_go_on_with_what_one_process_began(ranks_folder, whole):
    run = Run(ranks_folder / "first-on-1")
    assert run.status().state == "finished"
    assert run.status().environment["ranks"] == "2"
    assert names(run) == names(whole)
    np.testing.assert_allclose(rows(run), rows(whole), rtol=1e-4)


def test_one_process_goes_on_with_what_ranks_began(ranks_folder, whole):
    run = Run(ranks_folder / "first-on-2")
    assert {(ranks_folder / f"stopped.{rank}").read_text() for rank in range(2)} == {"stopped 7"}
    assert (run.status().state, run.status().step) == ("stopped", 7)
    assert load_generator(run.path).step == 7
    assert run_training(run, CPU).state == "finished"
    assert names(run) == names(whole)
    np.testing.assert_allclose(rows(run), rows(whole), rtol=1e-4)


def test_ranks_that_train_longer_hold_the_weights_of_that_length(ranks_folder):
    extended, at_once = Run(ranks_folder / "extended"), Run(ranks_folder / "at once")
    assert (extended.status().step, extended.config(), extended.earlier_lengths) == (18, at_once.config(), ((2, 12),))
    for name in ("generator_ema.safetensors", "generator.safetensors", "discriminator.safetensors"):
        assert (extended.path / name).read_bytes() == (at_once.path / name).read_bytes()


@pytest.mark.slow
def test_rank_0_scores_like_one_process_and_the_others_wait(ranks_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(ranks_folder / "cache"))
    run = Run(ranks_folder / "scored")
    assert run.status().state == "finished"
    alone = Run.create(run.config(), "test", tmp_path)
    run_training(alone, CPU)
    assert [row.step for row in run.scores()] == [row.step for row in alone.scores()] == [6, 12, 18]
    for together, single in zip(run.scores(), alone.scores(), strict=True):
        assert together.cfd == pytest.approx(single.cfd, rel=1e-3)
        assert (together.num_images, together.real_cfd) == (50, single.real_cfd)


def test_a_rank_that_dies_ends_the_training_with_a_reason(ranks_folder):
    status = Run(ranks_folder / "deserted").status()
    assert (status.state, status.step) == ("failed", 3)
    assert "another rank ended" in status.error


# The command line

TINY = [*("--model.hidden-g", "16", "--model.hidden-d", "16", "--batch-size", "64", "--log-every", "5")]


@pytest.mark.slow
def test_ctrl_c_stops_all_ranks_after_the_same_step(runs_root, digits):
    process = torchrun("train", "gan", "--data.root", digits.root, "--epochs", "100000", *TINY)
    while not any(run.last_row() for run in list_runs(runs_root)):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C: torchrun and its ranks all get it
    _, output, errors = finish(process)
    (run,) = list_runs(runs_root)
    step = load_tensors(run.state_path)[1]["step"]
    assert (run.status().state, run.status().step) == ("stopped", step), errors
    assert output.count(f"stopped after step {step}") == 1
    assert output.count("recording in") == 1


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_ranks(runs_root, digits):
    config = digits_config(digits, "gan-beginners", loss="wasserstein", lr_d=1e30, lr_g=1e30)
    run = Run.create(config, "test", runs_root)
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_ports(1)[0]}
    ranks = [start("-m", "dcgan", "resume", run.name, RANK=str(rank), **place) for rank in range(2)]
    codes, _, errors = zip(*map(finish, ranks), strict=True)
    assert codes == (2, 2)
    assert run.status().state == "failed"
    assert "lower learning rates" in run.status().error
    assert errors[0].splitlines()[-1] == f"error: {run.path} failed: {run.status().error}"
    assert "Error" not in errors[1] + errors[0]


@pytest.mark.parametrize(
    "argv", [["presets"], ["train", "dcgan", "--dry-run"], ["train", "dcgam"], ["train", "gan", "-x"]]
)
def test_only_rank_0_prints(argv, monkeypatch, capsys):
    codes, outputs = [], []
    for rank in "01":
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", rank)
        codes.append(main(argv))
        outputs.append("".join(capsys.readouterr()))
    assert codes[0] == codes[1]
    assert outputs[0]
    assert not outputs[1]


def test_devices_of_ranks(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for device, remedy in {"auto": "--nproc-per-node 1", "cuda:0": "leave it out"}.items():
        with pytest.raises(ValueError, match=remedy), joined(device):
            pass


if __name__ == "__main__":
    as_a_rank(Path(sys.argv[1]), sys.argv[2:])
