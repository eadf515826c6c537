"""The parts of the page on the data set: how classes and splits are filled, and what the photos are like."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import SPLIT_NAMES, keep_valid
from garbage_app.widgets.gallery import gallery, offer_download
from garbage_app.widgets.markdown import chip
from garbage_core.data import class_balance as balance
from garbage_core.data import photo_statistics as statistics
from garbage_core.errors import GarbageError
from garbage_core.studies.tables import study_path
from garbage_core.utils.text import NBSP, capital, count, escape, percent

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

ALL = "all"
SAMPLES = 12
MISSING = 4  # placeholders, where the photos are not on this machine
_PERCENT = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")
_TENTHS = st.column_config.NumberColumn(format="%.1f")


def split_name(split: str) -> str:
    """Returns "Training", "Validation", "Test", or another split's own name."""
    return capital(SPLIT_NAMES.get(split, split))


# Classes and splits


@st.fragment
def write_balance(counts: pd.DataFrame, key: str) -> None:
    """Draws photos per class and split, how even the splits are, and how many photos count as new.

    Args:
        counts: Classes in rows, splits in columns.
        key: Tells these counts from others, for the cache.
    """
    from garbage_core.figures import data as figures_data

    named = counts.rename(columns=SPLIT_NAMES)
    st.subheader("How many photos of each class", anchor=False)
    show(
        drawn(lambda: figures_data.class_distribution(named), "class-distribution", key),
        "class-distribution",
        data=lambda: named.rename_axis("label"),
    )
    st.subheader("Are the classes spread evenly over the splits?", anchor=False)
    st.markdown(_evenness(counts))
    show(
        drawn(lambda: figures_data.split_shares(named), "split-shares", key),
        "split-shares",
        data=lambda: balance.balance_table(counts).drop(columns="effective"),
    )
    st.caption("Gray tick: the class's share of all photos. Dealt out evenly, every symbol would stand on its tick.")
    st.subheader("How unequal the classes are to learn from", anchor=False)
    beta = st.segmented_control(
        "β",
        balance.BETAS,
        default=balance.EFFECTIVE_NUMBER_BETA,
        required=True,
        format_func=str,
        key="beta",
        bind="query-params",
        help="The first photo of a class counts as one, the second as β, the n-th as β to the power of n - 1: the more "
        "photos there are, the likelier another one shows nothing new. The remedy `effective_number` takes 0.999. "
        "Cui et al. 2019, arXiv:1901.05555.",
    )
    numbers = balance.balance_table(counts, beta)
    learned = numbers.assign(photos=counts["train"].to_numpy() if "train" in counts else numbers["photos"])
    st.markdown(
        f"Training sees {balance.imbalance_ratio(learned['photos']):.1f} times as many photos of the largest class as "
        f"of the smallest; in effective numbers, {balance.imbalance_ratio(learned['effective']):.1f} times as many."
    )
    show(
        drawn(lambda: figures_data.effective_numbers(learned), "effective-numbers", key, beta),
        "effective-numbers",
        data=learned[["label", "photos", "effective"]],
    )
    st.caption("Effective number: how many photos of a class still show something new, if each shows a little less.")
    with st.expander("The numbers, and what an even share would be"):
        _write_numbers(numbers, counts)


def _evenness(counts: pd.DataFrame) -> str:
    label, split, there, even = balance.largest_gap(counts)
    chance = balance.stratification_p(counts)
    text = (
        f"The largest gap: of {escape(label)}, {there:,} are {SPLIT_NAMES.get(split, split)} photos, where "
        f"{even:.1f} would be even."
    )
    if np.isnan(chance):
        return text
    if chance < 0.05:
        judged = "Splits drawn at random are rarely as uneven as these"
    elif chance > 0.95:
        judged = "Splits drawn at random are rarely as even as these, which were dealt out class by class"
    else:
        judged = "Splits drawn at random are often as uneven as these"
    return f"{text} {judged} (chi-square test, p{NBSP}={NBSP}{chance:.2f})."


def _write_numbers(numbers: pd.DataFrame, counts: pd.DataFrame) -> None:
    rows = pd.DataFrame({"Class": numbers["label"], "All": numbers["photos"], "Share": 100 * numbers["share"]})
    for split in counts:
        rows[split_name(split)] = numbers[split]
        rows[f"{split_name(split)}, even"] = numbers[f"{split}_expected"]
    rows["Effective number"] = numbers["effective"]
    formats = {name: _TENTHS for name in rows if name.endswith(", even")} | {"Effective number": _TENTHS}
    show_table(rows, "counts", formats | {"Share": _PERCENT})
    ratios = [f"{split_name(split)} {balance.imbalance_ratio(counts[split]):.1f}" for split in counts]
    st.caption(
        "Even: the number a split would have if every class were dealt out in the same proportion. "
        f"Largest class over smallest: {', '.join(ratios)}."
    )


# Photos


@st.fragment
def write_samples(dataset: "Dataset | None", photos: pd.DataFrame, classes: list[str]) -> None:
    """Shows photos drawn at random, of all classes and splits or of one; their names where they are not here."""
    st.subheader("What the photos look like", anchor=False)
    there = set(photos["split"].unique())
    splits = [name for name in ("train", "val", "test") if name in there]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _pills("Class", classes, "class", capital)
        split = _pills("Split", splits, "split", split_name)
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


def _pills(title: str, options: list[str], key: str, name) -> str:
    keep_valid(key, [ALL, *options])
    return st.pills(
        title, [ALL, *options], default=ALL, required=True, format_func=name, key=key, bind="query-params", wrap=True
    )


def photo_caption(row: tuple, classes: list[str]) -> str:
    """Returns the line under a photo from its `label` and `split`."""
    return f"{chip(row.label, classes.index(row.label))} {escape(row.label)}, {SPLIT_NAMES.get(row.split, row.split)}"


@dataclass(frozen=True)
class Facts:
    """What was measured in the photos. Shared by all sessions: the tables must not be changed.

    Attributes:
        measured: From `statistics_of`, one row per photo.
        sizes: From `size_table`.
        bright: From `brightness_table`.
        explained: Share of the variance of brightness that the classes explain, 0..1.
        colors: From `color_table`.
        guessed: How often the class is guessed from the name of the dominant color, 0..1.
        blind: How often it is guessed without, 0..1.
    """

    measured: pd.DataFrame
    sizes: pd.DataFrame
    bright: pd.DataFrame
    explained: float
    colors: pd.DataFrame
    guessed: float
    blind: float


@st.cache_resource(max_entries=4, show_spinner=False)
def _facts(key: tuple, path: str, classes: tuple[str, ...], _photos: pd.DataFrame) -> Facts:
    measured = statistics.statistics_of(_photos, statistics.read_statistics(path))
    if measured.empty:
        raise GarbageError(f"{path} holds none of these photos; make it anew with `{statistics.COMMAND}`.")
    labels = measured["label"]
    named = pd.Series(statistics.color_names(statistics.hex_to_rgb(measured["color"])))
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
    from garbage_core.figures import photos as figures_photos

    path = study_path("photos")
    whole_key = (key, "bytes" in photos, str(path), path.stat().st_mtime if path.is_file() else 0.0)
    try:
        facts = _facts(whole_key, str(path), tuple(classes), photos)
    except GarbageError as error:
        st.subheader("How large, how bright, which colors", anchor=False)
        st.info(escape(str(error).replace("`", ""), 500))
        st.code(statistics.COMMAND, language="bash")
        return
    st.subheader("How large the photos are", anchor=False)
    _write_sizes(facts, classes, whole_key)
    st.subheader("How bright the photos are", anchor=False)
    bright = facts.bright
    first, last = bright.loc[bright["median"].idxmax()], bright.loc[bright["median"].idxmin()]
    st.markdown(
        f"Brightest are photos of {escape(first['label'])}, darkest those of {escape(last['label'])} (half of them are "
        f"above {percent(first['median'], 0)} and {percent(last['median'], 0)} of white). The class explains "
        f"{percent(facts.explained, 0)} of the differences between photos."
    )
    show(drawn(lambda: figures_photos.brightness_ranges(bright), "brightness", whole_key), "brightness", data=bright)
    st.caption("Ring: the median. Broad bar: half of the photos. Thin line: nine in ten.")
    st.subheader("Which color fills the photos", anchor=False)
    st.markdown(_colors_in_words(facts))
    show(drawn(lambda: figures_photos.dominant_colors(facts.colors), "colors", whole_key), "colors", data=facts.colors)
    st.caption(
        "The largest of five groups of like colors in each photo. Mostly that is the ground, not the thing: where it "
        "differs between classes, a model can learn the ground instead of the thing."
    )


def _colors_in_words(facts: Facts) -> str:
    colors = facts.colors
    top = colors.loc[colors["share"].idxmax()]
    others = colors[(colors["name"] == top["name"]) & (colors["label"] != top["label"])]
    rest = f", of the other classes {percent(others['share'].min(), 0)} to {percent(others['share'].max(), 0)}"
    return (
        f"{percent(top['share'], 0)} of the photos of {escape(top['label'])} are mostly {top['name']}"
        f"{rest if len(others) else ''}. Who knew nothing but the name of this color could guess the class of "
        f"{percent(facts.guessed, 0)} of these photos; without it, {percent(facts.blind, 0)}."
    )


def _write_sizes(facts: Facts, classes: list[str], key: tuple) -> None:
    from garbage_core.figures import data as figures_data

    measured, sizes = facts.measured, facts.sizes
    different = measured.groupby(["width", "height"]).size()
    (width, height), most = different.idxmax(), different.max()
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
