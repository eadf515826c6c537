"""`data`: verifies a data set and lists it."""

import argparse
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, add_extra, progress_bar, warn, write_result
from garbage_core.utils.text import percent, printable, text_table

if TYPE_CHECKING:
    import pandas as pd

    from garbage_core.data.dataset import Dataset

HELP = "verify and list the data set"
EXAMPLES = 10  # of many files with problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "--data-dir")
    parser.add_argument(
        "--download", action="store_true", help="fetch the official archive first, into DIR or the user's cache"
    )
    add_extra(parser, "also list this set of photos to train on, and which of its photos lie in val or test")
    parser.add_argument(
        "--statistics", action="store_true", help="also measure every photo, into photos.csv in models/studies"
    )
    add_common(parser, "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Lists a data set: photos per class and split, and the files that cannot be used."""
    from garbage_core.data.dataset import (
        default_protocol,
        download_dataset,
        load_dataset,
        split_counts,
        split_if_possible,
    )

    dataset = load_dataset(download_dataset(args.data_dir) if args.download else args.data_dir)
    table, unsplit = split_if_possible(dataset)
    splits, per_class_splits = {}, {}
    if unsplit:
        warn(unsplit)
    else:
        counts = split_counts(table, dataset.classes)
        splits = {split: int(number) for split, number in counts.sum().items()}
        per_class_splits = {name: dict(counts.loc[name].astype(object)) for name in counts.index}
    summary = {
        "source": str(dataset.source),
        "photos": len(dataset.photos),
        "classes": {name: int(count) for name, count in dataset.counts().items()},
        "protocol": None if unsplit else default_protocol(dataset),
        "splits": splits,
        "per_class_splits": per_class_splits,
        "problems": dataset.problems.to_dict("records"),
        "fingerprint": dataset.fingerprint,
    }
    if args.extra:
        summary |= _extra_sets(dataset, table, args.extra)
    if args.statistics:
        from garbage_core.data.photo_statistics import measure_photos, write_statistics
        from garbage_core.runs.results import noted, place_for
        from garbage_core.studies.tables import study_path
        from garbage_core.utils.files import check_folder

        path = place_for(study_path("photos"), dataset.fingerprint)
        check_folder(path, make=True)
        with progress_bar("measure", len(dataset.photos)) as bar, noted(path, dataset.fingerprint):
            write_statistics(measure_photos(dataset, bar.update), path)
        warn(f"Size, brightness and dominant color of {len(dataset.photos):,} photos are in {path}.")
    write_result(summary, _text, args.json, out)
    return 0


def _extra_sets(dataset: "Dataset", table: "pd.DataFrame", sources: list[str]) -> dict[str, Any]:
    """Describes extra sets, and names their training photos that are val or test photos as well.

    Of a data set that is not split, every photo may become one of these.
    """
    from garbage_core.data.photo_sets import PhotoSets, leaked, load_extra_set

    sets = PhotoSets(dataset, [load_extra_set(source, dataset.classes) for source in sources])
    leaks = leaked(sets, sets.table(table))
    described = [
        extra.describe() | {"photos": len(extra.photos), "problems": extra.dataset.problems.to_dict("records")}
        for extra in sets.extras
    ]
    return {"extra_sets": described, "leaks": leaks.to_dict("records")}


def _text(summary: dict[str, Any]) -> str:
    """Describes a data set."""
    import pandas as pd

    from garbage_core.data.class_balance import class_sizes

    classes, splits = summary["classes"], summary["splits"]
    rows = [
        [name, f"{count:,}", percent(count / summary["photos"], plain=True)]
        + [f"{summary['per_class_splits'][name][split]:,}" for split in splits]
        for name, count in classes.items()
    ]
    rows.append(["all", f"{summary['photos']:,}", "", *(f"{count:,}" for count in splits.values())])
    text = f"{printable(summary['source'])}: {summary['photos']:,} photos of {len(classes)} classes"
    text += f"{printable(class_sizes(pd.Series(classes)))}.\n\n"
    text += text_table(["class", "photos", "share", *splits], rows)
    if summary["protocol"]:
        text += f"\nSplit: {summary['protocol']}.\n"
    for extra in summary.get("extra_sets", []):
        text += _extra_text(extra)
    if "leaks" in summary:
        leaks = summary["leaks"]
        text += (
            f"\nTraining photos of these sets that are val or test photos too: {len(leaks):,}{':' if leaks else '.'}\n"
        )
        text += "".join(f"  {printable(row['file'])} = {printable(row['same_as'])}\n" for row in leaks)
    problems = summary["problems"] + [p for extra in summary.get("extra_sets", []) for p in extra["problems"]]
    text += f"\nFiles with problems: {len(problems):,}{':' if problems else '.'}\n"
    shown = problems if len(problems) <= 2 * EXAMPLES else problems[:EXAMPLES]
    text += "".join(f"  {printable(p['file'])}: {printable(p['reason'])}\n" for p in shown)
    rest = len(problems) - len(shown)
    return text + (f"  and {rest:,} more: --json names them all.\n" if rest else "")


def _extra_text(extra: dict[str, Any]) -> str:
    """Describes an extra set."""
    splits = list(extra["splits"])
    labels = list(dict.fromkeys(label for counts in extra["splits"].values() for label in counts))
    rows = [[label, *(f"{extra['splits'][split].get(label, 0):,}" for split in splits)] for label in labels]
    kind = "hints instead of labels, so all for training" if extra["weak"] else "with val and test of its own"
    text = f"\nThe set {printable(extra['name'])}: {extra['photos']:,} photos, {kind}.\n\n"
    return text + text_table(["label", *splits], rows)
