"""The commands that score: train-classifier and evaluate."""

from __future__ import annotations

import json as json_module
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dcgan.cli.score_report import report
from dcgan.runs.listing import find_run
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from dcgan.checkpoint import TrainedGenerator


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
    """Train the classifier that scores are taken from; mnist's is published.

    Args:
        name: A named set of 28x28 gray images in ten classes; an unknown name lists them.
        epochs: Passes over the training images; 0: as many as the published ones took, 10, or 25 for fashion-mnist.
        seed: Of its first weights, the order of the images, their shifts and, for clothes, their mirroring.
        threads: CPU threads; 1 gives the published weights, on the same CPU and versions.
        root: Folder that holds the set. Default: the project's own data, else a download into the user's cache.
        output: The file to write. Default: features/NAME.safetensors.
        device: cuda, mps, cpu or auto.
    """
    import torch

    from dcgan.data.named_sets import read_named_set
    from dcgan.evaluation.classifier import (
        EPOCHS,
        FEATURES,
        MIRRORED,
        Classifier,
        classifiable_sets,
        save_classifier,
        to_float,
    )
    from dcgan.evaluation.classifier import train_classifier as networks_of
    from dcgan.runtime.device import choose_device

    if name not in classifiable_sets():
        raise ValueError(
            f"{name!r} is not a set of 28x28 gray images in ten classes; choose one of "
            f"{', '.join(classifiable_sets())}"
        )
    if epochs < 0 or threads < 1:
        raise ValueError(f"epochs={epochs} is below 0 or threads={threads} below 1; try 10 and 1")
    epochs = epochs or MIRRORED.get(name, EPOCHS)
    path = Path(output) if output else FEATURES / f"{name}.safetensors"
    if path.suffix != ".safetensors":
        raise ValueError(f"output {output!r} is no .safetensors file; write {output}.safetensors")
    if path.exists():
        raise ValueError(f"{path} exists, and scores under another classifier compare with none; name a file with -o")
    chosen = choose_device(device)
    torch.set_num_threads(threads)
    train = [torch.from_numpy(values).to(chosen) for values in read_named_set(name, root, "train")]
    test_u8, test_labels = map(torch.from_numpy, read_named_set(name, root, "test"))
    test = to_float(test_u8)
    started = time.perf_counter()
    networks = networks_of(*train, seed, epochs, mirror=name in MIRRORED)
    for epoch, network in enumerate(networks, 1):
        trained = Classifier(name, network, chosen)
        accuracy = trained.accuracy(test, test_labels)
        seconds = time.perf_counter() - started
        print(f"epoch {epoch}/{epochs}: {accuracy:.2%} of the test images, {seconds:.0f} s", file=sys.stderr)
    save_classifier(path, network, name, accuracy, seed, epochs)
    print(f"{path}: {trained.hash}, {accuracy:.2%} of {len(test):,} test images")
    return 0


def evaluate(
    checkpoints: Annotated[Positional[tuple[str, ...]], arg(metavar="CHECKPOINT...")],
    *,
    num_images: int = 0,
    seed: int = 0,
    psi: float = 1.0,
    labels: FlagCreatePairsOff[bool] = False,
    features: Literal["classifier", "inception"] = "classifier",
    save: FlagCreatePairsOff[bool] = False,
    no_save: FlagCreatePairsOff[bool] = False,
    json: FlagCreatePairsOff[bool] = False,
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
) -> int:
    """Score generators: how near their images are to real ones, and whether all kinds are there.

    Each is measured against the test images of its own data, by the features of a small classifier, so CFD is no FID.
    The row of real images is the floor: what as many training images get. Real images are measured once and kept.

    Of stacked-mnist it counts the modes instead: which of the 1,000 kinds there are, and KL, how far from evenly.
    A run's scores are appended to its evals.jsonl, where the Compare page and the model card find them.

    Args:
        checkpoints: Runs by path or name (see: runs), .safetensors files, or hub:USER/NAME.
        num_images: How many each generator draws; 0: 10,000, and 26,000 of stacked-mnist, as in the literature.
            Figures of different counts do not compare.
        seed: Of the first image; the others have those that follow.
        psi: Draw from latents truncated by so much, from 0 (all alike) to 1, as on the Explore page. What a smaller
            psi scores is printed and never appended.
        labels: Of conditional models also what two classifiers learn from 50,000 of their images, in some minutes:
            1-NN ERROR, the share of test images whose nearest generated image, in pixels, is of another label, and
            CAS, the share that a network trained on them gets right.
        features: inception: FID and KID, by the network of published FIDs, in place of all else. Its weights, about
            95 MB, are downloaded once; for data of any kind, and slow without a GPU.
        save: Append to the published models' evals.jsonl too; without it they stay as they were published.
        no_save: Append to none.
        json: Print JSON, one object a checkpoint.
        device: cuda, mps, cpu or auto. The cpu gives the published figures.
    """
    from dcgan.checkpoint import load_generator
    from dcgan.evaluation import fid, modes
    from dcgan.evaluation.label_scores import label_scores
    from dcgan.evaluation.scores import NUM_IMAGES
    from dcgan.evaluation.scores import evaluate as score_of
    from dcgan.runtime.device import choose_device

    if not checkpoints:
        raise ValueError("name at least one checkpoint, as in: evaluate checkpoints/dcgan-mnist")
    if save and no_save:
        raise ValueError("--save and --no-save contradict each other; leave one out")
    if save and psi != 1:
        raise ValueError(f"--save keeps the scores of psi 1, and psi={psi:g} gets others; leave one out")
    runs = {name: _run_of(name) for name in checkpoints}
    files = [name for name, run in runs.items() if run is None]
    if save and files:
        raise ValueError(f"{files[0]} is no run whose scores could be saved; name a run, or leave out --save")
    chosen = choose_device(device)
    generators = {
        name: load_generator(run.path if run else name, chosen).truncated(psi) for name, run in runs.items()
    }
    if labels and features == "inception":
        raise ValueError("--labels asks classifiers, not Inception; leave out --features inception")
    told = [name for name, generator in generators.items() if _is_told(generator)]
    if labels and not told:
        raise ValueError(
            f"{checkpoints[0]} is told no digit to draw, so --labels has nothing to test; leave it out, or name a "
            "conditional model of ten classes, as in: evaluate checkpoints/cdcgan-mnist --labels"
        )
    scored, unsaved = [], []
    inception = fid.load_inception(chosen) if features == "inception" else None
    for name, run in runs.items():
        generator = generators[name]
        if inception:
            scores = fid.evaluate_inception(generator, inception, num_images or fid.NUM_IMAGES, seed)
        elif generator.train_config.data.name == modes.NAME:
            scores = modes.evaluate_modes(generator, num_images=num_images or modes.NUM_IMAGES, seed=seed)
        else:
            scores = score_of(generator, num_images=num_images or NUM_IMAGES, seed=seed)
            if labels and name in told:
                scores = replace(scores, labels=label_scores(generator, seed=seed))
        at_psi = {"psi": psi} if psi != 1 else {}
        scored.append({"name": run.name if run else name} | at_psi | scores.to_json())
        if run and not no_save and psi == 1 and (save or not run.is_published):
            try:
                run.append_eval(scores.to_json())
            except OSError as error:  # the minutes of the other checkpoints are not lost for that
                unsaved.append(f"{error.filename}: {error.strerror}")
    print(json_module.dumps(scored, indent=1) if json else report(scored))
    if unsaved:
        raise ValueError(f"not saved: {'; '.join(unsaved)}; make the run writable, or pass --no-save")
    return 0


def _is_told(generator: TrainedGenerator) -> bool:
    """Whether it is told what to draw, and the classifiers of labels know the answers."""
    from dcgan.evaluation import modes

    return bool(generator.config.num_classes) and generator.train_config.data.name != modes.NAME


def _run_of(checkpoint: str) -> Run | None:
    """None for what is no run: a file, or a model on the Hub."""
    return None if checkpoint.startswith("hub:") or checkpoint.endswith(".safetensors") else find_run(checkpoint)


COMMANDS = {"evaluate": evaluate, "train-classifier": train_classifier}
HELP_ORDER = 4
