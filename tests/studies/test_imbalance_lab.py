"""The imbalance lab: its classifier is what the strategies say, its features and its table are what was measured."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from garbage_core.data.dataset import load_dataset, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.runs.run import load_run
from garbage_core.studies import imbalance_lab as labs
from garbage_core.studies.imbalance_classifier import LOSSES, fit_classifier, photo_weights, strategies
from garbage_core.training.imbalance import STRATEGIES, Strategy, balanced_weights, make_loss
from tests.fixtures.lab import fake_lab
from tests.fixtures.photos import write_colors

STRENGTH = 0.02
MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def lab():
    return fake_lab()


@pytest.fixture(scope="module")
def training(lab):
    """Features and labels of its training photos."""
    rows = lab.splits == "train"
    return lab.vectors[rows], lab.labels[rows]


# The classifier


@pytest.mark.parametrize(("strategy", "weight"), [("none", None), ("class_weights", "balanced")])
def test_weighted_cross_entropy_finds_what_scikit_learn_finds(training, strategy, weight):
    from sklearn.linear_model import LogisticRegression

    vectors, labels = training
    found = fit_classifier(vectors, labels, 3, strategy, STRENGTH)
    # Its penalty is not divided by the number of photos.
    model = LogisticRegression(C=1 / (STRENGTH * len(labels)), class_weight=weight, tol=1e-8, max_iter=1000)
    model.fit(vectors.astype(float), labels)
    np.testing.assert_allclose(found.weights.T, model.coef_, atol=0.02)
    assert (found.predict(vectors) == model.predict(vectors)).mean() > 0.98


@pytest.mark.parametrize("strategy", strategies())
def test_what_is_minimized_is_the_loss_of_the_registry(training, strategy):
    """The loss that a training of a network would see, with the penalty, has no smaller value nearby."""
    import keras

    vectors, labels = training
    counts = np.bincount(labels)
    found = fit_classifier(vectors, labels, 3, strategy, STRENGTH, seed=4)
    share = photo_weights(strategy, labels, 3, np.random.default_rng(4)).astype("float32")
    loss, wanted = make_loss(strategy, counts), np.eye(3, dtype="float32")[labels]

    def value(weights, bias) -> float:
        logits = (vectors @ weights + bias).astype("float32")
        penalty = STRENGTH / 2 * float((weights.astype(float) ** 2).sum())
        mean = keras.ops.convert_to_numpy(loss(wanted, logits, sample_weight=share)) * len(labels)
        return float(mean) + penalty

    best, rng = value(found.weights, found.bias), np.random.default_rng(0)
    for _ in range(20):
        step, shift = rng.normal(size=found.weights.shape), rng.normal(size=3)
        assert value(found.weights + 0.05 * step, found.bias + 0.05 * shift) > best


def test_weights_and_order_of_the_registry_decide_how_much_a_photo_counts(training):
    _, labels = training
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(photo_weights("none", labels, 3, rng), 1 / len(labels))
    for strategy in ("class_weights", "oversample"):
        shares = np.bincount(labels, photo_weights(strategy, labels, 3, rng))
        np.testing.assert_allclose(shares, 1 / 3, atol=0.01)
    by_class = photo_weights("class_weights", labels, 3, rng) / photo_weights("none", labels, 3, rng)
    np.testing.assert_allclose(by_class, balanced_weights(np.bincount(labels))[labels])


def test_a_strategy_that_is_added_works_if_its_loss_is_known(training, monkeypatch):
    vectors, labels = training
    root = Strategy("root", "Root", "Halfway.", class_weights=lambda counts: np.sqrt(balanced_weights(counts)))
    strange = Strategy("strange", "Strange", "Of its own.", loss=lambda counts, smoothing: None)
    monkeypatch.setitem(STRATEGIES, "root", root)
    monkeypatch.setitem(STRATEGIES, "strange", strange)
    assert strategies()[-1] == "root"
    assert fit_classifier(vectors, labels, 3, "root", STRENGTH).weights.shape == (6, 3)
    with pytest.raises(GarbageError, match="knows no loss for 'strange': choose none"):
        fit_classifier(vectors, labels, 3, "strange", STRENGTH)


def test_every_strategy_of_the_registry_is_realized():
    assert strategies() == list(STRATEGIES)
    assert {strategy.loss for strategy in STRATEGIES.values()} == set(LOSSES)


@pytest.mark.parametrize("strategy", strategies())
def test_a_class_without_photos_is_not_predicted_unless_it_was_given_a_head_start(training, strategy):
    vectors, labels = training
    found = fit_classifier(vectors[labels < 2], labels[labels < 2], 3, strategy, STRENGTH)
    assert np.isfinite(found.weights).all()
    assert 2 not in found.predict(vectors) or strategy == "logit_adjustment"


# The draws


def test_fewer_photos_are_some_of_the_more_and_other_classes_stay(lab):
    more, fewer = labs.draw(lab, (60, 50, 20), 3), labs.draw(lab, (60, 30, 5), 3)
    assert set(fewer) < set(more)
    assert np.bincount(lab.labels[fewer]).tolist() == [60, 30, 5]
    assert set(lab.splits[more]) == {"train"}
    assert set(labs.draw(lab, (60, 50, 20), 4)) != set(more)
    with pytest.raises(GarbageError, match="25 training photos of NA were asked for: choose 0 to 24"):
        labs.draw(lab, (60, 50, 25), 0)


def test_metrics_are_those_of_scikit_learn(lab):
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    found = labs.try_strategy(lab, (60, 50, 8), "class_weights", (0, 1))
    truth = lab.labels[lab.splits == "test"]
    per_class, overall = found.per_class(), found.overall()
    for seed in (0, 1):
        expected = precision_recall_fscore_support(truth, found.predicted[seed], labels=[0, 1, 2], zero_division=np.nan)
        for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
            np.testing.assert_allclose(per_class[name][seed], values)
        assert overall["accuracy"][seed] == pytest.approx(accuracy_score(truth, found.predicted[seed]))
        assert overall["macro_f1"][seed] == pytest.approx(f1_score(truth, found.predicted[seed], average="macro"))


def test_a_class_that_gets_rarer_is_found_less_and_weights_bring_some_of_it_back(lab):
    table = labs.rarity_curve(lab, seeds=3)
    assert list(table.columns) == list(labs.CURVE_COLUMNS)
    assert set(table["class"]) == {"NA"}
    assert len(table) == len(STRATEGIES) * len(lab.levels()) * 3
    recall = table.groupby(["strategy", "train_photos"])["recall"].mean()
    assert recall["none", 5] < recall["none", 24] - 0.2
    assert recall["class_weights", 5] > recall["none", 5] + 0.2
    assert recall["logit_adjustment", 5] > recall["none", 5] + 0.2
    again = labs.rarity_curve(lab, seeds=3)
    pd.testing.assert_frame_equal(table, again)


def test_strength_is_the_best_on_val(lab):
    def score(strength):
        outcomes = [labs.try_strategy(lab, lab.with_rarest(n), "none", range(3), "val", strength) for n in lab.levels()]
        return np.mean([outcome.overall()["macro_f1"] for outcome in outcomes])

    assert score(labs.choose_strength(lab, "none")) == max(map(score, labs.STRENGTHS))


# The files


def test_features_are_read_as_they_were_written(lab, tmp_path):
    labs.save_lab(lab, tmp_path / "lab.npz")
    found = labs.load_lab(tmp_path / "lab.npz")
    for name in ("files", "labels", "splits", "vectors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(lab, name))
    assert (found.classes, found.fingerprint, found.strengths) == (lab.classes, lab.fingerprint, lab.strengths)


def test_files_that_cannot_be_used_are_named_with_the_command(lab, tmp_path):
    with pytest.raises(GarbageError, match=r"There are no features .*study imbalance-lab"):
        labs.load_lab(tmp_path / "lab.npz")
    labs.save_lab(lab, tmp_path / "lab.npz")
    (tmp_path / "lab.npz").write_bytes((tmp_path / "lab.npz").read_bytes()[:-300])
    with pytest.raises(GarbageError, match=r"cannot be read .*study imbalance-lab"):
        labs.load_lab(tmp_path / "lab.npz")
    with pytest.raises(GarbageError, match=r"cannot be read .*study imbalance-lab"):
        labs.read_curve(tmp_path / "lab.csv")
    (tmp_path / "lab.csv").write_text("strategy,recall\nnone,1\n")
    with pytest.raises(GarbageError, match="lacks the columns class, train_photos, seed, precision"):
        labs.read_curve(tmp_path / "lab.csv")


def test_a_class_called_na_and_an_undefined_precision_survive_the_table(lab, tmp_path):
    table = labs.rarity_curve(lab, seeds=1)
    table.loc[0, "precision"] = np.nan
    table.to_csv(tmp_path / "lab.csv", index=False)
    pd.testing.assert_frame_equal(labs.read_curve(tmp_path / "lab.csv"), table)


def test_features_are_made_of_photos_and_the_components_know_the_training_photos_alone(tmp_path):
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe

    dataset = load_dataset(write_colors(tmp_path, {"blue": 24, "red": 20, "yellow": 10}))
    recipe = FeatureRecipe(weights=None, height=32, width=48, filters=4, blocks=(1, 1, 1, 1))
    lab = labs.make_lab(
        dataset, FeatureMaker(dataset, recipe, tmp_path.with_name(f"{tmp_path.name}-maps")), components=5
    )
    photos = split_dataset(dataset)
    assert lab.files.tolist() == photos["file"].tolist()
    assert [lab.classes[label] for label in lab.labels] == photos["label"].tolist()
    assert lab.vectors.shape == (len(photos), 5)
    train = lab.vectors[lab.splits == "train"]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(np.cov(train.T), np.eye(5), atol=0.01)
    assert set(lab.strengths) == set(strategies())
    assert lab.classes[lab.rarest] == "yellow"
    assert labs.try_strategy(lab, lab.counts(), "none").overall()["accuracy"][0] > 0.8


# What is committed


@pytest.fixture(scope="module")
def shipped():
    folder = MODELS / "studies"
    return labs.load_lab(folder / "imbalance_lab.npz"), labs.read_curve(folder / "imbalance_lab.csv")


def test_committed_features_are_of_the_photos_that_the_models_know(shipped):
    lab, _ = shipped
    run = load_run("transfer", MODELS)
    assert lab.fingerprint == run.info["data_fingerprint"]
    assert lab.classes == run.classes
    known = run.predictions.set_index("file")
    own = pd.DataFrame({"split": lab.splits, "label": [lab.classes[k] for k in lab.labels]}, index=lab.files)
    pd.testing.assert_frame_equal(own.sort_index(), known[["split", "label"]].sort_index(), check_names=False)
    assert (MODELS / "studies" / "imbalance_lab.npz").stat().st_size < 1_050_000


def test_committed_curve_is_what_the_committed_features_give(shipped):
    lab, table = shipped
    assert list(dict.fromkeys(table["strategy"])) == strategies() == list(lab.strengths)
    assert table.groupby("strategy")["train_photos"].unique().map(list).tolist() == [lab.levels()] * len(STRATEGIES)
    assert set(table["seed"]) == set(range(labs.SEEDS))
    rows = table.set_index(["strategy", "train_photos", "seed"])
    tested = lab.counts("test")[lab.rarest]
    for strategy in strategies():
        found = labs.try_strategy(lab, lab.with_rarest(20), strategy, (1, 7))
        for place, seed in enumerate((1, 7)):
            row = rows.loc[(strategy, 20, seed)]
            # Another processor adds in another order, which may tip a photo that lies between two classes.
            assert found.per_class()["recall"][place, lab.rarest] == pytest.approx(row["recall"], abs=1.01 / tested)
            assert found.overall()["accuracy"][place] == pytest.approx(row["accuracy"], abs=2.01 / 431)


def test_command_writes_features_and_curve_and_says_the_recall(lab, tmp_path, monkeypatch, capsys):
    from garbage_core import cli

    asked = []

    def make(dataset, maker):
        asked.append((len(dataset.photos), maker))
        return lab

    monkeypatch.setattr("garbage_core.cli.study.start_keras", lambda: None)
    monkeypatch.setattr("garbage_core.studies.features.FeatureMaker", lambda dataset, recipe, cache: (recipe, cache))
    monkeypatch.setattr(labs, "make_lab", make)
    (tmp_path / "photos").mkdir()
    photos = write_colors(tmp_path / "photos", {"blue": 4, "red": 4})
    options = ["--data-dir", photos, "--weights", "some.h5", "--seeds", 2, "-o", tmp_path / "own.csv"]
    assert cli.main(list(map(str, ["study", "imbalance-lab", *options]))) == 0
    assert asked[0][0] == 8
    assert asked[0][1][0].weights == "some.h5"
    table = labs.read_curve(tmp_path / "own.csv")
    assert set(table["seed"]) == {0, 1}
    assert labs.load_lab(tmp_path / "own.npz").files.tolist() == lab.files.tolist()
    said = capsys.readouterr().out
    assert said.startswith("Recall of NA by its training photos, mean over 2 seeds")
    assert f"Written to {tmp_path / 'own.csv'}" in said
