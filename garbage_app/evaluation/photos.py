"""The photos behind a selection: what they are in words, under each and in a table."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.evaluation.selection import ANY, PREDICTED, WRONG, Selection
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.photo_grid import probabilities_in_words
from garbage_core.evaluation.evaluation import Evaluation
from garbage_core.evaluation.intervals import wilson_interval
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, count, escape, interval, percent


def in_words(confusion: pd.DataFrame, chosen: Selection, n: int) -> str:
    """Says how many photos a selection has, and which share of their class that is, as Markdown.

    Args:
        confusion: That of the photos without the selected cell.
        chosen: The selection.
        n: Number of photos selected.
    """
    label, predicted = chosen.label, chosen.predicted
    support = int((confusion if label == ANY else confusion.loc[label]).to_numpy().sum())
    photos = count(support, "photo" if label == ANY else f"{escape(label)} photo")
    low, high = map(float, wilson_interval(n, support))
    share = interval(n / support, low, high) if support else "unknown"
    if predicted == PREDICTED:
        return f"**{photos}**"
    if predicted == WRONG:
        verb = "are predicted wrongly" if label == ANY else "are predicted as another class"
        return f"**{n:,} of {photos}** {verb}: {share}."
    if label == predicted:
        return f"**{n:,} of {photos}** are rightly predicted as {escape(predicted)}: {share}."
    if label == ANY:
        right: Any = confusion.loc[predicted, predicted]
        return f"**{count(n, 'photo')}** predicted as {escape(predicted)}, {right:,} of them rightly."
    return f"**{n:,} of {photos}** are predicted as {escape(predicted)}: {share}."


def where_in_words(chosen: Selection, has_map: bool) -> str:
    """Says what else narrows the photos down: a point of a curve, a lasso."""
    words = ""
    if chosen.curve is not None:
        words += f" With a probability of {escape(chosen.curve[0])} from {percent(chosen.curve[1])} on."
    if chosen.area and has_map:
        words += " Within the lasso."
    return words


def caption(row: Any, classes: tuple[str, ...]) -> str:
    """Says under a photo what it is, what it was predicted as, and with which probabilities."""
    verdict = "rightly predicted as" if row.correct else f"{escape(row.label)}, predicted as"
    # The probabilities are the last columns; their names need not be valid names of attributes.
    odds = dict(zip(classes, row[-len(classes) :], strict=True))
    return f"{verdict} **{escape(row.predicted)}**  \n{probabilities_in_words(odds, row.label, 2)}"


def write_photos(
    photos: pd.DataFrame, classes: tuple[str, ...], other: Run | None, theirs: pd.DataFrame | None
) -> None:
    """Writes the selected photos as a table, with what a second model predicts."""
    odds = 100 * photos[[f"p_{name}" for name in classes]]
    rows = photos[["file", "label", "predicted"]].set_axis(["File", "True class", "Predicted class"], axis=1)
    if other is not None and theirs is not None:
        rows[f"Predicted by {other.title}"] = photos["file"].map(theirs.set_index("file")["predicted"])
    number = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")
    show_table(rows.join(odds.set_axis(list(classes), axis=1)), "photos-table", dict.fromkeys(classes, number))


def write_mistakes(evaluation: Evaluation, other: Run | None, theirs: Evaluation | None) -> None:
    """Writes every kind of mistake of a slice, the most frequent first, with those of a second model."""
    cells = evaluation.confusion.reset_index().melt("label", var_name="predicted", value_name="photos")
    cells = cells[(cells["label"] != cells["predicted"]) & (cells["photos"] > 0)]
    if cells.empty:
        st.markdown("None: every prediction is right.")
        return
    support = cells["label"].map(evaluation.confusion.sum(axis=1))
    low, high = wilson_interval(cells["photos"].to_numpy(), support.to_numpy())
    cells["share"] = [interval(*row) for row in zip(cells["photos"] / support, low, high, strict=True)]
    order = (cells["photos"] + 0.5 * cells["photos"] / support).sort_values(ascending=False).index
    share = st.column_config.TextColumn(
        "Share of the class", help="Of the photos of the class, how many are predicted as the other."
    )
    names: dict = {"label": "Class", "predicted": "Predicted as", "photos": "Photos", "share": share}
    if other is not None and theirs is not None:
        pairs = zip(cells["label"], cells["predicted"], strict=True)
        cells[f"Photos, {other.title}"] = [theirs.confusion.loc[label, predicted] for label, predicted in pairs]
    show_table(cells.loc[order], "confusions", names)
