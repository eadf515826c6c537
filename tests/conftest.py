"""Fixtures that several test modules share."""

import os

import pytest

from tests.helpers import fake_run

# Networks of four channels make oneDNN fail or crash now and then on processors with AVX-512 (TensorFlow 2.21). To
# test with it: TF_ENABLE_ONEDNN_OPTS=1 pytest
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side: one thread each, or they wait for each other's. Read when a library starts, here or in a
    # program that a test starts.
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


@pytest.fixture
def runs_dir(tmp_path):
    """A folder with the two made-up runs `scratch` (70 %) and `transfer` (92 %) on the official counts."""
    fake_run(tmp_path, "scratch", accuracy=0.70, seed=1)
    fake_run(tmp_path, "transfer", accuracy=0.92, seed=2)
    return tmp_path
