"""Drawings for machines without photos, so that a page has something to show."""

import numpy as np
from PIL import Image, ImageDraw

from garbage_core.synthetic.foreground import placed
from garbage_core.synthetic.pictures import drawn


def drawing(seed: int) -> np.ndarray:
    """Draws a bottle (seed 0) or a can (else), uint8 of shape (480, 640, 3)."""
    canvas = Image.new("RGB", (640, 480), (236, 233, 226))
    draw = ImageDraw.Draw(canvas)
    draw.ellipse((120, 330, 560, 420), fill=(214, 209, 199))
    if seed == 0:
        draw.rounded_rectangle((230, 190, 410, 390), 40, fill=(58, 132, 94))
        draw.polygon([(236, 214), (290, 120), (350, 120), (404, 214)], fill=(58, 132, 94))
        draw.rectangle((290, 60, 350, 130), fill=(58, 132, 94))
        draw.rectangle((284, 52, 356, 76), fill=(196, 160, 62))
        draw.rectangle((230, 240, 410, 330), fill=(240, 226, 190))
        draw.rectangle((252, 262, 370, 276), fill=(150, 70, 50))
        draw.rectangle((252, 290, 330, 304), fill=(150, 70, 50))
    else:
        draw.rectangle((220, 110, 420, 380), fill=(190, 60, 52))
        draw.ellipse((220, 345, 420, 415), fill=(160, 48, 42))
        draw.ellipse((220, 75, 420, 145), fill=(196, 199, 204))
        draw.ellipse((285, 92, 355, 120), fill=(120, 124, 130))
        draw.rectangle((220, 210, 420, 250), fill=(240, 238, 232))
    return np.asarray(canvas)


def named_drawing(name: str) -> np.ndarray:
    """Returns the drawing of a name, uint8 (h, w, 3).

    "bottle", "can", one of them on another surface ("bottle-on-wood", "can-on-tiles"), or a picture of no object at all
    ("page", "plain").
    """
    if name in ("page", "plain"):
        return drawn("document" if name == "page" else "plain", 3)
    picture = drawing(0 if name.startswith("bottle") else 1)
    changed = placed(picture, 5 if name == "bottle-on-wood" else 1) if "-on-" in name else None
    return picture if changed is None else changed
