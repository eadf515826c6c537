"""What each transformation of training photos is worth, alone, to a head on frozen features.

    python -m garbage_core study augmentation --weights imagenet

fits one linear head to the pooled features of the training photos as they are (see `features`), and one more for each
transformation, which also sees a copy of every photo changed by it. Each is measured on the test photos as they are and
on test photos changed in the same way: what does the transformation teach, and does it cost anything otherwise? In
weights that learn with the head a transformation may be worth more; that would take a training of hours for each.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset, split_dataset
from garbage_core.evaluation.confusion_matrix import confusions, macro_f1
from garbage_core.studies.measures import Measures, measure, measure_rows
from garbage_core.studies.probe import fit_probe
from garbage_core.studies.tables import AS_THEY_ARE, AUGMENTATION_COLUMNS, CHANGED
from garbage_core.training.augmentation import TRANSFORMATIONS, single

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from garbage_core.studies.features import FeatureMaker

# Mixing blends two photos and their labels, so there is no photo "changed by it" to test on.
ALONE = tuple(name for name in TRANSFORMATIONS if single(name).without_mixing() == single(name))
STRENGTHS = (0.001, 0.003, 0.01, 0.03)  # scikit-learn's C, chosen on val for every head
METRICS_SHOWN = ("accuracy", "macro_f1")


def augmentation_table(
    dataset: Dataset,
    maker: "FeatureMaker",
    names: Sequence[str] = ALONE,
    progress: Callable[[str], object] = lambda name: None,
    resamples: int = 2000,
) -> pd.DataFrame:
    """Measures what each transformation is worth.

    Args:
        dataset: The photos; split by the authors' lists where these fit, else stratified.
        maker: Of the features.
        names: Transformations, of `ALONE`; each has the range that the pipeline `strong` gives it.
        progress: Called with the name of each before its features are made.
        resamples: Number of resamples behind the intervals.

    Returns:
        Columns `AUGMENTATION_COLUMNS`: `transformation`; `tested_on`, `AS_THEY_ARE` or `CHANGED`; the rest as
        `measures.measure_rows`, with the paired difference from the head that saw no changed photos.

    Raises:
        GarbageError: As `split_dataset`, or for an unknown transformation.
    """
    photos = split_dataset(dataset)
    own = {split: photos[photos["split"] == split] for split in ("train", "val", "test")}
    files = {split: table["file"].tolist() for split, table in own.items()}
    labels = {split: pd.Index(dataset.classes).get_indexer(pd.Index(table["label"])) for split, table in own.items()}
    averages = maker.averages(files["train"])
    plain = {split: maker.pooled(files[split], averages)[0] for split in own}

    def fit(features: np.ndarray, of: np.ndarray) -> "Pipeline":
        return _best_head(features, of, plain["val"], labels["val"], len(dataset.classes))

    def measured(head: "Pipeline", features: np.ndarray) -> Measures:
        return measure(labels["test"], head.predict_proba(features), dataset.classes, resamples=resamples)

    without, parts = fit(plain["train"], labels["train"]), []
    as_they_are = measured(without, plain["test"])
    for name in names:
        progress(name)
        changed = {split: maker.changed(files[split], single(name), averages) for split in ("train", "test")}
        head = fit(np.concatenate([plain["train"], changed["train"]]), np.tile(labels["train"], 2))
        pairs = {
            AS_THEY_ARE: (measured(head, plain["test"]), as_they_are),
            CHANGED: (measured(head, changed["test"]), measured(without, changed["test"])),
        }
        for tested_on, (with_it, baseline) in pairs.items():
            rows = measure_rows(with_it, baseline)
            rows = rows[rows["metric"].isin(METRICS_SHOWN)]
            parts.append(rows.assign(transformation=name, tested_on=tested_on))
    return pd.concat(parts, ignore_index=True)[list(AUGMENTATION_COLUMNS)]


def _best_head(
    features: np.ndarray, labels: np.ndarray, val_features: np.ndarray, val_labels: np.ndarray, classes: int
) -> "Pipeline":
    """Returns the probe whose strength gives val, as it is, the best macro-F1."""
    once, found = np.ones((len(val_labels), 1)), []
    for strength in STRENGTHS:
        head = fit_probe(features, labels, strength)
        found.append((float(macro_f1(confusions(val_labels, head.predict(val_features), classes, once))[0]), head))
    return max(found, key=lambda pair: pair[0])[1]
