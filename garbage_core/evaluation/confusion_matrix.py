"""Confusion matrices, the metrics that follow from them, and the photos behind their cells.

Metrics of a class have Wilson's intervals and not the bootstrap's, because a class may have few photos: of 29 photos
with 28 right the bootstrap's interval is too narrow, and with 29 right it is a single point (see `wilson_interval`).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.evaluation.intervals import divide, wilson_interval
from garbage_core.runs.predictions import probability_columns, to_arrays


def confusions(labels: np.ndarray, predicted: np.ndarray, num_classes: int, weights: np.ndarray) -> np.ndarray:
    """Counts confusion matrices, shape (R, C, C): true class in rows, predicted class in columns.

    Labels and predicted classes have the shape (N,), weights, which say how often each photo counts, (N, R).
    """
    cells = num_classes**2
    cell_of = np.zeros((cells, len(labels)))
    cell_of[np.asarray(labels) * num_classes + predicted, np.arange(len(labels))] = 1
    return np.asarray((cell_of @ weights).T.reshape(-1, num_classes, num_classes))


def confusion_table(
    first: np.ndarray, second: np.ndarray, classes: Sequence[str], first_name: str, second_name: str
) -> pd.DataFrame:
    """Returns photos by two classes of each, both shape (N,), as integers: the first in rows, the second in columns."""
    return pd.DataFrame(
        confusions(first, second, len(classes), np.ones((len(first), 1)))[0].astype(int),
        index=pd.Index(classes, name=first_name),
        columns=pd.Index(classes, name=second_name),
    )


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns the accuracy of confusion matrices, shape (R, C, C); shape (R,)."""
    return np.asarray(np.einsum("rcc->r", counts) / counts.sum(axis=(1, 2)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Returns the mean over classes of F1, shape (R,).

    It leaves out classes that are neither present nor predicted, as scikit-learn does when it is not told the classes.
    """
    right = np.einsum("rcc->rc", counts)
    return defined_mean(divide(2 * right, counts.sum(axis=2) + counts.sum(axis=1), np.nan), axis=1)


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns the mean over the present classes of recall, shape (R,)."""
    return defined_mean(divide(np.einsum("rcc->rc", counts), counts.sum(axis=2), np.nan), axis=1)


def precision(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each class's precision with its Wilson interval; 0 (0 to 1) for a class that is never predicted."""
    right, predicted = np.diag(counts), counts.sum(axis=0)
    return right / np.maximum(predicted, 1), *wilson_interval(right, predicted)


def recall(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each class's recall with its Wilson interval; NaN for a class without photos."""
    right, support = np.diag(counts), counts.sum(axis=1)
    support = np.where(support > 0, support, np.nan)
    return right / support, *wilson_interval(right, support)


def f1(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each class's F1 with its interval; NaN for a class neither present nor predicted.

    F1 = 2J / (1 + J) rises with J, the share of right ones among the photos that have the class or were given it, so
    its interval is J's Wilson interval, mapped.
    """
    right = np.diag(counts)
    either = counts.sum(axis=1) + counts.sum(axis=0) - right
    either = np.where(either > 0, either, np.nan)
    value, low, high = (2 * j / (1 + j) for j in (right / either, *wilson_interval(right, either)))
    return value, low, high


def defined_mean(a: np.ndarray, axis: int) -> np.ndarray:
    """Returns the mean of what is not NaN, and NaN (without a warning) where all is."""
    return divide(np.nansum(a, axis=axis), (~np.isnan(a)).sum(axis=axis), np.nan)


def photo_table(
    predictions: pd.DataFrame, classes: Sequence[str], split: str | None = None, temperature: float = 1.0
) -> pd.DataFrame:
    """Returns one row per photo with the class it was predicted as.

    Args:
        predictions: Table as for `to_arrays`.
        classes: Names of the classes, in order.
        split: Keeps only this split's photos; None keeps all.
        temperature: Calibrates the probabilities, see `apply_temperature`; it never changes the predicted class.

    Returns:
        Columns `file`, `label`, `predicted`, `confidence` (probability of that class, 0..1), `p_label` (probability of
        the true class), `correct` (bool), and a calibrated `p_<class>` for every class; rows in the given order.
    """
    labels, probabilities, files = to_arrays(predictions, classes, split)
    calibrated = apply_temperature(probabilities, temperature)
    predicted = probabilities.argmax(axis=1)
    names = np.asarray(classes, dtype=object)
    rows = np.arange(len(labels))
    table = pd.DataFrame(
        {
            "file": files,
            "label": names[labels],
            "predicted": names[predicted],
            "confidence": calibrated[rows, predicted],
            "p_label": calibrated[rows, labels],
            "correct": labels == predicted,
        }
    )
    return table.join(pd.DataFrame(calibrated, columns=probability_columns(classes)))


def cell_photos(photos: pd.DataFrame, label: str | None = None, predicted: str | None = None) -> pd.DataFrame:
    """Returns the photos behind one cell of the confusion matrix, the most confident first, equal ones by file.

    Photos are a `photo_table`; a `label` of None stands for the whole column, a `predicted` of None for the whole row.
    """
    for column, name in (("label", label), ("predicted", predicted)):
        if name is not None:
            photos = photos[photos[column] == name]
    return photos.sort_values(["confidence", "file"], ascending=[False, True], ignore_index=True)
