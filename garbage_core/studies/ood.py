"""Measures OOD detectors: how well a run's detector, and other methods, tell other things from waste.

    python -m garbage_core ood transfer --extra everyday.zip --strange not-waste.zip --compare models/studies/ood.csv

`ood_pictures` says what waste and what other things are, and which of them are for fitting, for choosing (val) and for
the report (test). Strength and layers of the head were chosen on val; the table holds every method of `METHODS` on both
splits, so that the choice can be checked. Waste of each set is compared apart: a method that takes every photo that is
not on TrashNet's white board for something else is good on TrashNet alone.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.inference.ood_detector import LEVEL
from garbage_core.inference.ood_head import equal_shares, weighted_p_values
from garbage_core.runs.run import Run
from garbage_core.studies.ood_methods import (
    ALTERED,
    KEPT,
    METHODS,
    OTHER_PHOTO,
    PLACED,
    THINGS,
    WASTE,
    PictureFeatures,
)
from garbage_core.studies.ood_pictures import DRAWN

COLUMNS = (
    "run",
    "weights",
    "method",
    "layers",
    "strength",
    "kept",
    "split",
    "waste",
    "photos",
    "kind",
    "pictures",
    "auroc",
    "refused_at_5",
    "refused",
    "waste_refused",
    "right",
)


def compare_methods(
    pictures: PictureFeatures, run: Run, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """Measures every method of `METHODS`; returns a table with `COLUMNS`, see `measure`."""
    tables = []
    for method, layers, strength, function in METHODS:
        kept = (method, layers, strength) in KEPT
        table = measure(pictures, function(pictures, layers, strength))
        tables.append(table.assign(method=method, layers=layers or "logits", strength=strength, kept=kept))
        progress(1)
    table = pd.concat(tables).assign(run=run.name, weights=str(run.weights_sha256)[:12])
    return table[list(COLUMNS)].reset_index(drop=True)


def measure(pictures: PictureFeatures, scores: np.ndarray, level: float = LEVEL) -> pd.DataFrame:
    """Measures how well scores separate pictures of other things from waste.

    Args:
        pictures: Features of N pictures.
        scores: OOD scores, the higher the less like waste, (N,).
        level: Share of the val photos of waste, mean over the sets, that is refused.

    Returns:
        One row per split (val, test), set of waste and kind of picture, all of that split: `split`; `waste`, the name
        of the set, and `photos`, how many of its photos; `kind`; `pictures`; `auroc`, the chance that such a picture
        scores higher than one of these photos; `refused_at_5`, the share of the pictures refused where 5 % of these
        photos are; `refused`, the same at the level, and `waste_refused`, what the level refuses of these photos. Waste
        that was altered or put on another ground is a kind too, of which little should be refused; `right` is the
        share of it that the network predicts correctly, refused or not, and NaN for other things.
    """
    from sklearn.metrics import roc_auc_score

    scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=float(np.finfo(np.float32).max))
    refused = _p_values(pictures, scores) < level
    right = pictures.logits.argmax(axis=1) == pictures.labels
    rows = []
    for split in ("val", "test"):
        in_split = pictures.splits == split
        waste = in_split & (pictures.kinds == WASTE)
        for name in dict.fromkeys(pictures.sets[waste]):
            own = waste & (pictures.sets == name)
            for kind in (THINGS, OTHER_PHOTO, *DRAWN, *((ALTERED, PLACED) if name == MAIN_SET else ())):
                chosen = in_split & (pictures.kinds == kind)
                if not chosen.any():
                    continue
                truth = np.repeat([0, 1], [own.sum(), chosen.sum()])
                rows.append(
                    {
                        "split": split,
                        "waste": name,
                        "photos": int(own.sum()),
                        "kind": kind,
                        "pictures": int(chosen.sum()),
                        "auroc": roc_auc_score(truth, np.concatenate([scores[own], scores[chosen]])),
                        "refused_at_5": float((scores[chosen] > np.quantile(scores[own], 0.95)).mean()),
                        "refused": float(refused[chosen].mean()),
                        "waste_refused": float(refused[own].mean()),
                        "right": float(right[chosen].mean()) if kind in (ALTERED, PLACED) else float("nan"),
                    }
                )
    return pd.DataFrame(rows)


def _p_values(pictures: PictureFeatures, scores: np.ndarray) -> np.ndarray:
    """Returns p-values of all pictures as a detector with these scores would have them."""
    sets = pictures.level_sets
    val = np.flatnonzero(sets != "")
    val = val[np.argsort(scores[val].astype(np.float32), kind="stable")]
    return weighted_p_values(scores, scores[val].astype(np.float32), equal_shares(sets[val]))
