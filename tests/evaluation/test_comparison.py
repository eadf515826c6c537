"""Two models on the same photos: McNemar's test, paired intervals, groups of photos, and what a sentence may claim."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest
from sklearn import metrics as sk

from garbage_core.errors import GarbageError
from garbage_core.evaluation.comparison import GROUPS, compare, compare_runs
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.evaluation.intervals import bootstrap_weights, mcnemar_test, paired_interval, percentile_interval
from garbage_core.evaluation.metrics import METRICS
from tests.fixtures.runs import fake_run

CLASSES = ("glass", "metal", "paper")


def table_of(labels, answers, classes=CLASSES, split="test") -> pd.DataFrame:
    """One photo per pair: the answer has probability 0.8, the others share the rest."""
    p = np.full((len(labels), len(classes)), 0.2 / (len(classes) - 1))
    p[np.arange(len(labels)), answers] = 0.8
    table = pd.DataFrame({"file": [f"photo{i:04}.jpg" for i in range(len(labels))], "split": split})
    table["label"] = [classes[c] for c in labels]
    return table.assign(**{f"p_{name}": p[:, c] for c, name in enumerate(classes)})


def two_models(both: int, only_a: int, only_b: int, neither: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of two models that are right on these numbers of photos; labels go round the classes."""
    right_a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    right_b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    labels = np.arange(len(right_a)) % 3
    return table_of(labels, np.where(right_a, labels, (labels + 1) % 3)), table_of(
        labels, np.where(right_b, labels, (labels + 2) % 3)
    )


@pytest.mark.parametrize(
    ("only_a", "only_b", "expected"),
    [
        (0, 0, 1.0),  # No photo tells them apart.
        (1, 1, 1.0),  # Balanced.
        (0, 1, 1.0),  # 2 * 0.5
        (0, 5, 2 * 0.5**5),  # Five of five one way.
        (1, 7, 2 * (1 + 8) / 2**8),  # One or none of eight, both ways.
        (10, 10, 1.0),  # Balanced.
        (6, 2, 2 * (1 + 8 + 28) / 2**8),  # Two or fewer of eight.
    ],
)
def test_mcnemar_by_hand(only_a, only_b, expected):
    right_a = np.repeat([1, 1, 0, 0], [4, only_a, only_b, 3])
    right_b = np.repeat([1, 0, 1, 0], [4, only_a, only_b, 3])
    table, p = mcnemar_test(right_a, right_b)
    assert table.to_numpy().tolist() == [[4, only_a], [only_b, 3]]
    assert p == pytest.approx(expected)


def test_mcnemar_is_symmetric_and_the_doubled_binomial_tail():
    rng = np.random.default_rng(0)
    for _ in range(20):
        right_a, right_b = rng.random(200) < 0.8, rng.random(200) < 0.85
        table, p = mcnemar_test(right_a, right_b)
        less, more = sorted([table.iloc[0, 1], table.iloc[1, 0]])
        assert p == pytest.approx(min(1, 2 * binom.cdf(less, less + more, 0.5)))
        assert p == mcnemar_test(right_b, right_a)[1]


def test_mcnemar_is_that_of_statsmodels_on_random_tables():
    from statsmodels.stats.contingency_tables import mcnemar

    rng = np.random.default_rng(4)
    for photos in (1, 3, 10, 60, 431, 2527):
        for _ in range(20):
            agree, a_better = rng.random(2)
            right_a = rng.random(photos) < 0.8
            right_b = np.where(rng.random(photos) < agree, right_a, rng.random(photos) < a_better)
            table, p = mcnemar_test(right_a, right_b)
            expected = mcnemar(table.to_numpy(), exact=True)
            assert p == pytest.approx(expected.pvalue, rel=1e-9)
            assert min(table.iloc[0, 1], table.iloc[1, 0]) == expected.statistic


def test_differences_are_b_minus_a_of_the_two_evaluations():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    a, b = table_of(labels, rng.integers(0, 3, 200)), table_of(labels, np.where(rng.random(200) < 0.8, labels, 0))
    both = compare(a, b, CLASSES, temperature_b=2.0, resamples=50)
    alone_a, alone_b = evaluate(a, CLASSES, resamples=0), evaluate(b, CLASSES, temperature=2.0, resamples=0)
    for name in METRICS:
        assert both.metric(name)[0] == pytest.approx(alone_b.metric(name)[0] - alone_a.metric(name)[0])
    assert both.per_class["recall_b"].tolist() == pytest.approx(alone_b.per_class["recall"].tolist())
    assert both.per_class["support"].tolist() == alone_a.per_class["support"].tolist()
    turned = compare(b, a, CLASSES, temperature_a=2.0, resamples=50)
    assert turned.metric("accuracy") == pytest.approx(tuple(-both.metric("accuracy")[i] for i in (0, 2, 1)))


def test_pairing_makes_the_interval_narrower():
    """Models that fail on the same photos differ by a known amount, however hard the photos are."""
    a, b = two_models(both=250, only_a=2, only_b=22, neither=157)
    difference, low, high = compare(a, b, CLASSES).metric("accuracy")
    separate = [evaluate(t, CLASSES).metric("accuracy") for t in (a, b)]
    assert difference == pytest.approx(20 / 431)
    assert 0 < low < difference < high
    assert high - low < 0.7 * max(one[2] - one[1] for one in separate)


@pytest.mark.slow
def test_paired_bootstrap_holds_the_truth_in_93_to_97_of_100_cases():
    rng, held, cases = np.random.default_rng(4), 0, 500
    shares = np.array([0.80, 0.03, 0.10, 0.07])  # Both right, only a, only b, neither.
    for case in range(cases):
        outcome = rng.choice(4, 431, p=shares)
        gain = (outcome == 2).astype(float) - (outcome == 1)
        draws = np.concatenate([gain @ w / 431 for w in bootstrap_weights(431, 500, case)])
        low, high = percentile_interval(draws[None])
        held += low[0] <= 0.07 <= high[0]
    assert 0.93 <= held / cases <= 0.97


@pytest.mark.parametrize("shares", [(0.6, 0.05, 0.2, 0.15), (0.8, 0.02, 0.13, 0.05)])
def test_interval_of_a_small_class_holds_the_truth(shares):
    # The class has about 29 of 431 photos; here the bootstrap would hold it in 90 to 93 of 100 cases.
    rng = np.random.default_rng(5)
    photos = rng.binomial(431, 29 / 431, size=20_000)
    outcomes = rng.multinomial(photos, shares)
    low, high = paired_interval(outcomes[:, 1], outcomes[:, 2], photos)
    truth = shares[2] - shares[1]
    assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.97


def test_paired_interval_never_claims_certainty():
    low, high = paired_interval(0, 0, 29)
    assert -0.1 < low < 0 < high < 0.1, "no photo differs, yet others might"
    low, high = paired_interval(0, 1, 1)
    assert low <= 1 <= high <= 1
    assert np.isnan(paired_interval(0, 0, np.nan)).all()


@pytest.mark.parametrize(
    ("photos", "sentence", "better"),
    [
        # Only b right on 60, only a on 7, of 431: 53 more, which is 12.3 points.
        ((340, 7, 60, 24), "Transfer is better by 12.3 points (95 % interval 8.8 to 16.0, p < 0.001) on the 431", "b"),
        # The same with the roles turned.
        ((340, 60, 7, 24), "Scratch is better by 12.3 points (95 % interval 8.8 to 16.0, p < 0.001) on the 431", "a"),
        # 20 against 15: five more prove nothing.
        (
            (380, 15, 20, 16),
            "The 431 test photos do not settle which is better: Transfer is ahead of Scratch by 1.2",
            None,
        ),
        # As many each way.
        ((380, 10, 10, 31), "Scratch and Transfer are right equally often (95 % interval -2.1 to 2.1, p = 1.00)", None),
        # Five photos, all one way: p = 0.06.
        ((0, 0, 5, 0), "The 5 test photos do not settle which is better: Transfer is ahead of Scratch by 100.0", None),
    ],
)
def test_sentence_claims_no_more_than_the_photos_show(photos, sentence, better):
    comparison = compare(*two_models(*photos), CLASSES, name_a="Scratch", name_b="Transfer")
    head, _, tail = sentence.partition("95 % interval")
    assert comparison.sentence.startswith(head)
    if tail:  # The ends of the interval depend on the draws in their last digit only.
        numbers, expected = (
            [float(word.strip("(),;:")) for word in text.split() if word.strip("(),;:-").replace(".", "").isdigit()]
            for text in (comparison.sentence.partition("95 % interval")[2], tail)
        )
        assert numbers[: len(expected)] == pytest.approx(expected, abs=0.5)
    assert comparison.better == {"a": "Scratch", "b": "Transfer", None: None}[better]


def test_groups_and_agreement_hold_every_photo_once():
    comparison = compare(*two_models(5, 3, 4, 2), CLASSES, resamples=0)
    assert {name: len(comparison.group(name)) for name in GROUPS} == {
        "both_right": 5,
        "only_a": 3,
        "only_b": 4,
        "both_wrong": 2,
    }
    only_a = comparison.group("only_a")
    assert only_a["correct_a"].all()
    assert not only_a["correct_b"].any()
    assert comparison.table.to_numpy().tolist() == [[5, 3], [4, 2]]
    answers = comparison.photos
    assert comparison.agreement.to_numpy().tolist() == (
        sk.confusion_matrix(answers["predicted_a"], answers["predicted_b"], labels=CLASSES).tolist()
    )
    assert comparison.agreement_rate == pytest.approx(5 / 14), "wrong answers of the two differ here"


def test_agreement_beyond_chance_is_cohens_kappa():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 150)
    answers = [np.where(rng.random(150) < 0.6, labels, rng.integers(0, 3, 150)) for _ in range(2)]
    comparison = compare(*(table_of(labels, a) for a in answers), CLASSES, resamples=0)
    rate, chance = comparison.agreement_rate, comparison.agreement_by_chance
    assert rate == pytest.approx((answers[0] == answers[1]).mean())
    assert (rate - chance) / (1 - chance) == pytest.approx(sk.cohen_kappa_score(*answers))
    same = int((answers[0] == answers[1]).sum())
    expected = binomtest(same, 150).proportion_ci(method="wilson")
    assert comparison.agreement_interval == pytest.approx((expected.low, expected.high))


def test_recalls_have_the_intervals_they_have_alone():
    a, b = two_models(50, 10, 20, 5)
    rows, alone = compare(a, b, CLASSES, resamples=0).per_class, evaluate(b, CLASSES, resamples=0).per_class
    assert rows["recall_b_low"].tolist() == pytest.approx(alone["recall_low"].tolist())
    assert rows["recall_b_high"].tolist() == pytest.approx(alone["recall_high"].tolist())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_paired_intervals_of_all_metrics_hold_the_truth():
    """Draws many test sets from one huge set that both models have answered."""
    from garbage_core.evaluation.metrics import Sample, compute_metrics, metric_intervals, metric_values
    from tests.evaluation.test_evaluation import random_answers

    y, p = random_answers(60_000, 9, 3.0)
    noise = random_answers(60_000, 10, 1.0)[1]
    pair = [p, np.sqrt(p * noise) / np.sqrt(p * noise).sum(axis=1, keepdims=True)]
    everything = [metric_values(y, q, q) for q in pair]
    truth = everything[1] - everything[0]
    rng, cases, values, lows, highs = np.random.default_rng(9), 300, [], [], []
    for case in range(cases):
        drawn = rng.integers(0, len(y), 431)

        def differences(weights, drawn=drawn):
            both = [compute_metrics(Sample(y[drawn], q[drawn], q[drawn], weights)) for q in pair]
            return both[1] - both[0]

        values.append(differences(np.ones((431, 1)))[:, 0])
        low, high = metric_intervals(values[-1], differences(next(bootstrap_weights(431, 400, case))))
        lows.append(low)
        highs.append(high)
    for name in ("ece", "ece_calibrated"):
        truth[list(METRICS).index(name)] = np.mean(values, axis=0)[list(METRICS).index(name)]
    held = ((np.array(lows) <= truth) & (truth <= np.array(highs))).mean(axis=0)
    shares = dict(zip(METRICS, held, strict=True))
    assert all(0.91 <= share <= (1.0 if "ece" in name else 0.98) for name, share in shares.items()), shares


def test_photos_are_matched_by_file_whatever_the_order():
    a, b = two_models(5, 3, 4, 2)
    straight = compare(a, b, CLASSES, resamples=0)
    shuffled = compare(a, b.sample(frac=1, random_state=0), CLASSES, resamples=0)
    pd.testing.assert_frame_equal(straight.photos, shuffled.photos)
    pd.testing.assert_frame_equal(straight.table, shuffled.table)


def test_photos_that_one_model_may_have_been_trained_on_are_left_out():
    a, b = two_models(5, 3, 4, 2)
    b.loc[:3, "split"] = "train"
    comparison = compare(a, b, CLASSES, resamples=0)
    assert (comparison.n, comparison.left_out) == (10, 4)
    assert not set(comparison.photos["file"]) & set(b.loc[:3, "file"])


@pytest.mark.parametrize("classes", [("jar", "can"), ("can", "cup")])
def test_runs_of_other_classes_or_in_another_order_are_refused(tmp_path, classes):
    a = fake_run(tmp_path, "scratch", classes=("can", "jar"))
    b = fake_run(tmp_path, "transfer", classes=classes)
    with pytest.raises(GarbageError, match=f"'Transfer' knows {', '.join(classes)}: compare runs with the same"):
        compare_runs(a, b)


def test_runs_that_cannot_be_compared_are_refused():
    a, b = two_models(5, 3, 4, 2)
    with pytest.raises(GarbageError, match="no photo of the split 'val' in common"):
        compare(a, b, CLASSES, split="val")
    with pytest.raises(GarbageError, match=r"'photo0000\.jpg' is 'glass' for A but 'paper' for B"):
        compare(a, b.assign(label="paper"), CLASSES)


def test_a_class_without_photos_has_no_recall_difference():
    a, b = table_of([0, 0, 1], [0, 1, 1]), table_of([0, 0, 1], [0, 0, 1])
    comparison = compare(a, b, CLASSES, resamples=100)
    rows = comparison.per_class.set_index("label")
    assert rows.loc["glass", "difference"] == pytest.approx(0.5)
    assert rows.loc["paper", ["recall_a", "difference", "low", "high"]].isna().all()
    document = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert document["per_class"][2]["difference"] is None
    assert document["table"] == {"both_right": 2, "only_a": 0, "only_b": 1, "both_wrong": 0}
