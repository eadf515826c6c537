"""Metrics agree with scikit-learn, their intervals keep what they promise, and odd tables give clear answers."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature, reliability_table, selective_metrics
from garbage_core.evaluation.confusion_matrix import accuracy, cell_photos, confusions, macro_f1, photo_table
from garbage_core.evaluation.evaluation import (
    area_table,
    confusion_sentence,
    evaluate,
    most_common_confusion,
    pr_table,
    roc_table,
)
from garbage_core.evaluation.intervals import auc_interval, bootstrap_weights, percentile_interval, wilson_interval
from garbage_core.evaluation.metrics import METRICS, Sample, auc, compute_metrics, metric_intervals, metric_values
from garbage_core.runs.predictions import to_arrays

CLASSES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
SHARES = np.array([70, 82, 68, 108, 74, 29]) / 431


def random_answers(n: int, seed: int, strength: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels with the classes' real shares, and probabilities that are right more often the greater `strength` is."""
    rng = np.random.default_rng(seed)
    y = rng.choice(6, n, p=SHARES)
    logits = rng.normal(size=(n, 6))
    logits[np.arange(n), y] += strength
    p = np.exp(strength * logits) * SHARES
    return y, p / p.sum(axis=1, keepdims=True)


def table_of(y, p, classes=CLASSES, split="test") -> pd.DataFrame:
    files = {"file": [f"{classes[c]}/{classes[c]}{i}.jpg" for i, c in enumerate(y)]}
    labels = {"split": split, "label": [classes[c] for c in y]}
    return pd.DataFrame(files | labels | {f"p_{name}": np.asarray(p)[:, c] for c, name in enumerate(classes)})


def small_table(rows, classes=("a", "b", "c")) -> pd.DataFrame:
    """Rows of (true class, answer): the answer gets probability 0.8, the others 0.1 each."""
    p = np.full((len(rows), len(classes)), 0.1)
    for i, (_, answer) in enumerate(rows):
        p[i, classes.index(answer)] = 0.8
    return table_of([classes.index(true) for true, _ in rows], p, classes)


@pytest.mark.parametrize(("seed", "strength"), [(0, 3.0), (1, 1.0), (2, 0.0)])
def test_values_are_those_of_scikit_learn(seed, strength):
    y, p = random_answers(300, seed, strength)
    p = p.round(3) / p.round(3).sum(axis=1, keepdims=True)  # Ties between photos.
    answers, result = p.argmax(axis=1), evaluate(table_of(y, p), CLASSES, resamples=10)
    expected = {
        "accuracy": sk.accuracy_score(y, answers),
        "macro_f1": sk.f1_score(y, answers, average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(y, answers),
        "log_loss": sk.log_loss(y, np.clip(p, 1e-7, 1) / np.clip(p, 1e-7, 1).sum(axis=1, keepdims=True)),
        "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
    }
    assert {name: result.metric(name)[0] for name in expected} == pytest.approx(expected, abs=2e-6)
    assert (result.confusion.to_numpy() == sk.confusion_matrix(y, answers, labels=range(6))).all()
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, answers, labels=range(6), zero_division=0)
    ours = result.per_class
    assert ours["precision"].to_numpy() == pytest.approx(precision)
    assert ours["recall"].to_numpy() == pytest.approx(recall)
    assert ours["f1"].to_numpy() == pytest.approx(f1)
    assert ours["support"].tolist() == support.tolist()


def test_every_draw_of_the_bootstrap_is_scored_like_a_table_with_these_photos():
    y, p = random_answers(60, 3, strength=1.0)
    weights = next(bootstrap_weights(60, 20, seed=1))
    assert weights.sum(axis=0).tolist() == [60] * 20
    together = compute_metrics(Sample(y, p, p, weights))
    for r in range(20):
        drawn = np.repeat(np.arange(60), weights[:, r].astype(int))
        alone = metric_values(y[drawn], p[drawn], p[drawn])
        assert together[:, r] == pytest.approx(alone)


def test_bootstrap_of_many_photos_comes_in_blocks_with_all_draws():
    blocks = list(bootstrap_weights(30_000, 40, seed=0))
    assert len(blocks) > 1
    assert sum(block.shape[1] for block in blocks) == 40
    assert all((block.sum(axis=0) == 30_000).all() for block in blocks)


def test_area_under_the_curve_counts_ties_half():
    # Positive scores 0.9, 0.5; negative 0.5, 0.1: pairs won, won, tied (half), won.
    area = auc(np.array([True, True, False, False]), np.array([0.9, 0.5, 0.5, 0.1]), np.ones((4, 1)))
    assert area == pytest.approx([3.5 / 4])


def test_metrics_by_hand():
    result = evaluate(
        small_table(
            [
                ("a", "a"),  # right
                ("a", "a"),  # right
                ("a", "b"),  # a found in 2 of 3
                ("b", "b"),  # right; b named twice, right once
                ("c", "a"),  # c never named; a named 3 times, right twice
            ]
        ),
        ("a", "b", "c"),
        resamples=0,
    )
    assert result.n == 5
    assert result.metric("accuracy")[0] == pytest.approx(3 / 5)
    assert result.metric("balanced_accuracy")[0] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert result.metric("macro_f1")[0] == pytest.approx((4 / 6 + 2 / 3 + 0) / 3)
    assert result.metric("log_loss")[0] == pytest.approx(-(3 * np.log(0.8) + 2 * np.log(0.1)) / 5)
    assert result.metric("ece")[0] == pytest.approx(0.2)  # All sure to 0.8, 3 of 5 right.
    assert result.per_class["precision"].tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    assert result.per_class["recall"].tolist() == pytest.approx([2 / 3, 1, 0])
    assert result.per_class["predicted"].tolist() == [3, 2, 0]
    # A class that is never named: its precision is 0 by agreement, and anything is possible.
    assert result.per_class.loc[2, ["precision_low", "precision_high"]].tolist() == [0, 1]
    assert result.metrics[["low", "high"]].isna().all(axis=None), "no draws, no intervals"


def test_a_class_without_photos_in_the_split_is_left_out_of_the_means():
    rows = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    with_absent = evaluate(small_table(rows), ("a", "b", "c"), resamples=50)
    y, answers = [0, 0, 1, 1], [0, 1, 1, 1]
    assert with_absent.metric("macro_f1")[0] == pytest.approx(sk.f1_score(y, answers, average="macro"))
    assert with_absent.metric("balanced_accuracy")[0] == pytest.approx(0.75)
    # Class a: own photos 0.8 and 0.1 against 0.1 and 0.1 win 2 pairs and tie 2; class b likewise; class c has no area.
    assert with_absent.metric("roc_auc")[0] == pytest.approx(3 / 4)
    absent = with_absent.per_class.set_index("label").loc["c"]
    assert absent["support"] == 0
    assert np.isnan([absent["recall"], absent["recall_low"], absent["f1"]]).all()
    assert json.loads(json.dumps(with_absent.to_dict(), allow_nan=False))["per_class"][2]["recall"] is None


def test_a_split_of_one_class_has_no_roc_area_and_says_so_without_a_warning(recwarn):
    result = evaluate(small_table([("a", "a"), ("a", "b")]), ("a", "b", "c"), resamples=20)
    assert np.isnan(result.metric("roc_auc")).all()
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["metrics"]["roc_auc"]["value"] is None
    assert not recwarn.list


def test_order_of_rows_and_of_columns_does_not_matter():
    y, p = random_answers(100, 4, strength=1.0)
    table = table_of(y, p)
    shuffled = table.sample(frac=1, random_state=0)[table.columns[::-1]]
    one, two = evaluate(table, CLASSES, resamples=0), evaluate(shuffled, CLASSES, resamples=0)
    pd.testing.assert_frame_equal(one.metrics, two.metrics)
    pd.testing.assert_frame_equal(one.confusion, two.confusion)
    assert list(one.confusion.index) == list(CLASSES)


def test_other_order_of_classes_gives_the_same_numbers_in_that_order():
    y, p = random_answers(100, 5, strength=1.0)
    table, backwards = table_of(y, p), CLASSES[::-1]
    one, two = evaluate(table, CLASSES, resamples=0), evaluate(table, backwards, resamples=0)
    assert two.per_class["label"].tolist() == list(backwards)
    assert two.per_class["recall"].tolist() == one.per_class["recall"].tolist()[::-1]
    assert two.metrics["value"].to_numpy() == pytest.approx(one.metrics["value"].to_numpy())


def test_only_the_photos_of_the_split_count():
    y, p = random_answers(50, 6)
    table = pd.concat([table_of(y[:30], p[:30], split="val"), table_of(y[30:], p[30:], split="test")])
    assert evaluate(table, CLASSES, "val", resamples=0).n == 30
    assert evaluate(table, CLASSES, "test", resamples=0).confusion.to_numpy().sum() == 20
    assert evaluate(table, CLASSES, None, resamples=0).n == 50


def test_temperature_changes_only_the_calibrated_metrics():
    y, p = random_answers(200, 7)
    plain, soft = (evaluate(table_of(y, p), CLASSES, temperature=t, resamples=0) for t in (1.0, 3.0))
    changed = {name for name in METRICS if abs(plain.metric(name)[0] - soft.metric(name)[0]) > 1e-6}
    assert changed == {"log_loss_calibrated", "ece_calibrated"}


def test_results_can_be_read_without_waiting_for_tensorflow_or_scikit_learn():
    found = "{'tensorflow', 'keras', 'sklearn', 'scipy'} & set(sys.modules)"
    code = f"import sys, garbage_core.evaluation.evaluation; print({found})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_same_seed_same_interval_and_other_seed_nearly_so():
    table = table_of(*random_answers(200, 8, strength=1.5))
    one, again, other = (evaluate(table, CLASSES, resamples=1000, seed=s).metrics for s in (0, 0, 1))
    pd.testing.assert_frame_equal(one, again)
    assert one["low"].to_numpy() == pytest.approx(other["low"].to_numpy(), abs=0.02)
    assert (one["low"] <= one["value"]).all()
    assert (one["value"] <= one["high"]).all()


def overall(counts: np.ndarray) -> np.ndarray:
    """Accuracy and macro-F1 of confusion matrices, shape (2, R)."""
    return np.stack([accuracy(counts), macro_f1(counts)])


@pytest.mark.slow
@pytest.mark.parametrize("strength", [3.0, pytest.param(1.2, marks=pytest.mark.slow)])  # Accuracy 0.94 and 0.54.
def test_intervals_hold_the_truth_in_93_to_97_of_100_cases(strength):
    """Draws many test sets of 431 photos from one huge set, whose metrics are the truth."""
    y, p = random_answers(200_000, 9, strength)
    answers = p.argmax(axis=1)
    truth = overall(confusions(y, answers, 6, np.ones((len(y), 1))))[:, 0]
    right = answers == y
    trash = SHARES.argmin()
    true_recall = right[y == trash].mean()
    rng, held, recall_held, cases = np.random.default_rng(2), np.zeros(2), 0, 500
    for case in range(cases):
        photos = rng.integers(0, len(y), 431)
        counts = [confusions(y[photos], answers[photos], 6, w) for w in bootstrap_weights(431, 400, case)]
        low, high = percentile_interval(overall(np.concatenate(counts)))
        held += (low <= truth) & (truth <= high)
        own = photos[y[photos] == trash]
        low, high = wilson_interval(right[own].sum(), len(own))
        recall_held += low <= true_recall <= high
    # Accuracy and macro F1 from the bootstrap, recall of the smallest class from Wilson.
    # 500 cases vary by a point; 4,000 cases of the weaker model gave 94.5, 93.9 and 95.5 %.
    shares = np.append(held, recall_held) / cases
    assert ((shares >= 0.93) & (shares <= 0.97)).all(), shares


def test_interval_of_the_calibration_error_surrounds_it():
    """Draws with repeated photos show a greater error than the photos themselves, so plain percentiles can miss it."""
    for seed in range(12):
        p = random_answers(431, seed, strength=1.2)[1]
        y = (np.random.default_rng(1000 + seed).random((431, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=5)
        value, low, high = evaluate(table_of(y, p), CLASSES, resamples=300).metric("ece")
        assert 0 <= low < value < high


def test_interval_of_f1_holds_the_truth():
    rng = np.random.default_rng(3)
    # A class of 29 photos of 431, 24 of them found, with 6 others given its name: J = 24 / 35.
    right, either = rng.multinomial(431, [24 / 431, 11 / 431, 396 / 431], size=4000).T[:2]
    low, high = wilson_interval(right, right + either)
    truth = 2 * 24 / (29 + 30)
    held = (2 * low / (1 + low) <= truth) & (truth <= 2 * high / (1 + high))
    assert 0.93 <= held.mean() <= 0.97


def test_wilson_interval_is_that_of_scipy():
    from scipy.stats import binomtest

    for right, trials in [(0, 5), (5, 5), (28, 29), (213, 431)]:
        expected = binomtest(right, trials).proportion_ci(method="wilson")
        assert wilson_interval(right, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson_interval(0, 0) == (0, 1)


def test_intervals_of_random_tables_are_those_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    rng = np.random.default_rng(5)
    trials = rng.integers(1, 3000, 500)
    right = rng.binomial(trials, rng.random(500))
    expected = proportion_confint(right, trials, method="wilson")
    np.testing.assert_allclose(wilson_interval(right, trials), expected, rtol=1e-12, atol=1e-12)
    # And as they reach a reader: the recall and precision of every class of random answers.
    y, p = random_answers(431, 6, 1.2)
    rows = evaluate(table_of(y, p), CLASSES, resamples=0).per_class
    answers = p.argmax(axis=1)
    found = np.bincount(y[answers == y], minlength=len(CLASSES))
    for name, of in (("recall", y), ("precision", answers)):
        counts = np.bincount(of, minlength=len(CLASSES))
        np.testing.assert_allclose(rows[name], found / counts)
        expected = np.transpose(proportion_confint(found, counts, method="wilson"))
        np.testing.assert_allclose(rows[[f"{name}_low", f"{name}_high"]], expected, rtol=1e-9, atol=1e-12)


def test_most_common_confusion_prefers_the_greater_share_and_then_the_order_of_classes():
    three = [("a", "b")] * 2 + [("a", "a")] * 8 + [("b", "c")] * 2 + [("b", "b")] * 2 + [("c", "c")]
    evaluation = evaluate(small_table(three), ("a", "b", "c"), resamples=0)
    assert most_common_confusion(evaluation) == ("b", "c", 2, 4)
    assert confusion_sentence(evaluation, "Scratch") == "Scratch confuses b with c most often (2 of 4)."
    tied = evaluate(small_table([("a", "c"), ("b", "a"), ("c", "c")]), ("a", "b", "c"), resamples=0)
    assert most_common_confusion(tied) == ("a", "c", 1, 1)


def test_without_a_mistake_there_is_no_confusion():
    evaluation = evaluate(small_table([("a", "a"), ("b", "b")]), ("a", "b", "c"), resamples=10)
    assert most_common_confusion(evaluation) is None
    assert confusion_sentence(evaluation, "Transfer") == "Transfer makes no mistake on the 2 test photos."


def test_a_cell_of_the_confusion_matrix_leads_to_its_photos():
    y, p = random_answers(300, 10, strength=1.0)
    table = table_of(y, p)
    photos, confusion = photo_table(table, CLASSES, "test"), evaluate(table, CLASSES, resamples=0).confusion
    for label in CLASSES:
        for predicted in CLASSES:
            cell = cell_photos(photos, label, predicted)
            assert len(cell) == confusion.loc[label, predicted]
            assert cell["file"].str.startswith(label).all()
            assert cell["confidence"].is_monotonic_decreasing
    assert len(cell_photos(photos, label="glass")) == confusion.loc["glass"].sum()
    assert len(cell_photos(photos, predicted="glass")) == confusion["glass"].sum()


def test_curves_are_those_of_scikit_learn():
    y, p = random_answers(200, 11, strength=1.0)
    roc, pr = roc_table(y, p, CLASSES), pr_table(y, p, CLASSES)
    assert roc["label"].drop_duplicates().tolist() == list(CLASSES)
    for c, name in enumerate(CLASSES):
        own = roc[roc["label"] == name]
        assert own["auc"].iloc[0] == pytest.approx(sk.roc_auc_score(y == c, p[:, c]))
        assert np.trapezoid(own["tpr"], own["fpr"]) == pytest.approx(own["auc"].iloc[0])
        assert pr.loc[pr["label"] == name, "average_precision"].iloc[0] == pytest.approx(
            sk.average_precision_score(y == c, p[:, c])
        )
    result = evaluate(table_of(y, p), CLASSES, resamples=0)
    assert roc.groupby("label")["auc"].first().mean() == pytest.approx(result.metric("roc_auc")[0])


def test_a_class_without_photos_has_no_curve():
    y, p = np.array([0, 0, 1]), np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])
    assert set(roc_table(y, p, ("a", "b", "c"))["label"]) == {"a", "b"}
    assert set(pr_table(y, p, ("a", "b", "c"))["label"]) == {"a", "b"}
    assert roc_table(y[:2], p[:2], ("a", "b", "c")).empty


def test_areas_are_those_of_scikit_learn_within_their_intervals():
    y, p = random_answers(200, 11, strength=1.0)
    areas = area_table(y, p, CLASSES)
    assert areas["label"].tolist() == list(CLASSES)
    for c, row in enumerate(areas.itertuples()):
        assert row.support == (y == c).sum()
        assert row.prevalence == pytest.approx((y == c).mean())
        assert row.auc == pytest.approx(sk.roc_auc_score(y == c, p[:, c]))
        assert row.average_precision == pytest.approx(sk.average_precision_score(y == c, p[:, c]))
        ends = np.stack(auc_interval(row.auc, row.support, 200 - row.support))
        assert [row.auc_low, row.auc_high] == pytest.approx(ends)
        ends = np.stack(wilson_interval(row.average_precision * row.support, row.support))
        assert [row.average_precision_low, row.average_precision_high] == pytest.approx(ends)
    assert areas["auc"].mean() == pytest.approx(evaluate(table_of(y, p), CLASSES, resamples=0).metric("roc_auc")[0])
    assert area_table(y[y == 1], p[y == 1], CLASSES).empty


def test_interval_of_an_area_ends_where_the_area_found_lies_two_standard_errors_away():
    from scipy.optimize import brentq

    for area, m, n in [(0.9, 29, 402), (0.5, 10, 10), (0.997, 108, 323), (0.2, 5, 60)]:
        k = (m + n) / 2 - 1

        def distance(t, area=area, m=m, n=n, k=k):
            variance = t * (1 - t) * (1 + k * (1 - t) / (2 - t) + k * t / (1 + t)) / (m * n)
            return abs(t - area) - 1.959963985 * np.sqrt(variance)

        expected = brentq(distance, 1e-12, area), brentq(distance, area, 1 - 1e-12)
        assert auc_interval(area, m, n) == pytest.approx(expected, abs=1e-9)
    low, high = auc_interval(1.0, 29, 402)
    assert 0.8 < low < high == 1, "a perfect area is no proof"
    low, high = auc_interval(np.array([0.0, np.nan]), 29, 402)
    assert low[0] == 0 < high[0]
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize(("strength", "name"), [(3.0, "trash"), (1.5, "trash"), (1.5, "paper")])
def test_intervals_of_areas_hold_the_truth(strength, name):
    """Both are cautious near 1: they hold the truth in 93 of 100 cases or more, where the bootstrap does in 80."""
    y, p = random_answers(100_000, 9, strength)
    own, score = y == CLASSES.index(name), p[:, CLASSES.index(name)]
    rng, cases = np.random.default_rng(6), 400
    support, areas, precisions = np.empty((3, cases))
    for case in range(cases):
        drawn = rng.integers(0, len(y), 431)
        support[case] = own[drawn].sum()
        areas[case] = auc(own[drawn], score[drawn], np.ones((431, 1)))[0]
        precisions[case] = sk.average_precision_score(own[drawn], score[drawn])
    ends = {"auc": auc_interval(areas, support, 431 - support)}
    ends["average_precision"] = wilson_interval(precisions * support, support)
    truth = {"auc": sk.roc_auc_score(own, score), "average_precision": sk.average_precision_score(own, score)}
    held = {name: ((low <= truth[name]) & (truth[name] <= high)).mean() for name, (low, high) in ends.items()}
    assert min(held.values()) >= 0.93, held


def test_intervals_of_shares_with_a_number_of_photos_left_to_chance_hold_the_truth():
    """Precision, the bins of the reliability diagram and what a threshold accepts: all Wilson's."""
    y, p = random_answers(100_000, 12, strength=1.2)
    answers, bin_low, threshold = p.argmax(axis=1), 0.6, 0.8
    confidence, right = p.max(axis=1), answers == y
    truth = {
        "precision": right[answers == 5].mean(),
        "bin": right[(confidence >= bin_low) & (confidence < 0.7)].mean(),
        "coverage": (confidence >= threshold).mean(),
        "accuracy": right[confidence >= threshold].mean(),
    }
    rng, held, cases = np.random.default_rng(7), dict.fromkeys(truth, 0), 800
    for _ in range(cases):
        drawn = rng.integers(0, len(y), 431)
        named = answers[drawn] == 5
        sure, bins = selective_metrics(y[drawn], p[drawn], threshold), reliability_table(y[drawn], p[drawn], 10)
        ends = {
            "precision": wilson_interval((named & right[drawn]).sum(), named.sum()),
            "bin": tuple(bins.loc[6, ["accuracy_low", "accuracy_high"]]),
            "coverage": (sure["coverage_low"], sure["coverage_high"]),
            "accuracy": (sure["accuracy_low"], sure["accuracy_high"]),
        }
        for name, (low, high) in ends.items():
            held[name] += low <= truth[name] <= high
    shares = {name: count / cases for name, count in held.items()}
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("strength", [3.0, 1.2])
def test_intervals_of_all_headline_metrics_hold_the_truth(strength):
    """For the calibration error the truth is what it comes to on average for as many photos, see `metric_intervals`."""
    y, p = random_answers(100_000, 9, strength)
    q = apply_temperature(p, 1.5)
    truth = metric_values(y, p, q)
    rng, cases, values, lows, highs = np.random.default_rng(8), 400, [], [], []
    for case in range(cases):
        drawn = rng.integers(0, len(y), 431)
        photos = y[drawn], p[drawn], q[drawn]
        values.append(metric_values(*photos))
        low, high = metric_intervals(
            values[-1], compute_metrics(Sample(*photos, next(bootstrap_weights(431, 500, case))))
        )
        lows.append(low)
        highs.append(high)
    for name in ("ece", "ece_calibrated"):
        truth[list(METRICS).index(name)] = np.mean(values, axis=0)[list(METRICS).index(name)]
    held = ((np.array(lows) <= truth) & (truth <= np.array(highs))).mean(axis=0)
    shares = dict(zip(METRICS, held, strict=True))
    # 400 cases vary by 1.1 points; shifting makes the interval of a small calibration error a cautious one.
    assert all(0.90 <= share <= (1.0 if "ece" in name else 0.98) for name, share in shares.items()), shares


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="p_metal"), "lacks the column 'p_metal'"),
        (lambda t: t.assign(split="val"), "split 'test'; choose one of: val"),
        (lambda t: t.assign(label="wood"), "label 'wood'"),
        (lambda t: t.assign(p_metal=np.nan), "do not sum to 1"),
        (lambda t: t.assign(p_metal=2.0), "do not sum to 1"),
        (lambda t: t.iloc[:0], "no predictions for the split"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_name(change, message):
    with pytest.raises(GarbageError, match=message):
        evaluate(change(table_of(*random_answers(10, 12))), CLASSES)


def test_six_decimals_are_enough():
    y, p = random_answers(431, 13)
    exact, stored = (evaluate(table_of(y, q), CLASSES, resamples=0).metrics["value"] for q in (p, p.round(6)))
    assert stored.to_numpy() == pytest.approx(exact.to_numpy(), abs=1e-4)


def test_arrays_hold_what_the_table_holds():
    y, p = random_answers(20, 14)
    table = table_of(y, p)
    labels, probabilities, files = to_arrays(table, CLASSES)
    assert (labels == y).all()
    assert (probabilities == p).all()
    assert files == table["file"].tolist()
