"""The filmstrip of page Explanations: photos worth an explanation, chosen from what the models predict for them."""

from typing import TYPE_CHECKING

import streamlit as st

from garbage_app import cache
from garbage_app.classify.examples import DRAWN, Example, choose_examples, frames, of_each_class
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.filmstrip import filmstrip
from garbage_app.widgets.photo_picker import OPENING, choose_drawing, choose_file, predicted_classes
from garbage_core.runs.results import is_trained_on
from garbage_core.runs.run import Run
from garbage_core.utils.text import listing

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

MOST = 12


def telling_photos(runs: list[Run], here: set[str]) -> list[Example]:
    """Returns the opening photo and test photos on which the models differ, fail, or agree.

    Args:
        runs: Models that are explained, the leading one first.
        here: Names of the photos on this machine.
    """
    known = predicted_classes(runs).set_index("file")
    files = [OPENING] if OPENING in here and OPENING in known.index else []
    files += [one.file for one in choose_examples(runs, here, None) if one.surface is None]
    found = []
    for file in list(dict.fromkeys(files))[:MOST]:
        label = str(known.at[file, "label"])
        wrong = [run.title for run in runs if known.at[file, f"p_{run.name}"] != label]
        right = len(runs) - len(wrong)
        tag = "All are right" if not wrong else f"{listing(wrong)} wrong" if right else "All are wrong"
        found.append(Example(file, tag, "", file, label))
    return found


@cache.data(max_entries=8)
def _telling_photos(runs: list[Run], dataset: "Dataset") -> list[Example]:
    known = [run for run in runs if is_trained_on(run.info, dataset)]
    return telling_photos(known, set(dataset.photos["file"])) if known else of_each_class(dataset.photos)


def show_filmstrip(runs: list[Run], chosen: str) -> None:
    """Shows the photos, or without the data set the app's drawings; a click on one explains it.

    Args:
        runs: Models that are explained, the leading one first.
        chosen: Name of the photo that is explained now.
    """
    dataset = dataset_or_none()
    photos = _telling_photos(runs, dataset) if dataset is not None else []
    if photos:
        filmstrip("telling", frames(photos, dataset), lambda file: choose_file(runs, file), chosen, row=True)
        return
    drawings = [Example(key, *words) for key, words in DRAWN.items()]
    filmstrip("telling", frames(drawings, None), choose_drawing, chosen.removeprefix("drawing of a "), row=True)
    if dataset is None:
        st.caption("Drawn by the app, because the photos that the models learned from are not on this machine.")
