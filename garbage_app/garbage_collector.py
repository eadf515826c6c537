"""Keeps what stays loaded for ever out of the garbage collector's sight.

After every run of a page Streamlit has Python look through all objects for forgotten ones, and twice so where Keras is
loaded. With TensorFlow that are more than a million, nearly all of them modules, and it takes longer than the page.
"""

import gc
import sys
import threading

_LOCK = threading.Lock()
_modules = 0  # how many were loaded when the collector was last told


def settle() -> None:
    """Tells the garbage collector to pass over all that is there now, if modules were loaded since the last time.

    What was told earlier is looked through once more first, so that a model which was given up meanwhile is freed.
    """
    global _modules
    with _LOCK:
        if len(sys.modules) == _modules:
            return
        _modules = len(sys.modules)
        gc.unfreeze()
        gc.collect()
        gc.freeze()
