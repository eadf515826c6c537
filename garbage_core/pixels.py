"""Pictures as decoders deliver them, in any of Pillow's modes -> RGB arrays of 8 bits."""

import numpy as np
from PIL import Image, ImageCms


def to_rgb(image: Image.Image) -> np.ndarray:
    """Converts a picture of any mode; transparent parts are shown on white.

    Args:
        image: The decoded picture.

    Returns:
        uint8 (height, width, 3), RGB.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return np.repeat(_grey_to_uint8(image)[..., np.newaxis], 3, axis=2)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    elif image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        image = canvas
    if image.mode != "RGB":
        image = image.convert("RGB")
    return np.array(image)


def _grey_to_uint8(image: Image.Image) -> np.ndarray:
    """Scales greyscale of 16 or 32 bits or floating point to uint8 (height, width).

    Only 16-bit files say what white is (65,535). For the others it is the smallest of 1 (floating point only), 255 and
    65,535 that no pixel exceeds; failing that, the darkest pixel becomes black and the brightest white.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        grey = (values >> 8).astype(np.uint8)
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            grey[values == clear] = 255
        return grey
    values = np.clip(np.nan_to_num(values.astype(np.float32)), -1e30, 1e30)
    low, high = float(values.min()), float(values.max())
    whites = [white for white in (1, 255, 65535) if high <= white and (white > 1 or image.mode == "F")]
    if low < 0 or not whites:
        values -= low
        whites = [max(high - low, 1e-30)]
    values *= 255 / whites[0]
    return np.clip(values, 0, 255).astype(np.uint8)
