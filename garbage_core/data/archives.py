"""What is in an archive, under names with "/", whichever system has made it. Nothing is unpacked.

A zip archive and a plain tar archive are read in place: both say where each file begins. A tar archive that is
compressed as a whole (`.tar.gz`) would have to be unpacked from its beginning for every photo, so it is refused.
"""

import contextlib
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garbage_core.data.walking import Found, is_litter, is_utf8
from garbage_core.errors import GarbageError

SUFFIXES = (".zip", ".tar")  # of the archives that are read
_SPECIAL = "is a pipe or device in an archive, which is never opened"


@dataclass(frozen=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: Its name as the archive has it, a folder's with a "/" at its end.
        place: What its content is read by.
        problem: Why it is not read, or "".
    """

    name: str
    place: Any
    problem: str = ""


def kind_of_archive(path: Path) -> str | None:
    """Says what a file is by its content: "zip", "tar", "packed" for an archive that is not read in place, or None."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        head = file.read(512)
        # First, because a zip archive at the end of a tar archive makes the whole look like one.
        if head[257:262] == b"ustar":
            return "tar"
    if zipfile.is_zipfile(path):
        return "zip"
    with contextlib.suppress(tarfile.TarError, OSError, EOFError), tarfile.open(path, "r:") as archive:
        return "tar" if archive.next() else None
    packed = path.suffix.lower() in (".tar", ".tgz", ".tbz2", ".txz", ".rar", ".7z") or _is_compressed_tar(path)
    return "packed" if packed else None


def _is_compressed_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except Exception:  # zlib.error, LZMAError, ...: damaged
        return False


def zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """Yields the entries of a zip archive, with their `ZipInfo`."""
    for info in archive.infolist():
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        yield Entry(_zip_name(info), info, "is a link in an archive, which is not followed" if is_link else "")


def _zip_name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if not info.flag_bits & 0x800:  # without the flag it is code page 437 for `zipfile`, and UTF-8 for macOS
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def tar_entries(path: Path) -> Iterator[Entry]:
    """Yields the entries of a plain tar archive, with offset and size of their content.

    A hard link is how tar stores a second name of one file; it is read if that file comes before it.

    Raises:
        GarbageError: It cannot be read to its end.
    """
    places: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = member.name + ("/" if member.isdir() and not member.name.endswith("/") else "")
                place, problem = (member.offset_data, member.size), ""
                if member.islnk():
                    place, problem = places.get(member.linkname, (0, 0)), ""
                    problem = "" if member.linkname in places else "is a link to no file before it and is not followed"
                elif member.issym():
                    problem = "is a link in an archive, which is not followed"
                elif member.issparse():
                    problem = "is stored with gaps (sparse) and is not read: unpack the archive"
                elif not member.isdir() and not member.isreg():
                    problem = _SPECIAL
                if not problem and not member.isdir():
                    places.setdefault(member.name, place)
                yield Entry(name, place, problem)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise GarbageError(
            f"{path} is a tar archive that is damaged or cut off: copy or download it again, or name the folder of the "
            "photos."
        ) from error


def list_entries(entries: Iterable[Entry]) -> tuple[Found, dict[str, Any]]:
    """Lists the files of an archive as `walking.walk` does those of a folder.

    Returns:
        What was found, and the place of each file.
    """
    found, places = Found(), {}
    folders: set[str] = set()
    for entry in entries:
        name = entry.name
        while name.startswith("./"):  # as `tar` and `7z` call what lies at the top
            name = name[2:]
        if not name or (is_litter(name) and ".." not in name.split("/")):
            continue
        parts = name.rstrip("/").split("/")
        if not is_utf8(name):
            shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            found.left_out.append((shown, "has a name that is not UTF-8, so it is not read: rename it"))
        elif ".." in parts or "" in parts or parts[0].endswith(":"):
            found.left_out.append((name, "leads out of the archive, so it is not read"))
        elif name.endswith("/"):
            folders.add(name)
        elif entry.problem:
            found.left_out.append((name, entry.problem))
        elif name in places:
            found.left_out.append((name, "is in the archive more than once: the first counts"))
        else:
            places[name] = entry.place
            folders.update("/".join(parts[:i]) + "/" for i in range(1, len(parts)))
    found.files, found.folders = sorted(places), sorted(folders)
    return found, places
