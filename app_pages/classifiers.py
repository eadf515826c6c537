"""The networks that answer on the landing page: one of each per server, loaded in the background.

TensorFlow takes seconds to load, so it is never imported by a page. The landing page asks for its models once it has
been drawn; a thread loads them while the reader chooses a photo.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import streamlit as st

from garbage_core.errors import GarbageError
from garbage_core.runs import Run

if TYPE_CHECKING:
    from garbage_core.classify import Classifier

# One at a time: two imports of TensorFlow would only wait for each other, and memory peaks while a network is read.
_LOADER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-model")
MOST_MODELS = 3  # each takes about 100 MB


def start_loading(run: Run) -> "Future[Classifier]":
    """Begins to load the network of a run, unless that is done or under way, and returns at once."""
    return _classifier(*_key(run), run)


def classifier_of(run: Run) -> "Classifier":
    """Returns the classifier of a run, shared by all sessions, waiting for it if need be. Raises GarbageError."""
    try:
        return start_loading(run).result()
    except GarbageError:
        _classifier.clear(*_key(run), run)  # so that a mended file is tried again
        raise


def is_loaded(run: Run) -> bool:
    """Returns whether `classifier_of` would answer at once."""
    return start_loading(run).done()


def _key(run: Run) -> tuple:
    return str(run.path), run.weights_sha256, run.temperature, run.threshold


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _classifier(path: str, sha256: str | None, temperature: float, threshold: float, _run: Run) -> "Future[Classifier]":
    return _LOADER.submit(_load, _run)


def _load(run: Run) -> "Classifier":
    from garbage_core.classify import Classifier

    classifier = Classifier.from_run(run)
    classifier.warm_up()
    return classifier
