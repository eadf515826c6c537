"""What `benchmarks.app_speed.table` times of the command line and of explanations. Each function measures one row."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.app_speed.rows import DATASET_SIZE, jpeg
from benchmarks.app_speed.table import Measured, Settings
from garbage_core.errors import GarbageError
from garbage_core.inference.classifier import Classifier

ROOT = Path(__file__).resolve().parents[2]


def classify(settings: Settings) -> Measured:
    """Processor seconds of `garbage classify` with one photo."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        photo = Path(place) / "photo.jpg"
        photo.write_bytes(jpeg(2, DATASET_SIZE))
        return _processor(["classify", str(photo)], settings.rounds(3))


def usage(settings: Settings) -> Measured:
    """Processor seconds of `garbage --help`."""
    return _processor(["--help"], settings.rounds(5))


def _processor(words: list[str], repeats: int) -> Measured:
    """Returns the processor seconds of a command, which other work on the machine hardly lengthens."""
    times = []
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    for turn in range(-1, repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "garbage_core", *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise GarbageError(f"The command {words[0]!r} ends with {done.returncode}: {done.stderr.strip()[-200:]}")
        if turn >= 0:  # the first one reads the program from the disk
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return Measured(np.array(times), None, "processor time, all processes")


def explanations(settings: Settings) -> Measured:
    """Seconds of a heat map at the size of the app, warm; the slowest method counts."""
    from garbage_core.explain.heatmaps import METHODS, heatmap

    classifier, photo = _prepared(settings)
    times: dict[str, list[float]] = {}
    for method in METHODS:
        for turn in range(-1, settings.rounds(2)):
            start = time.perf_counter()
            heatmap(classifier, photo, 0, method)
            if turn >= 0:
                times.setdefault(method, []).append(time.perf_counter() - start)
    slowest = max(times, key=lambda name: np.median(times[name]))
    others = ", ".join(f"{name} {np.median(values):.2f} s" for name, values in times.items())
    return Measured(np.array(times[slowest]), None, f"the slowest, {slowest}: {others}")


def faithfulness(settings: Settings) -> Measured:
    """Seconds of the deletion and insertion of a photo's parts, by a map and at random."""
    from garbage_core.explain.faithfulness import faithfulness, random_removal

    classifier, photo = _prepared(settings)
    heat = classifier.class_activation(photo, 0)
    times = []
    for turn in range(-1, settings.rounds(3)):
        start = time.perf_counter()
        random = random_removal(lambda photos: classifier.probabilities(photos)[:, 0], photo)
        faithfulness(lambda photos: classifier.probabilities(photos)[:, 0], photo, heat, random)
        if turn >= 0:
            times.append(time.perf_counter() - start)
    return Measured(np.array(times), None, f"{settings.run.name} by {classifier.runtime}")


def _prepared(settings: Settings) -> tuple[Classifier, np.ndarray]:
    classifier = Classifier.from_run(settings.run)
    return classifier, classifier.prepare(jpeg(3, DATASET_SIZE))
