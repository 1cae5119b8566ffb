"""The commands that score: evaluate, score-snapshots and train-classifier.

The module has more than 250 lines, because the help of a command is its docstring.
"""

from __future__ import annotations

import contextlib
import json as json_module
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.score_report import report
from dcgan.runs.listing import find_run
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator
    from dcgan.evaluation.fid import Inception
    from dcgan.evaluation.score_row import Scores


def train_classifier(
    name: Annotated[Positional[str], arg(metavar="NAME")] = "mnist",
    *,
    epochs: int = 0,
    seed: int = 0,
    threads: int = 1,
    root: Annotated[str, arg(metavar="PATH")] = "",
    output: Annotated[str, arg(aliases=["-o"], metavar="PATH")] = "",
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Train the classifier whose features the scores compare. Classifiers of the named sets are published.

    Args:
        name: A named set of 28x28 gray images in ten classes: mnist, fashion-mnist or kmnist.
        epochs: Passes over the training images. 0: as many as for the published classifier, which is 25 for
            fashion-mnist and 10 for the others.
        seed: Seed of the initial weights, the order of the images, their random shifts and their mirroring.
        threads: CPU threads. With 1 the weights equal the published ones, on the same CPU and versions.
        root: Folder that holds the data set. Default: the project's own data, else a download into the user's cache.
        output: The file to write. Default: features/NAME.safetensors.
        device: cuda, mps, cpu or auto.
    """
    import torch

    from dcgan.data.named_sets import read_named_set
    from dcgan.evaluation import classifier as training
    from dcgan.pixels import from_uint8
    from dcgan.runtime.device import choose_device

    path = _classifier_path(name, epochs=epochs, threads=threads, output=output)
    epochs = epochs or training.MIRRORED.get(name, training.EPOCHS)
    torch_device = choose_device(device)
    torch.set_num_threads(threads)
    images_u8, labels = (torch.from_numpy(values).to(torch_device) for values in read_named_set(name, root, "train"))
    test_u8, test_labels = map(torch.from_numpy, read_named_set(name, root, "test"))
    test = from_uint8(test_u8)
    started = time.perf_counter()
    networks = training.train_classifier(
        images_u8, labels, seed=seed, epochs=epochs, mirror=name in training.MIRRORED
    )
    network, trained, accuracy = None, None, 0.0
    for epoch, network in enumerate(networks, 1):
        trained = training.Classifier(name, network, torch_device)
        accuracy = trained.accuracy(test, test_labels)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch}/{epochs}: {accuracy:.2%} of the test images, {seconds:.0f} s", file=sys.stderr)
    assert network is not None, "a training has one epoch or more"
    assert trained is not None
    training.save_classifier(path, network, name=name, accuracy=accuracy, seed=seed, epochs=epochs)
    print(f"{path}: {trained.hash}, {accuracy:.2%} of {len(test):,} test images")
    return 0


def _classifier_path(name: str, *, epochs: int, threads: int, output: str) -> Path:
    """Return the file to write. Raises ValueError for options that are not valid."""
    from dcgan.evaluation.classifier import FEATURES, classifiable_sets

    names = classifiable_sets()
    if name not in names:
        raise ValueError(
            f"{name!r} is not a set of 28x28 gray images in ten classes; choose one of {', '.join(names)}"
        )
    if epochs < 0 or threads < 1:
        raise ValueError(f"epochs={epochs} is below 0 or threads={threads} below 1; try 10 and 1")
    path = Path(output) if output else FEATURES / f"{name}.safetensors"
    if path.suffix != ".safetensors":
        raise ValueError(f"output {output!r} is not a .safetensors file; write {output}.safetensors")
    if path.exists():
        raise ValueError(f"{path} exists, and scores by another classifier do not compare; name a file with -o")
    return path


def evaluate(
    checkpoints: Annotated[Positional[tuple[str, ...]], arg(metavar="CHECKPOINT...")],
    *,
    num_images: int = 0,
    seed: int = 0,
    psi: float = 1.0,
    labels: FlagCreatePairsOff[bool] = False,
    projection: FlagCreatePairsOff[bool] = False,
    projection_images: int = 1000,
    features: Literal["classifier", "inception"] = "classifier",
    save: FlagCreatePairsOff[bool] = False,
    no_save: FlagCreatePairsOff[bool] = False,
    json: FlagCreatePairsOff[bool] = False,
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Score generators: how near their images are to real ones, and whether all kinds of images are drawn.

    A small classifier computes features of the generated images and of the test images of the same data. The scores
    compare these features. CFD is not FID. The row of real images has the scores of as many training images.

    Own pictures, and other data without a classifier, get scores of their patches: SWD is the sliced Wasserstein
    distance of up to 2,048 images. COPIES is the share of images that are near to one training picture only.

    For stacked-mnist, modes are counted instead: MODES is how many of the 1,000 are drawn, and KL is how uneven
    their shares are. Scores are appended to the run's evals.jsonl, which the Compare page and the model card read.

    Args:
        checkpoints: Runs by path or name (see: runs), .safetensors files, or hub:USER/NAME.
        num_images: How many images each generator draws. 0: 10,000 images, or 26,000 for stacked-mnist, as in the
            literature, or as many as there are own pictures to compare with. Do not compare scores of different
            numbers of images.
        seed: Seed of the first image. The other images have the next seeds.
        psi: Truncation of the latents, from 0 (all images are alike) to 1, as on the Explore page. Scores with a psi
            below 1 are printed, but never saved.
        labels: For conditional models, also train two classifiers on 50,000 generated images, which takes minutes.
            1-NN ERROR is the share of test images whose nearest generated image, in pixels, has another label. CAS
            is the share of test images that a network classifies correctly.
        projection: Also search the nearest image of the generator to each of 1,000 test images, which takes seconds
            an image. PROJECTION ERROR is their mean squared error. It says what the generator cannot draw.
        projection_images: How many test images --projection takes. Fewer are faster, and do not compare with more.
        features: inception: measure FID and KID instead, with the network of published FIDs, for any data. Its
            weights, about 95 MB, are downloaded once. This is slow without a GPU.
        save: Save the scores of published models too. Without this flag their files do not change.
        no_save: Do not save the scores.
        json: Print JSON, one object for each checkpoint.
        device: cuda, mps, cpu or auto. The cpu gives the published scores.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.runtime.device import choose_device

    if not checkpoints:
        raise ValueError("name at least one checkpoint, as in: evaluate checkpoints/dcgan-mnist")
    _check_options(save=save, no_save=no_save, psi=psi, labels=labels, projection=projection, features=features)
    if projection_images < 1:
        raise ValueError(f"--projection-images {projection_images} is below 1; try 1000")
    runs = {name: _run_of(name) for name in checkpoints}
    if save and None in runs.values():
        file = next(name for name, run in runs.items() if run is None)
        raise ValueError(f"{file} is not a run, so its scores cannot be saved; name a run, or leave out --save")
    torch_device = choose_device(device)
    generators = {
        name: load_generator(run.path if run else name, torch_device).truncated(psi) for name, run in runs.items()
    }
    labeled = {name for name, generator in generators.items() if labels and _has_labels(generator)}
    if labels and not labeled:
        raise ValueError(
            f"{checkpoints[0]} is not a conditional model of ten classes, so --labels has nothing to test; leave it "
            "out, or name such a model, as in: evaluate checkpoints/cdcgan-mnist --labels"
        )
    inception = _load_inception(torch_device) if features == "inception" else None
    scored, unsaved = [], []
    for name, run in runs.items():
        scores = _score(
            generators[name], num_images=num_images, seed=seed, inception=inception, labels=name in labeled
        )
        if projection:
            scores = _add_projection(scores, generators[name], num_images=projection_images)
        row = scores.to_json()
        scored.append({"name": run.name if run else name} | ({"psi": psi} if psi != 1 else {}) | row)
        if run and not no_save and psi == 1 and (save or not run.is_published):
            try:
                run.append_eval(row)
            except OSError as error:  # the other checkpoints took minutes, so they are printed all the same
                unsaved.append(f"{error.filename}: {error.strerror}")
    print(json_module.dumps(scored, indent=1) if json else report(scored))
    if unsaved:
        raise ValueError(f"not saved: {'; '.join(unsaved)}; make the run writable, or pass --no-save")
    return 0


def score_snapshots(
    runs: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN...")],
    *,
    save: FlagCreatePairsOff[bool] = False,
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Score the generators that a run keeps along its training, for a run without scores at each epoch.

    The scores are those of a training: CFD and coverage of 2,000 images each, or SWD for own pictures. They are added
    to the run's scores.jsonl, which the charts of the studio read. Steps that have scores already are left out.

    Args:
        runs: Runs by path or name (see: runs).
        save: Save the scores of published models too. Without this flag their files do not change.
        device: cuda, mps, cpu or auto. The cpu gives the published scores.
    """
    from dcgan.evaluation import snapshot_scores
    from dcgan.runs.scores import recorded
    from dcgan.runs.tables import table
    from dcgan.runtime.device import choose_device

    if not runs:
        raise ValueError("name at least one run, as in: score-snapshots checkpoints/dcgan-mnist")
    torch_device = choose_device(device)
    for run in map(find_run, runs):
        with contextlib.ExitStack() as stack:
            if save or not run.is_published:
                stack.enter_context(run.lock())  # a training appends to the same file
            rows = list(snapshot_scores.score_snapshots(run, torch_device))
            if save or not run.is_published:
                snapshot_scores.add_scores(run, rows)
        if not rows:
            print(f"{run.name}: all generators that it keeps are scored already")
            continue
        columns = recorded(rows)
        heads = ["STEP", "EPOCH", *(score.label.upper() for score in columns.values())]
        cells = [
            [
                str(row.step),
                f"{row.epoch:.2f}",
                *(score.text(getattr(row, key), missing="-") for key, score in columns.items()),
            ]
            for row in rows
        ]
        print(f"{run.name}\n{table(heads, cells)}")
    return 0


def _check_options(*, save: bool, no_save: bool, psi: float, labels: bool, projection: bool, features: str) -> None:
    """Raise ValueError for options that contradict each other."""
    if save and no_save:
        raise ValueError("--save and --no-save contradict each other; leave one out")
    if save and psi != 1:
        raise ValueError(f"--save keeps the scores of psi 1, and psi={psi:g} has other scores; leave one out")
    if labels and features == "inception":
        raise ValueError("--labels uses classifiers, not Inception; leave out --features inception")
    if projection and features == "inception":
        raise ValueError("--projection compares pixels, and not Inception's features; leave out --features inception")


def _score(
    generator: TrainedGenerator, *, num_images: int, seed: int, inception: Inception | None, labels: bool
) -> Scores:
    """Return the scores that the generator's data and the options ask for; num_images 0 is the default count."""
    from dcgan.evaluation import fid, label_scores, modes, scores

    options: dict[str, Any] = {"seed": seed} | ({"num_images": num_images} if num_images else {})
    if inception:
        return fid.evaluate_inception(generator, classifier=inception, **options)
    if generator.train_config.data.name == modes.NAME:
        return modes.evaluate_modes(generator, **options)
    result = scores.evaluate(generator, **options)
    return label_scores.add_label_scores(result, generator, seed=seed) if labels else result


def _add_projection(scores: Scores, generator: TrainedGenerator, *, num_images: int) -> Scores:
    """Return the scores with the error of the nearest images to test images; print the progress."""
    from dcgan.evaluation.projection_scores import add_projection_scores
    from dcgan.sampling.projection import project

    started = time.perf_counter()

    def report_progress(done: int, total: int) -> None:
        if done % max(1, total // 100) == 0 or done == total:
            seconds = time.perf_counter() - started
            print(f"projection: {done:,} of {total:,} test images, {seconds:.0f} s", file=sys.stderr)

    return add_projection_scores(
        scores,
        generator,
        lambda generator, image: project(generator, image).error,
        num_images=num_images,
        on_image=report_progress,
    )


def _load_inception(device: Any) -> Inception:
    from dcgan.evaluation.fid import load_inception

    return load_inception(device)


def _has_labels(generator: TrainedGenerator) -> bool:
    """Return whether it is conditional, and classifiers can know the right labels."""
    from dcgan.evaluation.classifier import has_classifier

    return bool(generator.config.num_classes) and has_classifier(generator.train_config)


def _run_of(checkpoint: str) -> Run | None:
    """Return the run; None for a file or a model on the Hub."""
    return None if checkpoint.startswith("hub:") or checkpoint.endswith(".safetensors") else find_run(checkpoint)


COMMANDS = {"evaluate": evaluate, "score-snapshots": score_snapshots, "train-classifier": train_classifier}
HELP_ORDER = 4
