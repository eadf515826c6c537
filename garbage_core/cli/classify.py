"""`classify`: the class of each photo, as lines, CSV or JSON; with Ray also of millions."""

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, positive, progress_bar, run_for_photos, start_keras, warn, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import percent, printable

if TYPE_CHECKING:
    from garbage_core.cli.answers_csv import AnswersCsv
    from garbage_core.inference.classifier import Classifier, Failure, Prediction

HELP = "what is on photos; 1 if one cannot be read"
_SHARE = "p_"  # begins the name of a class's column
EXAMPLES = 10  # of what is not read
MANY = 200  # photos, from which on memory that grows with their number counts for more than a little speed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("photos", metavar="PHOTO|DIR", nargs="+", help="a photo, or a folder with photos at any depth")
    add_common(parser, "--model", "--runtime")
    parser.add_argument(
        "--flip", action="store_true", help="mean over each photo and its mirror image, in twice the time"
    )
    form = parser.add_mutually_exclusive_group()
    add_common(form, "--json")
    form.add_argument("--csv", metavar="FILE", help="write a table instead")
    parser.set_defaults(after_stop="With --csv the same command goes on from there.")
    scale = parser.add_argument_group(
        "millions of photos",
        "With --engine ray PHOTO|DIR may be any address that fsspec reads, such as s3://bucket/photos.",
    )
    scale.add_argument("--engine", choices=("local", "ray"), default="local", help="default: %(default)s")
    scale.add_argument(
        "--out", metavar="DIR", help="folder or address for Parquet files; the same command goes on in it"
    )
    scale.add_argument("--workers", type=positive, metavar="N", help="processes (default: one per core, or per GPU)")
    scale.add_argument("--gpus", action="store_true", help="a GPU for every worker, with Keras")
    scale.add_argument("--block", type=positive, metavar="N", help="photos in one Parquet file (default: 256)")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Prints what is on photos; 1 if one of them could not be read."""
    if args.engine == "ray":
        return _classify_at_scale(args, out)
    for option in ("out", "workers", "gpus", "block"):
        if getattr(args, option):
            raise GarbageError(f"--{option} belongs to --engine ray: give that as well, or leave --{option} out.")
    from garbage_core.utils.files import check_folder
    from garbage_core.utils.system import give_back_large_blocks

    paths = list(photo_paths(args.photos))
    if args.csv:
        check_folder(args.csv)
    if len(paths) >= MANY:
        give_back_large_blocks()
    classifier = load_classifier(run_for_photos(args.model), args.runtime)
    table = _answers_csv(args, paths, classifier) if args.csv else None
    earlier = table.earlier if table else []
    results: Iterable[Prediction | Failure] = classifier.classify_paths(paths[len(earlier) :], flip=args.flip)
    if args.csv or args.json:
        results = progress_bar("classify", len(paths) - len(earlier), results=results)
    counts = Counter(map(_outcome_of_row, earlier))
    results = _counted(results, counts)
    if table:
        _write_csv(table, results)
        warn(
            f"{counts.total():,} photos: {counts['failed']:,} could not be read, {counts['abstained']:,} not sure, "
            f"{counts['is_ood']:,} none of the materials; written to {args.csv}."
        )
    elif args.json:
        _write_json(results, out)
    else:
        width = min(60, max(len(str(path)) for path in paths))
        for result in results:
            out.write(prediction_line(result, width) + "\n")
    return 1 if counts["failed"] else 0


def load_classifier(name: str, runtime: str | None = None) -> "Classifier":
    """Returns the classifier of a run, on its fastest runtime if none is named; starts Keras only if that needs it."""
    from garbage_core.inference.classifier import Classifier
    from garbage_core.inference.runtimes import KERAS, choose
    from garbage_core.runs.run import load_run

    run = load_run(name)
    export = choose(run, runtime)
    if export is None:
        run.check_weights()  # before TensorFlow takes its seconds
        start_keras()
    return Classifier.from_run(run, KERAS if export is None else export.runtime)


def photo_paths(given: list[str]) -> Iterator[Path]:
    """Yields the photos named, and of a folder all photos, at any depth, sorted. What a folder holds beside is told.

    Patterns with `*`, `?` or `[` are expanded, for shells that do not.
    """
    from garbage_core.data.walking import photos_at

    for name in given:
        if "://" in name:
            raise GarbageError(f"{name!r} is a web address, not a file: download the photo and name the file.")
        photos, left_out = photos_at(name)
        _warn_of(left_out)
        yield from photos


def _warn_of(left_out: list[tuple[str, str]]) -> None:
    """Tells what is not read."""
    for entry, reason in left_out[:EXAMPLES]:
        warn(f"{printable(entry)} {reason}.")
    if len(left_out) > EXAMPLES:
        warn(f"And {len(left_out) - EXAMPLES:,} more that are not read.")


def prediction_line(result: "Prediction | Failure", width: int = 0) -> str:
    """Says in one line what is on a photo; the file's name is padded to a width."""
    from garbage_core.inference.classifier import Failure

    name = printable(result.file).ljust(width)
    if isinstance(result, Failure):
        return f"{name}  error: {printable(result.error)}"
    doubt = f"  ({result.verdict})" if result.verdict else ""
    if result.accepted:
        return f"{name}  {result.label}  {percent(result.confidence, plain=True)}{doubt}"
    likely = sorted(result.probabilities.items(), key=lambda item: -item[1])[:2]
    either = " or ".join(f"{label} {percent(share, plain=True)}" for label, share in likely)
    return f"{name}  not sure: {either}{doubt}"


def _counted(results: Iterable["Prediction | Failure"], counts: Counter[str]) -> Iterator["Prediction | Failure"]:
    """Passes results on, counting them by what came of them."""
    from garbage_core.inference.classifier import Failure

    for result in results:
        if isinstance(result, Failure):
            counts["failed"] += 1
        elif result.is_ood:
            counts["is_ood"] += 1
        else:
            counts["accepted" if result.accepted else "abstained"] += 1
        yield result


# Files. Each result is written as soon as its photo is classified, so that memory does not grow with their number.


def _write_json(results: Iterable["Prediction | Failure"], out: TextIO) -> None:
    """Writes one JSON array, element by element."""
    out.write("[")
    comma = ""
    try:
        for result in results:
            element = json.dumps(result.to_dict(), indent=2, allow_nan=False)
            out.write(f"{comma}\n{textwrap.indent(element, '  ')}")
            comma = ","
    finally:  # what was classified before an error can be read
        out.write("\n]\n")


def _answers_csv(args: argparse.Namespace, paths: list[Path], classifier: "Classifier") -> "AnswersCsv":
    """Returns the table to write, with the rows of an earlier call that was stopped."""
    from garbage_core.cli.answers_csv import AnswersCsv
    from garbage_core.inference.results import DETECTED

    shares = [f"{_SHARE}{name}" for name in classifier.classes]
    columns = ("file", "label", "confidence", "accepted", *shares, "error", *DETECTED)
    table = AnswersCsv(args.csv, paths, columns, (*_made_by(args.model), classifier.runtime, args.flip))
    if table.earlier:
        warn(f"{len(table.earlier):,} of {len(paths):,} photos are there from before.")
    return table


def _made_by(name: str | None) -> tuple[str, str | None, float, float]:
    """Returns what tells the answers of a run from those of another, or of itself before it was trained again."""
    from garbage_core.runs.run import load_run

    run = load_run(run_for_photos(name))
    return run.name, run.weights_sha256, run.temperature, run.threshold


def _outcome_of_row(row: dict[str, str]) -> str:
    """Returns what came of a photo whose row is in the table, as `_counted` counts it."""
    if row["error"]:
        return "failed"
    if row["is_ood"] == "true":
        return "is_ood"
    return "accepted" if row["accepted"] == "true" else "abstained"


def _write_csv(table: "AnswersCsv", results: Iterable["Prediction | Failure"]) -> None:
    """Writes a table, row by row."""
    with table.opened() as writer:
        for result in results:
            row = result.to_dict()
            row |= {c: row["probabilities"].get(c.removeprefix(_SHARE)) for c in table.columns if c.startswith(_SHARE)}
            writer.writerow({column: _cell(row[column]) for column in table.columns})


def _cell(value: str | float | bool | None) -> str:
    """Returns a value as it is written to CSV: shares with six decimals, true or false, nothing for None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}"
    return value or ""


# Ray


def _classify_at_scale(args: argparse.Namespace, out: TextIO) -> int:
    """Classifies with Ray, prints a summary; 1 if a photo could not be read."""
    from garbage_core.runs.run import load_run
    from garbage_core.scale.job import BLOCK, BlockDone, classify_at_scale

    if len(args.photos) != 1 or not args.out or args.csv:
        raise GarbageError("--engine ray takes one source and --out DIR, and writes Parquet there, not CSV.")
    with progress_bar("classify") as bar:

        def progress(done: BlockDone, photos: int) -> None:
            bar.total = photos
            bar.update(done.photos)

        summary = classify_at_scale(
            args.photos[0],
            args.out,
            load_run(run_for_photos(args.model)),
            args.runtime,
            workers=args.workers,
            gpus=args.gpus,
            block=args.block or BLOCK,
            flip=args.flip,
            progress=progress,
        )
    _warn_of([(entry["file"], entry["reason"]) for entry in summary["left_out"]])
    write_result(summary, _scale_text, args.json, out)
    return 1 if summary["failed"] else 0


def _scale_text(result: dict[str, Any]) -> str:
    """Describes what came of a job with Ray."""
    lines = [
        f"{result['photos']:,} photos in {result['source']}: {result['predicted']:,} classified, {result['failed']:,} "
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
