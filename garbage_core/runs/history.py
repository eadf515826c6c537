"""Learning curves, `history.csv`: the stages of a training, the size of the photos in each, and the best epoch.

    stages_of(run)      one row per stage, in order
    best_epoch_of(run)  the epoch whose network is the run's, and its macro-F1 on val
    positions(...)      where the epochs lie on an axis: by number, by share of the training, by time

A stage may train on smaller photos than the run's. Its epochs are validated on photos of that size, so their values are
not comparable with those of the final size; the run's network is validated again at the final size.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import read_columns, to_arrays

if TYPE_CHECKING:
    from garbage_core.runs.run import Run

HISTORY_FILE = "history.csv"
HISTORY_COLUMNS = (
    "epoch",
    "stage",
    "loss",
    "accuracy",
    "macro_f1",
    "val_loss",
    "val_accuracy",
    "val_macro_f1",
    "learning_rate",
    "seconds",
)
ALONG = ("epoch", "share", "time")


def read_history(path: Path) -> pd.DataFrame:
    """Reads a `history.csv`; numbers that were not measured are NaN. Raises GarbageError."""
    table = read_columns(path, HISTORY_COLUMNS)
    for column in table.columns.drop("stage"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    if table.empty or table["epoch"].isna().any():
        raise GarbageError(f"{path} has no epochs or one without a number; restore it or train the run again.")
    return table.astype({"epoch": int})


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose network a training ends with.

    Attributes:
        epoch: Its number; 0 for the linear probe before the first epoch; None where it is not recorded.
        value: Macro-F1 of the network on val with photos of the final size, 0..1; NaN where it was not measured.
    """

    epoch: int | None
    value: float


def best_epoch_of(run: "Run") -> BestEpoch:
    """Returns the best epoch of a run.

    A run that did not record its macro-F1 has that of the epoch's row; if the epoch's photos had another size, or there
    is no such row, that of its predictions for the val photos.
    """
    epoch, value = run.info.get("best_epoch"), run.info.get("best_val_macro_f1")
    epoch = epoch if isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0 else None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return BestEpoch(epoch, float(value))
    rows = run.history[run.history["epoch"] == epoch]
    if rows.empty or rows["stage"].iloc[0] in smaller_stages(run):
        return BestEpoch(epoch, _macro_f1(run))
    return BestEpoch(epoch, float(rows["val_macro_f1"].iloc[0]))


def stages_of(run: "Run") -> pd.DataFrame:
    """Returns the stages of a training in order, as far as it went.

    Returns:
        Columns `stage`, `first` and `last` (epochs), `epochs`, `height` and `width` (pixels of the photos; 0 for a
        stage that the configuration lacks), `seconds` and `best_val_macro_f1` (of its epochs, on photos of its size;
        NaN if not measured).
    """
    history, sizes = run.history, {stage.name: run.config.size(stage) for stage in run.config.stages}
    rows = []
    for _, part in history.groupby(history["stage"].ne(history["stage"].shift()).cumsum()):
        name, first, last = part["stage"].iloc[0], part["epoch"].iloc[0], part["epoch"].iloc[-1]
        size, best = sizes.get(name, (0, 0)), part["val_macro_f1"].max()
        rows.append((name, first, last, len(part), *size, part["seconds"].sum(), best))
    columns = ["stage", "first", "last", "epochs", "height", "width", "seconds", "best_val_macro_f1"]
    return pd.DataFrame(rows, columns=columns)


def smaller_stages(run: "Run") -> list[str]:
    """Returns the names of the stages whose photos have another size than those of the final network."""
    stages = stages_of(run)
    sizes = zip(stages["stage"], stages["height"], stages["width"], strict=True)
    return [name for name, height, width in sizes if 0 not in (height, width) and (height, width) != run.photo_size]


def positions(history: pd.DataFrame, epochs: float | np.ndarray, along: str = "epoch") -> np.ndarray:
    """Returns where the ends of some epochs lie on an axis.

    Args:
        history: Table as in `history.csv`.
        epochs: Numbers of epochs; 0 is the start, and a half lies between two.
        along: "epoch", the number itself; "share" of the training in 0..100; or "time" in minutes.

    Returns:
        Floats, in the shape of `epochs`. Time that was not measured counts as none.
    """
    places, numbers = np.asarray(epochs, float), history["epoch"].to_numpy(float)
    if along == "epoch":
        return places
    if along == "share":
        return np.asarray(100 * places / numbers.max())
    minutes = history["seconds"].fillna(0).cumsum().to_numpy() / 60
    return np.asarray(np.interp(places, np.concatenate([[0], numbers]), np.concatenate([[0], minutes])))


def smooth(values: np.ndarray | pd.Series, amount: float) -> np.ndarray:
    """Returns the exponential moving average that TensorBoard draws, without its pull toward zero at the start.

    Args:
        values: Shape (N,); NaN are passed over.
        amount: Weight of the past, 0 (none) up to but without 1.

    Returns:
        Shape (N,).
    """
    if amount <= 0:
        return np.asarray(values, float)
    means = pd.Series(np.asarray(values, float)).ewm(alpha=1 - min(amount, 0.99), ignore_na=True).mean()
    return np.asarray(means)


def _macro_f1(run: "Run") -> float:
    """Returns the macro-F1 of a run's predictions for val, NaN without any."""
    from sklearn.metrics import f1_score

    rows = run.predictions[run.predictions["split"] == "val"]
    if rows.empty:
        return math.nan
    labels, probabilities, _ = to_arrays(rows, run.classes)
    places = range(len(run.classes))
    return float(f1_score(labels, probabilities.argmax(axis=1), labels=places, average="macro", zero_division=0))
