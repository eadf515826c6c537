"""What the commands of the command line do; `garbage_core.cli` reads their arguments.

A command takes the arguments and the stream its answer goes to, and returns the exit code. What it needs it imports
itself, so that `data`, `evaluate` and `compare` answer without loading TensorFlow.
"""

import argparse
import contextlib
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from garbage_core import report
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    from garbage_core.classify import Classifier, Prediction


def data(args: argparse.Namespace, out: TextIO) -> int:
    """Lists a data set: photos per class and split, and the files that cannot be used."""
    from garbage_core.dataset import download_dataset, load_dataset, split_counts, split_dataset

    found = load_dataset(download_dataset(args.data_dir) if args.download else args.data_dir)
    protocol = "official" if found.official else "stratified"
    try:
        counts = split_counts(split_dataset(found, protocol), found.classes)
    except GarbageError as error:  # too few photos to split are still photos to list
        _warn(str(error))
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
    if args.properties:
        from tqdm import tqdm

        from garbage_core.properties import measure_photos, write_properties

        with tqdm(total=len(found.photos), desc="measure", unit="photo", disable=None) as bar:
            path = write_properties(measure_photos(found, bar.update))
        _warn(f"Size, brightness and dominant colour of {len(found.photos):,} photos are in {path}.")
    _answer(summary, report.data_text, args.json, out)
    return 0


def train(args: argparse.Namespace, out: TextIO) -> int:
    """Trains a network and says what came out."""
    from garbage_core.config import load_config
    from garbage_core.dataset import load_dataset
    from garbage_core.runs import load_run

    given = {"name": args.name, "weights": args.weights}
    # JSON's strings and numbers are TOML's too; quoted, a name or path stays text even if it looks like a number.
    changes = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    changes += [f"seed={args.seed}"] if args.seed is not None else []
    config = load_config(args.config, [*args.changes, *changes])
    if args.epochs:
        config = config.with_epochs(args.epochs)
    dataset = load_dataset(args.data_dir)
    if len(dataset.problems):
        _warn(f"{len(dataset.problems)} files cannot be used; the command data names them.")
    extended = load_run(args.extend, args.out) if args.extend else None
    _start_keras()
    from garbage_core.training import train as run_training

    run = run_training(config, dataset, root=args.out, resume=args.resume, limit=args.limit, extend=extended)
    out.write(report.training_text(run, _evaluation(run, "test")))
    return 0


def evaluate(args: argparse.Namespace, out: TextIO) -> int:
    """Prints the metrics of a run, computed anew from its predictions."""
    from garbage_core.runs import load_run

    _answer(_evaluation(load_run(args.name), args.split), report.evaluation_text, args.json, out)
    return 0


def compare(args: argparse.Namespace, out: TextIO) -> int:
    """Prints what two runs make of the same photos."""
    from garbage_core.evaluation import compare as compare_predictions
    from garbage_core.runs import load_run

    a, b = (load_run(name) for name in args.names)
    if set(a.classes) != set(b.classes):
        raise GarbageError(
            f"{a.name!r} knows {', '.join(a.classes)}, but {b.name!r} knows {', '.join(b.classes)}: "
            "compare runs with the same classes."
        )
    comparison = compare_predictions(
        a.predictions, b.predictions, a.classes, args.split, a.title, b.title, a.temperature, b.temperature
    )
    _answer(comparison.to_dict() | {"a": a.name, "b": b.name}, report.comparison_text, args.json, out)
    return 0


def classify(args: argparse.Namespace, out: TextIO) -> int:
    """Prints what is on photos; 1 if one of them could not be read."""
    if args.engine == "ray":
        return _classify_at_scale(args, out)
    for option in ("out", "workers", "gpus", "block"):
        if getattr(args, option):
            raise GarbageError(f"--{option} belongs to --engine ray: give that as well, or leave --{option} out.")
    paths = list(_photo_paths(args.photos))
    if args.csv:
        _check_folder(args.csv)
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
        _warn(
            f"{counts.total():,} photos: {counts['failed']:,} could not be read, {counts['unsure']:,} not sure, "
            f"{counts['unfamiliar']:,} do not look like waste; written to {args.csv}."
        )
    elif args.json:
        _answer([answer.to_dict() for answer in answers], None, True, out)
    else:
        width = min(60, max(len(str(path)) for path in paths))
        for answer in answers:
            out.write(report.prediction_line(answer, width) + "\n")
    return 1 if counts["failed"] else 0


def _classify_at_scale(args: argparse.Namespace, out: TextIO) -> int:
    """Classifies with Ray, prints a summary; 1 if a photo has no answer."""
    from tqdm import tqdm

    from garbage_core.runs import load_run
    from garbage_core.scale import BLOCK, classify_at_scale

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
    _answer(summary, report.scale_text, args.json, out)
    return 1 if summary["failed"] else 0


def explain(args: argparse.Namespace, out: TextIO) -> int:
    """Writes a photo with the heat map of a class over it."""
    from PIL import Image

    from garbage_core.explain import METHODS, heatmap, overlay
    from garbage_core.runtimes import KERAS

    target = Path(args.out)
    if target.suffix.lower() != ".png":
        raise GarbageError(f"The picture is written as PNG, but {args.out!r} does not end in .png: choose such a name.")
    _check_folder(args.out)
    data = _read(args.photo)
    # Every method but the first needs layers or gradients, so another runtime would only be loaded in vain.
    classifier = _classifier(args.model, args.runtime or (None if args.method == METHODS[0] else KERAS))
    photo = classifier.prepare(data, args.photo)
    answer = classifier.classify_photo(photo, args.photo)
    label = args.label or answer.label
    if label not in classifier.classes:
        raise GarbageError(f"There is no class {label!r}: choose one of {', '.join(classifier.classes)}.")
    heat = heatmap(classifier, photo, classifier.classes.index(label), args.method)
    with _whole_file(target) as temporary:
        Image.fromarray(overlay(photo, heat)).save(temporary, format="PNG")
    out.write(report.prediction_line(answer, 0) + f"\nWhat speaks for {label} ({args.method}): {args.out}\n")
    return 0


def export(args: argparse.Namespace, out: TextIO) -> int:
    """Writes the network of a run for another runtime, and says how far its answers are from the original's."""
    from garbage_core.runs import load_run

    run = load_run(args.name)
    run.check_weights()
    _start_keras()
    from garbage_core.export import export_run

    made = export_run(run, args.format, args.int8, args.out, args.data_dir, progress=_warn)
    summary = {"file": str(made.path), **{key: value for key, value in made.report.items() if key != "head"}}
    _answer(summary, report.export_text, args.json, out)
    return 0


def bench(args: argparse.Namespace, out: TextIO) -> int:
    """Measures speed, row by row, and keeps each row as soon as it is measured."""
    from garbage_core import bench as rows
    from garbage_core.runs import list_runs, load_run

    names = args.names or list(rows.ROWS)
    unknown = [name for name in names if name not in rows.ROWS]
    if unknown:
        raise GarbageError(f"There is no row {unknown[0]!r}: choose among {', '.join(rows.ROWS)}.")
    runs = [load_run(name) for name in args.models] if args.models else list_runs()
    if not runs:
        raise GarbageError("There are no trained models to measure with: train one first.")
    _start_keras()
    results = []
    for name in names:
        results += rows.measure([name], rows.Settings(runs, args.repeats, _warn))
        if not args.dry_run:
            rows.write_bench(results[-1:])
    _answer(results, report.bench_text, args.json, out)
    return 0


def embed(args: argparse.Namespace, out: TextIO) -> int:
    """Computes what a run's network sees in every photo, and a map of it."""
    _start_keras()
    from garbage_core.audit_commands import embed as embed_photos

    return embed_photos(args, out)


def audit(args: argparse.Namespace, out: TextIO) -> int:
    """Looks for all that is wrong with a data set, keeps the findings and prints them."""
    from garbage_core.audit_commands import audit as audit_photos

    return audit_photos(args, out)


def study_imbalance(args: argparse.Namespace, out: TextIO) -> int:
    """Compares the remedies against imbalance, and writes the table of it."""
    _start_keras()
    from garbage_core.study_commands import imbalance

    return imbalance(args, out)


def study_crossval(args: argparse.Namespace, out: TextIO) -> int:
    """Measures five finished runs, or a probe, on the folds of a cross-validation."""
    if args.probe:
        _start_keras()
    from garbage_core.study_commands import crossval

    return crossval(args, out)


def novelty(args: argparse.Namespace, out: TextIO) -> int:
    """Fits what tells strange photos, keeps it with the run, and measures it."""
    from garbage_core.runs import load_run

    load_run(args.name).check_weights()
    _start_keras()
    from garbage_core.novelty_commands import novelty as fit_novelty

    return fit_novelty(args, out)


def _evaluation(run, split: str) -> dict:
    """Returns everything the card says about a run on a split: metrics, classes, confusion, calibration, threshold."""
    from garbage_core.evaluation import apply_temperature, selective_metrics, to_arrays
    from garbage_core.evaluation import evaluate as evaluate_predictions
    from garbage_core.resampling import plain_number

    result = evaluate_predictions(run.predictions, run.classes, split, run.temperature).to_dict()
    labels, probabilities, _ = to_arrays(run.predictions, run.classes, split)
    selective = selective_metrics(labels, apply_temperature(probabilities, run.temperature), run.threshold)
    return {
        "name": run.name,
        "protocol": run.info.get("protocol"),
        **result,
        "threshold": run.threshold,
        "accepted": {key: plain_number(value) for key, value in selective.items() if key != "threshold"},
    }


def _classifier(name: str, runtime: str | None = None) -> "Classifier":
    from garbage_core.classify import Classifier
    from garbage_core.runs import load_run
    from garbage_core.runtimes import KERAS, choose

    run = load_run(name)
    export = choose(run, runtime)
    if export is None:
        run.check_weights()  # before TensorFlow takes its seconds
        _start_keras()
    return Classifier.from_run(run, KERAS if export is None else export.runtime)


def _start_keras() -> None:
    """Imports Keras and its backend without their notes on missing GPUs, which come before any log level counts.

    Set TF_CPP_MIN_LOG_LEVEL to 0 or 1 to read them.
    """
    talkative = os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")
    with contextlib.nullcontext() if talkative else _silent_stderr():
        try:
            import keras

            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf

                tf.config.list_physical_devices()
        except ImportError as error:
            chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
            raise GarbageError(
                f"Keras cannot start with the backend {chosen!r} ({error}): install requirements.txt, "
                "or set KERAS_BACKEND to a backend that is installed."
            ) from error


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silences standard error below Python, where C++ writes to it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _photo_paths(given: list[str]) -> Iterator[Path]:
    """Yields the photos named, and of a folder all files called like photos, at any depth, sorted."""
    from garbage_core.filetypes import PHOTO_EXTENSIONS

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


def _counted(answers: Iterable["Prediction"], counts: Counter) -> Iterator["Prediction"]:
    """Passes answers on, counting them by what came of them."""
    for answer in answers:
        if answer.error is not None:
            counts["failed"] += 1
        elif answer.unfamiliar:
            counts["unfamiliar"] += 1
        else:
            counts["sure" if answer.accepted else "unsure"] += 1
        yield answer


def _write_csv(path: str, classes: tuple[str, ...], answers: Iterable["Prediction"]) -> None:
    """Writes a row as soon as its photo is answered, so that memory does not grow with the number of photos."""
    header = ("file", "label", "confidence", "accepted", *(f"p_{name}" for name in classes), "error")
    with (
        _whole_file(Path(path)) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*header, "familiarity", "unfamiliar"))
        for answer in answers:
            shares = [f"{answer.probabilities[name]:.6f}" if answer.probabilities else "" for name in classes]
            confidence, familiarity = (
                "" if value is None else f"{value:.6f}" for value in (answer.confidence, answer.familiarity)
            )
            accepted, unfamiliar = (str(value).lower() for value in (answer.accepted, answer.unfamiliar))
            row = (answer.file, answer.label, confidence, accepted, *shares, answer.error, familiarity, unfamiliar)
            table.writerow(row)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary name to write to, which takes the place of the path once all is written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise GarbageError(f"{str(path)!r} cannot be written ({error.strerror}): choose another file.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_folder(path: str) -> None:
    folder = Path(path).parent
    if not folder.is_dir():
        raise GarbageError(f"There is no folder {str(folder)!r} to write {Path(path).name!r} to: make it first.")


def _read(path: str) -> bytes:
    from garbage_core.classify import read_file

    return read_file(Path(path))


def _answer(value, text, as_json: bool, out: TextIO) -> None:
    """Writes a result as JSON, in plain ASCII so that every terminal and pipe takes it, or as text for people."""
    out.write(json.dumps(value, indent=2, allow_nan=False) + "\n" if as_json else text(value))


def _warn(text: str) -> None:
    print(text, file=sys.stderr)
