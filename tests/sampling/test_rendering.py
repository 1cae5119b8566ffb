"""From a link to frames: the same link gives the same bytes in the demo and on the command line."""

from __future__ import annotations

import io
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from recorded import TINY, record_run

from dcgan import pixels
from dcgan.checkpoint import load_generator
from dcgan.cli.main import main
from dcgan.data.image_files import UnreadableImageError, check_header
from dcgan.latents import interpolate, latents_from_seeds, norm_interval, piecewise
from dcgan.runs.run import Run
from dcgan.sampling import rendering
from dcgan.sampling.link import ShareLink
from dcgan.sampling.link_fields import halves_of, text_of_halves
from dcgan.sampling.rendering import draw_at, fit_link, has_mp4, mp4_bytes, positions, render, resolve, verdict

CONDITIONAL = replace(TINY, model=replace(TINY.model, num_classes=10))


@pytest.fixture
def generator(tiny_run):
    return load_generator(tiny_run.path)


@pytest.fixture
def conditional(runs_root):
    return load_generator(record_run(runs_root, CONDITIONAL).path)


def test_two_seeds_give_what_interpolate_gives(generator):
    link = ShareLink(frames=7, seed_a=1, seed_b=2)
    z = interpolate(*latents_from_seeds([1, 2], generator.config.latent_dim), 7, "slerp")
    drawn = render(link, generator)
    assert np.array_equal(drawn.z, z)
    assert np.array_equal(drawn.images_u8, pixels.to_uint8(generator(z).numpy()))
    assert drawn.link == replace(link, weights_id=generator.weights_id, digest=drawn.link.digest)


def test_a_path_passes_its_keys_at_equal_times(generator):
    points = latents_from_seeds([1, 2, 3], generator.config.latent_dim)
    link = ShareLink(seed_a=1, seed_b=2, keys=(3,), frames=5)
    assert np.array_equal(render(link, generator).z[[0, 2, 4]], points)
    loop = render(replace(link, loop=True, frames=6), generator).z
    assert np.allclose(loop[[0, 2, 4]], points, atol=1e-6)
    assert positions(replace(link, loop=True, frames=4)).tolist() == [0, 0.25, 0.5, 0.75]
    with pytest.raises(ValueError, match="points make no path"):
        piecewise(points[:1], [0.5])
    with pytest.raises(ValueError, match=r"t=1.5"):
        piecewise(points, [0.5, 1.5])


def test_a_frame_alone_is_the_frame_in_the_strip(generator):
    link = ShareLink(frames=9)
    assert np.array_equal(draw_at(link, generator, [0.25])[1][0], render(link, generator).images_u8[2])


def test_labels_turn_into_each_other(conditional):
    link = ShareLink(seed_a=5, seed_b=5, labels=(2, 7), frames=3)
    drawn = render(link, conditional)
    z = latents_from_seeds([5, 5], conditional.config.latent_dim)
    ends = pixels.to_uint8(conditional(z, np.array([2, 7])).numpy())
    assert np.array_equal(drawn.images_u8[[0, 2]], ends)
    assert not np.array_equal(drawn.images_u8[1], ends[0])
    assert render(replace(link, labels=(2,)), conditional).link.digest != drawn.link.digest


def test_labels_are_made_to_fit(generator, conditional):
    assert fit_link(ShareLink(labels=(3,)), generator) == (
        ShareLink(),
        ["This model takes no labels; they are ignored."],
    )
    link, notes = fit_link(ShareLink(labels=(3, 99)), conditional)
    assert link.labels == (3, 9)
    assert notes == ["Labels above 9 are not available for this model; 9 is used instead."]
    assert fit_link(ShareLink(), conditional) == (ShareLink(labels=(3,)), [])


@pytest.mark.parametrize("weights", [np.full((2, 10), 0.2), np.full((2, 3), 1 / 3), np.full((2, 10), np.nan)])
def test_invalid_label_weights_are_refused(conditional, weights):
    with pytest.raises(ValueError, match="label weights"):
        conditional(np.zeros((2, 6)), weights)


def test_lerp_leaves_the_norm_interval_and_slerp_stays_inside():
    generator = load_generator(Run("checkpoints/dcgan-mnist").path)
    low, _ = norm_interval(100, "normal")
    assert render(ShareLink(path="lerp"), generator).norms.min() < low - 1
    assert render(ShareLink(path="slerp"), generator).norms.min() > low - 0.5


def test_changes_are_the_mean_differences(generator):
    drawn = render(ShareLink(frames=3), generator)
    first, second = drawn.images_u8[:2].astype(float)
    assert drawn.changes[0] == pytest.approx(np.abs(first - second).mean())
    assert drawn.changes.shape == (2,)


def test_the_same_query_gives_the_same_bytes(generator):
    link = ShareLink(frames=20)
    one, two = render(link, generator), render(link, generator)
    assert one.strip_png == two.strip_png
    with Image.open(io.BytesIO(one.strip_png)) as image:
        assert image.size == (2 * 16 * 28, 2 * 2 * 28)
        assert dict(parse_qsl(image.text["Source"][1:]))["d"] == one.link.digest
        again = np.asarray(image)[::2, ::2]
    assert np.array_equal(again, one.strip())


def test_the_animation_turns_back_at_the_end_unless_it_loops(generator):
    for loop, count in ((False, 6), (True, 4)):
        with Image.open(io.BytesIO(render(ShareLink(frames=4, loop=loop), generator).gif)) as film:
            durations = 0
            for index in range(film.n_frames):
                film.seek(index)
                durations += film.info["duration"]
            assert durations == 80 * count


@pytest.mark.skipif(not has_mp4(), reason="PyAV is an extra")
@pytest.mark.parametrize("shape", [(27, 29), (28, 28, 3)])
def test_mp4_holds_every_frame(shape):
    import av

    frames = [np.full(shape, gray, np.uint8) for gray in (0, 120, 250)]
    with av.open(io.BytesIO(mp4_bytes(frames, 80))) as film:
        decoded = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert [round(float(frame.mean())) for frame in decoded] == pytest.approx([0, 120, 250], abs=4)


def test_without_pyav_mp4_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ValueError, match="pip install av"):
        mp4_bytes([np.zeros((2, 2), np.uint8)], 80)


def test_the_verdict_compares_weights_and_pixels(generator):
    drawn = render(ShareLink(), generator)
    assert verdict(drawn.link, drawn) == rendering.SAME_PIXELS
    assert verdict(replace(drawn.link, digest="0" * 12), drawn) == rendering.EDITED_OR_ROUNDED
    assert verdict(ShareLink(digest="0" * 12), drawn) == rendering.OTHER_PIXELS
    assert "made with other weights" in verdict(replace(drawn.link, weights_id="0" * 12), drawn)
    assert verdict(replace(drawn.link, digest=""), drawn) == rendering.SAME_MODEL
    assert verdict(ShareLink(), drawn) == ""


@pytest.mark.parametrize("change", [{"seed_a": 8}, {"frames": 5}, {"path": "lerp"}, {"keys": (4,)}, {"loop": True}])
def test_the_verdict_of_an_edited_link_says_that_it_may_be_edited(generator, change):
    """The digest is still that of the path before the edit."""
    edited = replace(render(ShareLink(), generator).link, **change)
    assert verdict(edited, render(edited, generator)) == rendering.EDITED_OR_ROUNDED


def test_a_link_finds_its_snapshot(tiny_run):
    early = load_generator(tiny_run.snapshot_path(0))
    run, path, notes = resolve(ShareLink(model=tiny_run.name, weights_id=early.weights_id), [tiny_run])
    assert (run, path, notes) == (tiny_run, tiny_run.snapshot_path(0), [])
    assert resolve(ShareLink(model=tiny_run.name, weights_id="0" * 12), [tiny_run])[1] == tiny_run.weights_path
    assert resolve(ShareLink(model="none"), [tiny_run])[:2] == (None, None)


# The command line


def test_a_link_can_lead_to_a_static_page(tiny_run, runs_root, capsys, monkeypatch):
    monkeypatch.delenv("DCGAN_DEMO_URL", raising=False)
    monkeypatch.delenv("DCGAN_PAGE_URL", raising=False)
    assert main(["link", tiny_run.name]) == 0
    (demo,) = capsys.readouterr().out.splitlines()
    assert main(["link", tiny_run.name, "--page", "https://example.org/page.html"]) == 0
    (page,) = capsys.readouterr().out.splitlines()
    assert page == f"https://example.org/page.html?{urlsplit(demo).query}"
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/page.html")
    assert main(["link", tiny_run.name]) == 0
    assert capsys.readouterr().out.splitlines() == [demo, page]
    step = record_run(runs_root, replace(TINY, model=replace(TINY.model, topology="step")))
    assert main(["link", step.name]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["link", step.name, "--page", "https://example.org/page.html"]) == 2
    assert "topology is step" in capsys.readouterr().err


@pytest.mark.parametrize(
    "page", ["notaurl", "ftp://example.org/", "https://", "https://[::1", "https://a b/", "file:"]
)
def test_a_text_that_is_not_an_address_is_refused(tiny_run, capsys, page):
    assert main(["link", tiny_run.name, "--page", page]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"page={page!r}" in line


def test_a_page_on_this_disk_has_an_address(tiny_run, tmp_path, capsys):
    page = tmp_path / "a page.html"
    page.touch()
    assert main(["link", tiny_run.name, "--page", str(page)]) == 0
    assert capsys.readouterr().out.startswith(f"{page.as_uri()}?v=1&")


def test_a_link_made_here_opens_here(tiny_run, tmp_path, capsys):
    output = tmp_path / "strip.png"
    assert (
        main(["link", tiny_run.name, "-a", "3", "-b", "9", "--keys", "4,5", "--loop", "-n", "8", "--t", "0.5"]) == 0
    )
    address = capsys.readouterr().out.strip()
    assert main(["open", address, "-o", str(output)]) == 0
    printed = capsys.readouterr()
    assert rendering.SAME_PIXELS in printed.out
    assert printed.err == ""
    link, _ = ShareLink.from_query(dict(parse_qsl(urlsplit(address).query)))
    assert output.read_bytes() == render(link, load_generator(tiny_run.path)).strip_png
    with pytest.raises(UnreadableImageError, match="this program has drawn it"):
        check_header(output)
    assert main(["open", urlsplit(address).query, "-o", str(tmp_path / "film.gif")]) == 0
    assert main(["open", f"<{address.replace('&', '&amp;')}>.", "-o", str(output)]) == 0
    assert "note:" not in capsys.readouterr().err
    assert (tmp_path / "film.gif").read_bytes()[:6] == b"GIF89a"


def test_open_prints_a_note_for_each_change(tiny_run, tmp_path, capsys):
    output = str(tmp_path / "strip.png")
    assert main(["open", f"?model={tiny_run.name}&a=-1&n=1000000000&labels=3", "-o", output]) == 0
    notes = capsys.readouterr().err
    assert "a='-1'" in notes
    assert "n='1000000000'" in notes
    assert "takes no labels" in notes
    assert main(["open", "?model=none", "-o", output]) == 2
    assert main(["open", "?v=1", "-o", "strip.bmp"]) == 2
    (tiny_run.path / "generator.safetensors").write_bytes(b"")
    assert main(["open", f"?model={tiny_run.name}", "-o", output]) == 2
    assert "damaged" in capsys.readouterr().err


def test_a_latent_vector_of_the_link_is_an_end_of_the_path(generator):
    z_a, z_b = (text_of_halves(z) for z in generator.latents([70, 71]))
    link = ShareLink(seed_a=1, seed_b=2, z_a=z_a, z_b=z_b, keys=(3,), frames=3)
    z = render(link, generator).z
    np.testing.assert_array_equal(z[0], np.float32(halves_of(z_a)))
    np.testing.assert_array_equal(z[1], np.float32(halves_of(z_b)))
    np.testing.assert_array_equal(z[2], generator.latents([3])[0])
    looped = draw_at(replace(link, loop=True), generator, [0.0, 1.0])[0]
    np.testing.assert_array_equal(looped[0], looped[1])


def test_a_latent_vector_of_another_model_leaves_the_seed(generator):
    link, notes = fit_link(ShareLink(z_a=text_of_halves([1.0] * 7)), generator)
    assert link.z_a == ""
    assert notes == ["za has 7 numbers, and this model takes 6; the seed is used."]
