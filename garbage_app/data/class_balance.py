"""How many photos each class has; folded away, how evenly they are split and how unequal they are to learn from."""

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.data.splits import split_name
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_core.data import class_balance
from garbage_core.data.splits import UNSPLIT
from garbage_core.utils.text import NBSP, escape, listing

_PERCENT = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")
_TENTHS = st.column_config.NumberColumn(format="%.1f")


def write_class_balance(counts: pd.DataFrame, key: str) -> None:
    """Draws photos per class and split.

    Args:
        counts: Classes in rows, splits in columns.
        key: Tells these counts from others, for the cache.
    """
    from garbage_core.figures import data as figures_data

    named = counts.rename(columns=SPLIT_NAMES)
    st.markdown("**Photos per class**")
    show(
        drawn(lambda: figures_data.class_distribution(named), "class-distribution", key),
        "class-distribution",
        data=lambda: named.rename_axis("label"),
    )
    if UNSPLIT in counts:
        return
    totals = counts.sum()
    splits = listing([f"{photos:,} for {SPLIT_NAMES.get(str(split), str(split))}" for split, photos in totals.items()])
    st.caption(f"Split once for all models: {escape(splits, 200)}.")


@st.fragment
def write_evenness(counts: pd.DataFrame, key: str) -> None:
    """Folds away how even the splits are and the effective numbers of photos; arguments as `write_class_balance`."""
    from garbage_core.figures import data as figures_data

    if UNSPLIT not in counts:
        with st.expander("Are the classes spread evenly over the splits? Chi-square test"):
            named = counts.rename(columns=SPLIT_NAMES)
            st.markdown(_evenness(counts))
            show(
                drawn(lambda: figures_data.split_shares(named), "split-shares", key),
                "split-shares",
                data=lambda: class_balance.balance_table(counts).drop(columns="effective"),
            )
            st.caption(
                "Gray tick: the class's share of all photos. In even splits, every symbol would stand on its tick."
            )
    with st.expander("How unequal are the classes to learn from? Effective numbers"):
        numbers = _write_effective_numbers(counts, key)
    with st.expander("The numbers, and what an even share would be"):
        _write_numbers(numbers, counts)


def _write_effective_numbers(counts: pd.DataFrame, key: str) -> pd.DataFrame:
    """Draws the effective numbers of photos for the β of the reader's choice, and returns the table with them."""
    from garbage_core.figures import data as figures_data

    beta = st.segmented_control(
        "β",
        class_balance.BETAS,
        default=class_balance.EFFECTIVE_NUMBER_BETA,
        required=True,
        format_func=str,
        key="beta",
        bind="query-params",
        help="The first photo of a class counts as one, the second as β, the n-th as β to the power of n - 1: the more "
        "photos there are, the likelier another one shows nothing new. The strategy `effective_number` takes 0.999. "
        "Cui et al. 2019, arXiv:1901.05555.",
    )
    numbers = class_balance.balance_table(counts, beta)
    learned = numbers.assign(photos=counts["train"].to_numpy() if "train" in counts else numbers["photos"])
    photos, effective = (class_balance.imbalance_ratio(learned[name]) for name in ("photos", "effective"))
    who = "Training" if "train" in counts else "The data set"
    st.markdown(
        f"{who} has about as many photos of each class."
        if photos < class_balance.ABOUT_EQUAL
        else f"{who} has {photos:.1f} times as many photos of the largest class as of the smallest; in effective "
        f"numbers, {effective:.1f} times as many."
    )
    show(
        drawn(lambda: figures_data.effective_numbers(learned), "effective-numbers", key, beta),
        "effective-numbers",
        data=learned[["label", "photos", "effective"]],
    )
    st.caption(
        "Effective number: how many photos of a class still show something new, if each shows a little less than the "
        "one before."
    )
    return numbers


def _evenness(counts: pd.DataFrame) -> str:
    label, split, there, even = class_balance.largest_gap(counts)
    chance = class_balance.stratification_p(counts)
    text = (
        f"The largest gap: of {escape(label)}, {there:,} are {SPLIT_NAMES.get(split, split)} photos, where "
        f"{even:.1f} would be even."
    )
    if np.isnan(chance):
        return text
    if chance < 0.05:
        verdict = "Splits drawn at random are rarely as uneven as these"
    elif chance > 0.95:
        verdict = "Splits drawn at random are rarely as even as these, which were stratified by class"
    else:
        verdict = "Splits drawn at random are often as uneven as these"
    return f"{text} {verdict} (chi-square test, p{NBSP}={NBSP}{chance:.2f})."


def _write_numbers(numbers: pd.DataFrame, counts: pd.DataFrame) -> None:
    rows = pd.DataFrame({"Class": numbers["label"], "All": numbers["photos"], "Share": 100 * numbers["share"]})
    splits = [str(split) for split in counts]
    for split in splits:
        rows[split_name(split)] = numbers[split]
        rows[f"{split_name(split)}, even"] = numbers[f"{split}_expected"]
    rows["Effective number"] = numbers["effective"]
    formats = {name: _TENTHS for name in map(str, rows) if name.endswith(", even")} | {"Effective number": _TENTHS}
    show_table(rows, "counts", formats | {"Share": _PERCENT})
    ratios = [f"{split_name(split)} {class_balance.imbalance_ratio(counts[split]):.1f}" for split in splits]
    st.caption(
        "Even: the number a split would have if every class were divided in the same proportion. "
        f"Largest class over smallest: {', '.join(ratios)}."
    )
