"""The tour runs from its first cell to its last, on real photos where they are, else on made-up ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from garbage_core.data.classes import CLASS_NAMES

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "notebooks" / "tour.ipynb"


def read_tour():
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install -r requirements-dev.txt")
    return nbformat.read(TOUR, as_version=4)


def write_photos(folder):
    """Writes twelve pictures of every class, each of random blocks."""
    rng = np.random.default_rng(0)
    for label in CLASS_NAMES:
        (folder / label).mkdir(parents=True)
        for number in range(12):
            blocks = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
            blocks.resize((128, 96)).save(folder / label / f"{label}-{number}.jpg")
    return folder


def test_no_output_is_kept_with_the_tour():
    for cell in read_tour().cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_tour_runs_to_its_end(tmp_path, monkeypatch):
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install -r requirements-dev.txt")
    from nbclient import NotebookClient

    if not os.environ.get("GARBAGE_DATA"):
        monkeypatch.setenv("GARBAGE_DATA", str(write_photos(tmp_path / "photos")))
    monkeypatch.setenv("TOUR_EPOCHS", "1")
    monkeypatch.setenv("TOUR_LIMIT", "48")
    tour = read_tour()
    NotebookClient(tour, timeout=1500, resources={"metadata": {"path": str(TOUR.parent)}}).execute()
    printed = "".join(out.get("text", "") for cell in tour.cells for out in cell.get("outputs", []))
    kinds = {kind for cell in tour.cells for out in cell.get("outputs", []) for kind in out.get("data", {})}
    assert "is right on" in printed
    assert "sure" in printed
    assert {"image/png", "application/vnd.plotly.v1+json"} <= kinds
