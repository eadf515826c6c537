"""What a visitor of the app waits for, from `streamlit run` to the answers of twenty sessions. One server for all rows.

The visitor is a program (`benchmarks.visitor`): it opens the websocket and uploads photos as a browser does. What a
browser itself takes is in `visit` beside this module.
"""

import asyncio
import functools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from benchmarks.app_speed.rows import PHONE_SIZE, jpeg
from benchmarks.app_speed.table import Measured, Settings
from benchmarks.soak import numbered, resident, start_server, worked
from benchmarks.visitor import Visitor
from garbage_core.errors import GarbageError

SESSIONS = 20
UPLOADS = 11  # one after the other, the first of which does not count


def start(settings: Settings) -> Measured:
    """Seconds from the start of the server to the first answer."""
    return Measured(_visited(settings.rounds(1))["seconds"], None, "a photo of 12 megapixels, all models")


def start_processor(settings: Settings) -> Measured:
    """Processor seconds that the server has had by then."""
    return Measured(_visited(settings.rounds(1))["processor"], None, "the server alone")


def start_memory(settings: Settings) -> Measured:
    """Resident memory of the server by then."""
    return Measured(_visited(settings.rounds(1))["memory"], None, "the server alone")


def upload(settings: Settings) -> Measured:
    """Milliseconds from the upload of a phone's photo to the page with all answers, on a warm server."""
    return Measured(_visited(settings.rounds(1))["uploads"], None, "a photo of 12 megapixels, all models")


def sessions(settings: Settings) -> Measured:
    """The time below which 95 % of the answers to sessions lie that upload at once, against the photos in a row."""
    found = _visited(settings.rounds(1))
    return Measured(found["together"], found["in_a_row"], f"{SESSIONS} sessions, photos of 12 megapixels, all models")


@contextmanager
def served() -> Iterator[tuple[Any, str]]:
    """Starts the app; yields its process and its address, and ends it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        server, base = start_server(place)
        try:
            yield server, base
        finally:
            server.terminate()
            server.wait(60)


@functools.cache
def _visited(rounds: int) -> dict[str, np.ndarray]:
    """Returns all that is measured with a server, each as an array over rounds, each with a server of its own."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        began = time.perf_counter()
        with served() as (server, base):
            for name, values in asyncio.run(_visit(base, server.pid, began)).items():
                found.setdefault(name, []).extend(values)
    return {name: np.array(values) for name, values in found.items()}


async def _visit(base: str, server: int, began: float) -> dict[str, list[float]]:
    photo, numbers = jpeg(0, PHONE_SIZE), count()

    async def ask(visitor: Visitor) -> float:
        """Uploads the photo as a file that no cache knows; returns milliseconds to the end of the page."""
        number, at = next(numbers), time.perf_counter()
        said = await visitor.ask(f"{number}.jpg", numbered(photo, number))
        if errors := [text for text in said if text.startswith("error: ")]:
            raise GarbageError(f"The page answers a photo with an {errors[0]}: look at it in a browser.")
        return 1000 * (time.perf_counter() - at)

    async with Visitor(base) as visitor:
        await ask(visitor)
        first = {"seconds": [time.perf_counter() - began], "processor": [worked(server)], "memory": [resident(server)]}
        uploads = [await ask(visitor) for _ in range(UPLOADS)][1:]
        in_a_row = sum([await ask(visitor) for _ in range(SESSIONS)])
    visitors = [Visitor(base) for _ in range(SESSIONS)]
    for visitor in visitors:
        await visitor.__aenter__()
    try:
        together = await asyncio.gather(*map(ask, visitors))
    finally:
        for visitor in visitors:
            await visitor.__aexit__()
    return first | {"uploads": uploads, "in_a_row": [in_a_row], "together": [float(np.percentile(together, 95))]}
