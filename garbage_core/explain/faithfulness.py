"""Faithfulness of heat maps: does the class lose its probability once the hottest places are removed?

    chance = lambda photos: classifier.probabilities(photos)[:, 1]
    result = faithfulness(chance, photo, heat)
    result.difference  # area between the curves of random and of hottest places; above 0, the map is better than chance

This is the deletion curve of Petsiuk et al. 2018 (RISE, arXiv:1806.07421) with three changes, each for a reason:

- What is removed is filled in smoothly from what is left around it, as Rong et al. 2022 do (ROAD, arXiv:2202.00449), on
  a grid of cells. Gray squares are unlike any training photo, so they lower a probability wherever they lie; a
  blurred object still has its color, which alone can give a class away. On twelve test photos (transfer, Grad-CAM, in
  shares of the first probability) the areas for the map, random order and a map moved by half a photo were 0.39, 0.55
  and 0.64 so; 0.40, 0.51 and 0.63 with blur; and 0.33, 0.28 and 0.42 with gray, which scattered squares use up fastest.
- The curve is drawn against removal in random order. How fast a probability falls depends on the photo and on the
  network; only the distance to chance says anything about the map.
- Cells, not single pixels, are removed in both orders, so that the orders alone make the difference. They are about
  square, `CELLS` along the photo's shorter side.

Everything here is a function of arrays and of one function that gives probabilities; no network is known here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from PIL import Image

from garbage_core.utils.system import in_batches

# From photos, uint8 (N, h, w, 3), to the probability of one class for each, (N,).
Probability = Callable[[np.ndarray], np.ndarray]

# Shares of the photo that are removed. Closer together where a good map makes the probability fall.
SHARES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
DRAWS = 6  # random orders; each costs as many calls as the map itself, but serves every map of the same photo and class
BATCH_SIZE = 8
LEAST = 0.1  # a class that loses less than this, whatever is removed, tells nothing about a map
MARGIN = 0.01  # areas that differ by less count as equal
CELLS = 15  # along the shorter side; 16 pixels each at 320x240, half the step of the last feature map


@dataclass(frozen=True, eq=False)
class RandomRemoval:
    """The effect of removing places in random order: the baseline of every map of one photo, class and network.

    Shares of the photo removed, from 0 to 1, (P,), and the class's probability in each draw, (draws, P).
    """

    shares: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How the probability of a class falls as the hottest places of a map are removed.

    Shares of the photo removed, from 0 to 1, (P,), and the class's probability with so much of the hottest removed,
    (P,), and in each random order, (draws, P).
    """

    shares: np.ndarray = field(repr=False)
    hottest: np.ndarray = field(repr=False)
    random: np.ndarray = field(repr=False)

    @property
    def start(self) -> float:
        """Probability of the class on the whole photo, 0..1."""
        return float(self.hottest[0])

    @cached_property
    def area(self) -> float:
        """Area under the curve of the hottest places, 0..1; the smaller, the better the map."""
        return float(area_under(self.shares, self.hottest))

    @cached_property
    def random_areas(self) -> np.ndarray:
        """Area under the curve of each random order, shape (draws,)."""
        return area_under(self.shares, self.random)

    @property
    def random_area(self) -> float:
        """Mean area under the curves of random order, 0..1."""
        return float(self.random_areas.mean())

    @property
    def difference(self) -> float:
        """Area of random order less that of the map, -1..1: 0 for a map no better than chance, below 0 for a worse."""
        return self.random_area - self.area

    @cached_property
    def chance_range(self) -> tuple[float, float]:
        """Range in which the area of 90 % of random orders lies; never narrower than `MARGIN` to either side.

        The prediction interval, by Student's t, for one more draw from the normal distribution that `random_areas`
        come from. One draw alone gives no range but the margin.
        """
        from scipy.stats import t

        draws, half = len(self.random_areas), MARGIN
        if draws > 1:
            spread = float(self.random_areas.std(ddof=1)) * np.sqrt(1 + 1 / draws)
            half = max(half, float(t.ppf(0.95, draws - 1)) * spread)
        return self.random_area - half, self.random_area + half

    @property
    def verdict(self) -> str:
        """Verdict: "better" if the map does better than 95 of 100 random orders would, "worse" if worse, else "chance".

        "little" if the class has less than `LEAST` to lose, "flat" if it loses less whatever is removed.
        """
        if self.start < LEAST:
            return "little"
        if self.start - min(self.hottest.min(), self.random.min()) < LEAST:
            return "flat"
        low, high = self.chance_range
        if self.area < low:
            return "better"
        return "worse" if self.area > high else "chance"

    def after(self, share: float) -> tuple[float, float]:
        """Returns the probability with a share removed: of the hottest places, and of random ones (mean)."""
        hottest = np.interp(share, self.shares, self.hottest)
        return float(hottest), float(np.interp(share, self.shares, self.random.mean(axis=0)))

    def to_table(self) -> pd.DataFrame:
        """Returns the curves: `removed`, `hottest`, `random` (mean), `random_low`, `random_high` (0..1)."""
        low, mean, high = self.random.min(axis=0), self.random.mean(axis=0), self.random.max(axis=0)
        columns = {"removed": self.shares, "hottest": self.hottest}
        return pd.DataFrame(columns | {"random": mean, "random_low": low, "random_high": high})


def faithfulness(
    probability: Probability,
    photo: np.ndarray,
    heat: np.ndarray,
    random: RandomRemoval | None = None,
    progress: Callable[[int], None] | None = None,
) -> Faithfulness:
    """Measures how much faster a class loses its probability in the order of a heat map than in random order.

    Args:
        probability: Gives the probability of the map's class for photos, uint8 (N, h, w, 3), as (N,).
        photo: Prepared photo, uint8 (h, w, 3).
        heat: Heat map of shape (h, w), any range; places of equal heat are removed in random order.
        random: Baseline from `random_removal` for this photo and class; None computes it.
        progress: Called after every batch with the number of photos in it, see `calls`.

    Raises:
        ValueError: If photo and heat map differ in size.
    """
    if photo.shape[:2] != heat.shape:
        raise ValueError(f"A photo of {photo.shape[:2]} cannot have a heat map of {heat.shape}.")
    if random is None:
        random = random_removal(probability, photo, progress=progress)
    order = hottest_first(heat)
    hottest = _probabilities(probability, photo, [order], random.shares[1:-1], progress)[0]
    ends = random.probabilities[0, [0, -1]]  # nothing and everything removed are the same in every order
    return Faithfulness(random.shares, np.concatenate([ends[:1], hottest, ends[1:]]), random.probabilities)


def random_removal(
    probability: Probability,
    photo: np.ndarray,
    draws: int = DRAWS,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> RandomRemoval:
    """Measures how a class loses its probability as places are removed in random order.

    There are `draws` orders, which follow from the seed; the shares rise from 0 to 1; for the rest see `faithfulness`.

    Raises:
        ValueError: For no draws, or shares that do not rise from 0 to 1.
    """
    points = np.asarray(shares, dtype=float)
    if draws < 1 or len(points) < 2 or points[0] != 0 or points[-1] != 1 or (np.diff(points) <= 0).any():
        raise ValueError(f"There must be draws, not {draws}, and shares that rise from 0 to 1, not {list(shares)}.")
    rng = np.random.default_rng(seed)
    cells = np.prod(grid_shape(*photo.shape[:2]))
    orders = [rng.permutation(cells) for _ in range(draws)]
    ends = _probabilities(probability, photo, orders[:1], points[[0, -1]], progress)[0]
    inner = _probabilities(probability, photo, orders, points[1:-1], progress)
    first, last = (np.full((draws, 1), end) for end in ends)
    return RandomRemoval(points, np.concatenate([first, inner, last], axis=1))


def calls(draws: int = DRAWS, shares: Sequence[float] = SHARES) -> tuple[int, int]:
    """Returns how many photos the network is shown for one map, and once for all maps of a photo and class."""
    return len(shares) - 2, 2 + draws * (len(shares) - 2)


def area_under(shares: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the area under curves of shape (..., P) over shares (P,), by the trapezoidal rule."""
    return np.trapezoid(probabilities, shares, axis=-1)


def overlap(a: np.ndarray, b: np.ndarray, share: float = 0.2) -> float:
    """Returns which part of a map's hottest share is in that of another of its shape, 0..1; by chance about `share`."""
    count = max(1, round(share * a.size))
    one, other = (np.argsort(-heat, axis=None, kind="stable")[:count] for heat in (a, b))
    return len(np.intersect1d(one, other)) / count


def _probabilities(
    probability: Probability,
    photo: np.ndarray,
    orders: Sequence[np.ndarray],
    shares: np.ndarray,
    progress: Callable[[int], None] | None,
) -> np.ndarray:
    """Returns the probability for every order and share, (orders, shares), a batch at a time."""
    wanted = ((order, round(share * len(order))) for order in orders for share in shares)
    found = []
    for some in in_batches(wanted, BATCH_SIZE):
        batch = np.stack([remove(photo, order[:count]) for order, count in some])
        found.append(np.asarray(probability(batch), dtype=np.float64))
        if progress:
            progress(len(batch))
    return np.concatenate(found).reshape(len(orders), len(shares))


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Returns rows and columns of the cells of a photo."""
    side = max(1.0, min(height, width) / CELLS)
    return round(height / side), round(width / side)


def hottest_first(heat: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns the cells of a map by falling mean heat, as places in the flat grid; ties in random order."""
    rows, columns = grid_shape(*heat.shape)
    means = _cell_means(heat[..., np.newaxis], rows, columns).ravel()
    # Rounded, because cells that are equally hot differ in the last digits by the way they were added up.
    means = np.round(means / max(float(np.abs(means).max()), 1e-12), 6)
    return np.lexsort((np.random.default_rng(seed).random(means.size), -means))


def remove(photo: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Removes cells of a photo and fills them in smoothly from what is left around them.

    Every removed cell gets the mean of its neighbors above, below, left and right, all solved at once: the linear
    imputation of Rong et al. 2022 (ROAD, arXiv:2202.00449), with cells in the place of pixels and without its noise.
    With every cell removed, the photo's mean color is left. Photo and result are uint8 (h, w, 3); the cells are places
    in the flat grid of `grid_shape`, numbered row by row, none twice.
    """
    if not len(cells):
        return photo.copy()
    height, width = photo.shape[:2]
    rows, columns = grid_shape(height, width)
    gone = np.zeros(rows * columns, dtype=bool)
    gone[cells] = True
    colors = _fill(_cell_means(photo.astype(np.float64), rows, columns).reshape(-1, 3), gone, rows, columns)
    grid = colors.reshape(rows, columns, 3).astype(np.float32)
    channels = [Image.fromarray(grid[..., c]).resize((width, height), Image.Resampling.BILINEAR) for c in range(3)]
    mask = gone.reshape(rows, columns)[np.ix_(_cell_of(height, rows), _cell_of(width, columns))]
    return np.where(
        mask[..., np.newaxis], np.clip(np.round(np.stack([np.asarray(c) for c in channels], -1)), 0, 255), photo
    ).astype(np.uint8)


def _fill(colors: np.ndarray, gone: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Replaces the colors (cells, 3) of the removed cells by the mean of their neighbors."""
    if gone.all():
        return np.broadcast_to(colors.mean(axis=0), colors.shape)
    from scipy.linalg import solveh_banded

    # degree * x - sum of removed neighbors = sum of left neighbors; for cells left x = x. Numbered row by row, a cell
    # touches only the next one and the one a row later, so that the equations form two bands, solved in no time.
    gone_grid = gone.reshape(rows, columns)
    known = np.where(gone_grid[..., np.newaxis], 0, colors.reshape(rows, columns, 3))
    degree, right = np.zeros((rows, columns)), np.zeros((rows, columns, 3))
    bands = np.zeros((columns + 1, rows, columns))
    for axis, band in ((0, columns), (1, 1)):
        first, second = (
            tuple(np.s_[part] if k == axis else np.s_[:] for k in (0, 1)) for part in (np.s_[:-1], np.s_[1:])
        )
        for one, other in ((first, second), (second, first)):
            degree[one] += 1
            right[one] += known[other]
        bands[band][first] -= gone_grid[first] & gone_grid[second]
    bands[0] = np.where(gone_grid, degree, 1)
    right[~gone_grid] = colors[~gone]
    return solveh_banded(bands.reshape(columns + 1, -1), right.reshape(-1, 3), lower=True, check_finite=False)


def _cell_of(length: int, cells: int) -> np.ndarray:
    """Returns for each of `length` pixels in a row the cell it lies in."""
    return np.arange(length) * cells // length


def _cell_means(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Returns the mean of values (h, w, c) over each cell, (rows, columns, c)."""
    for axis, cells in enumerate((rows, columns)):
        cell = _cell_of(values.shape[axis], cells)
        starts = np.searchsorted(cell, np.arange(cells))
        sizes = np.bincount(cell, minlength=cells).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        values = np.add.reduceat(values.astype(np.float64), starts, axis=axis) / sizes
    return values
