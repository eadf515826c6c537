"""The map of what a network sees in the photos: points that can be clicked, and the photo behind one."""

import pandas as pd
import streamlit as st

from garbage_app.cache import run_key
from garbage_app.data.views import photo_caption
from garbage_app.widgets.charts import clicked, drawn, is_dark, show
from garbage_app.widgets.choosers import choose_run
from garbage_app.widgets.gallery import dataset_or_none, gallery
from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

MAP = "photo-map"


@st.fragment
def write_map(runs: list[Run]) -> None:
    """Draws the map of what a network sees in the photos; a click on a point shows its photo."""
    from garbage_core.figures import photos as figures_photos

    st.subheader("Which photos look alike to a model", anchor=False)
    if not runs:
        st.info("A map takes a trained model. Train one, then compute it:")
        st.code("python -m garbage_core train transfer\npython -m garbage_core embed transfer", language="bash")
        return
    run, coloring = _choose_map(runs)
    try:
        points = _map_points(run_key(run), _map_stamp(run), run)
    except GarbageError as error:
        st.info(escape(str(error).replace("`", ""), 500))
        st.code(f"python -m garbage_core embed {run.name}", language="bash")
        return
    classes = list(run.classes)
    chosen = st.query_params.get("point")
    chosen = chosen if chosen in set(points["file"]) else None
    left, right = st.columns([5, 2], gap="large")
    with left:
        figure = drawn(
            lambda: figures_photos.photo_map(points, classes, coloring, chosen),
            *(MAP, run_key(run), _map_stamp(run), coloring, chosen, is_dark()),
        )
        show(figure, MAP, data=points, on_select=_follow_click)
    with right:
        _write_point(points, classes, chosen)
    st.caption(
        f"What {escape(run.title)} sees in each photo, as a point: photos that look alike to it lie close together "
        "(t-SNE). Directions, distances between far groups and their sizes mean nothing. A click on a class in the "
        "legend hides it."
    )


def _choose_map(runs: list[Run]) -> tuple[Run, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        run = choose_run(runs, label="As seen by", key="map")
        coloring = st.segmented_control(
            "Colored by",
            ["class", "answer"],
            default="class",
            required=True,
            format_func={"class": "Class", "answer": "Right or wrong"}.get,
            key="colored",
            bind="query-params",
        )
    return run, coloring


def _map_stamp(run: Run) -> tuple:
    files = (run.path / name for name in ("embedding.csv", "embeddings.npz"))
    return tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)


@st.cache_data(max_entries=4, show_spinner="Reading the map")
def _map_points(key: tuple, stamp: tuple, _run: Run) -> pd.DataFrame:
    from garbage_core.audit.embeddings import load_map

    predictions = _run.predictions.drop_duplicates("file")
    answers = predictions[probability_columns(_run.classes)].idxmax(axis=1).str.removeprefix("p_")
    points = load_map(_run).merge(predictions[["file", "label", "split"]].assign(answer=answers), on="file")
    if points.empty:
        raise GarbageError(
            f"The map of {_run.name!r} holds none of the photos of its predictions: compute it anew with "
            f"`python -m garbage_core embed {_run.name}`."
        )
    return points


def _follow_click() -> None:
    if file := clicked(MAP):
        st.query_params["point"] = file[0] if isinstance(file, list) else file


def _write_point(points: pd.DataFrame, classes: list[str], chosen: str | None) -> None:
    """Shows the chosen photo and what the model takes it for."""
    if chosen is None:
        st.info("Click a point to see its photo.", icon=":material/ads_click:")
        return
    row = next(points[points["file"] == chosen].itertuples())
    verdict = "rightly called so" if row.answer == row.label else f"taken for {escape(row.answer)}"
    dataset = dataset_or_none()
    gallery([chosen], [f"{photo_caption(row, classes)}; {verdict}"], dataset, columns=1, heat_maps=True)
    if dataset is None:
        st.caption("The photos are not on this machine; the offer to download them stands above.")
