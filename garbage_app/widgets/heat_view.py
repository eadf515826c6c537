"""A photo under its heat map, with a slider that fades the map; the browser blends the two, so it answers at once."""

import base64
import io

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.photo import Photo, preview_of
from garbage_core.runs.run import Run

_HTML = """<figure class="heat-view">
<div><img class="photo"><img class="map"></div>
<label><span>Photo</span><input type="range" min="0" max="100" value="75" aria-label="Opacity of the heat map">
<span>Heat map</span></label>
</figure>"""
# The photo keeps its aspect ratio and never gets higher than two fifths of the window, so that the rest stays in sight.
_CSS = """
.heat-view { margin: 0; color: var(--st-text-color); font: 0.875rem var(--st-font); }
.heat-view div { position: relative; width: fit-content; margin: 0 auto; border-radius: var(--st-base-radius);
  overflow: hidden; }
.heat-view img { display: block; max-width: 100%; max-height: min(42vh, 24rem); }
.heat-view .map { position: absolute; inset: 0; width: 100%; height: 100%; max-height: none; }
.heat-view label { display: flex; align-items: center; gap: 0.5rem; max-width: 26rem; margin: 0.25rem auto 0; }
.heat-view input { flex: 1; min-width: 0; height: 2rem; accent-color: var(--st-primary-color); }
@media (max-width: 700px) { .heat-view img { max-height: 31vh; } }
"""
_JS = """
export default function ({ data, parentElement }) {
  const [photo, map] = parentElement.querySelectorAll("img");
  const slider = parentElement.querySelector("input");
  photo.src = data.photo;
  photo.alt = data.photo_alt;
  map.src = data.map;
  map.alt = data.map_alt;
  const fade = () => { map.style.opacity = slider.value / 100; };
  slider.oninput = fade;
  fade();
}
"""
_view = st.components.v2.component("heat_view", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)
MAP_SIZE = 160  # pixels of the longer side; the browser smooths it to the photo's size


def show_heat_view(photo: Photo, run: Run, heat: np.ndarray, label: str) -> None:
    """Shows a photo with the heat map of one model over it.

    Args:
        photo: The photo. Raises GarbageError if it cannot be read.
        run: The model.
        heat: Heat map of its prediction, 0..1, of any size.
        label: Class that the map speaks for.
    """
    _view(
        key="heat-view",
        data={
            "photo": _photo_address(photo),
            "photo_alt": f"The photo {photo.name}",
            "map": _map_address(photo, run, heat),
            "map_alt": f"Heat map of {run.title} over the photo {photo.name}: bright is what speaks for {label}",
        },
    )


@cache.data(max_entries=32, private=lambda photo: photo.private)
def _photo_address(photo: Photo) -> str:
    buffer = io.BytesIO()
    Image.fromarray(preview_of(photo)).save(buffer, "JPEG", quality=88)
    return _address(buffer.getvalue(), "jpeg")


@cache.data(max_entries=32, private=lambda photo, run, heat: photo.private)
def _map_address(photo: Photo, run: Run, _heat: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(clear_where_cold(_heat.astype(np.float32))).save(buffer, "PNG")
    return _address(buffer.getvalue(), "png")


def clear_where_cold(heat: np.ndarray) -> np.ndarray:
    """Colors a heat map of shape (h, w), 0..1; returns uint8 (h', w', 4) that is clear where it is cold."""
    from garbage_core.explain.heatmaps import colorize

    picture = Image.fromarray(np.round(255 * heat).astype(np.uint8))
    picture.thumbnail((MAP_SIZE, MAP_SIZE))
    small = np.asarray(picture).astype(np.float32) / 255
    cover = np.clip((small - 0.15) / 0.6, 0, 1)
    return np.dstack([colorize(small), np.round(255 * cover).astype(np.uint8)])


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
