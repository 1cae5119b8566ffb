"""What goes to the Hub: listed, checked, uploaded to a stand-in, loaded back, started."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import published
import pytest
from huggingface_hub import ModelCard
from recorded import TINY, record_run
from servers import free_port

from dcgan.checkpoint import load_generator, save_tensors
from dcgan.cli.main import main
from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS, PROJECT
from dcgan.latents import latents_from_seeds
from dcgan.publishing import hub as publish
from dcgan.publishing.model_card import model_card
from dcgan.publishing.space_files import space_files
from dcgan.runs import evaluations
from dcgan.runs.run import Run, RunError
from dcgan.runs.scores import measured

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """The few calls of the Hub that an upload and a download make. The server keeps what was committed."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = urlsplit(self.path).path
        self.server.calls.append(path)
        if path == "/api/repos/create":
            request = json.loads(body)
            self.server.created.append(request)
            kind = {"space": "spaces/"}.get(request.get("type"), "")
            owner = request.get("organization") or "me"
            self.answer({"url": f"{self.server.url}/{kind}{owner}/{request['name']}"})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            self.answer(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        elif "/commit/" in path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.server.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            _, _, kind, owner, name, *_ = path.split("/")
            home = f"{self.server.url}/{'spaces/' * (kind == 'spaces')}{owner}/{name}"
            self.answer({"commitUrl": f"{home}/commit/{COMMIT}", "commitOid": COMMIT, "success": True})
        else:
            self.answer({})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.calls.append(path)
        if path.startswith("/api/models/me/digits/tree/"):
            entries = [(name, data, hashlib.sha1(data).hexdigest()) for name, data in self.server.files.items()]
            self.answer(
                [{"type": "file", "path": name, "size": len(data), "oid": oid} for name, data, oid in entries]
            )
        elif path.startswith("/api/models/me/"):
            siblings = [{"rfilename": name} for name in self.server.files]
            self.answer({"id": "me/digits", "sha": COMMIT, "siblings": siblings, "private": False, "tags": []})
        elif "/resolve/" in path and (data := self.server.files.get(path.split("/", 5)[-1])) is not None:
            self.answer(data)
        else:
            self.send_error(404)

    def answer(self, value):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for the Hub, where the whole library looks for it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.calls, server.created, server.files = [], [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 10)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


IN_ITS_OWN_PROCESS = """
import sys, hashlib, dcgan
generator = dcgan.load_generator(sys.argv[1])
images = generator(dcgan.latents_from_seeds(range(4), generator.config.latent_dim)).numpy()
print(hashlib.sha256(images.tobytes()).hexdigest(), generator.weights_id)
"""


@pytest.mark.slow
def test_a_published_model_loads_back_from_the_hub(hub, tiny_run):
    # In processes of their own, since huggingface_hub reads its settings when it is imported.
    command = [sys.executable, "-m", "dcgan", "publish", "model", tiny_run.name, "me/digits"]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout
    assert hub.created[0]["name"] == "digits"
    assert hub.files["generator.safetensors"] == tiny_run.generator_path.read_bytes()
    assert 'load_generator("hub:me/digits")' in hub.files["README.md"].decode()
    loaded = subprocess.run(
        [sys.executable, "-c", IN_ITS_OWN_PROCESS, "hub:me/digits"], cwd=PROJECT, capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr
    here = load_generator(tiny_run.path)
    images = here(latents_from_seeds(range(4), here.config.latent_dim)).numpy()
    assert loaded.stdout.split() == [hashlib.sha256(images.tobytes()).hexdigest(), here.weights_id]


@pytest.mark.slow
def test_a_model_that_is_not_on_the_hub_is_one_error(hub):
    for name, wrong in (("hub:nobody/nothing", "cannot be downloaded"), ("hub:not a name!", "write hub:USER/NAME")):
        command = [sys.executable, "-m", "dcgan", "sample", name]
        code = f"import dcgan\ntry: dcgan.load_generator({name!r})\nexcept (ValueError, OSError) as e: print(e)"
        done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
        assert wrong in done.stdout, (command, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["1", "", "many"])
def test_a_model_that_is_too_large_is_not_downloaded(hub, tiny_run, tmp_path, limit):
    hub.files["generator.safetensors"] = tiny_run.generator_path.read_bytes()
    hub.files["generator_ema.safetensors"] = bytes(1_000_000)
    code = "import dcgan\ntry: dcgan.load_generator('hub:me/digits')\nexcept ValueError as e: print(e)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {"DCGAN_MAX_DOWNLOAD_MB": limit},
        capture_output=True,
        text=True,
    )
    expected = {
        "1": r"hub:me/digits has 1\.0 MB of weights, more than DCGAN_MAX_DOWNLOAD_MB=1; set ",
        "": r"generator_ema\.safetensors is damaged",
        "many": r"DCGAN_MAX_DOWNLOAD_MB=many is not a whole number; try 200",
    }[limit]
    assert re.search(expected, done.stdout), done.stderr
    assert any((tmp_path / "hf").rglob("generator*.safetensors")) is (limit == "")


@pytest.mark.slow
def test_a_model_that_was_downloaded_opens_without_the_hub(hub, tiny_run):
    hub.files["generator.safetensors"] = tiny_run.generator_path.read_bytes()
    code = "import dcgan\nprint(dcgan.load_generator('hub:me/digits').weights_id)"
    for offline in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=PROJECT,
            env=os.environ | {"HF_HUB_OFFLINE": offline},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == load_generator(tiny_run.path).weights_id, done.stderr


@pytest.mark.parametrize(("kind", "sdk"), [("gradio", "gradio"), ("streamlit", "docker")])
@pytest.mark.slow
def test_a_space_is_uploaded_whole(hub, kind, sdk):
    command = [sys.executable, "-m", "dcgan", "publish", "space", kind, "me/studio"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert hub.created[0]["sdk"] == sdk
    assert hub.files == {name: publish.read(content) for name, content in space_files(kind).items()}


@pytest.mark.slow
def test_a_static_space_is_uploaded_whole(hub):
    command = [sys.executable, "-m", "dcgan", "publish", "space", "static", "me/page"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert hub.created[0]["sdk"] == "static"
    manifest = json.loads(hub.files["manifest.json"])
    assert manifest["usual"] == "dcgan-best-mnist"
    every = [entry for model in manifest["models"] for entry in (model["weights"], *model["snapshots"])]
    named = {entry["file"] for entry in every}
    named |= {model["digits"]["file"] for model in manifest["models"] if model["digits"]}
    assert set(hub.files) == named | {
        *("README.md", "LICENSE", "index.html", "style.css", "main.js", "manifest.json"),
    }
    assert publish.problems(hub.files, "static") == []


# What would be uploaded


@pytest.mark.parametrize("kind", ["gradio", "streamlit"])
def test_the_spaces_of_the_project_have_no_problem(kind):
    files = space_files(kind)
    assert publish.problems(files, kind) == []
    assert f"{kind}_app.py" in files
    assert files["requirements.txt"] == PROJECT / "deploy" / kind / "requirements.txt"
    assert "checkpoints/dcgan-mnist/generator.safetensors" in files
    # Where training can be allowed, it is scored.
    assert ("features/mnist.safetensors" in files) == (kind == "streamlit")
    assert not any(name.startswith("runs/") or "__pycache__" in name or "tests/" in name for name in files)


def test_the_pages_image_forbids_training_by_default():
    dockerfile = space_files("streamlit")["Dockerfile"].read_text()
    assert "\nENV DCGAN_ALLOW_TRAINING=0\n" in dockerfile


def test_only_the_image_listens_to_other_machines():
    config = tomllib.loads((PROJECT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "localhost"
    dockerfile = space_files("streamlit")["Dockerfile"].read_text()
    assert '"--server.address=0.0.0.0"' in dockerfile


@pytest.mark.parametrize("name", published.NAMES)
def test_the_models_of_the_project_have_no_problem(name):
    run = Run(CHECKPOINTS / name)
    license = "apache-2.0" if run.config().data.is_own else ""
    files = publish.model_files(run, "me/x", license=license)
    assert publish.problems(files, "model") == []
    card = files["README.md"].decode()
    score = "SWD: sliced Wasserstein" if run.config().data.is_own else "CFD: classifier"
    assert "Not measured yet." in card or f"| {score}" in card
    assert "state.safetensors" not in files


@pytest.mark.parametrize("name", published.DIGIT_NAMES)
def test_the_models_of_the_project_are_published_byte_for_byte(name):
    files = publish.model_files(Run(CHECKPOINTS / name), "me/x")
    assert [file for file, content in files.items() if isinstance(content, bytes)] == ["samples.png", "README.md"]
    assert "on mnist." in files["README.md"].decode()


def test_the_place_of_images_is_not_published(runs_root, tmp_path):
    data = DataConfig(name="folder:/home/me/my pics", holdout=0.1)
    run = record_run(runs_root, replace(TINY, data=data, ema_half_life_images=8), ema=True)
    notes = (
        "2 of 13 files could not be read and were left out: ants/00.png, b.png",
        "the decoded images of /home/me/my pics are kept in /home/me/.cache/dcgan/8x8.npy, 1 MiB; it may be deleted",
        "not scored along the way: there is no classifier of folder:/home/me/my pics (there are: mnist)",
    )
    run.write_status(replace(run.status(), notes=notes, error="~/x could not be read"))
    files = publish.model_files(run, "me/x")
    assert not [name for name, content in files.items() if b"/home/me" in publish.read(content)]
    publish.stage(files, tmp_path / "hub")
    published = Run(tmp_path / "hub")
    assert published.config() == replace(run.config(), data=DataConfig(name="folder:my pics", holdout=0.1))
    assert published.preset == run.preset
    assert published.status() == replace(run.status(), notes=(notes[0], notes[2].replace("/home/me/", "")), error="")
    assert "on own pictures from a folder named my pics, as 28x28 gray." in files["README.md"].decode()
    here, there = load_generator(run.path), load_generator(published.path)
    assert there.weights_id == here.weights_id
    assert there.train_config.data.name == "folder:my pics"
    z = latents_from_seeds(range(4), 6)
    assert there(z).equal(here(z))
    assert main(["sample", str(published.path), "-o", str(tmp_path / "sheet.png")]) == 0
    assert run.config().data == data, "the run itself stays as it is"


def test_a_model_of_own_pictures_needs_a_license(runs_root, capsys):
    run = record_run(runs_root, replace(TINY, data=DataConfig(name="folder:/pics")))
    assert "add it, as in --license" in " ".join(publish.problems(publish.model_files(run), "model"))
    assert main(["publish", "model", run.name, "me/x", "--dry-run"]) == 2
    assert (
        main(["publish", "model", run.name, "me/x", "--dry-run", "--license", "cc0-1.0", "--title", "My pets"]) == 0
    )
    files = publish.model_files(run, license="cc0-1.0", title="My pets")
    assert publish.problems(files, "model") == []
    card = ModelCard(publish.read(files["README.md"]).decode())
    assert card.data.license == "cc0-1.0"
    assert "\n# My pets\n" in card.text
    assert "pip install ." in card.text


def test_a_model_of_a_named_set_is_under_the_mit_license_by_default(tiny_run):
    assert model_card(tiny_run).data.license == "mit"
    assert model_card(tiny_run, license="apache-2.0").data.license == "apache-2.0"


def test_a_card_counts_the_pictures_of_the_training(runs_root):
    run = record_run(runs_root, replace(TINY, data=DataConfig(name="folder:/pics")))
    save_tensors(run.state_path, {}, {"kind": "state", "source": {"num_images": 1234}})
    assert "on 1,234 own pictures from a folder named pics" in model_card(run).text


def test_a_space_has_no_license_and_title_of_its_own(capsys):
    assert main(["publish", "space", "gradio", "me/x", "--dry-run", "--title", "x"]) == 2
    assert "are for a model" in capsys.readouterr().err


def test_the_weights_of_a_model_may_be_larger_than_the_files_of_a_space():
    files = {"README.md": README, "gradio_app.py": b"", "big.bin": bytes(publish.MAX_FILE_BYTES + 1)}
    assert len(publish.problems(files, "gradio")) == 1
    assert publish.problems(files, "model") == []


def test_the_place_of_a_named_set_is_not_published(runs_root):
    run = record_run(runs_root, replace(TINY, data=DataConfig(root="/home/me/mnist")))
    files = publish.model_files(run, "me/x")
    assert not [name for name, content in files.items() if b"/home/me" in publish.read(content)]
    assert files["status.json"] == run.status_path


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/b", "b"), ("/a/b/", "b"), ("b", "b"), ("C:\\a\\b", "b"), ("/", "images"), ("~", "images")],
)
def test_a_folder_is_published_by_its_last_name(path, name):
    assert publish.public_data(DataConfig(name=f"folder:{path}")) == {"name": f"folder:{name}", "root": ""}


def test_the_example_of_the_card_has_the_classes_of_the_model(runs_root):
    config = replace(TINY, model=replace(TINY.model, num_classes=3))
    assert "[seed % 3 for seed in range(64)]" in model_card(record_run(runs_root, config)).text
    assert "seed %" not in model_card(record_run(runs_root, TINY)).text


@pytest.fixture
def offline(monkeypatch) -> None:
    def refuse(*arguments):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", published.DIGIT_NAMES)
def test_the_hub_reads_a_models_scores_from_its_card(name):
    run = Run(CHECKPOINTS / name)
    card = ModelCard(str(model_card(run, "me/x")))
    assert card.data.license == "mit"
    assert card.data.datasets == ["ylecun/mnist"]
    assert card.data.model_name == name
    (row,) = evaluations.evaluations(run, run.status().step)
    results = {result.metric_type: result for result in card.data.eval_results}
    assert {key: result.metric_value for key, result in results.items()} == {key: row[key] for key in measured(row)}
    assert {result.dataset_type for result in results.values()} == {"ylecun/mnist"}
    assert results["cfd"].metric_name == "CFD, classifier Fréchet distance"
    assert results["cfd"].metric_args == {
        "num_images": 10_000,
        "first_seed": 0,
        "features": f"mnist classifier {row['classifier_hash']}",
    }
    assert "CFD is not FID." in card.text


def test_scores_on_request_name_their_own_count():
    data = model_card(Run(CHECKPOINTS / "cdcgan-best-mnist")).data
    results = {result.metric_type: result for result in data.eval_results}
    assert results["classification_accuracy"].metric_args["num_images"] == 50_000
    assert results["label_accuracy"].metric_args["num_images"] == 10_000


@pytest.mark.usefixtures("offline")
def test_a_model_without_scores_has_a_card_without_results(runs_root):
    config = replace(TINY, data=DataConfig(name="folder:/home/me/pictures"))
    card = ModelCard(str(model_card(record_run(runs_root, config))))
    assert card.data.eval_results is None
    assert card.data.datasets is None
    assert "Not measured yet." in card.text


def test_the_dry_run_lists_everything_and_uploads_nothing(tiny_run, capsys, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["publish", "model", tiny_run.name, "me/digits", "--dry-run"]) == 0
    listed = capsys.readouterr().out
    for name in ("README.md", "config.json", "generator.safetensors", "discriminator.safetensors", "samples.png"):
        assert f"  {name}\n" in listed
    assert "nothing was uploaded" in listed
    assert main(["publish", "space", "flask", "me/digits", "--dry-run"]) == 2
    assert main(["publish", "model", "nobody", "me/digits", "--dry-run"]) == 2


README = b"---\ntitle: x\nsdk: gradio\napp_file: gradio_app.py\nlicense: mit\n---\n"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"big.bin": bytes(publish.MAX_FILE_BYTES + 1)}, "big.bin has 15.0 MB"),
        ({"a.py": b"token = 'hf_" + b"A" * 34 + b"'"}, "a.py has what looks like a secret, hf_AAA"),
        ({"a.txt": b"-----BEGIN RSA PRIVATE KEY-----"}, "secret"),
        ({".env": b"A=1"}, ".env looks like a secret"),
        ({"README.md": b"# no front matter"}, "does not begin with front matter"),
        ({"README.md": README.replace(b"license: mit\n", b"")}, "has no license"),
        ({"README.md": README.replace(b"title: x", b"title: [x")}, "front matter cannot be read"),
        ({"README.md": README.replace(b"sdk: gradio", b"sdk: static")}, "sdk is static"),
        ({"README.md": README.replace(b"gradio_app", b"other")}, "other.py, with which the Space starts"),
        ({"README.md": README.replace(b"title: x", b"title: x\ncolorTo: mauve")}, "colorTo is mauve"),
        ({"README.md": README.replace(b"title: x", b"title: x\nshort_description: " + b"x" * 61)}, "60 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_must_not_be_uploaded_is_a_problem(files, sentence):
    sound = {"README.md": README, "gradio_app.py": b""}
    assert publish.problems(sound, "gradio") == []
    (problem,) = publish.problems(sound | files, "gradio")
    assert sentence in problem
    with pytest.raises(ValueError, match=re.escape(sentence)):
        publish.upload("me/x", sound | files, "gradio")


def test_a_static_space_that_builds_itself_is_a_problem():
    front = b"---\ntitle: x\nsdk: static\nlicense: mit\n---\n"
    assert publish.problems({"README.md": front, "index.html": b""}, "static") == []
    (missing,) = publish.problems({"README.md": front}, "static")
    assert "index.html, with which the Space starts" in missing
    building = front.replace(b"sdk", b"app_build_command: npm run build\nsdk")
    (costly,) = publish.problems({"README.md": building, "index.html": b""}, "static")
    assert "app_build_command" in costly


def test_a_result_without_a_dataset_is_a_problem():
    front = "license: mit\nmodel-index:\n- name: x\n  results:\n  - task:\n      type: y\n    metrics: []\n"
    (sentence,) = publish.problems({"README.md": f"---\n{front}---\n".encode()}, "model")
    assert "front matter cannot be read" in sentence


def test_a_run_without_weights_is_not_published(runs_root):
    run = record_run(runs_root)
    run.generator_path.unlink()
    with pytest.raises(RunError, match="train it first"):
        publish.model_files(run)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("gradio", ["gradio_app.py"]),
        (
            "streamlit",
            ["-m", "streamlit", "run", "streamlit_app.py", "--server.headless=true", "--server.address=127.0.0.1"],
        ),
    ],
)
@pytest.mark.slow
def test_a_space_starts_from_its_own_folder(tmp_path, kind, command):
    folder, port = tmp_path / "space", free_port()
    publish.stage(space_files(kind), folder)
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "DCGAN_DEVICE": "cpu", "PYTHONPATH": str(folder)}
    command = [*command, f"--server.port={port}"] if kind == "streamlit" else command
    process = subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 180
        while True:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert time.monotonic() < give_up
                time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(30)
