"""`audit`: duplicates, contradictory labels, leaks and label issues of a data set."""

import argparse
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.options import add_common, progress_bar, warn, write_result
from garbage_core.utils.text import count, printable, text_table

if TYPE_CHECKING:
    import pandas as pd

HELP = "duplicates, contradictory labels, leaks, label issues"
_SHOWN = 10  # findings of each kind that are listed on a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "--data-dir")
    parser.add_argument("--model", metavar="NAME", default="transfer", help="name of a run (default: %(default)s)")
    parser.add_argument("--duplicates-only", action="store_true", help="without a model, by the photos alone")
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="table to write (default: audit/findings.csv in models, or for other photos than its own below it)",
    )
    parser.add_argument("--force", action="store_true", help="replace FILE even if it is about other photos")
    add_common(parser, "--json")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Looks for all that is wrong with a data set, writes the findings and prints them."""
    from garbage_core.audit.embeddings import load_embeddings
    from garbage_core.audit.findings import audit, counts, findings_path, save_findings
    from garbage_core.data.dataset import default_protocol, load_dataset, split_if_possible
    from garbage_core.runs.results import check_replaces, place_for
    from garbage_core.runs.run import load_run
    from garbage_core.utils.files import check_folder

    trained = None if args.duplicates_only else load_run(args.model)
    check_folder(args.out or findings_path(), make=not args.out)
    dataset = load_dataset(args.data_dir)
    target = args.out or place_for(findings_path(), dataset.fingerprint)
    check_replaces(target, dataset.fingerprint, findings_path(), args.force)
    embeddings = load_embeddings(trained, dataset.fingerprint) if trained else None
    photos, unsplit = split_if_possible(dataset)
    if unsplit:
        warn(unsplit)
    with progress_bar("audit", len(photos)) as bar:
        findings = audit(dataset, photos, embeddings, bar.update)
    path = save_findings(findings, target, dataset.fingerprint)
    summary = {
        "source": str(dataset.source),
        "photos": len(photos),
        "fingerprint": dataset.fingerprint,
        "protocol": None if unsplit else default_protocol(dataset),
        "model": trained and trained.name,
        "weights_sha256": trained and trained.weights_sha256,
        "unreadable": len(dataset.problems),
        "counts": counts(findings).to_dict("index"),
        "findings": _nested(findings),
    }
    write_result(summary, _text, args.json, out)
    warn(f"Written to {path}")
    return 0


def _nested(findings: "pd.DataFrame") -> list[dict[str, Any]]:
    """Returns one object per finding, its photos in it, with the numbers that there are."""
    import pandas as pd

    result = []
    for _, rows in findings.groupby("finding"):
        first = rows.iloc[0]
        photos = rows[["file", "label", "split", "bits", "cosine", "suggested"]].to_dict("records")
        photos = [{key: value for key, value in row.items() if not pd.isna(value) and value != ""} for row in photos]
        flags = {key: bool(first[key]) for key in ("contradictory", "leak")}
        finding = {"finding": int(first["finding"]), "kind": first["kind"], "score": float(first["score"])}
        result.append(finding | flags | {"photos": photos})
    return result


def _text(summary: dict[str, Any]) -> str:
    """Describes the findings for people: how many of each kind, and the first of each."""
    from garbage_core.audit.findings import FINDINGS

    rows = [
        [kind.title, f"{summary['counts'][name]['findings']:,}", f"{summary['counts'][name]['photos']:,}"]
        for name, kind in FINDINGS.items()
    ]
    protocol = summary["protocol"]
    text = f"{count(summary['photos'], 'photo')}{f' of the {protocol} split' if protocol else ', not split'}\n\n"
    text += text_table(["", "findings", "photos"], rows)
    if summary["model"] is None:
        text += "\nWithout a model, label issues and outliers were not looked for.\n"
    for name, kind in FINDINGS.items():
        found = [finding for finding in summary["findings"] if finding["kind"] == name]
        if found:
            text += f"\n{kind.title}\n"
        text += "".join(f"  {_line(finding)}\n" for finding in found[:_SHOWN])
        if len(found) > _SHOWN:
            text += f"  and {len(found) - _SHOWN:,} more\n"
    return text


def _line(finding: dict[str, Any]) -> str:
    from garbage_core.audit.findings import FINDINGS

    names = [f"{printable(photo['file'])} ({photo['split']})" for photo in finding["photos"]]
    line = " = ".join(names) if finding["kind"] == "identical" else ", ".join(names)
    if suggested := finding["photos"][0].get("suggested"):
        line += f": {suggested}?"
    notes = [kind.title.lower() for name, kind in FINDINGS.items() if finding.get(name)]
    return line + (f"  [{', '.join(notes)}]" if notes else "")
