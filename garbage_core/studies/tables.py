"""The studies' tables, and what they allow to say; the other modules of this package write them.

    models/studies/imbalance.csv        the six strategies against imbalance, several seeds each
    models/studies/imbalance_runs.csv   the same of whole networks that differ in their strategy alone
    models/studies/remedies/            the runs behind it, without their networks
    models/studies/augmentation.csv     what each transformation of the photos is worth to a head on frozen features
    models/studies/crossval.csv         the transfer recipe on five folds
    models/studies/folds/               the runs behind it, without their networks
    models/studies/data_size.csv        one recipe from several starts, with ever more training photos
    models/studies/data_size/           the runs behind it, without their networks
    models/studies/matched/             the scratch recipe from other starts, without the networks
    models/studies/starts/              the transfer recipe from other starts, without the networks
    models/studies/repeats/             the recipe on another split and with another seed, without the networks
    models/studies/crossval_probe.csv   a linear probe on frozen features, on five folds

All tables are long: one row per thing trained, metric and class. Nothing here loads Keras.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.runs.results import result_of
from garbage_core.runs.run import Run, models_dir
from garbage_core.studies.measures import DIFFERENCE_COLUMNS, MEASURE_COLUMNS
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.text import capital, interval, listing, points

_GROUP = ("strategy", "seed", "split")
IMBALANCE_COLUMNS = (*_GROUP, *MEASURE_COLUMNS[:3], "train_photos", *MEASURE_COLUMNS[3:], *DIFFERENCE_COLUMNS)
CROSSVAL_COLUMNS = ("stages", "fold", *MEASURE_COLUMNS)
DATA_SIZE = "data_size"
DATA_SIZE_COLUMNS = ("run", "start", "train_share", "train_photos", "split", *MEASURE_COLUMNS, *DIFFERENCE_COLUMNS)
AUGMENTATION = "augmentation"
AUGMENTATION_COLUMNS = ("transformation", "tested_on", *MEASURE_COLUMNS, *DIFFERENCE_COLUMNS)
AS_THEY_ARE, CHANGED = "as they are", "changed"  # what a transformation is tested on
ALL_SEEDS = "all"
BASELINE = "none"
STRATEGY_RUNS = "imbalance_runs"
STRATEGY_RUN_COLUMNS = ("start", *IMBALANCE_COLUMNS)
_TEXT_COLUMNS = {
    "transformation",
    "tested_on",
    "run",
    "start",
    "strategy",
    "seed",
    "split",
    "stages",
    "fold",
    "metric",
    "class",
}
ONE_TRAINING = "Chance here is that of the photos; how far one training differs from the next is not in it."
POOLED = "pooled"  # the fold that stands for all photos together


def study_path(name: str, fingerprint: str | None = None) -> Path:
    """Returns where a study's table lies, whether or not it is there: `models/studies/<name>.csv`.

    `fingerprint` is that of the data set, see `runs.results`; None takes the table that was there first.
    """
    return result_of(models_dir() / "studies" / f"{name}.csv", fingerprint)


def read_imbalance(path: str | Path | None = None) -> pd.DataFrame:
    """Reads the imbalance study's table; None takes `study_path("imbalance")`.

    Returns:
        Columns `IMBALANCE_COLUMNS`: `strategy`; `seed`, a number or `ALL_SEEDS` for the mean over the seeds; `split`;
        `metric`; `class`, empty for a metric of all classes; `photos` it was measured on; `train_photos` of the class
        (or in all); `value` with its 95 % interval `low` to `high`; `difference` from `none` with the same seed, and
        its interval. What is not defined is NaN.

    Raises:
        GarbageError: The file is missing or is no such table.
    """
    return _read_strategies(Path(path or study_path("imbalance")), IMBALANCE_COLUMNS, "imbalance")


def read_strategy_runs(path: str | Path | None = None) -> pd.DataFrame:
    """Reads the table of whole networks that differ in their strategy alone; None takes `study_path(STRATEGY_RUNS)`.

    Its columns are those of `read_imbalance`, and `start`, what the networks started from; it raises as that does.
    """
    return _read_strategies(Path(path or study_path(STRATEGY_RUNS)), STRATEGY_RUN_COLUMNS, "imbalance RUN RUN")


def read_crossval(path: str | Path | None = None) -> pd.DataFrame:
    """Reads a cross-validation's table, see `crossval.crossval_table`; None takes `study_path("crossval")`.

    Raises:
        GarbageError: The file is missing or is no such table.
    """
    path = Path(path or study_path("crossval"))
    table = _read(path, CROSSVAL_COLUMNS, "crossval")
    if POOLED not in set(table["fold"]):
        raise GarbageError(f"{path} lacks the rows of all folds together; {_again('crossval')}")
    return table


def read_data_size(path: str | Path | None = None) -> pd.DataFrame:
    """Reads the table of `data_size.data_size_table`; None takes `study_path(DATA_SIZE)`.

    Raises:
        GarbageError: The file is missing or is no such table.
    """
    return _read(Path(path or study_path(DATA_SIZE)), DATA_SIZE_COLUMNS, "data-size RUN RUN")


def read_augmentation(path: str | Path | None = None) -> pd.DataFrame:
    """Reads the table of `augmentation.augmentation_table`; None takes `study_path(AUGMENTATION)`.

    Raises:
        GarbageError: The file is missing or is no such table.
    """
    return _read(Path(path or study_path(AUGMENTATION)), AUGMENTATION_COLUMNS, "augmentation")


def stage_names(run: Run) -> list[str]:
    """Returns the names of the stages that a run was trained in, in order; none if its config does not say."""
    return [stage.name for stage in run.config.stages]


def is_recipe_of(table: pd.DataFrame, stages: Sequence[str]) -> bool:
    """Whether a cross-validation tried the first stages of a training, or all of them; `stages` are their names."""
    tried = table["stages"].iloc[0].split()
    return bool(tried) and list(stages[: len(tried)]) == tried


def crossval_sentence(table: pd.DataFrame, stages: Sequence[str]) -> str:
    """Says what a cross-validation found, and how much one fold differs from the next.

    `stages` are the names of all stages of the recipe; the table says how many of them were tried.
    """
    found = table[table["class"] == ""].set_index(["metric", "fold"])
    accuracy, macro_f1 = found.loc["accuracy"], found.loc["macro_f1"]
    folds = [name for name in accuracy.index if name.isdigit()]
    low, high = (f"{100 * end:.1f}" for end in (accuracy["value"][folds].min(), accuracy["value"][folds].max()))
    of_all = [rows[rows.index == POOLED].iloc[0] for rows in (accuracy, macro_f1)]
    pooled = [interval(row["value"], row["low"], row["high"], plain=True) for row in of_all]
    tried = len(table["stages"].iloc[0].split())
    part = "" if tried == len(stages) else f" (the first {tried} of its {len(stages)} stages)"
    return (
        f"Trained {len(folds)} times, each time tested on another part of the photos, which it had not seen, the "
        f"recipe{part} is right on {pooled[0]} of all {of_all[0]['photos']:,} photos; its macro-F1 is "
        f"{pooled[1]}. From one training to the next the accuracy is {low} to {high} %."
    )


def rows_of(table: pd.DataFrame, metric: str, split: str, label: str = "", seed: str = ALL_SEEDS) -> pd.DataFrame:
    """Returns one metric of every strategy, in the order of the table; `label` names a class."""
    keep = (table["metric"] == metric) & (table["split"] == split)
    return table[keep & (table["class"] == label) & (table["seed"] == seed)].reset_index(drop=True)


def classes_of(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the classes in order: `class`, `train_photos`, and one column of photos for every split measured."""
    recall = table[(table["metric"] == "recall") & (table["strategy"] == BASELINE) & (table["seed"] == ALL_SEEDS)]
    photos = recall.pivot_table(index=["class", "train_photos"], columns="split", values="photos", sort=False)
    return photos.astype(int).reset_index().rename_axis(columns=None)


def rarest_class(table: pd.DataFrame) -> str:
    """Returns the class with the fewest training photos."""
    classes = classes_of(table)
    return str(classes["class"].iloc[int(classes["train_photos"].argmin())])


def strategy_name(strategy: str) -> str:
    """Returns a strategy's name as people read it."""
    return STRATEGIES[strategy].title if strategy in STRATEGIES else strategy


def imbalance_conclusion(table: pd.DataFrame, split: str) -> str:
    """Says in one sentence what the strategies gain, as far as the intervals of the paired differences allow.

    It is about macro-F1 and the recall of the rarest class: which strategies raise or lower it, by how much; or that
    none does by more than chance can.
    """
    rarest = rarest_class(table)
    parts = [
        _change(rows_of(table, "macro_f1", split), "macro-F1"),
        _change(rows_of(table, "recall", split, rarest), f"the share of {rarest}, the rarest class, that is found"),
    ]
    return capital("; ".join(parts)) + "."


def strategies_setting(table: pd.DataFrame) -> str:
    """Says how the networks of `read_strategy_runs` were trained: "from random weights, once each"."""
    seeds = table.loc[table["seed"] != ALL_SEEDS, "seed"].nunique()
    return f"from {table['start'].iloc[0]}, {'once' if seeds == 1 else f'{seeds} times'} each"


def rarest_precision(table: pd.DataFrame, split: str) -> str:
    """Says in one sentence how precise the predictions of the rarest class are with each strategy."""
    rarest = rarest_class(table)
    rows = rows_of(table, "precision", split, rarest).set_index("strategy")["value"]
    told = [f"{100 * rows[BASELINE]:.1f} % is {rarest} without a strategy"]
    told += [f"{100 * v:.1f} % with {strategy_name(str(s)).lower()}" for s, v in rows.items() if s != BASELINE]
    return f"Of what is predicted as {rarest}, {', '.join(told)}."


def _change(rows: pd.DataFrame, what: str) -> str:
    """Says which strategies change something, from rows with a difference from `none`."""
    rows = rows[rows["strategy"] != BASELINE]
    better, worse = rows[rows["difference_low"] > 0], rows[rows["difference_high"] < 0]
    parts = [
        f"{_names(found)} {verb}{'' if _plural(found) else 's'} {what} by {_points(found['difference'].abs())}"
        for found, verb in ((better, "raise"), (worse, "lower"))
        if len(found)
    ]
    if parts:
        return ", ".join([parts[0], *(part.replace(what, "it") for part in parts[1:])])
    alone = (
        f"{_names(rows)} {'do' if _plural(rows) else 'does'} not change" if len(rows) == 1 else "no strategy changes"
    )
    return f"{alone} {what} by more than chance can ({_signed(rows['difference'])} points)"


def _names(rows: pd.DataFrame) -> str:
    return listing([strategy_name(name).lower() for name in rows["strategy"]])


def _plural(rows: pd.DataFrame) -> bool:
    return len(rows) > 1 or rows["strategy"].iloc[0] == "class_weights"


def _points(values: pd.Series) -> str:
    """Returns "2.1 points", or the span "1.4 to 2.1 points" of several."""
    low, high = (f"{100 * value:.1f}" for value in (min(values), max(values)))
    return f"{low} points" if low == high else f"{low} to {high} points"


def _signed(values: pd.Series) -> str:
    low, high = (points(value + 0.0) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _again(command: str, how: str = "make it again") -> str:
    return f"{how} with `python -m garbage_core study {command}`."


def _read_strategies(path: Path, columns: Sequence[str], command: str) -> pd.DataFrame:
    """Reads a table of strategies, which cannot be compared without the rows of `BASELINE`."""
    table = _read(path, columns, command)
    if BASELINE not in set(table["strategy"]) or ALL_SEEDS not in set(table["seed"]):
        raise GarbageError(f"{path} lacks the rows of {BASELINE!r} over all seeds; {_again(command)}")
    return table


def _read(path: Path, columns: Sequence[str], command: str) -> pd.DataFrame:
    """Reads a table as text, so that a class called "NA" stays one, and turns its numbers into numbers."""
    again = _again(command, "make it")
    if not path.is_file():
        raise GarbageError(f"There is no table {path}; {again}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path} cannot be read ({error}); {again}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing or table.empty:
        raise GarbageError(f"{path} lacks {'the columns ' + ', '.join(missing) if missing else 'any row'}; {again}")
    for column in set(columns) - _TEXT_COLUMNS:
        table[column] = pd.to_numeric(table[column], errors="coerce")
    if not np.isfinite(table["photos"]).all():
        raise GarbageError(f"{path} has rows without a number of photos; {again}")
    return table
