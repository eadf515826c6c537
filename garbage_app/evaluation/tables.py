"""Tables behind the figures of page Evaluation, each computed once per run and split for all sessions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from garbage_app import cache
from garbage_core.evaluation.slices import STUDIES, slice_predictions
from garbage_core.runs.run import Run
from garbage_core.studies.tables import study_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from garbage_core.evaluation.evaluation import Evaluation

BINS = 10  # of the reliability diagram: fewer than the error's 15, for a bin of a few photos says little


@dataclass(frozen=True)
class PredictionTables:
    """Predictions of a run on a split and their confidence. Shared by all sessions: the tables must not be changed.

    Attributes:
        photos: From `photo_table`, calibrated.
        reliability: From `reliability_table`: name of the curve and its table, before and after temperature scaling.
        error_of_perfect: The calibration error that perfect probabilities would show on as few photos.
        coverage: From `coverage_table`, calibrated.
        selective: From `selective_metrics` at the run's threshold.
    """

    photos: pd.DataFrame
    reliability: "tuple[tuple[str, pd.DataFrame], ...]"
    error_of_perfect: float
    coverage: pd.DataFrame
    selective: "Mapping[str, float | int]"


@dataclass(frozen=True)
class SliceTables:
    """A run on one slice. Shared by all sessions: the tables must not be changed.

    Attributes:
        photos: From `photo_table`, calibrated.
        raw: Probabilities before calibration, of which the curves are made, shape (N, C).
        evaluation: Metrics on this slice.
    """

    photos: pd.DataFrame
    raw: "np.ndarray"
    evaluation: "Evaluation"


@dataclass(frozen=True)
class CurveTables:
    """Each class against all others. Shared by all sessions: the tables must not be changed.

    Attributes:
        roc: From `roc_table`.
        pr: From `pr_table`.
        areas: From `area_table`.
    """

    roc: pd.DataFrame
    pr: pd.DataFrame
    areas: pd.DataFrame


@cache.resource(max_entries=32)
def prediction_tables(run: Run, split: str) -> PredictionTables:
    """Returns the tables of a run's predictions on a split. Raises GarbageError."""
    from garbage_core.evaluation import calibration as ca
    from garbage_core.evaluation.confusion_matrix import photo_table
    from garbage_core.runs.predictions import to_arrays

    y, raw, _ = to_arrays(run.predictions, run.classes, split)
    calibrated = ca.apply_temperature(raw, run.temperature)
    return PredictionTables(
        photos=photo_table(run.predictions, run.classes, split, run.temperature),
        reliability=(
            ("as trained", ca.reliability_table(y, raw, BINS)),
            ("calibrated", ca.reliability_table(y, calibrated, BINS)),
        ),
        error_of_perfect=ca.calibration_error_of_perfect(calibrated),
        coverage=ca.coverage_table(y, calibrated),
        selective=ca.selective_metrics(y, calibrated, run.threshold),
    )


def slice_files(run: Run) -> tuple[Path, ...]:
    """Returns the tables that slices of a run's photos are made of, which are arguments of all that depends on them."""
    return tuple(study_path(name, run.info.get("data_fingerprint")) for name in STUDIES)


@cache.resource(max_entries=16)
def slices_of(run: Run, split: str, *files: Path) -> "dict[str, pd.DataFrame]":
    """Returns a run's predictions for each slice of a split. Raises GarbageError."""
    return slice_predictions(run, split, dict(zip(STUDIES, files, strict=True)))


@cache.resource(max_entries=64, show_spinner="Computing intervals")
def slice_tables(run: Run, split: str, name: str, *files: Path) -> SliceTables:
    """Returns a run on one slice of a split. Raises GarbageError."""
    from garbage_core.evaluation.confusion_matrix import photo_table
    from garbage_core.evaluation.evaluation import evaluate
    from garbage_core.runs.predictions import to_arrays

    predictions = slices_of(run, split, *files)[name]
    return SliceTables(
        photos=photo_table(predictions, run.classes, split, run.temperature),
        raw=to_arrays(predictions, run.classes, split)[1],
        evaluation=evaluate(predictions, run.classes, split, run.temperature, resamples=1000),
    )


@cache.resource(max_entries=32, show_spinner="Drawing the curves")
def curve_tables(run: Run, split: str, name: str, *files: Path) -> CurveTables:
    """Returns the curves of a run on a slice of a split. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import area_table, pr_table, roc_table
    from garbage_core.runs.predictions import to_arrays

    y, p, _ = to_arrays(slices_of(run, split, *files)[name], run.classes, split)
    return CurveTables(*(make(y, p, run.classes) for make in (roc_table, pr_table, area_table)))
