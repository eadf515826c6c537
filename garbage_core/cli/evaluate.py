"""`evaluate`: the metrics of a run with their intervals."""

import argparse
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, progress_bar, start_keras, warn, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import count, percent, printable, quantity, text_table

if TYPE_CHECKING:
    import pandas as pd

    from garbage_core.runs.run import Run

HELP = "metrics of a run with 95 % intervals"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "name")
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        help="default: test; of one's own photos without a folder test, all",
    )
    photos = parser.add_mutually_exclusive_group()
    photos.add_argument("--set", metavar="NAME", help="set of photos, for a run that was trained on several")
    photos.add_argument(
        "--data-dir",
        metavar="DIR|ZIP",
        help="classify your own photos, in folders named like the run's classes or some of them; nothing is written",
    )
    photos.add_argument(
        "--extra",
        metavar="DIR|ZIP",
        help="classify the val and test photos of this set first, and keep the predictions",
    )
    add_common(parser, "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Prints the metrics of a run, computed anew from its predictions."""
    from garbage_core.runs.run import load_run

    run, name = load_run(args.name), args.set
    if args.data_dir is not None:
        write_result(_evaluate_own(run, args), evaluation_text, args.json, out)
        return 0
    if args.extra:
        run, name = _scored(run, args)
    write_result(evaluate_run(run, args.split or "test", name), evaluation_text, args.json, out)
    return 0


def _evaluate_own(run: "Run", args: argparse.Namespace) -> dict[str, Any]:
    """Classifies photos of the user's own; returns what `evaluate_run` does, and which photos were left out."""
    from garbage_core.data.dataset import load_dataset

    dataset = load_dataset(args.data_dir)
    start_keras()
    from garbage_core.inference.scoring import not_its_classes, own_photos, predict_photos
    from garbage_core.networks.weights import load_network

    photos, split, protocol = own_photos(run, dataset, args.split)
    network = load_network(run.model_path, run.weights_sha256)
    known = photos[photos["label"].isin(run.classes)]
    with progress_bar("classify", len(known)) as bar:
        found = predict_photos(network, known, dataset, run.classes, *run.photo_size, progress=bar.update)
    left_out = not_its_classes(run, photos) + dataset.problems.to_dict("records")
    if left_out:
        named = "; ".join(printable(f"{row['file']} {row['reason']}") for row in left_out[:10])
        warn(f"{count(len(left_out), 'note')} on {printable(str(dataset.source))}, see also `data`: {named}.")
    head = {"name": run.name, "set": dataset.source.resolve().name, "protocol": protocol}
    return head | _described(run, found, None) | {"split": split, "fingerprint": dataset.fingerprint, "notes": left_out}


def _scored(run: "Run", args: argparse.Namespace) -> tuple["Run", str]:
    """Classifies an extra set; returns the run with its predictions, and the set's name."""
    from garbage_core.data.photo_sets import load_extra_set

    extra = load_extra_set(args.extra, run.classes)
    if extra.name in {known["name"] for known in run.info.get("extra_sets", [])}:
        raise GarbageError(f"The run {run.name!r} was trained on {extra.name!r}: show its predictions with --set.")
    start_keras()
    from garbage_core.inference.scoring import score_extra_set

    measured = extra.photos[(extra.photos["split"] != "train") & extra.photos["label"].isin(run.classes)]
    with progress_bar("classify", len(measured)) as bar:
        return score_extra_set(run, extra, bar.update), extra.name


def evaluate_run(run: "Run", split: str, name: str | None = None) -> dict[str, Any]:
    """Returns what the card says about a run on a split of one of its sets, None for the data set itself.

    That is metrics, classes, confusion matrix, calibration, and what the threshold does.
    """
    predictions = run.predictions if name is None else run.predictions_of(name)
    return {
        "name": run.name,
        "set": (name or run.sets[0]) if len(run.sets) > 1 else None,
        "protocol": run.info.get("protocol") if name in (None, run.sets[0]) else "own",
        **_described(run, predictions, split),
    }


def _described(run: "Run", predictions: "pd.DataFrame", split: str | None) -> dict[str, Any]:
    """Returns metrics, classes, confusion matrix, calibration, and what the threshold does, for some predictions."""
    from garbage_core.evaluation.calibration import apply_temperature, selective_metrics
    from garbage_core.evaluation.evaluation import evaluate
    from garbage_core.runs.predictions import to_arrays
    from garbage_core.utils.files import json_value

    result = evaluate(predictions, run.classes, split, run.temperature).to_dict()
    labels, probabilities, _ = to_arrays(predictions, run.classes, split)
    selective = selective_metrics(labels, apply_temperature(probabilities, run.temperature), run.threshold)
    return {
        **result,
        "threshold": run.threshold,
        "accepted": json_value({key: value for key, value in selective.items() if key != "threshold"}),
    }


def value_and_interval(metric: dict[str, Any], is_share: bool) -> tuple[str, str]:
    """Returns a metric and its interval, each as text; its keys are `value`, `low` and `high`."""
    interval = f"{quantity(metric['low'], is_share, plain=True)} to {quantity(metric['high'], is_share, plain=True)}"
    return quantity(metric["value"], is_share, plain=True), interval if metric["low"] is not None else "-"


def evaluation_text(result: dict[str, Any]) -> str:
    """Describes how good a run is on a split."""
    from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS

    of = f" of {result['set']}" if result.get("set") else ""
    chosen = "" if result["split"] == "all" else f" {result['split']}"
    text = f"{result['name']} on the {result['photos']:,}{chosen} photos{of} ({result['protocol']} split)\n\n"
    rows = [
        [metric.lower, *value_and_interval(result["metrics"][name], metric.is_share)]
        for name, metric in METRICS.items()
    ]
    text += text_table(["metric", "value", "95 % interval"], rows) + "\n"
    titles = [title for metric in CLASS_METRICS.values() for title in (metric.lower, "95 % interval")]
    rows = []
    for row in result["per_class"]:
        cells = [row["label"]]
        for key, metric in CLASS_METRICS.items():
            ends = {"value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]}
            cells += value_and_interval(ends, metric.is_share)
        rows.append([*cells, f"{row['support']:,}"])
    text += text_table(["class", *titles, "photos"], rows) + "\n"
    text += "Photos of each class (rows) by predicted class (columns)\n"
    confusion = zip(result["classes"], result["confusion"], strict=True)
    text += text_table(["", *result["classes"]], [[name, *map(str, counts)] for name, counts in confusion]) + "\n"
    text += f"Calibrated with temperature {result['temperature']:.2f}. "
    accepted = result["accepted"]
    if not accepted["accepted"]:
        return text + (
            f"Always abstains: no photo reaches the decision threshold chosen on val ({result['threshold']:.2f}).\n"
        )
    return text + (
        f"Decision threshold {percent(result['threshold'], plain=True)}: {accepted['accepted']:,} of "
        f"{accepted['photos']:,} photos reach it ({percent(accepted['coverage'], plain=True)}), of these "
        f"{percent(accepted['accuracy'], plain=True)} are predicted correctly.\n"
    )
