"""Photos under their heat maps: blended anew when the reader moves the slider, while the rest of the page stands."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.explanations.jobs import Request
from garbage_app.explanations.text import METHOD_NAMES
from garbage_core.explain.heatmaps import overlay
from garbage_core.inference.engine import to_heat
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


OPACITY = 0.6  # at first


@dataclass(frozen=True)
class MapImage:
    """A photo under one of its heat maps.

    Attributes:
        request: Prediction that the map explains.
        preview: Photo as it is shown, uint8 of shape (h, w, 3).
        heat: Heat map, 0..1, of the network's input size.
        place: Element of the page that shows the two, one over the other.
    """

    request: Request
    preview: np.ndarray
    heat: np.ndarray
    place: "DeltaGenerator"


@dataclass
class MapImages:
    """The maps on the page, and their opacity over the photo, 0..1."""

    opacity: float = OPACITY
    images: list[MapImage] = field(default_factory=list)

    def add(self, image: MapImage, download: "DeltaGenerator") -> None:
        """Adds an image, and offers it as PNG in a place of its own, always with the opacity chosen just then."""
        self.images.append(image)
        request = image.request
        stem = Path(request.photo.name).stem.replace(" ", "-")
        download.download_button(
            "Download as PNG",
            lambda: _encoded(image, self.opacity, "PNG"),
            f"{stem}-{request.run.name}-{request.label}-{request.method}.png",
            "image/png",
            icon=":material/download:",
            type="tertiary",
            key=f"png-{request.run.name}",
            on_click="ignore",
        )


@st.fragment
def show_maps(shown: MapImages) -> None:
    """Shows the maps, and lets the reader choose how strongly they cover the photo.

    A change of the opacity draws the images anew and nothing else. They stand outside, and Streamlit lets a fragment
    write only where it wrote when the whole page was drawn: so all of them must have been added before.
    """
    shown.opacity = st.slider(
        "Opacity of the map", 0.0, 1.0, OPACITY, 0.05, key="opacity", bind="query-params", format="percent"
    )
    for image in shown.images:
        _write(image, shown.opacity)


def jpeg(rgb: np.ndarray) -> bytes:
    """Returns a photo, uint8 of shape (h, w, 3), as the content of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write(image: MapImage, opacity: float) -> None:
    request, words = image.request, f"what speaks for {escape(image.request.label)}"
    image.place.image(
        _blend(request.key, opacity, image),
        width="stretch",
        caption=f"Bright: {words}",
        alt=f"{METHOD_NAMES[request.method]} map of {request.run.title} over the photo {request.photo.name}, {words}",
    )


@cache.data(max_entries=128, private=lambda key, opacity, image: image.request.photo.private)  # 50 KB each
def _blend(key: tuple, opacity: float, _image: MapImage) -> bytes:
    return _encoded(_image, opacity, "JPEG")


def _encoded(image: MapImage, opacity: float, kind: str) -> bytes:
    heat = to_heat(image.heat.astype(np.float32), *image.preview.shape[:2])
    blend = overlay(image.preview, heat, opacity)
    if kind == "JPEG":
        return jpeg(blend)
    buffer = io.BytesIO()
    Image.fromarray(blend).save(buffer, kind)
    return buffer.getvalue()
