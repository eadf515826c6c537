"""`evaluate`: the metrics of a run with their intervals."""

import argparse
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, write_result
from garbage_core.utils.text import percent, quantity, text_table

if TYPE_CHECKING:
    from garbage_core.runs.run import Run

HELP = "metrics of a run with 95 % intervals"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "name", "--split", "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Prints the metrics of a run, computed anew from its predictions."""
    from garbage_core.runs.run import load_run

    write_result(evaluate_run(load_run(args.name), args.split), evaluation_text, args.json, out)
    return 0


def evaluate_run(run: "Run", split: str) -> dict[str, Any]:
    """Returns what the card says about a run on a split: metrics, classes, confusion matrix, calibration, threshold."""
    from garbage_core.evaluation.evaluation import apply_temperature, evaluate, selective_metrics, to_arrays
    from garbage_core.utils.files import json_value

    result = evaluate(run.predictions, run.classes, split, run.temperature).to_dict()
    labels, probabilities, _ = to_arrays(run.predictions, run.classes, split)
    selective = selective_metrics(labels, apply_temperature(probabilities, run.temperature), run.threshold)
    return {
        "name": run.name,
        "protocol": run.info.get("protocol"),
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

    text = f"{result['name']} on the {result['photos']:,} {result['split']} photos ({result['protocol']} split)\n\n"
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
