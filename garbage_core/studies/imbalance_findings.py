"""What the imbalance lab found, as tables and sentences; and logit adjustment of a network that has been trained."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from garbage_core.evaluation.confusion_matrix import accuracy, confusions, macro_f1
from garbage_core.evaluation.intervals import divide
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.run import Run
from garbage_core.studies.imbalance_lab import Lab, Outcome
from garbage_core.studies.tables import BASELINE, strategy_name
from garbage_core.utils.text import percent, points, small

TAUS = tuple(np.round(np.arange(0, 3.05, 0.1), 1).tolist())
SUMMARY = ("recall", "precision", "f1", "macro_f1", "accuracy")


def summary(curve: pd.DataFrame) -> pd.DataFrame:
    """Returns the curve's metrics over its seeds.

    Args:
        curve: From `imbalance_lab.read_curve`.

    Returns:
        One row for each `strategy` and `train_photos`, in the order of the curve: for every metric of `SUMMARY` its
        mean, and the lowest and highest value of a seed as `<metric>_low` and `<metric>_high`; NaN where none is
        defined.
    """
    groups = curve.groupby(["strategy", "train_photos"], sort=False)[list(SUMMARY)]
    parts = [groups.mean(), groups.min().add_suffix("_low"), groups.max().add_suffix("_high")]
    return pd.concat(parts, axis=1).reset_index()


def rarity_sentence(curve: pd.DataFrame, photos: int) -> str:
    """Says what becomes of the class that was made rare, and what the strategy that finds most of it costs.

    Args:
        curve: From `imbalance_lab.read_curve`.
        photos: Training photos that the class is cut down to, fewer than all.
    """
    means, label = summary(curve), curve["class"].iloc[0]
    most = means["train_photos"].max()
    rows = means[means["train_photos"] == photos].set_index("strategy")
    best = str(rows["recall"].idxmax())
    without = means[(means["strategy"] == BASELINE) & (means["train_photos"] == most)]["recall"].item()
    found, before = percent(rows["recall"][BASELINE], 0), percent(without, 0)
    start = f"With {photos} training photos of {label} instead of {most}, {found} of it is found, not {before}"
    if best == BASELINE:
        return f"{start}; no strategy finds more."
    name, price = strategy_name(best), percent(rows["precision"][best], 0)
    return f"{start}. {name} finds {percent(rows['recall'][best], 0)}, at a precision of {price}."


def price_sentence(lab: Lab, before: Outcome, after: Outcome, strategy: str, place: int) -> str:
    """Says what a strategy buys for one class, and what that costs, in the mean over the draws.

    Args:
        lab: The features.
        before: Without a strategy.
        after: With it, for the same draws.
        strategy: Its name.
        place: Index of the class.
    """
    label, photos = lab.classes[place], int(lab.counts("test")[place])
    found = [outcome.confusion[:, place, place].mean() for outcome in (before, after)]
    name = small(strategy_name(strategy))
    if abs(found[1] - found[0]) < 0.05:
        return f"With {name} as many of the {photos} test photos of {label} are found as without: {found[0]:.1f}."
    precisions = []
    for outcome in (before, after):
        given = outcome.confusion[:, :, place].sum(axis=1)
        right = outcome.confusion[:, place, place]
        precisions.append(float(divide(right.sum(), given.sum(), np.nan)))
    change = float(np.mean(after.overall()["accuracy"] - before.overall()["accuracy"]))
    price = (
        f"of what is predicted as {label}, {percent(precisions[1], 0)} is {label}"
        f"{'' if np.isnan(precisions[0]) else f' instead of {percent(precisions[0], 0)}'}"
    )
    if np.isnan(precisions[1]):
        price = f"no photo is predicted as {label} any more"
    return (
        f"With {name} {found[1]:.1f} of the {photos} test photos of {label} are found instead of {found[0]:.1f}; "
        f"{price}. Accuracy over all classes: {points(change)} points."
    )


def flips(lab: Lab, before: Outcome, after: Outcome, draw: int = 0) -> pd.DataFrame:
    """Returns the test photos that a strategy predicts otherwise.

    Args:
        lab: The features.
        before: Without a strategy.
        after: With it, for the same draws.
        draw: Which of the draws.

    Returns:
        Columns `file`, `label`, `without`, `with` (names of classes), `kind`: "gained" for photos that only the
        strategy has right, "lost" for those that it has wrong instead, "neither". Photos of the rarest class come
        first.
    """
    shown = lab.splits == "test"
    labels, a, b = lab.labels[shown], before.predicted[draw], after.predicted[draw]
    names = np.asarray(lab.classes, dtype=object)
    kinds = np.select([b == labels, a == labels], ["gained", "lost"], "neither")
    columns = {"file": lab.files[shown], "label": names[labels], "without": names[a], "with": names[b], "kind": kinds}
    table = pd.DataFrame(columns)[a != b]
    order = np.argsort((labels != lab.rarest)[a != b], kind="stable")
    return table.iloc[order].reset_index(drop=True)


def adjusted(probabilities: np.ndarray, counts: Sequence[int] | np.ndarray, tau: float) -> np.ndarray:
    """Adjusts probabilities after training (Menon et al. 2020, equation 9): each is divided by its class's share^tau.

    Args:
        probabilities: Shape (N, C).
        counts: Training photos of each class, shape (C,); none count as half a photo.
        tau: 0 changes nothing; 1 undoes the frequencies that were learned.

    Returns:
        Shape (N, C), each row with the sum 1.
    """
    seen = np.maximum(np.asarray(counts, dtype=float), 0.5)
    weighted = probabilities * (seen / seen.sum()) ** -tau
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def adjustment_curve(run: Run, split: str = "test", taus: Sequence[float] = TAUS) -> tuple[pd.DataFrame, str]:
    """Measures a trained network whose stored probabilities are adjusted more and more.

    Args:
        run: The run.
        split: Name of the split.
        taus: Strengths of the adjustment, see `adjusted`.

    Returns:
        Columns `tau`, `found` (photos of the rarest class that are found), `given` (photos predicted as it), `photos`
        (of the class), `recall` and `precision` of it, `accuracy`, `macro_f1`; and the name of the class.
    """
    table, classes = run.predictions, run.classes
    learned, _, _ = to_arrays(table, classes, "train")
    counts = np.bincount(learned, minlength=len(classes))
    rarest = int(counts.argmin())
    labels, probabilities, _ = to_arrays(table, classes, split)
    once, rows = np.ones((len(labels), 1)), []
    for tau in taus:
        counted = confusions(labels, adjusted(probabilities, counts, tau).argmax(axis=1), len(classes), once)
        found, given, photos = counted[0, rarest, rarest], counted[0, :, rarest].sum(), counted[0, rarest].sum()
        shares = [float(divide(found, whole, np.nan)) for whole in (photos, given)]
        rows.append((tau, int(found), int(given), int(photos), *shares, accuracy(counted)[0], macro_f1(counted)[0]))
    columns = ["tau", "found", "given", "photos", "recall", "precision", "accuracy", "macro_f1"]
    return pd.DataFrame(rows, columns=columns), classes[rarest]


def adjustment_sentence(curve: pd.DataFrame, label: str, title: str, tau: float) -> str:
    """Says what recall costs in precision at one strength of the adjustment.

    Args:
        curve: From `adjustment_curve`.
        label: The class.
        title: Of the run.
        tau: One of the curve's strengths.
    """
    start = curve.iloc[int((curve["tau"] - 0).abs().argmin())]
    row = curve.iloc[int((curve["tau"] - tau).abs().argmin())]
    now = f"{row['found']:.0f} of {row['photos']:.0f} test photos of {label} ({percent(row['recall'])})"
    precision = f"of what it predicts as {label}, {percent(row['precision'])} is {label}"
    if row["tau"] == start["tau"]:
        return f"As trained, {title} finds {now}; {precision}."
    gained = int(row["found"] - start["found"])
    wrong = int((row["given"] - row["found"]) - (start["given"] - start["found"]))
    return (
        f"{title} now finds {now}, {_more(gained)} than as trained; {precision} instead of "
        f"{percent(start['precision'])}. The price: {_more(wrong, 'photos of other classes')} predicted as {label}; "
        f"accuracy {points(row['accuracy'] - start['accuracy'])} points."
    )


def _more(photos: int, what: str = "") -> str:
    """Returns "3 more", or "2 fewer photos"."""
    amount = "no more" if photos == 0 else f"{photos} more" if photos > 0 else f"{-photos} fewer"
    return f"{amount} {what}".rstrip()
