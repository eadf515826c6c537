"""The runs in models/ are what they say: cards, weights and predictions belong together."""

import os
from pathlib import Path

import numpy as np
import pytest

from garbage_core.data.dataset import load_dataset
from garbage_core.data.images import load_photo
from garbage_core.evaluation.card import card_text
from garbage_core.runs.run import list_runs

ROOT = Path(__file__).resolve().parents[2]
RUNS = list_runs(ROOT / "models")
PHOTOS = ROOT.parent / "shared" / "data" / "trashnet" / "dataset-resized.zip"
EVERYDAY = PHOTOS.parents[1] / "everyday" / "everyday.zip"

pytestmark = pytest.mark.skipif(not RUNS, reason="no run is committed")


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_card_and_weights_are_those_of_the_run(run):
    assert (run.path / "card.md").read_text("utf-8") == card_text(run)
    run.check_weights()
    assert run.model_path.stat().st_size < 50e6


def _reproduces(run, source, predictions):
    from garbage_core.inference.classifier import Classifier
    from garbage_core.inference.runtimes import KERAS

    if not Path(source).exists():
        pytest.skip(f"the photos are not at {source}")
    dataset = load_dataset(source, verify=False)
    test = predictions[predictions["split"] == "test"]
    rows = test.iloc[:: max(len(test) // 24, 1)]
    classifier = Classifier.from_run(run, KERAS)  # not in 8 bits
    photos = [load_photo(dataset.read_bytes(file), *classifier.size, file) for file in rows["file"]]
    found = classifier.probabilities(photos, calibrated=False)
    assert len(found) >= 20
    np.testing.assert_allclose(found, rows[[f"p_{name}" for name in run.classes]], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_network_reproduces_its_predictions(run):
    _reproduces(run, os.environ.get("GARBAGE_DATA") or PHOTOS, run.predictions)


@pytest.mark.slow
@pytest.mark.parametrize("run", [run for run in RUNS if "everyday" in run.sets], ids=lambda run: run.name)
def test_network_reproduces_its_predictions_of_everyday_photos(run):
    _reproduces(run, EVERYDAY, run.predictions_of("everyday"))
