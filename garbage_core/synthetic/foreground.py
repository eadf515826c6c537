"""Foreground masks of photos with a light, plain background, and background replacement.

mask = extract_foreground(rgb)                     # bool, or None where none was found
picture = put_on(rgb, mask, background, rng)
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

Background = Callable[[np.random.Generator, int, int], np.ndarray]  # height and width -> uint8 (H, W, 3)
SHARES = (0.05, 0.75)  # of the photo that a foreground may cover; other masks are hardly of the object
MOST_AT_EDGE = 0.5  # share of the photo's edge that a foreground may touch
# Of lightness and the two colors, when pixels are compared with the background: shadows differ in lightness alone.
_WEIGHTS = (0.7, 1.5, 1.5)
_USUAL = 384  # shorter side in pixels for which the sizes below are meant; they grow and shrink with the photo


def extract_foreground(rgb: np.ndarray) -> np.ndarray | None:
    """Returns the foreground mask of a photo with a plain background.

    The background is taken for a smooth surface of color through the photo's edge; pixels far from it are foreground.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        bool (H, W), or None if what was found is too small, too large, or goes round most of the edge.
    """
    from scipy import ndimage

    lab = np.asarray(Image.fromarray(rgb).convert("LAB")).astype(np.float32)
    lab[..., 1:] = (lab[..., 1:] + 128) % 256 - 128  # Pillow stores signed bytes
    height, width = lab.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1) - 0.5
    surface = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    edge = np.ones((height, width), bool)
    margin = max(4, height // 24)
    edge[margin:-margin, margin:-margin] = False
    known = edge
    for _ in range(4):  # where the object touches the edge, it is left out step by step
        fitted = np.linalg.lstsq(surface[known], lab[known], rcond=None)[0]
        distance = np.sqrt((((lab - surface @ fitted) * _WEIGHTS) ** 2).sum(axis=-1))
        usual = np.median(distance[edge])
        known = edge & (distance < max(2.5 * usual, 6))
    scale = min(height, width) / _USUAL
    found = ndimage.binary_closing(distance > max(4 * usual, 14), iterations=max(1, round(4 * scale)))
    found = ndimage.binary_opening(ndimage.binary_fill_holes(found), iterations=max(1, round(3 * scale)))
    pieces, number = ndimage.label(found)
    if not number:
        return None
    sizes = ndimage.sum(found, pieces, range(1, number + 1))
    found = np.isin(pieces, 1 + np.flatnonzero(sizes > 0.15 * sizes.max()))  # without crumbs
    sensible = SHARES[0] < found.mean() < SHARES[1] and found[edge].mean() < MOST_AT_EDGE
    return found if sensible else None


def on_background(rgb: np.ndarray, draw: Background, rng: np.random.Generator) -> np.ndarray | None:
    """Puts the foreground of a photo on a drawn background.

    Args:
        rgb: uint8 (H, W, 3), an object on a light, plain background.
        draw: Function that draws the background.
        rng: Source of randomness.

    Returns:
        uint8 (H, W, 3), or None if no foreground was found.
    """
    mask = extract_foreground(rgb)
    return None if mask is None else put_on(rgb, mask, draw(rng, *mask.shape), rng)


def put_on(rgb: np.ndarray, mask: np.ndarray, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Puts a foreground on another background, with a soft edge and a soft shadow.

    Args:
        rgb: Photo, uint8 (H, W, 3).
        mask: Foreground mask, bool (H, W).
        background: New background, uint8 (H, W, 3).
        rng: Source of randomness for the shadow's place.

    Returns:
        uint8 (H, W, 3).
    """
    from scipy import ndimage

    scale = min(mask.shape) / _USUAL
    soft = ndimage.gaussian_filter(mask.astype(np.float32), max(0.6, 1.2 * scale))
    fall = np.round(np.array([rng.integers(2, 10), rng.integers(-10, 10)]) * scale).astype(int)
    shadow = np.roll(ndimage.gaussian_filter(soft, 8 * scale), fall, (0, 1))
    soft = soft[..., np.newaxis]
    picture = soft * rgb + (1 - soft) * background * (1 - 0.35 * shadow[..., np.newaxis])
    return np.clip(picture, 0, 255).astype(np.uint8)
