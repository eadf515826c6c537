"""Longer trainings: a finished run, extended by more stages, is what a training of all the stages would have been.

Its history, its time and its starting weights are taken over; its photos must be the same, and its stages the first
ones of the longer training.
"""

import dataclasses

import pandas as pd

from garbage_core.config.training_config import TrainingConfig
from garbage_core.data.dataset import Dataset
from garbage_core.errors import GarbageError
from garbage_core.networks.weights import StartingWeights
from garbage_core.runs.run import Run

# What may differ: where things lie, how they are computed, and who teaches the stages that follow. The stages and the
# split are compared on their own.
_FREE = ("name", "weights", "stages", "protocol", "precision", "teacher", "teacher_temperature")


def check_extends(config: TrainingConfig, run: Run, dataset: Dataset, protocol: str, photos: pd.DataFrame) -> None:
    """Refuses a training that is no extension of a run.

    Args:
        config: The longer training.
        run: The finished run.
        dataset: The photos of the longer training.
        protocol: How they are split.
        photos: Those of them that are used, with a column `file`.

    Raises:
        GarbageError: If it is not, with the first difference.
    """
    earlier = run.config
    for place, stage in enumerate(earlier.stages):
        longer = config.stages[place] if place < len(config.stages) else None
        if stage != longer:
            raise GarbageError(
                f"Stage {place + 1} of the run {run.name!r}, {stage.name!r}, is not that of the longer training: "
                "give its stages first and unchanged, then the new ones."
            )
    if len(config.stages) == len(earlier.stages):
        raise GarbageError(f"The run {run.name!r} has all stages of this training already: add one to extend it.")
    for field in dataclasses.fields(config):
        mine, its = getattr(config, field.name), getattr(earlier, field.name)
        if field.name not in _FREE and mine != its:
            raise GarbageError(
                f"The run {run.name!r} was trained with {field.name} = {its!r}, not {mine!r}: extend it with the same."
            )
    if not run.trained_on(dataset, protocol):
        raise GarbageError(
            f"The run {run.name!r} was trained on other photos or another split than {protocol!r}: "
            "extend it with the same."
        )
    if set(run.predictions["file"]) != set(photos["file"]):
        raise GarbageError(
            f"The run {run.name!r} was trained on {len(run.predictions):,} of the photos, not on {len(photos):,}: "
            "extend it with the same --limit."
        )


def start_of(run: Run) -> StartingWeights:
    """Returns what a run started from; a training that extends it started there, too."""
    recorded = run.info["starting_weights"]
    return StartingWeights(recorded["source"], recorded["sha256"], tuple(recorded["loaded"]), tuple(recorded["random"]))
