"""The benchmark of what feeds a training step runs as a whole, on a miniature."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.feed import photo_times, step_times
from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.data.dataset import load_dataset
from tests.fixtures.photos import thing_on_a_table

STAGE = Stage("only", 1, 0.01, batch_size=4, augmentation="light", background_replacement=0.5)
CONFIG = TrainingConfig(name="mini", stages=(STAGE,), filters=8, blocks=(1, 1, 1, 1), height=48, width=64)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(24):
        path = folder / ("can", "jar")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(thing_on_a_table(number)[0].astype(np.uint8)).save(path)
    return load_dataset(folder)


def test_what_a_photo_needs_is_timed(dataset):
    files = dataset.photos["file"].tolist()[:4]
    assert list(photo_times(dataset, files, 48, 64, replaced=False)) == ["decode"]
    found = photo_times(dataset, files, 48, 64, replaced=True)
    assert list(found) == ["decode", "foreground mask", "draw a background", "put on it"]
    assert min(found.values()) > 0


@pytest.mark.slow
def test_what_a_step_needs_is_timed(dataset):
    found = step_times(CONFIG, "only", dataset, dataset.photos["file"].tolist(), repeats=2)
    assert list(found) == ["one batch", "layers that augment", "step, same batch", "step, own batches"]
    assert found["layers that augment"] < found["step, same batch"]
    assert min(found.values()) > 0
