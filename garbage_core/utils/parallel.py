"""Decoding many photos at once: the results in order, a bounded number of photos ahead of the caller."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


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
