"""The confusion matrix and the photos behind its cells: a click, or two choosers, say which."""

import pandas as pd
import streamlit as st

from garbage_app.cache import run_key
from garbage_app.evaluation.tables import prediction_tables
from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import clicked, drawn, is_dark, show, show_table
from garbage_app.widgets.choosers import keep_valid
from garbage_app.widgets.photo_grid import ORDERS, choose_order, in_order, photo_pages, probabilities_in_words
from garbage_core import figures
from garbage_core.evaluation.evaluation import Evaluation, cell_photos, wilson_interval
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, escape, interval

MATRIX = "confusion-matrix"
ANY = "Any class"
WRONG = "Any wrong answer"
ANSWERED = "Any answer"


@st.fragment
def explore_confusions(run: Run, split: str) -> None:
    """Draws the confusion matrix, and below it the photos of the cell, row or column that the reader chose."""
    evaluation, answers = evaluation_of(run, split), prediction_tables(run, split)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("What is taken for what", anchor=False)
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
        label, called = _choose_cell(run.classes)
        order = choose_order()
    with left:
        normalized, dark = unit == "Per cent", is_dark()
        figure = drawn(
            lambda: figures.confusion_matrix(evaluation.confusion, normalized, dark, (label, called)),
            *(MATRIX, run_key(run), split, normalized, dark, label, called),
        )
        show(figure, MATRIX, data=lambda: evaluation.confusion, on_select=_follow_click)
        st.caption("A row holds the photos of one class, a column the answers; on the diagonal the model is right.")
    photos = photos_of(answers.photos, label, called)
    st.markdown(f"{in_words(evaluation, label, called, len(photos))} :gray[{ORDERS[order]}.]")
    if photos.empty:
        st.info("There is no such photo.", icon=":material/check:")
    else:
        photos = in_order(photos, order)
        choice = f"{run.name}-{split}-{label}-{called}-{order}"
        photo_pages(photos, lambda row: caption(row, run.classes), choice)
        with st.expander("These photos as a table"):
            _write_photos(photos, run.classes)
    with st.expander("Every kind of mistake, counted"):
        _write_mistakes(evaluation)


def photos_of(photos: pd.DataFrame, label: str, called: str) -> pd.DataFrame:
    """Returns the photos of a choice.

    Args:
        photos: From `photo_table`.
        label: A class, or `ANY`.
        called: A class, `WRONG` or `ANSWERED`.
    """
    if called == WRONG:
        photos = photos[~photos["correct"]]
    return cell_photos(photos, None if label == ANY else label, None if called in (WRONG, ANSWERED) else called)


def in_words(evaluation: Evaluation, label: str, called: str, n: int) -> str:
    """Says how many photos a choice has, and which share of their class that is, as Markdown."""
    support = evaluation.n if label == ANY else int(evaluation.confusion.loc[label].sum())
    photos = count(support, "photo" if label == ANY else f"{escape(label)} photo")
    share = interval(n / support, *map(float, wilson_interval(n, support))) if support else "unknown"
    if called == ANSWERED:
        return f"**{photos}**"
    if called == WRONG:
        verb = "got a wrong answer" if label == ANY else "are taken for something else"
        return f"**{n:,} of {photos}** {verb}: {share}."
    if label == called:
        return f"**{n:,} of {photos}** are rightly called {escape(called)}: {share}."
    if label == ANY:
        right = int(evaluation.confusion.loc[called, called])
        return f"**{count(n, 'photo')}** called {escape(called)}, {right:,} of them rightly."
    return f"**{n:,} of {photos}** are taken for {escape(called)}: {share}."


def caption(row: tuple, classes: tuple[str, ...]) -> str:
    """Says under a photo what it is, what it was taken for, and how likely the model finds the classes."""
    verdict = "rightly called" if row.correct else f"{escape(row.label)}, taken for"
    # The probabilities are the last columns; their names need not be valid names of attributes.
    odds = dict(zip(classes, row[-len(classes) :], strict=True))
    return f"{verdict} **{escape(row.predicted)}**  \n{probabilities_in_words(odds, row.label)}"


def _choose_cell(classes: tuple[str, ...]) -> tuple[str, str]:
    """Lets the reader choose a true class and an answer; both stand in the address and follow clicks."""
    chosen = []
    for title, key, options in (
        ("True class", "true", [ANY, *classes]),
        ("Answer", "called", [WRONG, ANSWERED, *classes]),
    ):
        keep_valid(key, options)
        chosen.append(st.selectbox(title, options, key=key, bind="query-params"))
    return chosen[0], chosen[1]


def _follow_click() -> None:
    if cell := clicked(MATRIX):
        st.session_state["true"], st.session_state["called"] = cell[0], cell[1]


def _write_photos(photos: pd.DataFrame, classes: tuple[str, ...]) -> None:
    odds = 100 * photos[[f"p_{name}" for name in classes]]
    rows = photos[["file", "label", "predicted"]].set_axis(["File", "True class", "Answer"], axis=1)
    number = st.column_config.NumberColumn(format="%.1f\u00a0%%")
    show_table(rows.join(odds.set_axis(list(classes), axis=1)), "photos-table", dict.fromkeys(classes, number))


def _write_mistakes(evaluation: Evaluation) -> None:
    cells = evaluation.confusion.reset_index().melt("label", var_name="predicted", value_name="photos")
    cells = cells[(cells["label"] != cells["predicted"]) & (cells["photos"] > 0)]
    if cells.empty:
        st.markdown("None: every answer is right.")
        return
    support = cells["label"].map(evaluation.confusion.sum(axis=1))
    low, high = wilson_interval(cells["photos"], support)
    cells["share"] = [interval(*row) for row in zip(cells["photos"] / support, low, high, strict=True)]
    order = (cells["photos"] + 0.5 * cells["photos"] / support).sort_values(ascending=False).index
    share = st.column_config.TextColumn(
        "Share of the class", help="Of the photos of the class, how many are taken for the other."
    )
    names = {"label": "Class", "predicted": "Taken for", "photos": "Photos", "share": share}
    show_table(cells.loc[order], "confusions", names)
