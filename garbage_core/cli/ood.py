"""`ood`: fits a run's detector of out-of-distribution photos, and measures it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, progress_bar, start_keras, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import count, percent, text_table

if TYPE_CHECKING:
    import pandas as pd

HELP = "what detects photos that do not look like waste"
_KINDS = {
    "photo": "photos of other things",
    "plain": "plain colors",
    "noise": "noise",
    "document": "pages of text",
    "screenshot": "screenshots",
    "altered waste": "waste, as another camera shows it",
    "placed waste": "waste, on wood, tiles, cloth or stone",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("name", metavar="NAME", help="name of a run; the detector is written into its folder")
    add_common(parser, "--data-dir")
    parser.add_argument(
        "--others", metavar="DIR|ZIP", help="photos of other things, to measure with; fitting needs none"
    )
    parser.add_argument("--compare", metavar="FILE.csv", help="also measure other methods, and write or renew a table")
    add_common(parser, "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Fits a run's OOD detector, writes it into the run's folder, and says how well it detects OOD pictures."""
    from garbage_core.runs.run import load_run

    trained = load_run(args.name)
    trained.check_weights()
    start_keras()
    import pandas as pd

    from garbage_core.data.dataset import load_dataset
    from garbage_core.evaluation.card import write_card
    from garbage_core.inference.classifier import Classifier
    from garbage_core.inference.ood_detector import save
    from garbage_core.inference.runtimes import KERAS
    from garbage_core.studies.ood import COLUMNS, compare_methods, compute_features, fit_detector, measure
    from garbage_core.studies.ood_methods import METHODS

    earlier = _earlier(args.compare, COLUMNS) if args.compare else None
    dataset = load_dataset(args.data_dir, verify=False)
    classifier = Classifier.from_run(trained, KERAS)
    with progress_bar("features") as bar:
        pictures = compute_features(
            trained, dataset, classifier, args.others, bar.update, lambda number: bar.reset(total=number)
        )
    detector = fit_detector(pictures, trained)
    path = save(detector, trained)
    write_card(trained)
    measured = measure(pictures, detector.distance(pictures.features), detector.level)
    if earlier is not None:
        with progress_bar("compare", len(METHODS), "method") as bar:
            compared = compare_methods(pictures, trained, bar.update)
        _write(pd.concat([earlier[earlier["run"] != trained.name], compared]), args.compare)
    columns = ["kind", "pictures", "auroc", "let_through_at_95", "let_through", "right"]
    report = measured.loc[measured["half"] == "report", columns]
    summary = {
        "run": trained.name,
        "weights_sha256": trained.weights_sha256,
        "file": str(path),
        "bytes": path.stat().st_size,
        "level": detector.level,
        "val_photos": int((pictures.kinds == "val").sum()),
        "val_refused": float(measured["val_refused"].iloc[0]),
        "test_photos": int((pictures.kinds == "test").sum()),
        "test_refused": float(measured["test_refused"].iloc[0]),
        "kinds": report.astype(object).where(report.notna(), None).to_dict("records"),
    }
    write_result(summary, _text, args.json, out)
    return 0


def _text(summary: dict[str, Any]) -> str:
    """Describes how well a detector separates OOD pictures from the test photos."""
    rows = [
        [
            _KINDS[row["kind"]],
            f"{row['pictures']:,}",
            f"{row['auroc']:.3f}",
            percent(row["let_through_at_95"], plain=True),
            percent(row["let_through"], plain=True),
            "" if row["right"] is None else percent(row["right"], plain=True),
        ]
        for row in summary["kinds"]
    ]
    header = ["kind", "pictures", "AUROC", "let through at 95 %", "let through", "predicted correctly"]
    return (
        f"{summary['run']} marks {percent(summary['val_refused'], plain=True)} of its "
        f"{count(summary['val_photos'], 'val photo')} as out-of-distribution (OOD), and "
        f"{percent(summary['test_refused'], plain=True)} of its {count(summary['test_photos'], 'test photo')}.\n\n"
        + text_table(header, rows)
        + "\nAUROC: the chance that a picture has a higher OOD score than a test photo. At 95 %: where 95 % of the "
        "test photos are let through.\nPredicted correctly: by the network, let through or not.\n"
        "Of each kind, the half that had no part in choosing the method.\n"
        f"\nWritten to {summary['file']} ({summary['bytes'] / 1e6:.1f} MB)\n"
    )


def _earlier(path: str, columns: tuple[str, ...]) -> "pd.DataFrame":
    """Reads the table that this run's rows are added to, before hours of work depend on it."""
    import pandas as pd

    from garbage_core.utils.files import check_folder

    check_folder(path)
    if not Path(path).exists():
        return pd.DataFrame(columns=list(columns))
    try:
        found = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path!r} cannot be read ({error}): name another file with --compare.") from error
    if list(found.columns) != list(columns):
        raise GarbageError(f"{path!r} is not a table of this study: name another file with --compare.")
    return found


def _write(rows: "pd.DataFrame", path: str) -> None:
    from garbage_core.utils.files import write_csv

    try:
        write_csv(rows, path, "%.4f")
    except OSError as error:
        raise GarbageError(f"{path!r} cannot be written ({error.strerror}): choose another file.") from error
