"""The directories of a TIFF, read without Pillow: what they say of tiles, strips and cameras, within a bound.

Pillow and libtiff believe what a directory says: they build lists of as many strips as it names, and buffers as large
as its tiles. Here the numbers are looked at first. EXIF data are a TIFF, too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_ENTRIES = 4_096  # of a directory; cameras write some sixty
MAX_VALUES = 200_000  # of a tag that describes the picture; the longest, a palette of 16 bits, has 3 x 65,536
MAX_TILES = 50_000
MAX_TILE_PIXELS = 2**22  # of a tile larger than its picture; 2,048 x 2,048 is the largest in use
MAX_DIRECTORIES = 32  # that are searched for a sensor's data

# Tags, by the TIFF 6.0 specification and, from 50,706 on, Adobe's DNG specification.
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 259, 262
_SUBDIRECTORIES, _DNG_VERSION = 330, 50706
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_LISTS = (273, 279, 324, 325)  # offsets and lengths of strips, and of tiles
_LAST_OF_PICTURE = 699  # tags up to this one describe the picture; the others may be as long as they like
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NO_NUMBERS = (2, 7)  # text, and bytes that are left as they are
_NUMBERS = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}
# What only a sensor's data have: a filter array or linear raw values; compressions of Sony, Samsung, Nikon, Kodak,
# Pentax.
_RAW_PHOTOMETRIC = (32803, 34892)
_RAW_COMPRESSION = (32767, 32769, 32770, 34713, 65000, 65535)


class SlowFileError(Exception):
    """A file would take far more time or memory than a picture of its size needs."""


@dataclass
class Directory:
    """One directory of a TIFF.

    Attributes:
        numbers: First values of the tags that hold whole numbers, at most `MAX_DIRECTORIES` of each.
        counts: Number of values of every tag.
        value_bytes: Length of all values that lie outside the directory, as far as they lie in the file.
        longest: Most numbers that a tag which describes the picture holds, lists of tiles and strips left out.
        following: Where the next directory begins, 0 for none.
    """

    numbers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    value_bytes: int = 0
    longest: int = 0
    following: int = 0

    def first(self, tag: int, default: int = 0) -> int:
        """Returns the first value of a tag."""
        return self.numbers.get(tag, (default,))[0]

    @property
    def is_raw(self) -> bool:
        """Whether its picture is what a camera's sensor has measured."""
        return (
            _DNG_VERSION in self.counts
            or self.first(_PHOTOMETRIC) in _RAW_PHOTOMETRIC
            or self.first(_COMPRESSION) in _RAW_COMPRESSION
        )


def read_directories(data: bytes) -> Iterator[Directory]:
    """Reads the directories of a TIFF, and those that they point to, each once.

    Args:
        data: A TIFF or BigTIFF.

    Yields:
        At most `MAX_DIRECTORIES`, the first one first. A directory that lies outside of the file ends the search.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    try:
        waiting = [struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)[0]]
        seen: set[int] = set()
        while waiting and len(seen) < MAX_DIRECTORIES:
            place = waiting.pop(0)
            if not place or place in seen:
                continue
            seen.add(place)
            directory = _read_directory(data, place, order, big)
            yield directory
            waiting += [directory.following, *directory.numbers.get(_SUBDIRECTORIES, ())]
    except struct.error:
        return


def check_tiff(data: bytes) -> None:
    """Checks that the first picture of a TIFF can be decoded in time and memory that its size in pixels accounts for.

    Raises:
        SlowFileError: It cannot.
    """
    for directory in read_directories(data):
        _check_values(directory, len(data))
        if max(directory.counts.get(tag, 0) for tag in _LISTS) > MAX_TILES:
            raise SlowFileError
        picture = directory.first(_WIDTH) * directory.first(_HEIGHT)
        if directory.first(_TILE_WIDTH) * directory.first(_TILE_HEIGHT) > max(2 * picture, MAX_TILE_PIXELS):
            raise SlowFileError
        return


def check_exif(exif: bytes) -> None:
    """Checks that reading EXIF data takes no more memory than they have bytes.

    Args:
        exif: A TIFF, with or without "Exif" before it.

    Raises:
        SlowFileError: It takes more.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    if exif[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        for directory in read_directories(exif):
            _check_values(directory, len(exif))
            return


def is_raw(data: bytes) -> bool:
    """Tells whether a TIFF is a camera's raw file (DNG, NEF, CR2, ARW, PEF), whose first picture may be a preview."""
    if data[8:10] == b"CR":  # Canon's sign
        return True
    for place, directory in enumerate(read_directories(data)):
        if directory.is_raw:
            return True
        # A reduced copy that comes first, with the picture itself below it, is how cameras store a preview.
        if not place and directory.first(_SUBFILE_TYPE) & 1 and _SUBDIRECTORIES in directory.counts:
            return True
    return False


def _read_directory(data: bytes, place: int, order: str, big: bool) -> Directory:
    """Reads one directory; raises SlowFileError for one of far too many entries, struct.error for one cut off."""
    counter, entry_form, inside = ("Q", "HHQ", 8) if big else ("H", "HHL", 4)
    (entries,) = struct.unpack_from(order + counter, data, place)
    if entries > MAX_ENTRIES:
        raise SlowFileError
    found = Directory()
    place += struct.calcsize(order + counter)
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(order + entry_form, data, place)
        value_at = place + struct.calcsize(order + entry_form)
        place = value_at + inside
        length = count * _SIZES.get(kind, 0)
        found.counts[tag] = max(count, found.counts.get(tag, 0))
        if length > inside:
            (value_at,) = struct.unpack_from(order + ("Q" if big else "L"), data, value_at)
            found.value_bytes += max(min(length, len(data) - value_at), 0)
        if tag <= _LAST_OF_PICTURE and tag not in _LISTS and kind not in _NO_NUMBERS:
            found.longest = max(found.longest, count)
        if kind in _NUMBERS and count:
            number = min(count, MAX_DIRECTORIES)
            if value_at + number * _SIZES[kind] <= len(data):
                found.numbers[tag] = struct.unpack_from(f"{order}{number}{_NUMBERS[kind]}", data, value_at)
    if place + inside <= len(data):
        (found.following,) = struct.unpack_from(order + ("Q" if big else "L"), data, place)
    return found


def _check_values(directory: Directory, size: int) -> None:
    """Raises SlowFileError for values that overlap, so that they take more than the file has bytes, or are too many."""
    if directory.value_bytes > 2 * size + 1024 or directory.longest > MAX_VALUES:
        raise SlowFileError
