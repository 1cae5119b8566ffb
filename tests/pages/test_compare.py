"""The Compare page on every kind of run, without a browser."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame
from recorded import TINY, record_run, score_row
from streamlit.testing.v1 import AppTest

from dcgan.files import CHECKPOINTS
from dcgan.pages.parts.pair_curves import NOT_PROBABILITIES
from dcgan.pages.parts.pair_tables import real_images_text
from dcgan.runs.rows import Status
from dcgan.runs.run import Run
from dcgan.runs.scores import SCORES

APP = str(Path(__file__).resolve().parents[2] / "streamlit_app.py")


@pytest.fixture
def only_own_runs(runs_root, monkeypatch) -> Path:
    """Hide the published models, so that a test decides which runs there are."""
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", runs_root.parent / "no-checkpoints")
    return runs_root


def open_app() -> AppTest:
    return opened()


def captions(app: AppTest) -> list[str]:
    """Return the captions of all pictures, which must all be lossless."""
    pictures = [image.proto.imgs[0] for image in app.get("image")]
    assert all(picture.url.endswith(".png") for picture in pictures)
    return [picture.caption for picture in pictures]


@pytest.mark.slow
def test_without_runs_the_page_names_the_command(only_own_runs):
    assert "python -m dcgan train" in open_app().info[0].value


@pytest.mark.slow
def test_two_runs_stand_side_by_side_and_the_slider_moves_both(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    app = open_app()
    assert [box.value for box in app.selectbox] == [first.name, second.name, "epoch"]
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 2: 16 images seen"] * 2
    app.select_slider(key="at").set_value("0").run()
    assert [caption.split(",")[1] for caption in captions(app)] == [" epoch 0: 0 images seen"] * 2
    assert not app.exception


@pytest.mark.slow
def test_the_curves_are_the_recorded_losses(only_own_runs):
    run = record_run(only_own_runs)
    figure = json.loads(opened(smoothing="0").get("plotly_chart")[0].proto.spec)
    drawn = np.frombuffer(base64.b64decode(figure["data"][0]["y"]["bdata"]))
    assert figure["data"][0]["name"].startswith("D, ")
    assert drawn.tolist() == [row.d_loss for row in run.progress()[0]]


def damage_config(run: Run) -> None:
    (run.path / "config.json").write_text('{"preset": "dcgan", "config": {"format": 99}}')


def damage_status(run: Run) -> None:
    (run.path / "status.json").write_text("{")


def damage_grid(run: Run) -> None:
    run.sample_path(4).write_bytes(b"no picture")


def forget_status(run: Run) -> None:
    (run.path / "status.json").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [damage_config, damage_status, damage_grid, forget_status])
def test_a_damaged_run_is_a_sentence_and_the_page_lives_on(only_own_runs, damage):
    whole, broken = record_run(only_own_runs), record_run(only_own_runs)
    damage(broken)
    app = open_app()
    app.selectbox(key="right").select(broken.name).run()
    assert not app.exception
    assert broken.name in app.warning[0].value.replace("\\", "")
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
def test_the_published_gan_and_dcgan_stand_side_by_side_without_a_choice():
    app = open_app()
    assert [box.value for box in app.selectbox] == ["gan-mnist", "dcgan-mnist", "epoch"]
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
    (cfd,) = [name for name in scores.index if name.startswith("CFD: ")]
    assert scores.loc[cfd].tolist() == ["9.27", "2.18", "0.12"]
    assert not [name for name in [*scores.index, *numbers.index] if "_" in name]
    assert "10,000 images, seeds 0 to 9,999, by the mnist classifier b6508af4b2ba" in said(app)
    assert real_images_text(is_conditional=False) in said(app)
    assert not app.warning


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page("dcgan/pages/compare.py").run()
    assert not app.exception, app.exception[0].stack_trace
    return app


@pytest.mark.slow
@pytest.mark.parametrize(
    ("align", "at", "epochs"),
    [("epoch", "12", ("12", "12")), ("epoch", "12.2", ("12", "12")), ("images", "720000", ("12", "12"))],
)
def test_an_address_opens_the_comparison_it_names(align, at, epochs):
    app = opened(left="dcgan-mnist", right="gan-mnist", align=align, at=at)
    shown = [caption.split(":")[0] for caption in captions(app)]
    assert shown == [f"dcgan-mnist, epoch {epochs[0]}", f"gan-mnist, epoch {epochs[1]}"]
    assert not app.warning


@pytest.mark.slow
@pytest.mark.parametrize(("at", "position"), [("9999", "20"), ("-1", "0")])
def test_a_point_beyond_the_recordings_is_reported(at, position):
    app = opened(at=at)
    assert app.select_slider(key="at").value == position
    assert f"at='{at}' in the address is beyond the recordings; {position} is used instead." in said(app)
    app.run()
    assert not app.warning  # reported once


@pytest.mark.slow
def test_a_key_without_a_widget_is_reported(only_own_runs):
    run = record_run(only_own_runs)
    assert "This page does not use 'labels' of the address." in said(opened(left=run.name, labels="7", seed="3"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["progress.jsonl", "scores.jsonl", "evals.jsonl"])
def test_rows_that_cannot_be_read_are_a_sentence(only_own_runs, name):
    whole, broken = record_run(only_own_runs), record_run(only_own_runs)
    (broken.path / name).unlink(missing_ok=True)
    (broken.path / name).mkdir()
    app = opened(left=whole.name, right=broken.name)
    assert f"{broken.name} cannot be shown: " in said(app)
    assert f"{name} cannot be read: Is a directory; " in said(app)
    (caption,) = captions(app)
    assert whole.name in caption


@pytest.mark.slow
def test_by_time_the_faster_one_is_ahead():
    app = opened(left="gan-mnist", right="dcgan-mnist", align="time", at="20")
    gan, dcgan = (float(caption.split("epoch ")[1].split(":")[0]) for caption in captions(app))
    minutes = {name: Run(CHECKPOINTS / name).last_row().wall_seconds / 60 for name in ("gan-mnist", "dcgan-mnist")}
    assert gan == pytest.approx(20 * 20 / minutes["gan-mnist"], abs=2)
    assert dcgan == pytest.approx(20 * 20 / minutes["dcgan-mnist"], abs=2)
    assert gan > dcgan


@pytest.mark.slow
def test_one_seed_through_time(only_own_runs):
    record_run(only_own_runs)
    app = opened(inspect="true", seed="9")
    assert [caption.split(",")[1] for caption in captions(app)[2:]] == [" seed 9"] * 2
    assert "inspect=True&seed=9" in app.code[0].value


@pytest.mark.slow
def test_all_that_is_on_the_page_is_in_its_address():
    app = opened(
        left="cdcgan-mnist", right="gan-mnist", align="images", at="60000", size="3", reverse="true", log="true"
    )
    (address,) = [element.value for element in app.code]
    assert address.endswith(
        "?left=cdcgan-mnist&right=gan-mnist&align=images&at=60000&size=3&reverse=True&smoothing=0.8&log=True"
    )
    app.select_slider(key="at").set_value("120000").run()
    assert "at=120000" in app.code[0].value


@pytest.mark.slow
def test_another_alignment_has_other_points(only_own_runs):
    record_run(only_own_runs)
    app = opened(at="1")
    assert app.select_slider(key="at").options == ["0", "1", "2"]
    app.selectbox(key="align").select("images").run()
    assert app.select_slider(key="at").options == ["0", "8", "16"]
    assert not app.exception


@pytest.mark.slow
@pytest.mark.parametrize("at", ["nan", "inf", "1e999", "-1e308", "<script>", "9" * 400, ""])
@pytest.mark.parametrize("key", ["at", "left", "seed", "size", "align"])
def test_a_hostile_address_leaves_the_page_alive(only_own_runs, key, at):
    record_run(only_own_runs)
    app = opened(**{key: at})
    assert len(captions(app)) == 2
    assert "<script>" not in "".join(warning.value for warning in app.warning)


@pytest.mark.slow
def test_play_walks_to_the_end_and_stops(only_own_runs):
    record_run(only_own_runs)
    app = opened()
    app.button(key="play").click().run()
    seen = [app.select_slider(key="at").value]
    for _ in range(5):
        app.run()
        seen.append(app.select_slider(key="at").value)
    assert not app.exception
    assert seen[-1] == "2"
    assert sorted(seen) == seen
    assert [button.label for button in app.button] == ["Play"]


@pytest.mark.slow
def test_runs_that_are_not_whole_yet(only_own_runs):
    whole = record_run(only_own_runs)
    new = Run.create(TINY, "new")
    assert "it has no status" in opened(right=new.name, left=whole.name).warning[0].value.replace("\\", "")
    new.write_status(Status("running", 0, 0, 2))
    assert "has no sample grids yet" in opened(right=new.name, left=whole.name).warning[0].value.replace("\\", "")
    whole.progress_path.unlink()
    whole.generator_path.unlink()
    app = opened(left=whole.name, right=whole.name)
    assert len(captions(app)) == 2
    assert table(app, "").loc["parameters of the generator"].tolist() == ["no weights"] * 2
    assert "align by epoch" in opened(left=whole.name, align="time").warning[0].value


@pytest.mark.slow
def test_a_running_run_is_compared_as_far_as_it_is(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(Status("running", 4, 8, 4))
    with run.lock():
        app = opened()
    assert "running at epoch 2.0" in "".join(caption.value for caption in app.caption).replace("\\", "")


@pytest.mark.slow
def test_the_curves_lie_over_each_other_solid_and_dashed(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    figure = json.loads(opened(smoothing="0").get("plotly_chart")[0].proto.spec)
    traces = {trace["name"]: trace["line"]["dash"] for trace in figure["data"]}
    assert traces == {
        f"D, {first.name}": "solid",
        f"G, {first.name}": "solid",
        f"D, {second.name}": "dash",
        f"G, {second.name}": "dash",
    }


@pytest.mark.slow
def test_a_loss_without_probabilities_is_not_drawn_as_one(only_own_runs):
    record_run(only_own_runs)
    exception = NOT_PROBABILITIES.format(loss="hinge")
    assert exception not in said(opened())
    record_run(only_own_runs, replace(TINY, loss="hinge"))
    app = opened()
    outputs = json.loads(app.get("plotly_chart")[1].proto.spec)
    assert outputs["layout"]["yaxis"]["title"]["text"] == "sigmoid of D's logits"
    assert exception in said(app)


def table(app: AppTest, first_column: str) -> DataFrame:
    """Return the table with that first column as one reads it, without Markdown's backslashes."""
    (cells,) = [element.value for element in app.table if element.value.columns[0] == first_column]
    assert not [cell for cell in cells.values.flatten() if cell.startswith(("-", "* ", "+", "#"))]
    cells = cells.rename(columns=lambda name: name.replace("\\", "")).map(lambda cell: cell.replace("\\", ""))
    return cells.set_index(first_column)


def said(app: AppTest) -> str:
    kinds = (app.caption, app.warning)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


EVALUATION = {
    "classifier": "mnist classifier",
    "classifier_hash": "b6508af4b2ba",
    "num_images": 500,
    "seed": 7,
    "step": 4,
}


@pytest.mark.slow
def test_real_images_beside_a_conditional_model_are_explained(only_own_runs):
    record_run(only_own_runs).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5})
    assert real_images_text(is_conditional=False) in said(opened())
    conditional = replace(TINY, model=replace(TINY.model, num_classes=10))
    record_run(only_own_runs, conditional).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5})
    assert real_images_text(is_conditional=True) in said(opened())


@pytest.mark.slow
def test_scores_are_shown_once_they_exist(only_own_runs):
    run = record_run(only_own_runs)
    assert f"python -m dcgan evaluate {run.name}\n" in said(opened()) + "\n"
    run.append_eval(EVALUATION | {"cfd": 12.34567, "real_cfd": 0.5, "unheard_of": 1.0})
    app = opened(left=run.name, right=run.name)
    cells = table(app, "score")
    assert cells.columns.tolist() == [f"{run.name} (left)", f"{run.name} (right)", "real images"]
    assert cells.index.tolist() == [SCORES["cfd"].sentence]
    assert cells.values.tolist() == [["12.35", "12.35", "0.50"]]
    assert "500 images, seeds 7 to 506, by the mnist classifier b6508af4b2ba" in said(app)
    assert "evaluate" not in said(app)


@pytest.mark.slow
def test_all_kinds_of_evaluations_stand_in_one_table(only_own_runs):
    run, other = record_run(only_own_runs), record_run(only_own_runs)
    run.append_eval(EVALUATION | {"cfd": 12.0, "nearest_neighbor_error": 0.05})
    run.append_eval(EVALUATION | {"classifier": "Inception (FID)", "classifier_hash": "f" * 12, "fid": 30.0})
    run.append_eval(EVALUATION | {"num_images": 100, "cfd": 40.0})
    other.append_eval(EVALUATION | {"step": 2, "cfd": 14.0})
    app = opened(left=run.name, right=other.name)
    cells = table(app, "score")
    assert cells.index.tolist() == [SCORES[key].sentence for key in ("cfd", "nearest_neighbor_error", "fid")]
    assert cells.to_numpy()[:, :2].tolist() == [["12.00", "14.00"], ["0.0500", "n/a"], ["30.00", "n/a"]]
    assert (
        f"Scores of {run.name}: 500 images, seeds 7 to 506, by the mnist classifier b6508af4b2ba; 500 images"
        in said(app)
    )
    assert "by the mnist classifier b6508af4b2ba; scored at step 2 of 4." in said(app)
    assert not app.warning


@pytest.mark.slow
def test_an_evaluation_without_a_known_score_makes_no_table(only_own_runs):
    run = record_run(only_own_runs)
    run.append_eval(EVALUATION | {"unheard_of": 1.0})
    app = opened(left=run.name, right=run.name)
    assert len(app.table) == 1  # the details
    assert f"python -m dcgan evaluate {run.name}" in said(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "warned"), [({}, 0), ({"num_images": 400}, 1), ({"classifier_hash": "0" * 12}, 1)]
)
def test_scores_of_another_classifier_or_count_get_a_warning(only_own_runs, change, warned):
    for more in ({}, change):
        record_run(only_own_runs).append_eval(EVALUATION | {"cfd": 2.0, "real_cfd": 0.5} | more)
    app = opened()
    assert len(app.warning) == warned


@pytest.mark.slow
def test_scores_of_each_epoch_lie_over_each_other_beside_real_images(only_own_runs):
    first, second = record_run(only_own_runs), record_run(only_own_runs)
    assert len(opened().get("plotly_chart")) == 2
    for run, cfd in ((first, 9.0), (second, 5.0)):
        run.append_score(score_row(2, cfd=cfd))
    app = opened(at="1")
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")[2:]]
    assert len(figures) == 2
    assert [trace["name"] for trace in figures[0]["data"]] == [first.name, second.name, "real images"]
    assert [trace["y"] for trace in figures[0]["data"]] == [[9.0], [5.0], [0.27, 0.27]]
    assert "--score-images" not in said(app)
    assert not app.warning
    first.append_score(score_row(4, num_images=500, real_cfd=0.8))
    app = opened()
    assert len(app.warning) == 1
    names = [trace["name"] for trace in json.loads(app.get("plotly_chart")[2].proto.spec)["data"]]
    assert names[2:] == [f"real images, {first.name}", f"real images, {second.name}"]


@pytest.mark.slow
def test_a_run_without_scores_of_its_epochs_names_the_command(only_own_runs):
    run = record_run(only_own_runs, replace(TINY, score_images=2000))
    unscored, off = record_run(only_own_runs), record_run(only_own_runs)
    run.append_score(score_row(2))
    app = opened(left=run.name, right=off.name)
    assert len(app.get("plotly_chart")) == 4
    assert f"python -m dcgan train {off.name} --score-images 2000" in said(app)
    unscored.write_status(replace(unscored.status(), notes=("not scored along the way: no classifier",)))
    app = opened(left=unscored.name, right=off.name)
    assert len(app.get("plotly_chart")) == 2
    assert f"{unscored.name} was not scored along the way: no classifier." in said(app)
    new = record_run(only_own_runs, replace(TINY, score_images=2000))
    new.write_status(Status("running", 4, 8, 4))
    with new.lock():
        assert "The first epoch has not ended yet" in said(opened(left=new.name, right=run.name))


@pytest.mark.slow
def test_a_run_that_grows_offers_its_new_grids(only_own_runs):
    run = record_run(only_own_runs)
    run.write_status(Status("running", 4, 8, 4))
    with run.lock():
        app = opened()
        assert app.select_slider(key="at").options == ["0", "1", "2"]
        run.write_bytes("samples/0000006.png", run.sample_path(4).read_bytes())
        app.run()
        assert app.select_slider(key="at").options == ["0", "1", "2", "3"]
