"""How evenly the classes and the splits are filled: pure functions of a table of counts.

    counts    classes in rows, splits in columns, numbers of photos; see `dataset.split_counts`

Nothing here loads Keras; the strategies against imbalance are in `garbage_core.training.imbalance`.
"""

import numpy as np
import pandas as pd

BETAS = (0.9, 0.99, 0.999, 0.9999)  # the paper's
ABOUT_EQUAL = 1.05  # times as many photos, which would read as 1.0
EFFECTIVE_NUMBER_BETA = 0.999  # of these the one whose weights differ from `balanced` at some hundred photos


def imbalance_ratio(counts: pd.Series | np.ndarray) -> float:
    """Returns how many times as many photos the largest class has as the smallest; infinite if that has none."""
    counts = np.asarray(counts, float)
    return float(counts.max() / counts.min()) if counts.min() > 0 else float("inf")


def class_sizes(counts: pd.Series) -> str:
    """Says how uneven classes are, to follow "60 photos of 3 classes".

    Args:
        counts: Photos of each class, by its name.

    Returns:
        "; the largest, a, has 2.0 times as many as the smallest, b"; of classes that are about equal ", 20 of each".
    """
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        return f", {low:,} of each"
    if (ratio := imbalance_ratio(counts)) < ABOUT_EQUAL:
        return f", {low:,} to {high:,} of each"
    return f"; the largest, {counts.idxmax()}, has {ratio:.1f} times as many as the smallest, {counts.idxmin()}"


def effective_number(counts: pd.Series | np.ndarray, beta: float = EFFECTIVE_NUMBER_BETA) -> np.ndarray:
    """Returns the effective number of photos, (1 - beta^n) / (1 - beta) of Cui et al. 2019 (arXiv:1901.05555).

    The more photos a class has, the likelier another one shows nothing new: the first counts as one photo, the n-th as
    beta^(n-1).

    Args:
        counts: Photos of each class, shape (C,).
        beta: From 0 (a class counts as one photo) to below 1 (toward the number of photos itself).

    Returns:
        Shape (C,), from 0 for a class without photos to below 1 / (1 - beta).
    """
    return (1 - beta ** np.asarray(counts, float)) / (1 - beta)


def expected_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Returns how many photos of each class each split would have, were every class dealt out alike.

    Args:
        counts: Classes in rows, splits in columns.

    Returns:
        The same rows and columns: the class's share of all photos times the photos of the split; no whole numbers.
    """
    total = counts.to_numpy().sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(total, 1)
    return pd.DataFrame(expected, index=counts.index, columns=counts.columns)


def stratification_p(counts: pd.DataFrame) -> float:
    """Returns how often splits drawn blindly would be as uneven as these: Pearson's chi-square test of independence.

    Args:
        counts: Classes in rows, splits in columns.

    Returns:
        The p value, 0..1; NaN with fewer than two classes or two splits that have photos. Close to 1: the classes were
        dealt out more evenly than chance does. Close to 0: less evenly.
    """
    from scipy.stats import chi2_contingency

    filled = counts.loc[counts.sum(axis=1) > 0, counts.sum(axis=0) > 0]
    return float(chi2_contingency(filled, correction=False).pvalue) if min(filled.shape) > 1 else float("nan")


def largest_gap(counts: pd.DataFrame) -> tuple[str, str, int, float]:
    """Returns the class and the split that lie farthest from an even share, in relation to it.

    Args:
        counts: Classes in rows, splits in columns.

    Returns:
        (class, split, photos there are, photos that were even).
    """
    expected = expected_counts(counts)
    gaps = ((counts - expected).abs() / expected.where(expected > 0, np.inf)).to_numpy()
    row, column = (int(place) for place in np.unravel_index(gaps.argmax(), gaps.shape))
    there, even = counts.to_numpy()[row, column], expected.to_numpy()[row, column]
    return str(counts.index[row]), str(counts.columns[column]), int(there), float(even)


def balance_table(counts: pd.DataFrame, beta: float = EFFECTIVE_NUMBER_BETA) -> pd.DataFrame:
    """Returns all of this in one table.

    Args:
        counts: Classes in rows, splits in columns.
        beta: See `effective_number`.

    Returns:
        Columns `label`; the photos and the `<split>_expected` of every split; `photos` in all, their `share` (0..1);
        and `effective`, the effective number of the class's photos in train, or in all where there is no such split.
    """
    expected = expected_counts(counts)
    table = pd.DataFrame({"label": counts.index})
    for split in counts:
        table[split] = counts[split].to_numpy()
        table[f"{split}_expected"] = expected[split].to_numpy()
    totals = counts.sum(axis=1).to_numpy()
    learned = counts.get("train", totals)
    return table.assign(photos=totals, share=totals / max(totals.sum(), 1), effective=effective_number(learned, beta))
