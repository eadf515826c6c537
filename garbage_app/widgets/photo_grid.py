"""The photos behind a number: pages of equal tiles, in an order of the reader's choice, each a click from its map."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.subject import dataset_or_none
from garbage_app.widgets.gallery import NAMES_ALONE, gallery, offer_download
from garbage_core.utils.text import NBSP, chance, escape

TILES = 8
ORDERS = {"confident": "Most confident first", "doubtful": "Least confident first", "name": "By file name"}


def choose_order(key: str = "order", **look: Any) -> str:
    """Lets the reader choose one of `ORDERS`; the choice stands in the address; `look` is passed to the chooser."""
    return st.selectbox("Order", list(ORDERS), format_func=ORDERS.__getitem__, key=key, bind="query-params", **look)


def in_order(photos: pd.DataFrame, order: str, confidence: str = "confidence") -> pd.DataFrame:
    """Sorts photos.

    Args:
        photos: Table with the column `file` and the one that `confidence` names.
        order: One of `ORDERS`; photos that are equal in it are sorted by their names.
        confidence: Column with the confidence, 0..1.

    Returns:
        The same rows.
    """
    photos = photos.iloc[sorted(range(len(photos)), key=photos["file"].map(_natural).tolist().__getitem__)]
    if order == "name":
        return photos
    return photos.sort_values(confidence, ascending=order == "doubtful", kind="stable")


def photo_pages(
    photos: pd.DataFrame, caption: Callable[[tuple], str], key: str, columns: int = 4, narrowest: int = 150
) -> None:
    """Shows photos as tiles, `TILES` to a page, with a link from each to its heat maps.

    Args:
        photos: Table with the column `file`, in the order to be shown.
        caption: Makes the Markdown under a photo from its row, a named tuple.
        key: Changes with what is shown, so that another choice begins with its first page.
        columns: Tiles side by side where the page is wide.
        narrowest: Smallest width of a tile in pixels.
    """
    dataset = dataset_or_none()
    pages = -(-len(photos) // TILES)
    place = st.container()
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    rows = photos.iloc[(page - 1) * TILES : page * TILES]
    with place:
        captions = [caption(row) for row in rows.itertuples(index=False)]
        gallery(rows["file"].tolist(), captions, dataset, columns, True, narrowest)
    if dataset is None:
        offer_download(NAMES_ALONE)


def probabilities_in_words(probabilities: dict[str, float], label: str, most: int = 3) -> str:
    """Returns the highest probabilities of a photo and that of its true class: "plastic 71 %, glass 22 %".

    Args:
        probabilities: By class, 0..1.
        label: The true class, listed even if it is not among the highest.
        most: How many of the highest are listed, without those that round to zero.
    """
    ranked = sorted(probabilities, key=probabilities.__getitem__, reverse=True)
    shown = [name for name in ranked[:most] if probabilities[name] >= 0.005]
    if label not in shown:
        shown.append(label)
    return ", ".join(f"{escape(name)}{NBSP}{_odds(probabilities[name])}" for name in shown)


def _odds(share: float) -> str:
    return f"under 1{NBSP}%" if share < 0.005 else chance(share)


def _natural(file: str) -> list:
    """Returns a key by which glass2.jpg comes before glass10.jpg."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file)]
