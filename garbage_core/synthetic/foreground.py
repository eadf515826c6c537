"""Foreground masks of photos with a light, plain background, and background replacement.

    mask = extract_foreground(rgb)                     # bool, or None where none was found
    picture = put_on(rgb, mask, background, rng)
    picture = placed(rgb, seed=3)                      # on wood, tiles, cloth or stone; None without a mask

Every surface follows from the photo and the seed alone, so that a study can be repeated.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

Background = Callable[[np.random.Generator, int, int], np.ndarray]  # height and width -> uint8 (H, W, 3)
SHARES = (0.05, 0.75)  # of the photo that a foreground may cover; other masks are hardly of the object
MOST_AT_EDGE = 0.5  # share of the photo's edge that a foreground may touch
# Of lightness and the two colors, when pixels are compared with the background: shadows differ in lightness alone.
_WEIGHTS = (0.7, 1.5, 1.5)
_USUAL = 384  # shorter side in pixels for which the sizes below are meant; they grow and shrink with the photo


def extract_foreground(rgb: np.ndarray) -> np.ndarray | None:
    """Returns the foreground mask of a photo with a plain background.

    The background is taken for a smooth surface of color through the photo's edge; pixels far from it are foreground.
    For uint8 (H, W, 3) the mask is bool (H, W), or None if what was found is too small, too large, or goes round most
    of the edge.
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
    """Puts the foreground of a photo, uint8 (H, W, 3), on a drawn background; None if no foreground was found."""
    mask = extract_foreground(rgb)
    return None if mask is None else put_on(rgb, mask, draw(rng, *mask.shape), rng)


def put_on(rgb: np.ndarray, mask: np.ndarray, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Puts a foreground, by its mask, bool (H, W), on another background, with a soft edge and a soft shadow.

    Photo, background and result are uint8 (H, W, 3); `rng` decides where the shadow falls.
    """
    from scipy import ndimage

    scale = min(mask.shape) / _USUAL
    soft = ndimage.gaussian_filter(mask.astype(np.float32), max(0.6, 1.2 * scale))
    fall = np.round(np.array([rng.integers(2, 10), rng.integers(-10, 10)]) * scale).astype(int)
    shadow = np.roll(ndimage.gaussian_filter(soft, 8 * scale), fall, (0, 1))
    soft = soft[..., np.newaxis]
    picture = soft * rgb + (1 - soft) * background * (1 - 0.35 * shadow[..., np.newaxis])
    return np.clip(picture, 0, 255).astype(np.uint8)


def placed(rgb: np.ndarray, seed: int) -> np.ndarray | None:
    """Puts the foreground of a photo on a surface drawn from a seed, with a soft shadow, as `on_background` does."""
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


def draw_plate(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draws a dark plate, tray or table: one dark color, unevenly lit, round or to the edges; uint8 (height, width, 3).

    A round plate lies on one of the surfaces of `draw_surface`.
    """
    color = rng.uniform(8, 70) + rng.normal(0, 6, 3)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 + rng.uniform(0, 0.5) * (np.cos(angle := rng.uniform(0, 2 * np.pi)) * x + np.sin(angle) * y)
    plate = color * light[..., np.newaxis] + rng.normal(0, rng.uniform(0, 5), (height, width, 1))
    plate = plate + clouds(rng, height, width, 40, 40, rng.uniform(0, 6))[..., np.newaxis]
    if rng.random() < 0.4:
        radius = np.hypot(x * width, y * height) / min(height, width) / rng.uniform(0.7, 1.2)
        rim = 25 * np.exp(-(((radius - 0.93) / 0.03) ** 2))
        inside = (radius < 1)[..., np.newaxis]
        plate = np.where(inside, plate + rim[..., np.newaxis], draw_surface(rng, height, width))
    image = Image.fromarray(np.clip(plate, 0, 255).astype(np.uint8))
    return np.array(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5))))


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
