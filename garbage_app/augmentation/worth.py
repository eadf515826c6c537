"""What each transformation alone was worth to a head on frozen features, from the study's table."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.augmentation.words import range_in_words
from garbage_app.imbalance.study import table_or_none
from garbage_app.widgets.charts import show_table
from garbage_core.studies.tables import AS_THEY_ARE, AUGMENTATION, CHANGED, read_augmentation
from garbage_core.utils.text import NBSP, capital, count, listing, percent, signed_interval

_METRIC = "accuracy"
_COLUMNS = ("Photos", "Without it", "With it", "Gain there", "Gain on photos as they are")


def write_transformations_worth(ranges: dict[str, float]) -> None:
    """Writes what each transformation buys, if the study has been made of the photos at hand.

    Args:
        ranges: From the name of each transformation to the range that the study gave it.
    """
    found = table_or_none(AUGMENTATION, read_augmentation)
    if found is None:
        return
    table = found[0]
    st.subheader("What is each worth?", anchor=False)
    st.markdown(worth_sentence(table, ranges))
    show_table(worth_rows(table, ranges), "transformations-worth")
    photos = int(table["photos"].max())
    st.caption(
        f"A linear head on the frozen network's features: with the training photos as they are, and with one changed "
        f"copy of each as well. Accuracy on {count(photos, 'test photo')}; brackets hold 95{NBSP}% intervals of the "
        "paired difference. Layers that learn with the head may gain more."
    )


def worth_rows(table: pd.DataFrame, ranges: dict[str, float]) -> pd.DataFrame:
    """Returns the table as a reader sees it, the transformation that gains most first.

    Args:
        table: From `read_augmentation`.
        ranges: As in `write_transformations_worth`.
    """
    found = table[table["metric"] == _METRIC]
    changed, own = (found[found["tested_on"] == tested_on] for tested_on in (CHANGED, AS_THEY_ARE))
    gains = {row["transformation"]: _difference(row) for row in own.to_dict("records")}
    rows = [
        (
            capital(range_in_words(row["transformation"], ranges.get(row["transformation"], 0.0))),
            percent(row["value"] - row["difference"]),
            percent(row["value"]),
            _difference(row),
            gains[row["transformation"]],
        )
        for row in changed.sort_values(by="difference", ascending=False).to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def worth_sentence(table: pd.DataFrame, ranges: dict[str, float]) -> str:
    """Says which transformations teach more than chance can, and what they do to photos as they are."""
    rows = table[table["metric"] == _METRIC]
    changed, own = (rows[rows["tested_on"] == tested_on] for tested_on in (CHANGED, AS_THEY_ARE))
    taught = changed[changed["difference_low"] > 0].sort_values(by="difference", ascending=False)
    moved = own[(own["difference_low"] > 0) | (own["difference_high"] < 0)]
    if taught.empty:
        text = "No transformation gains more than chance can, not even on photos changed in the same way."
    else:
        first = taught.iloc[0]
        name = range_in_words(str(first["transformation"]), ranges.get(str(first["transformation"]), 0.0))
        text = (
            f"**Photos {name} are the lesson that pays most:** {percent(first['value'])} of them are right instead of "
            f"{percent(first['value'] - first['difference'])}."
        )
    if moved.empty:
        return f"{text} On photos as they are no transformation changes the accuracy by more than chance can."
    names = listing([str(name).replace("_", " ") for name in moved["transformation"]])
    verb = "changes" if len(moved) == 1 else "change"
    return f"{text} On photos as they are only {names} {verb} the accuracy by more than chance can."


def _difference(row: dict[Any, Any]) -> str:
    return signed_interval(row["difference"], row["difference_low"], row["difference_high"])
