"""The table of a run's predictions, `predictions.csv`: read, checked, written, and turned into arrays.

It has one row per photo of every split, with the columns `file`, `split`, `label` and one `p_<class>` per class:
uncalibrated probabilities with six decimals. A run that was trained on several sets has a column `set` as well.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.errors import GarbageError
from garbage_core.utils.files import write_csv
from garbage_core.utils.text import count

PREDICTIONS_FILE = "predictions.csv"


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Returns the names of the probability columns of `predictions.csv`, in class order."""
    return [f"p_{name}" for name in classes]


def read_predictions(path: Path, classes: tuple[str, ...], info: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Reads a `predictions.csv` and checks that it is that of its run.

    Args:
        path: The file.
        classes: Classes of the run.
        info: Content of its `run.json`; without it only the table itself is checked.

    Returns:
        Columns `file`, `split`, `label`, `set` and the probabilities.

    Raises:
        GarbageError: It cannot be read, names a photo twice, or is that of another run or of other photos.
    """
    columns = probability_columns(classes)
    table = read_columns(path, ("file", "split", "label", *columns))
    table[columns] = table[columns].apply(pd.to_numeric, errors="coerce")
    values = table[columns].to_numpy(float)
    wrong = ~(np.isfinite(values) & (values >= 0) & (values <= 1)).all(axis=1) | (abs(values.sum(axis=1) - 1) > 1e-3)
    if wrong.any():
        file = table["file"].iloc[int(wrong.argmax())]
        raise GarbageError(f"{path} holds no valid probabilities for {file!r}; restore it or train the run again.")
    unknown = sorted(set(table["label"]) - set(classes))
    if unknown:
        raise GarbageError(
            f"{path} holds the label {unknown[0]!r}, but the run knows {', '.join(classes)}; restore it."
        )
    if "set" not in table:
        table["set"] = MAIN_SET
    table = table[["file", "split", "label", "set", *columns]]
    twice = table.duplicated(["set", "file"])
    if twice.any():
        file = table["file"].iloc[int(twice.argmax())]
        rows = count(int(twice.sum()), "row")
        raise GarbageError(f"{path} names the photo {file!r} twice ({rows} too many); restore it.")
    if info and (fault := _fault(table, classes, info)):
        raise GarbageError(f"{path} is that of another run or of other photos ({fault}); restore it.")
    return table


def predictions_digest(table: pd.DataFrame, classes: Sequence[str]) -> str:
    """Returns what `run.json` records of the predictions for the data set itself, as 64 hexadecimal digits."""
    rows = table if "set" not in table else table[table["set"] == MAIN_SET]
    rows = rows.sort_values("file")
    lines = rows[["file", "split", "label"]].astype(str).agg("/".join, axis=1)
    shares = (1e6 * rows[probability_columns(classes)].to_numpy(float)).round().astype("<i4")
    return hashlib.sha256("\n".join(lines).encode() + shares.tobytes()).hexdigest()


def _fault(table: pd.DataFrame, classes: Sequence[str], info: Mapping[str, Any]) -> str | None:
    """Says what tells predictions from those that a run recorded, or None; earlier runs recorded no hash."""
    if recorded := info.get("predictions_sha256"):
        return None if recorded == predictions_digest(table, classes) else "its SHA-256 is not the recorded one"
    if not isinstance(best := info.get("best_val_macro_f1"), float):
        return None
    counts = table.loc[table["set"] == MAIN_SET, "split"].value_counts()
    for split, labels in (info.get("splits") or {}).items():
        if counts.get(split, 0) != sum(labels.values()):
            return f"{counts.get(split, 0):,} {split} photos instead of {sum(labels.values()):,}"
    names = [MAIN_SET, *(extra["name"] for extra in info.get("extra_sets") or [] if not extra.get("weak"))]
    val = table[(table["split"] == "val") & table["set"].isin(names)]
    found = float(np.mean([_macro_f1(rows, classes) for _, rows in val.groupby("set")])) if len(val) else math.nan
    # It was measured before the weights were rounded, which turns a few photos.
    if abs(found - best) > 0.015 + 2 / len(val):
        return f"macro-F1 {found:.3f} on val instead of {best:.3f}"
    return None


def _macro_f1(table: pd.DataFrame, classes: Sequence[str]) -> float:
    """Returns the macro-F1 of predictions, 0..1."""
    predicted = np.asarray(classes)[table[probability_columns(classes)].to_numpy().argmax(axis=1)]
    labels = table["label"].to_numpy()
    right = [
        2 * ((labels == c) & (predicted == c)).sum() / max(1, (labels == c).sum() + (predicted == c).sum())
        for c in classes
    ]
    return float(np.mean(right))


def write_predictions(table: pd.DataFrame, path: str | Path) -> Path:
    """Writes a `predictions.csv` with the six decimals of its format, atomically; a single set is not named."""
    if "set" in table and (table["set"] == MAIN_SET).all():
        table = table.drop(columns="set")
    return write_csv(table, path, "%.6f")


def to_arrays(
    predictions: pd.DataFrame, classes: Sequence[str], split: str | None = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Turns a table of predictions into arrays, and checks it on the way.

    Args:
        predictions: Table with `file`, `split`, `label` and `p_<class>` for every class.
        classes: Names of the classes; their order is the order of the columns of the result.
        split: Keeps only this split's photos; None keeps all.

    Returns:
        `labels`: integers of shape (N,), places in `classes`;
        `probabilities`: floats of shape (N, C) as stored: six decimals, so a row sums to 1 up to a few millionths;
        `files`: N names.

    Raises:
        GarbageError: If a column, the split, or a label is unknown, or a row of probabilities is no distribution.
    """
    columns = probability_columns(classes)
    missing = [c for c in ("file", "split", "label", *columns) if c not in predictions.columns]
    if missing:
        raise GarbageError(
            f"The table of predictions lacks the column {missing[0]!r}; evaluate it with the classes of its own run."
        )
    rows = predictions
    if split is not None:
        rows = predictions[predictions["split"] == split]
        if rows.empty:
            known = ", ".join(sorted(set(predictions["split"]))) or "none at all"
            raise GarbageError(f"There are no predictions for the split {split!r}; choose one of: {known}.")
    if rows.empty:
        raise GarbageError("The table of predictions is empty; run the training or the evaluation again.")
    labels = pd.Index(classes).get_indexer(pd.Index(rows["label"]))
    if (labels < 0).any():
        unknown = rows["label"].iloc[int(np.argmax(labels < 0))]
        raise GarbageError(
            f"The label {unknown!r} is none of the classes {', '.join(classes)}; use the run's own classes."
        )
    probabilities = rows[columns].to_numpy(dtype=np.float64)
    # Written so that NaN counts as bad too.
    bad = ~((probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) < 1e-2))
    if bad.any():
        file = rows["file"].iloc[int(np.argmax(bad))]
        raise GarbageError(f"The probabilities of {file!r} do not sum to 1; predict this run's photos again.")
    return labels, probabilities, rows["file"].tolist()


def read_columns(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    """Reads a CSV file of a run as text, so that a class called "NA" stays one; raises GarbageError if columns lack."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path} cannot be read ({error}); restore it or train the run again.") from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise GarbageError(f"{path} lacks the columns {', '.join(missing)}; restore it or train the run again.")
    return table
