"""How sure is a metric? Bootstrap over photos, fast enough to run whenever a page is drawn, and the Wilson interval.

The bootstrap draws as many photos as there are, with replacement, from all of them alike (not within each class: the
test photos are themselves a draw in which the number of each class is chance), computes every metric again, and takes
the 2.5th and 97.5th percentile (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13).

A draw is a column of weights: how often each photo was drawn. `scores` computes every metric for all columns at once.
"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

LEVEL = 0.95
# Numbers in one block of weights (4 MB): a data set of any size fits, and the processor's cache holds the block.
_BLOCK = 500_000


def bootstrap_weights(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draws `resamples` times `n` photos with replacement.

    Args:
        n: Number of photos.
        resamples: Number of draws.
        seed: Equal seeds give equal draws, which is what makes a comparison of two models a paired one.

    Yields:
        Blocks of shape (n, r) with how often each photo was drawn; all r together are `resamples`.
    """
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // max(n, 1))
    for start in range(0, resamples, block):
        r = min(block, resamples - start)
        drawn = rng.integers(0, n, size=(r, n)) * r + np.arange(r)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * r).reshape(n, r).astype(np.float64)


def percentile_interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the central 95 % of the last axis, without the draws in which a metric was undefined (NaN)."""
    tail = (1 - LEVEL) / 2
    defined = np.isfinite(draws).any(axis=-1)
    low, high = np.full((2, *defined.shape), np.nan)
    if defined.any():
        low[defined], high[defined] = np.nanquantile(draws[defined], [tail, 1 - tail], axis=-1)
    return low, high


def wilson_interval(successes: np.ndarray | float, trials: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 95 % score interval of a share (Wilson 1927).

    Brown, Cai and DasGupta 2001 (https://doi.org/10.1214/ss/1009213286) recommend it for few trials: it keeps near 95 %
    where the bootstrap fails, as for 29 photos of which all are right, whose bootstrap interval is a single point.

    Args:
        successes: Number of successes, any shape.
        trials: Number of trials, same shape; no trials give 0..1, NaN gives NaN.

    Returns:
        Lower and upper ends.
    """
    successes, trials = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = norm.ppf((1 + LEVEL) / 2)
    spread = z * np.sqrt(successes * (1 - divide(successes, trials, 0.0)) + z**2 / 4)
    middle = successes + z**2 / 2
    return np.clip((middle - spread) / (trials + z**2), 0, 1), np.clip((middle + spread) / (trials + z**2), 0, 1)


def divide(a: np.ndarray, b: np.ndarray, otherwise: float) -> np.ndarray:
    """Returns a / b, and `otherwise` where b is 0."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.full(a.shape, otherwise), where=b != 0)


def plain_number(value: object) -> object:
    """Returns a NumPy number as one that JSON can hold: NaN and infinity become None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
