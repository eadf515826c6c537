"""Visitors one after the other, each with a session that ends: does the server's memory stay flat over a thousand?

    python benchmarks/soak.py --visitors 1000 --record

Each opens the app, uploads a photo, reads the answer, goes on to another page (all in turn), and leaves. After every
hundred, and at the end, the server's garbage is collected and its memory read: `rss_mb`, and `pss_mb` of it and its
decoding processes together (`benchmarks/memory.py`). Flat means: at the end within 5 % of what it was after the first
hundred, when the caches are full.
"""

import asyncio
import signal
import tempfile
import time
from typing import Any

import psutil

from benchmarks.memory import proportional, resident
from benchmarks.soak import drawing, expected_answers, numbered, start_server
from benchmarks.visitor import Visitor, verdict
from garbage_app.steps import CLOSING, STEPS

EVERY = 100  # visitors, after which the memory is read
FLAT = 5  # per cent of growth after the first reading that is allowed
DRAWINGS = 10
PAGES = (*(step.page for step in (*STEPS, CLOSING)), "evaluation", "about")
_SETTLE = 8.0  # seconds: all that a session has is dropped within 5 (garbage_app/sessions.py)


def soak_visitors(visitors: int, every: int = EVERY) -> dict[str, Any]:
    """Lets visitors come and go on a server of its own; returns what was found, as `benchmarks/soak.py` prints it."""
    drawings = [drawing(seed) for seed in range(min(DRAWINGS, visitors))]
    expected = expected_answers(drawings)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        server, base = start_server(place, collecting=True)
        try:
            wrong, memory = asyncio.run(_visits(base, server.pid, visitors, every, drawings, expected))
        finally:
            server.terminate()
            server.wait(60)
    readings = list(memory.values())
    growth = {key: round(100 * (readings[-1][key] / readings[0][key] - 1), 2) for key in readings[0]}
    return {
        "visitors": visitors,
        "right": visitors - len(wrong),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "growth_percent": growth,
        "flat": abs(growth["pss_mb"]) <= FLAT,
        "wrong": wrong[:20],
        "visitors_so_far": memory,
    }


async def _visits(
    base: str, server: int, visitors: int, every: int, drawings: list[bytes], expected: list[dict[str, str]]
) -> tuple[list[str], dict[str, dict[str, int]]]:
    from tqdm import tqdm

    wrong: list[str] = []
    memory: dict[str, dict[str, int]] = {}
    for number in tqdm(range(visitors), unit="visitor", disable=None):
        place = number % len(drawings)
        try:
            async with Visitor(base) as visitor:
                said = await visitor.ask(f"{number}.jpg", numbered(drawings[place], number))
                found = verdict(said, expected[place], expected)
                page = PAGES[number % len(PAGES)]
                said = await visitor.go_to(page)
                errors = [text for text in said if text.startswith("error: ")]
                found = f"{page}: {errors[0]}" if errors and found == "right" else found
        except Exception as error:
            found = f"error: {type(error).__name__}: {error}"
        wrong += [found] if found != "right" else []
        if (number + 1) % every == 0 or number + 1 == visitors:
            memory[str(number + 1)] = await _read(psutil.Process(server))
    return wrong, memory


async def _read(server: psutil.Process) -> dict[str, int]:
    """Returns the memory of a server once its last session has ended and its garbage is collected."""
    await asyncio.sleep(_SETTLE)
    server.send_signal(signal.SIGUSR1)
    await asyncio.sleep(2)
    return {"rss_mb": round(resident(server) / 1e6), "pss_mb": round(proportional(server) / 1e6)}
