"""How the files of a data set are laid out: which folders are its classes, and which are ready-made splits.

    glass/1.jpg                     class folders
    any/levels/above/glass/1.jpg    the same, for as long as one way leads down
    glass/bottles/1.jpg             class folders with folders in them, all of one class
    train/glass/1.jpg               ready-made splits: train, val (valid, validation) and test, in any case
    train/train/glass/1.jpg         the same, with levels in between

Every folder and photo that is not read is named.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from garbage_core.data.file_types import PHOTO_EXTENSIONS, shown
from garbage_core.errors import GarbageError
from garbage_core.utils.text import count

LAYOUT = (
    "one folder of photos per class, for two classes at least, as dataset-resized.zip and Kaggle's "
    "TrashType_Image_Dataset do"
)
SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_ARCHIVES = {"zip", "tar", "tgz", "gz", "rar", "7z"}
_UNLABELED = "_unlabeled"  # as FiftyOne's ImageClassificationDirectoryTree calls it
_SIDE_SHARE = 0.1  # of the photos, below which a folder beside a folder of classes may be no class
# What people call folders that hold class folders, and small ones beside them.
_CONTAINERS = frozenset(
    ("data", "dataset", "datasets", "image", "images", "imgs", "photo", "photos", "pictures", "raw", "resized")
) | {"classification", "classes", "original"}
_SIDES = frozenset(
    ("sample", "samples", "example", "examples", "preview", "previews", "demo", "docs", "figures", "screenshots")
)


@dataclass
class Layout:
    """Which files are whose.

    Attributes:
        root: The folder that class folders or splits lie in: "", or its name and "/".
        labels: Class of each file, by its name below `root`.
        splits: Split of each file ("train", "val" or "test"); empty without ready-made splits.
        notes: Names of folders and photos that are not read or read in a way worth saying, and how.
    """

    root: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)


class _Tree:
    """Numbers of photos below and directly in every folder."""

    def __init__(self, photos: Iterable[str]) -> None:
        self.inside: Counter[str] = Counter()
        self.below: Counter[str] = Counter()
        self.children: dict[str, set[str]] = defaultdict(set)
        for photo in photos:
            folder = photo.rpartition("/")[0]
            self.inside[folder + "/" if folder else ""] += 1
        for folder, number in self.inside.items():
            path = folder
            while path:
                self.below[path] += number
                parent = path[:-1].rpartition("/")[0]
                parent = parent + "/" if parent else ""
                self.children[parent].add(path)
                path = parent

    def classes_in(self, folder: str) -> list[str]:
        return sorted(self.children.get(folder, ()))


def find_layout(files: Iterable[str], folders: Iterable[str], name: object) -> Layout:
    """Finds the classes and the splits of a data set.

    Args:
        files: Names of its files, relative to it, with "/".
        folders: Names of its folders, with a "/" at the end, empty ones too.
        name: What to call the data set in an error.

    Raises:
        GarbageError: There is no class, only one, or more than one folder of classes.
    """
    files, folders = list(files), list(folders)
    photos = [file for file in files if file.rpartition(".")[2].lower() in PHOTO_EXTENSIONS]
    # Folders with files that look like photos go first; where no name looks so, the content will tell.
    photos = photos if any("/" in photo for photo in photos) else files
    tree = _Tree(photos)
    layout = Layout()
    splits = _descend(tree, layout, name)
    if splits:
        for folder in tree.classes_in(layout.root):
            if any(split.startswith(folder) for split in splits):
                continue
            layout.notes.append((folder, f"lies beside the splits: {_photos(tree.below[folder])} left out"))
    tops = {folder: tree.classes_in(folder) for folder in splits} or {layout.root: _classes(tree, layout)}
    for top in tops.values():
        for folder in [folder for folder in top if _last(folder) == _UNLABELED]:
            top.remove(folder)
            layout.notes.append((folder, f"holds photos without a label: {_photos(tree.below[folder])} left out"))
    classes = {folder: _last(folder) for top in tops.values() for folder in top}
    counts: Counter[str] = Counter()
    for folder, label in classes.items():
        counts[label] += tree.below[folder]
    spellings = one_spelling(counts, layout.notes)
    depths = {folder.count("/") for folder in classes}
    for file in files:
        parts = file.split("/")
        for depth in depths:
            folder = "/".join(parts[:depth]) + "/"
            if len(parts) > depth and folder in classes:
                short = file[len(layout.root) :]
                layout.labels[short] = spellings[classes[folder]]
                if splits:
                    layout.splits[short] = splits["/".join(parts[: depth - 1]) + "/"]
    _note_the_rest(files, folders, tree, tops, layout)
    return layout


def _descend(tree: _Tree, layout: Layout, name: object) -> dict[str, str]:
    """Goes down to the class folders or the splits; returns the folders of the latter, and which split each is."""
    while True:
        children = tree.classes_in(layout.root)
        named = {folder: SPLIT_FOLDERS[_key(folder)] for folder in children if _key(folder) in SPLIT_FOLDERS}
        ready = _down_each(tree, named)
        if len(set(ready.values())) > 1:
            _check_two_classes({_key(c) for folder in ready for c in tree.classes_in(folder)}, children, name)
            return ready
        nested = [folder for folder in children if len(tree.children.get(folder, ())) > 1]
        way = _only_way(tree, children, nested, layout)
        if way is None:
            break
        for folder in children:
            if folder != way:
                layout.notes.append(
                    (folder, f"lies beside {way}, which holds the classes: {_photos(tree.below[folder])} left out")
                )
        layout.root = way
    if len(nested) > 1 and len(nested) == len(children) and _same_classes(tree, nested):
        within = tree.classes_in(nested[0])
        if all(_key(folder) in SPLIT_FOLDERS for folder in within):
            split, label = _last(within[0]), _last(nested[0])
            raise GarbageError(
                f"{name} has the splits in the class folders ({label}/{split}): put the class folders in the splits "
                f"({split}/{label})."
            )
        listed = ", ".join(folder.rstrip("/") for folder in nested[:5])
        raise GarbageError(f"{name} holds several folders of classes ({listed}): name one of them.")
    _check_two_classes({_key(folder) for folder in children}, children, name)
    if all(_key(folder) in SPLIT_FOLDERS for folder in children):
        listed = ", ".join(folder.rstrip("/") for folder in children)
        raise GarbageError(f"{name} holds {listed} without class folders in them: each must have {LAYOUT}.")
    return {}


def _down_each(tree: _Tree, named: dict[str, str]) -> dict[str, str]:
    """Goes down in each split for as long as one way leads down (train/train/glass); returns those with classes."""
    splits = dict(named)
    while True:
        only = {folder: tree.classes_in(folder)[0] for folder in splits if len(tree.children.get(folder, ())) == 1}
        # A single folder can be a class that has folders in it, but not in all splits, nor if it is named as a split.
        all_go_down = len(only) == len(splits) and all(tree.children.get(folder) for folder in only.values())
        ways = {old: new for old, new in only.items() if all_go_down or _key(new) in SPLIT_FOLDERS}
        if not ways:
            return {folder: split for folder, split in splits.items() if tree.children.get(folder)}
        splits = {ways.get(folder, folder): split for folder, split in splits.items()}


def _only_way(tree: _Tree, children: list[str], nested: list[str], layout: Layout) -> str | None:
    """Returns the folder that the classes must lie in, if it is not this one."""
    if len(children) == 1:
        return children[0] if tree.children.get(children[0]) else None
    if len(nested) != 1 or tree.inside[nested[0]]:
        return None
    beside = sum(tree.below[folder] for folder in children if folder != nested[0])
    # Such as samples/ beside dataset-resized/; or test/ without classes beside train/.
    if _key(nested[0]) in SPLIT_FOLDERS and all(_key(folder) in SPLIT_FOLDERS for folder in children):
        return nested[0]
    if len(children) != 2 or beside >= _SIDE_SHARE * tree.below[nested[0]] or _key(nested[0]) in SPLIT_FOLDERS:
        return None
    side = next(folder for folder in children if folder != nested[0])
    if _words(nested[0]) & _CONTAINERS or _words(side) & _SIDES:
        return nested[0]
    # As plastic/bottles and plastic/bags beside a small metal/.
    within = ", ".join(_last(folder) for folder in tree.classes_in(nested[0])[:5])
    layout.notes.append((nested[0], f"is one class, with folders in it ({within}): name it to have these as classes"))
    return None


def _words(folder: str) -> set[str]:
    return set(re.split(r"[\W_\d]+", _key(folder)))


def _same_classes(tree: _Tree, folders: list[str]) -> bool:
    """Tells whether folders hold the same folders, as several data sets do and classes do not."""
    below = [{_key(child) for child in tree.classes_in(folder)} for folder in folders]
    return len(set.intersection(*below)) > 1


def _classes(tree: _Tree, layout: Layout) -> list[str]:
    """Returns the class folders; one named like a split beside them is none."""
    children = tree.classes_in(layout.root)
    kept = [folder for folder in children if _key(folder) not in SPLIT_FOLDERS or not tree.children.get(folder)]
    if len(kept) < 2:
        return children
    for folder in sorted(set(children) - set(kept)):
        what = _photos(tree.below[folder])
        layout.notes.append((folder, f"is a split beside the class folders, which are split anew: {what} left out"))
    return kept


def _check_two_classes(classes: set[str], children: list[str], name: object) -> None:
    if len(classes) > 1:
        return
    single = _last(children[0]) if children else ""
    found = f"photos of a single class ({shown(single)})" if single else "no class folder with photos"
    raise GarbageError(f"{name} holds {found}: it must have {LAYOUT}.")


def one_spelling(counts: Counter[str], notes: list[tuple[str, str]]) -> dict[str, str]:
    """Returns the class that each label stands for: names that differ in case or Unicode form are one.

    Args:
        counts: Number of photos of each label.
        notes: List that labels which are joined with others are noted in.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups[same_name(label)].append(label)
    chosen = {}
    for labels in groups.values():
        best = max(labels, key=lambda label: (counts[label], unicodedata.is_normalized("NFC", label), label))
        for label in labels:
            chosen[label] = best
            if label != best:
                how = "case" if unicodedata.normalize("NFC", label) != unicodedata.normalize("NFC", best) else "form"
                notes.append(
                    (f"{label}/", f"differs from {best}/ in {how} only: its {_photos(counts[label])} count as {best}")
                )
    return chosen


def _note_the_rest(
    files: list[str], folders: list[str], tree: _Tree, tops: dict[str, list[str]], layout: Layout
) -> None:
    """Notes loose photos and archives, and class folders without photos."""
    read = len(layout.root)
    used = {layout.root + file for file in layout.labels}
    noted = tuple(folder for folder, _ in layout.notes if folder.endswith("/") and folder in tree.below)
    for file in files:
        if file in used or file.startswith(noted):
            continue
        if file.rpartition(".")[2].lower() in PHOTO_EXTENSIONS:
            layout.notes.append((file, "lies in no class folder and is not read"))
        else:
            layout.notes += note_archives([file])
    holding = Counter(file[: i + 1] for file in files for i, letter in enumerate(file) if letter == "/")
    parents = set(tops) | {layout.root}
    for folder in folders:
        parent = folder[:-1].rpartition("/")[0]
        if (parent + "/" if parent else "") not in parents or tree.below[folder]:
            continue
        if not holding[folder]:
            layout.notes.append((folder[read:], "holds no file, so the class is left out"))
        elif folder not in parents:
            what = count(holding[folder], "file")
            layout.notes.append((folder[read:], f"holds no file that is named like a photo: {what} left out"))


def note_archives(files: Iterable[str]) -> list[tuple[str, str]]:
    """Returns name and reason of the archives among files, which are never read inside another place."""
    reason = "is an archive beside the photos that are read, and is not read itself"
    return [(file, reason) for file in files if file.rpartition(".")[2].lower() in _ARCHIVES]


def _photos(number: int) -> str:
    return count(number, "photo")


def _last(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def same_name(name: str) -> str:
    """Returns what names that differ in case or Unicode form only have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _key(folder: str) -> str:
    return same_name(_last(folder))
