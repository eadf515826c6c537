"""Two models photo by photo: McNemar's test, and the photos that both, one or none of them predict correctly."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.classifiers import predict_with_heatmap, usable_runs
from garbage_app.photo import photo_of
from garbage_app.results import comparison_of
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.charts import clicked, drawn, is_dark, show, show_table
from garbage_app.widgets.heat_view import HeatMap, show_heat_view
from garbage_app.widgets.photo_grid import choose_order, in_order, photo_pages
from garbage_core import figures
from garbage_core.errors import GarbageError
from garbage_core.evaluation.intervals import wilson_interval
from garbage_core.runs.run import Run
from garbage_core.utils.text import chance, count, escape, interval, listing

FIELDS = "right-and-wrong"
# The groups of `evaluation.comparison.GROUPS` by the place in the table of the test: is a right, is b right.
GROUPS = {
    "only_b": ("wrong", "right"),
    "only_a": ("right", "wrong"),
    "both_wrong": ("wrong", "wrong"),
    "both_right": ("right", "right"),
}


@st.fragment
def explore_pair(pair: tuple[Run, Run], split: str) -> None:
    """Draws the table of the McNemar test, says what it means, and shows the photos of one of its fields."""
    comparison = comparison_of(*pair, split)
    a, b = escape(comparison.name_a), escape(comparison.name_b)
    names = {
        "only_b": f"Only {comparison.name_b} right",
        "only_a": f"Only {comparison.name_a} right",
        "both_wrong": "Both wrong",
        "both_right": "Both right",
    }
    st.subheader("Photo by photo", anchor=False)
    left, right = st.columns([5, 4], gap="large")
    with right:
        group = st.selectbox(
            "Photos",
            list(GROUPS),
            format_func=names.__getitem__,
            key="group",
            bind="query-params",
            help="Or click the table.",
        )
        order, counts = choose_order(), comparison.table
        only_a, only_b = int(counts.to_numpy()[0, 1]), int(counts.to_numpy()[1, 0])
        p = "less than 0.001" if comparison.p_value < 0.001 else f"{comparison.p_value:.3f}"
        st.markdown(
            f"{count(only_a + only_b, 'photo')} are predicted correctly by only one of the two: {only_b:,} by {b}, "
            f"{only_a:,} by {a}. If both were equally good, a split as uneven as this or more so would occur with "
            f"probability **{p}**.",
            help="McNemar's exact test, two-sided. Photos that both or neither predict correctly say nothing about "
            "which is better.",
        )
    with left:
        dark = is_dark()
        figure = drawn(
            lambda: figures.right_and_wrong(counts, comparison.name_a, comparison.name_b, dark, GROUPS[group]),
            FIELDS,
            *pair,
            split,
            group,
        )
        show(figure, FIELDS, data=lambda: counts.rename_axis(comparison.name_a), on_select=_follow_click)
    photos = comparison.group(group)
    low, high = map(float, wilson_interval(len(photos), comparison.n))
    share = interval(len(photos) / comparison.n, low, high)
    st.markdown(f"**{escape(names[group])}: {count(len(photos), 'photo')}**, {share}")
    if photos.empty:
        st.info("There is no such photo.", icon=":material/check:")
        return
    confidence = photos[["confidence_a", "confidence_b"]].max(axis=1)
    photos = in_order(photos.assign(confidence=confidence), order)
    _pin_photo(pair, photos, escape(names[group]))
    choice = f"{pair[0].name}-{pair[1].name}-{split}-{group}-{order}"
    photo_pages(photos, lambda row: _caption(row, a, b), choice)
    with st.expander("These photos as a table"):
        columns = {"file": "File", "label": "True class"}
        for side, run in zip("ab", pair, strict=True):
            columns |= {f"predicted_{side}": run.title, f"confidence_{side}": f"{run.title}, confidence"}
        number = st.column_config.NumberColumn(format="percent")
        numbers = {title: number for name, title in columns.items() if name.startswith("confidence")}
        show_table(photos[list(columns)].rename(columns=columns), "photos-table", numbers)


def _pin_photo(pair: tuple[Run, Run], photos: pd.DataFrame, group: str) -> None:
    """Lets the reader pin one of the photos: both predictions, and both heat maps wiped over each other.

    Args:
        pair: The two models.
        photos: Rows of `Comparison.photos`, in order.
        group: What they have in common, as Markdown.
    """
    dataset = dataset_or_none()
    if dataset is None:
        return
    usable = usable_runs(pair)
    if missing := [run.title for run in pair if run not in usable]:
        st.caption(
            f"A pinned photo with both heat maps takes both networks, and that of {escape(listing(missing))} is not "
            "here: choose another pair above."
        )
        return
    here = photos[photos["file"].isin(dataset.photos["file"])]
    if here.empty:
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        files = list(here["file"])
        file = st.selectbox("Pinned photo", files, key="pinned", bind="query-params", help=f"Any of: {group}.")
        row: Any = next(here[here["file"] == file].itertuples())
        st.markdown(_caption(row, *(escape(run.title) for run in pair)))
    with right:
        try:
            photo = photo_of(row.file, dataset.read_bytes(row.file), row.label)
            with st.spinner("Computing both heat maps"):
                found = [(run, *predict_with_heatmap(photo, run)) for run in pair]
            maps = [HeatMap(run, heat, prediction.label) for run, prediction, heat in found]
            show_heat_view(photo, maps[1], maps[0], key="pinned-maps")
        except GarbageError as error:
            st.error(escape(str(error), 500), icon=":material/error:")


def _follow_click() -> None:
    if field := clicked(FIELDS):
        st.session_state["group"] = next(name for name, place in GROUPS.items() if place == tuple(field[:2]))


def _caption(row: Any, a: str, b: str) -> str:
    predictions = [
        f"{model}: {'**' if right else ''}{escape(predicted)}{'**' if right else ''} ({chance(confidence)})"
        for model, predicted, confidence, right in (
            (a, row.predicted_a, row.confidence_a, row.correct_a),
            (b, row.predicted_b, row.confidence_b, row.correct_b),
        )
    ]
    return "  \n".join([escape(row.label), *predictions])
