"""Which photo is for training, which for choosing (val), which for the final report (test).

`official` takes the lists of TrashNet's authors, which ship with this package. `stratified` draws a fifth of every
class for test and a tenth of the rest for val. `fold-1-of-5` to `fold-5-of-5` are five splits for a cross-validation:
every photo is a test photo in exactly one of them, and a tenth of the others are val. `folders` takes the folders
train, val and test that the photos came in; if val or test is missing, it is drawn from train.
"""

import math
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.utils.text import count

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

FOLDS = 5
PROTOCOLS: tuple[str, ...] = (
    "official",
    "stratified",
    "folders",
    *(f"fold-{k}-of-{FOLDS}" for k in range(1, FOLDS + 1)),
)
SPLITS: tuple[str, ...] = ("train", "val", "test")
UNSPLIT = "unsplit"  # in place of a split, where there are too few photos for one
LEAST = 4  # photos of a class: one each for val and test, and two to learn from
TEST_SHARE = 0.2
VAL_SHARE = 0.1


@lru_cache(maxsize=1)
def official_splits() -> dict[str, str]:
    """Returns the authors' lists: file ("glass/glass12.jpg") -> "train", "val" or "test", 2,527 photos."""
    with (files("garbage_core") / "data" / "official_splits.csv").open(encoding="utf-8") as handle:
        table = pd.read_csv(handle)
    return dict(zip(table["file"], table["split"], strict=True))


def split_dataset(dataset: "Dataset", protocol: str | None = None, seed: int = 42) -> pd.DataFrame:
    """Assigns every photo of a data set to a split; the same data and seed always give the same table.

    Args:
        dataset: The data set.
        protocol: One of `PROTOCOLS`; None takes that of `default_protocol`.
        seed: Random state of all protocols but `official`, which has nothing random.

    Returns:
        `dataset.photos` with a column `split`. Under `official`, photos that are in none of the authors' lists are left
        out (`dataset.problems` names them).

    Raises:
        GarbageError: The protocol is unknown or does not fit the data set, or a class has too few photos.
    """
    protocol = protocol or default_protocol(dataset)
    if protocol == "official":
        return _split_official(dataset)
    if protocol == "stratified":
        return _split_stratified(dataset.photos, seed)
    if protocol == "folders":
        return _split_folders(dataset, seed)
    if fold := fold_number(protocol):
        return _split_fold(dataset.photos, fold, seed)
    raise GarbageError(f'Protocol "{protocol}" is unknown: choose one of {", ".join(PROTOCOLS)}.')


def nested_share(table: pd.DataFrame, share: float, seed: int = 0) -> pd.DataFrame:
    """Leaves a share of the training photos of every class, at least one; val and test stay whole.

    A larger share of the same seed has all the photos of a smaller one, so that what more photos bring is not mixed up
    with what other photos bring.

    Args:
        table: Columns `file`, `label` and `split`, as from `split_dataset`.
        share: Above 0 and at most 1.
        seed: Decides the order in which the photos are taken.

    Returns:
        Rows of the table in their order.
    """
    train = table[table["split"] == "train"].sort_values("file").sample(frac=1, random_state=seed)
    place, size = train.groupby("label").cumcount(), train.groupby("label")["file"].transform("size")
    kept = train.index[place < (share * size).round().clip(lower=1)]
    return table[(table["split"] != "train") | table.index.isin(kept)]


def split_if_possible(dataset: "Dataset") -> tuple[pd.DataFrame, str]:
    """Assigns every photo to a split as `split_dataset` does, or to `UNSPLIT` where a class has too few photos.

    Returns:
        The photos with a column `split`, and why they are not split, or "".
    """
    try:
        return split_dataset(dataset), ""
    except GarbageError as error:
        return dataset.photos.assign(split=UNSPLIT), str(error)


def default_protocol(dataset: "Dataset") -> str:
    """Returns `official` for the official names, `folders` for ready-made splits, else `stratified`."""
    return "official" if dataset.official else "folders" if dataset.splits else "stratified"


def fold_number(protocol: str) -> int | None:
    """Returns which fold a protocol such as `fold-2-of-5` tests on, from 1; None for a protocol of another kind."""
    return int(protocol.split("-")[1]) if protocol in PROTOCOLS[-FOLDS:] else None


def split_counts(table: pd.DataFrame, classes: tuple[str, ...] | list[str]) -> pd.DataFrame:
    """Counts photos per class and split.

    Args:
        table: Columns `label` and `split`, as from `split_dataset`.
        classes: The classes in the order wanted.

    Returns:
        Rows are classes, columns `SPLITS`, or `UNSPLIT` alone for photos that are not split, values whole numbers.
    """
    counts = pd.crosstab(table["label"], table["split"])
    columns = [UNSPLIT] if UNSPLIT in counts else list(SPLITS)
    return counts.reindex(index=list(classes), columns=columns, fill_value=0).astype(int)


def _split_official(dataset: "Dataset") -> pd.DataFrame:
    table = dataset.photos.assign(split=dataset.photos["file"].map(official_splits()))
    unlisted = table["split"].isna()
    if not dataset.official and unlisted.any():
        raise GarbageError(
            f"The authors' split lists do not name {unlisted.sum()} of the {len(table)} photos, first "
            f"{table.loc[unlisted, 'file'].iloc[0]}: choose the protocol stratified."
        )
    table = table[~unlisted].reset_index(drop=True)
    absent = [split for split in SPLITS if split not in set(table["split"])]
    if absent:
        raise GarbageError(
            f"None of the {len(table)} photos is in the authors' list for {absent[0]}: choose the protocol stratified."
        )
    return table


def _split_folders(dataset: "Dataset", seed: int) -> pd.DataFrame:
    splits = dataset.photos["file"].map(dataset.splits)
    if "train" not in set(splits):
        raise GarbageError(
            f"{dataset.source} has no folder train with photos for the protocol folders: choose stratified."
        )
    for name, share in (("test", TEST_SHARE), ("val", VAL_SHARE)):
        if name not in set(splits):
            rows = [place for place, split in enumerate(splits) if split == "train"]
            # One photo of each class has to stay in train.
            _check_sizes(dataset.photos.iloc[rows], 2, f"to draw {name} from train")
            splits.iloc[_draw(dataset.photos, rows, share, seed)[1]] = name
    return dataset.photos.assign(split=splits)


def _split_stratified(photos: pd.DataFrame, seed: int) -> pd.DataFrame:
    _check_sizes(photos, LEAST, f"for {', '.join(SPLITS)}")
    rows, splits = list(range(len(photos))), pd.Series("train", index=photos.index)
    for name, share in (("test", TEST_SHARE), ("val", VAL_SHARE)):
        rows, drawn = _draw(photos, rows, share, seed)
        splits.iloc[drawn] = name
    return photos.assign(split=splits)


def _split_fold(photos: pd.DataFrame, fold: int, seed: int) -> pd.DataFrame:
    from sklearn.model_selection import StratifiedKFold

    _check_sizes(photos, FOLDS, f"for {FOLDS} folds")
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    rest, test = list(splitter.split(photos["file"], photos["label"]))[fold - 1]
    splits = pd.Series("train", index=photos.index)
    splits.iloc[test] = "test"
    splits.iloc[_draw(photos, list(rest), VAL_SHARE, seed)[1]] = "val"
    return photos.assign(split=splits)


def _draw(photos: pd.DataFrame, rows: list[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Draws a share of some rows, stratified; returns the rows that are left, and those drawn."""
    # Imported here: a page that only lists photos does without.
    from sklearn.model_selection import train_test_split

    labels = photos["label"].to_numpy()
    # In a tiny data set a share can be less than one photo per class, which cannot be stratified.
    wanted = max(math.ceil(share * len(rows)), photos["label"].nunique())
    left, drawn = train_test_split(rows, test_size=wanted, random_state=seed, stratify=labels[rows])
    for label in sorted(set(labels[rows]) - set(labels[drawn])):  # so rare beside others that its share is none
        own = [row for row in left if labels[row] == label]
        if len(own) > 1:
            left.remove(own[0])
            drawn.append(own[0])
    return left, drawn


def _check_sizes(photos: pd.DataFrame, least: int, purpose: str) -> None:
    sizes = photos["label"].value_counts()
    if sizes.min() < least:
        raise GarbageError(
            f"Class {sizes.idxmin()} has only {count(sizes.min(), 'photo')}, too few {purpose}, which takes {least}: "
            "add photos or take the class out."
        )
