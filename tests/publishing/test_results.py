"""Test the results page: which runs share a row, deviations that can be checked by hand, and damaged runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import progress_row

from dcgan import files
from dcgan.cli.main import main
from dcgan.config import DataConfig, ModelConfig, TrainConfig
from dcgan.presets import PRESETS
from dcgan.publishing.published_results import PERFECT_STACKED_KL, PUBLISHED
from dcgan.publishing.results import by_recipe, default_runs, keep, name_of, read, recipe
from dcgan.publishing.results_page import page
from dcgan.runs import comparison
from dcgan.runs.rows import Status
from dcgan.runs.run import Run, RunError
from dcgan.runs.scores import NOT_SCORES, SCORES

DCGAN = PRESETS["dcgan"].config
ROW = {
    "weights_id": "0123456789ab",
    "step": 4,
    "seed": 0,
    "num_images": 10_000,
    "classifier": "mnist classifier",
    "classifier_hash": "aaaa",
    "cfd": 2.0,
    "real_cfd": 0.25,
    "recall": 0.5,
    "memorizes": False,
    "class_histogram": [0.5, 0.5],
}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> Path:
    """Make runs, models, records and the working directory folders of this test; return the folder of the runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dcgan.files.PROJECT", tmp_path)
    monkeypatch.setattr("dcgan.files.CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr("dcgan.files.RESULTS", tmp_path / "results")
    monkeypatch.setenv("DCGAN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def record(
    root: Path, name: str, *rows: dict, config: TrainConfig = DCGAN, preset: str = "dcgan", state: str = "finished"
) -> Run:
    """Record a run directory without weights: 4 steps in 2 seconds."""
    run = Run(root / name)
    run.write_config(config, preset)
    environment = {"device": "cpu (abacus)", "threads": "1"}
    run.write_status(Status(state, 4 if state == "finished" else 2, 4, config.epochs, environment=environment))
    run.append_progress(progress_row(3))
    run.append_progress(progress_row(4))
    for row in rows:
        run.append_eval(row)
    return run


def seeds(root: Path, *figures: float) -> list[Run]:
    return [
        record(root, f"s{seed}", ROW | {"cfd": cfd}, config=replace(DCGAN, seed=seed))
        for seed, cfd in enumerate(figures)
    ]


def lines_of(text: str, start: str) -> list[list[str]]:
    """Return the cells of the table rows that begin with this cell."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows if row[0] == start]


# The page that is committed


@pytest.mark.slow
def test_the_committed_page_is_what_the_command_makes_of_the_committed_runs(monkeypatch):
    monkeypatch.undo()
    made = page(default_runs())
    assert (files.PROJECT / "docs/results.md").read_text(encoding="utf-8") == made, "run: python -m dcgan results"


def test_every_number_of_the_committed_evaluations_is_in_the_registry(monkeypatch):
    monkeypatch.undo()
    hidden = NOT_SCORES | {"kernel_deviation"}
    for run in default_runs():
        for row in run.evals():
            numbers = {key for key, value in row.items() if type(value) in (int, float)}
            assert {key for key in numbers - hidden if not key.startswith("real_")} <= set(SCORES), run.name


# Which runs make a row


def test_seeds_of_a_recipe_are_one_row_with_the_sample_deviation(places):
    text = page(seeds(places, 1.0, 2.0, 3.0))
    scores, cost = lines_of(text, "`dcgan`")[:2]
    assert scores[1:4] == ["3", "2.00 ± 1.00", "0.500 ± 0.000"]  # over n - 1; over n it would be 0.82
    assert cost == ["`dcgan`", "312,256", "all 60,000", "20", "128", "2 s", "cpu (abacus), threads: 1"]


def test_one_seed_has_no_deviation(places):
    assert lines_of(page(seeds(places, 1.5)), "`dcgan`")[0][1:4] == ["1", "1.50", "0.500"]


def test_a_recipe_is_the_config_without_how_and_where_it_was_trained():
    elsewhere = replace(DCGAN, seed=7, threads=3, engine="plain", log_every=1, snapshots=0, d_snapshot_parameters=0)
    elsewhere = replace(elsewhere, data=replace(DCGAN.data, workers=9, resident_limit_mib=1, root="/data"))
    assert recipe(elsewhere) == recipe(DCGAN)
    others = [
        replace(DCGAN, epochs=3),
        replace(DCGAN, precision="bf16"),
        replace(DCGAN, data=replace(DCGAN.data, limit=100)),
        replace(DCGAN, model=replace(DCGAN.model, norm_g="none")),
    ]
    assert len({recipe(config) for config in [DCGAN, *others]}) == 5


def test_a_departure_from_its_preset_is_named_by_its_flags(places):
    step = PRESETS["dcgan-step"].config
    shorter = record(places, "shorter", ROW, config=replace(step, epochs=2, seed=3), preset="dcgan-step")
    entries, _ = read([shorter])
    assert [label for label, _ in by_recipe(entries)] == ["dcgan-step --epochs 2"]
    whole = record(places, "whole", ROW, config=replace(step, seed=3), preset="custom")
    assert [entry.label for entry in read([whole])[0]] == ["dcgan-step"]


def test_recipes_of_no_preset_group_by_recipe_and_not_by_name(places):
    configs = [TrainConfig(epochs=3, seed=0), TrainConfig(epochs=3, seed=1), TrainConfig(epochs=4)]
    made = [record(places, f"own{n}", ROW, config=config, preset="mine") for n, config in enumerate(configs)]
    entries, _ = read(made)
    assert [(label, len(group)) for label, group in by_recipe(entries)] == [("mine (own0)", 2), ("mine (own2)", 1)]


def test_a_seed_counts_once(places):
    first = record(places, "a", ROW)
    second = record(places, "b", ROW | {"cfd": 9.0}, config=replace(DCGAN, threads=2))
    entries, left_out = read([first, second])
    assert [entry.run for entry in entries] == [first]
    assert left_out == {second: "runs/a is the same recipe with the same seed"}


def test_the_last_evaluation_of_the_last_weights_counts_and_not_the_best(places):
    rows = [ROW | {"step": 2, "cfd": 0.1}, ROW | {"cfd": 1.0}, ROW | {"cfd": 3.0}, ROW | {"step": 3, "cfd": 0.2}]
    assert lines_of(page([record(places, "run", *rows)]), "`dcgan`")[0][2] == "3.00"


def test_a_score_on_request_stays_with_its_weights(places):
    requested = ROW | {"label_accuracy": 0.5}
    same = record(places, "same", requested, ROW | {"cfd": 3.0})
    others = record(places, "others", requested, ROW | {"weights_id": "ba9876543210"}, config=replace(DCGAN, seed=1))
    elsewhere = record(places, "elsewhere", requested, ROW | {"seed": 9}, config=replace(DCGAN, seed=2))
    rows = [entry.row for entry in read([same, others, elsewhere])[0]]
    assert [(row["cfd"], row.get("label_accuracy")) for row in rows] == [(3.0, 0.5), (2.0, None), (2.0, None)]


# What is never put together


@pytest.mark.parametrize("other", [{"classifier_hash": "bbbb"}, {"num_images": 1_000}])
def test_scores_by_another_classifier_have_their_own_table(places, other):
    made = seeds(places, 1.0, 2.0)
    third = record(places, "third", ROW | {"cfd": 50.0} | other, config=replace(DCGAN, seed=2))
    text = page([*made, third])
    scores = [row for row in lines_of(text, "`dcgan`") if len(row) == 4]
    assert [row[1:3] for row in scores] == [["2", "1.50 ± 0.71"], ["1", "50.00"]]
    assert text.count("### mnist:") == 2


def test_images_of_another_size_have_their_own_table_that_names_the_size(places):
    fid = {key: value for key, value in ROW.items() if "cfd" not in key} | {"fid": 30.0, "real_fid": 2.0}
    large = replace(DCGAN, model=ModelConfig(image_size=64, channels=3), seed=1)
    small = record(places, "small", fid)
    made = page([small, record(places, "large", fid | {"fid": 50.0, "real_fid": 4.0}, config=large)])
    heads = [line for line in made.splitlines() if line.startswith("### mnist:")]
    assert heads == [
        "### mnist: 10,000 images each of 28x28 pixels, gray, by the mnist classifier, hash `aaaa`",
        "### mnist: 10,000 images each of 64x64 pixels, RGB, by the mnist classifier, hash `aaaa`",
    ]
    real_rows = lines_of(made, "real training images, from all 60,000")
    assert [row[-1] for row in real_rows] == ["2.00", "4.00"]
    assert "### mnist: 10,000 images each, by the mnist classifier" in page([small])


def test_a_row_of_real_images_with_more_scores_replaces_one_with_fewer(places):
    runs_ = [
        record(places, "less", ROW),
        record(
            places,
            "more",
            ROW | {"nearest_neighbor_error": 0.05, "real_nearest_neighbor_error": 0.03},
            config=replace(DCGAN, lr_g=1),
        ),
    ]
    (real,) = lines_of(page(runs_), "real training images, from all 60,000")
    assert real[2] == "0.25"
    assert real[-1] == "0.0300"


def test_a_conditional_model_has_its_own_row_of_real_images(places):
    conditional = replace(DCGAN, model=replace(DCGAN.model, num_classes=10))
    text = page(
        [record(places, "any", ROW), record(places, "conditional", ROW | {"real_cfd": 0.5}, config=conditional)]
    )
    assert [row[2] for row in lines_of(text, "real training images, from all 60,000")] == ["0.25"]
    even = "real training images, equally many of each class, from all 60,000"
    assert [row[2] for row in lines_of(text, even)] == ["0.50"]


def test_each_data_set_has_a_table_and_each_training_set_a_row_of_real_images(places):
    fewer = replace(DCGAN, data=DataConfig(limit=100))
    fashion = replace(DCGAN, data=DataConfig(name="fashion-mnist"))
    made = [
        record(places, "all", ROW),
        record(places, "fewer", ROW | {"real_cfd": 0.5}, config=fewer),
        record(places, "fashion", ROW, config=fashion),
    ]
    text = page(made)
    assert "### fashion-mnist: 10,000 images" in text
    assert [row[2] for row in lines_of(text, "real training images, from all 60,000")] == ["0.25", "0.25"]
    assert [row[2] for row in lines_of(text, "real training images, from the first 100")] == ["0.50"]


# Fields


def test_a_number_that_the_registry_lacks_is_shown_under_its_key(places):
    made = seeds(places, 1.0, 2.0)
    made[0].append_eval(ROW | {"modes_found": 990, "real_modes_found": 1000})
    text = page(made)
    assert lines_of(text, "recipe")[0][-1] == "modes found"
    assert lines_of(text, "`dcgan`")[0][-1] == "990 (1 of 2 seeds)"
    assert lines_of(text, "real training images, from all 60,000")[0][-1] == "1000"


def test_a_value_that_is_no_number_is_not_a_score(places):
    run = record(places, "run", ROW | {"recall": "high", "density": True, "cfd": "2"})
    assert lines_of(page([run]), "recipe")[0] == ["recipe", "seeds"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1" + 400 * "0"])
def test_a_row_with_a_number_that_is_not_finite_is_damaged(places, number):
    run = record(places, "run", ROW)
    (run.path / "evals.jsonl").write_text(json.dumps(ROW | {"recall": "high"}).replace('"high"', number) + "\n")
    entries, left_out = read([run])
    assert not entries
    assert set(left_out) == {run}


# Damage, and runs that are not done


def test_damaged_rows_are_passed_over(places):
    run = record(places, "run", ROW)
    with open(run.path / "evals.jsonl", "a") as file:
        file.write('half a row\n[1]\n{"cfd": 1}\n' + json.dumps(ROW | {"num_images": "many"}) + '\n{"cfd": 9')
    entries, left_out = read([run])
    assert [entry.row["cfd"] for entry in entries] == [2.0]
    assert not left_out


def test_a_run_without_scores_is_left_out_with_its_reason(places):
    unscored = record(places, "unscored")
    unfinished = record(places, "unfinished", ROW | {"step": 2}, state="stopped")
    stale = record(places, "stale", ROW | {"step": 2})
    damaged = record(places, "damaged", ROW)
    (damaged.path / "config.json").write_text("{")
    bare = record(places, "bare", ROW)
    bare.status_path.unlink()
    _, left_out = read([unscored, unfinished, stale, damaged, bare])
    assert left_out[unscored] == "not scored; run: python -m dcgan evaluate runs/unscored"
    assert left_out[unfinished] == "stopped at step 2 of 4; a recipe is scored at its end"
    assert left_out[stale] == "scored at step 2 and trained to 4; evaluate it again"
    assert left_out[damaged].startswith("runs/damaged/config.json cannot be read: ")
    assert left_out[bare].startswith("runs/bare ")
    assert left_out[bare].endswith("status.json")
    text = page([unscored, damaged])
    assert "No run has scores yet." in text
    assert "- `runs/unscored`: not scored" in text
    assert lines_of(text, "`dcgan`")[0][5] == "trained and left out, see below"


def test_texts_of_a_run_cannot_break_the_page(places):
    hostile = "a | b\n`c` <script>"
    run = record(places, "run", ROW | {"classifier": hostile, "classifier_hash": hostile, "weights_id": hostile})
    run.write_status(Status("finished", 4, 4, 20, environment={"device": hostile, "threads": "1"}))
    text = page([run])
    assert "<script>" not in text
    assert lines_of(text, "`dcgan`")[1][-1] == "a / b 'c' &lt;script>"


def test_all_the_hardware_of_a_resumed_training_is_named(places):
    run = record(places, "run", ROW)
    environment = {"device": "cpu (abacus)", "threads": "1", "earlier devices": "cuda (H200) to step 3"}
    run.write_status(replace(run.status(), environment=environment))
    assert lines_of(page([run]), "`dcgan`")[1][-1] == "cuda (H200) to step 3, then cpu (abacus), threads: 1"


# What is on it in any case


def test_every_preset_is_listed_with_the_command_that_would_train_it():
    text = page([])
    for name, preset in PRESETS.items():
        (row,) = lines_of(text, f"`{name}`")
        assert row[1] == f"{preset.parameters[0]:,}"
        assert row[5] == f"not trained: `python -m dcgan train {name}`"


def test_parameters_of_another_network_are_counted_in_its_weights(places, tiny_run):
    config = replace(DCGAN, model=ModelConfig(latent_dim=6, width_g=2, width_d=2))
    run = record(places, "small", ROW, config=config)
    label = "`dcgan --model.latent-dim 6 --model.width-g 2 --model.width-d 2`"
    assert lines_of(page([run]), label)[1][1] == "-"
    run.generator_path.write_bytes(tiny_run.generator_path.read_bytes())
    assert lines_of(page([run]), label)[1][1] == f"{comparison.stored_parameters(tiny_run.generator_path):,}"


def test_the_same_runs_give_the_same_bytes(places):
    made = seeds(places, 1.0, 2.0)
    assert page(made) == page([Run(run.path) for run in made])


def test_every_published_figure_has_a_source_that_can_be_opened():
    for group in PUBLISHED:
        assert group.compares
        for figure in group.figures:
            assert "](https://arxiv.org/abs/" in figure.source
            assert figure.source.rsplit(", ", 1)[1].split()[0] in ("Table", "Figure")


def test_the_published_divergence_of_perfect_stacks_is_that_of_such_draws():
    import numpy as np

    from dcgan.data.named_sets import read_named_set

    shares = np.bincount(read_named_set("mnist", "", "train")[1]) / 60_000
    draws = np.random.RandomState(0)
    stacks = np.einsum("i,j,k->ijk", shares, shares, shares).ravel()
    drawn = [draws.multinomial(26_000, stacks) / 26_000 for _ in range(50)]
    divergences = [(p[p > 0] * np.log(p[p > 0] * 1_000)).sum() for p in drawn]
    assert np.mean(divergences) == pytest.approx(PERFECT_STACKED_KL, abs=0.0005)


# Records, and the command


def test_a_record_gives_the_rows_that_its_run_gives(places):
    run = record(places, "20260101-dcgan-s0", ROW)
    copy = Run(keep(run))
    assert sorted(path.name for path in copy.path.iterdir()) == [
        "config.json",
        "evals.jsonl",
        "progress.jsonl",
        "status.json",
    ]
    assert len(copy.progress()[0]) == 1
    assert page([copy]).replace("`results/", "`runs/") == page([run])
    with pytest.raises(RunError, match=r"results/20260101-dcgan-s0 exists; delete it, or rename the run"):
        keep(run)
    with pytest.raises(RunError, match=r"runs/new cannot be copied to the results: not scored; run: "):
        keep(record(places, "new"))
    assert not (files.RESULTS / "new").exists()


def test_the_command_keeps_then_makes_the_page_of_all(places, capsys):
    published = record(files.CHECKPOINTS, "dcgan-mnist", ROW | {"cfd": 1.0})
    record(places, "further", ROW | {"cfd": 2.0}, config=replace(DCGAN, seed=1))
    assert main(["results", "--keep", "runs/further"]) == 0
    assert main(["results"]) == 0
    assert capsys.readouterr().out == "kept results/further\nwrote docs/results.md\n"
    text = Path("docs/results.md").read_text(encoding="utf-8")
    assert text.startswith("# Results\n\nMade by `python -m dcgan results` from")
    assert lines_of(text, "`dcgan`")[0][1:3] == ["2", "1.50 ± 0.71"]
    assert main(["results", "further", "-o", "mine.md"]) == 0
    assert "Made by `python -m dcgan results further`" in Path("mine.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["results", str(published.path)]) == 0
    assert capsys.readouterr().out.startswith("# Results\n")
    assert Path("docs/results.md").read_text(encoding="utf-8") == text
    assert [name_of(run) for run in default_runs()] == ["checkpoints/dcgan-mnist", "results/further"]


def test_the_command_writes_the_page_of_the_project_from_any_directory(places, tmp_path, monkeypatch, capsys):
    record(files.CHECKPOINTS, "dcgan-mnist", ROW)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["results"]) == 0
    assert list(elsewhere.iterdir()) == []
    assert capsys.readouterr().out == f"wrote {tmp_path / 'docs/results.md'}\n"
    assert (tmp_path / "docs/results.md").exists()
    assert main(["results", "-o", "mine.md"]) == 0
    assert [path.name for path in elsewhere.iterdir()] == ["mine.md"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep"], "name the runs to keep, as in: results --keep runs/NAME"),
        (["nowhere"], "'nowhere' is not a run directory; there is none yet"),
        (
            ["--keep", "runs/run", "-o", "x.md"],
            "--keep writes to results/, not to 'x.md'; leave out --keep or -o",
        ),
    ],
)
def test_a_mistake_is_one_error_with_code_2(places, capsys, arguments, message):
    files.CHECKPOINTS.mkdir()
    if "runs/run" in arguments:
        record(places, "run", ROW)
    assert main(["results", *arguments]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
