"""Predictions of one run as arrays and as a table of photos: who was taken for what, and how surely.

A table of predictions has one row per photo, with the columns `file`, `split`, `label` and one `p_<class>` per class
(uncalibrated probabilities, six decimals); it is what a run's `predictions.csv` holds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature


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
    columns = [f"p_{name}" for name in classes]
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
    labels = pd.Index(classes).get_indexer(rows["label"])
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


def photo_table(
    predictions: pd.DataFrame, classes: Sequence[str], split: str | None = None, temperature: float = 1.0
) -> pd.DataFrame:
    """Returns one row per photo with the answer the model gave.

    Args:
        predictions: Table as for `to_arrays`.
        classes: Names of the classes, in order.
        split: Keeps only this split's photos; None keeps all.
        temperature: Calibrates the probabilities, see `apply_temperature`; it never changes the answer.

    Returns:
        Columns `file`, `label`, `predicted`, `confidence` (probability of the answer, 0..1), `p_label` (probability of
        the true class), `correct` (bool), and a calibrated `p_<class>` for every class; rows in the given order.
    """
    labels, probabilities, files = to_arrays(predictions, classes, split)
    calibrated = apply_temperature(probabilities, temperature)
    answers = probabilities.argmax(axis=1)
    names = np.asarray(classes, dtype=object)
    rows = np.arange(len(labels))
    table = pd.DataFrame(
        {
            "file": files,
            "label": names[labels],
            "predicted": names[answers],
            "confidence": calibrated[rows, answers],
            "p_label": calibrated[rows, labels],
            "correct": labels == answers,
        }
    )
    return table.join(pd.DataFrame(calibrated, columns=[f"p_{name}" for name in classes]))


def cell_photos(photos: pd.DataFrame, label: str | None = None, predicted: str | None = None) -> pd.DataFrame:
    """Returns the photos behind one cell of the confusion matrix, the most confident first.

    Args:
        photos: A table from `photo_table`.
        label: True class of the cell; None for its whole column.
        predicted: Answer of the cell; None for its whole row.

    Returns:
        The matching rows of `photos`, with the same columns.
    """
    keep = np.ones(len(photos), dtype=bool)
    if label is not None:
        keep &= (photos["label"] == label).to_numpy()
    if predicted is not None:
        keep &= (photos["predicted"] == predicted).to_numpy()
    return _most_confident(photos[keep])


def confident_mistakes(photos: pd.DataFrame, limit: int | None = 20) -> pd.DataFrame:
    """Returns the wrong answers of `photo_table`, the most confident first; at most `limit` of them."""
    return _most_confident(photos[~photos["correct"]]).head(len(photos) if limit is None else limit)


def _most_confident(photos: pd.DataFrame) -> pd.DataFrame:
    """Sorts by falling confidence, equal ones by file, so that the order never depends on the table's."""
    return photos.sort_values(["confidence", "file"], ascending=[False, True], ignore_index=True)
