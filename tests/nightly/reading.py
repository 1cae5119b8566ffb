"""A process that reads hostile files as a user's action would, and reports what did not hold.

    python tests/nightly/reading.py KIND FILE    reads one file again

It refuses to be made to run code: an audit hook watches for it. Warnings are errors, memory is bounded, and each case
reports its peak. `hostile_files.py` starts it, changes a file, and names the kind on its standard input.

Imports are at the top or inside of `make` and the readers: what a reader imports first is imported by a valid file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

MAX_PEAK_BYTES = 10**9
"""Memory of the whole process, with PyTorch."""
MAX_DATA_BYTES = 3 * 2**30
"""The system gives no more. A reader that requests more gets a MemoryError, which is a failure."""
MAX_CPU_SECONDS = 20.0
MAX_SENTENCE = 1500
"""Characters of a message. Paths and values that it names are cut by the program."""


# What a reader must not do


class Audit:
    """Notes events that run code, start processes or open connections: files of weights and pictures need none."""

    FORBIDDEN = re.compile(
        r"pickle\.find_class|os\.(system|exec|posix_spawn|spawn|fork|forkpty|startfile|putenv)|subprocess\.Popen|pty\."
        r"|socket\.(?!gethostname)|urllib\.Request|ctypes\.dlopen|webbrowser\.|marshal\.loads?|ftplib\.|http\.client"
    )
    CODE = ("exec", "compile")
    _COMPILERS = re.compile(r"(typing|dataclasses|importlib.*|collections.__init__)\.py$|<frozen ")
    """Modules that compile annotations and classes: the program's own."""

    def __init__(self, folder: Path) -> None:
        self.is_watching = False
        self.events: list[str] = []
        self._folder = os.path.realpath(folder)
        self._ours = tuple({os.path.realpath(path) for path in (*sys.path, sys.prefix, sys.base_prefix) if path})

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_watching:
            return
        if self.FORBIDDEN.match(event) and not self._is_import(event):
            self.events.append(f"{event} {str(arguments)[:200]}")
        elif event in self.CODE:
            code = arguments[0] if event == "exec" else arguments[1]
            name = str(getattr(code, "co_filename", code))
            # Modules that a reader imports late are code of the installation, and never of the file.
            caller = sys._getframe(1).f_code.co_filename
            is_file = os.path.isabs(name) and os.path.realpath(name).startswith(self._ours)
            is_ours = is_file or name.startswith("<frozen")
            if not is_ours and not self._COMPILERS.search(caller):
                self.events.append(f"{event} of {name[:200]}")
        elif event == "open" and self._writes(arguments):
            self.events.append(f"open to write {str(arguments[0])[:200]}")

    def _writes(self, arguments: tuple[Any, ...]) -> bool:
        path, _, flags = arguments
        if not isinstance(path, str | bytes) or not isinstance(flags, int):
            return False
        is_to_write = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return bool(is_to_write) and not os.path.realpath(os.fsdecode(path)).startswith(self._folder + os.sep)

    def _is_import(self, event: str) -> bool:
        """Return whether the import system asks: it loads compiled modules, and opens libraries of extensions."""
        if not event.startswith("marshal."):
            return False
        frame = sys._getframe(2)
        while frame:
            if "importlib" in frame.f_code.co_filename:
                return True
            frame = frame.f_back
        return False


def peak_bytes() -> int:
    """Return the largest memory of this process since `forget_peak`, or since its start where none is forgotten."""
    if peak := _status_bytes("VmHWM"):
        return peak
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return 0


def _status_bytes(name: str) -> int:
    """Return a number of Linux's /proc/self/status; 0 on other systems."""
    with contextlib.suppress(OSError):
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        if match := re.search(rf"{name}:\s*(\d+) kB", text):
            return int(match[1]) * 1024
    return 0


def forget_peak() -> None:
    """Begin a new peak."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def bound_memory() -> None:
    """Let the system refuse more than MAX_DATA_BYTES, so that a bomb ends this process and not the machine."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES, MAX_DATA_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


# What a user's actions read


class Read(NamedTuple):
    """One call, and the errors that are documented for it."""

    call: Callable[[], object]
    allowed: tuple[type[BaseException], ...] = ()
    names: str = ""
    """A part of the path that the message of an error must have; empty: any sentence."""


def reads(kind: str, folder: Path) -> Iterator[Read]:
    """Yield the calls that read a file of this kind in the folder that `make` made."""
    readers: dict[str, Callable[[Path], Iterator[Read]]] = {
        "config.json": partial(_run, is_config=True),
        **dict.fromkeys(("status.json", "evals.jsonl", "process.txt"), _run),
        **dict.fromkeys(("progress.jsonl", "scores.jsonl"), partial(_run, is_drawn=True)),
        "samples": _samples,
        "generator": partial(_generator, name="generator.safetensors"),
        "moving average": partial(_generator, name="generator_ema.safetensors"),
        "snapshot": partial(_generator, name="snapshots/0000000.safetensors"),
        "discriminator": _discriminator,
        "state": _state,
        "classifier": _classifier,
        "scores' cache": _scores_cache,
        "decoded folder": _decoded_folder,
        "idx archive": _idx,
        "cifar archive": partial(_cifar, name="cifar"),
        "cifar files": partial(_cifar, name="cifar-bin"),
        "link": _link,
    }
    yield from readers.get(kind, _picture)(folder)


def _run(folder: Path, *, is_config: bool = False, is_drawn: bool = False) -> Iterator[Read]:
    from dcgan.fields import as_text, config_fields, value_of
    from dcgan.figures import plots
    from dcgan.figures.architecture import describe_architecture
    from dcgan.runs import diagnosis, launch, listing, tables
    from dcgan.runs.comparison import config_table, stored_parameters
    from dcgan.runs.errors import RunError
    from dcgan.runs.evaluations import evaluations, measured_by, same_measure, score_table
    from dcgan.runs.resume import check_resumable, has_finished, length_refusal, rates_refusal, saved_step
    from dcgan.runs.run import Run
    from dcgan.runs.series import COLUMNS, Series, epoch_means
    from dcgan.runs.timeline import stops, time_unit, timeline
    from dcgan.runs.yardstick import as_good_since
    from dcgan.sampling.exploration import saved_generators
    from dcgan.training.losses import logits_are_probabilities

    run, sound = Run(folder / "runs" / "hostile"), Run(folder / "runs" / "sound")

    def list_all() -> None:
        summaries = [tables.run_summary(each) for each in listing.list_runs()]
        by_name = {summary["name"]: summary for summary in summaries if not summary["published"]}
        assert by_name["sound"]["state"] == "finished", "the other run has to stay"
        assert "hostile" in by_name, "the hostile run has to be one row"
        json.dumps(summaries, allow_nan=False).encode()
        tables.runs_table(summaries).encode()
        assert len(by_name["hostile"].get("error", "")) <= MAX_SENTENCE
        listing.by_label(listing.list_runs())
        assert isinstance(run.has_weights, bool)
        launch.last_words(run).encode()
        stored_parameters(run.weights_path)

    def figures() -> None:
        series, scores = Series(run).update(), run.scores()
        unit = time_unit(series)
        x = plots.axis("wall_seconds", unit)
        plots.loss_curves(series, x, smoothing=0.9, log=True)
        plots.discriminator_curves(series, smoothing=0.5)
        plots.gradient_curves(series, plots.axis("images_seen"))
        if scores:
            plots.class_bars(scores[-1]).to_json()
        plots.score_curves("cfd", [("a", scores), ("b", sound.scores())]).to_json()
        plots.paired_curves("losses", [("a", series), ("b", Series(sound).update())], x, log=True).to_json()

    def compared() -> None:
        config_table(run.config(), sound.config())
        for align in ("epoch", "images", "time"):
            lines = [timeline(each, each.status(), Series(each).update(), align) for each in (run, sound)]
            stops(lines, time_unit(Series(run).update()) if align == "time" else None)
        rows = {name: evaluations(each, each.status().step) for name, each in (("a", run), ("b", sound))}
        score_table(rows)
        same_measure((each.config(), rows[name]) for name, each in (("a", run), ("b", sound)))
        measured_by(rows["a"], run.status().steps)

    def diagnosed() -> None:
        status, config, rows = run.status(), run.config(), Series(run).update().last_rows(2000)
        scores, loss = run.scores(), logits_are_probabilities(config.loss)
        for is_probability in (loss, not loss):
            for error in (status.error, ""):
                diagnosis.diagnose(rows, status.state, error, scores, logits_are_probabilities=is_probability)
        as_good_since(run, scores)
        tables.duration(tables.seconds_left(status, rows) or 0)

    def shown() -> None:
        status = run.status()
        json.dumps([status.__dict__, tables.earlier_lengths(run), run.preset]).encode()
        saved_generators(run, status.step)
        f"{status.epoch:.2f} {status.step:,}".encode()

    yield Read(list_all)
    yield Read(shown, (RunError,), "hostile")
    if is_drawn:
        yield Read(figures, (RunError,), "hostile")
    yield Read(compared, (RunError,), "hostile")
    yield Read(diagnosed, (RunError,), "hostile")
    yield Read(lambda: tables.rows_csv(run).encode(), (RunError,), "hostile")
    yield Read(lambda: [epoch_means(Series(run).update(), column) for column in COLUMNS], (RunError,), "hostile")
    yield Read(lambda: [check_resumable(run), has_finished(run), rates_refusal(run)], (RunError,), "hostile")
    yield Read(lambda: [length_refusal(run, epochs) for epochs in (1, 2, 10**6)], (RunError,), "hostile")
    yield Read(lambda: saved_step(run), (RunError,), "hostile")
    if is_config:
        # A network that is too large for any machine has no picture either; the sentence is the config's.
        yield Read(lambda: describe_architecture(run.config().model), (RunError, ValueError))
        yield Read(
            lambda: [as_text(value_of(run.config(), name)) for name in config_fields()], (RunError,), "hostile"
        )


def _samples(folder: Path) -> Iterator[Read]:
    from dcgan import pixels
    from dcgan.figures import animations
    from dcgan.runs.run import Run

    run, sound = Run(folder / "runs" / "hostile"), Run(folder / "runs" / "sound")
    step = run.sample_steps()[0]
    path = run.sample_path(step)

    def shown() -> None:
        sheet_u8 = pixels.read_png(path)
        assert sheet_u8.ndim in (2, 3), sheet_u8.shape
        pixels.png_bytes(pixels.enlarge(sheet_u8, max(1, 672 // sheet_u8.shape[1])))

    yield Read(shown, (ValueError,), path.name)
    yield Read(lambda: animations.training_gif(run), (ValueError,))
    yield Read(lambda: animations.side_by_side_gif(run, sound, [(step, sound.sample_steps()[0])]), (ValueError,))


def _drawn(path: Path) -> None:
    from dcgan import pixels
    from dcgan.checkpoint import load_generator
    from dcgan.sampling.link import ShareLink
    from dcgan.sampling.rendering import render
    from dcgan.sampling.sheets import draw

    generator = load_generator(path)
    images_u8 = draw(generator, [7, 8])
    assert images_u8.shape == (2, *generator.config.image_shape), images_u8.shape
    pixels.png_bytes(pixels.grid(images_u8, 2))
    render(ShareLink(frames=2, labels=(0, 9)), generator).link.to_query()


def _generator(folder: Path, name: str) -> Iterator[Read]:
    from dcgan.runs.comparison import stored_parameters
    from dcgan.runs.run import Run, RunError
    from dcgan.sampling.exploration import find_weights, saved_generators

    run = Run(folder / "runs" / "hostile")
    path = run.path / name
    errors = (ValueError, FileNotFoundError)
    yield Read(lambda: stored_parameters(path))
    yield Read(lambda: saved_generators(run, 2), (RunError,))
    yield Read(lambda: find_weights(run, "0123456789ab"))
    yield Read(lambda: _drawn(path), errors)


def _discriminator(folder: Path) -> Iterator[Read]:
    import torch

    from dcgan.checkpoint import load_discriminator

    path = folder / "runs" / "hostile" / "discriminator.safetensors"

    def discriminate() -> None:
        discriminator, config, _ = load_discriminator(path)
        labels = torch.zeros(2, dtype=torch.int64) if config.model.num_classes else None
        discriminator(torch.zeros(2, *config.model.image_shape), labels)

    yield Read(discriminate, (ValueError, FileNotFoundError), path.name)


def _state(folder: Path) -> Iterator[Read]:
    import torch

    from dcgan.runs.resume import check_resumable, length_refusal, rates_refusal, saved_step
    from dcgan.runs.run import Run, RunError
    from dcgan.runtime.distributed import ALONE
    from dcgan.training.saved import load_training

    run = Run(folder / "runs" / "hostile")
    yield Read(lambda: [check_resumable(run), rates_refusal(run), saved_step(run)], (RunError,), run.state_path.name)
    yield Read(lambda: length_refusal(run, 5), (RunError,), run.state_path.name)
    yield Read(lambda: load_training(run, run.config(), torch.device("cpu"), ALONE), (ValueError,))


def _classifier(folder: Path) -> Iterator[Read]:
    import torch

    from dcgan.evaluation.classifier import load_classifier

    path = folder / "classifier.safetensors"

    def classify() -> None:
        classifier = load_classifier(str(path))
        classifier.logits(classifier.features(torch.zeros(2, 1, 28, 28)))
        f"{classifier.name} {classifier.hash} {classifier.test_accuracy:.2%}".encode()

    yield Read(classify, (ValueError, FileNotFoundError), path.name)


def _scores_cache(folder: Path) -> Iterator[Read]:
    import torch

    from dcgan.evaluation.real_images import cached

    def again() -> None:
        tensors = cached("hostile", lambda: {"a": torch.arange(4.0)})
        assert isinstance(tensors, dict), tensors

    yield Read(again)


def _decoded_folder(folder: Path) -> Iterator[Read]:
    import numpy as np

    from dcgan.data.decoded_cache import DecodedFolder
    from dcgan.data.folder import find_images
    from dcgan.data.image_files import read_image

    files = find_images(folder / "pictures")

    def read_all() -> None:
        decoded = DecodedFolder(files, 8, 1)
        images_u8 = decoded.read(decoded.rows(files))
        truth = np.stack([read_image(path, 8, 1) for path in files.paths])
        assert (images_u8 == truth).all(), "it gave other pixels than the folder has"

    yield Read(read_all, (ValueError,))


def _picture(folder: Path) -> Iterator[Read]:
    import numpy as np

    from dcgan.config import DataConfig, ModelConfig
    from dcgan.data.image_files import check_header, read_image
    from dcgan.data.loading import load_images

    (path,) = (folder / "mixed").glob("hostile.*")

    def one(channels: int) -> None:
        image_u8 = read_image(path, 16, channels)
        assert (image_u8.shape, image_u8.dtype) == ((channels, 16, 16), np.uint8)

    def whole() -> None:
        data = DataConfig(name=f"folder:{folder / 'mixed'}")
        images = load_images(data, ModelConfig(image_size=16))
        assert len(images.images_u8) in (1, 2), "the sound picture has to stay"

    yield Read(lambda: check_header(path), (ValueError,), path.name)
    yield Read(lambda: one(1), (ValueError,), path.name)
    yield Read(lambda: one(3), (ValueError,), path.name)
    yield Read(whole)


def _idx(folder: Path) -> Iterator[Read]:
    from dcgan.data.idx import read_idx_set

    def read() -> None:
        result = read_idx_set(folder / "idx", "train")
        assert result is not None
        images_u8, labels = result
        assert images_u8.shape == (len(labels), 1, 28, 28), images_u8.shape

    yield Read(read, (ValueError,), "train-images")


def _cifar(folder: Path, name: str) -> Iterator[Read]:
    from dcgan.data.cifar10 import read_cifar10

    def read(split: str) -> None:
        result = read_cifar10(folder / name, split)
        assert result is not None
        images_u8, labels = result
        assert images_u8.shape == (len(labels), 3, 32, 32), images_u8.shape
        assert labels.max() < 10, labels

    yield Read(lambda: read("train"), (ValueError,), name)
    yield Read(lambda: read("test"), (ValueError,), name)


def _link(folder: Path) -> Iterator[Read]:
    from dcgan.checkpoint import load_generator
    from dcgan.runs.listing import list_runs
    from dcgan.sampling.link import ShareLink
    from dcgan.sampling.rendering import fit_link, render, resolve, verdict

    text = (folder / "link").read_bytes().decode(errors="surrogateescape")

    def opened() -> None:
        query = dict(parse_qsl(text, keep_blank_values=True))
        link, notes = ShareLink.from_query(query)
        assert len(notes) <= 20, len(notes)
        # Three keys of 40 characters, each escaped as \x00, are the longest.
        assert all(len(note) <= 600 and note.isprintable() for note in notes), notes
        again, none = ShareLink.from_query(dict(parse_qsl(link.to_query(), keep_blank_values=True)))
        assert (again, none) == (link, []), link.to_query()
        run, weights, more = resolve(link, list_runs())
        assert all(note.isprintable() for note in more), more
        if run is None or weights is None:
            run, weights = list_runs()[0], list_runs()[0].weights_path
        generator = load_generator(weights)
        fit_link(link, generator)
        verdict(link, render(link, generator)).encode()

    yield Read(opened)


# Cases


def failures_of(read: Read) -> list[str]:
    """Return what did not hold in one call."""
    try:
        read.call()
    except read.allowed as error:
        return [f"{problem} ({_place(error)})" for problem in problems_of(error, read.names)]
    except AssertionError as error:
        return [f"AssertionError: {str(error)[:300]} ({_place(error)})"]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return [f"{type(error).__name__}: {str(error)[:300]} ({_place(error)})"]
    return []


def problems_of(error: BaseException, names: str) -> list[str]:
    """Return why the error is not one sentence with what it is about, or hides that memory ran out."""
    text, problems = str(error), []
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "allocate memory" in str(cause) or isinstance(cause, RecursionError):
            problems.append(f"it hides {type(cause).__name__}: {str(cause)[:200]}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    if not text or len(text) > MAX_SENTENCE or not text.isprintable():
        problems.append(f"its message is not a sentence: {text[:200]!a} with {len(text)} characters")
    if names and names not in text:
        problems.append(f"its message does not name {names}: {text[:200]!a}")
    return problems


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "dcgan" in Path(frame.filename).parts]
    frames = frames or traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def read_case(kind: str, folder: Path, audit: Audit, *, is_first: bool = False) -> dict[str, Any]:
    """Return the failures, the peak and the processor time of one case.

    The first case of a kind is a valid file. It imports what the readers need, and imports run code.
    """
    forget_peak()
    audit.events.clear()
    start = time.process_time()
    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in reads(kind, folder):
            audit.is_watching = not is_first
            failures += failures_of(read)
            audit.is_watching = False
    seconds, peak = time.process_time() - start, peak_bytes()
    failures += [f"it ran {event}" for event in dict.fromkeys(audit.events)]
    if peak > MAX_PEAK_BYTES:
        failures.append(f"it took {peak / 1e6:.0f} MB")
    if seconds > MAX_CPU_SECONDS and not is_first:
        failures.append(f"it took {seconds:.0f} s")
    return {"failures": failures, "peak_bytes": peak, "seconds": seconds, "kept_bytes": _status_bytes("VmRSS")}


def serve(commands: IO[str], answers: IO[str], folder: Path) -> None:
    """Answer a line of JSON for each command: `make`, or the kind of the file that was changed."""
    audit = Audit(folder)
    sys.addaudithook(audit)
    bound_memory()
    known: set[str] = set()
    for line in commands:
        command = json.loads(line)
        if "make" in command:
            from nightly.samples import make

            make(folder)
            answer: dict[str, Any] = {}
        else:
            answer = read_case(command["kind"], folder, audit, is_first=command["kind"] not in known)
            known.add(command["kind"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def prepare(folder: Path) -> None:
    """Let the program find only what is in the folder."""
    os.environ |= {"DCGAN_RUNS": str(folder / "runs"), "DCGAN_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    from dcgan import files

    files.CHECKPOINTS = folder / "checkpoints"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--serve"]:
        folder = Path(arguments[1])
        prepare(folder)
        # What a library prints is no answer.
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        serve(sys.stdin, answers, folder)
        return 0
    from nightly.samples import KINDS, make

    kind, file = arguments
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        make(folder)
        audit = Audit(folder)
        sys.addaudithook(audit)
        read_case(kind, folder, audit, is_first=True)
        shutil.copyfile(file, KINDS[kind].path(folder))
        print(json.dumps(read_case(kind, folder, audit), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
