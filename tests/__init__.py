"""Tests. What TensorFlow and other libraries read when they start is set here, before anything else is imported.

Programs and servers that a test starts inherit it.
"""

import os

# TensorFlow 2.21 with oneDNN corrupts memory on some processors when it trains networks of four channels, and now and
# then fails with other narrow ones. Miniatures that are trained have eight; with it: TF_ENABLE_ONEDNN_OPTS=1 pytest
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side: one thread each, or they wait for each other's.
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
