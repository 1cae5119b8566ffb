"""What the page's events answer, by name, without a page."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from recorded import TINY, record_run

from dcgan.checkpoint import load_generator, load_tensors
from dcgan.config import NUM_COMPONENTS
from dcgan.demo import handlers
from dcgan.demo.view_files import make_file
from dcgan.sampling import exploration, rendering
from dcgan.sampling.link import CONTROLS, ShareLink
from dcgan.sampling.link_fields import text_of_halves
from dcgan.sampling.rendering import render

CONDITIONAL = replace(TINY, model=replace(TINY.model, num_classes=10))


def values(model: str, **changes) -> dict:
    """Return the values of the page's controls: the first ones, with these changes."""
    link = ShareLink()
    fields = {name: getattr(link, name) for name in CONTROLS}
    return fields | {"model": model, "keys": "", "labels": ""} | changes


def show(model: str, **changes) -> dict:
    return dict(handlers.show_controls(values(model, **changes)))


def file_at(address: str) -> bytes:
    """Return the file that a browser gets at an address of the page."""
    parts = urlsplit(address)
    link, notes = ShareLink.from_query(dict(parse_qsl(parts.query)))
    assert notes == []
    return make_file(parts.path.removeprefix("view/"), link)[0]


def test_the_page_shows_the_renders_strip(tiny_run):
    shown = show(tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=1.0)
    link = ShareLink(model=tiny_run.name, seed_a=3, seed_b=5, frames=6, path="lerp", t=1.0)
    expected = render(link, load_generator(tiny_run.path))
    assert file_at(shown["strip"]) == expected.strip_png
    assert file_at(shown["animation"]) == expected.gif
    assert (shown["strip_file"], shown["gif_file"]) == (shown["strip"], shown["animation"])
    assert shown["link"] == f"?{expected.link.to_query()}"
    assert (shown["current"] == shown["last"]).all()
    assert "seed 3 to 5, 6 frames drawn in" in shown["about"]
    assert shown["notes"] == []


def test_a_view_makes_no_file_that_nobody_has_requested(tiny_run, monkeypatch):
    for name in ("strip_png", "gif", "mp4"):
        monkeypatch.setattr(rendering.Rendering, name, property(lambda self: pytest.fail("nobody has requested it")))
    assert show(tiny_run.name, seed_a=91, frames=5)["animation"].startswith("view/animation.gif?")
    assert handlers.scrub(values(tiny_run.name, seed_a=91, frames=5, t=0.3))["current"] is not None


def test_every_answer_has_the_same_names(tiny_run):
    shown, nothing = show(tiny_run.name), handlers.show_nothing(["a note"])
    assert shown.keys() == nothing.keys()
    opened = handlers.open_page({})
    assert opened.keys() - shown.keys() == {"model", *CONTROLS} - {"labels"}
    assert opened.keys() == set(handlers.Update.__annotations__)


def test_scrubbing_draws_the_frame_and_keeps_the_digest(tiny_run):
    shown = show(tiny_run.name, seed_a=3, seed_b=5, frames=3)
    update = handlers.scrub(values(tiny_run.name, seed_a=3, seed_b=5, frames=3, t=1.0))
    assert (update["current"] == shown["last"]).all()
    assert update["link"] == shown["link"].replace("t=0.0", "t=1.0")


def test_a_view_has_a_link_to_the_static_page_where_one_is_set(tiny_run, monkeypatch):
    monkeypatch.delenv("DCGAN_PAGE_URL", raising=False)
    assert show(tiny_run.name)["page_link"] == ""
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/page")
    shown = show(tiny_run.name, seed_a=3)
    assert shown["page_link"] == f"https://example.org/page{shown['link']}"
    moved = handlers.scrub(values(tiny_run.name, seed_a=3, t=1.0))
    assert moved["page_link"] == f"https://example.org/page{moved['link']}"


def test_a_model_that_no_browser_draws_has_no_link_to_the_static_page(runs_root, monkeypatch):
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/page")
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, topology="step")))
    assert show(run.name)["page_link"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [-1, 1e300, 2.5, None, "many"])
def test_the_nearest_seed_replaces_a_bad_one_with_a_note(tiny_run, seed):
    shown = show(tiny_run.name, seed_a=seed, seed_b=5, frames=10**9)
    assert [note.split("=")[0] for note in shown["notes"]] == ["seed_a", "frames"]
    assert "n=64" in shown["link"]


def test_an_unknown_model_and_unused_labels_are_notes(tiny_run):
    notes = show("<img src=x>", path="spiral", labels="3, 4")["notes"]
    assert len(notes) == 3
    assert notes[0].startswith("path='spiral'")
    assert notes[1] == f"There is no model '<img src=x>' here; {tiny_run.name} is shown."
    assert "takes no labels" in notes[2]


@pytest.mark.slow
def test_only_texts_that_differ_from_the_link_draw_again(runs_root):
    run = record_run(runs_root, CONDITIONAL)
    opened = handlers.open_page({"model": run.name, "a": "1", "b": "2", "k": "5,7", "labels": "3,8", "x": "1"})
    keys, link, labels = opened["keys"], opened["link"], opened["labels"]
    assert (keys, labels) == ("5,7", "3, 8")

    def typed(keys, labels, link):
        return handlers.show_typed(values(run.name, seed_a=1, seed_b=2, keys=keys, labels=labels, link=link))

    for shown_link in (link, f"http://localhost:7860/{link}"):  # the page's address, once the browser has it
        assert typed(keys, labels, shown_link) is None
    for texts in (("5", labels), ("", labels), (keys, "3, "), (keys, "")):
        assert file_at(typed(*texts, link)["strip"])[:4] == b"\x89PNG"
    assert "k=" not in typed("", labels, link)["link"]
    assert typed("9", labels, "") is None  # nothing is shown, so no text can change it


def test_a_conditional_model_takes_two_labels(runs_root):
    run = record_run(runs_root, CONDITIONAL)
    shown = show(run.name, seed_a=1, seed_b=1, labels="3, 80")
    assert "labels=3%2C9" in shown["link"]
    assert shown["labels"] == "3, 9"
    (note,) = shown["notes"]
    assert note.startswith("Labels above 9 ")


def test_labels_of_an_address_may_be_names(runs_root):
    run = record_run(runs_root, CONDITIONAL)
    run.write_status(replace(run.status(), classes=("birds", "red fox", *map(str, range(2, 10)))))
    opened = handlers.open_page({"model": run.name, "a": "1", "b": "2", "labels": "red fox,birds"})
    assert "labels=1%2C0" in opened["link"]
    assert not [note for note in opened["notes"] if "labels" in note]
    assert "labels=0%2C1" in show(run.name, labels="birds, Red Fox")["link"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "normal distribution. slerp keeps the norm between those of its ends. lerp shortens z"),
        ({"latent": "uniform"}, "slerp keeps the norm between those of its ends, and may leave the cube"),
        ({"latent": "mixture", "latent_dim": 24}, "20 mixture components"),
    ],
)
def test_the_reading_describes_the_models_latent(runs_root, change, words):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, **change)))
    reading = show(run.name)["reading"]
    assert words in reading
    readings = [text.format(components=NUM_COMPONENTS) for text in handlers.READINGS.values()]
    assert [words in text for text in readings].count(True) == 1


@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
def test_a_damaged_checkpoint_is_a_note(tiny_run, damage):
    if damage == "missing":
        tiny_run.generator_path.unlink()
    else:
        data = b"" if damage == "empty" else tiny_run.discriminator_path.read_bytes()
        tiny_run.generator_path.write_bytes(data)
    shown = show(tiny_run.name)
    assert shown["strip"] is None
    assert "generator.safetensors" in shown["notes"][0]
    assert not any(handlers.scrub(values(tiny_run.name, t=0.5)).values())


def test_without_any_run_the_opened_page_says_how_to_train_one(runs_root):
    opened = handlers.open_page({"a": "3"})
    assert opened["strip"] is None
    assert "python -m dcgan train" in opened["notes"][-1]


def test_an_address_opens_with_its_verdict(tiny_run):
    link = render(ShareLink(model=tiny_run.name, seed_a=3, keys=(4,), loop=True), load_generator(tiny_run.path)).link
    query = dict(pair.split("=") for pair in link.to_query().split("&"))
    opened = handlers.open_page(query)
    assert opened["model"] == ([tiny_run.name], tiny_run.name)
    controls = {name: opened[name] for name in CONTROLS}
    assert controls == {
        "seed_a": 3, "seed_b": 42, "keys": "4", "loop": True, "frames": 16, "path": "slerp", "t": 0.0, "labels": "",
    }  # fmt: skip
    assert opened["about"].startswith(f"**{rendering.SAME_PIXELS}** ")
    assert handlers.open_page(query | {"d": "0" * 12})["about"].startswith(f"**{rendering.EDITED_OR_ROUNDED}** ")
    notes = handlers.open_page({"model": "nobody", "a": "1" * 500, "n": "1000000000"})["notes"]
    assert any("'nobody'" in note for note in notes)


def test_an_address_that_changed_on_its_way_opens_the_same_view(tiny_run):
    query = dict(parse_qsl(urlsplit(handlers.open_page({"model": tiny_run.name, "a": "3"})["link"]).query))
    changed = {f"amp;{key}" * (key != "v") or key: value for key, value in query.items()} | {"fbclid": "x"}
    changed["amp;d"] = changed["amp;d"].upper() + ")."
    opened = handlers.open_page(changed)
    assert (opened["notes"], opened["model"].value) == ([], tiny_run.name)
    assert opened["about"].startswith(f"**{rendering.SAME_PIXELS}** ")


def test_an_address_without_a_link_opens_the_first_example(tiny_run):
    opened = handlers.open_page({"__theme": "dark"})
    assert (opened["seed_a"], opened["seed_b"]) == (handlers.FIRST.seed_a, handlers.FIRST.seed_b) == (84, 18)


@pytest.mark.slow
def test_large_images_are_shown_in_whole_pixels(runs_root):
    run = record_run(runs_root, replace(TINY, model=replace(TINY.model, image_size=64)))
    assert show(run.name)["current"].shape[:2] == (192, 192)


def test_an_opened_link_reads_the_weights_of_each_file_once(tiny_run, monkeypatch):
    files = []
    monkeypatch.setattr(exploration, "load_tensors", lambda path: files.append(path) or load_tensors(path))
    query = {"model": tiny_run.name, "w": "0" * 12, "a": "3"}
    for _ in range(3):
        handlers.open_page(query)
    assert sorted(files) == sorted(set(files)) != []


@pytest.mark.parametrize("link", [None, 3, ["a"], {"a": 1}, "http://[", "?k=" + "5," * 1000])
def test_any_link_of_a_text_field_is_read(tiny_run, link):
    controls = values(tiny_run.name, keys="9", link=link)
    assert (handlers.show_typed(controls) or {}).get("link", "?").startswith("?")


def test_a_latent_vector_of_the_link_stays_while_its_seed_does(tiny_run):
    z = text_of_halves([0.5] * 6)
    update = handlers.open_page({"model": tiny_run.name, "a": "3", "b": "5", "za": z, "zb": z})
    assert [note.split(". ")[0] for note in update["notes"][-2:]] == [
        "A is the latent vector za of the link",
        "B is the latent vector zb of the link",
    ]
    shown = update["link"]
    assert f"&za={z}&zb={z}" in shown
    moved = handlers.scrub(values(tiny_run.name, seed_a=3, seed_b=5, t=0.5, link=f"http://x/{shown}"))
    assert f"&za={z}&zb={z}" in moved["link"]
    other = handlers.show_controls(values(tiny_run.name, seed_a=4, seed_b=5, link=f"http://x/{shown}"))["link"]
    assert f"&zb={z}" in other
    assert "&za=" not in other
