"""What `classify` and `explain` do with photos of one's own."""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from garbage_core.cli import report
from garbage_core.cli.console import check_folder, start_keras, warn, whole_file, write_answer
from garbage_core.errors import GarbageError
from garbage_core.utils.memory import give_back_large_blocks

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier, Failure, Prediction

MANY = 200  # photos, from which on memory that grows with their number counts for more than a little speed


def classify(args: argparse.Namespace, out: TextIO) -> int:
    """Prints what is on photos; 1 if one of them could not be read."""
    if args.engine == "ray":
        return _classify_at_scale(args, out)
    for option in ("out", "workers", "gpus", "block"):
        if getattr(args, option):
            raise GarbageError(f"--{option} belongs to --engine ray: give that as well, or leave --{option} out.")
    paths = list(photo_paths(args.photos))
    if args.csv:
        check_folder(args.csv)
    if len(paths) >= MANY:
        give_back_large_blocks()
    classifier = _classifier(args.model, args.runtime)
    answers = classifier.classify_paths(paths, flip=args.flip)
    if args.csv or args.json:
        from tqdm import tqdm

        # disable=None: a bar only where somebody watches.
        answers = tqdm(answers, total=len(paths), desc="classify", unit="photo", disable=None)
    counts = Counter()
    answers = _counted(answers, counts)
    if args.csv:
        _write_csv(args.csv, classifier.classes, answers)
        warn(
            f"{counts.total():,} photos: {counts['failed']:,} could not be read, {counts['unsure']:,} not sure, "
            f"{counts['is_ood']:,} do not look like waste; written to {args.csv}."
        )
    elif args.json:
        write_answer([answer.to_dict() for answer in answers], None, True, out)
    else:
        width = min(60, max(len(str(path)) for path in paths))
        for answer in answers:
            out.write(report.prediction_line(answer, width) + "\n")
    return 1 if counts["failed"] else 0


def _classify_at_scale(args: argparse.Namespace, out: TextIO) -> int:
    """Classifies with Ray, prints a summary; 1 if a photo has no answer."""
    from tqdm import tqdm

    from garbage_core.runs.run import load_run
    from garbage_core.scale.job import BLOCK, classify_at_scale

    if len(args.photos) != 1 or not args.out or args.csv:
        raise GarbageError("--engine ray takes one source and --out DIR, and writes Parquet there, not CSV.")
    with tqdm(desc="classify", unit="photo", disable=None) as bar:

        def progress(done, photos: int) -> None:
            bar.total = photos
            bar.update(done.photos)

        summary = classify_at_scale(
            *(args.photos[0], args.out, load_run(args.model), args.runtime),
            workers=args.workers,
            gpus=args.gpus,
            block=args.block or BLOCK,
            flip=args.flip,
            progress=progress,
        )
    write_answer(summary, report.scale_text, args.json, out)
    return 1 if summary["failed"] else 0


def explain(args: argparse.Namespace, out: TextIO) -> int:
    """Writes a photo with the heat map of a class over it."""
    from PIL import Image

    from garbage_core.explain.heatmaps import METHODS, heatmap, overlay
    from garbage_core.inference.runtimes import KERAS

    target = Path(args.out)
    if target.suffix.lower() != ".png":
        raise GarbageError(f"The picture is written as PNG, but {args.out!r} does not end in .png: choose such a name.")
    check_folder(args.out)
    data = _read(args.photo)
    # Every method but the first needs layers or gradients, so another runtime would only be loaded in vain.
    classifier = _classifier(args.model, args.runtime or (None if args.method == METHODS[0] else KERAS))
    photo = classifier.prepare(data, args.photo)
    answer = classifier.classify_photo(photo, args.photo)
    label = args.label or answer.label
    if label not in classifier.classes:
        raise GarbageError(f"There is no class {label!r}: choose one of {', '.join(classifier.classes)}.")
    heat = heatmap(classifier, photo, classifier.classes.index(label), args.method)
    with whole_file(target) as temporary:
        Image.fromarray(overlay(photo, heat)).save(temporary, format="PNG")
    out.write(report.prediction_line(answer, 0) + f"\nWhat speaks for {label} ({args.method}): {args.out}\n")
    return 0


def _classifier(name: str, runtime: str | None = None) -> "Classifier":
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
    """Yields the photos named, and of a folder all files called like photos, at any depth, sorted."""
    from garbage_core.data.file_types import PHOTO_EXTENSIONS

    for name in given:
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        below = (Path(folder, file) for folder, _, files in os.walk(path) for file in files)
        photos = sorted(p for p in below if p.suffix.lower()[1:] in PHOTO_EXTENSIONS and not p.name.startswith("."))
        if not photos:
            raise GarbageError(f"There is no photo in the folder {name!r}: name a folder with photos, or a photo.")
        yield from photos


def _counted(answers: Iterable["Prediction | Failure"], counts: Counter) -> Iterator["Prediction | Failure"]:
    """Passes answers on, counting them by what came of them."""
    from garbage_core.inference.classifier import Failure

    for answer in answers:
        if isinstance(answer, Failure):
            counts["failed"] += 1
        elif answer.is_ood:
            counts["is_ood"] += 1
        else:
            counts["sure" if answer.accepted else "unsure"] += 1
        yield answer


def _write_csv(path: str, classes: tuple[str, ...], answers: Iterable["Prediction | Failure"]) -> None:
    """Writes a row as soon as its photo is answered, so that memory does not grow with the number of photos."""
    header = ("file", "label", "confidence", "accepted", *(f"p_{name}" for name in classes), "error")
    with (
        whole_file(Path(path)) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*header, "ood_p_value", "is_ood"))
        for answer in answers:
            row = answer.to_dict()
            shares = [_cell(row["probabilities"].get(name)) for name in classes]
            cells = [_cell(row[name]) for name in ("file", "label", "confidence", "accepted")]
            table.writerow((*cells, *shares, *(_cell(row[name]) for name in ("error", "ood_p_value", "is_ood"))))
        file.flush()
        os.fsync(file.fileno())


def _cell(value: str | float | bool | None) -> str:
    """Returns a value as it is written to CSV: shares with six decimals, true or false, nothing for None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}"
    return value or ""


def _read(path: str) -> bytes:
    from garbage_core.data.sources import read_file

    return read_file(Path(path))
