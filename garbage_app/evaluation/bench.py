"""The bench: confusion matrix, classes and map side by side, the photos below; a selection in one holds in all."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.evaluation import selection as sel
from garbage_app.evaluation.map_click import follow_clicks_on_map
from garbage_app.evaluation.per_class import write_areas, write_class_table
from garbage_app.evaluation.photos import caption, in_words, where_in_words, write_mistakes, write_photos
from garbage_app.evaluation.tables import SliceTables, curve_tables, slice_files, slice_tables, slices_of
from garbage_app.evaluation.view import keep_view
from garbage_app.widgets.charts import drawn, is_dark, show
from garbage_app.widgets.choosers import choose_metric
from garbage_app.widgets.photo_grid import choose_order, in_order, photo_pages
from garbage_core import figures
from garbage_core.audit.embeddings import embedding_files, load_map
from garbage_core.errors import GarbageError
from garbage_core.evaluation.confusion_matrix import confusion_table
from garbage_core.evaluation.evaluation import per_class_table
from garbage_core.evaluation.metrics import CLASS_METRICS
from garbage_core.evaluation.slices import ALL
from garbage_core.figures.photo_map import photo_map
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

HEIGHT = 300  # of the charts, which leaves room for the photos in a window 900 pixels high
PHOTOS_IN_ROW, NARROWEST = 8, 105
CURVES = {"roc": "ROC", "pr": "PR"}
UNITS = ("%", "Photos")


@st.fragment
def write_bench(runs: list[Run], run: Run, split: str, name: str, other: Run | None) -> None:
    """Draws the three charts of a slice and the photos that are selected in them."""
    files = slice_files(run)
    tables, places = slice_tables(run, split, name, *files), _places(runs, run, name)
    columns = st.columns([6, 6, 5] if places is not None else 2, gap="small")
    cells = [column.container(gap="xsmall") for column in columns]
    # The choosers of the cell stand above the photos, but all charts need to know what was chosen.
    line = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with line:
        said = st.container(width=300)
        chosen = sel.read_selection(run.classes, *sel.choose_cell(run.classes))
        order = choose_order(label_visibility="collapsed", width=190)
        st.button("Clear", on_click=sel.clear, disabled=chosen.is_default, icon=":material/filter_alt_off:")
    points = None if places is None else places[0]
    keep = partial(sel.selected, tables, run, chosen, points)
    confusion = _confusion(tables, run, keep(without=sel.MATRIX))
    key = (run, split, name, chosen, *files)
    with cells[0]:
        _write_matrix(confusion, chosen, key)
    with cells[1]:
        _write_classes(tables, run, split, name, confusion, key)
    if places is not None:
        with cells[2]:
            _write_map(tables, run, places, chosen, keep(without=sel.MAP), key)
    photos = tables.photos[keep()]
    with said:
        words = in_words(confusion, chosen, len(photos)) + where_in_words(chosen, points is not None)
        st.markdown(f"{words}")
    if photos.empty:
        st.info("There is no such photo.", icon=":material/check:")
    else:
        photos = in_order(photos, order)
        show_key = f"{run.name}-{split}-{name}-{hash(chosen)}-{order}"
        photo_pages(photos, lambda row: caption(row, run.classes), show_key, PHOTOS_IN_ROW, NARROWEST)
    keep_view()
    theirs = _other_tables(other, split, name, files)
    with st.expander("These photos as a table"):
        write_photos(photos, run.classes, other, theirs.photos if theirs else None)
    with st.expander("Every kind of mistake, counted"):
        write_mistakes(tables.evaluation, other, theirs.evaluation if theirs else None)
    with st.expander("Recall, precision and F1 of every class"):
        write_class_table(tables.evaluation, run, other, theirs.evaluation if theirs else None)
    with st.expander("The areas under the ROC and precision-recall curves"):
        write_areas(run, split, name, other if theirs else None)


def _other_tables(other: Run | None, split: str, name: str, files: tuple[Path, ...]) -> SliceTables | None:
    """Returns a second run on the same slice; None where it has no predictions for it."""
    if other is None or name not in slices_of(other, split, *files):
        return None
    return slice_tables(other, split, name, *files)


def _confusion(tables: SliceTables, run: Run, keep: np.ndarray) -> pd.DataFrame:
    """Returns the confusion matrix of some of the photos."""
    if keep.all():
        return tables.evaluation.confusion
    place = {label: i for i, label in enumerate(run.classes)}
    first, second = (tables.photos.loc[keep, column].map(place).to_numpy(int) for column in ("label", "predicted"))
    return confusion_table(first, second, run.classes, "label", "predicted")


def _write_matrix(confusion: pd.DataFrame, chosen: sel.Selection, key: tuple) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(
            "**Confusion matrix**",
            help="What is predicted as what: a row holds the photos of one true class, a column those of one predicted "
            "class; on the diagonal the model is right. Click a cell to see its photos.",
            width="content",
        )
        unit = st.segmented_control(
            "Cells", UNITS, default=UNITS[0], required=True, label_visibility="collapsed", key="cells",
            bind="query-params",
        )  # fmt: skip
    normalized, dark = unit == UNITS[0], is_dark()
    cell = (chosen.label, chosen.predicted)
    draw = partial(figures.confusion_matrix, confusion, normalized, dark, cell, HEIGHT)
    show(drawn(draw, sel.MATRIX, normalized, *key), sel.MATRIX, data=lambda: confusion, on_select=sel.follow_matrix)


def _write_classes(tables: SliceTables, run: Run, split: str, name: str, confusion: pd.DataFrame, key: tuple) -> None:
    titles = {metric: CLASS_METRICS[metric].title for metric in ("recall", "precision", "f1")} | CURVES
    metric = choose_metric(titles)
    if metric not in CURVES:
        changed = confusion is not tables.evaluation.confusion
        rows = per_class_table(confusion) if changed else tables.evaluation.per_class
        bars = drawn(lambda: figures.per_class_bars(rows, [metric], HEIGHT), sel.BARS, metric, *key)
        show(bars, sel.BARS, data=rows, on_select=sel.follow_bar)
        return
    curves = curve_tables(run, split, name, *slice_files(run))
    points, draw = (curves.roc, figures.roc_curves) if metric == "roc" else (curves.pr, figures.pr_curves)
    if points.empty:
        st.info("These photos are all of one class, so there is nothing to tell it from.")
        return
    chart = drawn(lambda: draw(points, run.classes, HEIGHT), sel.CURVES, metric, *key)
    show(chart, sel.CURVES, data=points, on_select=sel.follow_curve)


def _write_map(
    tables: SliceTables,
    run: Run,
    places: tuple[pd.DataFrame, Run],
    chosen: sel.Selection,
    keep: np.ndarray,
    key: tuple,
) -> None:
    where, whose = places
    points = where.merge(tables.photos[["file", "label", "predicted"]], on="file").assign(split=tables.evaluation.split)
    st.markdown(
        f"**Map** of {escape(whose.title)}'s features",
        help="Photos with similar features lie close together (t-SNE). Draw a lasso around some, or click one. "
        "Directions and distances between far groups mean nothing.",
    )
    standing = set(tables.photos.loc[keep, "file"])
    draw = partial(photo_map, points, list(run.classes), "class", None, standing, chosen.area, HEIGHT)
    show(drawn(draw, sel.MAP, whose, *key), sel.MAP, data=points, on_select=sel.follow_map, lasso=True)
    follow_clicks_on_map()


def _places(runs: list[Run], run: Run, name: str) -> tuple[pd.DataFrame, Run] | None:
    """Returns the map of the run's features, or of another run's, and whose it is; None if there is none."""
    for whose in [run, *(other for other in runs if other.name != run.name)]:
        fingerprint = run.info.get("data_fingerprint")
        places = _map_of(whose, fingerprint, *embedding_files(whose, fingerprint))
        if places is not None and (name == ALL or name in ("dark", "beige", "small", "replaced")):
            return places, whose
    return None


@cache.resource(max_entries=4)
def _map_of(run: Run, fingerprint: str | None, places: Path, embeddings: Path) -> pd.DataFrame | None:
    try:
        return load_map(run, fingerprint)
    except GarbageError:
        return None
