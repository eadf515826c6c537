"""Decodes any photo that a phone or a browser sends to an upright RGB array, or says in one sentence why not.

`load_photo` is the one way into the network: training and classification both use it, so a photo means the same pixels
to both. It decodes a JPEG at a reduced scale where that loses nothing, because most of the time of classifying a photo
of 12 megapixels would otherwise go into pixels that are thrown away.

What a file is, its content decides, never its name. Whatever the bytes are, `GarbageError` is the only exception that
leaves this module. Color profiles are not applied: a photo in Display P3 is read as if it were sRGB.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from PIL import Image

from garbage_core.data.decoding import (
    ACCEPTED_FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    decode_here,
    is_light,
    reduction_here,
    size_here,
)
from garbage_core.data.file_types import PHOTO_EXTENSIONS
from garbage_core.data.worker_processes import Owner, decode_in_process
from garbage_core.utils.system import available_cores

__all__ = [
    "ACCEPTED_FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PHOTO_EXTENSIONS",
    "Owner",
    "PhotoFile",
    "decode_image",
    "fit_canvas",
    "load_photo",
    "photo_size",
    "prepare_photo",
]

STEP = 16  # Sides of prepared photos are multiples of it; the network halves them five times and takes any size.
_GAP = 3.0  # pixels for each one wanted that the filter gets at least, where there are twice as many or more
_DECODED_AT = 4  # how many times smaller `PhotoFile` has a decoder make a photo at most
LONGEST = 2.0  # Photos longer than 2:1 are cropped: further out there is rarely a thing to classify.


def decode_image(
    data: bytes, name: str = "photo", at_least: tuple[int, int] | None = None, owner: object | None = None
) -> np.ndarray:
    """Decodes a photo: here if its structure says that this costs little, else in a process with a budget.

    EXIF rotation is applied, transparent parts are shown on white, grayscale, palette, CMYK, Lab and 16-bit pictures
    are converted. Of an animation or a file of several pages, the first picture is taken. A JPEG may lack its end, if
    that is less than 1 % of it.

    Args:
        data: The file's content.
        name: What to call the file in an error.
        at_least: (height, width) in pixels that suffices, for either orientation. A larger photo may then come out
            smaller by a power of two, but with no side below it; a JPEG is already decoded at a smaller scale, and of
            more than 60 megapixels at half its size in any case.
        owner: Whose photo it is, where many wait for a process; None for the calling thread's.

    Returns:
        uint8 (height, width, 3), RGB.

    Raises:
        GarbageError: The file is too large, too long and narrow, damaged, cut off, takes too much time or memory, or is
            not a photo in one of `ACCEPTED_FORMATS`.
    """
    if is_light(data, name, at_least):
        return decode_here(data, name, at_least)
    return decode_in_process(data, name, at_least, owner)


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
    size = size_here(data, name)
    if verify:
        decode_image(data, name, (1, 1))
    return size


def prepare_photo(rgb: np.ndarray, height: int, width: int, at_once: bool = False) -> np.ndarray:
    """Scales a photo to about `height * width` pixels, whatever its shape and orientation.

    Nothing is squashed or padded: the network ends in global average pooling and takes any size, so each photo keeps
    its aspect ratio. What does not fit into whole steps of 16 pixels is cut off evenly at the edges.

    Args:
        rgb: uint8 (H, W, 3).
        height: Height in pixels that a photo of the usual shape shall have; the order of both does not matter.
        width: Its width in pixels.
        at_once: Whether two threads may share the work, for a photo that somebody waits for; the pixels are the same.

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
    image, middle = Image.fromarray(rgb), (box[0] + box[2]) / 2

    def part(width: int, left: float, right: float) -> Image.Image:
        part_box = (left, box[1], right, box[3])
        return image.resize((width, target_height), Image.Resampling.LANCZOS, box=part_box, reducing_gap=_GAP)

    # Photos that are reduced first would be cut into other squares.
    if not at_once or scale >= 2 * _GAP or available_cores() < 2:
        return np.array(part(target_width, box[0], box[2]))
    right = _helper().submit(part, target_width // 2, middle, box[2])
    return np.concatenate([part(target_width // 2, box[0], middle), right.result()], axis=1)


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
    """The bytes of a photo for several readers, such as networks of different sizes, which share what is decoded.

    A large photo is decoded at a quarter of its size at least, however little suffices: the decoder takes as long for
    an eighth, and squares of 2x2 pixels averaged give the same. What was decoded is kept as long as the object lives.
    """

    def __init__(self, data: bytes, name: str = "photo", owner: object | None = None) -> None:
        """Takes the file's content, what to call the file in an error, and whose it is, see `decode_image`."""
        self._data, self._name, self._owner = data, name, owner
        self._decoded: dict[int, np.ndarray] = {}  # by how much smaller it is

    def decoded(self, at_least: tuple[int, int]) -> np.ndarray:
        """Returns what `decode_image` does. Raises GarbageError."""
        smaller = reduction_here(self._data, self._name, at_least)
        if smaller not in self._decoded:
            if smaller > _DECODED_AT:
                twice = Image.fromarray(self.decoded((2 * at_least[0], 2 * at_least[1])))
                self._decoded[smaller] = np.array(twice.reduce(2))
            else:
                self._decoded[smaller] = decode_image(self._data, self._name, at_least, self._owner)
        return self._decoded[smaller]

    def prepared(self, height: int, width: int, at_once: bool = False) -> np.ndarray:
        """Returns what `load_photo` does; `at_once` as for `prepare_photo`. Raises GarbageError."""
        # Twice the target leaves the resampling filter enough pixels to work on.
        return prepare_photo(self.decoded((2 * height, 2 * width)), height, width, at_once)


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


@cache
def _helper() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="resize")


def _whole_steps(side: float) -> int:
    return max(STEP, STEP * round(side / STEP))
