"""Can the data be trusted? Duplicates, contradictory labels, leaks between splits, doubtful labels, odd photos.

    findings = audit(dataset, split_dataset(dataset), load_embeddings(run))
    clean_subset(run.predictions, findings)         # the test photos that a result should rest on

What tells photos apart is in `duplicates`, what makes a label doubtful or a photo odd in `suspects`; here is the table
of findings that both fill, and what follows from it. The table holds names and numbers and no photo, so it can be shown
where the photos are not. It has one row per photo of a finding:

    finding         number of the finding, from 1
    kind            one of `KINDS`
    score           identical: 1; near: share of equal bits in the hash, of the least alike; mislabeled: 1 minus the
                    probability of the label; outlier: how far from its neighbors, in robust standard deviations
    contradictory   whether the photos of the finding carry different labels
    leak            whether they lie in different splits
    file, label, split
    bits, cosine    duplicates: how many bits differ from the most similar photo of the finding, and its embedding's
                    cosine; empty where there is none
    suggested       mislabeled: the more probable label
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from garbage_core.audit.duplicates import (
    LEAST_COMPONENTS,
    LEAST_COSINE,
    Signatures,
    hash_pairs,
    linked,
    photo_signatures,
    similar_pairs,
)
from garbage_core.audit.embeddings import Embeddings
from garbage_core.audit.label_issues import find_label_issues, find_outliers
from garbage_core.data.dataset import Dataset
from garbage_core.data.splits import SPLITS
from garbage_core.errors import GarbageError
from garbage_core.runs.run import models_dir
from garbage_core.utils.files import write_csv

KINDS: tuple[str, ...] = ("identical", "near", "mislabeled", "outlier")
DUPLICATES: tuple[str, ...] = ("identical", "near")
COLUMNS: tuple[str, ...] = (
    *("finding", "kind", "score", "contradictory", "leak"),
    *("file", "label", "split", "bits", "cosine", "suggested"),
)


def findings_path() -> Path:
    """Returns where the findings of the data set lie: `audit/findings.csv` in the folder of the runs."""
    return models_dir() / "audit" / "findings.csv"


def audit(
    dataset: Dataset,
    photos: pd.DataFrame,
    embeddings: Embeddings | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Looks for all that is wrong with a data set.

    Args:
        dataset: Where the photos are read from.
        photos: Columns `file`, `label`, `split`, as from `split_dataset`.
        embeddings: What a network sees in these photos; None looks for duplicates by hash alone.
        progress: Called with 1 for every photo read.

    Returns:
        The table of findings.

    Raises:
        GarbageError: A photo cannot be read, or the embeddings are of other photos.
    """
    if embeddings is not None and embeddings.fingerprint != dataset.fingerprint:
        raise GarbageError(
            f"The embeddings were computed from other photos than those in {dataset.source} (fingerprint "
            f"{embeddings.fingerprint[:12]}, these have {dataset.fingerprint[:12]}): compute them with "
            "`python -m garbage_core embed`, or look for duplicates alone with --duplicates-only."
        )
    return find_all(photos, photo_signatures(dataset, photos["file"], progress), embeddings)


def find_all(photos: pd.DataFrame, signatures: Signatures, embeddings: Embeddings | None = None) -> pd.DataFrame:
    """Makes the table of findings from what is known about the photos.

    Args:
        photos: Columns `file`, `label`, `split`.
        signatures: Of these photos, in this order.
        embeddings: Of at least these photos, or None.

    Returns:
        The table of findings, by kind, the highest score first.
    """
    photos = photos[["file", "label", "split"]].reset_index(drop=True)
    vectors = None
    if embeddings is not None:
        places = embeddings.places(photos["file"])
        vectors = embeddings.vectors[places]
    parts = _duplicates(photos, signatures, vectors)
    if embeddings is not None:
        labels = pd.Index(embeddings.classes).get_indexer(photos["label"])
        probabilities = embeddings.probabilities[places]
        label_issues, score = find_label_issues(labels, probabilities)
        suggested = np.asarray(embeddings.classes, dtype=object)[probabilities[label_issues].argmax(axis=1)]
        parts.append(
            photos.loc[label_issues].assign(kind="mislabeled", group=label_issues, score=score, suggested=suggested)
        )
        odd, score = find_outliers(vectors)
        parts.append(photos.loc[odd].assign(kind="outlier", group=odd, score=score))
    return _numbered(pd.concat(parts) if parts else photos.iloc[:0].assign(kind="", group=0, score=0.0))


def _duplicates(photos: pd.DataFrame, signatures: Signatures, vectors: np.ndarray | None) -> list[pd.DataFrame]:
    """Returns groups of identical photos and groups of nearly identical ones."""
    identical, near = signatures.identical, [hash_pairs(signatures)]
    if vectors is not None and vectors.shape[1] >= LEAST_COMPONENTS:
        near.append(similar_pairs(vectors, LEAST_COSINE))
    same = linked(len(photos), [identical])
    alike = linked(len(photos), [identical, *near])
    parts = []
    for kind, groups in (("identical", same), ("near", alike)):
        for group in np.flatnonzero(np.bincount(groups) > 1):
            places = np.flatnonzero(groups == group)
            if kind == "near" and len(set(same[places])) == 1:
                continue  # nothing but identical photos
            rows = photos.loc[places].assign(kind=kind, group=group, bits=_nearest_bits(signatures.bits[places]))
            if vectors is not None:
                rows["cosine"] = _nearest_cosine(vectors[places])
            parts.append(rows.assign(score=1.0 - rows["bits"].max() / signatures.bits.shape[1]))
    return parts


def _nearest_bits(bits: np.ndarray) -> np.ndarray:
    """Returns for each photo of a group in how many bits it differs from the one most like it."""
    differing = (bits[:, None] != bits[None]).sum(axis=2)
    np.fill_diagonal(differing, bits.shape[1])
    return differing.min(axis=1)


def _nearest_cosine(vectors: np.ndarray) -> np.ndarray:
    """Returns for each photo of a group the cosine with the one most like it."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    return cosines.max(axis=1).clip(-1, 1)


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Brings rows with `kind`, `group` and `score` into the form of the table of findings."""
    rows = rows.reindex(columns=["kind", "group", "score", "file", "label", "split", "bits", "cosine", "suggested"])
    key = ["kind", "group"]
    rows["contradictory"] = rows.groupby(key)["label"].transform("nunique") > 1
    rows["leak"] = rows.groupby(key)["split"].transform("nunique") > 1
    rows["first"] = rows.groupby(key)["file"].transform("min")  # decides between equal scores
    rows["order"] = rows["kind"].map({kind: place for place, kind in enumerate(KINDS)})
    rows = rows.sort_values(["order", "score", "first", "file"], ascending=[True, False, True, True])
    rows["finding"] = (rows.groupby(key, sort=False).ngroup() + 1).astype(int)
    rows["suggested"] = rows["suggested"].astype(object).where(rows["suggested"].notna(), "")
    return rows[list(COLUMNS)].astype({"score": float, "bits": float, "cosine": float}).reset_index(drop=True)


# Keeping


def save_findings(findings: pd.DataFrame, path: str | Path | None = None) -> Path:
    """Writes a table of findings as CSV, with four decimals; to `findings_path()` if no path is given."""
    return write_csv(findings.astype({"bits": "Int64"}), path or findings_path(), "%.4f")


def load_findings(path: str | Path | None = None) -> pd.DataFrame:
    """Reads a table of findings.

    Args:
        path: The file; None takes `findings_path()`.

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
        for column in ("score", "bits", "cosine"):
            table[column] = pd.to_numeric(table[column]).astype(float)
        for column in ("contradictory", "leak"):
            if not table[column].isin(["True", "False"]).all():
                raise ValueError(f"{column} must be True or False")
            table[column] = table[column] == "True"
    except (OSError, ValueError, KeyError) as error:
        raise GarbageError(f"{path} cannot be read as findings ({error}): {again}.") from error
    unknown = sorted(set(table["kind"]) - set(KINDS))
    if unknown:
        raise GarbageError(f"{path} holds findings of the kind {unknown[0]!r}, which is none of {', '.join(KINDS)}.")
    return table


# What follows


def leaked_or_contradictory(predictions: pd.DataFrame, findings: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Lists photos of a split that a result should not rest on.

    Args:
        predictions: Columns `file` and `split` of a run; its splits count, not those of the findings.
        findings: The table of findings.
        split: Name of the split.

    Returns:
        Columns `file`, `contradictory` (a duplicate of the photo carries another label, so one of the two is wrong) and
        `leak` (a duplicate lies in a split that the model was trained on or chosen by before this one was looked at:
        for test, train and val), sorted by file; a photo has one or both.
    """
    splits = predictions.drop_duplicates("file").set_index("file")["split"]
    rows = findings[findings["kind"].isin(DUPLICATES)]
    rows = rows.assign(split=rows["file"].map(splits))
    earlier = SPLITS[: SPLITS.index(split)] if split in SPLITS else ()
    seen = rows["split"].isin(earlier).groupby(rows["finding"]).transform("any")
    here = rows.assign(leak=seen)[rows["split"] == split]
    excluded = here.groupby("file", as_index=False)[["contradictory", "leak"]].any()
    return excluded[excluded["contradictory"] | excluded["leak"]].reset_index(drop=True)


def clean_subset(predictions: pd.DataFrame, findings: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Returns a run's predictions without the photos of one split that `leaked_or_contradictory` lists."""
    excluded = leaked_or_contradictory(predictions, findings, split)["file"]
    return predictions[~(predictions["file"].isin(excluded) & (predictions["split"] == split))].reset_index(drop=True)


def counts(findings: pd.DataFrame) -> pd.DataFrame:
    """Counts findings and photos.

    Returns:
        Columns `findings` and `photos`, whole numbers; rows are `KINDS`, then `contradictory` and `leak`: those of the
        duplicates that are.
    """
    chosen = {kind: findings["kind"] == kind for kind in KINDS}
    chosen |= {name: findings[name] & findings["kind"].isin(DUPLICATES) for name in ("contradictory", "leak")}
    return pd.DataFrame(
        {
            name: {"findings": findings.loc[rows, "finding"].nunique(), "photos": findings.loc[rows, "file"].nunique()}
            for name, rows in chosen.items()
        }
    ).T
