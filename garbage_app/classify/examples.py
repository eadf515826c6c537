"""Telling examples on the landing page: where one model alone is right, where all fail, what the data get wrong.

They are test photos of the data set where it is on this machine, else drawings. The chosen one stands in the address.
"""

import base64
import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.photo import Photo, photo_of
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.drawings import named_drawing
from garbage_app.widgets.filmstrip import Frame, filmstrip
from garbage_app.widgets.gallery import write_offer
from garbage_core.audit.findings import findings_of, findings_path, load_findings
from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.results import is_trained_on, photos_of
from garbage_core.runs.run import Run
from garbage_core.synthetic.foreground import placed
from garbage_core.utils.text import capital, escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

EXAMPLE = "example"  # in the address
MOST = 12
THUMBNAIL = (240, 180)  # pixels
NEW_BACKGROUND = "New background"
_TEST = "A test photo that no model learned from."
DRAWN = {
    "bottle": ("Drawn bottle", "Drawn by the app; the models learned from photos alone."),
    "can": ("Drawn can", "Drawn by the app; the models learned from photos alone."),
    "bottle-on-wood": ("Bottle, new background", "Drawn by the app: the same bottle on another surface."),
    "can-on-tiles": ("Can, new background", "Drawn by the app: the same can on another surface."),
    "page": ("A page of text", "Drawn by the app: no object at all."),
    "plain": ("A plain color", "Drawn by the app: nothing to see."),
}


@dataclass(frozen=True)
class Example:
    """A photo with a reason to look at it.

    Attributes:
        key: Name in the address.
        tag: Why it is telling, in a few words.
        note: What is said about it above its prediction, as Markdown.
        file: Its name in the data set; "" for a drawing.
        label: True class, where that is known.
        surface: Seed of the surface that its object is put on, or None for the photo as it is.
    """

    key: str
    tag: str
    note: str
    file: str = ""
    label: str | None = None
    surface: int | None = None


def choose_examples(runs: Sequence[Run], here: set[str], findings: pd.DataFrame | None) -> list[Example]:
    """Chooses at most `MOST` test photos that show what the study found.

    Args:
        runs: Models that answer, the leading one first; the last one is compared with it.
        here: Names of the photos on this machine.
        findings: From `load_findings`, or None.

    Returns:
        Examples without repetition: only the leading model right, all wrong, one photo with two labels, the background
        replaced, all right.
    """
    names = {run.name: run for run in runs}
    first, last = (names.get("transfer", runs[0]), names.get("scratch", runs[-1]))
    photos = _common_tests(first, last)
    photos = photos[photos["file"].isin(here)]
    alone = first.name == last.name
    only = photos[photos["first"] & ~photos["last"]]
    neither = photos[~photos["first"] & ~photos["last"]]
    right = photos[photos["first"] & photos["last"]]
    found = [_example(row, f"Only {first.title} is right") for row in _telling(only, 3)]
    found += [_example(row, "The model is wrong" if alone else "Both are wrong") for row in _telling(neither, 2)]
    found += _two_labels(photos, findings)[:2]
    replaced = _telling(right, 2)
    found += [
        Example(f"{row.file}+surface", NEW_BACKGROUND, f"{_TEST} Its background was replaced.", row.file, row.label, 3)
        for row in replaced
    ]
    known = {example.file for example in found}
    rest = right[~right["file"].isin(known)]
    found += [_example(row, "The model is right" if alone else "Both are right") for row in _telling(rest, MOST)]
    return found[:MOST]


def of_each_class(photos: pd.DataFrame) -> list[Example]:
    """Chooses photos that no model has predicted, from their `file` and `label`, of every class one before a second."""
    turn = photos.groupby("label").cumcount()
    rows = photos.iloc[np.argsort(turn, kind="stable")[:MOST]].itertuples()
    return [Example(str(row.file), capital(str(row.label)), "", str(row.file), str(row.label)) for row in rows]


def _common_tests(first: Run, last: Run) -> pd.DataFrame:
    """Returns file and label of the test photos of both runs, whether each is right, and how confident both are."""
    tables = []
    for run in (first, last):
        table = run.predictions[run.predictions["split"] == "test"].drop_duplicates("file").set_index("file")
        odds = table[probability_columns(run.classes)].to_numpy()
        predicted = np.asarray(run.classes)[odds.argmax(axis=1)]
        right = predicted == table["label"].to_numpy()
        tables.append(table[["label"]].assign(right=right, confidence=odds.max(axis=1)))
    joined = tables[0].join(tables[1].add_suffix("_last"), how="inner").reset_index()
    return pd.DataFrame(
        {
            "file": joined["file"],
            "label": joined["label"],
            "first": joined["right"],
            "last": joined["right_last"],
            "confidence": joined["confidence"] + joined["confidence_last"],
        }
    )


def _telling(photos: pd.DataFrame, most: int) -> list:
    """Returns rows of the most confident predictions, of every class one before a second of any."""
    photos = photos.sort_values(["confidence", "file"], ascending=[False, True])
    turn = photos.groupby("label").cumcount()
    return list(photos.iloc[np.argsort(turn, kind="stable")[:most]].itertuples())


def _example(row, tag: str) -> Example:
    return Example(row.file, tag, _TEST, row.file, row.label)


def _two_labels(photos: pd.DataFrame, findings: pd.DataFrame | None) -> list[Example]:
    """Returns test photos that the data set holds twice, with different labels; identical ones first."""
    if findings is None:
        return []
    found = []
    tests = photos.set_index("file")["label"]
    rows = findings_of(findings, "contradictory").sort_values(["score", "finding"], ascending=[False, True])
    for _, group in rows.groupby("finding", sort=False):
        inside = group[group["file"].isin(tests.index)]
        labels = list(dict.fromkeys(group["label"]))
        if len(inside) and len(labels) > 1:
            file = str(inside["file"].iloc[0])
            said = " and as ".join(f"**{escape(label)}**" for label in labels)
            note = f"The data set holds this photo twice, as {said}: one label must be wrong."
            found.append(Example(file, "One photo, two labels", note, file))
    return found


# On the page


def examples_here(runs: list[Run]) -> list[Example]:
    """Returns the examples that can be shown on this machine."""
    dataset = dataset_or_none()
    if dataset is None:
        return [Example(key, *words) for key, words in DRAWN.items()]
    known = [run for run in runs if is_trained_on(run.info, dataset)]
    found = _examples(known, dataset, findings_path(photos_of(dataset))) if known else []
    return found or of_each_class(dataset.photos)


@cache.data(max_entries=8)
def _examples(runs: list[Run], dataset: "Dataset", findings: Path) -> list[Example]:
    try:
        table = load_findings(findings)
    except GarbageError:
        table = None
    return choose_examples(runs, set(dataset.photos["file"]), table)


def example_photo(runs: list[Run], key: str) -> Photo | None:
    """Returns the photo of an example, or None if there is none of that name."""
    example = next((one for one in examples_here(runs) if one.key == key), None) if key else None
    if example is None:
        return None
    try:
        data = _content(example, dataset_or_none())
    except GarbageError:
        return None
    return photo_of(example.file or example.tag, data, example.label, note=example.note)


@cache.data(max_entries=2 * MOST)
def _content(example: Example, dataset: "Dataset | None") -> bytes:
    """Returns the content of an example's file. Raises GarbageError."""
    if example.file and dataset is not None:
        from garbage_core.data.images import decode_image

        data = dataset.read_bytes(example.file)
        changed = None if example.surface is None else placed(decode_image(data, example.file), example.surface)
        return data if changed is None else _encoded(changed, "PNG")
    return _encoded(named_drawing(example.key), "PNG")


def _encoded(rgb: np.ndarray, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


@cache.data(max_entries=2 * MOST)
def _thumbnail(example: Example, dataset: "Dataset | None") -> str:
    from garbage_core.data.images import decode_image

    image = Image.fromarray(decode_image(_content(example, dataset), example.key))
    image.thumbnail(THUMBNAIL)
    return "data:image/jpeg;base64," + base64.b64encode(_encoded(np.asarray(image), "JPEG", quality=80)).decode()


def frames(examples: Sequence[Example], dataset: "Dataset | None") -> list[Frame]:
    """Returns the examples as small photos, without those that cannot be read."""
    found = []
    for example in examples:
        with contextlib.suppress(GarbageError):
            found.append(Frame(example.key, example.tag, _thumbnail(example, dataset)))
    return found


def show_examples(runs: list[Run], forget: Callable[[], None]) -> None:
    """Shows the examples side by side; a click on one puts it into the address, after `forget`."""
    dataset = dataset_or_none()

    def follow(chosen: str) -> None:
        forget()
        st.query_params[EXAMPLE] = chosen

    filmstrip("examples", frames(examples_here(runs), dataset), follow)
    if dataset is None:
        st.caption("Drawn by the app, because the photos that the models learned from are not on this machine yet.")
        write_offer()
