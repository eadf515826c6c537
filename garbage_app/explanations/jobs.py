"""Heat maps and how far they can be trusted, computed in the background and kept by the photo's content.

A page asks for all it needs at once, shows each result as it arrives, and meanwhile says how far the work is. A reader
who chooses something else interrupts only the waiting: what was begun is finished and kept, what was not is dropped.
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
_TICK = 0.2  # seconds between two looks at how far the work is


@dataclass(frozen=True)
class Wish:
    """What is to be explained.

    Attributes:
        run: Whose network.
        photo: Which photo.
        label: For which class.
        method: One of `garbage_core.explain.heatmaps.METHODS`.
        stack: Which part of the network the map is made of: "last" for its last feature map, or the beginning of a
            layer's name, such as "conv4" for the end of that stack of blocks.
    """

    run: Run
    photo: Photo
    label: str
    method: str
    stack: str = "last"

    @property
    def key(self) -> tuple:
        """Tells the map of this wish from every other; equal photos of different names share one."""
        return (self.photo.digest, run_key(self.run), self.label, self.method, self.stack)


class Work:
    """A computation that was handed to the worker.

    Attributes:
        share: How much of it is done, 0..1.
    """

    def __init__(self, compute: Callable[[Callable[[float], None]], Any]) -> None:
        """Hands over a function that is called with a function to tell its progress to, 0..1."""
        self.share = 0.0
        self._waiting = 0
        self._future: Future = _WORKER.submit(lambda: compute(self._tell))

    @property
    def done(self) -> bool:
        """Whether `result` would answer at once."""
        return self._future.done()

    def result(self) -> Any:
        """Returns what was computed, or raises what went wrong; waits for it if need be."""
        return self._future.result()

    def join(self) -> bool:
        """Counts one more who waits; returns False if there is no result and will be none."""
        with _LOCK:
            failed = self._future.cancelled() or (self._future.done() and self._future.exception() is not None)
            self._waiting += not failed
            return not failed

    def leave(self) -> None:
        """Counts one fewer who waits; work that nobody waits for is not begun."""
        with _LOCK:
            self._waiting -= 1
            if self._waiting <= 0:
                self._future.cancel()

    def _tell(self, share: float) -> None:
        self.share = share


def map_work(wish: Wish) -> Work:
    """Asks for the heat map of a wish, float16 (h, w) of the size that the network sees; returns at once."""
    return _kept(("map", *wish.key), lambda tell: _heat(wish, tell), wish.photo.private)


def yardstick_work(wish: Wish) -> Work:
    """Asks for the `RandomRemoval` that all maps of the wish's photo, network and class are held against."""
    return _kept(("random", *wish.key[:3]), lambda tell: _random(wish, tell), wish.photo.private)


def faithfulness_work(wish: Wish, heat: np.ndarray, random: "RandomRemoval") -> Work:
    """Asks for the `Faithfulness` of a wish's map."""
    return _kept(("faithfulness", *wish.key), lambda tell: _faithfulness(wish, heat, random, tell), wish.photo.private)


def wait_for(works: Sequence[Work], show: Callable[[float], None], before: float, after: float) -> None:
    """Waits until all is done or has failed.

    Args:
        works: What was asked for.
        show: Called now and then with how much is done in all; it draws, so a reader can interrupt the waiting there.
        before: How much was done of everything before these works, 0..1.
        after: How much will be done after them, 0..1.
    """
    try:
        while not all(work.done for work in works):
            share = sum(1.0 if work.done else work.share for work in works) / len(works)
            show(before + (after - before) * share)
            time.sleep(_TICK)
    finally:
        for work in works:
            work.leave()


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


# What the worker does


def _heat(wish: Wish, tell: Callable[[float], None]) -> np.ndarray:
    from garbage_core.explain.heatmaps import heatmap

    classifier, photo, place = _prepared(wish)
    layer = None if wish.method == "saliency" else layer_of(classifier, wish.stack)
    return heatmap(classifier, photo, place, wish.method, layer, tell).astype(np.float16)


def _random(wish: Wish, tell: Callable[[float], None]) -> "RandomRemoval":
    from garbage_core.explain.faithfulness import calls, random_removal

    classifier, photo, place = _prepared(wish)
    return random_removal(_probability(classifier, place), photo, progress=_counting(tell, calls()[1]))


def _faithfulness(
    wish: Wish, heat: np.ndarray, random: "RandomRemoval", tell: Callable[[float], None]
) -> "Faithfulness":
    from garbage_core.explain.faithfulness import calls, faithfulness

    classifier, photo, place = _prepared(wish)
    progress = _counting(tell, calls()[0])
    return faithfulness(_probability(classifier, place), photo, heat.astype(np.float32), random, progress)


def _prepared(wish: Wish) -> "tuple[Classifier, np.ndarray, int]":
    classifier = classifier_of(wish.run)
    return classifier, classifier.prepare(wish.photo.data, wish.photo.name), classifier.classes.index(wish.label)


def _probability(classifier: "Classifier", place: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda photos: classifier.probabilities(photos)[:, place]


def _counting(tell: Callable[[float], None], total: int) -> Callable[[int], None]:
    done = 0

    def count(photos: int) -> None:
        nonlocal done
        done += photos
        tell(done / total)

    return count


# Keeping


@cache.resource(max_entries=200, private=lambda key, private, *rest: private)  # a map takes 150 KB, the rest nothing
def _work(key: tuple, private: bool, _compute: Callable[[Callable[[float], None]], Any]) -> Work:
    return Work(_compute)


def _kept(key: tuple, compute: Callable[[Callable[[float], None]], Any], private: bool = False) -> Work:
    """Returns the kept work, or new work if there is none or it was dropped or failed; joined either way."""
    for _ in range(2):  # work that always fails must not be tried for ever
        work = _work(key, private, compute)
        if work.join():
            break
        _work.clear(key, private, compute)
    return work
