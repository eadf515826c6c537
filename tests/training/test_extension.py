"""A finished run, extended by a stage, is what a training of all the stages would have been."""

import dataclasses

import pandas as pd
import pytest

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from tests.fixtures.photos import write_colors

FIRST = Stage("first", 2, 0.01, batch_size=8, augmentation="light")
SECOND = Stage("second", 1, 0.003, batch_size=8, augmentation="light")
SHORT = TrainingConfig(
    name="short", stages=(FIRST,), filters=8, blocks=(1, 1, 1, 1), height=32, width=48, batch_norm_momentum=0.5
)
LONG = dataclasses.replace(SHORT, name="long", stages=(FIRST, SECOND))


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global Checkpoint, train
    from garbage_core.training.checkpoint import Checkpoint
    from garbage_core.training.loop import train


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_dataset(write_colors(tmp_path_factory.mktemp("photos"), {"blue": 20, "red": 20}))


@pytest.fixture(scope="module")
def short(dataset, tmp_path_factory):
    return train(SHORT, dataset, tmp_path_factory.mktemp("models"))


@pytest.mark.slow
def test_it_goes_on_where_the_run_ended(dataset, short):
    longer = train(LONG, dataset, short.path.parent, extend=short)
    columns = [column for column in short.history if column != "seconds"]
    pd.testing.assert_frame_equal(longer.history[columns].iloc[:2], short.history[columns])
    assert list(longer.history["stage"]) == ["first", "first", "second"]
    assert list(longer.history["epoch"]) == [1, 2, 3]
    assert longer.info["starting_weights"] == short.info["starting_weights"]
    assert longer.info["duration_seconds"] > short.info["duration_seconds"]
    assert longer.info["best_val_macro_f1"] >= short.info["best_val_macro_f1"]


@pytest.mark.slow
def test_stopped_before_the_run_was_taken_over_it_resumes_with_that_run(dataset, short):
    config = dataclasses.replace(LONG, name="stopped")
    Checkpoint.open(short.path.parent / "stopped", config, f"{dataset.fingerprint}/all", resume=False)
    longer = train(config, dataset, short.path.parent, resume=True, extend=short)
    # Its seconds as well: the same seed would train the same stages again.
    pd.testing.assert_frame_equal(longer.history.iloc[:2], short.history)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dataclasses.replace(LONG, seed=3), "seed = 0, not 3"),
        (dataclasses.replace(LONG, stages=(SECOND, FIRST)), "Stage 1 of the run 'short', 'first'"),
        (dataclasses.replace(LONG, stages=(FIRST,)), "all stages of this training already"),
        (dataclasses.replace(LONG, protocol="fold-1-of-5"), "another split"),
    ],
)
def test_another_training_is_refused(config, message, dataset, short):
    with pytest.raises(GarbageError, match=message):
        train(config, dataset, short.path.parent, extend=short)


def test_other_photos_are_refused(dataset, short):
    with pytest.raises(GarbageError, match=r"trained on 40 of the photos, not on \d+: extend it with the same --limit"):
        train(LONG, dataset, short.path.parent, extend=short, limit=2)
