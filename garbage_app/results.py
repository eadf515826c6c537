"""What several pages compute of the runs, once for all sessions."""

from typing import TYPE_CHECKING

from garbage_app import cache
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from garbage_core.evaluation.comparison import Comparison
    from garbage_core.evaluation.evaluation import Evaluation
    from garbage_core.figures import Training


@cache.data(max_entries=64, show_spinner="Computing intervals")
def evaluation_of(run: Run, split: str) -> "Evaluation":
    """Returns the metrics of a run on a split. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import evaluate

    return evaluate(run.predictions, run.classes, split, temperature=run.temperature)


@cache.data(max_entries=32, show_spinner="Comparing photo by photo")
def comparison_of(a: Run, b: Run, split: str) -> "Comparison":
    """Returns two runs compared on a split. Raises GarbageError."""
    from garbage_core.evaluation.comparison import compare_runs

    return compare_runs(a, b, split)


def training_of(run: Run) -> "Training":
    """Returns what `figures.learning_curves` draws of a run."""
    from garbage_core.figures import Training
    from garbage_core.runs.history import best_epoch_of, stages_of

    return Training(run.title, run.history, stages_of(run), best_epoch_of(run))
