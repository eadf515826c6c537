"""The classes of a data set: by its folders, or by lists of files and labels where folders do not say them.

Class folders come first. A list counts where there are none, as in the exports of Label Studio, FiftyOne and Roboflow
(`label_lists`), or where it labels half of the photos or more and none of its labels is the name of a class folder: the
folders are then something else, such as parts of a download. Every row without a photo and every photo without a row is
named.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from garbage_core.data.file_types import PHOTO_EXTENSIONS, shown
from garbage_core.data.label_lists import LabelList, Row, read_label_lists
from garbage_core.data.layouts import SPLIT_FOLDERS, Layout, find_layout, note_archives, one_spelling, same_name
from garbage_core.errors import GarbageError
from garbage_core.utils.text import count

_MANY = 1000  # photos of one name, which no list tells apart
_UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")  # how Label Studio stores an uploaded file


def find_photos(
    files: Iterable[str], folders: Iterable[str], name: object, read: Callable[[str], bytes] | None = None
) -> Layout:
    """Finds the classes and the splits of a data set.

    Args:
        files: Names of its files, relative to it, with "/".
        folders: Names of its folders, with a "/" at the end, empty ones too.
        name: What to call the data set in an error.
        read: Function that returns the content of one of the files; without it only folders count.

    Raises:
        GarbageError: There is no class, only one, or more than one folder of classes, and no list that fits.
    """
    files, folders = list(files), list(folders)
    lists, problems = read_label_lists(files, read) if read else ([], [])
    listed = _Listed(files, lists)
    try:
        by_folder = find_layout(files, folders, name)
    except GarbageError as failure:
        if len(set(listed.labels.values())) < 2:
            raise _why(failure, listed, problems) from None
        return listed.layout(None, problems)
    if _counts(listed, by_folder):
        return listed.layout(by_folder, problems)
    by_folder.notes += _contradictions(listed, by_folder)
    return by_folder


def _counts(listed: "_Listed", by_folder: Layout) -> bool:
    """Tells whether lists count although there are folders that could be classes."""
    labels = {same_name(label) for label in listed.labels.values()}
    classes = {same_name(label) for label in by_folder.labels.values()}
    if len(labels) < 2 or labels & classes:
        return False
    return 2 * len(listed.labels) >= len(by_folder.labels)


def _contradictions(listed: "_Listed", by_folder: Layout) -> list[tuple[str, str]]:
    """Names the lists that say something else than the class folders, which count."""
    own = {by_folder.root + file: label for file, label in by_folder.labels.items()}
    classes, notes = {same_name(label) for label in own.values()}, []
    for name, rows in listed.by_list.items():
        if any(row.split for _, row in rows):  # of an extra set, where the list counts
            continue
        other = [(file, row) for file, row in rows if row.labels and file in own]
        other = [(file, row) for file, row in other if same_name(row.labels[0]) != same_name(own[file])]
        if other and any(same_name(label) in classes for _, row in rows for label in row.labels):
            file, row = other[0]
            notes.append(
                (
                    name,
                    f"gives {count(len(other), 'photo')} another label than the folder, first {shown(file)} "
                    f"({shown(row.labels[0])}): the folders count",
                )
            )
    return notes


def _why(failure: GarbageError, listed: "_Listed", problems: list[tuple[str, str]]) -> GarbageError:
    """Returns why there are no classes, with what is wrong with a list where there is one."""
    if listed.missing:
        file, where = listed.missing[0]
        number = count(len(listed.missing), "photo")
        return GarbageError(
            f"{str(failure).rstrip('.')}; the list {shown(where)} names {number} that cannot be found, first "
            f"{shown(file)}: put the photos beside the list."
        )
    if problems:
        return GarbageError(f"{str(failure).rstrip('.')}; the list {shown(problems[0][0])} {problems[0][1]}.")
    return failure


class _Listed:
    """What lists say of the photos that are there."""

    def __init__(self, files: list[str], lists: list[LabelList]) -> None:
        self.files, self.lists = files, lists
        self.labels: dict[str, str] = {}
        self.splits: dict[str, str] = {}
        self.missing: list[tuple[str, str]] = []
        self.by_list: dict[str, list[tuple[str, Row]]] = {}
        self.notes: list[tuple[str, str]] = []
        self._bad: set[str] = set()
        if not lists:
            return
        finder = _Finder(files)
        said: dict[str, dict[str, str]] = defaultdict(dict)  # file -> label -> list
        for one in lists:
            found = self.by_list.setdefault(one.name, [])
            for row in one.rows:
                file, reason = finder.find(row.file, one.name)
                if file is None:
                    self.missing.append((row.file, one.name))
                    self.notes.append((row.file or one.name, reason))
                    continue
                found.append((file, row))
                self._take(file, row, one.name, said[file])
        self._settle(said)

    def _take(self, file: str, row: Row, where: str, said: dict[str, str]) -> None:
        if row.unknown:
            self.notes.append((file, f"has the label {shown(row.unknown)} in {shown(where)}, which is unknown there"))
            self._bad.add(file)
        for label in row.labels:
            said.setdefault(label, where)
        split = row.split or _split_in_folders(file) or PurePosixPath(where).stem
        if split := SPLIT_FOLDERS.get(same_name(split), ""):
            self.splits.setdefault(file, split)

    def _settle(self, said: dict[str, dict[str, str]]) -> None:
        """Keeps the photos with one label each."""
        for file, labels in said.items():
            if len(labels) == 1 and file not in self._bad:
                self.labels[file] = next(iter(labels))
            elif labels:
                several = " and ".join(shown(label) for label in list(labels)[:3])
                where = shown(next(iter(labels.values())))
                self.notes.append((file, f"has several labels in {where} ({several}): it needs one"))
            elif file not in self._bad:
                self.notes.append((file, "has no label in its list and is not read"))
        if len({self.splits[file] for file in self.labels if file in self.splits}) < 2:
            self.splits = {}

    def layout(self, by_folder: Layout | None, problems: list[tuple[str, str]]) -> Layout:
        """Returns the layout by these lists; `by_folder` is the one that does not count."""
        used = [one.name for one in self.lists if self.by_list[one.name]]
        root = _common_folder([*used, *self.labels])
        layout = Layout(root)
        counts = Counter(self.labels.values())
        spellings = one_spelling(counts, layout.notes)
        for file, label in self.labels.items():
            if self.splits and file not in self.splits:
                layout.notes.append((file, "is in none of the splits that the lists name and is left out"))
                continue
            layout.labels[file[len(root) :]] = spellings[label]
            if self.splits:
                layout.splits[file[len(root) :]] = self.splits[file]
        known = {file for rows in self.by_list.values() for file, _ in rows}
        for file in self.files:
            if file not in known and file.rpartition(".")[2].lower() in PHOTO_EXTENSIONS:
                layout.notes.append((file, "is in no list of labels and is not read"))
        layout.notes += self.notes + problems + note_archives(self.files)
        if by_folder:
            names = ", ".join(sorted(set(by_folder.labels.values()))[:5])
            layout.notes.append((used[0], f"names the classes, so the folders ({names}) are none"))
        return layout


class _Finder:
    """Finds the photo that a list means."""

    def __init__(self, files: list[str]) -> None:
        self._all = set(files)
        self._ends: dict[str, list[str]] = defaultdict(list)  # every end of a name -> files that end so
        self._folders: set[str] = {""}  # with photos in or below them
        for file in files:
            stem, _, suffix = file.rpartition(".")
            is_photo = suffix.lower() in PHOTO_EXTENSIONS
            parts = _form(file).split("/")
            short = _form(stem).split("/") if is_photo else parts
            for place in range(len(parts)):
                for end in {"/".join(parts[place:]), "/".join(short[place:])}:
                    self._ends[end].append(file)
            if is_photo:
                self._folders.update("/".join(file.split("/")[:i]) + "/" for i in range(1, len(parts)))

    def find(self, file: str, where: str) -> tuple[str | None, str]:
        """Returns the file that a list names, or None and why there is none.

        Args:
            file: What the list says: a path from it, one or an address of another place, or one without extension.
            where: Name of the list.
        """
        if not file:
            return None, "has a row that names no photo"
        folder = where[: where.rfind("/") + 1]
        scope = folder if folder in self._folders else ""
        for name in _spellings(*_path(file)):
            if folder + name in self._all and folder + name != where:
                return folder + name, ""
            found = self._ends.get(_form(name), [])
            if len(found) < _MANY:
                found = [other for other in found if other.startswith(scope) and other != where]
            if len(found) == 1:
                return found[0], ""
            if found:
                number = f"{len(found):,}"
                return None, f"is listed in {shown(where)} and could be any of {number} photos: give its folder"
        return None, f"is listed in {shown(where)} and is not there"


def _path(file: str) -> tuple[str, bool]:
    """Returns what a list names as a path with "/", and whether its folders are those of another place."""
    path, is_elsewhere = file.replace("\\", "/"), False
    if "://" in path or path.startswith("/data/"):  # an address; or Label Studio's /data/upload/1/x.jpg
        address = urlsplit(path)
        inside = parse_qs(address.query).get("d", [address.path])[0]  # /data/local-files/?d=photos/x.jpg
        path, is_elsewhere = unquote(inside), True
    is_elsewhere = is_elsewhere or path.startswith("/") or path[1:2] == ":"
    parts = [part for part in path.split("/") if part not in ("", ".")]
    while parts[:1] == [".."]:  # the photos beside the list's own folder
        parts, is_elsewhere = parts[1:], True
    return "/".join(parts), is_elsewhere


def _spellings(path: str, is_elsewhere: bool) -> list[str]:
    """Returns the names under which a photo may be here, the likeliest first."""
    parts = path.split("/")
    # Only folders of another place may be left out: of can/1.jpg beside the list, jar/1.jpg is another photo.
    names = ["/".join(parts[i:]) for i in range(len(parts))] if is_elsewhere else [path]
    if is_elsewhere and (match := _UPLOAD.fullmatch(parts[-1])):
        names.append(match[1])
    return [name for name in names if name]


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _split_in_folders(name: str) -> str:
    """Returns the first folder in a name that is called like a split, or ""."""
    return next((part for part in name.split("/")[:-1] if same_name(part) in SPLIT_FOLDERS), "")


def _common_folder(files: list[str]) -> str:
    """Returns the folder that all files lie in: "", or its name and "/"."""
    parts = [file.split("/")[:-1] for file in (min(files), max(files))]
    same = 0
    while same < min(map(len, parts)) and parts[0][same] == parts[1][same]:
        same += 1
    return "".join(part + "/" for part in parts[0][:same])
