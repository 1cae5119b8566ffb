"""Static pages: what is in their files, and how large they are."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from recorded import CONDITIONAL, TINY, record_run
from small_pages import write_web

from dcgan.checkpoint import load_generator, load_tensors, save_tensors, weights_id
from dcgan.config import DataConfig
from dcgan.data.image_files import fit_array
from dcgan.files import CHECKPOINTS
from dcgan.publishing import page_data as module
from dcgan.publishing.page import page_files, parts_of, single_page, split_deflate
from dcgan.publishing.page_data import class_names, mnist_digits, page_data
from dcgan.runs.run import Run

W = {"id", "step", "epoch", "file", "bytes", "half", "packed"}


@pytest.fixture
def web(tmp_path):
    """Return a folder with the parts of a small page."""
    return write_web(tmp_path / "web")


def element(page: bytes, name: str) -> str:
    """Return the text of the script with this id."""
    (text,) = re.findall(rf'<script [^>]*id="{name}">(.*?)</script>', page.decode(), re.DOTALL)
    return text


def unpacked(text: str) -> bytes:
    """Return the file of weights that a page has packed, as dcgan/web/worker.js unpacks it."""
    content = zlib.decompress(base64.b64decode(text))
    start = 8 + int.from_bytes(content[:8], "little")
    middle = start + -(-(len(content) - start) // 2)
    result = bytearray(content)
    result[start::2], result[start + 1 :: 2] = content[start:middle], content[middle:]
    return bytes(result)


# The folder


def test_a_folder_has_each_file_of_the_manifest(tiny_run, web):
    files = page_files([tiny_run], web=web)
    manifest = json.loads(files["manifest.json"])
    (model,) = manifest["models"]
    assert (manifest["version"], manifest["usual"]) == (2, tiny_run.name)
    assert {key: model[key] for key in ("name", "preset", "classes", "epochs", "data")} == {
        "name": tiny_run.name,
        "preset": "tiny",
        "classes": [],
        "epochs": 2.0,
        "data": "mnist",
    }
    every = [model["weights"], *model["snapshots"]]
    assert all(set(weights) == W for weights in every)
    assert [weights["step"] for weights in every] == [4, 0, 2, 4]
    assert [weights["epoch"] for weights in every] == [2.0, 0.0, 1.0, 2.0]
    named = {weights["file"] for weights in every} | {model["digits"]["file"]}
    assert set(files) == {"index.html", "style.css", "main.js", "manifest.json", *named}


def own_id(file: str) -> str:
    """Return the id of the weights in a file, which its name begins with."""
    match = re.fullmatch(r"weights/([0-9a-f]{12})-[0-9a-f]{8}\.safetensors", file)
    assert match is not None, file
    return match[1]


def test_weights_are_named_by_their_own_id_and_equal_ones_are_one_file(tiny_run, web, tmp_path):
    files = page_files([tiny_run], web=web)
    (model,) = json.loads(files["manifest.json"])["models"]
    # The run was never trained, so its half-precision weights are those of its snapshots.
    (file,) = {weights["file"] for weights in (model["weights"], *model["snapshots"])}
    (tmp_path / "copy.safetensors").write_bytes(files[file])
    tensors, metadata = load_tensors(tmp_path / "copy.safetensors")
    assert own_id(file) == weights_id(tensors)
    assert metadata == load_tensors(tiny_run.generator_path)[1]
    assert model["weights"]["id"] == load_generator(tiny_run).weights_id != weights_id(tensors)
    assert model["weights"]["half"] is True
    assert model["weights"]["bytes"] == len(files[file])
    assert {(weights["id"], weights["half"]) for weights in model["snapshots"]} == {(weights_id(tensors), False)}


def test_full_precision_and_no_snapshots(tiny_run, web):
    files = page_files([tiny_run], snapshots=False, half=False, web=web)
    (model,) = json.loads(files["manifest.json"])["models"]
    assert model["snapshots"] == []
    assert model["weights"]["half"] is False
    assert files[model["weights"]["file"]] == tiny_run.generator_path.read_bytes()
    assert own_id(model["weights"]["file"]) == model["weights"]["id"]


def test_equal_weights_of_other_latents_are_files_of_their_own(runs_root, web):
    other = replace(TINY, model=replace(TINY.model, latent="uniform"), lr_g=TINY.lr_g / 2)
    runs = [record_run(runs_root, config, name) for name, config in (("a", TINY), ("b", other))]
    files = page_files(runs, snapshots=False, web=web)
    models = json.loads(files["manifest.json"])["models"]
    assert models[0]["weights"]["id"] == models[1]["weights"]["id"]
    latents = []
    for model in models:
        name = model["weights"]["file"]
        header = json.loads(files[name][8 : 8 + int.from_bytes(files[name][:8], "little")])
        latents.append(json.loads(header["__metadata__"]["dcgan"])["config"]["model"]["latent"])
    assert latents == [TINY.model.latent, "uniform"]
    # A file keeps its name when the page has other runs, because caches keep it for a year.
    (alone,) = json.loads(page_files(runs[1:], snapshots=False, web=web)["manifest.json"])["models"]
    assert alone["weights"]["file"] == models[1]["weights"]["file"]


def test_the_moving_average_is_what_a_page_draws(runs_root, web):
    run = record_run(runs_root, ema=True)
    (model,) = json.loads(page_files([run], web=web)["manifest.json"])["models"]
    assert model["weights"]["id"] == load_generator(run.ema_path).weights_id


def test_no_place_of_this_machine_is_in_a_page(runs_root, web):
    for data, name in ((DataConfig(name="folder:/home/me/pics"), "folder"), (DataConfig(root="/home/me/x"), "mnist")):
        files = page_files([record_run(runs_root, replace(TINY, data=data))], web=web)
        assert not [file for file, content in files.items() if b"/home/me" in content]
        (model,) = json.loads(files["manifest.json"])["models"]
        assert model["data"] == name


def test_a_folder_may_load_its_own_files_only(tiny_run, web):
    html = page_files([tiny_run], web=web)["index.html"].decode()
    assert html.count("Content-Security-Policy") == 1
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "worker-src": "blob: 'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert '<link rel="stylesheet" href="style.css">\n' in html
    assert '<script type="module" src="main.js"></script>\n' in html
    assert "<!--" not in html.removeprefix("<!doctype html>")


# Digits and discriminators


def recorded_digits():
    digits = mnist_digits()
    assert digits is not None
    return digits


def test_the_digits_are_ten_test_images_of_each(tiny_run, web):
    files = page_files([tiny_run], web=web)
    digits = json.loads(files["manifest.json"])["models"][0]["digits"]
    assert {key: digits[key] for key in ("size", "channels", "columns", "count")} == {
        "size": 28,
        "channels": 1,
        "columns": 10,
        "count": 100,
    }
    picture = np.asarray(Image.open(io.BytesIO(files[digits["file"]])))
    images_u8, labels = recorded_digits()
    assert np.array_equal(labels, np.arange(100) % 10)
    assert np.array_equal(picture[28:56, 84:112], images_u8[13, 0])


def test_the_digits_have_the_shape_of_the_generated_images(runs_root, web):
    large = replace(TINY, model=replace(TINY.model, topology="conv", image_size=32, channels=3, width_g=2, width_d=2))
    files = page_files([record_run(runs_root, config) for config in (TINY, large)], web=web)
    entries = [model["digits"] for model in json.loads(files["manifest.json"])["models"]]
    assert [(entry["size"], entry["channels"]) for entry in entries] == [(28, 1), (32, 3)]
    images_u8, _ = recorded_digits()
    picture = np.asarray(Image.open(io.BytesIO(files[entries[1]["file"]])))
    assert np.array_equal(picture[32:64, 96:128].transpose(2, 0, 1), fit_array(images_u8[13], 32, 3))


@pytest.mark.parametrize("config", [TINY, replace(CONDITIONAL, model=replace(CONDITIONAL.model, num_classes=10))])
def test_a_discriminator_says_a_number_for_each_image(runs_root, web, config):
    run = record_run(runs_root, config)
    (model,) = json.loads(page_files([run], web=web)["manifest.json"])["models"]
    logits = model["discriminator"]
    assert len(logits["real"]) == 100
    assert set(logits["fake"]) == {weights["id"] for weights in (model["weights"], *model["snapshots"])}
    assert {len(values) for values in logits["fake"].values()} == {100}
    assert len(set(logits["real"])) > 10
    assert all(value == round(value, 4) for value in logits["real"])
    assert model["classes"] == [str(label) for label in range(config.model.num_classes)]


def test_a_trained_discriminator_tells_digits_of_early_generators_from_real_ones():
    (model,) = page_data([Run(CHECKPOINTS / "dcgan-mnist")]).manifest["models"]
    real = np.array(model["discriminator"]["real"])
    first, *_, last = (np.array(model["discriminator"]["fake"][weights["id"]]) for weights in model["snapshots"])
    assert (real > first).mean() == 1
    assert real.mean() > last.mean() > first.mean()


def test_other_data_have_no_digits(runs_root, web):
    run = record_run(runs_root, replace(TINY, data=DataConfig(name="fashion-mnist")))
    manifest = json.loads(page_files([run], web=web)["manifest.json"])
    assert manifest["models"][0]["discriminator"] is None
    assert manifest["models"][0]["digits"] is None


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ({"classes": ["red fox", "2", "10"]}, ["red fox", "2", "10"]),
        ({"classes": ["red fox"]}, ["red fox", "1", "2"]),
        ({"classes": ["a", "b", "c", "d"]}, ["0", "1", "2"]),
        ({"classes": [1, 2, 3]}, ["0", "1", "2"]),
        ([], ["0", "1", "2"]),
    ],
)
def test_classes_have_the_names_of_the_last_save(runs_root, source, names):
    run = record_run(runs_root, replace(CONDITIONAL, data=DataConfig(name="folder:/home/me/pics")))
    assert class_names(run) == ["0", "1", "2"]
    save_tensors(run.state_path, {}, {"kind": "state", "source": source})
    assert class_names(run) == names


@pytest.mark.parametrize("lacking", ["discriminator", "digits", "classes"])
def test_what_is_missing_leaves_no_answers(runs_root, web, monkeypatch, tmp_path, lacking):
    run = record_run(runs_root, CONDITIONAL if lacking == "classes" else TINY)
    if lacking == "discriminator":
        run.discriminator_path.unlink()
    if lacking == "digits":
        monkeypatch.setattr(module, "PROJECT_DATA", tmp_path / "nowhere")
        monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "nowhere"))
    manifest = json.loads(page_files([run], web=web)["manifest.json"])
    assert manifest["models"][0]["discriminator"] is None
    assert manifest["models"][0]["digits"] is None


# The single file


def test_one_file_has_everything_inside(tiny_run, web):
    page = single_page([tiny_run], snapshots=True, web=web)
    manifest = json.loads(element(page, "manifest"))
    data = page_data([tiny_run])
    (model,) = manifest["models"]
    (folder_model,) = data.manifest["models"]
    for weights, original in zip(
        [model["weights"], *model["snapshots"]],
        [folder_model["weights"], *folder_model["snapshots"]],
        strict=True,
    ):
        assert weights["packed"] == "split-deflate"
        assert unpacked(element(page, weights["file"])) == data.files[original["file"]]
        assert weights["bytes"] == original["bytes"]
        assert weights["id"] == original["id"]
    png = base64.b64decode(element(page, model["digits"]["file"]))
    assert png == data.files[folder_model["digits"]["file"]]
    sizes = parts_of(page)
    assert set(sizes) == {"page", "manifest", "program", model["weights"]["file"], model["digits"]["file"]}
    assert sum(sizes.values()) == len(page)


def test_one_file_allows_its_own_script_and_style_only(tiny_run, web):
    html = single_page([tiny_run], web=web).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    program, style = element(html.encode(), "program"), re.findall("<style>(.*?)</style>", html, re.DOTALL)[0]
    for name, text in (("script-src", program), ("style-src", style)):
        hashed = f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        assert rules[name] == hashed + (" 'wasm-unsafe-eval'" if name == "script-src" else "")
    assert rules["connect-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"


def test_no_name_can_end_a_script(runs_root, web):
    run = record_run(runs_root)
    name = "</script><script>alert(1)</script>"
    run.write_config(run.config(), name)
    page = single_page([run], web=web)
    assert b"<script>alert" not in page
    assert json.loads(element(page, "manifest"))["models"][0]["preset"] == name


@pytest.mark.parametrize("num_bytes", [0, 1, 2, 9])
def test_packing_is_undone(num_bytes):
    header = b'{"a":1}'
    file = len(header).to_bytes(8, "little") + header + bytes(range(num_bytes))
    assert unpacked(base64.b64encode(split_deflate(file)).decode()) == file


# What a page cannot have


def test_runs_that_a_browser_cannot_draw_are_refused(runs_root, web):
    step = replace(TINY, model=replace(TINY.model, topology="step"))
    large = replace(TINY, model=replace(TINY.model, latent_dim=1_000_000, width_g=8))
    for config, reason in ((step, "topology is step"), (large, "512 million multiply-adds|million multiply-adds")):
        run = Run.create(config, "tiny", runs_root)
        run.generator_path.touch()
        with pytest.raises(ValueError, match=rf"{run.name} .*({reason}).*python gradio_app\.py"):
            page_files([run], web=web)


def test_runs_that_no_page_can_have_are_refused(tiny_run, web, runs_root):
    with pytest.raises(ValueError, match="at least one run"):
        single_page([], web=web)
    with pytest.raises(ValueError, match="two runs"):
        single_page([tiny_run, Run(tiny_run.path)], web=web)
    tiny_run.generator_path.unlink()
    with pytest.raises(ValueError, match="train it first"):
        single_page([tiny_run], web=web)


def test_a_page_without_its_marks_is_refused(tiny_run, web):
    (web / "index.html").write_text("<!doctype html>\n<!-- policy -->\n<!-- style -->\n<!-- data -->\n")
    with pytest.raises(ValueError, match="<!-- program -->"):
        page_files([tiny_run], web=web)


def test_a_style_cannot_end_itself(tiny_run, web):
    (web / "style.css").write_text("/* </STYLE> */")
    with pytest.raises(ValueError, match="</style"):
        single_page([tiny_run], web=web)


# The project's own page


@pytest.mark.slow
@pytest.mark.parametrize(("snapshots", "limit"), [(False, 900_000), (True, 6_000_000)])
def test_the_page_of_a_dcgan_is_small(snapshots, limit):
    page = single_page([Run(CHECKPOINTS / "dcgan-mnist")], snapshots=snapshots)
    assert len(page) <= limit
    manifest = json.loads(element(page, "manifest"))
    assert len(manifest["models"][0]["snapshots"]) == (8 if snapshots else 0)
