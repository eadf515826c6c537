"""Decodes the bytes of a photo in this process, after looking at what they would cost.

`images.py` is what others use. Whatever the bytes are, `GarbageError` is the only exception that leaves this module.
Color profiles are not applied: a photo in Display P3 is read as if it were sRGB.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from garbage_core.data.cut_jpegs import completed
from garbage_core.data.file_types import RAW_FILE, describe, photo_format, shown
from garbage_core.data.pixel_modes import to_rgb
from garbage_core.data.slow_files import ContradictionError, Structure, check_structure
from garbage_core.data.tiff_directories import SlowFileError, is_raw
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    from pillow_heif import HeifFile

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 60_000_000
# A JPEG is decoded at a smaller scale. The others take so many bytes for a pixel (16, 9 and 7) that no more of them fit
# into the memory of a process that decodes (worker_processes.py).
MAX_PIXELS_OF = {"JPEG": 200_000_000, "WebP": 24_000_000, "AVIF": 36_000_000, "HEIC": 51_000_000}
# What costs so little, by its structure, that a process of its own would cost more: pixels that a JPEG of one pass
# leaves once it is decoded at a smaller scale, pixels times passes of other JPEGs, and pixels.
LIGHT_JPEG, LIGHT_SCANNED, LIGHT_PNG, LIGHT_WEBP = 16_000_000, 40_000_000, 4_000_000, 2_000_000
LARGE = 20_000_000  # pixels, from which on a failure may be one of memory
MAX_SIDE = 32_768
MAX_ASPECT = 200  # times as long as wide
ACCEPTED_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
_SMALLER = "save a smaller copy and try again."
_ORIENTATION = 0x0112  # EXIF tag
# A stream may hold a little more than is shown: whole blocks, or a picture that was cropped later.
_MORE_CODED, _ALWAYS_CODED = 4, 2**20

# This module measures every picture itself, against a lower limit. Appended, so that any other filter goes first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


def decode_here(data: bytes, name: str = "photo", at_least: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a photo in this process; see `images.decode_image`."""
    with _refusing(data, name):
        opened = _open(data, name)
        try:
            return _decode(opened, at_least)
        except Exception as error:
            whole = completed(data) if isinstance(opened, JpegImageFile) and isinstance(error, OSError) else None
            if whole is not None:
                return _decode(_open(whole, name), at_least)
            # Not every decoder says that it got no memory.
            width, height = opened.size
            if width * height > LARGE and "truncated" not in str(error).lower():
                raise MemoryError from error
            raise


def is_light(data: bytes, name: str = "photo", at_least: tuple[int, int] | None = None) -> bool:
    """Looks at the structure of a photo; returns whether `decode_here` will cost little, whatever else the file holds.

    That holds for JPEG, for PNG up to 4 megapixels, and for WebP up to 2. The other formats are rare and have decoders
    that believe more of what a file says. Raises GarbageError as `decode_here` does.
    """
    with _refusing(data, name):
        kind, structure = _look(data, name)
        pixels = structure.width * structure.height
        if kind == "JPEG" and structure.passes == 1:
            scale = _scale(structure.width, structure.height, at_least)
            return pixels <= MAX_PIXELS and pixels <= LIGHT_JPEG * scale**2
        if kind == "JPEG":
            return 0 < pixels * structure.passes <= LIGHT_SCANNED
        return 0 < pixels <= {"PNG": LIGHT_PNG, "WebP": LIGHT_WEBP}.get(kind, 0)


def reduction_here(data: bytes, name: str, at_least: tuple[int, int]) -> int:
    """Returns by how much `decode_here` makes both sides of a photo smaller: 1 or another power of two."""
    with _refusing(data, name):
        structure = _look(data, name)[1]
        most = (structure.width, structure.height)  # of the stream, whose picture may be smaller
        if min(most) and _reduction(most, at_least) == 1:
            return 1
        return _reduction(_open(data, name).size, at_least)


def size_here(data: bytes, name: str = "photo") -> tuple[int, int]:
    """Returns (width, height) in pixels of a photo once it stands upright; see `images.photo_size`."""
    with _refusing(data, name):
        opened = _open(data, name)
        width, height = opened.size
        upright = not isinstance(opened, Image.Image) or _orientation(opened) < 5
        return (width, height) if upright else (height, width)


@contextmanager
def _refusing(data: bytes, name: str) -> Iterator[None]:
    """Turns whatever a decoder raises into a `GarbageError`."""
    try:
        yield
    except GarbageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow has measured first.
        raise GarbageError(f"{shown(name)} has far more {_too_many(photo_format(data))}") from error
    except SlowFileError as error:
        raise GarbageError(
            f"{shown(name)} is a {photo_format(data)} built so that decoding it takes too long: save a copy as plain "
            "JPEG or PNG."
        ) from error
    except ContradictionError as error:
        raise GarbageError(
            f"{shown(name)} is damaged: the size that it names is not that of its picture; save or download it again."
        ) from error
    except Exception as error:  # Decoders fail in many ways on damaged files: OSError, struct.error, SyntaxError, ...
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            raise GarbageError(
                f"{shown(name)} needs too much memory, or is damaged: save it as JPEG or smaller and try again."
            ) from error
        state = "is cut off" if "truncated" in str(error).lower() else "is damaged"
        raise GarbageError(
            f"{shown(name)} {state}: it starts as {photo_format(data)} but cannot be decoded to its end; "
            "save or download it again."
        ) from error


def _look(data: bytes, name: str) -> tuple[str, Structure]:
    """Returns the format of a photo and what its structure tells, after checking all that this lets check."""
    if len(data) > MAX_BYTES:
        raise GarbageError(
            f"{shown(name)} has {len(data) / 2**20:.1f} MB, more than the {MAX_BYTES // 2**20} MB a photo may have: "
            + _SMALLER
        )
    kind = photo_format(data)
    if kind is None or (kind == "TIFF" and is_raw(data)):
        raise GarbageError(
            f"{shown(name)} is {describe(data) if kind is None else RAW_FILE}: choose a photo as "
            f"{', '.join(ACCEPTED_FORMATS[:-1])} or {ACCEPTED_FORMATS[-1]}."
        )
    structure = check_structure(data, kind)
    _check_size(structure.width, structure.height, kind, name)
    return kind, structure


def _open(data: bytes, name: str) -> "Image.Image | HeifFile":
    """Reads the header of a photo and checks all limits before anything is decoded."""
    kind, structure = _look(data, name)
    if kind == "HEIC":
        # Imported here because nothing else needs it and it takes its time.
        from pillow_heif import open_heif

        opened: Image.Image | HeifFile = open_heif(data, convert_hdr_to_8bit=True)
    elif kind == "JPEG" and structure.width * structure.height > MAX_PIXELS:
        opened = JpegImageFile(BytesIO(data))  # `Image.open` would refuse so many pixels
    else:
        opened = Image.open(BytesIO(data), formats=[kind.upper()])
    width, height = opened.size
    _check_size(width, height, kind, name)
    if structure.width * structure.height > _MORE_CODED * width * height + _ALWAYS_CODED:
        raise ContradictionError
    return opened


def _check_size(width: int, height: int, kind: str, name: str) -> None:
    """Raises GarbageError for a picture of more pixels than its format may have, or far too long."""
    pixels, most = width * height, MAX_PIXELS_OF.get(kind, MAX_PIXELS)
    size = f"{shown(name)} has {width} x {height} pixels"
    if pixels > 1.5 * most:
        raise GarbageError(f"{shown(name)} has far more {_too_many(kind)}")
    if pixels > most:
        raise GarbageError(f"{size} ({pixels / 1e6:.0f} megapixels), more {_too_many(kind)}")
    if max(width, height) > MAX_ASPECT * max(min(width, height), 1):
        raise GarbageError(f"{size}, but a side may be {MAX_ASPECT} times as long as the other at most: crop it.")
    if max(width, height) > MAX_SIDE:
        raise GarbageError(f"{size}, but a side may have {MAX_SIDE:,} at most: make it smaller.")


def _too_many(kind: str | None) -> str:
    most = MAX_PIXELS_OF.get(kind or "", MAX_PIXELS) // 1_000_000
    instead = "a smaller copy" if kind == "JPEG" else "it as JPEG or smaller"
    return f"than the {most} megapixels a photo as {kind} may have: save {instead} and try again."


def _decode(opened: "Image.Image | HeifFile", at_least: tuple[int, int] | None) -> np.ndarray:
    """Decodes the pixels, reduces them if fewer suffice, and turns them upright."""
    if not isinstance(opened, Image.Image):
        image, orientation = opened.to_pillow(), 1  # libheif has turned it already.
    else:
        if opened.format in ("JPEG", "MPO"):
            scale = _scale(*opened.size, at_least)
            opened.draft(None, (opened.width // scale, opened.height // scale))
        with opened:  # lets go of the decoder's copy of the data
            opened.load()
            image, orientation = opened, _orientation(opened)
    return to_rgb(image, _reduction(image.size, at_least), orientation)


def _reduction(size: tuple[int, int], at_least: tuple[int, int] | None) -> int:
    """Returns the largest power of two by which a picture can be made smaller; 1 if nothing says what suffices."""
    if not at_least:
        return 1
    longest = min(max(size) // max(at_least), min(size) // min(at_least))
    return 1 << max(longest.bit_length() - 1, 0)


def _scale(width: int, height: int, at_least: tuple[int, int] | None) -> int:
    """Returns 1, 2, 4 or 8, by which a JPEG is decoded smaller: fewer pixels suffice, or all would be too many."""
    scale = 2 if width * height > MAX_PIXELS else 1
    return max(scale, min(_reduction((width, height), at_least), 8))


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 (upright) if there is none or it makes no sense."""
    if image.format == "TIFF":
        return 1  # Pillow turns TIFF itself.
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Damaged metadata are no reason to refuse a sound picture.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
