"""What the reader of the bench selected: a cell or bar, a point of a curve, a lasso on the map. All in the address.

Each chart shows the photos that the others select, so that a second selection narrows the first one down; the photo
grid shows those that all select.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import SliceTables
from garbage_app.widgets.charts import clicked
from garbage_app.widgets.choosers import keep_valid
from garbage_core.runs.run import Run

MATRIX, BARS, CURVES, MAP = "confusion-matrix", "per-class", "curves", "feature-map"
ANY = "Any class"
WRONG = "Any wrong class"
PREDICTED = "Any prediction"
_PARAMETERS = ("curve", "area")
_MOST_CORNERS = 24  # of a lasso, for the address


@dataclass(frozen=True)
class Selection:
    """A selection; hashable.

    Attributes:
        label: A true class, or `ANY`.
        predicted: A predicted class, `WRONG` or `PREDICTED`.
        curve: Class and threshold of a point on its curve, which holds the photos with at least that probability.
        area: Corners of a lasso on the map, or none.
    """

    label: str = ANY
    predicted: str = WRONG
    curve: tuple[str, float] | None = None
    area: tuple[tuple[float, float], ...] = ()

    @property
    def is_default(self) -> bool:
        """Whether the reader selected nothing."""
        return self == Selection()


def choose_cell(classes: tuple[str, ...]) -> tuple[str, str]:
    """Lets the reader choose a true and a predicted class; both stand in the address and follow clicks."""
    chosen = []
    for title, key, options in (
        ("True class", "true", [ANY, *classes]),
        ("Predicted class", "predicted", [WRONG, PREDICTED, *classes]),
    ):
        keep_valid(key, options)
        look: dict[str, Any] = {"label_visibility": "collapsed", "width": 165}
        chosen.append(st.selectbox(title, options, key=key, bind="query-params", **look))
    return chosen[0], chosen[1]


def read_selection(classes: tuple[str, ...], label: str, predicted: str) -> Selection:
    """Returns the selection that stands in the address; what makes no sense there is passed over."""
    name, _, threshold = st.query_params.get("curve", "").rpartition(",")
    curve = (name, _number(threshold)) if name in classes and np.isfinite(_number(threshold)) else None
    numbers = [_number(text) for text in st.query_params.get("area", "").split(",")]
    corners = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    fits = len(corners) > 2 and np.isfinite(numbers).all()
    return Selection(label, predicted, curve, corners if fits else ())


def follow_matrix() -> None:
    """Takes over a click on a cell."""
    if cell := clicked(MATRIX):
        st.session_state["true"], st.session_state["predicted"] = cell[0], cell[1]


def follow_bar() -> None:
    """Takes over a click on a bar: precision is about what is predicted as the class, the others about its photos."""
    if bar := clicked(BARS):
        precise = st.session_state.get("metric") == "precision"
        st.session_state["true"] = ANY if precise else bar[0]
        st.session_state["predicted"] = bar[0] if precise else PREDICTED


def follow_curve() -> None:
    """Takes over a click on a curve."""
    if point := clicked(CURVES):
        st.query_params["curve"] = f"{point[0]},{float(point[1]):.6g}"
        _show_right_ones_too()


def follow_map() -> None:
    """Takes over a lasso around points."""
    if lasso := st.session_state[MAP].selection.lasso:
        corners = list(zip(lasso[0]["x"], lasso[0]["y"], strict=True))
        step = -(-len(corners) // _MOST_CORNERS)
        _set_area(corners[::step])


def follow_point(place: Sequence[float] | None) -> None:
    """Takes over a click on the point at (x, y) of the map, as a lasso closely around it."""
    if place:
        (x, y), half = place, 0.5
        _set_area([(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)])


def clear() -> None:
    """Forgets the selection."""
    st.session_state["true"], st.session_state["predicted"] = ANY, WRONG
    for name in _PARAMETERS:
        st.query_params.pop(name, None)


def selected(
    tables: SliceTables, run: Run, chosen: Selection, places: pd.DataFrame | None, without: str = ""
) -> np.ndarray:
    """Returns which photos are selected, bool of shape (N,).

    Args:
        tables: The photos.
        run: Their run.
        chosen: The selection.
        places: Columns `file`, `x`, `y` of the map; None if there is none.
        without: `MATRIX` or `MAP`, whose own selection is left out: a chart shows what the others select.
    """
    photos = tables.photos
    keep = np.ones(len(photos), bool)
    if without != MATRIX:
        if chosen.label != ANY:
            keep &= (photos["label"] == chosen.label).to_numpy()
        if chosen.predicted == WRONG:
            keep &= ~photos["correct"].to_numpy(bool)
        elif chosen.predicted != PREDICTED:
            keep &= (photos["predicted"] == chosen.predicted).to_numpy()
    if chosen.curve is not None:
        keep &= tables.raw[:, run.classes.index(chosen.curve[0])] >= chosen.curve[1]
    if without != MAP and chosen.area and places is not None:
        inside = places["file"][within(places[["x", "y"]].to_numpy(float), chosen.area)]
        keep &= photos["file"].isin(inside).to_numpy()
    return keep


def within(points: np.ndarray, corners: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Returns which points (N, 2) lie within a polygon, bool of shape (N,): a ray crosses its edge an odd time."""
    x, y = points.T
    found = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            found ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return found


def _set_area(corners: list[tuple[float, float]]) -> None:
    st.query_params["area"] = ",".join(f"{value:.4g}" for corner in corners for value in corner)
    _show_right_ones_too()


def _show_right_ones_too() -> None:
    """Whoever selects photos on a curve or the map sees all of them, unless a cell was chosen before."""
    if st.session_state.get("predicted") == WRONG and st.session_state.get("true") == ANY:
        st.session_state["predicted"] = PREDICTED


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
