"""What the commands print for people: aligned plain text, from the same values that `--json` gives."""

from typing import TYPE_CHECKING, Any

from garbage_core.utils.text import percent, printable, quantity, signed, text_table

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Failure, Prediction
    from garbage_core.runs.run import Run


def data_text(summary: dict[str, Any]) -> str:
    """Describes a data set."""
    classes, splits = summary["classes"], summary["splits"]
    rows = [
        [name, f"{count:,}", percent(count / summary["photos"], plain=True)]
        + [f"{summary['per_class_splits'][name][split]:,}" for split in splits]
        for name, count in classes.items()
    ]
    rows.append(["all", f"{summary['photos']:,}", "", *(f"{count:,}" for count in splits.values())])
    ratio = max(classes.values()) / min(classes.values())
    text = (
        f"{printable(summary['source'])}: {summary['photos']:,} photos of {len(classes)} classes; "
        f"the largest has {ratio:.1f} times as many as the smallest.\n\n"
    )
    text += text_table(["class", "photos", "share", *splits], rows)
    if summary["protocol"]:
        text += f"\nSplit: {summary['protocol']}.\n"
    problems = summary["problems"]
    text += f"\nFiles with problems: {len(problems):,}{':' if problems else '.'}\n"
    return text + "".join(f"  {printable(p['file'])}: {printable(p['reason'])}\n" for p in problems)


def evaluation_text(result: dict[str, Any]) -> str:
    """Describes how good a run is on a split."""
    from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS

    text = f"{result['name']} on the {result['photos']:,} {result['split']} photos ({result['protocol']} split)\n\n"
    rows = [[metric.lower, *_value(result["metrics"][name], metric.is_share)] for name, metric in METRICS.items()]
    text += text_table(["metric", "value", "95 % interval"], rows) + "\n"
    titles = [title for metric in CLASS_METRICS.values() for title in (metric.lower, "95 % interval")]
    rows = []
    for row in result["per_class"]:
        cells = [row["label"]]
        for key, metric in CLASS_METRICS.items():
            ends = {"value": row[key], "low": row[f"{key}_low"], "high": row[f"{key}_high"]}
            cells += _value(ends, metric.is_share)
        rows.append([*cells, f"{row['support']:,}"])
    text += text_table(["class", *titles, "photos"], rows) + "\n"
    text += "Photos of each class (rows) by answer (columns)\n"
    confusion = zip(result["classes"], result["confusion"], strict=True)
    text += text_table(["", *result["classes"]], [[name, *map(str, counts)] for name, counts in confusion]) + "\n"
    text += f"Calibrated with temperature {result['temperature']:.2f}. "
    accepted = result["accepted"]
    if not accepted["accepted"]:
        return text + f"Never sure: no photo reaches the confidence chosen on val ({result['threshold']:.2f}).\n"
    return text + (
        f"Sure from a confidence of {percent(result['threshold'], plain=True)} on: {accepted['accepted']:,} of "
        f"{accepted['photos']:,} photos ({percent(accepted['coverage'], plain=True)}), of these "
        f"{percent(accepted['accuracy'], plain=True)} are right.\n"
    )


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
        recalls = [quantity(row["recall_a"], True, plain=True), quantity(row["recall_b"], True, plain=True)]
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


def training_text(run: "Run", result: dict[str, Any]) -> str:
    """Says what a training left behind."""
    from garbage_core.evaluation.metrics import METRICS

    minutes = run.info["duration_seconds"] / 60
    rows = [
        [METRICS[name].lower, *_value(result["metrics"][name], METRICS[name].is_share)]
        for name in ("accuracy", "macro_f1")
    ]
    return (
        f"{run.name}: {run.info['epochs']} epochs in {minutes:,.1f} minutes on {run.info['device']}, "
        f"best epoch {run.info['best_epoch']}.\n\n"
        + text_table([f"{result['photos']:,} test photos", "value", "95 % interval"], rows)
        + f"\nWritten to {printable(str(run.path))}\n"
    )


def export_text(result: dict[str, Any]) -> str:
    """Says in a few lines what an exported network is and how far its answers are from the original's."""
    size = sum(file["bytes"] for file in result["files"].values()) / 1e6
    lines = [f"{result['run']} for {result['format']}, {result['precision']}, {size:.1f} MB: {result['file']}"]
    for check in result["check"].values():
        what = f"{check['photos']} val photos" if check["source"] == "val" else f"{check['photos']} generated pictures"
        lines.append(
            f"{what}: probabilities differ by up to {check['max_probability_difference']:.2g}, "
            f"the same class for {percent(check['agreement'], plain=True)}"
        )
        if check["accuracy"] is not None:
            lines[-1] += (
                f", accuracy {percent(check['accuracy_exported'], plain=True)} instead of "
                f"{percent(check['accuracy'], plain=True)}"
            )
    if "val" not in result["check"]:
        lines.append("The photos are not on this machine, so no accuracy was measured: give --data-dir.")
    speed = result["milliseconds"]
    height, width = speed["size"]
    lines.append(f"A photo of {width}x{height} takes {speed['median']:.1f} ms here, on {speed['cores']} cores.")
    return "\n".join(lines) + "\n"


def scale_text(result: dict[str, Any]) -> str:
    """Returns what came of a run of `classify --engine ray` as text for people."""
    lines = [
        f"{result['photos']:,} photos in {result['source']}: {result['answered']:,} answered, {result['failed']:,} "
        f"could not be read. In {result['out']}: answers/ and failed/."
    ]
    if result["blocks_before"]:
        lines.append(f"{result['blocks_before']:,} of {result['blocks']:,} blocks were there from before.")
    if result["photos_per_second"]:
        lines.append(
            f"{result['photos_now']:,} photos in {result['seconds']:,.0f} s, {result['photos_per_second']:,.1f} per s"
            f", by {result['workers']} workers with {result['runtime']}; {result['replaced']} died and were replaced."
        )
    if result["again"]:
        lines.append(f"{result['again']:,} could not be fetched: the same command tries them again.")
    return "\n".join(lines) + "\n"


def bench_text(rows: list[dict[str, Any]]) -> str:
    """Returns what `bench` measured as text for people."""
    cells = [
        (
            row["name"],
            f"{row['ours']:,.1f}",
            "" if row["reference"] is None else f"{row['reference']:,.1f}",
            row["unit"],
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            f"{'at most' if row['unit'] == 'ms' else 'at least'} {row['goal']:g}",
            "yes" if row["met"] else "no",
        )
        for row in rows
    ]
    return text_table(("row", "ours", "reference", "unit", "ratio", "goal", "met"), cells)


def prediction_line(answer: "Prediction | Failure", width: int) -> str:
    """Says in one line what is on a photo; the file's name is padded to a width."""
    from garbage_core.inference.classifier import Failure

    name = printable(answer.file).ljust(width)
    if isinstance(answer, Failure):
        return f"{name}  error: {printable(answer.error)}"
    if answer.is_ood:
        return f"{name}  does not look like waste; at most: {answer.label} {percent(answer.confidence, plain=True)}"
    if answer.accepted:
        return f"{name}  {answer.label}  {percent(answer.confidence, plain=True)}"
    likely = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:2]
    return f"{name}  not sure: " + " or ".join(f"{label} {percent(share, plain=True)}" for label, share in likely)


def _value(metric: dict[str, float | None], share: bool) -> tuple[str, str]:
    """Returns a value and its interval, each as text."""
    interval = f"{quantity(metric['low'], share, plain=True)} to {quantity(metric['high'], share, plain=True)}"
    return quantity(metric["value"], share, plain=True), interval if metric["low"] is not None else "-"


def _difference(row: dict[str, float | None], share: bool) -> tuple[str, str]:
    """Returns a difference, of shares in percentage points, and its interval, each as text."""
    factor, digits = (100, 1) if share else (1, 3)
    value, low, high = (
        signed(None if row[k] is None else factor * row[k], digits, plain=True) for k in ("difference", "low", "high")
    )
    return f"{value} points" if share else value, f"{low} to {high}"
