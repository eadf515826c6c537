"""The photo, each model's map over it and its probabilities; the reader covers parts of the photo, and these follow."""

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.classifiers import classifier_of
from garbage_app.explanations.exhibit_view import exhibit_view
from garbage_app.photo import Photo, preview_of
from garbage_app.widgets.charts import is_dark
from garbage_app.widgets.heat_view import clear_where_cold
from garbage_core.data.classes import class_color
from garbage_core.explain.heatmaps import METHOD_NAMES
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, chance, escape

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction

COVERED = "covered"  # in the session's state: digest of the photo, cells, version
KEY = "exhibit"
HOTTEST = 0.2  # share of the photo that a button covers


@dataclass(frozen=True)
class Exhibit:
    """What is on show.

    Attributes:
        photo: Photo that is explained.
        preview: It as it is shown, uint8 (h, w, 3).
        method: One of `garbage_core.explain.heatmaps.METHODS`.
        is_live: Whether the maps are class activation maps, which follow when a part of the photo is covered.
        runs: Models, the leading one first.
        labels: Class that each model's map speaks for, by its name; those that are left out have no map.
        heats: Maps of the whole photo that are there, by the models' names.
        notes: Why a model has no map, by its name.
    """

    photo: Photo
    preview: np.ndarray
    method: str
    is_live: bool
    runs: list[Run]
    labels: dict[str, str]
    heats: dict[str, np.ndarray]
    notes: dict[str, str]


@st.fragment
def show_exhibit(shown: Exhibit) -> None:
    """Shows the photo with its maps and probabilities, and lets the reader cover parts of it."""
    cells, version = _covered(shown.photo)
    grid = _grid(shown.preview)
    models = [_model(shown, run, cells) for run in shown.runs]
    covered_alt = f", {len(cells)} of {grid[0] * grid[1]} parts covered" if cells else ""
    exhibit_view(
        key=KEY,
        data={
            "key": shown.photo.digest,
            "version": version,
            "covered": list(cells),
            "rows": grid[0],
            "columns": grid[1],
            "photo": _photo_address(shown.photo, shown.preview, cells),
            "photo_alt": f"The photo {shown.photo.name}{covered_alt}",
            "label": f"Labeled {shown.photo.label}" if shown.photo.label else capital(shown.photo.name),
            "models": models,
        },
        on_covered_change=lambda: _cover(shown.photo, st.session_state[KEY]["covered"] or (), drawn=True),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Cover the hottest fifth of", width="content")
        for run in shown.runs:
            if run.name in shown.heats:
                st.button(
                    escape(run.title),
                    icon=":material/ink_eraser:",
                    key=f"cover-{run.name}",
                    help=f"Covers the part of the photo that the map of {escape(run.title)} marks most.",
                    on_click=_cover_hottest,
                    args=(shown, run),
                )
        off = not cells
        st.button(
            "Uncover", icon=":material/undo:", key="uncover", disabled=off, on_click=_cover, args=(shown.photo, ())
        )
    st.caption(
        "Or drag over the photo: the probabilities follow, and a mark in each bar shows where they were. What is "
        "covered is filled in smoothly from what is left around it."
    )


def prediction_of(photo: Photo, run: Run, label: str | None = None) -> "tuple[Prediction, np.ndarray]":
    """Returns the prediction for a photo and the class activation map of a class, float16 (h, w).

    The class is the predicted one where it is None or the model does not know it. Raises GarbageError.
    """
    return _predicted(photo, run, label, ())


@cache.resource(max_entries=128, private=lambda photo, *rest: photo.private)
def _predicted(photo: Photo, run: Run, label: str | None, cells: tuple[int, ...]) -> "tuple[Prediction, np.ndarray]":
    classifier = classifier_of(run)
    picture = photo.file.prepared(*classifier.size)
    if cells:
        picture = without(picture, cells, _grid_of(photo))
    index = classifier.classes.index(label) if label in classifier.classes else None
    prediction, heat = classifier.classify_with_activation(picture, class_index=index)
    return prediction, heat.astype(np.float16)


def without(photo: np.ndarray, cells: tuple[int, ...], grid: tuple[int, int]) -> np.ndarray:
    """Returns a photo, uint8 (h, w, 3), with cells of a grid filled in from what is left around them.

    Args:
        photo: The photo, of any size.
        cells: Places in the flat grid.
        grid: Rows and columns of the grid over the photo.
    """
    from garbage_core.explain.faithfulness import grid_shape, remove

    rows, columns = grid_shape(*photo.shape[:2])
    mask = np.zeros(grid[0] * grid[1], dtype=bool)
    mask[list(cells)] = True
    mask = mask.reshape(grid)[np.ix_(np.arange(rows) * grid[0] // rows, np.arange(columns) * grid[1] // columns)]
    return remove(photo, np.flatnonzero(mask))


# What is covered


def _covered(photo: Photo) -> tuple[tuple[int, ...], int]:
    """Returns the cells of a photo that are covered, and which change of theirs the browser has to take over."""
    digest, cells, version = st.session_state.get(COVERED, ("", (), 0))
    return (cells if digest == photo.digest else ()), version


def _cover(photo: Photo, cells: "list[int] | tuple[int, ...]", drawn: bool = False) -> None:
    """Covers cells of a photo; what the reader has drawn need not be told to the browser."""
    rows, columns = _grid_of(photo)
    inside = tuple(sorted({int(cell) for cell in cells if 0 <= int(cell) < rows * columns}))
    version = st.session_state.get(COVERED, ("", (), 0))[2]
    st.session_state[COVERED] = photo.digest, inside, version + (not drawn)


def _cover_hottest(shown: Exhibit, run: Run) -> None:
    from garbage_core.explain.faithfulness import hottest_first
    from garbage_core.inference.engine import to_heat

    heat = to_heat(shown.heats[run.name].astype(np.float32), *shown.preview.shape[:2])
    order = hottest_first(heat)
    _cover(shown.photo, tuple(order[: round(HOTTEST * len(order))]))


def _grid(preview: np.ndarray) -> tuple[int, int]:
    from garbage_core.explain.faithfulness import grid_shape

    return grid_shape(*preview.shape[:2])


def _grid_of(photo: Photo) -> tuple[int, int]:
    return _grid(preview_of(photo))


# What the browser gets


def _model(shown: Exhibit, run: Run, cells: tuple[int, ...]) -> dict:
    """Returns what is shown of one model: its prediction, its map and the probability of each class."""
    label = shown.labels.get(run.name)
    before = _predicted(shown.photo, run, label, ())[0]
    now, live = _predicted(shown.photo, run, label, cells)
    heat = shown.heats.get(run.name)
    if heat is not None and shown.is_live:
        heat = live
    return {
        "title": run.title,
        "words": f"{capital(now.label)}, {chance(now.confidence)}",
        "map": "" if heat is None else _map_address(heat),
        "map_alt": f"{METHOD_NAMES[shown.method]} map of {run.title} over the photo {shown.photo.name}, bright: "
        f"what speaks for {label}",
        "note": shown.notes.get(run.name, ""),
        "bars": [
            {
                "name": name,
                "color": _color(name, place),
                "now": round(now.probabilities[name], 4),
                "before": round(before.probabilities[name], 4),
            }
            for place, name in enumerate(run.classes)
        ],
    }


def _color(name: str, position: int) -> str:
    from garbage_core.figures.style import lightened

    color = class_color(name, position)
    return str(lightened(color)) if is_dark() else color


@cache.data(max_entries=32, private=lambda photo, *rest: photo.private)
def _photo_address(photo: Photo, _preview: np.ndarray, cells: tuple[int, ...]) -> str:
    picture = without(_preview, cells, _grid(_preview)) if cells else _preview
    return _address(picture, "JPEG")


def _map_address(heat: np.ndarray) -> str:
    return _address(clear_where_cold(heat.astype(np.float32)), "PNG")


def _address(picture: np.ndarray, kind: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, quality=88)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
