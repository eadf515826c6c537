"""The studies measure what `evaluate` and `compare` measure, train what they say, and conclude what they may."""

import dataclasses
import os
import shutil
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest

from garbage_core import cli
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.dataset import load_dataset, split_dataset
from garbage_core.data.splits import PROTOCOLS, split_counts
from garbage_core.errors import GarbageError
from garbage_core.evaluation.comparison import compare
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.evaluation.metrics import METRICS
from garbage_core.runs.predictions import to_arrays, write_predictions
from garbage_core.runs.run import load_run
from garbage_core.studies.crossval import (
    collect_runs,
    contradictions,
    crossval_table,
    crossval_text,
    probe_predictions,
    write_crossval,
)
from garbage_core.studies.imbalance import Budget, measure_strategies, run_imbalance_study, train_head
from garbage_core.studies.measures import DIFFERENCE_COLUMNS, average, measure, measure_rows
from garbage_core.studies.tables import (
    IMBALANCE_COLUMNS,
    classes_of,
    crossval_sentence,
    imbalance_conclusion,
    is_recipe_of,
    rarest_class,
    rarest_precision,
    read_crossval,
    read_imbalance,
    read_strategy_runs,
    rows_of,
    strategies_setting,
)
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.files import write_json
from tests.fixtures.photos import jpeg, small_dataset, write_colors, write_folder
from tests.fixtures.runs import fake_photos, fake_predictions, fake_run

SOME = ("none", "class_weights", "focal")


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global MINI, keras, build_resnet, pass_through, split_network
    global study_features, FeatureMaker, FeatureRecipe, FeatureSource
    import keras

    from garbage_core.networks.resnet import build_resnet, pass_through, split_network
    from garbage_core.studies import features as study_features
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe
    from garbage_core.training.batches import FeatureSource

    MINI = FeatureRecipe(weights=None, height=32, width=48, passes=2, filters=4, blocks=(1, 1, 1, 1))


@pytest.fixture(scope="module")
def colored(tmp_path_factory):
    """Three colors, one of them rare: photos that features of even a random network can tell apart."""
    counts = {"blue": 24, "red": 20, "yellow": 10}
    return load_dataset(write_colors(tmp_path_factory.mktemp("photos"), counts))


@pytest.fixture(scope="module")
def maker(colored, tmp_path_factory):
    return FeatureMaker(colored, MINI, tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def study(colored, maker, tmp_path_factory):
    """A study of three strategies and two seeds on the colored photos, and the path of its table."""
    path = tmp_path_factory.mktemp("study") / "imbalance.csv"
    options = {"say": lambda line: None, "strategies": SOME, "resamples": 50}
    return run_imbalance_study(colored, maker, Budget(epochs=2), 2, path, **options), path


# What is measured


@pytest.fixture(scope="module")
def answers():
    """Predictions of two made-up models on 90 photos, sorted by file as `compare` sorts them."""
    photos = fake_photos(CLASS_NAMES, {"test": (20, 15, 15, 20, 15, 5)}).sort_values("file", ignore_index=True)
    return [fake_predictions(photos, accuracy, seed=seed) for accuracy, seed in ((0.7, 1), (0.8, 2))]


def measured(predictions, temperature=1.0, resamples=300):
    labels, probabilities, _ = to_arrays(predictions, CLASS_NAMES)
    return measure(labels, probabilities, CLASS_NAMES, temperature, resamples)


def test_measures_are_those_of_evaluate_and_differences_those_of_compare(answers):
    a, b = answers
    rows = measure_rows(measured(b, 1.3), measured(a, 0.9)).set_index(["metric", "class"])
    evaluation = evaluate(b, CLASS_NAMES, "test", 1.3, resamples=300)
    overall = evaluation.metrics.set_index("metric")
    np.testing.assert_allclose(rows.loc[[(m, "") for m in METRICS], ["value", "low", "high"]], overall)
    for row in evaluation.per_class.itertuples():
        for metric in ("precision", "recall", "f1"):
            found = rows.loc[(metric, row.label)]
            expected = [getattr(row, metric + end) for end in ("", "_low", "_high")]
            np.testing.assert_allclose(found[["value", "low", "high"]].to_numpy(float), expected)
            assert found["photos"] == row.support
    comparison = compare(a, b, CLASS_NAMES, "test", "a", "b", 0.9, 1.3, resamples=300)
    columns = list(DIFFERENCE_COLUMNS)
    expected = comparison.metrics.set_index("metric")[["difference", "low", "high"]]
    np.testing.assert_allclose(rows.loc[[(m, "") for m in METRICS], columns], expected, atol=1e-12)
    expected = comparison.per_class[["difference", "low", "high"]]
    np.testing.assert_allclose(rows.loc[[("recall", c) for c in CLASS_NAMES], columns], expected, atol=1e-12)


def test_average_lies_between_its_models_and_of_one_model_twice_is_that_model(answers):
    a, b = (measured(table) for table in answers)
    both = average([a, b])
    np.testing.assert_allclose(both.values, (a.values + b.values) / 2)
    twice, once = measure_rows(average([b, b]), average([a, a])), measure_rows(b, a)
    pd.testing.assert_frame_equal(twice, once)


def test_every_photo_can_have_its_own_temperature(answers):
    predictions = answers[0]
    labels, probabilities, _ = to_arrays(predictions, CLASS_NAMES)
    temperatures = np.where(np.arange(len(labels)) < 40, 0.5, 2.0)
    mixed = measure(labels, probabilities, CLASS_NAMES, temperatures, resamples=0).values
    parts = [measured(predictions.iloc[rows], t, 0).values for rows, t in ((slice(40), 0.5), (slice(40, None), 2.0))]
    place = list(METRICS).index("log_loss_calibrated")
    assert mixed[place] == pytest.approx((40 * parts[0][place] + (len(labels) - 40) * parts[1][place]) / len(labels))


# Features


def test_pooled_features_are_what_the_network_computes(colored, maker):
    files = colored.photos["file"].tolist()
    first, second = averages = maker.averages(files)
    pooled = maker.pooled(files[:20], averages)
    assert pooled.shape == (1, 20, 8 * 16)
    maps = maker.plain.passes[0].astype("float64")
    np.testing.assert_allclose(first[0], maps.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(first[1], maps.var(axis=(0, 1, 2)), rtol=1e-3, atol=1e-6)
    # The transfer recipe's network, whose residual branches start at zero, with these averages.
    network = build_resnet("v2", 3, MINI.blocks, MINI.filters, zero_init_residual=True)
    pass_through(network)
    twice = np.concatenate([second[0], -second[0]]), np.tile(second[1], 2)
    for name, moments in (("conv5_block1_preact_bn", first), ("post_bn", twice)):
        network.get_layer(name).set_weights([np.ones_like(moments[0]), np.zeros_like(moments[0]), *moments])
    through = keras.Model(network.get_layer("conv5_block1_preact_bn").input, network.get_layer("post_bn").input)
    handed_on = keras.ops.convert_to_numpy(through(maker.plain.passes[0].astype("float32")))
    np.testing.assert_allclose(handed_on.mean(axis=(0, 1, 2)), twice[0], atol=1e-4)
    np.testing.assert_allclose(handed_on.var(axis=(0, 1, 2)), twice[1], rtol=1e-3, atol=1e-6)
    frozen, _ = split_network(network, "conv5")
    rest = keras.Model(frozen.output, network.get_layer("avg_pool").output)
    expected = keras.ops.convert_to_numpy(rest(maker.plain.passes[0][:20].astype("float32")))
    np.testing.assert_allclose(pooled[0], expected, atol=1e-4)


def test_batch_norms_learn_only_from_the_photos_they_may(colored, maker):
    files = colored.photos["file"].tolist()
    pooled = [maker.pooled(files[:4], maker.averages(learn)) for learn in (files[:30], files[:30], files[24:])]
    np.testing.assert_array_equal(pooled[0], pooled[1])
    assert np.abs(pooled[0] - pooled[2]).max() > 1e-3


def test_augmented_copies_come_after_the_photos_themselves(colored, maker):
    files = colored.photos["file"].tolist()[::2]
    averages = maker.averages(files, augmented=True)
    assert np.abs(averages[0][0] - maker.averages(files)[0][0]).max() > 1e-4
    passes = maker.pooled(files, averages, augmented=True)
    np.testing.assert_array_equal(passes[:1], maker.pooled(files, averages))
    assert passes.shape[:2] == (3, len(files))
    changes = np.abs(passes[1:] - passes[0]).max(axis=(1, 2))
    assert (changes > 1e-3).all()
    assert np.abs(passes[1] - passes[2]).max() > 1e-3


@pytest.mark.slow
def test_feature_maps_are_computed_once_and_anew_for_another_size(colored, maker, tmp_path, monkeypatch):
    first = FeatureMaker(colored, MINI, tmp_path).plain
    np.testing.assert_allclose(first.passes, maker.plain.passes, atol=1e-3)

    def computed(recipe):
        calls = []
        monkeypatch.setattr(
            "garbage_core.training.batches.TrainingPhotos.rows",
            lambda self, rows, rng=None: calls.append(1) or self._read(list(self.files[rows])),
        )
        _ = FeatureMaker(colored, recipe, tmp_path).plain
        return len(calls)

    assert computed(MINI) == 0
    assert computed(dataclasses.replace(MINI, passes=4)) == 0
    assert computed(dataclasses.replace(MINI, width=64)) > 0


# Heads


def overlapping(rare: int = 40, common: int = 360):
    """Two classes that overlap, one of them rare: features as of two augmented passes, labels, and even test photos."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [common, rare])

    def draw(which):
        features = rng.normal(0, 1, (len(which), 4))
        features[:, 0] += 1.6 * which
        return features.astype("float16")

    test = np.repeat([0, 1], 300)
    return FeatureSource(np.stack([draw(labels), draw(labels)])), labels, draw(test), test


def found_and_right(strategy: str) -> tuple[float, float]:
    """Trains a head on the overlapping classes; returns the share found of the rare one, and of all."""
    source, labels, photos, test = overlapping()
    head = train_head(source, labels, 2, strategy, 0, Budget(epochs=12, learning_rate=0.02, weight_decay=0.0))
    right = keras.ops.convert_to_numpy(head({"rows": photos})).argmax(axis=1) == test
    return right[test == 1].mean(), right.mean()


@pytest.fixture(scope="module")
def without_strategy():
    return found_and_right("none")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["class_weights", "effective_number", "oversample", "logit_adjustment"])
def test_strategies_find_more_of_the_rare_class_than_none(without_strategy, strategy):
    found, right = found_and_right(strategy)
    assert without_strategy[0] < 0.6
    assert found > without_strategy[0] + 0.1
    assert right > without_strategy[1]  # the classes of the test photos are even


@pytest.mark.slow
def test_heads_depend_on_their_seed_alone():
    source, labels, photos, _ = overlapping(20, 60)
    heads = [train_head(source, labels, 2, "focal", seed, Budget(epochs=2)) for seed in (1, 1, 2)]
    first, again, other = (keras.ops.convert_to_numpy(head({"rows": photos})) for head in heads)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


# The imbalance study's table


@pytest.mark.slow
def test_study_has_every_strategy_seed_split_and_metric(study, colored):
    table, path = study
    assert tuple(table.columns) == IMBALANCE_COLUMNS
    assert tuple(dict.fromkeys(table["strategy"])) == SOME
    sizes = table.groupby(["strategy", "seed", "split"]).size()
    assert set(sizes.index) == {(s, n, p) for s in SOME for n in ("0", "1", "all") for p in ("val", "test")}
    assert set(sizes) == {len(METRICS) + 3 * 3}
    counts = split_counts(split_dataset(colored), colored.classes)
    classes = classes_of(table).set_index("class")
    assert classes["train_photos"].to_dict() == counts["train"].to_dict()
    assert classes["test"].to_dict() == counts["test"].to_dict()
    assert rarest_class(table) == "yellow"
    pd.testing.assert_frame_equal(read_imbalance(path), table, atol=1e-5, check_dtype=False)


@pytest.mark.slow
def test_study_averages_seeds_and_measures_differences_from_none(study):
    table, _ = study
    for split in ("val", "test"):
        rows = {seed: rows_of(table, "macro_f1", split, seed=seed) for seed in ("0", "1", "all")}
        np.testing.assert_allclose(rows["all"]["value"], (rows["0"]["value"] + rows["1"]["value"]) / 2)
        overall = rows["all"].set_index("strategy")
        assert np.isnan(overall.loc["none", "difference"])
        others = overall.drop(index="none")
        np.testing.assert_allclose(others["difference"], others["value"] - overall.loc["none", "value"], atol=1e-12)
        assert (others["difference_low"] <= others["difference"] + 1e-12).all()
        assert (others["difference_high"] >= others["difference"] - 1e-12).all()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "There is no table"),
        ("strategy,seed\nnone,all\n", "lacks the columns split"),
        (",".join(IMBALANCE_COLUMNS) + "\n", "lacks any row"),
        (",".join(IMBALANCE_COLUMNS) + "\nfocal,0,test,recall,a,3,9,1,1,1,0,0,0\n", "lacks the rows of 'none'"),
        (",".join(IMBALANCE_COLUMNS) + "\nnone,all,test,recall,a,many,9,1,1,1,0,0,0\n", "without a number of photos"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_command(tmp_path, content, fault):
    path = tmp_path / "imbalance.csv"
    if content:
        path.write_text(content)
    with pytest.raises(GarbageError, match=fault) as error:
        read_imbalance(path)
    assert "python -m garbage_core study imbalance" in str(error.value)


def test_every_strategy_has_words():
    assert all(strategy.title and strategy.description for strategy in STRATEGIES.values())


def made_up_table(macro_f1: dict, recall: dict) -> pd.DataFrame:
    """A table of strategies with (difference, low, high) in macro-F1 and in the recall of the rare class."""
    rows = []
    for metric, label, train, given in (
        ("macro_f1", "", 100, macro_f1),
        ("recall", "rare", 10, recall),
        ("recall", "usual", 90, {}),
    ):
        for strategy in STRATEGIES:
            difference = given.get(strategy, (0.002, -0.01, 0.012)) if strategy != "none" else (np.nan,) * 3
            values = (strategy, "all", "test", metric, label, 20, train, 0.8, 0.7, 0.9, *difference)
            rows.append(dict(zip(IMBALANCE_COLUMNS, values, strict=True)))
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("macro_f1", "recall", "sentence"),
    [
        (
            {"focal": (-0.004, -0.02, 0.01)},
            {},
            "No strategy changes macro-F1 by more than chance can (\u22120.4 to +0.2 points); no strategy changes the "
            "share of rare, the rarest class, that is found by more than chance can (+0.2 points).",
        ),
        (
            {"oversample": (0.021, 0.001, 0.04), "focal": (-0.03, -0.05, -0.01)},
            {"class_weights": (0.1, 0.02, 0.2), "oversample": (0.14, 0.05, 0.25)},
            "Oversampling raises macro-F1 by 2.1 points, focal loss lowers it by 3.0 points; class weights and "
            "oversampling raise the share of rare, the rarest class, that is found by 10.0 to 14.0 points.",
        ),
    ],
)
def test_conclusion_says_what_the_intervals_allow(macro_f1, recall, sentence):
    assert imbalance_conclusion(made_up_table(macro_f1, recall), "test") == sentence


def test_conclusion_about_one_strategy_names_it():
    table = made_up_table({}, {"focal": (0.1, 0.02, 0.2)})
    assert imbalance_conclusion(table[table["strategy"].isin(["none", "focal"])], "test") == (
        "Focal loss does not change macro-F1 by more than chance can (+0.2 points); focal loss raises the share of "
        "rare, the rarest class, that is found by 10.0 points."
    )


# Folds


@pytest.fixture(scope="module")
def official():
    """Names and labels of as many photos as TrashNet has."""
    photos = fake_photos()[["file", "label"]].sort_values("file", ignore_index=True)
    return types.SimpleNamespace(photos=photos, official=True, classes=CLASS_NAMES)


def test_every_photo_is_tested_in_exactly_one_fold(official):
    folds = [split_dataset(official, name) for name in PROTOCOLS[-5:]]
    tested = pd.concat([table.loc[table["split"] == "test", "file"] for table in folds])
    assert sorted(tested) == official.photos["file"].tolist()
    for table in folds:
        counts = split_counts(table, CLASS_NAMES)
        assert counts["test"].sum() in (505, 506)
        assert counts["val"].sum() == 203
        shares = counts["test"] / counts.sum(axis=1)
        assert shares.between(0.19, 0.21).all()
    pd.testing.assert_frame_equal(folds[0], split_dataset(official, "fold-1-of-5", seed=42))
    assert not folds[0].equals(split_dataset(official, "fold-1-of-5", seed=43))


def test_folds_that_are_not_there_are_refused(official, tmp_path):
    for name in ("fold-0-of-5", "fold-6-of-5", "fold-1-of-4", "fold-x-of-5"):
        with pytest.raises(GarbageError, match=name):
            split_dataset(official, name)
    few = load_dataset(write_folder(tmp_path, small_dataset(photos=4)))
    with pytest.raises(GarbageError, match="has only 4 photos, too few for 5 folds"):
        split_dataset(few, "fold-1-of-5")


def fold_photos(fold):
    """A tenth of TrashNet's photos, split for a fold."""
    photos = fake_photos(CLASS_NAMES, {"all": (40, 50, 41, 59, 48, 14)})[["file", "label"]]
    return split_dataset(types.SimpleNamespace(photos=photos), f"fold-{fold}-of-5")


@pytest.fixture(scope="module")
def five_runs(tmp_path_factory):
    """Five made-up runs, one for each fold, not in their order."""
    root = tmp_path_factory.mktemp("runs")
    for fold in range(1, 6):
        run = fake_run(root, f"try-{fold}", counts={"train": 2, "val": 2, "test": 2}, protocol=f"fold-{fold}-of-5")
        write_predictions(fake_predictions(fold_photos(fold), 0.8, seed=fold), run.path / "predictions.csv")
        write_json(run.info | {"temperature": 1 + fold / 10}, run.path / "run.json")
    return [load_run(f"try-{fold}", root) for fold in (2, 1, 3, 5, 4)]


def test_folds_are_measured_each_and_together(five_runs):
    tables = collect_runs(five_runs)
    table = crossval_table(tables, CLASS_NAMES, resamples=20).set_index(["fold", "metric", "class"])["value"]
    ordered = sorted(five_runs, key=lambda run: run.name)
    values = [
        evaluate(run.predictions, CLASS_NAMES, "test", run.temperature, 0).metric("ece_calibrated")[0]
        for run in ordered
    ]
    for fold, value in enumerate(values, 1):
        assert table[str(fold), "ece_calibrated", ""] == pytest.approx(value)
    assert table["mean", "ece_calibrated", ""] == pytest.approx(np.mean(values))
    assert table["deviation", "ece_calibrated", ""] == pytest.approx(np.std(values, ddof=1))
    everything = pd.concat([run.predictions.query("split == 'test'") for run in ordered])
    assert len(everything) == 252
    pooled = evaluate(everything, CLASS_NAMES, "test", resamples=0)
    assert table["pooled", "macro_f1", ""] == pytest.approx(pooled.metric("macro_f1")[0])
    expected = pooled.per_class.set_index("label").loc["trash", "recall"]
    assert table["pooled", "recall", "trash"] == pytest.approx(expected)


def test_what_the_folds_say_is_said_in_a_sentence(five_runs, tmp_path):
    table = crossval_table(collect_runs(five_runs), CLASS_NAMES, ["head", "conv4"], resamples=20)
    read = read_crossval(write_crossval(table, tmp_path / "crossval.csv"))
    values = read[(read["metric"] == "accuracy")].set_index("fold")["value"]
    text = crossval_sentence(read, ["head", "conv4", "longer"])
    assert "the recipe (the first 2 of its 3 stages) is right" in text
    assert "the recipe is right" in crossval_sentence(read, ["head", "conv4"])
    assert f"{100 * values['pooled']:.1f} % (" in text
    assert "of all 252 photos" in text
    assert f"{100 * values[:5].min():.1f} to {100 * values[:5].max():.1f} %" in text
    assert is_recipe_of(read, ["head", "conv4", "longer"])
    assert not is_recipe_of(read, ["head"])
    assert not is_recipe_of(read, ["tiny", "conv4"])
    (tmp_path / "crossval.csv").write_text("fold\n1\n")
    with pytest.raises(GarbageError, match="lacks the columns stages"):
        read_crossval(tmp_path / "crossval.csv")


def test_runs_that_are_no_five_folds_are_refused(five_runs, tmp_path):
    with pytest.raises(GarbageError, match="folds 1, 2, 3, 5: name one run for each"):
        collect_runs(five_runs[:4])
    with pytest.raises(GarbageError, match="folds 1, 2, 2, 3, 5"):
        collect_runs([*five_runs[:4], dataclasses.replace(five_runs[0], path=tmp_path / "copy")])
    other = fake_run(tmp_path, "plain", counts={"train": 2, "val": 2, "test": 2})
    with pytest.raises(GarbageError, match="'plain' has the protocol 'official'"):
        collect_runs([*five_runs[:4], other])


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("config", {"label_smoothing": 0.3}, "label_smoothing"),
        ("data_fingerprint", "00" * 32, "photos"),
        ("starting_weights", {"source": "other.h5", "sha256": "ee" * 32}, "starting weights"),
    ],
)
def test_runs_of_different_recipes_are_refused(five_runs, key, value, word):
    third = next(run for run in five_runs if run.name == "try-3")
    info = third.info | {key: third.info[key] | value if isinstance(value, dict) else value}
    runs = [dataclasses.replace(run, info=info) if run is third else run for run in five_runs]
    with pytest.raises(GarbageError, match=f"'try-1' and 'try-3' differ in {word}:"):
        collect_runs(runs)


def test_folds_with_other_photos_are_refused(five_runs, tmp_path):
    photos = fold_photos(1).iloc[10:]
    run = five_runs[1]
    write_predictions(fake_predictions(photos, 0.8), tmp_path / "predictions.csv")
    for file in ("run.json", "history.csv"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    with pytest.raises(GarbageError, match="do not make up the data set once"):
        collect_runs([*(r for r in five_runs if r is not run), dataclasses.replace(run, path=tmp_path)])


def test_equal_photos_with_different_labels_are_found_and_said(five_runs, tmp_path):
    twin, other = jpeg((1, 2, 3)), jpeg((9, 8, 7))
    files = small_dataset(photos=3) | {"can/a.jpg": twin, "jar/b.jpg": twin, "can/c.jpg": other, "can/d.jpg": other}
    assert contradictions(load_dataset(write_folder(tmp_path, files))) == [("can/a.jpg", "jar/b.jpg")]
    tables = collect_runs(five_runs)
    table = crossval_table(tables, CLASS_NAMES, resamples=20)
    tested = [t.loc[t["split"] == "test", "file"].tolist() for t in tables]
    together, apart = (tested[0][0], tested[0][1]), (tested[0][2], tested[1][0])
    text = crossval_text(table, [together, apart], tables)
    assert "2 pairs, 1 of them with one in each of two folds" in text
    assert text.endswith(f": {apart[0]} = {apart[1]}.\n")
    assert "No two equal photos" in crossval_text(table, [], tables)
    assert "not at hand" in crossval_text(table, None, tables)


def test_probe_is_tested_on_photos_it_has_not_seen(colored, maker):
    tables = probe_predictions(colored, maker, 1.0)
    tested = pd.concat([t.loc[t["split"] == "test", "file"] for t in tables])
    assert sorted(tested) == colored.photos["file"].tolist()
    table = crossval_table(tables, colored.classes, resamples=20)
    pooled = table[(table["fold"] == "pooled") & (table["metric"] == "accuracy")]
    assert pooled["value"].item() > 0.8
    assert pooled["photos"].item() == 54


# The commands


@pytest.fixture
def miniature(monkeypatch, colored):
    """Makes the commands use the miniature network; they still read its options."""
    monkeypatch.setattr(
        study_features, "FeatureRecipe", lambda weights: dataclasses.replace(MINI, augmentation="light")
    )
    monkeypatch.setenv("GARBAGE_DATA", str(colored.source))


def run_command(capsys, *argv):
    code = cli.main(list(map(str, argv)))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.slow
def test_imbalance_command_passes_its_options_on_and_says_the_conclusion(
    miniature, study, capsys, tmp_path, monkeypatch
):
    asked = []

    def run(dataset, maker, budget, seeds, path, splits, say):
        asked.append((len(dataset.photos), maker.folder, budget, seeds, path, splits))
        return study[0]

    monkeypatch.setattr("garbage_core.studies.imbalance.run_imbalance_study", run)
    path, maps = tmp_path / "table.csv", tmp_path / "maps"
    options = ("--seeds", 3, "--epochs", 7, "--learning-rate", 0.01, "--weight-decay", 0, "--cache", maps, "-o", path)
    for more, splits in ((), ("val", "test")), (("--val-only",), ("val",)):
        code, out, _ = run_command(capsys, "study", "imbalance", *options, *more)
        assert code == 0
        assert out == f"{imbalance_conclusion(study[0], splits[-1])}\nWritten to {path}\n"
        assert asked.pop() == (54, maps, Budget(epochs=7, learning_rate=0.01, weight_decay=0), 3, path, splits)


@pytest.mark.slow
def test_probe_command_writes_the_table_into_the_models(miniature, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    code, out, _ = run_command(capsys, "study", "crossval", "--probe", "--cache", tmp_path / "maps")
    assert code == 0
    assert "not the transfer recipe" in out
    assert "No two equal photos have different labels." in out
    table = pd.read_csv(tmp_path / "models" / "studies" / "crossval_probe.csv")
    assert set(table["fold"]) == {"1", "2", "3", "4", "5", "mean", "deviation", "pooled"}


def test_crossval_command_measures_runs_without_loading_keras(five_runs, tmp_path):
    script = (
        "import sys; from garbage_core.cli import main; code = main(sys.argv[1:]); "
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    names = [run.name for run in five_runs]
    path = tmp_path / "crossval.csv"
    argv = ["study", "crossval", *names, "--runs", five_runs[0].path.parent, "-o", path]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)} | {"PYTHONPATH": os.getcwd()}
    environment.pop("GARBAGE_DATA", None)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, argv)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "macro_f1" in done.stdout
    assert "not at hand" in done.stdout
    assert len(pd.read_csv(path)) == 8 * (len(METRICS) + 18)


@pytest.mark.parametrize("argv", [["--probe", "one"], []])
def test_crossval_takes_runs_or_the_probe(argv, capsys, monkeypatch):
    monkeypatch.setattr("garbage_core.cli.study.start_keras", lambda: None)
    code, _, err = run_command(capsys, "study", "crossval", *argv)
    assert code == 2
    assert "of five runs or of the probe" in err


def test_a_table_in_a_folder_that_is_missing_is_refused_at_once(miniature, capsys, tmp_path):
    code, _, err = run_command(capsys, "study", "imbalance", "-o", tmp_path / "nowhere" / "table.csv")
    assert code == 2
    assert "There is no folder" in err


# Strategies in whole networks


@pytest.fixture
def strategy_runs(tmp_path):
    """Two made-up runs without a strategy and two with class weights, which find more."""
    photos = fake_photos(CLASS_NAMES, {"train": (40, 50, 41, 59, 48, 14), "val": (20,) * 6, "test": (30,) * 6})
    for strategy, share in (("none", 0.6), ("class_weights", 0.9)):
        for seed in range(2):
            run = fake_run(tmp_path, f"{strategy}-{seed}", counts={"train": 2, "val": 2, "test": 2})
            write_predictions(fake_predictions(photos, share, seed=seed), run.path / "predictions.csv")
            config = run.info["config"] | {"imbalance": strategy, "seed": seed}
            write_json(run.info | {"config": config, "seed": seed}, run.path / "run.json")
    return tmp_path


def test_strategies_in_whole_networks_are_measured_without_loading_keras(strategy_runs, tmp_path):
    code = (
        "import sys; from garbage_core.cli import main; "
        f"code = main(['study', 'imbalance', 'class_weights-1', 'none-0', 'class_weights-0', 'none-1', '--runs', "
        f"{str(strategy_runs)!r}, '-o', {str(tmp_path / 'table.csv')!r}]); sys.exit(code or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Class weights raise macro-F1 by ")
    table = read_strategy_runs(tmp_path / "table.csv")
    assert set(table["strategy"]) == {"none", "class_weights"}
    precisions = []
    for strategy in ("none", "class_weights"):
        tables = [
            load_run(f"{strategy}-{seed}", strategy_runs).predictions.query("split == 'test'") for seed in range(2)
        ]
        labels = pd.concat(tables).label
        answers = pd.concat(tables)[[f"p_{name}" for name in CLASS_NAMES]].idxmax(axis=1)
        precisions.append((labels[answers == "p_trash"] == "trash").mean())
    assert rarest_precision(table, "test") == (
        f"Of what is predicted as trash, {100 * precisions[0]:.1f} % is trash without a strategy, "
        f"{100 * precisions[1]:.1f} % with class weights."
    )
    assert strategies_setting(table) == "from random weights, 2 times each"
    runs = [load_run(f"class_weights-{seed}", strategy_runs) for seed in range(2)]
    values = [evaluate(run.predictions, CLASS_NAMES, "test", resamples=0).metric("macro_f1")[0] for run in runs]
    rows = rows_of(table, "macro_f1", "test").set_index("strategy")
    assert rows.loc["class_weights", "value"] == pytest.approx(np.mean(values), abs=1e-5)
    assert rows.loc["class_weights", "difference_low"] > 0
    train = table.query("metric == 'recall' and split == 'test' and seed == 'all' and strategy == 'none'")
    assert train["train_photos"].tolist() == [40, 50, 41, 59, 48, 14]


def test_a_run_from_before_a_key_existed_is_compared_by_its_default(strategy_runs):
    old = load_run("none-0", strategy_runs)
    config = {key: value for key, value in old.info["config"].items() if not key.startswith("teacher")}
    stages = [{key: value for key, value in stage.items() if key != "grounds"} for stage in config["stages"]]
    write_json(old.info | {"config": config | {"stages": stages}}, old.path / "run.json")
    table = measure_strategies([load_run(name, strategy_runs) for name in ("none-0", "class_weights-0")], 20)
    assert set(table["strategy"]) == {"none", "class_weights"}
    stages[0]["grounds"] = 0.5
    write_json(old.info | {"config": config | {"stages": stages}}, old.path / "run.json")
    with pytest.raises(GarbageError, match="differ in stages: compare"):
        measure_strategies([load_run(name, strategy_runs) for name in ("none-0", "class_weights-0")], 20)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["none-0", "none-1"], "the strategies none: name one"),
        (["class_weights-0"], "the strategies class_weights: name one"),
        (["none-0", "class_weights-1"], "class_weights have the seeds 1, those without a strategy 0"),
        (
            ["none-0", "none-0", "class_weights-0"],
            "'none-0' and 'none-0' have the same strategy, none, and the same seed, 0",
        ),
        (["none-0", "longer"], "'none-0' and 'longer' differ in label_smoothing: compare runs"),
    ],
)
def test_runs_that_tell_nothing_of_a_strategy_are_refused(strategy_runs, names, words):
    other = load_run("class_weights-0", strategy_runs)
    shutil.copytree(other.path, strategy_runs / "longer", dirs_exist_ok=True)
    info = other.info | {"name": "longer", "config": other.info["config"] | {"label_smoothing": 0.3}}
    write_json(info, strategy_runs / "longer" / "run.json")
    with pytest.raises(GarbageError, match=words):
        measure_strategies([load_run(name, strategy_runs) for name in names], 20)
