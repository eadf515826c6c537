"""Photo statistics by class: what the background gives away, sizes and brightness, from a table measured once."""

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
from garbage_core.evaluation.shortcut import ColorShortcut, color_shortcut
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
        shortcut: What that color alone gives away; None where there is nothing to learn it from or to test it on.
    """

    measured: pd.DataFrame
    sizes: pd.DataFrame
    bright: pd.DataFrame
    explained: float
    colors: pd.DataFrame
    shortcut: ColorShortcut | None


@cache.resource(max_entries=4)
def _facts(key: str, has_bytes: bool, path: Path, classes: tuple[str, ...], _photos: pd.DataFrame) -> Facts:
    measured = statistics.statistics_of(_photos, statistics.read_statistics(path))
    if measured.empty:
        raise GarbageError(f"{path} holds none of these photos; make it anew with `{statistics.COMMAND}`.")
    return Facts(
        measured=measured,
        sizes=statistics.size_table(measured, classes),
        bright=statistics.brightness_table(measured, classes),
        explained=statistics.explained_share(measured["brightness"], measured["label"]),
        colors=statistics.color_table(measured, classes),
        shortcut=color_shortcut(measured),
    )


def write_statistics(photos: pd.DataFrame, classes: list[str], key: str) -> None:
    """Writes what the background gives away as a card; folded away, sizes and brightness by class.

    Args:
        photos: Columns `file`, `label`, `split`, and `bytes` where the photos are here.
        classes: Names in order.
        key: Tells these photos from others, for the cache.
    """
    path = study_path("photos", fingerprint())
    has_bytes = "bytes" in photos
    whole_key = (key, has_bytes, path)
    try:
        facts = _facts(key, has_bytes, path, tuple(classes), photos)
    except GarbageError as error:
        with st.expander("Background, size and brightness of the photos"):
            st.info(escape(str(error).replace("`", ""), 500))
            st.code(statistics.COMMAND, language="bash")
        return
    _write_shortcut(facts, whole_key)
    with st.expander("How bright are the photos? Brightness"):
        _write_brightness(facts, whole_key)
    with st.expander("How large are the photos? File sizes"):
        _write_sizes(facts, classes, whole_key)


def _write_shortcut(facts: Facts, key: tuple) -> None:
    from garbage_core.figures import data as figures_data

    with st.container(border=True):
        st.subheader(_shortcut_in_words(facts), anchor=False)
        if facts.shortcut:
            st.markdown(_shortcut_measured(facts.shortcut))
        show(drawn(lambda: figures_data.dominant_colors(facts.colors), "colors", key), "colors", data=facts.colors)
        st.caption(
            "The main color of each photo, as a rule its background and not the object. Method: nearest neighbors by "
            "that color alone; 95 % interval."
        )


def _shortcut_in_words(facts: Facts) -> str:
    colors, shortcut = facts.colors, facts.shortcut
    top = colors.nlargest(1, "share").iloc[0]
    mostly = f"{percent(top['share'], 0)} of {escape(top['label'])} photos are mostly {top['name']}"
    if shortcut is None:
        return f"{mostly}."
    if not shortcut.is_there:
        return f"{mostly}, but the background alone does not give the class away."
    return f"{mostly}: the background alone gives the class of {percent(shortcut.accuracy, 0)} of the test photos."


def _shortcut_measured(shortcut: ColorShortcut) -> str:
    ends = f"{100 * shortcut.low:.1f} to {100 * shortcut.high:.1f}"
    end = " A network can learn this shortcut instead of the object." if shortcut.is_there else ""
    return (
        f"**{percent(shortcut.accuracy)}** ({ends}) of {count(shortcut.photos, 'test photo')} get the right class from "
        f"the training photos of the most similar color. **{percent(shortcut.majority)}** would if all were called "
        f"{escape(shortcut.majority_label)}.{end}"
    )


def _write_brightness(facts: Facts, key: tuple) -> None:
    from garbage_core.figures import data as figures_data

    bright = facts.bright
    first, last = bright.nlargest(1, "median").iloc[0], bright.nsmallest(1, "median").iloc[0]
    st.markdown(
        f"Brightest are photos of {escape(first['label'])}, darkest those of {escape(last['label'])} (medians: "
        f"{percent(first['median'], 0)} and {percent(last['median'], 0)} of white). The class explains "
        f"{percent(facts.explained, 0)} of the differences between photos."
    )
    show(drawn(lambda: figures_data.brightness_ranges(bright), "brightness", key), "brightness", data=bright)
    st.caption("Ring: the median. Broad bar: half of the photos. Thin line: nine in ten.")


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
    st.markdown("**Sizes by class**")
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
