"""Garbage classification with ResNet-50: one network, different starting points, one set of files that all views read.

The names below are loaded when they are first used, so that importing the package loads no library. Its rooms:

    errors          GarbageError, the one exception a user meets
    utils           files that are written whole, numbers and tables as words, threads, timing
    config          TrainingConfig, and the presets
    data            classes, data set, splits, download, image files to RGB, photo statistics
    synthetic       foreground masks, surfaces, drawn pictures
    networks        ResNet-50 by hand, its starting weights and the file of a trained one
    runs            models/<name>/: what a training leaves behind; its history and predictions
    evaluation      metrics (one registry), intervals, calibration, comparison, model card
    inference       Classifier: photos to predictions; runtimes without TensorFlow; OOD detector
    explain         heat maps, and whether they are faithful
    training        the loop and its parts: batches, augmentation, imbalance, checkpoints, devices
    audit           duplicates, leaks and label issues; embeddings
    studies         experiments of many trainings: imbalance, cross-validation, OOD detection
    export, scale   other runtimes; millions of photos with Ray
    figures         every chart
    cli             one file per command of `garbage`

Each imports from those above it alone; nothing here imports Streamlit.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if sys.version_info < (3, 11):  # noqa: UP036, read by exactly those that pip could not stop
    raise ImportError(
        "garbage_core needs Python 3.11 or newer, but this is Python {}.{}: install a newer one, "
        "make a virtual environment with it, and install requirements.txt there.".format(*sys.version_info[:2])
    )

if TYPE_CHECKING:
    from garbage_core.config.training_config import TrainingConfig, load_config
    from garbage_core.data.dataset import load_dataset
    from garbage_core.data.splits import split_dataset
    from garbage_core.errors import GarbageError
    from garbage_core.evaluation.comparison import compare_runs
    from garbage_core.evaluation.evaluation import evaluate
    from garbage_core.explain.heatmaps import heatmap
    from garbage_core.inference.classifier import Classifier, Failure, Prediction
    from garbage_core.networks.resnet import build_resnet50
    from garbage_core.networks.weights import load_starting_weights
    from garbage_core.runs.run import Run, list_runs, load_run
    from garbage_core.training.loop import train

__all__ = [
    "Classifier",
    "Failure",
    "GarbageError",
    "Prediction",
    "Run",
    "TrainingConfig",
    "build_resnet50",
    "compare_runs",
    "evaluate",
    "heatmap",
    "list_runs",
    "load_config",
    "load_dataset",
    "load_run",
    "load_starting_weights",
    "split_dataset",
    "train",
]
_MODULES = {
    "config.training_config": ("TrainingConfig", "load_config"),
    "data.dataset": ("load_dataset",),
    "data.splits": ("split_dataset",),
    "errors": ("GarbageError",),
    "evaluation.comparison": ("compare_runs",),
    "evaluation.evaluation": ("evaluate",),
    "explain.heatmaps": ("heatmap",),
    "inference.classifier": ("Classifier", "Failure", "Prediction"),
    "networks.resnet": ("build_resnet50",),
    "networks.weights": ("load_starting_weights",),
    "runs.run": ("Run", "list_runs", "load_run"),
    "training.loop": ("train",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"garbage_core.{module}"), name)
    raise AttributeError(f"module 'garbage_core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
