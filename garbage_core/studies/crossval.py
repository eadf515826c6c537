"""Cross-validation: five trainings of one recipe, each tested on the fifth of the photos that it never saw.

    python -m garbage_core train transfer --set protocol=fold-1-of-5 --name transfer-fold-1      (and so on to 5)
    python -m garbage_core study crossval transfer-fold-1 ... transfer-fold-5
    python -m garbage_core study crossval --probe --weights imagenet

The first form measures finished runs. The second, for a machine that cannot afford five trainings, fits a logistic
regression on pooled features of the frozen network; it says how far those features go, not what the recipe reaches.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset, split_dataset
from garbage_core.data.splits import FOLDS, PROTOCOLS, fold_number
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import fit_temperature
from garbage_core.runs.predictions import probability_columns, to_arrays
from garbage_core.runs.run import Run
from garbage_core.studies.imbalance import check_alike
from garbage_core.studies.measures import Measures, measure, measure_rows
from garbage_core.studies.probe import fit_probe
from garbage_core.studies.tables import CROSSVAL_COLUMNS, POOLED
from garbage_core.utils.files import write_csv
from garbage_core.utils.text import text_table

MEAN, DEVIATION = "mean", "deviation"
PROBE_STRENGTH = 0.01  # scikit-learn's C; the transfer recipe's, chosen on val of the official split
_OWN = ("name", "protocol", "weights")  # what may differ between the configs; weights are compared by their hash


def collect_runs(runs: Sequence[Run]) -> list[pd.DataFrame]:
    """Returns the predictions of five runs in the order of their folds, each with a column `temperature`.

    Raises:
        GarbageError: The runs are not the five folds of one splitting of the same photos, or not of one recipe.
    """
    folds: dict[str, int] = {}
    for run in runs:
        if fold := fold_number(str(run.info.get("protocol"))):
            folds[run.name] = fold
        else:
            raise GarbageError(
                f"The run {run.name!r} has the protocol {run.info.get('protocol')!r}: train it with "
                f"--set protocol={PROTOCOLS[-FOLDS]} to {PROTOCOLS[-1]}."
            )
    found = sorted(folds.values())
    if found != list(range(1, FOLDS + 1)):
        raise GarbageError(
            f"The runs test on the folds {', '.join(map(str, found)) or 'of none'}: name one run for each of the folds "
            f"1 to {FOLDS}."
        )
    runs = sorted(runs, key=lambda run: folds[run.name])
    for run in runs[1:]:
        check_alike(runs[0], run, _OWN, "train all folds with one recipe.")
    tables = [run.predictions.assign(temperature=run.temperature) for run in runs]
    tested = pd.concat([table.loc[table["split"] == "test", "file"] for table in tables])
    photos = set(tables[0]["file"])
    if tested.duplicated().any() or set(tested) != photos or any(set(table["file"]) != photos for table in tables):
        raise GarbageError(
            f"The test photos of the {FOLDS} runs ({tested.nunique():,} of {len(photos):,}) do not make up the data "
            "set once: train them on all photos of the same data set, without --limit."
        )
    return tables


def probe_predictions(dataset: Dataset, maker, strength: float = PROBE_STRENGTH) -> list[pd.DataFrame]:
    """Returns the predictions of a logistic regression on frozen features, as `collect_runs` does of runs.

    Photos count by balanced class weights, as in the transfer recipe. Batch norms, standardization and the regression
    see the training photos of their fold alone; val sets the temperature. `maker` is a `features.FeatureMaker`,
    `strength` the inverse of the regularization (scikit-learn's C), for features of unit variance.
    """
    tables = []
    for fold in range(1, FOLDS + 1):
        table = split_dataset(dataset, f"fold-{fold}-of-{FOLDS}")
        train = (table["split"] == "train").to_numpy()
        files = table["file"].tolist()
        averages = maker.averages(table.loc[train, "file"].tolist())
        features = maker.pooled(files, averages)[0].astype("float64")
        model = fit_probe(features[train], table.loc[train, "label"].to_numpy(), strength)
        probabilities = model.predict_proba(features)[:, [list(model.classes_).index(c) for c in dataset.classes]]
        predictions = pd.DataFrame(probabilities, columns=probability_columns(dataset.classes))
        table = table[["file", "split", "label"]].reset_index(drop=True).join(predictions)
        y, p, _ = to_arrays(table, dataset.classes, "val")
        tables.append(table.assign(temperature=fit_temperature(y, p)))
    return tables


def crossval_table(
    tables: Sequence[pd.DataFrame], classes: Sequence[str], stages: Sequence[str] = (), resamples: int = 2000
) -> pd.DataFrame:
    """Measures every fold, and all folds together.

    Args:
        tables: Predictions in the order of the folds, from `collect_runs` or `probe_predictions`.
        classes: Names of the classes, in order.
        stages: Names of the stages that were trained; none for a probe.
        resamples: Number of resamples behind the intervals.

    Returns:
        Columns `CROSSVAL_COLUMNS`. `stages` has the names with blanks between them. `fold` is the number of a fold;
        `mean` and `deviation` (with n - 1) over the folds, which have no interval: the folds share most of their
        training photos, and no unbiased estimate of the mean's variance exists (Bengio and Grandvalet 2004, JMLR 5,
        1089-1105); or `pooled`, the predictions for all photos, each of the model that had not seen it, with a 95 %
        interval over the photos.
    """
    folds = [_measured([table], classes, resamples) for table in tables]
    parts = [measure_rows(fold).assign(fold=str(number)) for number, fold in enumerate(folds, 1)]
    values = np.stack([part["value"] for part in parts])
    pooled = measure_rows(_measured(tables, classes, resamples)).assign(fold=POOLED)
    summaries = ((MEAN, values.mean(axis=0)), (DEVIATION, values.std(axis=0, ddof=1)))
    for name, summary in summaries:
        parts.append(pooled.assign(fold=name, value=summary, low=np.nan, high=np.nan))
    return pd.concat([*parts, pooled], ignore_index=True).assign(stages=" ".join(stages))[list(CROSSVAL_COLUMNS)]


def write_crossval(table: pd.DataFrame, path: str | Path) -> Path:
    """Writes the table with the five decimals of all studies."""
    return write_csv(table, path, "%.5f")


def contradictions(dataset: Dataset) -> list[tuple[str, str]]:
    """Returns pairs of photos that are equal byte for byte but lie in different classes, sorted."""
    import hashlib

    photos = dataset.photos[dataset.photos.duplicated("bytes", keep=False)]  # only equal sizes can be equal photos
    hashes = [hashlib.sha256(dataset.read_bytes(file)).hexdigest() for file in photos["file"]]
    pairs = []
    for _, twins in photos.groupby(hashes):
        rows = twins.sort_values("file").to_dict("records")
        pairs += [(a["file"], b["file"]) for i, a in enumerate(rows) for b in rows[i + 1 :] if a["label"] != b["label"]]
    return sorted(pairs)


def crossval_text(table: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None, tables: Sequence[pd.DataFrame]) -> str:
    """Says, for people, what came out in a `crossval_table` of `tables`; `pairs` are the `contradictions`, if known."""
    rows = []
    for metric, digits, factor in (("accuracy", 1, 100), ("macro_f1", 1, 100), ("log_loss_calibrated", 3, 1)):
        found = table[(table["metric"] == metric) & (table["class"] == "")].set_index("fold")
        numbers = [
            f"{factor * found['value'][k]:.{digits}f}" for k in (*map(str, range(1, FOLDS + 1)), MEAN, DEVIATION)
        ]
        low, high = (f"{factor * found[end][POOLED]:.{digits}f}" for end in ("low", "high"))
        rows.append([metric, *numbers, f"{factor * found['value'][POOLED]:.{digits}f} ({low} to {high})"])
    header = ["metric", *(f"fold {k}" for k in range(1, FOLDS + 1)), "mean", "deviation", "pooled (95 % interval)"]
    text = text_table(header, rows)
    if pairs is None:
        return text + "\nThe photos are not at hand, so pairs of equal photos with different labels are not counted.\n"
    fold_of = {file: k for k, t in enumerate(tables) for file in t.loc[t["split"] == "test", "file"]}
    apart = [pair for pair in pairs if fold_of.get(pair[0]) != fold_of.get(pair[1])]
    if not pairs:
        return text + "\nNo two equal photos have different labels.\n"
    text += f"\nEqual photos with different labels: {len(pairs)} pairs, {len(apart)} of them with one in each of two "
    text += "folds, where the network is taught one label and tested on the other"
    return text + (": " + "; ".join(" = ".join(pair) for pair in apart) if apart else "") + ".\n"


def _measured(tables: Sequence[pd.DataFrame], classes: Sequence[str], resamples: int) -> Measures:
    tested = pd.concat([table[table["split"] == "test"] for table in tables], ignore_index=True)
    labels, probabilities, _ = to_arrays(tested, classes)
    return measure(labels, probabilities, classes, tested["temperature"].to_numpy(), resamples)
