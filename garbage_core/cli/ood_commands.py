"""What `novelty` does; `garbage_core.cli.commands` has started Keras for it."""

import argparse
import json
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.utils.files import write_csv
from garbage_core.utils.text import count, percent, text_table

_WORDS = {
    "photo": "photos of other things",
    "plain": "plain colors",
    "noise": "noise",
    "document": "pages of text",
    "screenshot": "screenshots",
    "altered waste": "waste, as another camera shows it",
    "placed waste": "waste, on wood, tiles, cloth or stone",
}


def novelty(args: argparse.Namespace, out: TextIO) -> int:
    """Fits a run's OOD detector, writes it into the run's folder, and says how well it detects OOD pictures."""
    from tqdm import tqdm

    from garbage_core.data.dataset import load_dataset
    from garbage_core.evaluation.card import write_card
    from garbage_core.inference.classifier import Classifier
    from garbage_core.inference.ood_detector import save
    from garbage_core.inference.runtimes import KERAS
    from garbage_core.runs.run import load_run
    from garbage_core.studies.ood import COLUMNS, compare_methods, compute_features, fit_detector, measure
    from garbage_core.studies.ood_methods import METHODS

    run = load_run(args.name)
    earlier = _earlier(args.compare, COLUMNS) if args.compare else None
    dataset = load_dataset(args.data_dir, verify=False)
    classifier = Classifier.from_run(run, KERAS)
    with tqdm(desc="look", unit="photo", disable=None) as bar:
        pictures = compute_features(
            run, dataset, classifier, args.others, bar.update, lambda number: bar.reset(total=number)
        )
    detector = fit_detector(pictures, run)
    path = save(detector, run)
    write_card(run)
    measured = measure(pictures, detector.distance(pictures.features), detector.level)
    if args.compare:
        with tqdm(desc="compare", total=len(METHODS), unit="method", disable=None) as bar:
            compared = compare_methods(pictures, run, bar.update)
        _write(pd.concat([earlier[earlier["run"] != run.name], compared]), args.compare)
    columns = ["kind", "pictures", "auroc", "let_through_at_95", "let_through", "right"]
    report = measured.loc[measured["half"] == "report", columns]
    summary = {
        "run": run.name,
        "weights_sha256": run.weights_sha256,
        "file": str(path),
        "bytes": path.stat().st_size,
        "level": detector.level,
        "val_photos": int((pictures.kinds == "val").sum()),
        "val_refused": float(measured["val_refused"].iloc[0]),
        "test_photos": int((pictures.kinds == "test").sum()),
        "test_refused": float(measured["test_refused"].iloc[0]),
        "kinds": report.astype(object).where(report.notna(), None).to_dict("records"),
    }
    out.write(json.dumps(summary, indent=2, allow_nan=False) + "\n" if args.json else ood_text(summary))
    return 0


def ood_text(summary: dict[str, Any]) -> str:
    """Describes how well a detector separates OOD pictures from the test photos."""
    rows = [
        [
            _WORDS[row["kind"]],
            f"{row['pictures']:,}",
            f"{row['auroc']:.3f}",
            *(f"{100 * row[key]:.1f} %" for key in ("let_through_at_95", "let_through")),
            "" if row["right"] is None else f"{100 * row['right']:.1f} %",
        ]
        for row in summary["kinds"]
    ]
    header = ["kind", "pictures", "AUROC", "let through at 95 %", "let through", "answers right"]
    return (
        f"{summary['run']} calls {percent(summary['val_refused'], plain=True)} of its "
        f"{count(summary['val_photos'], 'val photo')} unfamiliar, and "
        f"{percent(summary['test_refused'], plain=True)} of its {count(summary['test_photos'], 'test photo')}.\n\n"
        + text_table(header, rows)
        + "\nAUROC: the chance that a picture has a higher OOD score than a test photo. At 95 %: where 95 % of the "
        "test photos are let through.\nAnswers right: those of the network, let through or not.\n"
        "Of each kind, the half that had no part in choosing the method.\n"
        f"\nWritten to {summary['file']} ({summary['bytes'] / 1e6:.1f} MB)\n"
    )


def _earlier(path: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Reads the table that this run's rows are added to, before hours of work depend on it."""
    if not Path(path).parent.is_dir():
        raise GarbageError(f"There is no folder {str(Path(path).parent)!r} to write {path!r} to: make it first.")
    if not Path(path).exists():
        return pd.DataFrame(columns=list(columns))
    try:
        found = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path!r} cannot be read ({error}): name another file with --compare.") from error
    if list(found.columns) != list(columns):
        raise GarbageError(f"{path!r} is not a table of this study: name another file with --compare.")
    return found


def _write(rows: pd.DataFrame, path: str) -> None:
    try:
        write_csv(rows, path, "%.4f")
    except OSError as error:
        raise GarbageError(f"{path!r} cannot be written ({error.strerror}): choose another file.") from error
