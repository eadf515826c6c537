"""`compare`: two runs on the same photos."""

import argparse
from typing import Any, TextIO

from garbage_core.cli.options import add_common, write_result
from garbage_core.utils.text import quantity, signed, text_table

HELP = "two runs on the same photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("names", metavar="NAME", nargs=2, help="name of a run")
    add_common(parser, "--split", "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Prints how two runs differ on the same photos."""
    from garbage_core.evaluation.comparison import compare_runs
    from garbage_core.runs.run import load_run

    a, b = (load_run(name) for name in args.names)
    write_result(compare_runs(a, b, args.split).to_dict() | {"a": a.name, "b": b.name}, comparison_text, args.json, out)
    return 0


def comparison_text(result: dict[str, Any]) -> str:
    """Describes how two runs differ on the same photos."""
    from garbage_core.evaluation.metrics import METRICS

    a, b = result["a"], result["b"]
    text = result["sentence"] + "\n"
    if result["left_out"]:
        text += f"{result['left_out']:,} photos that only one of the two has in this split are left out.\n"
    rows = []
    for name, metric in METRICS.items():
        row = result["metrics"][name]
        values = (quantity(row[side], metric.is_share, plain=True) for side in ("a", "b"))
        rows.append([metric.lower, *values, *_difference(row, metric.is_share)])
    text += "\n" + text_table(["metric", a, b, "difference", "95 % interval"], rows) + "\n"
    rows = []
    for row in result["per_class"]:
        recalls = (quantity(row[key], plain=True) for key in ("recall_a", "recall_b"))
        rows.append([row["label"], *recalls, *_difference(row, True), f"{row['support']:,}"])
    text += text_table(["recall", a, b, "difference", "95 % interval", "photos"], rows) + "\n"
    counts = result["table"]
    text += text_table(
        ["photos", f"{b} right", f"{b} wrong"],
        [
            [f"{a} right", f"{counts['both_right']:,}", f"{counts['only_a']:,}"],
            [f"{a} wrong", f"{counts['only_b']:,}", f"{counts['both_wrong']:,}"],
        ],
    )
    return text + f"\nMcNemar's exact test: p = {result['p_value']:.2g}.\n"


def _difference(row: dict[str, Any], is_share: bool) -> tuple[str, str]:
    """Returns a difference, of shares in percentage points, and its interval, each as text."""
    factor, digits = (100, 1) if is_share else (1, 3)
    value, low, high = (
        signed(None if row[k] is None else factor * row[k], digits, plain=True) for k in ("difference", "low", "high")
    )
    return f"{value} points" if is_share else value, f"{low} to {high}"
