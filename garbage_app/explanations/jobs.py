"""Heat maps and their faithfulness, computed by jobs in the background and cached by the photo's content.

A page asks for all jobs at once, shows each result as it arrives, and meanwhile shows their progress. A reader who
chooses something else interrupts only the waiting: a job that has begun is finished and cached, others are canceled.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_app import cache
from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of
from garbage_app.photo import Photo
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from garbage_core.explain.faithfulness import Faithfulness, RandomRemoval
    from garbage_core.inference.classifier import Classifier

# One at a time: each keeps all cores busy, and two maps at once would hold twice the memory.
_WORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")
_LOCK = threading.Lock()
_TICK = 0.2  # seconds between two updates of the progress


@dataclass(frozen=True)
class Request:
    """A prediction to be explained.

    Attributes:
        run: Run whose network made it.
        photo: Photo that it was made for.
        label: Class that the map speaks for.
        method: One of `garbage_core.explain.heatmaps.METHODS`.
        stack: Layers that the map is made of: "last" for the last feature map, or the beginning of a layer's name, such
            as "conv4" for the end of that stack of blocks.
    """

    run: Run
    photo: Photo
    label: str
    method: str
    stack: str = "last"

    @property
    def key(self) -> tuple:
        """Tells the map of this request from every other; equal photos of different names share one."""
        return (self.photo.digest, run_key(self.run), self.label, self.method, self.stack)


class Job:
    """A computation in the worker's queue.

    Attributes:
        share: Share of it that is done, 0..1.
    """

    def __init__(self, compute: Callable[[Callable[[float], None]], Any]) -> None:
        """Queues a function, which is called with a function to report its progress to, 0..1."""
        self.share = 0.0
        self._waiting = 0
        self._future: Future = _WORKER.submit(lambda: compute(self._report))

    @property
    def done(self) -> bool:
        """Whether `result` returns at once."""
        return self._future.done()

    def result(self) -> Any:
        """Returns what was computed, or raises what went wrong; waits for it if need be."""
        return self._future.result()

    def join(self) -> bool:
        """Counts one more who waits; returns False if the job was canceled or has failed."""
        with _LOCK:
            failed = self._future.cancelled() or (self._future.done() and self._future.exception() is not None)
            self._waiting += not failed
            return not failed

    def leave(self) -> None:
        """Counts one fewer who waits; a job that nobody waits for is canceled unless it has begun."""
        with _LOCK:
            self._waiting -= 1
            if self._waiting <= 0:
                self._future.cancel()

    def _report(self, share: float) -> None:
        self.share = share


def map_job(request: Request) -> Job:
    """Returns a job for the heat map of a request, float16 (h, w) of the network's input size."""
    return _job_for(("map", *request.key), lambda report: _heat(request, report), request.photo.private)


def random_removal_job(request: Request) -> Job:
    """Returns a job for the `RandomRemoval`, the baseline of all maps of the request's photo, network and class."""
    return _job_for(("random", *request.key[:3]), lambda report: _random(request, report), request.photo.private)


def faithfulness_job(request: Request, heat: np.ndarray, random: "RandomRemoval") -> Job:
    """Returns a job for the `Faithfulness` of a request's map."""
    return _job_for(
        ("faithfulness", *request.key),
        lambda report: _faithfulness(request, heat, random, report),
        request.photo.private,
    )


def wait_for(jobs: Sequence[Job], show: Callable[[float], None], before: float, after: float) -> None:
    """Waits until all jobs are done or have failed.

    Args:
        jobs: Jobs to wait for.
        show: Function that is called now and then with the share done in all; it draws, so a reader can interrupt the
            waiting there.
        before: Share of all work that was done before these jobs, 0..1.
        after: Share that will be done after them, 0..1.
    """
    try:
        while not all(job.done for job in jobs):
            share = sum(1.0 if job.done else job.share for job in jobs) / len(jobs)
            show(before + (after - before) * share)
            time.sleep(_TICK)
    finally:
        for job in jobs:
            job.leave()


def layer_of(classifier: "Classifier", stack: str) -> str | None:
    """Returns the layer that a stack stands for in a network; None for the last feature map. Raises GarbageError."""
    from garbage_core.explain.heatmaps import explainable_layers

    if stack == "last":
        return None
    layers = explainable_layers(classifier)
    for layer in layers:
        if layer.split("_")[0] == stack:
            return layer
    known = ", ".join(dict.fromkeys(layer.split("_")[0] for layer in layers if layer.startswith("conv")))
    raise GarbageError(f"This network has no layers {stack}: choose one of {known}.")


# What the jobs compute


def _heat(request: Request, report: Callable[[float], None]) -> np.ndarray:
    from garbage_core.explain.heatmaps import heatmap

    classifier, photo, place = _prepared(request)
    layer = None if request.method == "saliency" else layer_of(classifier, request.stack)
    return heatmap(classifier, photo, place, request.method, layer, report).astype(np.float16)


def _random(request: Request, report: Callable[[float], None]) -> "RandomRemoval":
    from garbage_core.explain.faithfulness import calls, random_removal

    classifier, photo, place = _prepared(request)
    return random_removal(_probability(classifier, place), photo, progress=_counting(report, calls()[1]))


def _faithfulness(
    request: Request, heat: np.ndarray, random: "RandomRemoval", report: Callable[[float], None]
) -> "Faithfulness":
    from garbage_core.explain.faithfulness import calls, faithfulness

    classifier, photo, place = _prepared(request)
    progress = _counting(report, calls()[0])
    return faithfulness(_probability(classifier, place), photo, heat.astype(np.float32), random, progress)


def _prepared(request: Request) -> "tuple[Classifier, np.ndarray, int]":
    classifier = classifier_of(request.run)
    return (
        classifier,
        classifier.prepare(request.photo.data, request.photo.name),
        classifier.classes.index(request.label),
    )


def _probability(classifier: "Classifier", place: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda photos: classifier.probabilities(photos)[:, place]


def _counting(report: Callable[[float], None], total: int) -> Callable[[int], None]:
    done = 0

    def count(photos: int) -> None:
        nonlocal done
        done += photos
        report(done / total)

    return count


# The queue


@cache.resource(max_entries=200, private=lambda key, private, *rest: private)  # a map takes 150 KB, the rest nothing
def _cached_job(key: tuple, private: bool, _compute: Callable[[Callable[[float], None]], Any]) -> Job:
    return Job(_compute)


def _job_for(key: tuple, compute: Callable[[Callable[[float], None]], Any], private: bool = False) -> Job:
    """Returns the cached job, or a new one if there is none or it was canceled or failed; joined either way."""
    for _ in range(2):  # a job that always fails must not be repeated for ever
        job = _cached_job(key, private, compute)
        if job.join():
            break
        _cached_job.clear(key, private, compute)
    return job
