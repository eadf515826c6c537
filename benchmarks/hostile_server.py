"""Hostile files through a running server, beside sessions with sound photos: the second part of `benchmarks hostile`.

One visitor uploads every hostile file, one after the other. Five others upload sound photos all the while, each a
drawing of its own: their answers must stay what they were, and 95 % of them may come after at most twice the time that
95 % took before. The memory is that of the server and its decoding processes together, with pages that they share
counted once (PSS): what a host bills. The sum of their resident memory (RSS), which counts them each time, is told too.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import psutil

from benchmarks.memory import by_process, proportional, resident
from benchmarks.soak import drawing, numbered, start_server
from benchmarks.visitor import Visitor

SOUND = 5  # sessions with sound photos
BEFORE = 8  # photos of each of them before the attack, and of each of its sessions
SECONDS, MEGABYTES, MOST_MEGABYTES, SLOWER = 6.0, 500, 1000, 2.0


def attack_server(files: Mapping[str, Callable[[], bytes]], progress: Callable[[str], object]) -> dict[str, Any]:
    """Attacks a server of its own.

    Args:
        files: What makes each hostile file, by its name.
        progress: Called with the name of each file that has been answered.

    Returns:
        `rows`, one for each file: file, bytes, seconds, megabytes above the start, answer, finding; `findings`, what
        is wrong with the whole, in words; `slower`, the 95th percentile of sound photos under attack as a multiple of
        that before; `megabytes`, the most memory of all processes of the server, and `resident` as the sum of RSS;
        `processes`, what each of them has before the attack and after it, see `memory.by_process`.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        server, base = start_server(place)
        try:
            return asyncio.run(_attack(base, psutil.Process(server.pid), files, progress))
        finally:
            server.terminate()
            server.wait(60)


async def _attack(
    base: str, server: psutil.Process, files: Mapping[str, Callable[[], bytes]], progress: Callable[[str], object]
) -> dict[str, Any]:
    drawings = [drawing(seed) for seed in range(SOUND)]
    ended = asyncio.Event()
    numbers = iter(range(10**9))
    wrong: list[str] = []

    async def visit(place: int, expected: list[str], most: int | None) -> list[float]:
        """Uploads a drawing again and again; returns the seconds of each answer, and fills `expected` at first."""
        seconds: list[float] = []
        while not ended.is_set() and (most is None or len(seconds) < most):
            async with Visitor(base) as visitor:
                for _ in range(BEFORE):
                    start, number = time.perf_counter(), next(numbers)
                    said = await visitor.ask(f"sound{number}.jpg", numbered(drawings[place], number))
                    seconds.append(time.perf_counter() - start)
                    said = sorted(text.replace(f"sound{number}.jpg", "") for text in said)  # parts come in any order
                    expected[:] = expected or said
                    if said != expected:
                        wrong.append(f"A sound photo was answered by {said}, before by {expected}.")
        return seconds

    answers: list[list[str]] = [[] for _ in drawings]
    before = np.concatenate(await asyncio.gather(*(visit(k, answers[k], BEFORE) for k in range(SOUND))))
    start = _megabytes(server)
    processes = {"before": by_process(server)}
    beside = [asyncio.create_task(visit(k, answers[k], None)) for k in range(SOUND)]
    rows: list[dict[str, Any]] = []
    try:
        for name, make in files.items():
            async with Visitor(base) as visitor:  # a session each: what one may hold is limited, and goes with it
                rows.append(await _upload(visitor, server, name, make(), start))
            progress(name)
    finally:
        ended.set()
    during = np.concatenate(await asyncio.gather(*beside))
    slower = float(np.percentile(during, 95) / np.percentile(before, 95))
    most = max(start, *(start + row["megabytes"] for row in rows))
    processes["after"] = by_process(server)
    wrong = wrong[:3]
    wrong += [f"Sound photos take {slower:.1f} times as long beside hostile ones."] if slower > SLOWER else []
    wrong += [f"The server takes {most:,.0f} MB."] if most > MOST_MEGABYTES else []
    return {
        "rows": rows,
        "findings": wrong,
        "slower": round(slower, 2),
        "megabytes": round(most),
        "resident": max(row["resident"] for row in rows),
        "processes": processes,
    }


async def _upload(visitor: Visitor, server: psutil.Process, name: str, data: bytes, start: float) -> dict[str, Any]:
    """Uploads one hostile file; returns its row."""
    began, most, counted_twice = time.perf_counter(), 0.0, 0.0
    asked = asyncio.create_task(visitor.ask(name, data))
    while not asked.done():
        most = max(most, _megabytes(server) - start)
        counted_twice = max(counted_twice, resident(server) / 1e6)
        await asyncio.wait([asked], timeout=0.05)
    try:
        said = asked.result()
    except Exception as error:  # the server has gone, or refused the file before it was a photo
        said = [f"error: {type(error).__name__}: {error}"]
    seconds = time.perf_counter() - began
    answer = next((text for text in said if text.startswith("error: ")), said[0] if said else "nothing")
    return {
        "file": name,
        "bytes": len(data),
        "seconds": round(seconds, 2),
        "megabytes": round(most),
        "resident": round(counted_twice),
        "answer": answer,
        "finding": "Traceback" in answer or seconds > SECONDS or most > MEGABYTES or answer == "nothing",
    }


def in_words(found: dict[str, Any]) -> list[str]:
    """Returns, in words, what an attack found beside its rows."""
    return [
        f"Sound photos beside hostile ones: {found['slower']} times as long (95th percentile; goal {SLOWER:g}).",
        f"The server and its decoding processes: at most {found['megabytes']:,} MB with shared pages counted once "
        f"(PSS; goal {MOST_MEGABYTES:,}), {found['resident']:,} MB with them counted in each (RSS).",
        *(
            f"{when}: " + "; ".join(f"{name} {told(sizes)}" for name, sizes in processes.items())
            for when, processes in found["processes"].items()
        ),
        *found["findings"],
    ]


def told(sizes: dict[str, int]) -> str:
    """Returns the sizes of a process in words."""
    return f"{sizes['pss']} MB ({sizes['anonymous']} MB of it heaps; RSS {sizes['rss']} MB)"


def _megabytes(server: psutil.Process) -> float:
    return proportional(server) / 1e6
