"""Slices: parts of a split with something in common, on which a model may do worse than on all photos.

    parts = slice_predictions(run, "test", study_files)       # {"all": table, "dark": table, "replaced": table, ...}
    evaluate(parts["dark"], run.classes, "test", run.temperature)

Those of the data set itself follow from what was measured in its photos; the photos on other backgrounds and each other
set have predictions of their own. An entry in `SLICES` is all that a new slice of measured photos needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from garbage_core.data.photo_statistics import color_names, hex_to_rgb, read_statistics
from garbage_core.errors import GarbageError
from garbage_core.evaluation.by_set import set_title
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital

ALL, REPLACED = "all", "replaced"
STUDIES = ("photos", "objects", "replaced")  # names of the tables that slices are made of, see `study_path`


@dataclass(frozen=True)
class Slice:
    """A part of the photos.

    Attributes:
        title: Name for people, with a capital.
        meaning: One sentence that says which photos these are.
        find: Returns which of measured photos belong to it, from columns `brightness`, `color` and `object`; None for
            one with predictions of its own.
    """

    title: str
    meaning: str
    find: Callable[[pd.DataFrame], pd.Series] | None = None


def _lowest_quarter(values: pd.Series) -> pd.Series:
    return values <= values.quantile(0.25)


def _is_beige(measured: pd.DataFrame) -> pd.Series:
    return pd.Series(color_names(hex_to_rgb(measured["color"])) == "beige", measured.index)


SLICES: dict[str, Slice] = {
    ALL: Slice("All photos", "Every photo of the data set in this split."),
    "dark": Slice("Dark photos", "The darkest quarter.", lambda rows: _lowest_quarter(rows["brightness"])),
    "beige": Slice("Beige background", "Photos whose largest area of one color is beige.", _is_beige),
    "small": Slice(
        "Small object",
        "The quarter of the photos in which the object covers least.",
        lambda rows: _lowest_quarter(rows["object"]),
    ),
    REPLACED: Slice("Replaced background", "The same objects, cut out and put on wood, tiles, cloth or stone."),
}


def slice_title(name: str, run: Run | None = None) -> str:
    """Returns what people read for a slice; one that is not of `SLICES` is a set of a run's, see `set_title`."""
    return SLICES[name].title if name in SLICES else capital(set_title(name, run))


def slice_predictions(run: Run, split: str, files: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Returns a run's predictions for each slice of a split that has photos.

    Args:
        run: The run.
        split: Name of the split.
        files: Path of each table in `STUDIES`; what is missing or of other weights leaves its slices out.

    Returns:
        Tables as `Run.predictions`, by the names of slices, all photos first, then `SLICES`, then other sets.

    Raises:
        GarbageError: If a file of the run cannot be used.
    """
    predictions = run.predictions[run.predictions["split"] == split]
    found = {ALL: predictions}
    measured = _measured(files)
    rows = predictions[["file"]].merge(measured, on="file") if measured is not None else pd.DataFrame()
    for name, part in SLICES.items():
        if part.find is not None and len(rows) and (name != "small" or rows["object"].notna().any()):
            found[name] = predictions[predictions["file"].isin(rows.loc[part.find(rows), "file"])]
    found[REPLACED] = _replaced(run, split, files["replaced"])
    for name in run.sets[1:]:
        table = run.predictions_of(name)
        found[name] = table[table["split"] == split]
    return {name: table.reset_index(drop=True) for name, table in found.items() if len(table)}


def _measured(files: Mapping[str, Path]) -> pd.DataFrame | None:
    """Returns brightness, color and object of the measured photos; None where nobody measured them."""
    try:
        measured = read_statistics(files["photos"])
    except GarbageError:
        return None
    if not files["objects"].is_file():
        return measured.assign(object=float("nan"))
    objects = pd.read_csv(files["objects"], dtype={"file": str}, keep_default_na=False, na_values={"object": [""]})
    return measured.merge(objects[["file", "object"]], on="file", how="left")


def _replaced(run: Run, split: str, path: Path) -> pd.DataFrame:
    """Returns the predictions that these very weights gave for photos on other backgrounds."""
    columns = ["file", "split", "label", *probability_columns(run.classes)]
    if not path.is_file():
        return pd.DataFrame(columns=columns)
    table = pd.read_csv(path, dtype={"file": str, "label": str, "weights": str}, keep_default_na=False)
    if not {"run", "weights", *columns} <= set(table.columns):
        return pd.DataFrame(columns=columns)
    own = (table["run"] == run.name) & (table["weights"] == str(run.weights_sha256)[:12]) & (table["split"] == split)
    return table.loc[own, columns]
