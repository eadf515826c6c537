"""Pictures as decoders deliver them, in any of Pillow's modes -> RGB arrays of 8 bits."""

import numpy as np
from PIL import Image, ImageCms

# Pictures are converted in strips of about so many pixels: a picture of 60 megapixels takes 240 MB as it comes out of
# its decoder, and every conversion in one piece would take as much again.
STRIP_PIXELS = 2**22


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
