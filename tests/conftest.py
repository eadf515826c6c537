"""Fixtures that several test modules share."""

import os

import pytest

from tests.fixtures.runs import fake_run

os.environ["GARBAGE_DOWNLOAD"] = "0"  # no test fetches the data set; servers that tests start inherit it


@pytest.fixture
def runs_dir(tmp_path):
    """A folder with the two made-up runs `scratch` (70 %) and `transfer` (92 %) on the official counts."""
    fake_run(tmp_path, "scratch", accuracy=0.70, seed=1)
    fake_run(tmp_path, "transfer", accuracy=0.92, seed=2)
    return tmp_path
