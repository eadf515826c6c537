"""Predictions of one run as a table of photos: which class each was predicted as, and with what confidence."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.runs.predictions import probability_columns, to_arrays


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
    return table.join(pd.DataFrame(calibrated, columns=probability_columns(classes)))


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
