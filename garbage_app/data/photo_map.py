"""The photo map: the embeddings of a network as points that can be clicked, and the photo behind one."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.data.samples import photo_caption
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.charts import clicked, drawn, show
from garbage_app.widgets.choosers import choose_run
from garbage_app.widgets.gallery import gallery
from garbage_core.audit.embeddings import embedding_files
from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

MAP = "photo-map"
HEIGHT = 380  # pixels, as the chart of the classes beside it
COLORINGS = {"class": "Class", "correct": "Right or wrong"}


@st.fragment
def write_map(runs: list[Run]) -> None:
    """Draws the embeddings of a network as a map; a click on a point shows its photo."""
    from garbage_core.figures.photo_map import photo_map as draw_map

    st.markdown(
        "**Map of a model's features:** photos alike to it lie close together",
        help="The features of the chosen model for each photo, as a point (t-SNE). Directions, distances between far "
        "groups and their sizes mean nothing. A click on a class in the legend hides it.",
    )
    if not runs:
        st.info("A map takes a trained model. Train one, then compute it:")
        st.code("python -m garbage_core train transfer\npython -m garbage_core embed transfer", language="bash")
        return
    place = st.container()  # the map stands above its choices
    run, coloring = _choose_map(runs)
    try:
        points = _map_points(run, *embedding_files(run, run.info.get("data_fingerprint")))
    except GarbageError as error:
        st.info(escape(str(error).replace("`", ""), 500))
        st.code(f"python -m garbage_core embed {run.name}", language="bash")
        return
    classes = list(run.classes)
    chosen = st.query_params.get("point")
    chosen = chosen if chosen in set(points["file"]) else None
    with place:
        left, right = st.columns([5, 2], gap="small")
    with left:
        figure = drawn(
            lambda: draw_map(points, classes, coloring, chosen, height=HEIGHT),
            MAP,
            run,
            *embedding_files(run, run.info.get("data_fingerprint")),
            coloring,
            chosen,
        )
        show(figure, MAP, data=points, on_select=_follow_click)
    with right:
        _write_point(points, classes, chosen)


def _choose_map(runs: list[Run]) -> tuple[Run, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        run = choose_run(runs, label="Features of", key="map")
        coloring = st.segmented_control(
            "Colored by",
            list(COLORINGS),
            default="class",
            required=True,
            format_func=COLORINGS.__getitem__,
            key="colored",
            bind="query-params",
        )
    return run, coloring


@cache.data(max_entries=4, show_spinner="Reading the map")
def _map_points(run: Run, places: Path, embeddings: Path) -> pd.DataFrame:
    from garbage_core.audit.embeddings import load_map

    predictions = run.predictions.drop_duplicates("file")
    columns = probability_columns(run.classes)
    predicted = [run.classes[place] for place in predictions[columns].to_numpy().argmax(axis=1)]
    points = load_map(run, run.info.get("data_fingerprint")).merge(
        predictions[["file", "label", "split"]].assign(predicted=predicted), on="file"
    )
    if points.empty:
        raise GarbageError(
            f"The map of {run.name!r} holds none of the photos of its predictions: compute it anew with "
            f"`python -m garbage_core embed {run.name}`."
        )
    return points


def _follow_click() -> None:
    if file := clicked(MAP):
        st.query_params["point"] = file[0] if isinstance(file, list) else file


def _write_point(points: pd.DataFrame, classes: list[str], chosen: str | None) -> None:
    """Shows the chosen photo and what the model predicts it as."""
    if chosen is None:
        st.info("Click a point to see its photo.", icon=":material/ads_click:")
        return
    row: Any = next(points[points["file"] == chosen].itertuples())
    verdict = "rightly predicted" if row.predicted == row.label else f"predicted as {escape(row.predicted)}"
    dataset = dataset_or_none()
    gallery([chosen], [f"{photo_caption(row, classes)}; {verdict}"], dataset, columns=1, heat_maps=True)
    if dataset is None:
        st.caption("The photos are not on this machine; the offer to download them stands below.")
