"""Is one model better than the other? Both models' predictions for the same photos, side by side.

The photos are the same, so most of the chance in them cancels: differences are computed per resample of the
bootstrap, with the same resample for both models, and the test looks only at photos that exactly one of them got right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.evaluation.confusion_matrix import confusion_table, photo_table
from garbage_core.evaluation.intervals import mcnemar_test, paired_interval, wilson_interval
from garbage_core.evaluation.metrics import METRICS, bootstrap, metric_intervals, metric_values
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.run import Run
from garbage_core.utils.files import json_value
from garbage_core.utils.text import capital

GROUPS: tuple[str, ...] = ("both_right", "only_a", "only_b", "both_wrong")
# Conventional: an interval of 95 % and a test at 5 % go together.
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two models, a and b, on the photos that both have in one split. Differences are b minus a throughout.

    Attributes:
        split: Name of the split.
        n: Number of photos compared.
        left_out: Photos of the split that only one of the two has, and that are therefore not compared.
        name_a, name_b: Names for sentences.
        classes: Names of the classes, in order.
        metrics: Columns `metric`, `a`, `b`, `difference`, `low`, `high` (95 % paired bootstrap interval of the
            difference); one row per name in `METRICS`.
        per_class: Columns `label`, `support`, `recall_a`, `recall_b`, `difference`, `low`, `high` (95 %, see
            `paired_interval`), and the 95 % Wilson intervals `recall_a_low`, `recall_a_high`, `recall_b_low`,
            `recall_b_high`; one row per class, NaN for one without photos.
        table: Photos by whether a (index) and b (columns) are right; both in the order `right`, `wrong`.
        p_value: Of the exact McNemar test.
        agreement: Photos by the class that a (index) and b (columns) predict.
        photos: One row per photo: `file`, `label`, `predicted_a`, `confidence_a`, `correct_a`, the same for b, and
            `group`, one of `GROUPS`.
    """

    split: str
    n: int
    left_out: int
    name_a: str
    name_b: str
    classes: tuple[str, ...]
    metrics: pd.DataFrame
    per_class: pd.DataFrame
    table: pd.DataFrame
    p_value: float
    agreement: pd.DataFrame
    photos: pd.DataFrame

    def metric(self, name: str) -> tuple[float, float, float]:
        """Returns the difference in a metric of `METRICS`, b minus a, as (difference, low, high)."""
        row = self.metrics.set_index("metric")[["difference", "low", "high"]].loc[name]
        value, low, high = row.to_numpy(float)
        return float(value), float(low), float(high)

    def group(self, name: str) -> pd.DataFrame:
        """Returns the photos of one group of `GROUPS`, those predicted most confidently (by either model) first."""
        rows = self.photos[self.photos["group"] == name]
        confidence = rows[["confidence_a", "confidence_b"]].max(axis=1)
        keys = pd.DataFrame({"confidence": -confidence, "file": rows["file"]})
        order = keys.sort_values(["confidence", "file"]).index
        return rows.loc[order].reset_index(drop=True)

    @property
    def agreement_rate(self) -> float:
        """Share of photos for which both predict the same class, right or wrong, 0..1."""
        return float(np.trace(self.agreement.to_numpy()) / self.n)

    @property
    def agreement_interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `agreement_rate`."""
        low, high = wilson_interval(np.trace(self.agreement.to_numpy()), self.n)
        return float(low), float(high)

    @property
    def agreement_by_chance(self) -> float:
        """What `agreement_rate` would be if each predicted its classes as often, but for photos of its own, 0..1.

        Cohen's kappa is (rate - chance) / (1 - chance) (Cohen 1960, https://doi.org/10.1177/001316446002000104).
        """
        counts = self.agreement.to_numpy()
        return float(counts.sum(axis=1) @ counts.sum(axis=0) / self.n**2)

    @property
    def better(self) -> str | None:
        """Name of the model that is better in accuracy, if interval and test both say so; else None."""
        difference, low, high = self.metric("accuracy")
        if self.p_value >= _SIGNIFICANT or low <= 0 <= high:
            return None
        return self.name_b if difference > 0 else self.name_a

    @property
    def sentence(self) -> str:
        """What the photos allow to say about accuracy, in one sentence."""
        difference, low, high = (100 * value for value in self.metric("accuracy"))
        photos = f"the {self.n:,} {self.split} photo{'s' if self.n != 1 else ''}"
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.{3 if self.p_value < 0.1 else 2}f}"
        if difference < 0:
            low, high = -high, -low
        ahead, behind = (self.name_b, self.name_a) if difference >= 0 else (self.name_a, self.name_b)
        interval = f"95 % interval {low:.1f} to {high:.1f}, {p}"
        if self.better:
            return f"{ahead} is better by {abs(difference):.1f} points ({interval}) on {photos}."
        if difference == 0:
            return f"{self.name_a} and {self.name_b} are right equally often ({interval}) on {photos}."
        return (
            f"{capital(photos)} do not settle which is better: "
            f"{ahead} is ahead of {behind} by {abs(difference):.1f} points ({interval})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the single photos as plain lists, numbers and strings, ready for JSON."""
        content: dict[str, Any] = {
            "split": self.split,
            "photos": self.n,
            "left_out": self.left_out,
            "a": self.name_a,
            "b": self.name_b,
            "classes": self.classes,
            "sentence": self.sentence,
            "better": self.better,
            "p_value": self.p_value,
            "table": dict(zip(GROUPS, self.table.to_numpy().ravel(), strict=True)),
            "metrics": self.metrics.set_index("metric").to_dict("index"),
            "per_class": self.per_class.to_dict("records"),
            "agreement_rate": self.agreement_rate,
            "agreement_by_chance": self.agreement_by_chance,
            "agreement": self.agreement.to_numpy(),
        }
        return dict(json_value(content))


def compare(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    classes: Sequence[str],
    split: str = "test",
    name_a: str = "A",
    name_b: str = "B",
    temperature_a: float = 1.0,
    temperature_b: float = 1.0,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compares two models on the photos that both have in a split; rows are sorted by file.

    Predictions are tables as for `to_arrays`, with the same classes in order; each model has a name for sentences and
    the temperature fitted on its val photos. Photos that only one of the models has in the split are left out: the
    other may have been trained on them. The paired bootstrap draws resamples from a seed.

    Raises:
        GarbageError: If a table does not fit, or the two have no photo of the split in common or label one differently.
    """
    a, b, left_out = _same_photos(predictions_a, predictions_b, split, name_a, name_b)
    (y, p_a, _), (_, p_b, _) = to_arrays(a, classes), to_arrays(b, classes)
    q_a, q_b = apply_temperature(p_a, temperature_a), apply_temperature(p_b, temperature_b)
    values_a, values_b = metric_values(y, p_a, q_a), metric_values(y, p_b, q_b)
    resampled_a, resampled_b = (bootstrap(y, p, q, resamples, seed) for p, q in ((p_a, q_a), (p_b, q_b)))
    low, high = metric_intervals(values_b - values_a, resampled_b - resampled_a)
    metrics = {"metric": list(METRICS), "a": values_a, "b": values_b, "difference": values_b - values_a}
    predicted_a, predicted_b = p_a.argmax(axis=1), p_b.argmax(axis=1)
    right_a, right_b = predicted_a == y, predicted_b == y
    table, p_value = mcnemar_test(right_a, right_b)
    return Comparison(
        split=split,
        n=len(y),
        left_out=left_out,
        name_a=name_a,
        name_b=name_b,
        classes=tuple(classes),
        metrics=pd.DataFrame(metrics | {"low": low, "high": high}),
        per_class=_recall_differences(y, right_a, right_b, classes),
        table=table,
        p_value=p_value,
        agreement=confusion_table(predicted_a, predicted_b, classes, name_a, name_b),
        photos=_photo_pairs(*(photo_table(t, classes, None, at) for t, at in ((a, temperature_a), (b, temperature_b)))),
    )


def compare_runs(a: Run, b: Run, split: str = "test") -> Comparison:
    """Compares two runs on the photos that both have in a split.

    Raises:
        GarbageError: If the classes or their order differ: outputs must mean the same; or as in `compare`.

    Example:
        >>> from garbage_core import load_run
        >>> compare_runs(load_run("scratch"), load_run("transfer")).n
        431
    """
    if a.classes != b.classes:
        raise GarbageError(
            f"{a.title!r} knows the classes {', '.join(a.classes)}, but {b.title!r} knows {', '.join(b.classes)}: "
            "compare runs with the same classes in the same order."
        )
    return compare(a.predictions, b.predictions, a.classes, split, a.title, b.title, a.temperature, b.temperature)


def _same_photos(
    a: pd.DataFrame, b: pd.DataFrame, split: str, name_a: str, name_b: str
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Returns both tables' rows for the files both have in the split, sorted by file, and how many were left out."""
    a, b = (t[t["split"] == split].drop_duplicates("file").set_index("file", drop=False) for t in (a, b))
    common = a.index.intersection(b.index).sort_values()
    if common.empty:
        raise GarbageError(
            f"{name_a} and {name_b} have no photo of the split {split!r} in common; "
            "compare runs with the same data set and the same protocol."
        )
    left_out = len(a) + len(b) - 2 * len(common)
    a, b = (table.loc[common].reset_index(drop=True) for table in (a, b))
    for file, label_a, label_b in zip(a["file"], a["label"], b["label"], strict=True):
        if label_a != label_b:
            raise GarbageError(
                f"{file!r} is {label_a!r} for {name_a} but {label_b!r} for {name_b}; "
                "compare runs that were trained on the same data set."
            )
    return a, b, left_out


def _photo_pairs(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Builds `Comparison.photos` from the photo tables of both models, whose rows are the same photos."""
    columns = ["predicted", "confidence", "correct"]
    photos = a[["file", "label"]].join([a[columns].add_suffix("_a"), b[columns].add_suffix("_b")])
    place = 2 * (~a["correct"]).astype(int) + (~b["correct"]).astype(int)
    return photos.assign(group=np.asarray(GROUPS, dtype=object)[place])


def _recall_differences(
    y: np.ndarray, right_a: np.ndarray, right_b: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Builds `Comparison.per_class`."""

    def photos(which: np.ndarray) -> np.ndarray:
        return np.bincount(y[which], minlength=len(classes))

    support = photos(np.ones(len(y), dtype=bool))
    some = np.where(support > 0, support, np.nan)
    only_a, only_b = photos(right_a & ~right_b), photos(right_b & ~right_a)
    low, high = paired_interval(only_a, only_b, some)
    table = {
        "label": list(classes),
        "support": support,
        "recall_a": photos(right_a) / some,
        "recall_b": photos(right_b) / some,
        "difference": (only_b - only_a) / some,
        "low": low,
        "high": high,
    }
    for side, right in (("a", right_a), ("b", right_b)):
        table[f"recall_{side}_low"], table[f"recall_{side}_high"] = wilson_interval(photos(right), some)
    return pd.DataFrame(table)


def is_matched(a: Run, b: Run) -> bool:
    """Whether two trainings differ in nothing but their starting weights, by their configs and photos."""
    configs = [{key: v for key, v in run.config.to_dict().items() if key not in ("name", "weights")} for run in (a, b)]
    starts = [(run.info.get("starting_weights") or {}).get("sha256") for run in (a, b)]
    photos = [run.info.get("data_fingerprint") for run in (a, b)]
    return configs[0] == configs[1] and starts[0] != starts[1] and photos[0] == photos[1]
