"""How long each method takes for one photo, measured once and kept for those who want to know before they choose.

python -m benchmarks.explanations  # measures, and writes models/studies/explanations.json
load_times()  # what was measured, or None
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from garbage_core.data.images import prepare_photo
from garbage_core.errors import GarbageError
from garbage_core.explain.faithfulness import faithfulness
from garbage_core.explain.heatmaps import METHODS, heatmap
from garbage_core.inference.classifier import Classifier
from garbage_core.runs.run import models_dir
from garbage_core.synthetic.pictures import drawn
from garbage_core.utils.files import write_json

TIMES_FILE = "explanations.json"
SCHEMA_VERSION = 1
GOAL = 3.0  # seconds for a map, warm, on two quiet cores
FAITHFULNESS_GOAL = 2.0  # seconds for both curves
BUSY = 3.5  # more processes than the measurement itself keeps two cores busy with


@dataclass(frozen=True)
class Times:
    """Seconds for one photo with a warm network.

    Attributes:
        methods: Of each of `METHODS`, on the last feature map where it needs one.
        faithfulness: Of deletion in the order of a map and in all random orders.
        run: Name of the run that was measured.
        runtime: What ran its forward passes.
        size: Height and width of the photo in pixels.
        machine: What it was measured on, in words.
        measured: Day, as YYYY-MM-DD.
        load: Processes that wanted a core meanwhile, the mean over the last minute; None where the system does not say.
    """

    methods: dict[str, float]
    faithfulness: float
    run: str
    runtime: str
    size: tuple[int, int]
    machine: str
    measured: str
    load: float | None = None

    @property
    def note(self) -> str:
        """What the figures have to be read with: a sentence if other programs ran meanwhile, else nothing."""
        if self.load is None or self.load <= BUSY:
            return ""
        return f"The machine was busy with other work: on average {self.load:.0f} processes wanted its cores."


def measure(classifier: Classifier, repeats: int = 5) -> tuple[dict[str, float], float]:
    """Measures every method and the test of faithfulness, each after one round that is not timed.

    Args:
        classifier: Classifier made from a run.
        repeats: Number of rounds; the fastest counts, because other work on the machine can only make it slower.

    Returns:
        Seconds of each method by its name, and of the test of faithfulness.
    """
    photo = prepare_photo(drawn("document", 3), *classifier.size)
    heat = classifier.class_activation(photo, 0)

    def test() -> None:
        faithfulness(lambda photos: classifier.probabilities(photos)[:, 0], photo, heat)

    methods = {method: _fastest(partial(heatmap, classifier, photo, 0, method), repeats) for method in METHODS}
    return methods, _fastest(test, repeats)


def _fastest(work: Callable[[], object], repeats: int) -> float:
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return round(min(found), 3)


def times_path() -> Path:
    """Returns where the times are stored, whether or not there are any."""
    return models_dir() / "studies" / TIMES_FILE


def save_times(times: Times, path: Path | None = None) -> Path:
    """Writes the times and returns where. Raises GarbageError."""
    return write_json({"schema_version": SCHEMA_VERSION, **asdict(times)}, path or times_path())


def load_times(path: Path | None = None) -> Times | None:
    """Returns the times that were measured, or None if there is no such file. Raises GarbageError if it is unusable."""
    path = path or times_path()
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema_version") > SCHEMA_VERSION:
            raise ValueError("it is from a newer version")
        times = Times(**content | {"size": tuple(content["size"])})
        if not all(float(times.methods[name]) > 0 for name in METHODS) or float(times.faithfulness) <= 0:
            raise ValueError("a method has no time")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GarbageError(
            f"{str(path)!r} cannot be used ({error}): make it again with `python -m benchmarks.explanations`."
        ) from error
    return times
