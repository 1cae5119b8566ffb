"""The Compare page on every kind of run: which runs it shows, and its address."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from recorded import TINY, record_run
from studio import (
    APP,
    captions,
    choices,
    damage_config,
    damage_status,
    figures,
    make_unreadable,
    open_page,
    remove_status,
    table,
    texts,
    warnings,
)

from dcgan.config import DataConfig
from dcgan.files import CHECKPOINTS
from dcgan.pages.parts.pair_tables import real_images_text
from dcgan.runs.rows import Status
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES


@pytest.mark.slow
def test_without_runs_the_page_names_the_command(only_own_runs):
    app = open_page("compare")
    assert "python -m dcgan train" in app.info[0].value
    assert not choices(app)


def damage_grid(run: Run) -> None:
    """Make the run's last grid unreadable."""
    run.sample_path(4).write_bytes(b"no picture")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_config, damage_status, damage_grid, remove_status])
def test_a_damaged_run_is_a_warning_beside_the_other_run(only_own_runs, damage):
    whole, broken = record_run(only_own_runs), record_run(only_own_runs)
    damage(broken)
    app = open_page("compare")
    app.selectbox(key="right").select(broken.name).run()
    assert not app.exception
    assert broken.name in warnings(app)[0]
    (caption,) = captions(app)
    assert whole.name in caption


@pytest.mark.slow
def test_pages_that_read_runs_import_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        f"AppTest.from_file({APP!r}, default_timeout=30).run(); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_published_gan_and_dcgan_are_the_first_comparison():
    app = open_page("compare")
    assert choices(app) == {"left": "gan-mnist", "right": "dcgan-mnist", "align": "epoch"}
    assert [caption.split(":")[0] for caption in captions(app)] == ["gan-mnist, epoch 20", "dcgan-mnist, epoch 20"]
    numbers = table(app, "")
    assert numbers.loc["parameters of the generator"].tolist() == ["1,486,352", "312,256"]
    assert numbers.loc["parameters of the discriminator"].tolist() == ["1,460,225", "109,440"]
    differences = table(app, "field")
    (topology,) = [index for index in differences.index if index.startswith("**model.topology**")]
    assert differences.loc[topology].tolist() == ["mlp", "conv"]
    assert not [index for index in differences.index if index.startswith("**batch_size**")]
    scores = table(app, "score")
    assert scores.columns.tolist() == ["gan-mnist", "dcgan-mnist", "real images"]
    assert scores.loc[SCORES["cfd"].sentence].tolist() == ["9.27", "2.18", "0.12"]
    assert not [name for name in [*scores.index, *numbers.index] if "_" in name]
    assert "10,000 images, seeds 0 to 9,999" in texts(app)
    assert real_images_text(is_conditional=False) in texts(app)
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize("align", ["epoch", "time"])
def test_the_first_comparison_has_curves_of_cfd_of_both(align):
    cfd = figures(open_page("compare", align=align))[2]
    assert SCORES["cfd"].label in cfd["layout"]["yaxis"]["title"]["text"]
    names = [trace["name"] for trace in cfd["data"]]
    assert {"gan-mnist", "dcgan-mnist"} <= {name.split(",")[0] for name in names}
    assert any("real" in name for name in names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("align", "at", "epochs"),
    [("epoch", "12", ("12", "12")), ("epoch", "12.2", ("12", "12")), ("images", "720000", ("12", "12"))],
)
def test_an_address_opens_its_comparison(align, at, epochs):
    app = open_page("compare", left="dcgan-mnist", right="gan-mnist", align=align, at=at)
    shown = [caption.split(":")[0] for caption in captions(app)]
    assert shown == [f"dcgan-mnist, epoch {epochs[0]}", f"gan-mnist, epoch {epochs[1]}"]
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize(("at", "position"), [("9999", "20"), ("-1", "0")])
def test_a_point_beyond_the_recordings_is_reported(at, position):
    app = open_page("compare", at=at)
    assert app.select_slider(key="at").value == position
    assert warnings(app) == [f"at='{at}' in the address is beyond the recordings; {position} is used instead."]
    app.run()
    assert not app.warning  # reported once


@pytest.mark.slow
def test_a_key_without_a_widget_is_reported(only_own_runs):
    run = record_run(only_own_runs)
    (warning,) = warnings(open_page("compare", left=run.name, labels="7", seed="3"))
    assert "'labels'" in warning
    assert "'seed'" not in warning


@pytest.mark.slow
@pytest.mark.parametrize("name", ["progress.jsonl", "scores.jsonl", "evals.jsonl"])
def test_rows_that_cannot_be_read_are_a_warning(only_own_runs, name):
    whole, broken = record_run(only_own_runs), record_run(only_own_runs)
    make_unreadable(broken, name)
    app = open_page("compare", left=whole.name, right=broken.name)
    (warning,) = warnings(app)
    assert broken.name in warning
    assert name in warning
    (caption,) = captions(app)
    assert whole.name in caption


@pytest.mark.slow
def test_by_time_the_faster_training_is_ahead():
    app = open_page("compare", left="gan-mnist", right="dcgan-mnist", align="time", at="20")
    gan, dcgan = (float(caption.split("epoch ")[1].split(":")[0]) for caption in captions(app))
    minutes = {name: Run(CHECKPOINTS / name).last_row().wall_seconds / 60 for name in ("gan-mnist", "dcgan-mnist")}
    assert gan == pytest.approx(20 * 20 / minutes["gan-mnist"], abs=2)
    assert dcgan == pytest.approx(20 * 20 / minutes["dcgan-mnist"], abs=2)
    assert gan > dcgan


@pytest.mark.slow
def test_the_address_has_every_value_of_the_page():
    app = open_page(
        "compare",
        left="cdcgan-mnist",
        right="gan-mnist",
        align="images",
        at="60000",
        size="3",
        reverse="true",
        log="true",
    )
    (address,) = [element.value for element in app.code]
    assert address.endswith(
        "?left=cdcgan-mnist&right=gan-mnist&align=images&at=60000&size=3&reverse=True&smoothing=0.8&log=True"
    )
    app.select_slider(key="at").set_value("120000").run()
    assert "at=120000" in app.code[0].value


@pytest.mark.slow
@pytest.mark.parametrize(("data", "names_digits"), [("mnist", True), ("folder:/pets", False)])
def test_only_digits_are_called_digits(only_own_runs, data, names_digits):
    record_run(only_own_runs, replace(TINY, data=DataConfig(name=data)))
    for inspect in ("false", "true"):
        app = open_page("compare", inspect=inspect)
        assert any("digit" in caption.value for caption in app.caption) == names_digits


@pytest.mark.slow
def test_another_alignment_has_other_points(only_own_runs):
    record_run(only_own_runs)
    app = open_page("compare", at="1")
    assert app.select_slider(key="at").options == ["0", "1", "2"]
    app.selectbox(key="align").select("images").run()
    assert app.select_slider(key="at").options == ["0", "8", "16"]
    assert not app.exception


@pytest.mark.slow
@pytest.mark.parametrize("at", ["nan", "inf", "1e999", "-1e308", "<script>", "9" * 400, ""])
@pytest.mark.parametrize("key", ["at", "left", "seed", "size", "align"])
def test_a_hostile_address_leaves_the_page_alive(only_own_runs, key, at):
    record_run(only_own_runs)
    app = open_page("compare", **{key: at})
    assert len(captions(app)) == 2
    assert "<script>" not in "".join(warning.value for warning in app.warning)


@pytest.mark.slow
def test_runs_without_all_of_their_files(only_own_runs):
    whole = record_run(only_own_runs)
    new = Run.create(TINY, "new")
    assert "no status" in warnings(open_page("compare", right=new.name, left=whole.name))[0]
    new.write_status(Status("running", 0, 0, 2))
    assert "no sample grids" in warnings(open_page("compare", right=new.name, left=whole.name))[0]
    whole.progress_path.unlink()
    whole.generator_path.unlink()
    app = open_page("compare", left=whole.name, right=whole.name)
    assert len(captions(app)) == 2
    assert table(app, "").loc["parameters of the generator"].tolist() == ["no weights"] * 2
    assert "epoch" in warnings(open_page("compare", left=whole.name, align="time"))[0]
