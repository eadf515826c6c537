"""Pictures as decoders deliver them, in any of Pillow's modes -> RGB arrays of 8 bits."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

# Pictures are converted in strips of about so many pixels: a picture of 60 megapixels takes 240 MB as it comes out of
# its decoder, and every conversion in one piece would take as much again.
STRIP_PIXELS = 2**22
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


def to_rgb(image: Image.Image, factor: int = 1) -> np.ndarray:
    """Converts a picture of any mode; transparent parts are shown on white.

    Args:
        image: The decoded picture.
        factor: Average squares of so many by so many pixels into one.

    Returns:
        uint8 (height, width, 3), RGB; height and width divided by `factor` and rounded up.
    """
    scale = _grey_scale(image)
    rgb = np.empty((-(-image.height // factor), -(-image.width // factor), 3), np.uint8)
    rows = max(STRIP_PIXELS // image.width // factor, 1) * factor
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height))) if image.height > rows else image
        strip = _grey_to_8_bits(strip, *scale) if scale else _colour_to_8_bits(strip)
        if factor > 1:
            strip = strip.reduce(factor)
        rgb[top // factor : top // factor + strip.height] = strip
    return rgb


def upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Turns a picture upright.

    NumPy copies a turned picture pixel by pixel all over the memory, which takes seconds for 60 megapixels. Pillow
    does it block by block; it gets one strip after the other.

    Args:
        rgb: uint8 (height, width, 3), contiguous.
        orientation: As in EXIF, 1 to 8; any other number leaves the picture as it is.

    Returns:
        uint8, contiguous; (width, height, 3) for orientations from 5 to 8, else of the same shape.
    """
    if orientation not in _VIEWS:
        return rgb
    turned = np.empty(_VIEWS[orientation](rgb).shape, np.uint8)
    lying = _VIEWS[_INVERSE.get(orientation, orientation)](turned)
    rows = max(STRIP_PIXELS // rgb.shape[1], 1)
    for top in range(0, len(rgb), rows):
        strip = Image.fromarray(rgb[top : top + rows]).transpose(_TRANSPOSITIONS[orientation])
        _VIEWS[orientation](lying[top : top + rows])[...] = strip
    return turned


def _colour_to_8_bits(image: Image.Image) -> Image.Image:
    """Converts the modes that have 8 bits per channel to RGB."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        return canvas
    return image.convert("RGB")


def _grey_scale(image: Image.Image) -> tuple[float, float] | None:
    """Returns the values that stand for black and white in greyscale of more than 8 bits; None for other modes.

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


def _grey_to_8_bits(image: Image.Image, black: float, white: float) -> Image.Image:
    values = np.asarray(image)
    grey = np.nan_to_num((values.astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black)))
    grey = np.clip(grey + 0.5, 0, 255).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey).convert("RGB")
