"""What learning curves are drawn of, and what is written on them: what happens in a training, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.style import named_rows
from garbage_core.runs.history import BestEpoch, positions


@dataclass(frozen=True)
class Training:
    """What is drawn of one run: name, `history.csv`, `history.stages_of` and `history.best_epoch_of`."""

    title: str
    history: pd.DataFrame
    stages: pd.DataFrame
    best: BestEpoch


def span_of(history: pd.DataFrame, first: int, last: int, along: str) -> tuple[float, float]:
    """Returns where a stage begins and ends on the axis: half an epoch around its epochs, or from end to end."""
    around = (first - 0.5, last + 0.5) if along == "epoch" else (first - 1, last)
    start, end = positions(history, np.array(around), along)
    return float(start), float(end)


def panel_title(metric: str, trainings: Sequence[Training], splits: Sequence[str]) -> str:
    """Returns the title of a panel; that of the loss says why training lies above validation, where it does."""
    title = f"<b>{lookup(metric).title}</b>"
    histories = [training.history for training in trainings]
    harder = all((rows["loss"] > rows["val_loss"]).mean() > 0.5 for rows in histories)
    if metric != "loss" or len(splits) < 2 or not harder:
        return title
    return f'{title} <span style="font-size:11px">(training is higher: its photos are augmented)</span>'


def stage_notes(training: Training, position: int, along: str, top: float, name_it: bool) -> list[dict]:
    """Returns what happens where stages begin: the linear probe before the first epoch, and photos that get larger."""
    notes: list[dict] = []
    place = {"xref": "x", "yref": "paper", "y": top, "yanchor": "top", "yshift": -15 * position, "showarrow": False}
    place |= {"font": {"size": 11}}
    whole = float(positions(training.history, training.history["epoch"].max(), along))
    before = None
    for stage in named_rows(training.stages):
        words = ""
        if before is None and training.best.epoch == 0:
            words = "linear probe"
        elif before is not None and stage.height * stage.width > before.height * before.width:
            words = "photos get larger"
        if words and name_it:
            words = f"{training.title}: {words}"
        if words and not any(note["text"] == words for note in notes):
            start, _ = span_of(training.history, stage.first, stage.last, along)
            side = "right" if start > 0.7 * whole else "left"
            notes.append(place | {"x": start, "text": words, "xanchor": side, "xshift": -3 if side == "right" else 3})
        before = stage
    return notes
