"""ROC and precision-recall curves, each class against all others.

scikit-learn is imported by the functions that use it: it takes a second, for which pages without curves need not wait.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from garbage_core.evaluation.intervals import auc_interval, wilson_interval


def roc_table(y: np.ndarray, p: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns the points of one ROC curve per class.

    Args:
        y: True classes, shape (N,).
        p: Probabilities, shape (N, C).
        classes: C names, in order.

    Returns:
        Columns `label`, `fpr` (share of the other photos predicted as it), `tpr` (share of its own photos found),
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


def area_table(y: np.ndarray, p: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns the area under both curves of every class, with 95 % intervals.

    The average precision is close to a share of the class's photos, so it gets their Wilson interval, as Boyd, Eng and
    Page 2013 (https://doi.org/10.1007/978-3-642-40994-3_55) do with other binomial intervals; for a class of 29 of 431
    photos it held the truth in 94 % of simulated cases or more, the bootstrap in 87 to 93 %. For the area under the
    ROC curve see `auc_interval`.

    Args:
        y: True classes, shape (N,).
        p: Probabilities, shape (N, C).
        classes: C names, in order.

    Returns:
        Columns `label`, `support` (photos), `auc`, `auc_low`, `auc_high`, `average_precision`,
        `average_precision_low`, `average_precision_high`, and `prevalence` (the average precision of guessing), all but
        the first two in 0..1. A class that no photo or every photo has is left out.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows = []
    for c in _classes_with_a_curve(y, len(classes)):
        own = y == c
        support, area, precision = int(own.sum()), roc_auc_score(own, p[:, c]), average_precision_score(own, p[:, c])
        ends = (
            *auc_interval(area, support, len(y) - support),
            precision,
            *wilson_interval(precision * support, support),
        )
        rows.append((classes[c], support, float(area), *map(float, ends), support / len(y)))
    areas = [f"{name}{end}" for name in ("auc", "average_precision") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["label", "support", *areas, "prevalence"])


def _classes_with_a_curve(y: np.ndarray, num_classes: int) -> np.ndarray:
    counts = np.bincount(y, minlength=num_classes)
    return np.flatnonzero((counts > 0) & (counts < len(y)))


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
