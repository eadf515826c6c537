"""Memory that is freed goes back to the system."""

import ctypes
import sys

LARGE = 1 << 20  # bytes; a decoded photo and what it was made from are larger, what Python itself keeps is smaller
_M_MMAP_THRESHOLD = -3  # malloc.h of glibc


def give_back_large_blocks(size: int = LARGE) -> bool:
    """Lets freed blocks of a megabyte and more go back to the system at once, instead of being kept for later.

    glibc does so at first, but each time such a block is freed it raises the size from which on it does, up to 32 MB
    (`man 3 mallopt`, M_MMAP_THRESHOLD). From then on photos of all sizes share its heaps, which they break up: the
    memory of a process that decodes thousands of them by several threads grows for an hour. Setting the size ends the
    raising. Such blocks are then fetched from the system each time, which costs about an eighth of the speed
    (docs/speed-notes.md), so this is for long work alone.

    Args:
        size: Smallest size of such a block, in bytes.

    Returns:
        Whether it took effect: False where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(mallopt and mallopt(_M_MMAP_THRESHOLD, size))
