"""Decodes any photo that a phone or a browser sends to an upright RGB array, or says in one sentence why not.

`load_photo` is the one way into the network: training and classification both use it, so a photo means the same pixels
to both. It decodes a JPEG at a reduced scale where that loses nothing, because most of the time of classifying a photo
of 12 megapixels would otherwise go into pixels that are thrown away.

What a file is, its content decides, never its name. Whatever the bytes are, `GarbageError` is the only exception that
leaves this module. Color profiles are not applied: a photo in Display P3 is read as if it were sRGB.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from garbage_core.data.file_types import PHOTO_EXTENSIONS, describe, jpeg_scans, photo_format, shown
from garbage_core.data.pixel_modes import to_rgb
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    from pillow_heif import HeifFile

__all__ = [
    "ACCEPTED_FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PHOTO_EXTENSIONS",
    "PhotoFile",
    "decode_image",
    "fit_canvas",
    "load_photo",
    "photo_size",
    "prepare_photo",
]

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 60_000_000
ACCEPTED_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")

STEP = 16  # Sides of prepared photos are multiples of it; the network halves them five times and takes any size.
LONGEST = 2.0  # Photos longer than 2:1 are cropped: further out there is rarely a thing to classify.
# What would keep a processor busy for minutes. A progressive JPEG stores the picture in some ten scans, each a pass
# over all pixels, but a few kilobytes can hold thousands of empty ones: the product of both is limited. Run-length
# encoded BMP and TIFF of many tiles, both rare, are decoded slowly.
MAX_SCANNED_PIXELS = 16 * MAX_PIXELS
MAX_RLE_BYTES = 2**20
MAX_TILES = 50_000
_TOO_MANY_PIXELS = f"than the {MAX_PIXELS // 1_000_000} megapixels a photo may have: save a smaller copy and try again."
_ORIENTATION = 0x0112  # EXIF tag

# This module measures every picture itself, against a lower limit. Appended, so that any other filter goes first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


def decode_image(data: bytes, name: str = "photo", at_least: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a photo.

    EXIF rotation is applied, transparent parts are shown on white, grayscale, palette, CMYK, Lab and 16-bit pictures
    are converted. Of an animation or a file of several pages, the first picture is taken.

    Args:
        data: The file's content.
        name: What to call the file in an error.
        at_least: (height, width) in pixels that suffices, for either orientation. A larger photo may then come out
            smaller by a whole factor, but with no side below it; a JPEG is already decoded at a smaller scale.

    Returns:
        uint8 (height, width, 3), RGB.

    Raises:
        GarbageError: The file is too large, damaged, cut off, or not a photo in one of `ACCEPTED_FORMATS`.
    """
    with _refusing(data, name):
        return _decode(_open(data, name), at_least)


def photo_size(data: bytes, name: str = "photo", verify: bool = False) -> tuple[int, int]:
    """Reads how large a photo is once it stands upright.

    Args:
        data: The file's content.
        name: What to call the file in an error.
        verify: Decode the photo as well, so that a damaged one is found out.

    Returns:
        (width, height) in pixels.

    Raises:
        GarbageError: As for `decode_image`.
    """
    with _refusing(data, name):
        opened = _open(data, name)
        width, height = opened.size
        if isinstance(opened, Image.Image) and _orientation(opened) >= 5:
            width, height = height, width
        if verify:
            _decode(opened, (1, 1))
        return width, height


def prepare_photo(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales a photo to about `height * width` pixels, whatever its shape and orientation.

    Nothing is squashed or padded: the network ends in global average pooling and takes any size, so each photo keeps
    its aspect ratio. What does not fit into whole steps of 16 pixels is cut off evenly at the edges.

    Args:
        rgb: uint8 (H, W, 3).
        height: Height in pixels that a photo of the usual shape shall have; the order of both does not matter.
        width: Its width in pixels.

    Returns:
        uint8 (h, w, 3), h and w multiples of 16, at most twice as long as wide. A photo of 512x384 with height 240 and
        width 320 gives (240, 320, 3), an upright one (320, 240, 3).
    """
    source_height, source_width = rgb.shape[:2]
    aspect = min(max(source_width / source_height, 1 / LONGEST), LONGEST)
    target_height = _whole_steps(math.sqrt(height * width / aspect))
    target_width = min(_whole_steps(math.sqrt(height * width * aspect)), int(LONGEST * target_height))
    target_height = min(target_height, int(LONGEST * target_width))
    if (source_height, source_width) == (target_height, target_width):
        return np.ascontiguousarray(rgb)

    # The largest box in the middle of the photo that has the target's shape.
    scale = min(source_height / target_height, source_width / target_width)
    left = max((source_width - scale * target_width) / 2, 0.0)  # rounding may end just below zero
    top = max((source_height - scale * target_height) / 2, 0.0)
    box = (left, top, min(left + scale * target_width, source_width), min(top + scale * target_height, source_height))
    resized = Image.fromarray(rgb).resize(
        (target_width, target_height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0
    )
    return np.array(resized)


def load_photo(data: bytes, height: int, width: int, name: str = "photo") -> np.ndarray:
    """Decodes and prepares a photo for the network: the one path of training and classification.

    Args:
        data: The file's content.
        height: See `prepare_photo`.
        width: See `prepare_photo`.
        name: What to call the file in an error.

    Returns:
        uint8 (h, w, 3) as from `prepare_photo`.

    Raises:
        GarbageError: As for `decode_image`.
    """
    return PhotoFile(data, name).prepared(height, width)


class PhotoFile:
    """The bytes of a photo for several readers, such as networks of different sizes: no size is decoded twice.

    What was decoded is kept as long as the object lives.
    """

    def __init__(self, data: bytes, name: str = "photo") -> None:
        """Takes the file's content, and what to call the file in an error."""
        self._data, self._name = data, name
        self._decoded: dict[tuple[int, int], np.ndarray] = {}

    def decoded(self, at_least: tuple[int, int]) -> np.ndarray:
        """Returns what `decode_image` does. Raises GarbageError."""
        if at_least not in self._decoded:
            self._decoded[at_least] = decode_image(self._data, self._name, at_least)
        return self._decoded[at_least]

    def prepared(self, height: int, width: int) -> np.ndarray:
        """Returns what `load_photo` does. Raises GarbageError."""
        # Twice the target leaves the resampling filter enough pixels to work on.
        return prepare_photo(self.decoded((2 * height, 2 * width)), height, width)


def fit_canvas(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """Prepares a photo for arrays in which all photos have one shape, as training uses them.

    The photo stays upright and is prepared as for classification, whatever its shape. Its middle is what the canvas
    shows: edges beyond the canvas are cut off evenly; where the photo does not reach the edge of the canvas, its
    outermost pixels are repeated.

    Args:
        rgb: uint8 (H, W, 3).
        height: Height of the canvas in pixels.
        width: Width of the canvas in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    photo = prepare_photo(rgb, height, width)
    top, left = (max(photo.shape[0] - height, 0) // 2, max(photo.shape[1] - width, 0) // 2)
    photo = photo[top : top + height, left : left + width]
    missing = (height - photo.shape[0], width - photo.shape[1])
    if any(missing):
        photo = np.pad(photo, [(m // 2, m - m // 2) for m in missing] + [(0, 0)], mode="edge")
    return np.ascontiguousarray(photo)


def _whole_steps(side: float) -> int:
    return max(STEP, STEP * round(side / STEP))


@contextmanager
def _refusing(data: bytes, name: str) -> Iterator[None]:
    """Turns whatever a decoder raises into a `GarbageError`."""
    try:
        yield
    except GarbageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow has measured first.
        raise GarbageError(f"{shown(name)} has far more {_TOO_MANY_PIXELS}") from error
    except MemoryError as error:
        raise GarbageError(f"{shown(name)} needs too much memory: save a smaller copy and try again.") from error
    except Exception as error:  # Decoders fail in many ways on damaged files: OSError, struct.error, SyntaxError, ...
        state = "is cut off" if "truncated" in str(error).lower() else "is damaged"
        raise GarbageError(
            f"{shown(name)} {state}: it starts as {photo_format(data)} but cannot be decoded to its end; "
            "save or download it again."
        ) from error


def _open(data: bytes, name: str) -> "Image.Image | HeifFile":
    """Reads the header of a photo and checks all limits before anything is decoded."""
    if len(data) > MAX_BYTES:
        raise GarbageError(
            f"{shown(name)} has {len(data) / 2**20:.1f} MB, more than the {MAX_BYTES // 2**20} MB a photo may have: "
            "save a smaller copy and try again."
        )
    kind = photo_format(data)
    if kind is None:
        raise GarbageError(
            f"{shown(name)} is {describe(data)}: choose a photo as {', '.join(ACCEPTED_FORMATS[:-1])} or "
            f"{ACCEPTED_FORMATS[-1]}."
        )
    if kind == "HEIC":
        # Imported here because nothing else needs it and it takes its time.
        from pillow_heif import open_heif

        opened: Image.Image | HeifFile = open_heif(data, convert_hdr_to_8bit=True)
    else:
        opened = Image.open(BytesIO(data), formats=[kind.upper()])
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise GarbageError(
            f"{shown(name)} has {width} x {height} pixels ({width * height / 1e6:.0f} megapixels), more "
            f"{_TOO_MANY_PIXELS}"
        )
    if _is_slow(opened, kind, data):
        raise GarbageError(
            f"{shown(name)} is a {kind} built so that decoding it takes too long: save a copy as plain JPEG or PNG."
        )
    return opened


def _is_slow(opened: "Image.Image | HeifFile", kind: str, data: bytes) -> bool:
    """Tells the few kinds of files that take long to decode whatever their size in pixels."""
    if kind == "JPEG":
        # Counting the marker alone is fast but also finds it in previews, so the rare candidate is parsed.
        pixels = math.prod(opened.size)
        return pixels * data.count(b"\xff\xda") > MAX_SCANNED_PIXELS < pixels * jpeg_scans(data)
    if kind == "BMP":
        return len(data) > MAX_RLE_BYTES and data[30:34] in (b"\x01\0\0\0", b"\x02\0\0\0")
    return kind == "TIFF" and len(getattr(opened, "tile", ())) > MAX_TILES


def _decode(opened: "Image.Image | HeifFile", at_least: tuple[int, int] | None) -> np.ndarray:
    """Decodes the pixels, reduces them if fewer suffice, and turns them upright."""
    if not isinstance(opened, Image.Image):
        image, orientation = opened.to_pillow(), 1  # libheif has turned it already.
    else:
        if at_least and opened.format in ("JPEG", "MPO"):
            longer, shorter = max(at_least), min(at_least)
            opened.draft(None, (longer, shorter) if opened.width >= opened.height else (shorter, longer))
        with opened:  # lets go of the decoder's copy of the data
            opened.load()
            image, orientation = opened, _orientation(opened)
    factor = 1
    if at_least:
        factor = max(min(max(image.size) // max(at_least), min(image.size) // min(at_least)), 1)
    return to_rgb(image, factor, orientation)


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 (upright) if there is none or it makes no sense."""
    if image.format == "TIFF":
        return 1  # Pillow turns TIFF itself.
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Damaged metadata are no reason to refuse a sound picture.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
