"""Can the data be trusted? Duplicates, contradictory labels, leaks between splits, label issues, outliers.

    findings = audit(dataset, split_dataset(dataset), load_embeddings(run))
    clean_subset(run.predictions, findings)         # the test photos that a result should rest on

How photos are told apart is in `duplicates`, how label issues and outliers are found in `label_issues`; here are the
registry of findings, `FINDINGS`, the table that they fill, and what follows from it. The table holds names and numbers
and no photo, so it can be shown where the photos are not. It has one row per photo of a finding:

    finding         number of the finding, from 1
    kind            one of `FINDINGS` that is searched for
    score           identical: 1; near: share of equal bits in the hash, of the least alike; mislabeled: 1 minus the
                    probability of the label; outlier: how far from its neighbors, in robust standard deviations
    contradictory   whether the photos of the finding carry different labels
    leak            whether they lie in different splits
    file, label, split
    bits, cosine    duplicates: how many bits differ from the most similar photo of the finding, and its embedding's
                    cosine; empty where there is none
    suggested       mislabeled: the more probable label
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from garbage_core.audit.duplicates import (
    HASH_SIDE,
    LEAST_COSINE,
    MOST_BITS,
    Signatures,
    photo_signatures,
    search_identical,
    search_near,
)
from garbage_core.audit.embeddings import Embeddings
from garbage_core.audit.label_issues import NEIGHBORS, OUTLIER_FROM, search_label_issues, search_outliers
from garbage_core.data.dataset import Dataset
from garbage_core.data.splits import SPLITS
from garbage_core.errors import GarbageError
from garbage_core.runs.results import noted, result_of
from garbage_core.runs.run import Run, models_dir
from garbage_core.utils.files import write_csv

_PHOTO = ("file", "label", "split")
_DETAILS = ("bits", "cosine", "suggested")
COLUMNS: tuple[str, ...] = ("finding", "kind", "score", "contradictory", "leak", *_PHOTO, *_DETAILS)
EARLIER_NAMES = {"mislabelled": "mislabeled"}  # kinds in tables of earlier versions
Search = Callable[[pd.DataFrame, Signatures, Embeddings | None], list[pd.DataFrame]]


@dataclass(frozen=True)
class Finding:
    """A kind of finding.

    Attributes:
        title: Name of the kind for people.
        meaning: What such a finding means, for people.
        how: How it is found, one sentence.
        search: Function that searches N photos (columns `file`, `label`, `split`), given signatures and embeddings
            (None without a trained network), and returns tables with the columns of the photos, `group` (rows of one
            finding share a number), `score` and, if the kind has them, `bits`, `cosine`, `suggested`. None for a
            property that findings of duplicates have or not; it then is a column of the table, True or False.
        duplicates: Whether a finding consists of several photos of the same thing.
        reason: Why such a photo does not belong to the clean subset; empty where it does.
    """

    title: str
    meaning: str
    how: str
    search: Search | None
    duplicates: bool = False
    reason: str = ""


# By name, which is the `kind` of the table's rows, or the column of a property.
FINDINGS: dict[str, Finding] = {
    "contradictory": Finding(
        "Contradictory labels",
        "The same photo, or nearly the same, under two labels: one of them must be wrong.",
        "Identical or nearly identical photos are compared by their labels.",
        search=None,
        duplicates=True,
        reason="another label on its duplicate",
    ),
    "leak": Finding(
        "Leaks between splits",
        "The same thing, photographed from the same place, in two splits: what the model learns from one photo helps "
        "it with the other, so a test photo of this kind tests nothing.",
        "Identical or nearly identical photos are compared by their splits.",
        search=None,
        duplicates=True,
        reason="a duplicate in an earlier split",
    ),
    "identical": Finding(
        "Identical",
        "The same file, or the same picture pixel by pixel, more than once.",
        "Identical photos have the same SHA-256, of the file or of its pixels.",
        search_identical,
        duplicates=True,
    ),
    "near": Finding(
        "Nearly identical",
        "Second shots of the same thing from the same place.",
        f"Nearly identical photos differ in at most {MOST_BITS} of the {HASH_SIDE**2} bits of a perceptual hash, or "
        f"the network's features of them point in nearly the same direction (cosine {LEAST_COSINE} or more); both "
        "limits were set by inspecting the pairs on either side.",
        search_near,
        duplicates=True,
    ),
    "mislabeled": Finding(
        "Label issues",
        "Classifiers that never saw the photo predict another class, with enough confidence that the label deserves a "
        "second look. Many of these labels are right, and the photo is hard.",
        "Confident learning (cleanlab) compares the label with the predictions of classifiers that never saw the photo "
        "and use features that show no memory of its label.",
        search_label_issues,
    ),
    "outlier": Finding(
        "Outliers",
        "Even the most similar photos are far away: rare things, blur, unusual views. Nothing need be wrong with them.",
        f"The mean distance to the {NEIGHBORS} nearest neighbors lies {OUTLIER_FROM} robust standard deviations or "
        "more above the median.",
        search_outliers,
    ),
}


def findings_path(fingerprint: str | None = None) -> Path:
    """Returns where the findings of a data set lie, whether or not they are there, see `runs.results`.

    `fingerprint` is that of the data set; None takes those that were there first: `audit/findings.csv` in the folder of
    the runs.
    """
    return result_of(models_dir() / "audit" / "findings.csv", fingerprint)


def audit(
    dataset: Dataset,
    photos: pd.DataFrame,
    embeddings: Embeddings | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Searches a data set for all `FINDINGS` and returns their table.

    Args:
        dataset: Source of the photos.
        photos: Columns `file`, `label`, `split`, as from `split_dataset`.
        embeddings: Embeddings of these photos; None finds duplicates by their hashes alone.
        progress: Function called with 1 for every photo read.

    Raises:
        GarbageError: A photo cannot be read, or the embeddings are of other photos.
    """
    if embeddings is not None and embeddings.fingerprint != dataset.fingerprint:
        raise GarbageError(
            f"The embeddings were computed from other photos than those in {dataset.source} (fingerprint "
            f"{embeddings.fingerprint[:12]}, these have {dataset.fingerprint[:12]}): compute them with "
            "`python -m garbage_core embed`, or search for duplicates alone with --duplicates-only."
        )
    return find_all(photos, photo_signatures(dataset, photos["file"], progress), embeddings)


def find_all(photos: pd.DataFrame, signatures: Signatures, embeddings: Embeddings | None = None) -> pd.DataFrame:
    """Makes the table of findings, by kind, the highest score first.

    Photos have `file`, `label` and `split`; the signatures are of them, in this order, embeddings of at least them.
    """
    photos = photos[list(_PHOTO)].reset_index(drop=True)
    if embeddings is not None:
        rows = embeddings.places(photos["file"])
        embeddings = replace(embeddings, vectors=embeddings.vectors[rows], probabilities=embeddings.probabilities[rows])
    parts = [
        part.assign(kind=name)
        for name, kind in FINDINGS.items()
        if kind.search
        for part in kind.search(photos, signatures, embeddings)
    ]
    return _numbered(pd.concat(parts) if parts else photos.iloc[:0].assign(kind="", group=0, score=0.0))


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Brings rows with `kind`, `group` and `score` into the form of the table of findings."""
    key = ["kind", "group"]
    rows = rows.reindex(columns=[*key, "score", *_PHOTO, *_DETAILS])
    rows["contradictory"] = rows.groupby(key)["label"].transform("nunique") > 1
    rows["leak"] = rows.groupby(key)["split"].transform("nunique") > 1
    rows["first"] = rows.groupby(key)["file"].transform("min")  # decides between equal scores
    rows["order"] = rows["kind"].map({kind: place for place, kind in enumerate(FINDINGS)})
    rows = rows.sort_values(["order", "score", "first", "file"], ascending=[True, False, True, True])
    rows["finding"] = (rows.groupby(key, sort=False).ngroup() + 1).astype(int)
    rows["suggested"] = rows["suggested"].astype(object).where(rows["suggested"].notna(), "")
    return rows[list(COLUMNS)].astype({"score": float, "bits": float, "cosine": float}).reset_index(drop=True)


def save_findings(findings: pd.DataFrame, path: str | Path | None = None, fingerprint: str | None = None) -> Path:
    """Writes a table of findings as CSV, with four decimals.

    Args:
        findings: Table of findings.
        path: File to write; None takes `findings_path()`.
        fingerprint: Of the data set, noted beside the table.
    """
    path = Path(path or findings_path())
    with noted(path, fingerprint) if fingerprint else contextlib.nullcontext():
        return write_csv(findings.astype({"bits": "Int64"}), path, "%.4f")


def load_findings(path: str | Path | None = None) -> pd.DataFrame:
    """Reads a table of findings; None takes that of `findings_path()`.

    Raises:
        GarbageError: There is none, or it cannot be read.
    """
    path = Path(path or findings_path())
    again = "run `python -m garbage_core audit`"
    if not path.is_file():
        raise GarbageError(f"There are no findings in {path}: {again}.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)[list(COLUMNS)]
        table["finding"] = table["finding"].astype(int)
        table["kind"] = table["kind"].replace(EARLIER_NAMES)
        for column in ("score", "bits", "cosine"):
            table[column] = pd.to_numeric(table[column]).astype(float)
        for column in ("contradictory", "leak"):
            if not table[column].isin(["True", "False"]).all():
                raise ValueError(f"{column} must be True or False")
            table[column] = table[column] == "True"
    except (OSError, ValueError, KeyError) as error:
        raise GarbageError(f"{path} cannot be read as findings ({error}): {again}.") from error
    kinds = [name for name, kind in FINDINGS.items() if kind.search]
    unknown = sorted(set(table["kind"]).difference(kinds))
    if unknown:
        raise GarbageError(
            f"{path} holds findings of the kind {unknown[0]!r}, which is none of {', '.join(kinds)}: {again}."
        )
    return table


def findings_for(run: Run) -> pd.DataFrame:
    """Reads the findings of the photos that a run was trained on. Raises GarbageError if there are none of these."""
    path = findings_path(run.info.get("data_fingerprint"))
    found = load_findings(path)
    if len(found) and not found["file"].isin(run.predictions["file"]).any():
        raise GarbageError(
            f"{path} holds no finding of the photos of {run.name!r}, only of others: run "
            "`python -m garbage_core audit` on these."
        )
    return found


def findings_of(findings: pd.DataFrame, name: str) -> pd.DataFrame:
    """Returns the rows of one of `FINDINGS`: those of the kind, or the duplicates that have the property."""
    if FINDINGS[name].search:
        return findings[findings["kind"] == name]
    duplicates = [kind for kind, finding in FINDINGS.items() if finding.duplicates]
    return findings[findings[name] & findings["kind"].isin(duplicates)]


def counts(findings: pd.DataFrame) -> pd.DataFrame:
    """Counts `findings` and `photos` (columns), whole numbers, of each of `FINDINGS` (rows)."""
    rows = {name: findings_of(findings, name) for name in FINDINGS}
    return pd.DataFrame(
        {name: {"findings": r["finding"].nunique(), "photos": r["file"].nunique()} for name, r in rows.items()}
    ).T


def leaked_or_contradictory(predictions: pd.DataFrame, findings: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Lists photos of a split that a result should not rest on: those of `FINDINGS` with a `reason`.

    Args:
        predictions: Columns `file` and `split` of a run; its splits count, not those of the findings.
        findings: Table of findings.
        split: Name of the split.

    Returns:
        Columns `file`, `contradictory` (a duplicate of the photo carries another label, so one of the two is wrong) and
        `leak` (a duplicate lies in a split that the model was trained on or chosen by before it was tested on this one:
        for test, train and val), sorted by file; a photo has one or both.
    """
    splits = predictions.drop_duplicates("file").set_index("file")["split"]
    rows = findings.assign(split=findings["file"].map(splits))
    earlier = SPLITS[: SPLITS.index(split)] if split in SPLITS else ()
    rows["leak"] = rows["split"].isin(earlier).groupby(rows["finding"]).transform("any")
    reasons = [name for name, kind in FINDINGS.items() if kind.reason]
    for name in reasons:
        rows[name] = rows.index.isin(findings_of(rows, name).index)
    excluded = rows[rows["split"] == split].groupby("file", as_index=False)[reasons].any()
    return excluded[excluded[reasons].any(axis=1)].reset_index(drop=True)


def clean_subset(predictions: pd.DataFrame, findings: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Returns a run's predictions without the photos of one split that `leaked_or_contradictory` lists."""
    excluded = leaked_or_contradictory(predictions, findings, split)["file"]
    return predictions[~(predictions["file"].isin(excluded) & (predictions["split"] == split))].reset_index(drop=True)
