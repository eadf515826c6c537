"""`export`: a network for another runtime, checked against the original."""

import argparse
from typing import Any, TextIO

from garbage_core.cli.options import add_common, add_extra, start_keras, warn, write_result
from garbage_core.utils.text import percent

HELP = "a network for another runtime, checked against the original"
FORMATS = ("openvino", "litert", "onnx")  # as in `garbage_core.inference.runtimes`; a test compares them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "name")
    parser.add_argument("--format", choices=FORMATS, required=True, help="which runtime shall read it")
    parser.add_argument("--int8", action="store_true", help="quantize to 8 bits, with ranges from training photos")
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="file or folder to write to (default: the run's folder, where it is used)"
    )
    add_extra(parser, "check on the val photos of this set as well")
    add_common(parser, "--data-dir", "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Writes the network of a run for another runtime, and says how far its predictions are from the original's."""
    from garbage_core.data.photo_sets import load_extra_set
    from garbage_core.runs.run import load_run

    trained = load_run(args.name)
    trained.check_weights()
    start_keras()
    from garbage_core.export.export import export_run

    extras = [load_extra_set(source, trained.classes) for source in args.extra]
    made = export_run(trained, args.format, args.int8, args.out, args.data_dir, progress=warn, extras=extras)
    summary = {"file": str(made.path), **{key: value for key, value in made.report.items() if key != "head"}}
    write_result(summary, _text, args.json, out)
    return 0


def _text(result: dict[str, Any]) -> str:
    """Says in a few lines what an exported network is and how far its predictions are from the original's."""
    size = sum(file["bytes"] for file in result["files"].values()) / 1e6
    lines = [f"{result['run']} for {result['format']}, {result['precision']}, {size:.1f} MB: {result['file']}"]
    for check in result["check"].values():
        kind, of, name = check["source"].partition(" of ")
        what = f"{check['photos']} {'val photos' if kind == 'val' else 'generated pictures'}{of}{name}"
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
