"""The page "Step by step": one step in parts, many steps, and nothing of the run is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import CONDITIONAL, TINY, record_run
from small_trainings import pictures
from streamlit.testing.v1 import AppTest
from studio import button, button_keys, checked, damage_config, figures, open_page, texts, warnings

from dcgan.checkpoint import load_generator, save_generator
from dcgan.config import TrainConfig
from dcgan.locale.language import speaking
from dcgan.pages.parts import step_state, step_texts
from dcgan.pages.parts.step_texts import PART_TEXTS
from dcgan.runs.run import Run
from dcgan.training import losses
from dcgan.training.loss_terms import number
from dcgan.training.sandbox import NUM_IMAGES, Sandbox
from dcgan.training.sandbox_limits import StepBudget
from dcgan.training.slow_motion import PARTS, part_names

pytestmark = pytest.mark.usefixtures("only_own_runs")


@pytest.fixture
def tiny(digits) -> TrainConfig:
    """Return a config of tiny networks and few digits."""
    return replace(TINY, data=digits)


@pytest.fixture
def run(only_own_runs: Path, tiny: TrainConfig) -> Run:
    return record_run(only_own_runs, tiny)


def press(app: AppTest, key: str) -> AppTest:
    """Press a button."""
    button(app, key).click()
    return checked(app.run())


def box_of(app: AppTest) -> Sandbox:
    """Return the session's networks."""
    return app.session_state[step_state._SANDBOX][1]


def heading(app: AppTest) -> str:
    """Return the heading of the part."""
    return app.subheader[0].value


def comparison(app: AppTest) -> dict[str, list[str]]:
    """Return the table before and after, by its columns."""
    return {str(name): list(column) for name, column in app.table[0].value.items()}


def shown(box: Sandbox) -> list[float]:
    """Return what the table has: D's mean answers and both losses."""
    now, means = box.now, []
    for logits in (torch.tensor(now.real_logits), torch.tensor(now.fake_logits)):
        means.append((logits.sigmoid() if losses.logits_are_probabilities(box.config.loss) else logits).mean().item())
    return [*means, now.d_loss, now.g_loss]


def files_of(run: Run) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def recipes() -> dict[str, TrainConfig]:
    """Return configs of each kind of network and loss."""
    mlp = replace(TINY.model, topology="mlp", hidden_g=(8,), hidden_d=(8,), dropout=0.3, output="sigmoid")
    conditional = replace(CONDITIONAL, model=replace(CONDITIONAL.model, num_classes=10))
    return {
        "conv": TINY,
        "conditional": conditional,
        "rgb": replace(TINY, model=replace(TINY.model, channels=3, image_size=16)),
        "mlp": replace(TINY, model=mlp, order="generator-first", reuse_fakes=True),
        "keras": replace(TINY, model=replace(TINY.model, topology="keras"), generator_batch_factor=2),
        "step": replace(TINY, model=replace(TINY.model, topology="step")),
        "average": replace(TINY, ema_half_life_images=40),
        **{name: replace(TINY, loss=name) for name in losses.LOSSES},
        "penalties": replace(
            TINY, model=replace(TINY.model, norm_d="none"), loss="relativistic", r1_gamma=1.0, r2_gamma=1.0
        ),
    }


def test_every_part_has_its_texts():
    assert PART_TEXTS.keys() == PARTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes().values(), ids=recipes())
def test_all_parts_of_a_step_are_shown_in_their_order(only_own_runs, digits, config):
    run = record_run(only_own_runs, replace(config, data=digits))
    before = files_of(run)
    app = open_page("step", run=run.name)
    assert app.subheader[0].value == "Before and after"
    names = part_names(config)
    for index, name in enumerate(names, 1):
        press(app, "next")
        assert heading(app) == f"{index} of {len(names)}: {PART_TEXTS[name].title}"
        assert app.get("html")
        assert len(app.code) == len(box_of(app).seen[-1].functions)
        assert all(code.value.startswith("def ") for code in app.code)
        if name.startswith("loss"):
            assert len(app.latex) == 2
    assert box_of(app).steps_done == 1
    assert not app.warning
    box = box_of(app)
    assert box.before.real_logits != box.now.real_logits
    assert comparison(app)["after"] == [number(value, 3) for value in shown(box)]
    assert files_of(run) == before


@pytest.mark.slow
def test_the_answers_have_a_logit_and_a_probability(run):
    app = open_page("step", run=run.name)
    names = part_names(box_of(app).config)
    for _ in range(names.index("answers") + 1):
        press(app, "next")
    values = box_of(app).seen[-1].values
    page = "".join(element.proto.body for element in app.get("html"))
    for logit in (*values["real_logits"].tolist(), *values["fake_logits"].tolist()):
        assert f"logit {logit:.2f}" in page
        assert f"{1 / (1 + np.exp(-logit)):.0%} real" in page
    assert page.count("<figure>") == 2 * NUM_IMAGES


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 10, 100])
def test_many_steps_at_once(run, count):
    app = open_page("step", run=run.name, learns="only D")
    begun = box_of(app).now
    press(app, f"take-{count}")
    box = box_of(app)
    assert box.steps_done == count
    assert box.before is begun
    assert np.array_equal(box.now.images_u8, begun.images_u8)
    assert box.now.d_loss < begun.d_loss
    assert len(figures(app)) == 1
    assert "stop" not in button_keys(app)
    app.segmented_control(key="learns").set_value("only G")
    press(app, "take-1")
    assert not np.array_equal(box.now.images_u8, box.before.images_u8)
    assert box.now.real_logits == box.before.real_logits


@pytest.mark.slow
def test_a_part_after_other_steps_begins_a_new_step(run):
    app = open_page("step", run=run.name)
    press(app, "next")
    press(app, "take-1")
    box = box_of(app)
    assert (box.steps_done, box.in_step) == (2, False)
    press(app, "next")
    assert heading(app).startswith("1 of")


@pytest.mark.slow
def test_reset_begins_again(run):
    app = open_page("step", run=run.name)
    begun = box_of(app).now
    press(app, "take-10")
    press(app, "next")
    press(app, "reset")
    assert box_of(app).steps_done == 0
    assert box_of(app).now.real_logits == begun.real_logits
    assert app.subheader[0].value == "Before and after"


@pytest.mark.slow
def test_playing_ends_with_the_step(run):
    app = open_page("step", run=run.name)
    press(app, "play")
    box = box_of(app)
    while button(app, "play").label == "Pause":
        taken = len(box.seen)
        checked(app.run())
        assert len(box.seen) <= taken + 1
    assert (box.steps_done, box.in_step) == (1, False)


@pytest.mark.slow
def test_learning_rates_are_those_of_the_run_until_they_are_changed(run, only_own_runs):
    app = open_page("step", run=run.name)
    begun = box_of(app).now
    assert app.number_input(key="lr_g").value == TINY.lr_g
    app.number_input(key="lr_g").set_value(0.0)
    press(app, "take-1")
    assert np.array_equal(box_of(app).now.images_u8, begun.images_u8)
    other = record_run(only_own_runs, replace(run.config(), lr_g=0.003, seed=1))
    app.run()
    app.selectbox(key="run").set_value(other.name)
    checked(app.run())
    assert app.number_input(key="lr_g").value == 0.003


@pytest.mark.slow
def test_weights_that_are_not_finite_blame_no_learning_rate(run):
    network = load_generator(run.generator_path).network
    torch.nn.init.constant_(next(network.parameters()), torch.nan)
    save_generator(run.generator_path, network, run.config(), 4)
    app = open_page("step", run=run.name)
    assert step_texts.NOT_FINITE_AT_FIRST in texts(app)
    assert step_texts.NOT_FINITE not in texts(app)
    assert button(app, "next").disabled


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "kind"), [("bce", "fake"), ("relativistic", "pairs")])
def test_only_the_letters_of_the_loss_of_g_are_explained(only_own_runs, tiny, loss, kind):
    run = record_run(only_own_runs, replace(tiny, loss=loss, order="generator-first"))
    app = open_page("step", run=run.name)
    while box_of(app).steps_done == 0 and (not app.subheader or "The loss of G" not in heading(app)):
        press(app, "next")
    explained = [text for text in step_texts.LOGITS.values() if text in texts(app)]
    assert explained == [step_texts.LOGITS[kind]]


@pytest.mark.slow
def test_rates_that_are_too_large_end_with_a_sentence(run):
    app = open_page("step", run=run.name, lr_g="1", lr_d="1")
    box = box_of(app)
    box.set_learning_rates(1e30, 1e30)
    box.take_steps("both", 5)
    assert not box.now.are_finite
    checked(app.run())
    assert step_texts.NOT_FINITE in texts(app)
    assert step_texts.NOT_FINITE_AT_FIRST not in texts(app)
    assert button(app, "take-100").disabled
    press(app, "reset")
    assert box_of(app).now.are_finite


@pytest.mark.slow
def test_the_start_is_in_the_address(run):
    app = open_page("step", **{"run": run.name, "from": "step 2", "learns": "only G"})
    box = box_of(app)
    assert (box.start.step, app.segmented_control(key="learns").value) == (2, "only G")
    assert app.selectbox(key="from").options == ["newest weights", "step 0", "step 2", "step 4", "new networks"]
    app.selectbox(key="from").set_value("new networks")
    checked(app.run())
    assert box_of(app).start.gan is None
    assert not app.warning


@pytest.mark.slow
def test_an_older_run_says_that_it_has_the_last_discriminator(run):
    run.d_snapshot_path(2).unlink()
    app = open_page("step", **{"run": run.name, "from": "step 2"})
    (info, *_) = [element.value for element in app.info]
    assert "older run" in info
    press(app, "take-1")
    assert "older run" not in texts(open_page("step", **{"run": run.name, "from": "step 4"}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generator.safetensors", "discriminator.safetensors"])
@pytest.mark.parametrize("data", [None, b"", b"no weights"], ids=["missing", "empty", "damaged"])
def test_damaged_networks_are_a_sentence(run, name, data):
    if data is None:
        (run.path / name).unlink()
    else:
        (run.path / name).write_bytes(data)
    app = open_page("step", run=run.name)
    assert name in warnings(app)[0]
    assert "next" not in button_keys(app)
    app.selectbox(key="from").set_value("step 2")
    checked(app.run())
    assert "next" in button_keys(app)


@pytest.mark.slow
def test_weights_need_no_config_of_the_run(run):
    damage_config(run)
    for start in ("newest weights", "new networks"):
        app = open_page("step", **{"run": run.name, "from": start})
        press(app, "next")
        assert not app.warning


@pytest.mark.slow
def test_own_pictures_are_the_real_images(only_own_runs, tmp_path, monkeypatch):
    config = pictures(tmp_path / "pictures", "cgan")
    run = record_run(only_own_runs, config)
    app = open_page("step", run=run.name)
    press(app, "take-1")
    assert not app.warning
    monkeypatch.setenv("DCGAN_ALLOW_TRAINING", "0")
    assert step_texts.NOT_PUBLIC in warnings(open_page("step", run=run.name))[0]
    monkeypatch.setenv("DCGAN_ALLOW_TRAINING", "1")
    for path in (tmp_path / "pictures").rglob("*.png"):
        path.unlink()
    step_state._real_images.clear()
    app = open_page("step", run=run.name)
    (sentence,) = warnings(app)
    assert "cannot be read" in sentence


@pytest.mark.slow
def test_without_runs_the_page_names_the_command():
    app = open_page("step")
    assert "python -m dcgan train" in app.info[0].value


@pytest.mark.slow
def test_many_fast_clicks_are_bounded_work(run):
    app = open_page("step", run=run.name)
    keys = ["next", "take-1", "next", "play", "next", "take-10", "reset", "next"]
    for key in keys * 3:
        press(app, key)
    assert box_of(app).steps_done <= 11
    assert len(box_of(app).seen) <= len(PARTS) + 2


@pytest.mark.slow
def test_two_sessions_have_networks_of_their_own(run):
    before = files_of(run)
    first, second = open_page("step", run=run.name), open_page("step", run=run.name)
    for _ in range(3):
        press(first, "next")
        press(second, "take-1")
    press(second, "take-10")
    assert (box_of(first).steps_done, box_of(second).steps_done) == (0, 13)
    alone = open_page("step", run=run.name)
    press(alone, "take-10")
    press(first, "take-10")
    assert box_of(first).steps_done == 11
    press(alone, "take-1")
    one, other = box_of(first).state.tensors(), box_of(alone).state.tensors()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert files_of(run) == before


@pytest.mark.slow
def test_networks_that_others_displaced_begin_again(run):
    app = open_page("step", run=run.name)
    press(app, "take-1")
    box_of(app).close()
    press(app, "next")
    assert step_texts.WAS_CLOSED in texts(app)
    assert box_of(app).steps_done == 0
    press(app, "next")
    assert heading(app).startswith("1 of")


@pytest.mark.slow
def test_a_public_server_bounds_the_steps_of_a_minute(run, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "user/space")
    monkeypatch.setattr(step_state, "_server_budget", StepBudget(7))
    app = open_page("step", run=run.name)
    press(app, "take-1")
    press(app, "take-10")
    assert box_of(app).steps_done == 7
    press(app, "take-100")
    assert box_of(app).steps_done == 7
    assert [toast.value for toast in app.toast] == [step_texts.BUDGET_SPENT.format(most=7)]
    press(app, "next")
    assert not box_of(app).in_step
    monkeypatch.delenv("SPACE_ID")
    press(app, "take-10")
    assert box_of(app).steps_done == 17


@pytest.mark.slow
def test_noise_in_the_address_is_no_error(run):
    noise = ["\0", "'\"><script>", "9" * 400, "-1", "NaN", "inf", "", "step 99999", "step x"]
    keys = ["run", "from", "learns", "lr_g", "lr_d", "unknown"]
    for shift in range(len(noise)):
        query = {key: noise[(index + shift) % len(noise)] for index, key in enumerate(keys)}
        app = open_page("step", **query)
        assert box_of(app).config.data == run.config().data
        assert app.warning


@pytest.mark.slow
def test_a_loss_without_a_formula_shows_its_function(only_own_runs, tiny, monkeypatch):
    monkeypatch.setitem(losses.LOSSES, "toy", losses.LOSSES["hinge"])
    run = record_run(only_own_runs, replace(tiny, loss="toy"))
    app = open_page("step", run=run.name)
    functions = {"loss of D": "_hinge_discriminator", "loss of G": "_negative_mean_generator"}
    for name in part_names(box_of(app).config):
        press(app, "next")
        if name in functions:
            assert f"def {functions[name]}(" in app.code[0].value
            assert not app.latex


@pytest.mark.slow
def test_the_address_keeps_english_choices_in_other_languages(run, polish):
    app = open_page("step", lang=polish, learns="only D", **{"from": "new networks"})
    assert not warnings(app)
    assert (app.query_params["learns"], app.query_params["from"]) == ("only D", "new networks")
    assert (app.selectbox(key="from").value, app.selectbox(key="from").options[-1]) == ("new networks", "nowe sieci")
    with speaking(polish):  # the test's browser has the texts of this language
        press(app, "next")
        assert box_of(app)._players == "D"
        checked(app.sidebar.selectbox("language-switch").set_value("en").run())
    assert (app.session_state["learns"], app.query_params["from"]) == ("only D", "new networks")
    assert box_of(app).seen
