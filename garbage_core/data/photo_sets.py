"""Several sets of photos in one training: the data set itself, and extra sets of photos from elsewhere.

    sets = PhotoSets(load_dataset(), (load_extra_set("everyday.zip", classes),))
    sets.table(protocol)      # file, label, split, set
    sets.read_bytes("everyday:glass/glass1.jpg")

An extra set is a folder or an archive of class folders. Its folders may be a part of the data set's classes; a folder
`paper_or_cardboard` holds photos of one of these two, nobody knows which (a partial label); a folder `other-shoes`
holds things of another kind, which are never a class. A file `splits.csv` inside or beside it (columns `file`, `label`,
`split`) says what is for training, val and test, or its folders do; else the photos are split at random. A CSV file of
the set's own name with a column `hint` makes it a weak set: its hints are labels that may be wrong, so all of it is for
training and nothing is ever measured on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from garbage_core.data.archives import SUFFIXES
from garbage_core.data.dataset import Dataset, load_dataset
from garbage_core.data.splits import SPLITS, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.utils.system import map_photos

MAIN_SET = "trashnet"  # name of the data set itself in tables, where TrashNet's own lists decide the split
OTHER = "other-"  # prefix of labels that are no class
OR = "_or_"  # joins the classes of a partial label
SAME_PHOTO = 0.965  # correlation of two thumbnails above which they are taken for one photo
_THUMBNAIL = 16  # side in pixels
_BLANK = 100.0  # length of a thumbnail below which it shows too little to be told from others: 6 of 255 per pixel


@dataclass(frozen=True)
class ExtraSet:
    """Photos that a training uses beside those of its data set.

    Attributes:
        name: Name of the set: that of its folder or archive.
        dataset: Its photos as they were found; its own classes may be labels of any of the kinds above.
        photos: One row per photo: file, label, split.
        share: How often an epoch shows each of its photos; 0.5 shows every second one.
        weak: Whether its labels are hints.
    """

    name: str
    dataset: Dataset
    photos: pd.DataFrame
    share: float = 1.0
    weak: bool = False

    def describe(self) -> dict[str, Any]:
        """Returns what `run.json` records of the set."""
        counts = pd.crosstab(self.photos["split"], self.photos["label"])
        return {
            "name": self.name,
            "share": self.share,
            "weak": self.weak,
            "fingerprint": self.dataset.fingerprint,
            "splits": {
                s: {str(k): int(n) for k, n in counts.loc[s].to_dict().items()} for s in SPLITS if s in counts.index
            },
        }


def load_extra_set(source: str, classes: Sequence[str]) -> ExtraSet:
    """Reads an extra set.

    Args:
        source: Folder or archive, and after a `=` its share: `weak.zip=0.5`.
        classes: Classes of the data set that it is added to.

    Returns:
        The set.

    Raises:
        GarbageError: If there is no such set, the share is no number above 0, a list does not fit the photos, or a
            label is neither a class, nor several joined by `_or_`, nor begins with `other-`.
    """
    path_text, equals, share_text = source.rpartition("=")
    if not equals or Path(source).exists():
        path_text, share_text = source, "1"
    try:
        share = float(share_text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 10:
        raise GarbageError(f"The share of an extra set must be above 0 and at most 10, not {share_text!r}: {source!r}.")
    path = Path(path_text).expanduser()
    dataset = load_dataset(path)
    name = path.stem if path.suffix in SUFFIXES else path.name
    table = _listed(path, name)
    if table is None:
        return ExtraSet(
            name,
            dataset,
            _checked(split_dataset(dataset, "folders" if dataset.splits else "stratified"), classes, name),
            share,
        )
    missing = sorted(set(table["file"]) - set(dataset.photos["file"]))
    if len(missing) == len(table):
        raise GarbageError(f"None of the {len(table)} files listed for {name!r} is there, such as {missing[0]!r}.")
    table = table[~table["file"].isin(missing)].reset_index(drop=True)
    weak = "hint" in table
    if weak:
        table = table.assign(label=[_label_of_hint(hint, classes) for hint in table["hint"]], split="train")
    return ExtraSet(name, dataset, _checked(table, classes, name), share, weak)


def _listed(path: Path, name: str) -> pd.DataFrame | None:
    """Reads the list of a set, if it has one."""
    folder = path if path.is_dir() else path.parent
    places = [folder / f"{name}.csv", path.parent / f"{name}.csv", folder / "splits.csv"]
    for place in (p for p in places if p.is_file()):
        table = pd.read_csv(place, dtype=str, keep_default_na=False)
        if place.parent == path and place.name != "splits.csv" and not {"hint", "split"} & set(table):
            continue  # the labels of its photos, which `load_dataset` has read
        wanted = {"file", "hint"} if "hint" in table else {"file", "label", "split"}
        if lacking := wanted - set(table):
            raise GarbageError(f"{place} lacks the column {min(lacking)!r}: it needs {', '.join(sorted(wanted))}.")
        if unknown := sorted(set(table.get("split", [])) - set(SPLITS)):
            raise GarbageError(f"{place} names a split {unknown[0]!r}: the splits are {', '.join(SPLITS)}.")
        return table
    return None


def _label_of_hint(hint: str, classes: Sequence[str]) -> str:
    known = hint in classes or is_partial(hint, classes)
    return hint if known else OTHER + hint


def _checked(table: pd.DataFrame, classes: Sequence[str], name: str) -> pd.DataFrame:
    for label in sorted(set(table["label"])):
        if label not in classes and not is_partial(label, classes) and not label.startswith(OTHER):
            raise GarbageError(
                f"The set {name!r} has photos of {label!r}, which is none of {', '.join(classes)}: rename the folder "
                f"to one of these, to several joined by {OR}, or to {OTHER}{label} if it is none of them."
            )
    return table[["file", "label", "split"]].reset_index(drop=True)


def is_partial(label: str, classes: Sequence[str]) -> bool:
    """Tells whether a label names several of the classes, joined by `_or_`."""
    parts = label.split(OR)
    return len(parts) > 1 and label not in classes and all(part in classes for part in parts)


def label_members(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Returns which classes each label may mean.

    Args:
        labels: Names of L labels: classes, or several joined by `_or_`.
        classes: Names of the C classes.

    Returns:
        float32 (L, C): 1 where a label may mean a class, else 0.
    """
    parts = [{label} if label in classes else set(label.split(OR)) for label in labels]
    return np.array([[float(name in found) for name in classes] for found in parts], "float32")


class PhotoSets:
    """The photos of a training: those of its data set, called by their own names, and those of extra sets.

    Attributes:
        main: The data set itself.
        extras: The extra sets.
    """

    def __init__(self, main: Dataset, extras: Sequence[ExtraSet] = ()) -> None:
        """Puts the sets together. Raises GarbageError if two have one name."""
        names = [MAIN_SET, *(extra.name for extra in extras)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise GarbageError(f"Two sets are called {twice[0]!r}: rename the folder or archive of one.")
        self.main, self.extras = main, tuple(extras)
        self._datasets = {extra.name: extra.dataset for extra in extras}

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the data set, which are those of the network."""
        return self.main.classes

    @property
    def fingerprint(self) -> str:
        """Fingerprints of all sets and their shares, as one text."""
        extras = [f"{extra.name}={extra.share}:{extra.dataset.fingerprint}" for extra in self.extras]
        return "/".join([self.main.fingerprint, *extras])

    def describe(self, before: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
        """Returns what `run.json` records of the extra sets; `before` is what the run recorded that was extended."""
        shares = {extra["name"]: [*extra.get("earlier_shares", []), extra["share"]] for extra in before}
        return [e.describe() | ({"earlier_shares": shares[e.name]} if e.name in shares else {}) for e in self.extras]

    def are_those_of(self, before: Sequence[dict[str, Any]]) -> bool:
        """Returns whether `run.json` recorded these extra sets; how often they are shown may differ."""
        shown = ("share", "earlier_shares")
        mine, its = ([{k: v for k, v in e.items() if k not in shown} for e in s] for s in (self.describe(), before))
        return mine == its

    def read_bytes(self, file: str) -> bytes:
        """Reads a photo, of an extra set by "set:class/name.jpg". Raises GarbageError if it cannot be read."""
        name, colon, rest = file.partition(":")
        if colon and name in self._datasets:
            return self._datasets[name].read_bytes(rest)
        return self.main.read_bytes(file)

    def table(self, photos: pd.DataFrame) -> pd.DataFrame:
        """Returns one row per photo of all sets.

        Args:
            photos: Those of the data set itself, from `split_dataset`.

        Returns:
            Columns file (as for `read_bytes`), label, split, set, share and weak; things of other kinds included.
        """
        parts = [photos[["file", "label", "split"]].assign(set=MAIN_SET, share=1.0, weak=False)]
        for extra in self.extras:
            files = extra.name + ":" + extra.photos["file"]
            parts.append(extra.photos.assign(file=files, set=extra.name, share=extra.share, weak=extra.weak))
        return pd.concat(parts, ignore_index=True)


def leaked(sets: PhotoSets, table: pd.DataFrame) -> pd.DataFrame:
    """Finds training photos that are also val or test photos, of the same or another set, mirrored ones too.

    Two photos are taken for one if their gray thumbnails correlate above `SAME_PHOTO`; blank ones are left in.

    Args:
        sets: The sets.
        table: Their photos, as from `PhotoSets.table`.

    Returns:
        Columns file, split, set of the training photos of extra sets, and `same_as`, the val or test photo.
    """
    extra = (table["set"] != MAIN_SET) & (table["split"] == "train")
    held = table["split"] != "train"
    if not extra.any():
        return table[extra][["file", "split", "set"]].assign(same_as="")
    mine, others = (np.stack(_thumbnails(sets, table.loc[rows, "file"])) for rows in (extra, held))
    best = np.maximum(*(_flat(mine) @ _flat(turned).T for turned in (others, others[:, :, ::-1])))
    place = best.argmax(axis=1)
    found = best[np.arange(len(best)), place] > SAME_PHOTO
    same_as = table.loc[held, "file"].to_numpy()[place]
    found_in: pd.DataFrame = table[extra][["file", "split", "set"]].assign(same_as=same_as)[found]
    return found_in.reset_index(drop=True)


def _flat(thumbnails: np.ndarray) -> np.ndarray:
    return thumbnails.reshape(len(thumbnails), -1)


def _thumbnails(sets: PhotoSets, files: pd.Series) -> list[np.ndarray]:
    """Returns gray thumbnails of mean 0 and length 1, float32; zeros for a blank photo."""
    from PIL import Image

    from garbage_core.data.images import decode_image

    def make(file: str) -> np.ndarray:
        rgb = decode_image(sets.read_bytes(file), file, at_least=(_THUMBNAIL, _THUMBNAIL))
        image = Image.fromarray(rgb).convert("L").resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
        gray = np.asarray(image, "float32") - np.asarray(image, "float32").mean()
        return np.asarray(gray / max(float(np.linalg.norm(gray)), _BLANK))

    return list(map_photos(make, files))
