"""How long a call takes."""

import math
import statistics
import time
from collections.abc import Callable


def milliseconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Returns the median time of a call in milliseconds, after one call to warm up; NaN for no repeats."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times) if times else math.nan
