"""Training on several sets: partial labels, hints, and figures for each set."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

from garbage_core.config.training_config import load_config
from garbage_core.data.dataset import load_dataset
from garbage_core.data.photo_sets import label_members, load_extra_set
from garbage_core.errors import GarbageError
from garbage_core.evaluation.by_set import by_set
from garbage_core.evaluation.calibration import fit_temperature, fit_threshold, set_weights
from tests.fixtures.photos import COLORS, write_colors
from tests.fixtures.trainings import NETWORK, TOP, WHOLE

CLASSES = tuple(sorted(COLORS))


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, partial_labels, class_counts, rows_of_epoch, train
    import keras

    from garbage_core.training import partial_labels
    from garbage_core.training.batches import class_counts, rows_of_epoch
    from garbage_core.training.loop import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A miniature trained on two clean sets and one of hints, half of which are wrong; and what the training said."""
    root = tmp_path_factory.mktemp("sets")
    for name in ("main", "kitchen", "weak"):
        (root / name).mkdir()
    write_colors(root / "main")
    write_colors(root / "kitchen", dict.fromkeys(COLORS, 10), seed=1)
    write_colors(root / "weak", dict.fromkeys(COLORS, 8), seed=2)
    hint = {"blue": "blue_or_red", "red": "yellow", "yellow": "yellow"}
    lines = [f"{color}/{number}.png,{hint[color]}" for color in COLORS for number in range(8)]
    (root / "weak.csv").write_text("\n".join(["file,hint", *lines]))
    (root / "mini.toml").write_text(NETWORK + "dropout = 0.1" + TOP + WHOLE + "mixup = 0.2")
    extras = [load_extra_set(str(root / name), CLASSES) for name in ("kitchen", "weak=0.5")]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        run = train(load_config(root / "mini.toml"), load_dataset(root / "main"), root, extras=extras)
    return run, said.getvalue()


@pytest.fixture(scope="module")
def run(trained):
    return trained[0]


@pytest.mark.slow
def test_val_and_test_of_each_set_are_kept_apart_and_weak_photos_are_never_measured(run):
    assert run.sets == ("trashnet", "kitchen")
    assert len(run.predictions) == 60
    assert run.predictions["file"].str.fullmatch(r"\w+/\d+\.png").all()
    kitchen = run.predictions_of("kitchen")
    assert len(kitchen) == 30
    assert kitchen["file"].str.fullmatch(r"\w+/\d+\.png").all()
    with pytest.raises(GarbageError, match="no predictions for a set 'weak'"):
        run.predictions_of("weak")
    assert list(by_set(run)["set"]) == ["trashnet", "kitchen"]


@pytest.mark.slow
def test_what_is_chosen_on_val_is_chosen_by_the_mean_over_the_sets(run):
    history = pd.read_csv(run.path / "history.csv")
    parts = history[["val_macro_f1_trashnet", "val_macro_f1_kitchen"]]
    np.testing.assert_allclose(parts.mean(axis=1), history["val_macro_f1"], atol=1e-6)
    assert history["val_macro_f1"].max() > 0.9


@pytest.mark.slow
def test_run_records_its_sets(run):
    recorded = {extra["name"]: extra for extra in run.info["extra_sets"]}
    assert recorded["weak"]["weak"]
    assert recorded["weak"]["share"] == 0.5
    assert recorded["kitchen"]["splits"]["train"]["blue"] + recorded["kitchen"]["splits"]["val"]["blue"] < 10
    card = (run.path / "card.md").read_text()
    assert "Where it works" in card
    assert "- weak (24 train; each training photo shown 0.5 times an epoch; hints" in card


@pytest.mark.slow
def test_wrong_hints_are_found_by_the_linear_probe(trained):
    _, said = trained
    assert "of 24 hints are contradicted" in said
    count = int(said.split(" of 24 hints")[0].split()[-1])
    assert 4 <= count <= 12  # the eight red photos called yellow; a miniature may err on a few


@pytest.mark.slow
def test_a_longer_training_may_show_the_same_sets_more_or_less_often(tmp_path, run):
    root = run.path.parent
    more = '\n[[stages]]\nname = "more"\nepochs = 1\nlearning_rate = 0.001\nbatch_size = 8\n'
    (tmp_path / "mini.toml").write_text((root / "mini.toml").read_text() + more)
    config, dataset = load_config(tmp_path / "mini.toml"), load_dataset(root / "main")
    extras = [load_extra_set(str(root / name), CLASSES) for name in ("kitchen=0.5", "weak=0.25")]
    longer = train(config, dataset, tmp_path, extras=extras, extend=run)
    assert list(longer.history["stage"]) == [*run.history["stage"], "more"]
    assert [extra["share"] for extra in longer.info["extra_sets"]] == [0.5, 0.25]
    assert "each training photo shown 0.5, then 0.25 times an epoch" in (longer.path / "card.md").read_text()
    with pytest.raises(GarbageError, match="trained on other photos"):
        train(config, dataset, tmp_path / "other", extras=extras[:1], extend=run)


def test_partial_labels_share_their_loss_and_mix_like_others():
    members = label_members(["a", "b", "c", "a_or_b"], ("a", "b", "c"))
    loss = partial_labels.loss("none", members, 0.0)
    logits = np.log(np.array([[0.2, 0.5, 0.3]], "float32"))
    assert float(loss(np.array([[0, 0, 0, 1.0]]), logits)) == pytest.approx(-np.log(0.7), abs=1e-5)
    assert float(loss(np.array([[0, 0, 1.0, 0]]), logits)) == pytest.approx(-np.log(0.3), abs=1e-5)
    mixed = float(loss(np.array([[0, 0, 0.4, 0.6]]), logits))
    assert mixed == pytest.approx(-0.4 * np.log(0.3) - 0.6 * np.log(0.7), abs=1e-5)
    plain = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    smooth = partial_labels.loss("none", members, 0.1)(np.array([[0, 1.0, 0, 0]]), logits)
    assert float(smooth) == pytest.approx(float(plain(np.array([[0, 1.0, 0]]), logits)), abs=1e-5)


def test_a_partial_label_is_right_if_any_of_its_classes_is_predicted():
    members = label_members(["a", "b", "c", "a_or_b"], ("a", "b", "c"))
    metric = partial_labels.Resolved(keras.metrics.CategoricalAccuracy(name="accuracy"), members)
    logits = np.array([[0, 2, 0], [0, 0, 2], [2, 0, 0]], "float32")
    metric.update_state(np.eye(4, dtype="float32")[[3, 3, 1]], logits)
    assert float(metric.result()) == pytest.approx(1 / 3)


def test_partial_labels_need_a_loss_that_knows_them():
    with pytest.raises(GarbageError, match="imbalance = 'focal'"):
        partial_labels.loss("focal", label_members(["a", "b", "a_or_b"], ("a", "b")), 0.0)


def test_shares_decide_how_often_a_photo_is_shown():
    shares = np.array([1.0] * 4 + [0.5] * 10 + [2.0] * 3)
    rng = np.random.default_rng(0)
    passes = [rows_of_epoch(shares, rng) for _ in range(40)]
    assert {len(rows) for rows in passes} == {4 + 5 + 6}
    counts = np.bincount(np.concatenate(passes), minlength=17) / 40
    assert (counts[:4] == 1).all()
    assert (counts[14:] == 2).all()
    assert abs(counts[4:14] - 0.5).max() < 0.35
    members = label_members(["a", "b", "a_or_b"], ("a", "b"))
    np.testing.assert_allclose(class_counts(np.array([0, 1, 2]), members, np.array([1, 2, 1.0])), [1.5, 2.5])


def test_temperature_and_threshold_weigh_sets_alike():
    sets = pd.Series(["big"] * 90 + ["small"] * 10)
    weights = set_weights(sets)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())
    labels = np.zeros(100, int)
    confident = np.tile([0.9, 0.1], (100, 1))
    confident[90:95] = [0.1, 0.9]  # half of the small set is wrong, and sure of itself
    assert fit_temperature(labels, confident, weights) > fit_temperature(labels, confident) > 0
    assert fit_threshold(labels, confident, 0.9) < 1
    assert fit_threshold(labels, confident, 0.9, weights) > 1
