"""A photo under heat maps, with a slider that wipes between the two sides; the browser does it, so it answers at once.

One widget for the verdict (photo against map) and for a comparison (the map of one model against that of another).
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.photo import Photo, preview_of
from garbage_core.runs.run import Run

MAP_SIZE = 160  # pixels of the longer side; the browser smooths it to the photo's size
START = 30  # per cent of the width on the left at first: most of the map, and enough photo to see what the slider does

_HTML = """<figure class="heat-view">
<div class="pictures"><img class="photo" draggable="false">
<div class="side"><img draggable="false"><span></span></div><div class="side"><img draggable="false"><span></span></div>
<i></i></div>
<input type="range" min="0" max="100">
</figure>"""
# The photo keeps its aspect ratio and never gets higher than two fifths of the window, so that the rest stays in sight.
# The slider is wider than the photo by the width of its thumb, so that the middle of the thumb is below the line.
_CSS = """
.heat-view { margin: 0 auto; width: fit-content; color: var(--st-text-color); font: 0.8125rem var(--st-font); }
.heat-view .pictures { position: relative; border-radius: var(--st-base-radius); overflow: hidden; cursor: ew-resize;
  touch-action: pan-y; user-select: none; -webkit-user-select: none; }
.heat-view .photo { display: block; max-width: 100%; max-height: min(42vh, 24rem); }
.heat-view .side { position: absolute; inset: 0; }
.heat-view .side img { width: 100%; height: 100%; }
.heat-view .side img:not([src]) { display: none; }
.heat-view .side span { position: absolute; bottom: 0.375rem; padding: 0.0625rem 0.375rem; white-space: nowrap;
  border-radius: 0.25rem; background: rgba(0, 0, 0, 0.75); color: #fff; }
.heat-view .side:nth-of-type(1) { clip-path: inset(0 calc(100% - var(--wipe)) 0 0); }
.heat-view .side:nth-of-type(1) span { left: 0.375rem; }
.heat-view .side:nth-of-type(2) { clip-path: inset(0 0 0 var(--wipe)); }
.heat-view .side:nth-of-type(2) span { right: 0.375rem; }
.heat-view i { position: absolute; top: 0; bottom: 0; left: calc(var(--wipe) - 1px); width: 2px; background: #fff;
  box-shadow: 0 0 0 1px rgba(0, 0, 0, 0.5); }
.heat-view input { display: block; width: calc(100% + 24px); height: 2rem; margin: 0 -12px; cursor: ew-resize;
  appearance: none; -webkit-appearance: none; border-radius: var(--st-base-radius);
  background: linear-gradient(#7f7f7f, #7f7f7f) center / calc(100% - 24px) 4px no-repeat; }
.heat-view input::-webkit-slider-thumb { appearance: none; -webkit-appearance: none; width: 24px; height: 24px;
  border: none; border-radius: 50%; background: var(--st-primary-color); }
.heat-view input::-moz-range-thumb { width: 24px; height: 24px; border: none; border-radius: 50%;
  background: var(--st-primary-color); }
.heat-view input:focus-visible { outline: 2px solid var(--st-primary-color); }
@media (max-width: 700px) { .heat-view .photo { max-height: 28vh; } }
"""
_JS = """
export default function ({ data, parentElement }) {
  const figure = parentElement.querySelector("figure");
  const pictures = figure.querySelector(".pictures"), slider = figure.querySelector("input");
  const show = (image, address, words) => {
    if (address) image.src = address; else image.removeAttribute("src");
    image.alt = words;
  };
  show(pictures.querySelector(".photo"), data.photo, data.photo_alt);
  pictures.querySelectorAll(".side").forEach((side, place) => {
    const { tag, map, alt } = data.sides[place];
    show(side.querySelector("img"), map, alt);
    side.querySelector("span").textContent = tag;
  });
  slider.setAttribute("aria-label", data.label);
  const wipe = () => {
    const share = Number(slider.value), [left, right] = data.sides;
    figure.style.setProperty("--wipe", `${share}%`);
    slider.setAttribute("aria-valuetext", `${left.tag} ${share} %, ${right.tag} ${100 - share} %`);
  };
  if (!figure.style.getPropertyValue("--wipe")) slider.value = data.start;  // later it stands where the reader left it
  slider.oninput = wipe;
  const follow = (event) => {
    const box = pictures.getBoundingClientRect();
    slider.value = 100 * (event.clientX - box.left) / box.width;
    wipe();
  };
  pictures.onpointerdown = (event) => {
    pictures.setPointerCapture(event.pointerId);
    follow(event);
  };
  pictures.onpointermove = (event) => { if (event.buttons) follow(event); };
  wipe();
}
"""
_view = st.components.v2.component("heat_view", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


@dataclass(frozen=True)
class HeatMap:
    """What one model saw in a photo.

    Attributes:
        run: The model.
        heat: Heat map of its prediction, 0..1, of any size.
        label: Class that the map speaks for.
    """

    run: Run
    heat: np.ndarray
    label: str


def show_heat_view(photo: Photo, right: HeatMap, left: HeatMap | None = None, key: str = "heat-view") -> None:
    """Shows a photo with a heat map on the right of a line that the reader moves.

    Args:
        photo: The photo. Raises GarbageError if it cannot be read.
        right: The map on the right of the line.
        left: The map on its left; None for the photo alone.
        key: Tells this widget from others on the page.
    """
    tags = ("Photo", "Heat map") if left is None else (left.run.title, right.run.title)
    sides = [{"tag": tag} | _side(photo, one) for tag, one in zip(tags, (left, right), strict=True)]
    label = "Wipe between the photo and its heat map"
    if left is not None:
        label = f"Wipe between the heat maps of {tags[0]} and {tags[1]}"
    _view(
        key=key,
        data={
            "photo": _photo_address(photo),
            "photo_alt": f"The photo {photo.name}",
            "sides": sides,
            "label": label,
            "start": START if left is None else 50,
        },
    )


def _side(photo: Photo, side: HeatMap | None) -> dict[str, str]:
    """Returns the address of a side's map and its words; both are empty for the photo alone."""
    if side is None:
        return {"map": "", "alt": ""}
    said = f"Heat map of {side.run.title} over the photo {photo.name}: bright is what speaks for {side.label}"
    return {"map": _map_address(photo, side.run, side.heat), "alt": said}


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
    cover = 0.8 * np.clip((small - 0.15) / 0.6, 0, 1)  # the photo is seen through the hottest places, too
    return np.dstack([colorize(small), np.round(255 * cover).astype(np.uint8)])


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
