"""`ood`: fits a run's detector of out-of-distribution photos, and measures it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.classify import load_classifier
from garbage_core.cli.options import add_common, add_extra, progress_bar, start_keras, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import percent, text_table

if TYPE_CHECKING:
    import pandas as pd

    from garbage_core.inference.ood_detector import OODDetector
    from garbage_core.studies.ood_methods import PictureFeatures

HELP = "what detects photos of other things than the classes"
_KINDS = {
    "other things": "things of other kinds",
    "photo": "photos of other things",
    "plain": "plain colors",
    "noise": "noise",
    "document": "pages of text",
    "screenshot": "screenshots",
    "surface": "empty wood, tiles, cloth, stone",
    "pattern": "empty grounds of any color",
    "dark plate": "empty dark plates",
    "altered waste": "waste, as another camera shows it",
    "placed waste": "waste, on wood, tiles, cloth or stone",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="name of a run; the detector is written into its folder, in a place of its own for photos not the run's",
    )
    add_common(parser, "--data-dir", "--runtime")
    add_extra(
        parser, "a further set of photos, as for `train`: its waste is let through, its `other-*` things are refused"
    )
    parser.add_argument(
        "--strange",
        "--others",
        dest="strange",
        metavar="DIR|ZIP",
        help="photos of anything but waste: one half is to be refused, with the other it is measured",
    )
    parser.add_argument("--compare", metavar="FILE.csv", help="also measure other methods, and write or renew a table")
    add_common(parser, "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Fits a run's OOD detector, writes it into the run's folder, and says how well it detects OOD pictures."""
    from garbage_core.runs.run import load_run

    trained = load_run(args.name)
    start_keras()  # what draws grounds for trainings needs it, whatever runs the network
    classifier = load_classifier(args.name, args.runtime)
    import pandas as pd

    from garbage_core.data.dataset import load_dataset
    from garbage_core.data.photo_sets import load_extra_set
    from garbage_core.evaluation.card import write_card
    from garbage_core.inference.ood_detector import save
    from garbage_core.inference.scoring import on_other_photos
    from garbage_core.runs.results import is_trained_on
    from garbage_core.studies.ood import COLUMNS, compare_methods, measure
    from garbage_core.studies.ood_methods import METHODS, fit_detector, train_head
    from garbage_core.studies.ood_pictures import compute_features
    from garbage_core.utils.locks import only_writer

    earlier = _earlier(args.compare, COLUMNS) if args.compare else None
    dataset = load_dataset(args.data_dir, verify=False)
    # A copy of the run's own photos that lacks some is still theirs.
    own = trained.info.get("data_fingerprint")
    fingerprint = own if own and is_trained_on(trained.info, dataset) else dataset.fingerprint
    fitted = trained if own in (None, fingerprint) else on_other_photos(trained, dataset)
    extras = [load_extra_set(source, trained.classes) for source in args.extra]
    with progress_bar("features") as bar:
        pictures = compute_features(
            fitted, dataset, classifier, extras, args.strange, bar.update, lambda number: bar.reset(total=number)
        )
    head = train_head(pictures)
    detector = fit_detector(pictures, trained, head)
    with only_writer(trained.path):
        path = save(detector, trained, fingerprint)
        write_card(trained)
    measured = measure(pictures, head.score(pictures.features), detector.level)
    if earlier is not None:
        with progress_bar("compare", len(METHODS), "method") as bar:
            compared = compare_methods(pictures, trained, bar.update)
        _write(pd.concat([earlier[earlier["run"] != trained.name], compared]), args.compare)
    summary = {
        "run": trained.name,
        "weights_sha256": trained.weights_sha256,
        "runtime": classifier.runtime,
        "file": str(path),
        "bytes": path.stat().st_size,
        "level": detector.level,
        "sets": _sets(pictures, detector),
        "kinds": measured[measured["split"] == "test"].astype(object).where(measured.notna(), None).to_dict("records"),
    }
    write_result(summary, _text, args.json, out)
    return 0


def _sets(pictures: "PictureFeatures", detector: "OODDetector") -> list[dict[str, Any]]:
    """Returns what the detector says of the val and test photos of waste of each set."""
    from garbage_core.studies.ood_methods import WASTE

    rows = []
    for split in ("val", "test"):
        waste = (pictures.kinds == WASTE) & (pictures.splits == split)
        for name in dict.fromkeys(pictures.sets[waste].tolist()):
            judged = detector.judge(pictures.features[waste & (pictures.sets == name)])
            shares = {
                "refused": sum(one.is_ood for one in judged) / len(judged),
                "far": sum(one.is_far and not one.is_ood for one in judged) / len(judged),
            }
            rows.append({"set": name, "split": split, "photos": len(judged), **shares})
    return rows


def _text(summary: dict[str, Any]) -> str:
    """Describes how well a detector separates OOD pictures from waste."""
    of_sets = [
        [
            row["set"],
            row["split"],
            f"{row['photos']:,}",
            percent(row["refused"], plain=True),
            percent(row["far"], plain=True),
        ]
        for row in summary["sets"]
    ]
    of_kinds = [
        [
            _KINDS[row["kind"]],
            f"{row['pictures']:,}",
            row["waste"],
            f"{row['auroc']:.3f}",
            percent(row["refused_at_5"], plain=True),
            percent(row["refused"], plain=True),
            "" if row["right"] is None else percent(row["right"], plain=True),
        ]
        for row in summary["kinds"]
    ]
    header = ["kind", "pictures", "against", "AUROC", "refused at 5 %", "refused", "predicted correctly"]
    return (
        f"Waste that {summary['run']} refuses, and of the rest what is far from its training photos:\n\n"
        + text_table(["set", "split", "photos", "refused", "far"], of_sets)
        + "\nPictures for testing, against the test photos of each set:\n\n"
        + text_table(header, of_kinds)
        + "\nAUROC: the chance that a picture has a higher OOD score than a test photo. At 5 %: where 5 % of these "
        "test photos are refused.\nPredicted correctly: by the network, refused or not.\n"
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

    write_csv(rows, path, "%.4f")
