"""Photos under their heat maps as image files: small ones for the grid of methods, and one to be downloaded."""

import io

import numpy as np
from PIL import Image

from garbage_app import cache
from garbage_app.photo import Photo
from garbage_core.explain.heatmaps import overlay
from garbage_core.inference.engine import to_heat

SMALL = (240, 240)  # pixels that a picture of the grid fits into


@cache.data(max_entries=256, private=lambda photo, *rest: photo.private)  # 10 KB each
def _small(photo: Photo, key: tuple, _preview: np.ndarray, _heat: np.ndarray | None) -> bytes:
    picture = Image.fromarray(_preview if _heat is None else blended(_preview, _heat))
    picture.thumbnail(SMALL)
    return _encoded(np.asarray(picture), "JPEG")


def small_blend(photo: Photo, key: tuple, preview: np.ndarray, heat: np.ndarray | None) -> bytes:
    """Returns a small JPEG of a photo under one of its heat maps.

    Args:
        photo: The photo.
        key: What tells the map from every other.
        preview: Photo as it is shown, uint8 (h, w, 3).
        heat: Heat map, 0..1 of any size; None for the photo alone.
    """
    return _small(photo, () if heat is None else key, preview, heat)


def side_by_side(preview: np.ndarray, heats: list[np.ndarray]) -> bytes:
    """Returns a PNG of a photo, uint8 (h, w, 3), and beside it the same photo under each of its heat maps."""
    return _encoded(np.hstack([preview, *(blended(preview, heat) for heat in heats)]), "PNG")


def blended(preview: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays a heat map, 0..1 of any size, over a photo, uint8 (h, w, 3)."""
    return overlay(preview, to_heat(heat.astype(np.float32), *preview.shape[:2]))


def _encoded(rgb: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, quality=88)
    return buffer.getvalue()
