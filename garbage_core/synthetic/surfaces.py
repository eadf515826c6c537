"""Background replacement with drawn surfaces: wood, tiles, cloth or stone in place of a light, plain background.

    picture = placed(rgb, seed=3)  # uint8 RGB, or None without a foreground mask

Every picture follows from the photo and the seed alone, so that a study can be repeated.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from garbage_core.synthetic.foreground import on_background


def placed(rgb: np.ndarray, seed: int) -> np.ndarray | None:
    """Puts the foreground of a photo on a drawn surface, with a soft shadow.

    Args:
        rgb: uint8 (H, W, 3), an object on a light, plain background.
        seed: Seed of the surface.

    Returns:
        uint8 (H, W, 3), or None if no foreground was found.
    """
    return on_background(rgb, draw_surface, np.random.default_rng([77, seed]))


def draw_surface(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draws wood, tiles, cloth or stone; returns uint8 (height, width, 3)."""
    color = np.full(3, rng.uniform(40, 220)) + rng.normal(0, 25, 3) * (1, 0.5, 1)
    pattern, tint = _SURFACES[rng.integers(len(_SURFACES))]
    values = pattern(rng, height, width) + clouds(rng, height, width, 90, 90, 12)
    values = (np.array(tint) * rng.uniform(90, 200) if tint else color) + values[..., np.newaxis]
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.6:  # it lies lower than the object, out of focus
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    return np.array(image)


def _wood(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Boards with a long grain and dark joints."""
    board = int(rng.uniform(40, 140))
    rows = np.arange(height) + rng.integers(board)
    values = clouds(rng, height, width, 3, 120, 10) + clouds(rng, height, width, 8, 300, 14)
    values += rng.normal(0, 10, rows[-1] // board + 1)[rows // board, np.newaxis]
    return values - 35 * (rows % board < 2)[:, np.newaxis]


def _tiles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Squares with light or dark joints."""
    side = int(rng.uniform(50, 160))
    y, x = np.mgrid[0:height, 0:width] + rng.integers(side, size=(2, 1, 1))
    return np.where((y % side < 3) | (x % side < 3), rng.choice([-50, 50]), 0) + clouds(rng, height, width, 20, 20, 5)


def _cloth(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Stripes, or checks."""
    step = rng.uniform(6, 40)
    stripes = rng.uniform(5, 30) * np.sign(np.sin(2 * np.pi * np.arange(width) / step))[np.newaxis]
    across = rng.uniform(5, 30) * np.sign(np.sin(2 * np.pi * np.arange(height) / step))[:, np.newaxis]
    return np.broadcast_to(stripes + (rng.random() < 0.5) * across, (height, width))


def _stone(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A coarse grain, as stone, carpets and lawns have."""
    return clouds(rng, height, width, 2, 2, rng.uniform(8, 30)) + clouds(rng, height, width, 6, 6, rng.uniform(5, 20))


# Pattern, and the tint (red, green and blue of a brightness of 1) if it has one of its own.
_SURFACES: tuple[tuple[Callable[[np.random.Generator, int, int], np.ndarray], tuple[float, ...] | None], ...] = (
    (_wood, (1.15, 0.9, 0.65)),
    (_tiles, None),
    (_cloth, None),
    (_stone, None),
)


def clouds(
    rng: np.random.Generator, height: int, width: int, rows: float, columns: float, strength: float, mean: float = 0.0
) -> np.ndarray:
    """Returns smooth noise, float32 (height, width), that changes over so many pixels down and across."""
    small = rng.normal(mean, strength, (max(2, int(height / rows)), max(2, int(width / columns)))).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
