"""What `embed` and `audit` do; `garbage_core.cli.commands` has started Keras where they need it."""

import argparse
import json
import sys
from typing import Any, TextIO

import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.utils.text import count, printable, text_table

_SHOWN = 10  # findings of each kind that are listed on a terminal


def embed(args: argparse.Namespace, out: TextIO) -> int:
    """Computes the embeddings of a run and their map, and says what they are."""
    from tqdm import tqdm

    from garbage_core.audit.embeddings import EMBEDDINGS_FILE, MAP_FILE, flat_map, save_embeddings
    from garbage_core.audit.embeddings import embed as embed_photos
    from garbage_core.data.dataset import load_dataset
    from garbage_core.runs.run import load_run

    run = load_run(args.name)
    run.check_weights()
    dataset = load_dataset(args.data_dir)
    with tqdm(total=len(dataset.photos), desc="embed", unit="photo", disable=None) as bar:
        found = embed_photos(run, dataset, bar.update)
    save_embeddings(run, found, flat_map(found))
    right = (found.probabilities.argmax(axis=1) == pd.Index(found.classes).get_indexer(dataset.photos["label"])).mean()
    out.write(
        f"{run.name}: {count(len(found.files), 'photo')}, {found.vectors.shape[1]} components each. Classifiers on "
        f"{found.layer} call {100 * right:.1f} % of the photos right that they never saw.\n"
        f"Written to {run.path}: {EMBEDDINGS_FILE}, {MAP_FILE}\n"
    )
    return 0


def audit(args: argparse.Namespace, out: TextIO) -> int:
    """Looks for all that is wrong with a data set, keeps the findings and prints them."""
    from tqdm import tqdm

    from garbage_core.audit.embeddings import load_embeddings
    from garbage_core.audit.findings import audit as audit_photos
    from garbage_core.audit.findings import counts, save_findings
    from garbage_core.data.dataset import load_dataset, split_dataset
    from garbage_core.runs.run import load_run

    run = None if args.duplicates_only else load_run(args.model)
    embeddings = run and load_embeddings(run)
    dataset = load_dataset(args.data_dir)
    photos = split_dataset(dataset)
    with tqdm(total=len(photos), desc="audit", unit="photo", disable=None) as bar:
        findings = audit_photos(dataset, photos, embeddings, bar.update)
    try:
        path = save_findings(findings, args.out)
    except OSError as error:
        raise GarbageError(f"The findings cannot be written ({error}): choose another file with --out.") from error
    summary = {
        "source": str(dataset.source),
        "photos": len(photos),
        "fingerprint": dataset.fingerprint,
        "protocol": "official" if dataset.official else "stratified",
        "model": run and run.name,
        "weights_sha256": run and run.weights_sha256,
        "unreadable": len(dataset.problems),
        "counts": counts(findings).to_dict("index"),
        "findings": _nested(findings),
    }
    out.write(json.dumps(summary, indent=2, allow_nan=False) + "\n" if args.json else audit_text(summary))
    print(f"Written to {path}", file=sys.stderr)
    return 0


def _nested(findings: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns one object per finding, its photos in it, with the numbers that there are."""
    result = []
    for number, rows in findings.groupby("finding"):
        first = rows.iloc[0]
        photos = [
            {key: value for key, value in row.items() if not pd.isna(value) and value != ""}
            for row in rows[["file", "label", "split", "bits", "cosine", "suggested"]].to_dict("records")
        ]
        flags = {key: bool(first[key]) for key in ("contradictory", "leak")}
        result.append(
            {"finding": int(number), "kind": first["kind"], "score": float(first["score"]), **flags, "photos": photos}
        )
    return result


def audit_text(summary: dict[str, Any]) -> str:
    """Describes the findings for people: how many of each kind, and the first of each."""
    from garbage_core.audit.findings import FINDINGS

    rows = [
        [kind.title, f"{summary['counts'][name]['findings']:,}", f"{summary['counts'][name]['photos']:,}"]
        for name, kind in FINDINGS.items()
    ]
    text = f"{count(summary['photos'], 'photo')} of the {summary['protocol']} split\n\n"
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
