"""Thumbnails beside the mouse, over points of the map and cells of the matrix; only where the photos are."""

import base64
import io
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.evaluation.selection import MAP, MATRIX
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.downloads import css_class
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.utils.system import map_photos

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

WIDTH, HEIGHT, COLUMNS = 96, 72, 25  # of a thumbnail in pixels, and how many stand in a row of their sheet
MOST = 800  # on a sheet: more would take longer to fetch than the page
IN_CELL = 4  # shown of a cell

_CSS = """
.photo-hover { position: fixed; z-index: 1000; display: none; gap: 2px; pointer-events: none; padding: 3px;
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
.photo-hover span { display: block; background-repeat: no-repeat; }
"""
_JS = """
export default function ({ data, parentElement }) {
  const box = parentElement.querySelector(".photo-hover");
  const place = new Map(data.files.map((file, i) => [file, i]));
  const show = (event) => {
    const point = event.points?.[0]?.customdata, mouse = event.event;
    if (!point || !mouse) return;
    const files = point.length > 1 ? data.cells[`${point[0]}|${point[1]}`] || [] : [point[0]];
    const shown = files.filter((file) => place.has(file));
    box.replaceChildren(...shown.map((file) => {
      const tile = document.createElement("span"), i = place.get(file);
      tile.style.cssText = `width:${data.width}px;height:${data.height}px;background-image:url(${data.sheet});` +
        `background-position:-${(i % data.columns) * data.width}px -${Math.floor(i / data.columns) * data.height}px`;
      return tile;
    }));
    box.style.display = shown.length ? "flex" : "none";
    const most = innerWidth - shown.length * (data.width + 2) - 12;
    box.style.left = `${Math.max(4, Math.min(mouse.clientX + 14, most))}px`;
    box.style.top = `${Math.max(4, mouse.clientY - data.height - 46)}px`;
  };
  const hide = () => { box.style.display = "none"; };
  // The page replaces its figures whenever something is selected.
  const attach = () => {
    for (const name of data.figures) {
      const plot = document.querySelector(`.st-key-${name} .js-plotly-plot`);
      if (plot?.on && plot.dataset.photos !== data.token) {
        plot.dataset.photos = data.token;
        plot.on("plotly_hover", show);
        plot.on("plotly_unhover", hide);
      }
    }
  };
  const timer = setInterval(attach, 400);
  document.addEventListener("scroll", hide, true);
  return () => { clearInterval(timer); document.removeEventListener("scroll", hide, true); };
}
"""
_hover = st.components.v2.component(
    "photo_hover", html='<div class="photo-hover" aria-hidden="true"></div>', css=_CSS, js=_JS, isolate_styles=False
)


def photos_on_hover(photos: pd.DataFrame, key: str) -> None:
    """Shows thumbnails beside the mouse; last on a page, because the first time takes seconds.

    Args:
        photos: From `photo_table`.
        key: Changes with the photos.
    """
    dataset = dataset_or_none()
    if dataset is None or len(photos) > MOST:
        return
    files = tuple(sorted(photos["file"]))
    order = photos.sort_values("confidence", ascending=False)
    cells = {
        f"{label}|{predicted}": rows["file"].head(IN_CELL).tolist()
        for (label, predicted), rows in order.groupby(["label", "predicted"])
    }
    sheet = _sheet(dataset, files)
    if sheet is None:
        return
    data = {"sheet": sheet, "files": files, "cells": cells, "columns": COLUMNS, "width": WIDTH, "height": HEIGHT}
    _hover(key="photo-hover", data=data | {"figures": [css_class(MAP), css_class(MATRIX)], "token": key})


@cache.resource(max_entries=4)
def _sheet(dataset: "Dataset", files: tuple[str, ...]) -> str | None:
    """Returns all thumbnails on one sheet, as the address of a JPEG image; None if none of the photos can be read."""

    def thumbnail(file: str) -> Image.Image | None:
        try:
            photo = Image.fromarray(load_photo(dataset.read_bytes(file), HEIGHT, WIDTH, name=file))
        except (GarbageError, KeyError):
            return None
        photo.thumbnail((WIDTH, HEIGHT))
        return photo

    canvas = Image.new("RGB", (COLUMNS * WIDTH, -(-len(files) // COLUMNS) * HEIGHT), (127, 127, 127))
    found = 0
    for i, photo in enumerate(map_photos(thumbnail, files)):
        if photo is not None:
            canvas.paste(photo, (i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT))
            found += 1
    buffer = io.BytesIO()
    canvas.save(buffer, "JPEG", quality=60)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}" if found else None
