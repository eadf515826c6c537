"""How evenly classes and splits are filled, by hand and against SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from garbage_core.data.class_balance import (
    balance_table,
    effective_number,
    expected_counts,
    imbalance_ratio,
    largest_gap,
    stratification_p,
)

COUNTS = pd.DataFrame({"train": [60, 20], "test": [20, 20]}, index=["can", "jar"])


@pytest.mark.parametrize(
    ("counts", "ratio"),
    [([594, 137], 594 / 137), ([5, 5, 5], 1.0), ([3, 0], float("inf"))],
)
def test_ratio_of_the_largest_class_to_the_smallest(counts, ratio):
    assert imbalance_ratio(counts) == ratio


def test_the_nth_photo_counts_as_a_power_of_beta():
    for beta in (0.0, 0.9, 0.999):
        by_hand = [sum(beta**k for k in range(n)) for n in (0, 1, 2, 400)]
        assert effective_number([0, 1, 2, 400], beta) == pytest.approx(by_hand)
    assert effective_number([91], 0.9999999)[0] == pytest.approx(91, rel=1e-4)


def test_even_shares_keep_the_sums():
    even = expected_counts(COUNTS)
    assert even.to_numpy().tolist() == pytest.approx(np.array([[160 / 3, 80 / 3], [80 / 3, 40 / 3]]))
    assert even.sum().tolist() == pytest.approx(COUNTS.sum().tolist())
    assert even.sum(axis=1).tolist() == pytest.approx(COUNTS.sum(axis=1).tolist())


def test_the_chance_of_splits_as_uneven_is_the_chi_square_test():
    even = expected_counts(COUNTS)
    statistic = ((COUNTS - even) ** 2 / even).to_numpy().sum()
    assert stratification_p(COUNTS) == pytest.approx(chi2.sf(statistic, 1))
    assert stratification_p(COUNTS * 0 + 10) == pytest.approx(1)
    # A split or a class without photos says nothing about the others.
    assert stratification_p(COUNTS.assign(val=0)) == pytest.approx(stratification_p(COUNTS))
    assert np.isnan(stratification_p(COUNTS[["train"]]))


def test_the_largest_gap_is_relative():
    assert largest_gap(COUNTS) == ("jar", "test", 20, pytest.approx(40 / 3))
    assert largest_gap(COUNTS.assign(val=0))[:2] == ("jar", "test")


def test_the_table_counts_what_training_learns_from():
    table = balance_table(COUNTS, beta=0.5).set_index("label")
    assert table.loc["jar", ["train", "test", "photos"]].tolist() == [20, 20, 40]
    assert table.loc["can", "share"] == pytest.approx(80 / 120)
    assert table.loc["can", "test_expected"] == pytest.approx(80 / 3)
    assert table["effective"].tolist() == pytest.approx(effective_number([60, 20], 0.5))
    alone = balance_table(COUNTS[["test"]], beta=0.5)
    assert alone["effective"].tolist() == pytest.approx(effective_number([20, 20], 0.5))
