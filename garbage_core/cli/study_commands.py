"""What `study imbalance` and `study crossval` do; `garbage_core.cli.commands` has started Keras where they need it."""

import argparse
import sys
from pathlib import Path
from typing import TextIO

from garbage_core.errors import GarbageError
from garbage_core.studies.tables import STRATEGY_RUNS, imbalance_conclusion, study_path


def imbalance(args: argparse.Namespace, out: TextIO) -> int:
    """Trains the heads of the imbalance study, or measures runs; writes the table and says what it allows to say."""
    if args.names:
        return _strategies(args, out)
    from garbage_core.data.dataset import load_dataset
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe
    from garbage_core.studies.imbalance import Budget, run_imbalance_study

    path = _target(args.out, "imbalance")
    dataset = load_dataset(args.data_dir)
    given = {name: getattr(args, name) for name in ("epochs", "learning_rate", "weight_decay", "label_smoothing")}
    budget = Budget(**{name: value for name, value in given.items() if value is not None})
    maker = FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache)
    splits = ("val",) if args.val_only else ("val", "test")
    table = run_imbalance_study(
        dataset, maker, budget, args.seeds, path, splits, lambda line: print(line, file=sys.stderr)
    )
    out.write(f"{imbalance_conclusion(table, splits[-1])}\nWritten to {path}\n")
    return 0


def _strategies(args: argparse.Namespace, out: TextIO) -> int:
    """Measures finished runs that differ in their remedy against imbalance."""
    from garbage_core.runs.run import load_run
    from garbage_core.studies.imbalance import measure_strategies
    from garbage_core.utils.files import write_csv

    path = _target(args.out, STRATEGY_RUNS)
    table = measure_strategies([load_run(name, args.runs) for name in args.names])
    write_csv(table, path, "%.5f")
    out.write(f"{imbalance_conclusion(table, 'test')}\nWritten to {path}\n")
    return 0


def crossval(args: argparse.Namespace, out: TextIO) -> int:
    """Measures five finished runs, or a probe, on the folds of a cross-validation."""
    from garbage_core.data.dataset import load_dataset
    from garbage_core.studies.crossval import (
        collect_runs,
        contradictions,
        crossval_table,
        crossval_text,
        probe_predictions,
        write_crossval,
    )
    from garbage_core.studies.tables import stage_names

    if args.probe == bool(args.names):
        raise GarbageError(
            f"A cross-validation is of five runs or of the probe, but {len(args.names)} runs were named "
            f"{'with' if args.probe else 'without'} --probe: give the one or the other."
        )
    path = _target(args.out, "crossval_probe" if args.probe else "crossval")
    if args.probe:
        dataset = load_dataset(args.data_dir)
        from garbage_core.studies.features import FeatureMaker, FeatureRecipe

        tables = probe_predictions(dataset, FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache))
        classes, stages = dataset.classes, ()
        out.write("A logistic regression on features of the frozen network; not the transfer recipe.\n\n")
    else:
        from garbage_core.runs.run import load_run

        runs = [load_run(name, args.runs) for name in args.names]
        tables, classes = collect_runs(runs), runs[0].classes
        stages = stage_names(runs[0])
        try:
            dataset = load_dataset(args.data_dir, verify=False)
        except GarbageError:
            if args.data_dir:
                raise
            dataset = None  # the metrics do not need the photos
    table = crossval_table(tables, classes, stages)
    write_crossval(table, path)
    pairs = None if dataset is None else contradictions(dataset)
    out.write(crossval_text(table, pairs, tables) + f"\nWritten to {path}\n")
    return 0


def _target(given: str | None, name: str) -> Path:
    """Returns the file to write a table to; refuses one in a folder that is not there before hours have passed."""
    path = Path(given) if given else study_path(name)
    if given and not path.parent.is_dir():
        raise GarbageError(f"There is no folder {str(path.parent)!r} to write {path.name!r} to: make it first.")
    return path
