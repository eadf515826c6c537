"""Files that are built to be decoded slowly or in much memory, found before anything is decoded.

What a decoder does for a file does not follow from its size in pixels alone: it reads every chunk, block and scan, and
decodes what the stream holds, whatever size the container names. So these are looked at first, each within a bound.
TIFF is in `tiff_directories.py`, AVIF and HEIC are in `heif_boxes.py`.
"""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from garbage_core.data.heif_boxes import largest_stream
from garbage_core.data.tiff_directories import SlowFileError, check_exif, check_tiff

MAX_SEGMENTS = 5_000  # of a JPEG before its picture; a color profile and notes of a camera take a few hundred
MAX_SCANS = 100  # of a JPEG; a progressive one has some ten
MAX_SKIPPED = 2**16  # bytes of a JPEG before its picture that belong to no segment
MAX_SCANNED_PIXELS = 960_000_000  # pixels times scans, each a pass over all of them
MAX_COEFFICIENTS = 180_000_000  # of a JPEG of several passes, two bytes each: 60 megapixels of full color, 120 of half
MAX_CHUNKS = 20_000  # of a PNG or WebP; the smallest in use, of 8 kB, are 3,200 in the largest file
MAX_BLOCKS = 20_000  # of a GIF before its first picture, where there are remarks
MAX_RLE_BYTES = 2**20  # of a BMP with run lengths, which is rare and is decoded slowly

_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame: what kind of JPEG, and its size
_BASELINE = (0xC0, 0xC1)


class ContradictionError(Exception):
    """The file names another size than its stream."""


@dataclass(frozen=True)
class Structure:
    """What the structure of a file tells of its picture.

    Attributes:
        width: Width in pixels of the largest picture that the stream itself names; 0 where nobody looked.
        height: Its height.
        passes: In how many passes over all pixels it is stored at most; 0 where nobody looked.
    """

    width: int = 0
    height: int = 0
    passes: int = 0


def check_structure(data: bytes, kind: str) -> Structure:
    """Looks at the structure of a photo, which takes milliseconds for any file.

    Args:
        data: The file's content.
        kind: Its format, as from `file_types.photo_format`.

    Raises:
        SlowFileError: Decoding it would take far more time or memory than a picture of its size needs.
        ContradictionError: It names different sizes of its picture.
    """
    if kind == "TIFF":
        check_tiff(data)
        return Structure()
    if kind in ("AVIF", "HEIC"):
        return Structure(*largest_stream(data))
    return _CHECKS[kind](data)


def _check_jpeg(data: bytes) -> Structure:
    """Follows the segments of a JPEG to its picture, and counts the scans of that if there can be many."""
    place, segments, scans, skipped, most_scans = 2, 0, 0, 0, MAX_SCANS
    frame = b""
    while match := _JPEG_MARKER.search(data, place):
        skipped += 0 if scans else match.start() - place
        marker, place = match[1][0], match.end()
        if marker == 0xD9:  # end of image
            break
        if marker in (0x01, 0xD8):  # stand alone
            continue
        segments += 1
        length = int.from_bytes(data[place : place + 2], "big")
        if marker in _JPEG_FRAMES and not scans:
            if frame:
                raise ContradictionError
            frame = bytes([marker]) + data[place + 3 : place + length]  # height, width, components
        elif marker == 0xE1:
            check_exif(data[place + 2 : place + length])
        elif marker == 0xDA and len(frame) >= 6:  # start of scan
            scans += 1
            if frame[0] in _BASELINE and data[place + 2] == frame[5]:
                return Structure(*_jpeg_size(frame), passes=1)
            if scans == 1:
                if _coefficients(frame) > MAX_COEFFICIENTS:
                    raise SlowFileError
                most_scans = min(MAX_SCANS, MAX_SCANNED_PIXELS // max(math.prod(_jpeg_size(frame)), 1))
                # Counting the marker alone is fast but also finds it in previews, so the rare candidate is followed.
                most_left = data.count(b"\xff\xda", place)
                if most_left < most_scans:
                    scans += most_left
                    break
        if scans > most_scans or segments > MAX_SEGMENTS + MAX_SCANS or skipped > MAX_SKIPPED:
            raise SlowFileError
        place += length
    return Structure(*_jpeg_size(frame), passes=scans) if len(frame) >= 6 else Structure()


def jpeg_scan_headers(data: bytes) -> Iterator[tuple[bytes, range, int]]:
    """Yields the components of every scan of a JPEG, the coefficients in it, and how many of their bits are missing."""
    place = 2
    while match := _JPEG_MARKER.search(data, place):
        marker, place = match[1][0], match.end()
        if marker == 0xDA:
            number = data[place + 2] if place + 2 < len(data) else 0
            header = data[place + 3 : place + 6 + 2 * number]
            if len(header) == 2 * number + 3:
                yield header[: 2 * number : 2], range(header[-3], header[-2] + 1), header[-1] & 15
        if marker not in (0x01, 0xD8):
            place += int.from_bytes(data[place : place + 2], "big")


def _jpeg_size(frame: bytes) -> tuple[int, int]:
    return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")


def _coefficients(frame: bytes) -> int:
    """Returns how many numbers have to be held at once until the last pass over a JPEG."""
    sampling = [(factors >> 4, factors & 15) for factors in frame[7::3]] or [(1, 1)]
    across, down = max(a for a, _ in sampling), max(b for _, b in sampling)
    width, height = _jpeg_size(frame)
    return width * height * sum(a * b for a, b in sampling) // max(across * down, 1)


def _check_png(data: bytes) -> Structure:
    """Follows the chunks of a PNG."""
    place = 8
    for _ in range(MAX_CHUNKS):
        name, length = data[place + 4 : place + 8], int.from_bytes(data[place : place + 4], "big")
        if name == b"eXIf":
            check_exif(data[place + 8 : place + 8 + length])
        place += 12 + length
        if name == b"IEND" or place >= len(data):
            width, height = struct.unpack_from(">II", data.ljust(24), 16)
            return Structure(width, height, passes=1)
    raise SlowFileError


def _check_gif(data: bytes) -> Structure:
    """Follows the blocks of a GIF, and the bytes between them, to its first picture."""
    place = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)
    inside = False  # of the parts of a block; an empty one ends it
    for _ in range(MAX_BLOCKS):
        if place >= len(data):
            return Structure()
        byte = data[place]
        place += 1
        if inside:
            inside = byte > 0
            place += byte
        elif byte in b",;":
            return Structure()
        elif byte == 0x21:  # "!", and what kind of block
            inside = True
            place += 1
    raise SlowFileError


def _check_webp(data: bytes) -> Structure:
    """Follows the chunks of a WebP, those of its frames too."""
    place, canvas, largest = 12, (0, 0), (0, 0)
    for _ in range(MAX_CHUNKS):
        name, body = data[place : place + 4], place + 8
        length = int.from_bytes(data[place + 4 : body], "little")
        place = body + (16 if name == b"ANMF" else length + length % 2)  # the chunks of a frame lie in its own
        if body + 10 > len(data):
            return Structure(*max(canvas, largest, key=math.prod), passes=1)
        size = (0, 0)
        if name == b"VP8X":
            width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (body + 4, body + 7))
            canvas = width, height
        elif name == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, body + 6)
            size = width & 0x3FFF, height & 0x3FFF
        elif name == b"VP8L":
            (bits,) = struct.unpack_from("<L", data, body + 1)
            size = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        largest = max(largest, size, key=math.prod)
        if canvas != (0, 0) and (size[0] > canvas[0] or size[1] > canvas[1]):
            raise ContradictionError
    raise SlowFileError


def _check_bmp(data: bytes) -> Structure:
    if len(data) > MAX_RLE_BYTES and data[30:34] in (b"\x01\0\0\0", b"\x02\0\0\0"):
        raise SlowFileError
    return Structure()


_CHECKS = {"JPEG": _check_jpeg, "PNG": _check_png, "GIF": _check_gif, "WebP": _check_webp, "BMP": _check_bmp}
