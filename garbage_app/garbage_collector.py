"""Freezes objects that stay loaded for ever, so that the garbage collector passes over them.

After every run of a page Streamlit starts a collection, and two where Keras is loaded. With TensorFlow that means more
than a million objects, nearly all of them modules, and takes longer than the page.
"""

import gc
import sys
import threading

_LOCK = threading.Lock()
_modules = 0  # how many were loaded when objects were last frozen


def settle() -> None:
    """Freezes all objects that are there now, if modules were loaded since the last time.

    Those that were frozen earlier are collected once more first, so that a model that was given up meanwhile is freed.
    """
    global _modules
    with _LOCK:
        if len(sys.modules) == _modules:
            return
        _modules = len(sys.modules)
        gc.unfreeze()
        gc.collect()
        gc.freeze()
