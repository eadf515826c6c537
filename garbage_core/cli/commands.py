"""What the commands of the command line do; `garbage_core.cli.main` reads their arguments.

A command takes the arguments and the stream its answer goes to, and returns the exit code. What it needs it imports
itself, so that `data`, `evaluate` and `compare` answer without loading TensorFlow. What is asked about photos of one's
own lies in `garbage_core.cli.photo_commands`.
"""

import argparse
import json
from typing import TextIO

from garbage_core.cli import report
from garbage_core.cli.console import start_keras, warn, write_answer
from garbage_core.errors import GarbageError


def data(args: argparse.Namespace, out: TextIO) -> int:
    """Lists a data set: photos per class and split, and the files that cannot be used."""
    from garbage_core.data.dataset import download_dataset, load_dataset, split_counts, split_dataset

    found = load_dataset(download_dataset(args.data_dir) if args.download else args.data_dir)
    protocol = "official" if found.official else "stratified"
    try:
        counts = split_counts(split_dataset(found, protocol), found.classes)
    except GarbageError as error:  # too few photos to split are still photos to list
        warn(str(error))
        protocol, counts = None, None
    summary = {
        "source": str(found.source),
        "photos": len(found.photos),
        "classes": {name: int(count) for name, count in found.counts().items()},
        "protocol": protocol,
        "splits": {} if counts is None else {split: int(number) for split, number in counts.sum().items()},
        "per_class_splits": {}
        if counts is None
        else {name: dict(counts.loc[name].astype(object)) for name in counts.index},
        "problems": found.problems.to_dict("records"),
        "fingerprint": found.fingerprint,
    }
    if args.statistics:
        from tqdm import tqdm

        from garbage_core.data.photo_statistics import measure_photos, write_statistics
        from garbage_core.studies.tables import study_path

        with tqdm(total=len(found.photos), desc="measure", unit="photo", disable=None) as bar:
            path = write_statistics(measure_photos(found, bar.update), study_path("photos"))
        warn(f"Size, brightness and dominant color of {len(found.photos):,} photos are in {path}.")
    write_answer(summary, report.data_text, args.json, out)
    return 0


def train(args: argparse.Namespace, out: TextIO) -> int:
    """Trains a network and says what came out."""
    from garbage_core.config.training_config import load_config
    from garbage_core.data.dataset import load_dataset
    from garbage_core.runs.run import load_run

    given = {"name": args.name, "weights": args.weights}
    # JSON's strings and numbers are TOML's too; quoted, a name or path stays text even if it looks like a number.
    changes = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    changes += [f"seed={args.seed}"] if args.seed is not None else []
    config = load_config(args.config, [*args.changes, *changes])
    if args.until:
        config = config.until(args.until)
    if args.epochs:
        config = config.with_epochs(args.epochs)
    dataset = load_dataset(args.data_dir)
    if len(dataset.problems):
        warn(f"{len(dataset.problems)} files cannot be used; the command data names them.")
    extended = load_run(args.extend, args.out) if args.extend else None
    start_keras()
    from garbage_core.training.loop import train as run_training

    run = run_training(config, dataset, root=args.out, resume=args.resume, limit=args.limit, extend=extended)
    if run:  # this machine keeps it
        out.write(report.training_text(run, _evaluation(run, "test")))
    return 0


def evaluate(args: argparse.Namespace, out: TextIO) -> int:
    """Prints the metrics of a run, computed anew from its predictions."""
    from garbage_core.runs.run import load_run

    write_answer(_evaluation(load_run(args.name), args.split), report.evaluation_text, args.json, out)
    return 0


def compare(args: argparse.Namespace, out: TextIO) -> int:
    """Prints what two runs make of the same photos."""
    from garbage_core.evaluation.evaluation import compare_runs
    from garbage_core.runs.run import load_run

    a, b = (load_run(name) for name in args.names)
    write_answer(
        compare_runs(a, b, args.split).to_dict() | {"a": a.name, "b": b.name}, report.comparison_text, args.json, out
    )
    return 0


def export(args: argparse.Namespace, out: TextIO) -> int:
    """Writes the network of a run for another runtime, and says how far its answers are from the original's."""
    from garbage_core.runs.run import load_run

    run = load_run(args.name)
    run.check_weights()
    start_keras()
    from garbage_core.export.export import export_run

    made = export_run(run, args.format, args.int8, args.out, args.data_dir, progress=warn)
    summary = {"file": str(made.path), **{key: value for key, value in made.report.items() if key != "head"}}
    write_answer(summary, report.export_text, args.json, out)
    return 0


def bench(args: argparse.Namespace, out: TextIO) -> int:
    """Measures speed, row by row, and keeps each row as soon as it is measured."""
    from benchmarks.app_speed import table as rows
    from garbage_core.runs.run import list_runs, load_run

    names = args.names or list(rows.ROWS)
    unknown = [name for name in names if name not in rows.ROWS]
    if unknown:
        raise GarbageError(f"There is no row {unknown[0]!r}: choose among {', '.join(rows.ROWS)}.")
    runs = [load_run(name) for name in args.models] if args.models else list_runs()
    if not runs:
        raise GarbageError("There are no trained models to measure with: train one first.")
    start_keras()
    results = []
    for name in names:
        results += rows.measure([name], rows.Settings(runs, args.repeats, warn))
        if not args.dry_run:
            rows.write_bench(results[-1:])
    write_answer(results, report.bench_text, args.json, out)
    return 0


def embed(args: argparse.Namespace, out: TextIO) -> int:
    """Computes what a run's network sees in every photo, and a map of it."""
    start_keras()
    from garbage_core.cli.audit_commands import embed as embed_photos

    return embed_photos(args, out)


def audit(args: argparse.Namespace, out: TextIO) -> int:
    """Looks for all that is wrong with a data set, keeps the findings and prints them."""
    from garbage_core.cli.audit_commands import audit as audit_photos

    return audit_photos(args, out)


def study_imbalance(args: argparse.Namespace, out: TextIO) -> int:
    """Compares the remedies against imbalance, and writes the table of it."""
    if not args.names:
        start_keras()
    from garbage_core.cli.study_commands import imbalance

    return imbalance(args, out)


def study_crossval(args: argparse.Namespace, out: TextIO) -> int:
    """Measures five finished runs, or a probe, on the folds of a cross-validation."""
    if args.probe:
        start_keras()
    from garbage_core.cli.study_commands import crossval

    return crossval(args, out)


def novelty(args: argparse.Namespace, out: TextIO) -> int:
    """Fits what tells strange photos, keeps it with the run, and measures it."""
    from garbage_core.runs.run import load_run

    load_run(args.name).check_weights()
    start_keras()
    from garbage_core.cli.ood_commands import novelty as fit_ood_detector

    return fit_ood_detector(args, out)


def _evaluation(run, split: str) -> dict:
    """Returns everything the card says about a run on a split: metrics, classes, confusion, calibration, threshold."""
    from garbage_core.evaluation.evaluation import apply_temperature, selective_metrics, to_arrays
    from garbage_core.evaluation.evaluation import evaluate as evaluate_predictions
    from garbage_core.utils.files import json_value

    result = evaluate_predictions(run.predictions, run.classes, split, run.temperature).to_dict()
    labels, probabilities, _ = to_arrays(run.predictions, run.classes, split)
    selective = selective_metrics(labels, apply_temperature(probabilities, run.temperature), run.threshold)
    return {
        "name": run.name,
        "protocol": run.info.get("protocol"),
        **result,
        "threshold": run.threshold,
        "accepted": json_value({key: value for key, value in selective.items() if key != "threshold"}),
    }
