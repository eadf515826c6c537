"""The confusion explorer: the confusion matrix, and the photos behind the cell that a click or two choosers name."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import prediction_tables
from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import clicked, drawn, is_dark, show, show_table
from garbage_app.widgets.choosers import keep_valid
from garbage_app.widgets.photo_grid import ORDERS, choose_order, in_order, photo_pages, probabilities_in_words
from garbage_core import figures
from garbage_core.evaluation.confusion_matrix import cell_photos
from garbage_core.evaluation.evaluation import Evaluation
from garbage_core.evaluation.intervals import wilson_interval
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, count, escape, interval

MATRIX = "confusion-matrix"
ANY = "Any class"
WRONG = "Any wrong prediction"
PREDICTED = "Any prediction"


@st.fragment
def explore_confusions(run: Run, split: str) -> None:
    """Draws the confusion matrix, and below it the photos of the cell, row or column that the reader chose."""
    evaluation, tables = evaluation_of(run, split), prediction_tables(run, split)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("What is predicted as what: the confusion matrix", anchor=False)
        unit = st.segmented_control(
            "Cells",
            ["Photos", "Per cent"],
            default="Photos",
            required=True,
            label_visibility="collapsed",
            key="cells",
            bind="query-params",
        )
    left, right = st.columns([5, 3], gap="large")
    with right:
        st.markdown("**The photos behind it**")
        st.caption("Click a cell of the matrix, or choose here.")
        label, predicted = _choose_cell(run.classes)
        order = choose_order()
    with left:
        normalized, dark = unit == "Per cent", is_dark()
        figure = drawn(
            lambda: figures.confusion_matrix(evaluation.confusion, normalized, dark, (label, predicted)),
            MATRIX,
            run,
            split,
            normalized,
            label,
            predicted,
        )
        show(figure, MATRIX, data=lambda: evaluation.confusion, on_select=_follow_click)
        st.caption(
            "A row holds the photos of one true class, a column those of one predicted class; on the diagonal "
            "the model is right."
        )
    photos = photos_of(tables.photos, label, predicted)
    st.markdown(f"{in_words(evaluation, label, predicted, len(photos))} :gray[{ORDERS[order]}.]")
    if photos.empty:
        st.info("There is no such photo.", icon=":material/check:")
    else:
        photos = in_order(photos, order)
        choice = f"{run.name}-{split}-{label}-{predicted}-{order}"
        photo_pages(photos, lambda row: caption(row, run.classes), choice)
        with st.expander("These photos as a table"):
            _write_photos(photos, run.classes)
    with st.expander("Every kind of mistake, counted"):
        _write_mistakes(evaluation)


def photos_of(photos: pd.DataFrame, label: str, predicted: str) -> pd.DataFrame:
    """Returns the photos of a choice.

    Args:
        photos: From `photo_table`.
        label: A class, or `ANY`.
        predicted: A class, `WRONG` or `PREDICTED`.
    """
    if predicted == WRONG:
        photos = photos[~photos["correct"]]
    return cell_photos(photos, None if label == ANY else label, None if predicted in (WRONG, PREDICTED) else predicted)


def in_words(evaluation: Evaluation, label: str, predicted: str, n: int) -> str:
    """Says how many photos a choice has, and which share of their class that is, as Markdown."""
    support = evaluation.n if label == ANY else int(evaluation.confusion.loc[label].to_numpy().sum())
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
        right: Any = evaluation.confusion.loc[predicted, predicted]
        return f"**{count(n, 'photo')}** predicted as {escape(predicted)}, {right:,} of them rightly."
    return f"**{n:,} of {photos}** are predicted as {escape(predicted)}: {share}."


def caption(row: Any, classes: tuple[str, ...]) -> str:
    """Says under a photo what it is, what it was predicted as, and with which probabilities."""
    verdict = "rightly predicted as" if row.correct else f"{escape(row.label)}, predicted as"
    # The probabilities are the last columns; their names need not be valid names of attributes.
    odds = dict(zip(classes, row[-len(classes) :], strict=True))
    return f"{verdict} **{escape(row.predicted)}**  \n{probabilities_in_words(odds, row.label)}"


def _choose_cell(classes: tuple[str, ...]) -> tuple[str, str]:
    """Lets the reader choose a true and a predicted class; both stand in the address and follow clicks."""
    chosen = []
    for title, key, options in (
        ("True class", "true", [ANY, *classes]),
        ("Predicted class", "predicted", [WRONG, PREDICTED, *classes]),
    ):
        keep_valid(key, options)
        chosen.append(st.selectbox(title, options, key=key, bind="query-params"))
    return chosen[0], chosen[1]


def _follow_click() -> None:
    if cell := clicked(MATRIX):
        st.session_state["true"], st.session_state["predicted"] = cell[0], cell[1]


def _write_photos(photos: pd.DataFrame, classes: tuple[str, ...]) -> None:
    odds = 100 * photos[[f"p_{name}" for name in classes]]
    rows = photos[["file", "label", "predicted"]].set_axis(["File", "True class", "Predicted class"], axis=1)
    number = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")
    show_table(rows.join(odds.set_axis(list(classes), axis=1)), "photos-table", dict.fromkeys(classes, number))


def _write_mistakes(evaluation: Evaluation) -> None:
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
    names = {"label": "Class", "predicted": "Predicted as", "photos": "Photos", "share": share}
    show_table(cells.loc[order], "confusions", names)
