"""A made-up imbalance study for tests: the table that the study would write, from made-up answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from garbage_core.classes import CLASS_NAMES
from garbage_core.files import write_csv
from garbage_core.predictions import to_arrays
from garbage_core.studies import STRATEGY_WORDS
from garbage_core.study_measures import measure
from garbage_core.study_remedies import remedies_table
from tests.helpers import fake_photos, fake_predictions


def fake_study(
    path: str | Path,
    accuracy: dict[str, float] | None = None,
    classes: Sequence[str] = CLASS_NAMES,
    seeds: int = 2,
    splits: Sequence[str] = ("val", "test"),
    start: str | None = None,
) -> pd.DataFrame:
    """Writes the table of a study and returns it.

    Args:
        path: File to write.
        accuracy: Of the strategies that differ from the others, which have 0.8.
        classes: Names of the classes; the last is the rarest.
        seeds: Number of seeds.
        splits: Splits measured.
        start: What the networks of a table of whole networks started from; None for a table of heads.
    """
    sizes = np.linspace(24, 12, len(classes)).astype(int)
    photos = fake_photos(classes, dict.fromkeys(splits, sizes))
    train = dict(zip(classes, (int(size) for size in 4 * sizes), strict=True))
    found = {}
    for strategy in STRATEGY_WORDS:
        for seed in range(seeds):
            share = (accuracy or {}).get(strategy, 0.8)
            answers = fake_predictions(photos, share, classes, seed)
            for split in splits:
                labels, probabilities, _ = to_arrays(answers, classes, split)
                found[strategy, split, seed] = measure(labels, probabilities, classes, resamples=60)
    table = remedies_table(found, train)
    if start:
        table = table.assign(start=start)
    write_csv(table, path, "%.5f")
    return table
