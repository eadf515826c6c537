"""Photos of the data set drawn at random, of every class or of one; the classes by name where no photo is here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.data.splits import split_name
from garbage_app.widgets.choosers import SPLIT_NAMES, keep_valid
from garbage_app.widgets.gallery import chip, class_icon, gallery
from garbage_core.data.classes import class_edge
from garbage_core.utils.text import capital, count, escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

ALL = "all"
SAMPLES = 6  # in one row, where the page is wide
MOST_SAMPLES = 12  # of a data set with many classes


@st.fragment
def write_samples(dataset: "Dataset | None", photos: pd.DataFrame, classes: list[str]) -> None:
    """Shows photos drawn at random, some of every class or all of one; the classes' names where no photo is here."""
    if dataset is None:
        _write_classes(photos, classes)
        return
    place = st.container()  # on a phone, too, the photos come first
    there = set(photos["split"].unique())
    splits = [name for name in ("train", "val", "test") if name in there]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _pills("Class", classes, "class", capital)
        split = _pills("Split", splits, "split", split_name) if splits else ALL
        if st.button("Draw others", icon=":material/casino:", help="Other photos, at random"):
            st.session_state["sample_seed"] = st.session_state.get("sample_seed", 0) + 1
    rows = photos[photos["label"].isin(classes if label == ALL else [label])]
    rows = rows if split == ALL else rows[rows["split"] == split]
    chosen = _drawn_evenly(rows, classes, st.session_state.get("sample_seed", 0))
    with place:
        captions = [photo_caption(row, classes) for row in chosen.itertuples()]
        gallery(chosen["file"].tolist(), captions, dataset, columns=SAMPLES, narrowest=100)
        if rows.empty:
            st.info("There is no such photo.")


def _drawn_evenly(rows: pd.DataFrame, classes: list[str], seed: int) -> pd.DataFrame:
    """Draws photos at random, as many of each class as can be, in the order of the classes."""
    mixed = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    turn = mixed.groupby("label").cumcount()
    wanted = min(max(SAMPLES, mixed["label"].nunique()), MOST_SAMPLES)
    first = mixed.iloc[np.argsort(turn.to_numpy(), kind="stable")[:wanted]]
    return first.iloc[np.argsort(first["label"].map(classes.index).to_numpy(), kind="stable")]


def _write_classes(photos: pd.DataFrame, classes: list[str]) -> None:
    """Stands in for the photos: each class in its color, with its symbol and its number of photos."""
    totals = photos["label"].value_counts()
    grid = st.grid(SAMPLES, min_column_width=100)
    for place, name in enumerate(classes[:MOST_SAMPLES]):
        with grid.cell(), st.container(border=True, horizontal_alignment="center", gap=None):
            color = class_edge(name, place)
            st.markdown(f':color[:material/{class_icon(name)}:]{{foreground="{color}"}}  \n**{escape(name)}**')
            st.caption(count(int(totals[name]), "photo"))


def _pills(title: str, options: list[str], key: str, name: Callable[[str], str]) -> str:
    keep_valid(key, [ALL, *options])
    return st.pills(
        title, [ALL, *options], default=ALL, required=True, format_func=name, key=key, bind="query-params", wrap=True
    )


def photo_caption(row: Any, classes: list[str]) -> str:
    """Returns the line under a photo from its `label` and `split`."""
    label = f"{chip(row.label, classes.index(row.label))} {escape(row.label)}"
    return ", ".join(filter(None, [label, SPLIT_NAMES.get(row.split, escape(row.split))]))
