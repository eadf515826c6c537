"""Temperature, threshold and calibration error: by hand, against scikit-learn, and with ties and empty tables."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from garbage_core.evaluation.calibration import (
    ALWAYS_ABSTAINS,
    apply_temperature,
    calibration_error_of_perfect,
    coverage_table,
    fit_temperature,
    fit_threshold,
    reliability_table,
    selective_metrics,
)
from garbage_core.evaluation.metrics import Sample, calibration_error


def expected_calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 15) -> float:
    return float(calibration_error(Sample(y, p, p, np.ones((len(y), 1))), p, bins)[0])


def sure(*confidences: float) -> np.ndarray:
    """Probabilities of two classes whose first has the given confidence."""
    return np.array([[c, 1 - c] for c in confidences])


def calibrated_answers(n: int, seed: int, true_temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from softmax(logits), and the probabilities softmax(logits * T) that claim something else."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, 6))
    y = (rng.random((n, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1).clip(max=5)
    return y, softmax(logits * true_temperature, axis=1)


def test_temperature_is_softmax_of_logits_divided_by_it():
    logits = np.random.default_rng(0).normal(size=(50, 6))
    for temperature in (0.5, 1.0, 2.5):
        expected = softmax(logits / temperature, axis=1)
        assert apply_temperature(softmax(logits, axis=1), temperature) == pytest.approx(expected, abs=1e-6)


def test_temperature_keeps_answers_and_survives_zeros_and_ones():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.2, 0.5, 0.3]])
    for temperature in (0.05, 1.0, 20.0):
        q = apply_temperature(p, temperature)
        assert np.isfinite(q).all()
        assert q.sum(axis=1) == pytest.approx(np.ones(3))
        assert (q.argmax(axis=1) == p.argmax(axis=1)).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(temperature):
    with pytest.raises(ValueError, match="positive"):
        apply_temperature(sure(0.6), temperature)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_fit_finds_the_temperature_that_was_put_in(temperature):
    y, p = calibrated_answers(20_000, 1, temperature)
    found = fit_temperature(y, p.round(6))
    assert found == pytest.approx(temperature, rel=0.03)
    before, after = (expected_calibration_error(y, q) for q in (p, apply_temperature(p, found)))
    assert after < 0.015
    assert after <= before + 1e-3


def test_fit_minimizes_the_log_loss():
    y, p = calibrated_answers(300, 2, 1.7)
    found = fit_temperature(y, p)

    def loss(temperature):
        return -np.log(apply_temperature(p, temperature)[np.arange(300), y]).mean()

    assert loss(found) <= min(loss(found * factor) for factor in (0.8, 0.99, 1.01, 1.25))


def test_nothing_to_fit_leaves_the_temperature_at_one():
    assert fit_temperature(np.array([0, 0]), sure(0.9, 0.6)) == 1.0, "every photo right: only 'surer', not how much"
    assert fit_temperature(np.array([], dtype=int), np.empty((0, 2))) == 1.0


@pytest.mark.parametrize(
    ("confidences", "right", "target", "expected", "accepted"),
    [
        ((0.9, 0.8, 0.7, 0.6), (1, 1, 0, 1), 0.9, 0.8, 2),  # Below 0.8 at most 3 of 4 are right.
        ((0.9, 0.8, 0.7, 0.6), (1, 1, 0, 1), 0.75, 0.6, 4),  # 3 of 4 is just enough, though 2 of 3 is not.
        ((0.9, 0.8, 0.7, 0.6), (1, 1, 1, 1), 0.98, 0.6, 4),  # All right: the lowest confidence seen.
        ((0.9, 0.8, 0.8, 0.6), (1, 1, 0, 0), 0.9, 0.9, 1),  # Equal confidences stand or fall together.
        ((0.9, 0.9, 0.8, 0.6), (1, 0, 1, 1), 0.9, ALWAYS_ABSTAINS, 0),  # The most confident two are half right.
        ((0.9, 0.8, 0.7, 0.6), (0, 0, 0, 0), 0.5, ALWAYS_ABSTAINS, 0),  # Never right.
        ((0.9, 0.8, 0.7, 0.6), (0, 0, 0, 0), 0.0, 0.6, 4),  # Nothing asked.
        ((1.0, 1.0, 0.7), (1, 1, 0), 1.0, 1.0, 2),  # Confidence 1 can be reached.
        ((), (), 0.98, ALWAYS_ABSTAINS, 0),  # No photos, no knowledge.
    ],
)
def test_threshold_by_hand(confidences, right, target, expected, accepted):
    p = sure(*confidences).reshape(-1, 2)
    y = np.array([1 - r for r in right], dtype=int)
    threshold = fit_threshold(y, p, target)
    assert threshold == pytest.approx(expected, abs=2e-6)
    assert int((p.max(axis=1, initial=0) >= threshold).sum()) == accepted


@pytest.mark.parametrize("seed", range(5))
def test_threshold_is_the_one_that_accepts_most(seed):
    y, p = calibrated_answers(300, seed, 1.3)
    if seed % 2:
        p = p.round(1 + seed // 2)
        p /= p.sum(axis=1, keepdims=True)
    threshold = fit_threshold(y, p, target=0.9)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
    accepted = [confidence >= t for t in np.unique(confidence)]
    most = max((a.sum() for a in accepted if correct[a].mean() >= 0.9), default=0)
    assert (confidence >= threshold).sum() == most
    assert round(threshold, 6) == threshold, "survives being written with six decimals"


def test_calibration_error_by_hand():
    y = np.array([0, 0, 1, 0])
    # Bins of 0.1: [0.9, 1) holds 0.95 and 0.93, both right; [0.7, 0.8) holds 0.75 (wrong) and 0.71 (right).
    expected = (2 * abs(1 - 0.94) + 2 * abs(0.5 - 0.73)) / 4
    assert expected_calibration_error(y, sure(0.95, 0.93, 0.75, 0.71), bins=10) == pytest.approx(expected)


def test_reliability_table_is_scikit_learns_curve():
    y, p = calibrated_answers(500, 3, 1.5)
    table = reliability_table(y, p, bins=10)
    right, confidence = calibration_curve(p.argmax(axis=1) == y, p.max(axis=1), n_bins=10)
    filled = table[table["photos"] > 0]
    assert filled["accuracy"].to_numpy() == pytest.approx(right)
    assert filled["confidence"].to_numpy() == pytest.approx(confidence)
    assert table["photos"].sum() == 500
    assert len(table) == 10
    assert table.loc[table["photos"] == 0, ["confidence", "accuracy", "accuracy_low"]].isna().all(axis=None)
    error = (filled["photos"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / 500
    assert error == pytest.approx(expected_calibration_error(y, p, bins=10))


def test_confidence_one_falls_into_the_last_bin():
    table = reliability_table(np.array([0, 0]), sure(1.0, 0.96), bins=15)
    assert table["photos"].tolist()[-1] == 2


def test_perfect_probabilities_show_the_error_that_is_foretold():
    errors = [expected_calibration_error(*calibrated_answers(431, seed)) for seed in range(60)]
    foretold = calibration_error_of_perfect(calibrated_answers(431, 0)[1])
    assert foretold == pytest.approx(np.mean(errors), rel=0.15)
    assert foretold > 0.02, "with 431 photos even perfect probabilities seem off by some points"


def test_coverage_table_by_hand():
    table = coverage_table(np.array([0, 0, 1, 0, 1]), sure(0.9, 0.8, 0.8, 0.7, 0.6))
    assert table["threshold"].tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert table["accepted"].tolist() == [5, 4, 3, 1]
    assert table["right"].tolist() == [3, 3, 2, 1]
    assert table["coverage"].tolist() == pytest.approx([1, 0.8, 0.6, 0.2])
    assert table["accuracy"].tolist() == pytest.approx([3 / 5, 3 / 4, 2 / 3, 1])
    assert (table["accuracy_low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_high"]).all()


def test_coverage_table_and_selective_metrics_agree():
    y, p = calibrated_answers(200, 4)
    for row in coverage_table(y, p).iloc[::20].to_dict("records"):
        chosen = selective_metrics(y, p, row["threshold"])
        assert {key: chosen[key] for key in row} == pytest.approx(row)


def test_selective_metrics_by_hand():
    chosen = selective_metrics(np.array([0, 1, 0, 1]), sure(0.9, 0.8, 0.7, 0.6), threshold=0.8)
    assert (chosen["photos"], chosen["accepted"], chosen["right"]) == (4, 2, 1)
    assert (chosen["coverage"], chosen["accuracy"], chosen["mistakes_caught"]) == (0.5, 0.5, 0.5)
    nothing = selective_metrics(np.array([0, 1]), sure(0.9, 0.8), ALWAYS_ABSTAINS)
    assert (nothing["accepted"], nothing["coverage"], nothing["mistakes_caught"]) == (0, 0.0, 1.0)
    assert np.isnan(nothing["accuracy"])
