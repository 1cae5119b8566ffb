"""The valid files that are changed, by kind: where each lies, and how it is changed."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import json
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightly import mutations
from nightly.mutations import Mutation, chunk

CONFIG_KEYS = (
    *("topology", "latent_dim", "latent", "image_size", "channels", "num_classes", "output", "hidden_g", "hidden_d"),
    *(
        "width_g",
        "width_d",
        "norm_g",
        "norm_d",
        "minibatch_stddev",
        "auxiliary_head",
        "dropout",
        "init",
        "model",
        "data",
    ),
    *("epochs", "batch_size", "loss", "guessed_kinds", "format", "config", "step", "kind", "source", "crowding"),
)
"""Today's names, and some of format 1."""


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    target: str
    """The file that is changed, below the folder; in a glob pattern, the only match."""
    mutation: Callable[[Sequence[bytes]], Mutation]
    """Valid files -> the strategy that changes one."""

    def path(self, folder: Path) -> Path:
        """Return the file in the folder."""
        if "*" not in self.target:
            return folder / self.target
        (path,) = folder.glob(self.target)
        return path


def _json(bases: Sequence[bytes]) -> Mutation:
    return mutations.json_files(bases, CONFIG_KEYS)


def _jsonl(bases: Sequence[bytes]) -> Mutation:
    return mutations.jsonl_files(bases, ("step", "cfd_floor", "extractor", "memorises", "fid", "coverage"))


def _weights(bases: Sequence[bytes]) -> Mutation:
    return mutations.safetensors_files(bases, CONFIG_KEYS)


# Bombs: small files that claim, or unpack to, gigabytes.


def _png(width: int, height: int, depth: int, color: int, data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, content) for name, content in chunks)


def _zeros(count: int) -> bytes:
    """Return zlib's stream of so many zeros."""
    compressor, part = zlib.compressobj(1), bytes(2**20)
    pieces = [compressor.compress(part[: min(2**20, count - done)]) for done in range(0, count, 2**20)]
    return b"".join(pieces) + compressor.flush()


SIDE = 6680
"""Pixels: just fewer in all than the program reads of most formats."""


def png_bombs(*, every: bool) -> Iterator[bytes]:
    """Yield PNGs of as many pixels as are read, and of more, in the modes that take most memory; else two of them."""
    side, palette = SIDE, (b"PLTE", bytes(768))
    yield _png(side, side, 16, 0, _zeros((2 * side + 1) * side))
    yield _png(2**31 - 1, 2**31 - 1, 8, 6, _zeros(10_000))
    if every:
        yield _png(side, side, 8, 6, _zeros((4 * side + 1) * side))
        yield _png(side, side, 8, 2, _zeros((3 * side + 1) * side))
        yield _png(side, side, 16, 6, _zeros((8 * side + 1) * side))
        yield _png(side, side, 1, 0, _zeros((side // 8 + 1) * side))
        yield _png(side, side, 8, 3, _zeros((side + 1) * side), palette, (b"tRNS", bytes(256)))
        yield _png(9400, 9400, 16, 0, _zeros((2 * 9400 + 1) * 9400))
        yield _png(44_000_000, 1, 8, 6, _zeros(10_000))
        yield _png(1, 44_000_000, 8, 0, _zeros(88_000_000))


def _pillow(name: str, size: tuple[int, int], mode: str = "L", **options: object) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new(mode, size, 3 if mode in ("L", "P") else None).save(file, name, **options)
    return file.getvalue()


def gif_bombs(*, every: bool) -> Iterator[bytes]:
    """Yield GIFs whose screen is far larger than their picture."""
    data = bytearray(_pillow("GIF", (8, 8)))
    for side in (SIDE, 65535) if every else (65535,):
        data[6:10] = struct.pack("<HH", side, side)
        yield bytes(data)


def other_bombs(name: str, modes: Sequence[str], size: int, *, every: bool, **options: object) -> Iterator[bytes]:
    """Yield files of zeros that take much memory."""
    if every:
        for mode in modes:
            with contextlib.suppress(KeyError, OSError, ValueError):  # this Pillow writes no such file
                yield _pillow(name, (size, size), mode, **options)


def gzip_bomb(mebibytes: int, *, first: bytes = b"") -> bytes:
    """Return a gzip file of zeros after some bytes."""
    return gzip.compress(first, mtime=0) * bool(first) + gzip.compress(bytes(2**22), 9, mtime=0) * (mebibytes // 4)


def _idx_header(*sizes: int) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def sparse_bomb() -> bytes:
    """Return a .tar.gz with a file of one byte that unpacks to 4 GiB of holes."""
    data = bytearray(_tar({"data_batch_1.bin": b"a"}))
    data[156] = ord("S")
    data[257:265] = b"ustar  \0"
    data[386:410] = b"00000000000\000000000001\0\0"[:24]
    data[483:495] = b"37777777777\0"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return gzip.compress(bytes(data), mtime=0)


def claiming(base: bytes, **changes: object) -> bytes:
    """Return weights whose config claims other networks than the file has tensors for."""
    header, body = mutations.split_safetensors(base)
    metadata = json.loads(header["__metadata__"]["dcgan"])
    metadata["config"]["model"] |= changes
    header["__metadata__"]["dcgan"] = json.dumps(metadata)
    return mutations.join_safetensors(json.dumps(header), body)


KINDS: dict[str, Kind] = {
    "config.json": Kind("runs/hostile/config.json", _json),
    "status.json": Kind("runs/hostile/status.json", _json),
    "progress.jsonl": Kind("runs/hostile/progress.jsonl", _jsonl),
    "scores.jsonl": Kind("runs/hostile/scores.jsonl", _jsonl),
    "evals.jsonl": Kind("runs/hostile/evals.jsonl", _jsonl),
    "process.txt": Kind("runs/hostile/process.txt", mutations.other_files),
    "samples": Kind("runs/hostile/samples/0000000.png", mutations.png_files),
    "generator": Kind("runs/hostile/generator.safetensors", _weights),
    "moving average": Kind("runs/hostile/generator_ema.safetensors", _weights),
    "snapshot": Kind("runs/hostile/snapshots/0000000.safetensors", _weights),
    "discriminator": Kind("runs/hostile/discriminator.safetensors", _weights),
    "state": Kind("runs/hostile/state.safetensors", _weights),
    "classifier": Kind("classifier.safetensors", _weights),
    "scores' cache": Kind("cache/evaluation/hostile-v*.safetensors", _weights),
    "decoded folder": Kind("cache/folders/*/8x8-grey.npy", mutations.other_files),
    "picture: PNG": Kind("mixed/hostile.png", mutations.png_files),
    "picture: JPEG": Kind("mixed/hostile.jpg", mutations.other_files),
    "picture: GIF": Kind("mixed/hostile.gif", mutations.other_files),
    "picture: WebP": Kind("mixed/hostile.webp", mutations.other_files),
    "picture: other formats": Kind("mixed/hostile.bmp", mutations.other_files),
    "idx archive": Kind("idx/train-images-idx3-ubyte.gz", mutations.gzip_files),
    "cifar archive": Kind(
        "cifar/cifar-10-binary.tar.gz", lambda bases: mutations.gzip_files(bases, mutations.tar_files)
    ),
    "cifar files": Kind("cifar-bin/data_batch_1.bin", mutations.other_files),
    "link": Kind("link", mutations.link_files),
}


FIRST_PICTURE = "picture: PNG"
"""The kinds from here on are files of data sets, and links."""


def bombs(kind: str, bases: Sequence[bytes], *, every: bool) -> Iterator[bytes]:
    """Yield the files of malice of a kind, which are tried before the changed ones: `every` one, or quick ones."""
    if kind in ("samples", "picture: PNG"):
        yield from png_bombs(every=every)
    elif kind == "picture: GIF":
        yield from gif_bombs(every=every)
    elif kind == "picture: JPEG":
        yield from other_bombs("JPEG", ("L", "RGB", "CMYK"), 6680, every=every, progressive=True)
    elif kind == "picture: WebP":
        yield from other_bombs("WEBP", ("RGBA", "RGB"), 5170, every=every, lossless=True, quality=0, method=0)
    elif kind == "picture: other formats":
        yield from other_bombs(
            "TIFF", ("F", "I;16", "CMYK", "RGBA"), SIDE, every=every, compression="tiff_adobe_deflate"
        )
        yield from other_bombs("JPEG2000", ("RGBA",), 4370, every=every)
        yield from other_bombs("BMP", ("L",), SIDE, every=every)
    elif kind == "idx archive":
        yield gzip_bomb(2048)
        yield gzip_bomb(2048, first=_idx_header(2**31 // 784, 28, 28))
        yield gzip.compress(_idx_header(2**31, 28, 28))
        yield gzip.compress(_idx_header(0, 28, 28))
    elif kind == "cifar archive":
        yield gzip_bomb(2048)
        yield sparse_bomb()
    elif kind in ("generator", "snapshot", "moving average", "discriminator"):
        for base in bases[: 6 if every else 2]:
            for change in CLAIMS:
                yield claiming(base, **change)


CLAIMS: tuple[dict[str, object], ...] = (
    {"topology": "mlp", "hidden_g": [10**6] * 64, "hidden_d": [10**6] * 64},
    {"width_g": 10**6, "width_d": 10**6},
    {"image_size": 1024, "width_g": 32, "width_d": 32},
    {"latent_dim": 10**6},
    {"num_classes": 10**4},
)
"""Changes of a config that claim large networks."""


def make(folder: Path) -> None:
    """Write a valid file of every kind, and more of a kind under bases/KIND/. Trains a tiny network for two steps."""
    import numpy as np
    import torch

    for name in ("pictures/a", "pictures/b", "mixed", "idx", "cifar", "cifar-bin"):
        (folder / name).mkdir(parents=True)
    from PIL import Image

    random = np.random.RandomState(0)
    for index in range(8):
        picture = Image.fromarray(random.randint(0, 256, (8, 8), np.uint8))
        picture.save(folder / "pictures" / "ab"[index % 2] / f"{index}.png")
    _make_runs(folder)
    _make_networks(folder)
    _make_caches(folder)
    _make_pictures(folder)
    images, labels = random.randint(0, 256, (3, 28, 28), np.uint8), bytes([1, 2, 3])
    (folder / "idx/train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(_idx_header(3, 28, 28) + images.tobytes(), mtime=0)
    )
    (folder / "idx/train-labels-idx1-ubyte").write_bytes(_idx_header(3) + labels)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    records = {name: bytes([5]) + random.bytes(3072) for name in names}
    (folder / "cifar/cifar-10-binary.tar.gz").write_bytes(gzip.compress(_tar(records), mtime=0))
    for name, content in records.items():
        (folder / "cifar-bin" / name).write_bytes(content)
    assert torch.get_num_threads(), "torch is imported before the readers are watched"


def _make_runs(folder: Path) -> None:
    import torch
    from recorded import score_row

    from dcgan.config import DataConfig, ModelConfig, TrainConfig
    from dcgan.runs.run import Run
    from dcgan.training.recording import run_training

    config = TrainConfig(
        model=ModelConfig(latent_dim=6, image_size=8, width_g=2, width_d=2, num_classes=2),
        data=DataConfig(name=f"folder:{folder / 'pictures'}", workers=1),
        epochs=3,
        batch_size=4,
        log_every=1,
        snapshots=2,
        score_images=0,
        ema_half_life_images=8,
        threads=1,
        lr_decay=0.5,
    )
    made = Run.create(config, "custom", folder / "runs")
    run_training(made, torch.device("cpu"))
    for step in (2, 4, 6):
        made.append_score(score_row(step))
    for seed in (0, 7):
        made.append_eval(
            {
                **{"weights_id": "0123456789ab", "step": 6, "seed": seed, "num_images": 2000, "psi": 1.0},
                **{"classifier": "mnist classifier", "classifier_hash": "b6508af4b2ba", "cfd": 1.5, "real_cfd": 0.3},
                **{"memorizes": False, "class_histogram": [0.1] * 10, "precision": 0.5, "recall": 0.25},
            }
        )
    made.process_log_path.write_text("step 1\nstep 2\n", encoding="utf-8")
    made.path.rename(folder / "runs" / "hostile")
    shutil.copytree(folder / "runs" / "hostile", folder / "runs" / "sound")
    shutil.copytree(folder / "runs" / "hostile", folder / "checkpoints" / "dcgan-mnist")
    (folder / "link").write_text(
        "v=1&model=hostile&w=0123456789ab&a=7&b=42&n=5&path=slerp&t=0.25&labels=1%2C0&k=3&loop=1&d=0123456789ab"
    )


def _make_networks(folder: Path) -> None:
    """Write the weights of every topology, and a classifier."""
    from dcgan.checkpoint import save_discriminator, save_generator
    from dcgan.config import ModelConfig, TrainConfig
    from dcgan.evaluation.classifier import ClassifierNetwork, save_classifier
    from dcgan.models.gan import build_gan

    models = (
        ModelConfig(topology="mlp", latent_dim=4, image_size=4, hidden_g=(3, 5), hidden_d=(5,)),
        ModelConfig(topology="keras", latent_dim=4, image_size=16, width_g=1, width_d=1, num_classes=3),
        ModelConfig(topology="step", latent_dim=4, image_size=16, width_g=2, width_d=2, output="sigmoid"),
        ModelConfig(
            latent_dim=22, latent="mixture", image_size=8, width_g=1, width_d=1, auxiliary_head=True, norm_d="none"
        ),
        ModelConfig(latent_dim=4, image_size=8, width_g=1, width_d=1, channels=3, minibatch_stddev=True),
    )
    for index, model in enumerate(models):
        gan, config = build_gan(model), dataclasses.replace(TrainConfig(), model=model)
        for name in ("generator", "moving average", "snapshot"):
            path = folder / "bases" / name / f"{index}.safetensors"
            save_generator(path, gan.generator, config, 3, half=name == "snapshot")
        save_discriminator(folder / "bases" / "discriminator" / f"{index}.safetensors", gan.discriminator, config, 3)
    save_classifier(
        folder / "classifier.safetensors", ClassifierNetwork(), name="mnist", accuracy=0.5, seed=0, epochs=1
    )


def _make_caches(folder: Path) -> None:
    import torch

    from dcgan.data.decoded_cache import DecodedFolder
    from dcgan.data.folder import find_images
    from dcgan.evaluation.real_images import cached

    cached("hostile", lambda: {"a": torch.arange(4.0), "score.cfd": torch.tensor(1.0, dtype=torch.float64)})
    DecodedFolder(find_images(folder / "pictures"), 8, 1)


def _make_pictures(folder: Path) -> None:
    """Write a sound picture beside the one that is changed, and pictures of several modes of each format."""
    from PIL import Image

    shutil.copyfile(folder / "pictures/a/0.png", folder / "mixed" / "sound.png")
    size = (17, 11)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    formats: dict[str, dict[str, list[dict[str, object]]]] = {
        "picture: PNG": {"PNG": [{"mode": mode} for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]},
        "picture: JPEG": {
            "JPEG": [{"mode": "L"}, {"mode": "RGB", "progressive": True}, {"mode": "CMYK", "exif": exif}]
        },
        "picture: GIF": {"GIF": [{"mode": "L"}, {"mode": "P", "transparency": 0}]},
        "picture: WebP": {"WEBP": [{"mode": "RGB"}, {"mode": "RGBA", "lossless": True, "exif": exif}]},
        "picture: other formats": {
            "BMP": [{"mode": "RGB"}],
            "TIFF": [{"mode": mode, "compression": "tiff_lzw"} for mode in ("L", "F", "I;16", "RGBA")],
            "ICO": [{"mode": "RGBA"}],
            "PPM": [{"mode": "RGB"}],
            "TGA": [{"mode": "RGB", "compression": "tga_rle"}],
            "PCX": [{"mode": "L"}],
            "SGI": [{"mode": "RGB"}],
            "DDS": [{"mode": "RGBA"}],
            "JPEG2000": [{"mode": "L"}],
            "ICNS": [{"mode": "RGBA"}],
        },
    }
    for kind, by_format in formats.items():
        place = folder / "bases" / kind.replace(":", "")
        place.mkdir(parents=True)
        for name, variants in by_format.items():
            for index, options in enumerate(variants):
                mode = str(options["mode"])
                rest = {key: value for key, value in options.items() if key != "mode"}
                try:
                    (place / f"{name}-{index}").write_bytes(_pillow(name, size, mode, **rest))
                except (KeyError, OSError, ValueError):
                    continue  # this Pillow writes no such file
    shutil.copytree(folder / "runs" / "hostile" / "samples", folder / "bases" / "samples")
    for path in (folder / "bases" / "picture PNG").glob("PNG-[0-5]"):
        shutil.copyfile(path, folder / "bases" / "samples" / path.name)


def bases(kind: str, folder: Path) -> list[bytes]:
    """Return the valid files of a kind that `make` wrote."""
    more = sorted((folder / "bases" / kind.replace(":", "")).glob("*"))
    path = folder / KINDS[kind].target
    own = [KINDS[kind].path(folder).read_bytes()] if "*" in KINDS[kind].target or path.exists() else []
    return own + [other.read_bytes() for other in more]
