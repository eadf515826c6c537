"""The notebooks run to their ends: the tour on real photos where they are, else on drawn ones."""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from garbage_core.data.classes import CLASS_NAMES
from tests.fixtures.photos import COLORS, jpeg, write_colors

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"


def read(name):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install -r requirements-dev.txt")
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def execute(name, folder):
    """Runs a notebook within a folder; returns what it printed, and the kinds of its outputs."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install -r requirements-dev.txt")
    from nbclient import NotebookClient

    notebook = read(name)
    NotebookClient(notebook, timeout=1500, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    return "".join(output.get("text", "") for output in outputs), kinds


def write_photos(folder):
    """Writes twelve pictures of every class, each of random blocks."""
    rng = np.random.default_rng(0)
    for label in CLASS_NAMES:
        (folder / label).mkdir(parents=True)
        for number in range(12):
            blocks = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
            blocks.resize((128, 96)).save(folder / label / f"{label}-{number}.jpg")
    return folder


@pytest.mark.parametrize("name", ["tour", "train_on_gpu"])
def test_no_output_is_kept_with_a_notebook(name):
    for cell in read(name).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_tour_runs_to_its_end(tmp_path, monkeypatch):
    if not os.environ.get("GARBAGE_DATA"):
        monkeypatch.setenv("GARBAGE_DATA", str(write_photos(tmp_path / "photos")))
    monkeypatch.setenv("TOUR_EPOCHS", "1")
    monkeypatch.setenv("TOUR_LIMIT", "48")
    printed, kinds = execute("tour", NOTEBOOKS)
    assert "is right on" in printed
    assert "sure" in printed
    assert {"image/png", "application/vnd.plotly.v1+json"} <= kinds


MINIATURE = "--epochs 3 --limit 12 --set filters=4 --set blocks=[1,1,1,1] --set height=32 --set width=48"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_trained_on_a_gpu_comes_back_as_runs_that_the_app_reads(tmp_path, monkeypatch):
    """On a CPU, with miniatures: what the notebook does, but for installing, the real photos and ImageNet's weights."""
    from garbage_core.config.training_config import load_config
    from garbage_core.inference.classifier import Classifier
    from garbage_core.networks import build_network
    from garbage_core.networks.weights import save_weights
    from garbage_core.runs.run import list_runs

    (tmp_path / "photos").mkdir()
    small = load_config("transfer", ["filters=4", "blocks=[1, 1, 1, 1]"])
    save_weights(build_network(small, num_classes=9), tmp_path / "nine.weights.h5")
    for name, value in {
        "GARBAGE_DATA": write_colors(tmp_path / "photos", dict.fromkeys(COLORS, 10)),
        "GARBAGE_MODELS": tmp_path / "runs",
        "GPU_WEIGHTS": tmp_path / "nine.weights.h5",
        "GPU_SHORTER": f"{MINIATURE} --set stages.*.height=32 --set stages.*.width=48",
        "PYTHONPATH": ROOT,
    }.items():
        monkeypatch.setenv(name, str(value))
    printed, kinds = execute("train_on_gpu", tmp_path)
    assert re.search(r"transfer on the \d+ test photos", printed)
    assert "application/vnd.plotly.v1+json" in kinds
    with zipfile.ZipFile(tmp_path / "garbage-runs.zip") as archive:
        archive.extractall(tmp_path / "home")
    runs = {run.name: run for run in list_runs(tmp_path / "home" / "runs")}
    assert set(runs) == {"scratch", "transfer"}
    assert not runs["scratch"].info["starting_weights"]["loaded"]
    assert runs["transfer"].info["starting_weights"]["random"] == ["predictions"]
    assert Classifier.from_run(runs["transfer"], "keras").classify_bytes(jpeg()).label in COLORS
