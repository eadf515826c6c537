"""Decoding in processes with a budget: what goes wrong there costs one photo its answer, and nobody else anything.

A photo that takes more than `SECONDS` has its process ended; one that takes more than `MEGABYTES` fails, or ends the
process by itself. Either is a sentence, and the next photo gets a new process. The processes are started when they are
first needed, import nothing of networks, and end when they have had nothing to do for `IDLE` seconds or when this
process ends. They start afresh (no fork), so threads that run here do not matter, and do not import the main module,
so no script needs a guard for them. In a process that may have none of its own, such as one of `multiprocessing.Pool`,
photos are decoded in place.

When there are more photos than processes, owners take turns, however many photos each has waiting. An owner is as a
rule whoever has called: a thread, such as that of a session of the app, or one batch. Who has made a process be ended
gets one process at a time from then on, so that the others are never left without.

macOS and Windows do not limit the memory of a process, so only time is limited there.
"""

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
import time
import warnings
import weakref
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from garbage_core.data.decoding import decode_here
from garbage_core.data.file_types import shown
from garbage_core.errors import GarbageError
from garbage_core.utils.system import available_cores, one_heap

SECONDS = 5.0  # that a photo may take
MEGABYTES = 400  # beyond what a process has before its first photo
IDLE = 300.0  # seconds
STARTING = 60.0  # seconds that a process may take to start, on a busy machine


class Owner:
    """Somebody whose photos wait in a line of their own."""


def decode_in_process(
    data: bytes, name: str, at_least: tuple[int, int] | None, owner: object | None = None
) -> np.ndarray:
    """Decodes a photo in a process with a budget, once it is the owner's turn.

    Args:
        data: The file's content.
        name: What to call the file in an error.
        at_least: See `images.decode_image`.
        owner: Whose photo it is; None for the thread's that calls.

    Returns:
        uint8 (height, width, 3), RGB.

    Raises:
        GarbageError: As for `images.decode_image`; also if it takes too much time or memory.
    """
    if multiprocessing.current_process().daemon:  # may have no processes of its own
        return decode_here(data, name, at_least)
    return _POOL.decode(data, name, at_least, owner or threading.current_thread())


def use_processes(number: int) -> None:
    """Sets how many processes there are from now on; those at work finish their photo first."""
    _POOL.resize(number)


@atexit.register
def stop_processes() -> None:
    """Ends all processes; the next photo starts one anew."""
    _POOL.stop()


class _Process:
    """One process, started when it is needed, and anew as soon as it had to be ended."""

    def __init__(self) -> None:
        self._executor: Any = None
        self._ready: Future[int] | None = None
        self._last = 0.0  # time of its last photo

    def decode(self, data: bytes, name: str, at_least: tuple[int, int] | None) -> np.ndarray | str:
        """Returns the photo, or what is wrong with it. Any exception means that the process had to be ended."""
        try:
            if self._executor is None or time.monotonic() - self._last > IDLE / 2:
                self._start()
            assert self._ready is not None
            self._ready.result(STARTING)  # its start counts for no photo
            found: np.ndarray | str = self._executor.submit(_decode, data, name, at_least, SECONDS).result(SECONDS)
            return found
        except BaseException:  # also of a session that is ended
            self.stop()
            with contextlib.suppress(Exception):  # the next photo tries again
                self._start()
            raise
        finally:
            self._last = time.monotonic()

    def _start(self) -> None:
        """Starts the process, if it has not been started or has ended; waits for nothing."""
        from loky.backend import get_context
        from loky.process_executor import ProcessPoolExecutor

        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                max_workers=1,
                timeout=IDLE,
                context=get_context("loky"),
                initializer=_limit,
                initargs=(MEGABYTES,),
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._ready = self._executor.submit(os.getpid)

    def stop(self) -> None:
        """Ends the process at once."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, kill_workers=True)


class _Pool:
    """Some processes, and the line before them. Thread-safe."""

    def __init__(self, number: int) -> None:
        self._change = threading.Condition()
        self._number = number
        self._free: list[_Process] = []
        self._busy: Counter[int] = Counter()  # processes at work, by the owner's identity
        self._waiting: dict[int, deque[object]] = {}  # the owner whose turn it is comes first
        self._costly: weakref.WeakSet[object] = weakref.WeakSet()

    def decode(self, data: bytes, name: str, at_least: tuple[int, int] | None, owner: object) -> np.ndarray:
        with self._turn(owner) as process:
            try:
                found = process.decode(data, name, at_least)
            except Exception as error:
                self._costly.add(owner)
                why = (
                    f"takes longer than {SECONDS:.0f} s" if isinstance(error, TimeoutError) else "takes too much memory"
                )
                raise GarbageError(
                    f"{shown(name)} {why} to decode: save a smaller copy as plain JPEG or PNG."
                ) from error
        if isinstance(found, str):
            raise GarbageError(found)
        return found

    def resize(self, number: int) -> None:
        with self._change:
            self._number = number
            while len(self._free) > max(number - self._busy.total(), 0):
                self._free.pop().stop()
            self._change.notify_all()

    def stop(self) -> None:
        with self._change:
            for process in self._free:
                process.stop()

    @contextlib.contextmanager
    def _turn(self, owner: object) -> Iterator[_Process]:
        """Waits until a process is free for the owner, and lends it."""
        ticket, who = object(), id(owner)
        with self._change:
            line = self._waiting.setdefault(who, deque())
            line.append(ticket)
            try:
                self._change.wait_for(lambda: self._next() is ticket)
            except BaseException:  # a session that is ended while it waits
                self._leave(who, ticket)
                raise
            self._leave(who, ticket)
            if line:  # behind the others
                self._waiting[who] = self._waiting.pop(who)
            self._busy[who] += 1
            process = self._free.pop() if self._free else _Process()
            self._change.notify_all()
        try:
            yield process
        finally:
            with self._change:
                self._busy -= Counter([who])
                if len(self._free) + self._busy.total() < self._number:
                    self._free.append(process)
                else:
                    process.stop()
                self._change.notify_all()

    def _next(self) -> object | None:
        """Returns the ticket whose turn it is, or None while there is no process for anybody who waits."""
        if self._busy.total() >= self._number:
            return None
        costly = {id(owner) for owner in self._costly}
        return next((line[0] for who, line in self._waiting.items() if not (who in costly and self._busy[who])), None)

    def _leave(self, who: int, ticket: object) -> None:
        self._waiting[who].remove(ticket)
        if not self._waiting[who]:
            del self._waiting[who]


_POOL = _Pool(max(2, available_cores()))


def _after_fork() -> None:
    global _POOL
    _POOL = _Pool(_POOL._number)  # the processes and the threads that talk to them are the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# In the processes


def _limit(megabytes: int) -> None:
    """Gets a process ready: loads the decoders, then limits its memory."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that has started this one
    import pillow_heif
    from PIL import AvifImagePlugin, Image

    # Every thread takes memory of its own.
    pillow_heif.options.DECODE_THREADS = 1
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    one_heap()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    Image.init()
    with contextlib.suppress(GarbageError):
        decode_here(b"", "")
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _end_with(parent: int) -> None:
    """Ends this process soon after the one that has started it, even if that was killed."""
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)


def _decode(data: bytes, name: str, at_least: tuple[int, int] | None, seconds: float) -> np.ndarray | str:
    """Decodes a photo; returns it, or what is wrong with it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        # Should nobody be there to end this process, the system does.
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + 2 * seconds) + 1, most))
    try:
        return decode_here(data, name, at_least)
    except GarbageError as error:
        return str(error)
