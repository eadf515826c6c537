"""Pictures as decoders deliver them, in any of Pillow's modes -> RGB arrays of 8 bits."""

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageCms

# Pictures are converted and turned in squares of so many pixels a side, narrower ones in pieces of as many pixels. A
# picture of 60 megapixels takes 240 MB as it comes out of its decoder: in one piece, every step would take as much
# again, and NumPy would turn it pixel by pixel all over the memory. A square of 256x256 stays in the processor's cache,
# which makes turning three times as fast.
TILE = 256
WHOLE = 2**20  # pixels up to which cutting costs more than it saves
# How to turn a picture upright, by EXIF orientation: as a view of the array, and by Pillow.
_VIEWS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.swapaxes(0, 1),
    6: lambda rgb: np.rot90(rgb, -1),
    7: lambda rgb: rgb[::-1, ::-1].swapaxes(0, 1),
    8: lambda rgb: np.rot90(rgb),
}
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_INVERSE = {6: 8, 8: 6}  # the other orientations undo themselves


def to_rgb(image: Image.Image, factor: int = 1, orientation: int = 1) -> np.ndarray:
    """Converts a picture of any mode and turns it upright; transparent parts are shown on white.

    Args:
        image: The decoded picture.
        factor: Average squares of so many by so many pixels into one.
        orientation: As in EXIF, 1 to 8; any other number leaves the picture as it is.

    Returns:
        uint8 (height, width, 3), RGB, contiguous; height and width divided by `factor` and rounded up, and exchanged
        for orientations from 5 to 8.
    """
    scale = _gray_scale(image)
    width, height = image.size
    rows, columns = -(-height // factor), -(-width // factor)
    turns = orientation in _VIEWS
    rgb = np.empty((columns, rows, 3) if turns and orientation >= 5 else (rows, columns, 3), np.uint8)
    lying = _VIEWS[_INVERSE.get(orientation, orientation)](rgb) if turns else rgb
    whole = width * height <= WHOLE
    across = columns if whole else min(columns, max(TILE // factor, 1))  # sides of a tile once it is reduced
    down = rows if whole else max((TILE // factor) ** 2 // across, 1)
    for top in range(0, rows, down):
        for left in range(0, columns, across):
            place = lying[top : top + down, left : left + across]
            right, bottom = min((left + across) * factor, width), min((top + down) * factor, height)
            tile = image if whole else image.crop((left * factor, top * factor, right, bottom))
            tile = _gray_to_8_bits(tile, *scale) if scale else _color_to_8_bits(tile)
            if factor > 1:
                tile = tile.reduce(factor)
            if turns:
                tile, place = tile.transpose(_TRANSPOSITIONS[orientation]), _VIEWS[orientation](place)
            place[...] = np.asarray(tile)
    return rgb


def _color_to_8_bits(image: Image.Image) -> Image.Image:
    """Converts the modes that have 8 bits per channel to RGB."""
    if image.mode == "LAB":
        return _lab_to_srgb().apply(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        return canvas
    return image if image.mode == "RGB" else image.convert("RGB")


@cache
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _gray_scale(image: Image.Image) -> tuple[float, float] | None:
    """Returns the values that stand for black and white in grayscale of more than 8 bits; None for other modes.

    Only 16-bit files say what white is (65,535). For the others it is the smallest of 1 (floating point only), 255 and
    65,535 that no pixel exceeds; failing that, the darkest pixel becomes black and the brightest white.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if image.mode not in ("I", "F"):
        return None
    low, high = np.nan_to_num(np.array(image.getextrema(), float), posinf=1e30, neginf=-1e30)
    if low >= 0:
        for white in (1.0, 255.0, 65535.0):
            if high <= white and (white > 1 or image.mode == "F"):
                return 0.0, white
    return float(low), float(max(high, low + 1))


def _gray_to_8_bits(image: Image.Image, black: float, white: float) -> Image.Image:
    values = np.asarray(image)
    gray = np.nan_to_num((values.astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black)))
    gray = np.clip(gray + 0.5, 0, 255).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray[values == clear] = 255
    return Image.fromarray(gray).convert("RGB")
