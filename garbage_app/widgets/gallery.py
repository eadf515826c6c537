"""Photos of the data set as equal tiles, the offer to download them, and the colors of their classes."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from garbage_app import cache
from garbage_app.photo_download import write_download
from garbage_app.steps import page_file
from garbage_app.subject import check_dataset, fingerprint
from garbage_core.data.classes import class_edge
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.runs.results import TRASHNET
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset


NAMES_ALONE = "The photos are not on this machine, so only their names are shown."
TILE = (240, 320)  # height and width of a gallery's tiles in pixels


def offer_download(why: str) -> None:
    """Says what the photos are needed for, and how far their download is; on request it begins."""
    with st.container(border=True):
        st.markdown(why)
        write_offer()


def write_offer() -> None:
    """Writes how photos that are not on this machine get there: by download, or by naming the folder that has them."""
    try:
        check_dataset()
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/error:")
        return
    if fingerprint() in (None, TRASHNET):
        write_download()
    else:
        st.caption("Start the app with GARBAGE_DATA set to their folder or archive.")


def tile(rgb: np.ndarray, height: int = TILE[0], width: int = TILE[1]) -> np.ndarray:
    """Fits a photo into a tile of a gallery without cropping or squashing it.

    Args:
        rgb: Photo of shape (H, W, 3), uint8.
        height: Height of the tile.
        width: Width of the tile.

    Returns:
        Array of shape (height, width, 3), or (height, width, 4) with a clear margin where the shapes differ.
    """
    photo = Image.fromarray(rgb)
    photo.thumbnail((width, height), Image.Resampling.LANCZOS)
    if photo.size == (width, height):
        return np.asarray(photo)
    canvas = Image.new("RGBA", (width, height), (127, 127, 127, 28))
    canvas.paste(photo, ((width - photo.width) // 2, (height - photo.height) // 2))
    return np.asarray(canvas)


@cache.data(max_entries=4)
def empty_tile(height: int = TILE[0], width: int = TILE[1]) -> np.ndarray:
    """Draws the tile that stands for a photo which is not on this machine: a crossed-out picture frame."""
    canvas = Image.new("RGBA", (width, height), (127, 127, 127, 40))
    draw, gray = ImageDraw.Draw(canvas), (127, 127, 127, 170)
    x, y, half = width // 2, height // 2, height // 8
    draw.rounded_rectangle((x - half * 4 // 3, y - half, x + half * 4 // 3, y + half), half // 4, outline=gray, width=3)
    draw.line((x - half * 4 // 3, y + half, x + half * 4 // 3, y - half), fill=gray, width=3)
    return np.asarray(canvas)


@cache.data(max_entries=600)
def _photo_tile(dataset: "Dataset", file: str) -> bytes | None:
    """Returns the tile of a photo as an encoded image: encoding it in every run would take longer than the page."""
    try:
        picture = Image.fromarray(tile(load_photo(dataset.read_bytes(file), *TILE, name=file)))
    except GarbageError:
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG" if picture.mode == "RGB" else "PNG", quality=88)
    return buffer.getvalue()


def gallery(
    files: Sequence[str],
    captions: Sequence[str],
    dataset: "Dataset | None",
    columns: int = 4,
    heat_maps: bool = False,
    narrowest: int = 150,
) -> None:
    """Shows photos of the data set as equal tiles, each with its name in its folder.

    Args:
        files: Their names in the data set.
        captions: What stands under each above its name, as Markdown.
        dataset: Where they are; None shows their names alone, and a photo that is missing there an empty tile.
        columns: Tiles side by side where the page is wide.
        heat_maps: Whether each photo has a link to its heat maps.
        narrowest: Smallest width of a tile in pixels, which decides how many stand side by side on a phone.
    """
    grid = st.grid(columns, min_column_width=narrowest)
    for file, caption in zip(files, captions, strict=True):
        # Without its folder, which is its class: on a phone the whole path would break in the middle of a word.
        words = f"{caption}  \n{escape(file.rpartition('/')[2])}"
        if dataset is None:
            grid.caption(words)
            continue
        photo = _photo_tile(dataset, file)
        with grid.cell():
            st.image(
                empty_tile() if photo is None else photo,
                width="stretch",
                caption=words,
                alt=f"{'Missing photo' if photo is None else 'Photo'} {file}",
            )
            if heat_maps and photo is not None:
                st.page_link(
                    page_file("explanations"),
                    label="Heat maps",
                    icon=":material/visibility:",
                    help="What in this photo speaks for the prediction?",
                    query_params={"file": file},
                )


def chip(name: str, position: int = 0) -> str:
    """Returns Markdown for a small square in the color of a class; put the name beside it."""
    return f':color[■]{{foreground="{class_edge(name, position)}"}}'


_ICONS = {
    "cardboard": "package_2",
    "glass": "liquor",
    "metal": "oil_barrel",
    "paper": "description",
    "plastic": "water_bottle",
    "trash": "delete",
}


def class_icon(name: str) -> str:
    """Returns the name of the Material symbol that stands for a class."""
    return _ICONS.get(name, "recycling")
