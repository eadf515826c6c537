"""What a program asks of its machine: threads that decode photos, cores, memory that is given back, time."""

import ctypes
import math
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
LARGE = 1 << 20  # bytes; a decoded photo and what it was made from are larger, what Python itself keeps is smaller
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h of glibc


def map_photos(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    progress: Callable[[int], object] = lambda done: None,
    workers: int | None = None,
    ahead: int = 64,
) -> Generator[Result, None, None]:
    """Applies a function that reads or decodes a photo to many items, in threads; decoders release Python's lock.

    Args:
        function: Called with one item by one of the threads.
        items: Any number of items, taken from their source only as results are taken from here.
        progress: Called with 1 after every result, by the caller's thread.
        workers: Number of threads; None for one per processor core.
        ahead: Largest number of items in work or ready at a time, which bounds the memory.

    Yields:
        The results in the order of the items. An exception of the function is raised at its item's turn and ends the
        work; so does giving the iterator up.
    """
    source = iter(items)
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers or available_cores(), thread_name_prefix="photos")
    try:
        while True:
            pending.extend(pool.submit(function, item) for item in islice(source, ahead - len(pending)))
            if not pending:
                return
            result = pending.popleft().result()
            progress(1)
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yields the items in lists of `size`, the last one shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    return _mallopt(_M_MMAP_THRESHOLD, size)


def one_heap() -> bool:
    """Has all threads share one heap, where glibc would give each its own of 64 MB; returns whether it took effect."""
    return _mallopt(_M_ARENA_MAX, 1)


def _mallopt(parameter: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(mallopt and mallopt(parameter, value))


def milliseconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Returns the median time of a call in milliseconds, after one call to warm up; NaN for no repeats."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times) if times else math.nan
