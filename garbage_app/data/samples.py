"""Photos of the data set drawn at random, of all classes and splits or of one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.data.splits import split_name
from garbage_app.widgets.choosers import SPLIT_NAMES, keep_valid
from garbage_app.widgets.gallery import chip, gallery, offer_download
from garbage_core.utils.text import capital, escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

ALL = "all"
SAMPLES = 12
MISSING = 4  # placeholders, where the photos are not on this machine


@st.fragment
def write_samples(dataset: "Dataset | None", photos: pd.DataFrame, classes: list[str]) -> None:
    """Shows photos drawn at random, of all classes and splits or of one; their names where they are not here."""
    st.subheader("What the photos look like", anchor=False)
    there = set(photos["split"].unique())
    splits = [name for name in ("train", "val", "test") if name in there]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _pills("Class", classes, "class", capital)
        split = _pills("Split", splits, "split", split_name) if splits else ALL
        if dataset is not None and st.button("Draw others", icon=":material/casino:", help="Other photos, at random"):
            st.session_state["sample_seed"] = st.session_state.get("sample_seed", 0) + 1
    rows = photos[photos["label"].isin(classes if label == ALL else [label])]
    rows = rows if split == ALL else rows[rows["split"] == split]
    order = np.random.default_rng(st.session_state.get("sample_seed", 0)).permutation(len(rows))
    chosen = rows.iloc[order[: SAMPLES if dataset is not None else MISSING]]
    gallery(chosen["file"].tolist(), [photo_caption(row, classes) for row in chosen.itertuples()], dataset)
    if dataset is None:
        offer_download(
            "The photos are not on this machine. The models, their results and the figures on this page work without "
            "them; the galleries need them."
        )
    elif rows.empty:
        st.info("There is no such photo.")


def _pills(title: str, options: list[str], key: str, name: Callable[[str], str]) -> str:
    keep_valid(key, [ALL, *options])
    return st.pills(
        title, [ALL, *options], default=ALL, required=True, format_func=name, key=key, bind="query-params", wrap=True
    )


def photo_caption(row: Any, classes: list[str]) -> str:
    """Returns the line under a photo from its `label` and `split`."""
    label = f"{chip(row.label, classes.index(row.label))} {escape(row.label)}"
    return ", ".join(filter(None, [label, SPLIT_NAMES.get(row.split, escape(row.split))]))
