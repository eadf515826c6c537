"""Trainings of any number of runs, overlaid: learning curves, stages, and the best checkpoint."""

from garbage_app.router import ensure_routed
from garbage_app.training.learning_curves import choose_runs, write_curves
from garbage_app.training.tables import conclusion, write_caveats, write_tables
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.runs.history import best_epoch_of

ensure_routed()

place = question("How did the models learn?")
runs = choose_runs(runs_or_stop())
best_epochs = [best_epoch_of(run) for run in runs]
answer(
    place,
    "; ".join(conclusion(run, best) for run, best in zip(runs[:2], best_epochs[:2], strict=True)) + ".",
    "On the validation photos, which choose the best checkpoint. Macro-F1 is the mean of F1 over the classes; F1 "
    "counts missed and wrongly predicted photos alike, and rare classes weigh as much as common ones.",
)
write_curves(runs)
write_caveats(runs, best_epochs)
write_tables(runs, best_epochs)
