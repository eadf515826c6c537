"""Heat maps and their faithfulness, computed by jobs in the background and cached by the photo's content.

A page asks for jobs each time it is drawn, shows the results that are there, and is drawn again when another is done.
A job that no page has asked for of late, because the reader chose something else or left, is dropped before it begins.
What needs TensorFlow waits in a queue of its own, so that nothing else waits for it.
"""

import importlib
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
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
_WITH_TENSORFLOW = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain-tensorflow")
_WITHOUT = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")
WANTED_FOR = 6.0  # seconds after which a job that no page has asked for again is dropped; pages ask every second
RETRY_AFTER = 30.0  # seconds until what failed is tried again, if a page asks for it
_SECONDS: dict[str, deque[float]] = {}  # that the last maps of each method took on this server


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


class DroppedError(Exception):
    """The job was dropped before it began, because no page wanted it any more."""


class Job:
    """A computation in a queue.

    Attributes:
        share: Share of it that is done, 0..1.
        preview: Result as far as it is computed, or None.
    """

    def __init__(self, compute: "Callable[[Job], Any]", queue: ThreadPoolExecutor) -> None:
        """Takes a function, which is called with this job, and the queue that it joins when it is started."""
        self.share = 0.0
        self.preview: Any = None
        self._compute: Callable[[Job], Any] | None = compute
        self._queue = queue
        self._lock = threading.Lock()
        self._wanted = time.monotonic()
        self._ended: float | None = None
        self._future: Future | None = None

    def start(self) -> None:
        """Says that a page waits for the result, and queues the job if that was not done yet.

        A page does so once it has been drawn: what runs here, above all loading TensorFlow, would slow its drawing.
        """
        with self._lock:
            self._wanted = time.monotonic()
            if self._future is None:
                self._future = self._queue.submit(self._run)

    @property
    def done(self) -> bool:
        """Whether `result` returns or raises at once."""
        return self._future is not None and self._future.done()

    def result(self) -> Any:
        """Returns what was computed, or raises what went wrong; waits for it if need be."""
        self.start()
        assert self._future is not None
        return self._future.result()

    @property
    def is_over(self) -> bool:
        """Whether nobody gets a result of this job any more: it was dropped, or has failed some time ago."""
        if self._future is None or not self._future.done() or (error := self._future.exception()) is None:
            return False
        # A job that always fails must not be repeated with every drawing of the page.
        return isinstance(error, DroppedError) or time.monotonic() - (self._ended or 0) > RETRY_AFTER

    def _run(self) -> Any:
        compute, self._compute = self._compute, None  # which holds the photo
        try:
            if compute is None or time.monotonic() - self._wanted > WANTED_FOR:
                raise DroppedError
            return compute(self)
        finally:
            self._ended = time.monotonic()


def tensorflow_job(run: Run) -> Job:
    """Returns a job that loads TensorFlow, what computes gradients with it, and the network of a run."""
    return _job_for(("tensorflow", run_key(run)), lambda job: _load_tensorflow(run), needs_tensorflow=True)


def map_job(request: Request) -> Job:
    """Returns a job for the heat map of a request, float16 (h, w) of the network's input size."""
    return _job_for(("map", *request.key), lambda job: _heat(request, job), request.photo.private, True)


def random_removal_job(request: Request) -> Job:
    """Returns a job for the `RandomRemoval`, the baseline of all maps of the request's photo, network and class."""
    return _job_for(("random", *request.key[:3]), lambda job: _random(request), request.photo.private)


def faithfulness_job(request: Request, heat: np.ndarray, random: "RandomRemoval") -> Job:
    """Returns a job for the `Faithfulness` of a request's map."""
    return _job_for(
        ("faithfulness", *request.key),
        lambda job: _faithfulness(request, heat, random),
        request.photo.private,
    )


def seconds_of(method: str) -> float | None:
    """Returns how long the last maps of a method took on this server, half of them less; None before the first."""
    return statistics.median(_SECONDS[method]) if method in _SECONDS else None


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


def _load_tensorflow(run: Run) -> None:
    from garbage_core.explain.heatmaps import explainable_layers

    # Importing it is seconds of Python, and whoever draws a page meanwhile waits this long for each of their turns.
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        explainable_layers(classifier_of(run))
        importlib.import_module("tf_keras_vis.gradcam")
    finally:
        sys.setswitchinterval(usual)


def _heat(request: Request, job: Job) -> np.ndarray:
    from garbage_core.explain.heatmaps import heatmap

    classifier, photo, place = _prepared(request)
    layer = None if request.method == "saliency" else layer_of(classifier, request.stack)

    def report(share: float) -> None:
        job.share = share

    def show(heat: np.ndarray) -> None:
        job.preview = heat.astype(np.float16)

    start = time.perf_counter()
    heat = heatmap(classifier, photo, place, request.method, layer, report, show).astype(np.float16)
    _SECONDS.setdefault(request.method, deque(maxlen=9)).append(time.perf_counter() - start)
    return heat


def _random(request: Request) -> "RandomRemoval":
    from garbage_core.explain.faithfulness import random_removal

    classifier, photo, place = _prepared(request)
    return random_removal(_probability(classifier, place), photo)


def _faithfulness(request: Request, heat: np.ndarray, random: "RandomRemoval") -> "Faithfulness":
    from garbage_core.explain.faithfulness import faithfulness

    classifier, photo, place = _prepared(request)
    return faithfulness(_probability(classifier, place), photo, heat.astype(np.float32), random)


def _prepared(request: Request) -> "tuple[Classifier, np.ndarray, int]":
    classifier = classifier_of(request.run)
    return (
        classifier,
        classifier.prepare(request.photo.data, request.photo.name),
        classifier.classes.index(request.label),
    )


def _probability(classifier: "Classifier", place: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda photos: classifier.probabilities(photos)[:, place]


# The queues


@cache.resource(max_entries=400, private=lambda key, private, *rest: private)  # a map takes 150 KB, the rest nothing
def _cached_job(key: tuple, private: bool, _compute: Callable[[Job], Any], _needs_tensorflow: bool) -> Job:
    return Job(_compute, _WITH_TENSORFLOW if _needs_tensorflow else _WITHOUT)


def _job_for(key: tuple, compute: Callable[[Job], Any], private: bool = False, needs_tensorflow: bool = False) -> Job:
    """Returns the cached job, or a new one if there is none or it is over."""
    job = _cached_job(key, private, compute, needs_tensorflow)
    if job.is_over:
        _cached_job.clear(key, private, compute, needs_tensorflow)
        job = _cached_job(key, private, compute, needs_tensorflow)
    return job
