"""Tables behind the figures of page Evaluation, each computed once per run and split for all sessions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from garbage_app import cache
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@cache.resource(max_entries=32, show_spinner="Drawing the curves")
def curve_tables(run: Run, split: str) -> CurveTables:
    """Returns the curves of a run on a split. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import area_table, pr_table, roc_table
    from garbage_core.runs.predictions import to_arrays

    y, p, _ = to_arrays(run.predictions, run.classes, split)
    return CurveTables(*(make(y, p, run.classes) for make in (roc_table, pr_table, area_table)))
