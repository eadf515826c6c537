"""Background replacement: a photo's object on drawn backgrounds, and what that was worth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.augmentation.preview import Batch, write_tiles
from garbage_app.evaluation.tables import slice_files, slices_of
from garbage_app.widgets.charts import show_table
from garbage_core.errors import GarbageError
from garbage_core.evaluation.intervals import wilson_interval
from garbage_core.evaluation.slices import REPLACED
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, escape, interval, listing, percent

SPLIT = "test"
COPIES = 3


@dataclass(frozen=True)
class Worth:
    """How often a run is right on the same objects, as they are and on other backgrounds.

    Attributes:
        photos: How many there are.
        own: Share that is right on the photos as they are, 0..1, and the ends of its 95 % interval.
        other: The same on backgrounds that no training showed.
    """

    photos: int
    own: tuple[float, float, float]
    other: tuple[float, float, float]


def worth_of(run: Run) -> Worth | None:
    """Returns what other backgrounds do to a run, or None if that was not measured with these weights."""
    return _worth(run, *slice_files(run))


@cache.data(max_entries=16)
def _worth(run: Run, *files: Path) -> Worth | None:
    try:
        other = slices_of(run, SPLIT, *files).get(REPLACED)
    except GarbageError:
        return None
    if other is None:
        return None
    own = run.predictions[(run.predictions["split"] == SPLIT) & run.predictions["file"].isin(other["file"])]
    return Worth(len(other), _right(own, run), _right(other, run)) if len(own) == len(other) else None


def _right(table: pd.DataFrame, run: Run) -> tuple[float, float, float]:
    predicted = np.asarray(run.classes)[table[probability_columns(run.classes)].to_numpy().argmax(axis=1)]
    right = int((predicted == table["label"].to_numpy()).sum())
    low, high = map(float, wilson_interval(right, len(table)))
    return right / len(table), low, high


def replaced_share(run: Run) -> float:
    """Returns the largest share of the training photos, 0..1, whose background was to be replaced."""
    return max((stage.background_replacement for stage in run.config.stages), default=0.0)


def worth_in_words(runs: list[Run]) -> str:
    """Says what other backgrounds do to runs; nothing where that was not measured."""
    found = [(run, worth) for run in runs if (worth := worth_of(run))]
    if not found:
        return ""
    said = [
        f"{escape(run.title)}{', trained with replaced backgrounds,' if replaced_share(run) else ''} is right on "
        f"{percent(worth.other[0])} instead of {percent(worth.own[0])}"
        for run, worth in found
    ]
    return f"Put on wood, tiles, cloth or stone, {listing(said)} of the same {SPLIT} photos."


def write_backgrounds(batch: Batch, seed: int) -> None:
    """Shows a photo, and its object on drawn backgrounds."""
    copies = _replaced(batch.digest, batch.is_private, seed, batch.photo)
    write_tiles([(batch.photo, "original"), *((copy, "on a drawn background") for copy in copies)])
    if not copies:
        st.caption("No object stands out from the background of this photo, so training leaves it as it is.")


@cache.data(max_entries=24, private=lambda digest, is_private, *rest: is_private)
def _replaced(digest: str, is_private: bool, seed: int, _photo: np.ndarray) -> list[np.ndarray]:
    """Returns the photo on as many backgrounds as are shown, none without a foreground mask."""
    from garbage_core.synthetic.foreground import extract_foreground, put_on
    from garbage_core.training.backgrounds import draw_background

    mask = extract_foreground(_photo)
    if mask is None:
        return []
    streams = [np.random.default_rng([seed, copy]) for copy in range(COPIES)]
    return [put_on(_photo, mask, draw_background(rng, *mask.shape), rng) for rng in streams]


def write_worth(runs: list[Run]) -> None:
    """Writes how often each run is right on its photos' own backgrounds and on others; nothing if none was measured."""
    found = [(run, worth) for run in runs if (worth := worth_of(run))]
    if not found:
        return
    rows = [
        {
            "Model": run.title,
            "Backgrounds replaced in training": _share_in_words(replaced_share(run)),
            "Right, own background": interval(*worth.own),
            "Right, on wood, tiles, cloth or stone": interval(*worth.other),
        }
        for run, worth in found
    ]
    st.markdown("**What it was worth**")
    show_table(pd.DataFrame(rows), "worth-table")
    st.caption(
        f"{count(max(worth.photos for _, worth in found), f'{SPLIT} photo')} with a foreground mask; the rest have "
        "none. No training showed these four materials. The models differ in more than this: see step 5."
    )


def _share_in_words(share: float) -> str:
    return f"up to {percent(share, 0)} of the photos" if share else "none"
