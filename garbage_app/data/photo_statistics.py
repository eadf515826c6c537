"""Photo statistics by class: sizes, brightness and dominant colors, from a table measured once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.subject import fingerprint
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_core.data import photo_statistics as statistics
from garbage_core.errors import GarbageError
from garbage_core.studies.tables import study_path
from garbage_core.utils.text import NBSP, count, escape, percent

_PERCENT = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")


@dataclass(frozen=True)
class Facts:
    """What was measured in the photos. Shared by all sessions: the tables must not be changed.

    Attributes:
        measured: From `statistics_of`, one row per photo.
        sizes: From `size_table`.
        bright: From `brightness_table`.
        explained: Share of the variance of brightness that the classes explain, 0..1.
        colors: From `color_table`.
        guessed: Share of photos whose class is guessed from the name of the dominant color, 0..1.
        blind: Share of photos whose class is guessed without it, 0..1.
    """

    measured: pd.DataFrame
    sizes: pd.DataFrame
    bright: pd.DataFrame
    explained: float
    colors: pd.DataFrame
    guessed: float
    blind: float


@cache.resource(max_entries=4)
def _facts(key: str, has_bytes: bool, path: Path, classes: tuple[str, ...], _photos: pd.DataFrame) -> Facts:
    measured = statistics.statistics_of(_photos, statistics.read_statistics(path))
    if measured.empty:
        raise GarbageError(f"{path} holds none of these photos; make it anew with `{statistics.COMMAND}`.")
    labels = measured["label"]
    named = pd.Series(statistics.color_names(statistics.hex_to_rgb(measured["color"].to_list())))
    return Facts(
        measured=measured,
        sizes=statistics.size_table(measured, classes),
        bright=statistics.brightness_table(measured, classes),
        explained=statistics.explained_share(measured["brightness"], labels),
        colors=statistics.color_table(measured, classes),
        guessed=statistics.guessed_share(named, labels),
        blind=float(labels.value_counts(normalize=True).max()),
    )


def write_statistics(photos: pd.DataFrame, classes: list[str], key: str) -> None:
    """Draws sizes, brightness and dominant colors by class, from the table measured once.

    Args:
        photos: Columns `file`, `label`, `split`, and `bytes` where the photos are here.
        classes: Names in order.
        key: Tells these photos from others, for the cache.
    """
    from garbage_core.figures import data as figures_data

    path = study_path("photos", fingerprint())
    has_bytes = "bytes" in photos
    whole_key = (key, has_bytes, path)
    try:
        facts = _facts(key, has_bytes, path, tuple(classes), photos)
    except GarbageError as error:
        st.subheader("How large, how bright, which colors", anchor=False)
        st.info(escape(str(error).replace("`", ""), 500))
        st.code(statistics.COMMAND, language="bash")
        return
    st.subheader("How large the photos are", anchor=False)
    _write_sizes(facts, classes, whole_key)
    st.subheader("How bright the photos are", anchor=False)
    bright = facts.bright
    first, last = bright.nlargest(1, "median").iloc[0], bright.nsmallest(1, "median").iloc[0]
    st.markdown(
        f"Brightest are photos of {escape(first['label'])}, darkest those of {escape(last['label'])} (half of them are "
        f"above {percent(first['median'], 0)} and {percent(last['median'], 0)} of white). The class explains "
        f"{percent(facts.explained, 0)} of the differences between photos."
    )
    show(drawn(lambda: figures_data.brightness_ranges(bright), "brightness", whole_key), "brightness", data=bright)
    st.caption("Ring: the median. Broad bar: half of the photos. Thin line: nine in ten.")
    st.subheader("Which color fills the photos", anchor=False)
    st.markdown(_colors_in_words(facts))
    show(drawn(lambda: figures_data.dominant_colors(facts.colors), "colors", whole_key), "colors", data=facts.colors)
    st.caption(
        "The largest of five groups of similar colors in each photo. Mostly that is the background, not the object: "
        "where it differs between classes, a model can learn the background instead of the object."
    )


def _colors_in_words(facts: Facts) -> str:
    colors = facts.colors
    top = colors.nlargest(1, "share").iloc[0]
    others = colors[(colors["name"] == top["name"]) & (colors["label"] != top["label"])]
    rest = f", of the other classes {percent(others['share'].min(), 0)} to {percent(others['share'].max(), 0)}"
    return (
        f"{percent(top['share'], 0)} of the photos of {escape(top['label'])} are mostly {top['name']}"
        f"{rest if len(others) else ''}. Knowing nothing but the name of this color, one could guess the class of "
        f"{percent(facts.guessed, 0)} of these photos; without it, {percent(facts.blind, 0)}."
    )


def _write_sizes(facts: Facts, classes: list[str], key: tuple) -> None:
    from garbage_core.figures import data as figures_data

    measured, sizes = facts.measured, facts.sizes
    different = measured.groupby(["width", "height"]).size()
    most_common: Any = different.idxmax()
    (width, height), most = most_common, different.max()
    if len(different) == 1:
        st.markdown(f"All {len(measured):,} are {width:,} by {height:,} pixels; their files differ.")
    else:
        st.markdown(
            f"{count(len(different), 'size')}; the most common is {width:,} by {height:,} pixels ({most:,} photos)."
        )
        show(drawn(lambda: figures_data.photo_sizes(measured), "sizes", key), "photo-sizes", data=sizes)
    show(
        drawn(lambda: figures_data.file_sizes(measured, classes), "file-sizes", key),
        "file-sizes",
        data=lambda: measured[["file", "label", "width", "height", "bytes"]],
    )
    with st.expander("Sizes by class"):
        rows = pd.DataFrame(
            {
                "Class": sizes["label"],
                "Photos": sizes["photos"],
                "Sizes": sizes["sizes"],
                "Most common": [f"{w:,} x {h:,}" for w, h in zip(sizes["width"], sizes["height"], strict=True)],
                "Have it": 100 * sizes["share"],
                "Smallest, megapixels": sizes["smallest"],
                "Largest, megapixels": sizes["largest"],
            }
        )
        pixels = st.column_config.NumberColumn(format="%.2f")
        show_table(rows, "sizes", {"Have it": _PERCENT, "Smallest, megapixels": pixels, "Largest, megapixels": pixels})
