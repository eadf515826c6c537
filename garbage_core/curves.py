"""ROC and precision-recall curves, each class against all others.

scikit-learn is imported by the functions that use it: it takes a second, for which pages without curves need not wait.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def roc_table(y: np.ndarray, p: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns the points of one ROC curve per class.

    Args:
        y: True classes, shape (N,).
        p: Probabilities, shape (N, C).
        classes: C names, in order.

    Returns:
        Columns `label`, `fpr` (share of the other photos taken for this class), `tpr` (share of its own photos found),
        `threshold` (on the probability; infinite at the first point, where no photo is taken), `auc` (area under the
        class's curve, the same in all its rows). A class that no photo or every photo has is left out.
    """
    from sklearn.metrics import auc, roc_curve

    tables = []
    for c in _classes_with_a_curve(y, len(classes)):
        fpr, tpr, threshold = roc_curve(y == c, p[:, c])
        tables.append(
            pd.DataFrame({"label": classes[c], "fpr": fpr, "tpr": tpr, "threshold": threshold, "auc": auc(fpr, tpr)})
        )
    return _stack(tables, ["label", "fpr", "tpr", "threshold", "auc"])


def pr_table(y: np.ndarray, p: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns the points of one precision-recall curve per class.

    Args:
        y: True classes, shape (N,).
        p: Probabilities, shape (N, C).
        classes: C names, in order.

    Returns:
        Columns `label`, `recall`, `precision`, `threshold` (infinite at the last point, where no photo is taken),
        `average_precision` and `prevalence` (the precision of guessing), the same in all rows of a class. A class that
        no photo or every photo has is left out.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    tables = []
    for c in _classes_with_a_curve(y, len(classes)):
        own = y == c
        precision, recall, threshold = precision_recall_curve(own, p[:, c])
        tables.append(
            pd.DataFrame(
                {
                    "label": classes[c],
                    "recall": recall,
                    "precision": precision,
                    "threshold": np.append(threshold, np.inf),
                    "average_precision": average_precision_score(own, p[:, c]),
                    "prevalence": own.mean(),
                }
            )
        )
    return _stack(tables, ["label", "recall", "precision", "threshold", "average_precision", "prevalence"])


def _classes_with_a_curve(y: np.ndarray, num_classes: int) -> np.ndarray:
    counts = np.bincount(y, minlength=num_classes)
    return np.flatnonzero((counts > 0) & (counts < len(y)))


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
