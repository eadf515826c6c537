"""Background replacement: what an object lies on says nothing about what it is.

All of TrashNet's photos show their object on white board, and a network trained on nothing else uses the board as well.
`BackgroundReplacement` puts the foreground of a share of the photos on a drawn background, another one in every epoch
(domain randomization, Tobin et al. 2017, arXiv:1703.06907; pasting as in Dwibedi et al. 2017, arXiv:1708.01642). The
backgrounds are abstract: blotches, lines, patches. Wood, tiles, cloth and stone (`foreground.placed`) are left to the
study that measures whether this helps on backgrounds that no training showed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from garbage_core.synthetic.foreground import clouds, extract_foreground, put_on

if TYPE_CHECKING:  # it loads Keras, which drawing a background does without
    from garbage_core.training.batches import TrainingPhotos


class BackgroundReplacement:
    """Training photos, a share of them on drawn backgrounds wherever a foreground mask is found."""

    def __init__(self, photos: "TrainingPhotos", share: float, chosen: np.ndarray | None = None) -> None:
        """Takes N photos, the share (0 to 1) whose background is to be replaced, and of which alone, bool (N,)."""
        self.photos, self.share, self.shape = photos, share, photos.shape
        self.of = np.ones(len(photos), bool) if chosen is None else chosen
        self._masks: dict[int, np.ndarray | None] = {}  # packed to one bit per pixel

    def __len__(self) -> int:
        return len(self.photos)

    def rows(self, indices: np.ndarray, rng: np.random.Generator, part: slice = slice(None)) -> np.ndarray:
        """Returns photos, uint8 (n, height, width, 3)."""
        chosen = rng.random(len(indices)) < self.share
        seeds = rng.integers(2**63, size=len(indices))  # one each, so that none depends on another's mask
        indices, chosen, seeds = indices[part], (chosen & self.of[indices])[part], seeds[part]
        rows = self.photos.rows(indices).copy()
        for place in np.flatnonzero(chosen):
            mask = self._mask(int(indices[place]), rows[place])
            if mask is not None:
                own = np.random.default_rng(seeds[place])
                rows[place] = put_on(rows[place], mask, draw_background(own, *self.shape[:2]), own)
        return rows

    def _mask(self, index: int, photo: np.ndarray) -> np.ndarray | None:
        if index not in self._masks:
            mask = extract_foreground(photo)
            self._masks[index] = None if mask is None else np.packbits(mask)
        packed, pixels = self._masks[index], photo.shape[0] * photo.shape[1]
        return None if packed is None else np.unpackbits(packed, count=pixels).reshape(photo.shape[:2]).astype(bool)


def draw_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draws a background: two or more colors in some pattern, under uneven light.

    Args:
        rng: Source of all randomness.
        height: Height in pixels.
        width: Width in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))](rng, height, width)  # 0..1
    first, second = _color(rng), _color(rng)
    # Most backgrounds have much of one color: where the second is near the first, the pattern is faint.
    second = first + rng.beta(1, 2) * (second - first)
    colors = first + pattern[..., np.newaxis] * (second - first)
    light = 1 + rng.uniform(0, 0.3) * (_clouds(rng, height, width, max(height, width) / 2) - 0.5)
    values = colors * light[..., np.newaxis] + rng.normal(0, rng.uniform(0, 8), (height, width, 1))
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:  # out of focus
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2)))
    return np.array(image)


def _color(rng: np.random.Generator) -> np.ndarray:
    """Any brightness; gray more often than not."""
    gray = rng.uniform(10, 245)
    return np.clip(gray + rng.normal(0, rng.choice([8, 45]), 3), 0, 255)


def _blotches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Blotches of one or several sizes."""
    sizes = np.exp(rng.uniform(np.log(2), np.log(height / 2), rng.integers(1, 4)))
    return np.mean([_clouds(rng, height, width, size) for size in sizes], axis=0)


def _lines(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Straight or wavy lines at any angle, sharp or soft."""
    angle, step = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(4), np.log(height / 2)))
    y, x = np.mgrid[0:height, 0:width]
    along = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(0, step) * _clouds(rng, height, width, height / 4)
    wave = np.sin(2 * np.pi * along / step + rng.uniform(0, 2 * np.pi))
    return 0.5 + 0.5 * np.tanh(np.exp(rng.uniform(0, 3)) * (wave - rng.uniform(-0.8, 0.8)))


def _patches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Polygons, each of its own shade: the places nearest to random points."""
    from scipy.spatial import cKDTree

    number = int(np.exp(rng.uniform(np.log(4), np.log(200))))
    places = np.indices((height, width)).reshape(2, -1).T
    nearest = cKDTree(rng.uniform(0, (height, width), (number, 2))).query(places)[1]
    return rng.uniform(0, 1, number)[nearest].reshape(height, width)


_PATTERNS: tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...] = (_blotches, _lines, _patches)


def _clouds(rng: np.random.Generator, height: int, width: int, size: float) -> np.ndarray:
    """Returns smooth noise around 0.5, mostly within 0..1, that changes over so many pixels."""
    return clouds(rng, height, width, size, size, strength=0.25, mean=0.5)
