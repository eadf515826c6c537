"""JPEGs whose end is missing, as an interrupted copy leaves them: how much of the picture is there."""

from io import BytesIO

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from garbage_core.data.slow_files import jpeg_scan_headers

MAX_MISSING = 0.01  # of a picture
_END = b"\xff\xd9"
_GRAY = (127, 128)  # what libjpeg fills with in place of blocks that are missing, in any color model


def completed(data: bytes) -> bytes | None:
    """Gives a JPEG that is cut off an end, if less than `MAX_MISSING` of it is missing.

    Of a JPEG that is stored from top to bottom, the lowest blocks are missing. A progressive one is stored in passes of
    ever finer detail: there the last pass of every kind must have begun, so that no block is missing altogether.

    Returns:
        The JPEG with an end, or None if too much is missing.
    """
    scans = list(jpeg_scan_headers(data))
    begun = {(one, place) for parts, places, bits_left in scans if not bits_left for one in parts for place in places}
    components = {one for parts, _, _ in scans for one in parts}
    if not components or len(begun) < 64 * len(components):
        return None
    data = data.rstrip(b"\xff") + _END
    image = JpegImageFile(BytesIO(data))
    image.draft(None, (1, 1))  # an eighth of its size: a pixel for every block
    pixels = np.asarray(image)
    backwards = pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)[::-1]
    missing = (backwards == backwards[0]).all(axis=1) & np.isin(backwards, _GRAY).all(axis=1)
    run = len(missing) if missing.all() else int(missing.argmin())
    return data if run < MAX_MISSING * len(missing) else None
