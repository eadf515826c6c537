"""How much memory a server and its processes take: as a host bills it, and as a sum that counts shared pages again.

The resident memory (RSS) of several processes, added up, counts every page of a shared library once for each of them.
The proportional set size (PSS) divides such a page among those that share it, so that its sum is what the processes
take together; that is what a container's limit is about. Linux alone has it; elsewhere it is the RSS.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil


def resident(process: psutil.Process) -> int:
    """Returns the bytes of resident memory of a process and all its children, with shared pages counted each time."""
    return sum(_rss(one) for one in _family(process))


def proportional(process: psutil.Process) -> int:
    """Returns the bytes of a process and all its children, with shared pages counted once."""
    return sum(_pss(one) for one in _family(process))


def by_process(process: psutil.Process) -> dict[str, dict[str, int]]:
    """Returns `pss`, `rss` and `anonymous` (heaps, not files) in MB of a process and each of its children."""
    found = {}
    for place, one in enumerate(_family(process)):
        values = _rollup(one)
        if values:
            name = "server" if place == 0 else f"child {place}"
            keys = {"pss": "Pss", "rss": "Rss", "anonymous": "Anonymous"}
            found[name] = {key: round(values.get(field, 0) / 1e6) for key, field in keys.items()}
    return found


def _family(process: psutil.Process) -> Iterator[psutil.Process]:
    yield process
    with contextlib.suppress(psutil.Error):  # it has ended
        yield from process.children(recursive=True)


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0


def _pss(process: psutil.Process) -> int:
    return _rollup(process).get("Pss") or _rss(process)


def _rollup(process: psutil.Process) -> dict[str, int]:
    """Returns the sizes in bytes that Linux sums over all mappings of a process; {} where it does not."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name.rstrip(":"): 1024 * int(size) for name, size, *_ in map(str.split, lines)}
