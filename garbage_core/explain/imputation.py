"""Removing places of a photo, so that what is left shows no trace of them.

    photo_without = remove(photo, hottest_first(heat)[:60])

A photo is divided into cells, about square and `CELLS` along its shorter side, which are numbered row by row.
"""

import numpy as np
from PIL import Image

CELLS = 15  # along the shorter side; 16 pixels each at 320x240, half the step of the last feature map


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Returns rows and columns of the cells of a photo, about square and `CELLS` along the shorter side."""
    side = max(1.0, min(height, width) / CELLS)
    return round(height / side), round(width / side)


def hottest_first(heat: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns the cells of a map by falling mean heat, as places in the flat grid; ties in random order."""
    rows, columns = grid_shape(*heat.shape)
    means = _cell_means(heat[..., np.newaxis], rows, columns)[..., 0].ravel()
    # Rounded, because cells that are equally hot differ in the last digits by the way they were added up.
    means = np.round(means / max(float(np.abs(means).max()), 1e-12), 6)
    return np.lexsort((np.random.default_rng(seed).random(means.size), -means))


def remove(photo: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Removes cells of a photo and fills them in smoothly from what is left around them.

    Every removed cell gets the mean of its neighbors above, below, left and right, all solved at once: the linear
    imputation of Rong et al. 2022 (ROAD, arXiv:2202.00449), with cells in the place of pixels and without its noise.
    With every cell removed, the photo's mean color is left.

    Args:
        photo: RGB, uint8 (h, w, 3).
        cells: Places to remove in the flat grid of `grid_shape`, none twice.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = photo.shape[:2]
    rows, columns = grid_shape(height, width)
    if not len(cells):
        return photo.copy()
    gone = np.zeros(rows * columns, dtype=bool)
    gone[cells] = True
    colors = _fill(_cell_means(photo.astype(np.float64), rows, columns).reshape(-1, 3), gone, rows, columns)
    grid = colors.reshape(rows, columns, 3).astype(np.float32)
    smooth = [
        np.asarray(Image.fromarray(grid[..., c]).resize((width, height), Image.Resampling.BILINEAR)) for c in range(3)
    ]
    mask = gone.reshape(rows, columns)[np.ix_(_cell_of(height, rows), _cell_of(width, columns))]
    return np.where(mask[..., np.newaxis], np.clip(np.round(np.stack(smooth, -1)), 0, 255), photo).astype(np.uint8)


def _fill(colors: np.ndarray, gone: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Replaces the colors (cells, 3) of the removed cells by the mean of their neighbors."""
    if gone.all():
        return np.broadcast_to(colors.mean(axis=0), colors.shape)
    from scipy.linalg import solveh_banded

    # degree * x - sum of removed neighbors = sum of kept neighbors; for kept cells x = x. Numbered row by row, a cell
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
