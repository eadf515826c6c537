"""Photos under their heat maps: blended anew when the reader moves the slider, while the rest of the page stands."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.explanations.jobs import Wish
from garbage_app.explanations.text import METHOD_NAMES
from garbage_core.explain.heatmaps import overlay
from garbage_core.inference.engine import to_heat
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


OPACITY = 0.6  # at first


@dataclass(frozen=True)
class Picture:
    """A photo and one of its maps.

    Attributes:
        wish: What the map explains.
        preview: The photo as it is shown, uint8 of shape (h, w, 3).
        heat: The map, 0..1, of the size that the network sees.
        place: Where the two are shown, one over the other; holds one element.
    """

    wish: Wish
    preview: np.ndarray
    heat: np.ndarray
    place: "DeltaGenerator"


@dataclass
class Shown:
    """The maps on the page, and how strongly they cover the photo (0..1)."""

    opacity: float = OPACITY
    pictures: list[Picture] = field(default_factory=list)

    def add(self, picture: Picture, download: "DeltaGenerator") -> None:
        """Takes in a picture, and offers it as PNG in a place of its own, always as it is shown just then."""
        self.pictures.append(picture)
        wish = picture.wish
        stem = Path(wish.photo.name).stem.replace(" ", "-")
        download.download_button(
            "Download as PNG",
            lambda: _encoded(picture, self.opacity, "PNG"),
            f"{stem}-{wish.run.name}-{wish.label}-{wish.method}.png",
            "image/png",
            icon=":material/download:",
            type="tertiary",
            key=f"png-{wish.run.name}",
            on_click="ignore",
        )


@st.fragment
def show_maps(shown: Shown) -> None:
    """Shows the maps, and lets the reader choose how strongly they cover the photo.

    A change of that draws the pictures anew and nothing else. They stand outside, and Streamlit lets a fragment write
    only where it wrote when the whole page was drawn: so all of them must have been taken in before.
    """
    shown.opacity = st.slider(
        "Opacity of the map", 0.0, 1.0, OPACITY, 0.05, key="opacity", bind="query-params", format="percent"
    )
    for picture in shown.pictures:
        _write(picture, shown.opacity)


def jpeg(picture: np.ndarray) -> bytes:
    """Returns a picture, uint8 of shape (h, w, 3), as the content of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write(picture: Picture, opacity: float) -> None:
    wish, words = picture.wish, f"what speaks for {escape(picture.wish.label)}"
    picture.place.image(
        _blend(wish.key, opacity, picture),
        width="stretch",
        caption=f"Bright: {words}",
        alt=f"{METHOD_NAMES[wish.method]} map of {wish.run.title} over the photo {wish.photo.name}, {words}",
    )


@cache.data(max_entries=128, private=lambda key, opacity, picture: picture.wish.photo.private)  # 50 KB each
def _blend(key: tuple, opacity: float, _picture: Picture) -> bytes:
    return _encoded(_picture, opacity, "JPEG")


def _encoded(picture: Picture, opacity: float, kind: str) -> bytes:
    heat = to_heat(picture.heat.astype(np.float32), *picture.preview.shape[:2])
    blend = overlay(picture.preview, heat, opacity)
    if kind == "JPEG":
        return jpeg(blend)
    buffer = io.BytesIO()
    Image.fromarray(blend).save(buffer, kind)
    return buffer.getvalue()
