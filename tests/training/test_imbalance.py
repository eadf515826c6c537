"""Each class gets its own weight, each strategy does what its paper says."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from garbage_core.errors import GarbageError
from garbage_core.studies.tables import strategy_name
from garbage_core.training.imbalance import (
    STRATEGIES,
    Strategy,
    balanced_weights,
    effective_number_weights,
    epoch_order,
    find_strategy,
    loss_weights,
    make_loss,
)

COUNTS = np.array([287, 354, 286, 403, 347, 91])


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras
    import keras


@pytest.mark.parametrize("seed", range(5))
def test_balanced_weights_belong_to_their_class_whatever_the_order_of_rows(seed):
    """The starting recipe computed weights in order of appearance and gave them to classes in order of name."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(6), COUNTS))
    weights = balanced_weights(np.bincount(labels, minlength=6))
    np.testing.assert_allclose(weights, compute_class_weight("balanced", classes=np.arange(6), y=labels))
    assert weights.argmax() == 5
    assert weights.argmin() == 3
    np.testing.assert_allclose(weights * COUNTS, COUNTS.sum() / 6)  # every class pulls equally


def test_effective_number_lies_between_no_weights_and_balanced_ones():
    np.testing.assert_allclose(effective_number_weights(COUNTS, 0.0), 1)
    np.testing.assert_allclose(effective_number_weights(COUNTS, 1 - 1e-9), balanced_weights(COUNTS), rtol=1e-3)
    # By hand: with beta 0.9 and counts 1 and 2, effective numbers are 1 and 1.9.
    weights = effective_number_weights(np.array([1, 2]), 0.9)
    assert weights[0] / weights[1] == pytest.approx(1.9)
    assert weights @ [1, 2] == pytest.approx(3)


def test_absent_class_weighs_nothing_and_distorts_nothing():
    for make in (balanced_weights, effective_number_weights):
        weights = make(np.array([10, 0, 30]))
        assert weights[1] == 0
        np.testing.assert_allclose(weights[[0, 2]], make(np.array([10, 30])))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_weighting_strategies_weigh(strategy):
    assert (loss_weights(strategy, COUNTS) is not None) == (strategy in ("class_weights", "effective_number"))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_order_shows_every_photo_once_unless_it_oversamples(strategy):
    labels = np.repeat(np.arange(6), COUNTS)
    order = epoch_order(strategy, labels, np.random.default_rng(0))
    assert len(order) == len(labels)
    if strategy == "oversample":
        shown = np.bincount(labels[order], minlength=6)
        assert shown.max() - shown.min() <= 1
        times = np.bincount(order, minlength=len(labels))
        assert np.ptp(times[labels == 5]) <= 1  # the rare photos take turns
    else:
        assert sorted(order) == list(range(len(labels)))
    assert (order != epoch_order(strategy, labels, np.random.default_rng(1))).any()


def _value(strategy, logits, label, counts=COUNTS, smoothing=0.0):
    loss = make_loss(strategy, counts, smoothing)
    return float(loss(np.eye(len(counts), dtype="float32")[[label]], np.array([logits], "float32")))


def test_cross_entropy_by_hand():
    assert _value("none", [0.0] * 6, 2) == pytest.approx(np.log(6), rel=1e-5)


def test_focal_is_cross_entropy_times_squared_miss():
    # Equal logits: p = 1/6, so the factor is (5/6)^2.
    assert _value("focal", [0.0] * 6, 2) == pytest.approx((5 / 6) ** 2 * np.log(6), rel=1e-4)


def test_logit_adjustment_adds_the_log_of_each_class_share():
    # With equal logits the adjusted prediction is the prior itself.
    for label in range(6):
        expected = -np.log(COUNTS[label] / COUNTS.sum())
        assert _value("logit_adjustment", [0.0] * 6, label) == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(_value("logit_adjustment", [0.0] * 3, 1, np.array([5, 0, 5])))


def test_label_smoothing_reaches_every_loss():
    for strategy in STRATEGIES:
        logits = [4.0, 0, 0, 0, 0, 0]
        assert _value(strategy, logits, 0, smoothing=0.1) != pytest.approx(_value(strategy, logits, 0))


def test_unknown_strategy_is_refused():
    for call in (lambda: loss_weights("magic", COUNTS), lambda: make_loss("magic", COUNTS)):
        with pytest.raises(GarbageError, match="'magic'"):
            call()


def test_losses_come_from_keras_where_it_has_them():
    assert isinstance(make_loss("focal", COUNTS), keras.losses.CategoricalFocalCrossentropy)
    assert isinstance(make_loss("class_weights", COUNTS), keras.losses.CategoricalCrossentropy)


def test_a_strategy_that_is_added_is_trained_and_shown_everywhere(monkeypatch):
    """One entry of the registry is enough: weights, order, loss, names in figures, errors and on the page."""
    added = Strategy(
        "square_root",
        "Square root",
        "Class weights, each its square root.",
        class_weights=lambda counts: np.sqrt(balanced_weights(counts)),
        order=lambda labels, rng: np.arange(len(labels))[::-1],
        loss=lambda counts, label_smoothing: keras.losses.MeanSquaredError(),
    )
    monkeypatch.setitem(STRATEGIES, "square_root", added)
    np.testing.assert_allclose(loss_weights("square_root", COUNTS) ** 2, balanced_weights(COUNTS))
    assert list(epoch_order("square_root", np.array([0, 1, 1]), np.random.default_rng(0))) == [2, 1, 0]
    assert isinstance(make_loss("square_root", COUNTS), keras.losses.MeanSquaredError)
    assert strategy_name("square_root") == "Square root"
    with pytest.raises(GarbageError, match=r"choose one of none, .*, square_root"):
        find_strategy("magic")


def test_strategies_are_read_without_keras():
    code = "import sys; from garbage_core.studies.tables import STRATEGIES; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
