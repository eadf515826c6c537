"""A miniature network learns, remembers what it did, and survives being killed."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import f1_score

from garbage_core.config.training_config import load_config
from garbage_core.data.dataset import load_dataset
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.inference.engine import network_probabilities
from tests.fixtures.photos import COLORS, write_colors
from tests.fixtures.trainings import NETWORK, TOP, WHOLE

CONFIG = NETWORK + "dropout = 0.1" + WHOLE + "ema = 0.5" + TOP


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global load_network, EpochEnd, train
    from garbage_core.networks.weights import load_network
    from garbage_core.training.callbacks import EpochEnd
    from garbage_core.training.loop import train


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixty photos of three colors, which a network can learn in a few steps."""
    return write_colors(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "mini.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory):
    """A finished miniature run, trained once for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mini.toml").write_text(CONFIG)
    return train(load_config(folder / "mini.toml"), load_dataset(photos), folder)


def without_seconds(folder):
    return pd.read_csv(folder / "history.csv").drop(columns="seconds")


def test_learns_what_can_be_learned(finished):
    history = finished.history
    assert history["val_macro_f1"].max() > 0.9
    assert list(history["epoch"]) == [1, 2, 3, 4, 5]
    assert list(history["stage"]) == ["whole"] * 3 + ["top"] * 2
    assert finished.info["best_val_macro_f1"] >= history["val_macro_f1"].max() - 1e-4


def test_run_records_what_it_is(finished, photos):
    info = finished.info
    assert info["protocol"] == "stratified"
    assert info["classes"] == sorted(COLORS)
    assert sum(sum(split.values()) for split in info["splits"].values()) == 60
    assert info["starting_weights"]["loaded"] == []
    assert info["data_fingerprint"] == load_dataset(photos).fingerprint
    assert info["temperature"] > 0
    assert info["duration_seconds"] > 0
    assert sorted(p.name for p in finished.path.iterdir()) == [
        "card.md", "history.csv", "model.keras", "predictions.csv", "run.json"
    ]  # fmt: skip


def test_predictions_are_those_of_the_stored_network(finished, photos):
    dataset = load_dataset(photos)
    table = finished.predictions
    assert sorted(table["file"]) == sorted(dataset.photos["file"])
    network = load_network(finished.model_path, finished.weights_sha256)
    prepared = [load_photo(dataset.read_bytes(file), 32, 48) for file in table["file"]]
    columns = [f"p_{name}" for name in finished.classes]
    np.testing.assert_allclose(network_probabilities(network, prepared), table[columns], atol=1e-4)


@pytest.mark.slow
def test_same_seed_gives_the_same_history_and_another_seed_another(photos, config_file, finished, tmp_path):
    dataset = load_dataset(photos)
    train(load_config(config_file), dataset, tmp_path / "again")
    pd.testing.assert_frame_equal(without_seconds(tmp_path / "again" / "mini"), without_seconds(finished.path))
    train(load_config(config_file, ["seed=1"]).with_epochs(1), dataset, tmp_path / "other")
    assert without_seconds(tmp_path / "other" / "mini")["loss"][0] != without_seconds(finished.path)["loss"][0]


def test_refuses_to_overwrite_and_to_resume_nothing(photos, config_file, finished, tmp_path):
    dataset, config = load_dataset(photos), load_config(config_file)
    with pytest.raises(GarbageError, match="finished run 'mini'"):
        train(config, dataset, finished.path.parent)
    with pytest.raises(GarbageError, match="no unfinished training"):
        train(config, dataset, tmp_path, resume=True)


def test_refuses_a_split_without_photos(config_file, tmp_path):
    for name in COLORS:
        (tmp_path / "few" / name).mkdir(parents=True)
        Image.new("RGB", (48, 36), COLORS[name]).save(tmp_path / "few" / name / "1.png")
    with pytest.raises(GarbageError):
        train(load_config(config_file), load_dataset(tmp_path / "few"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "precision"),
    [
        ("oversample", "float32"),
        ("focal", "mixed_float16"),  # its optimizer is wrapped
        ("logit_adjustment", "mixed_bfloat16"),
        ("effective_number", "float32"),
    ],
)
def test_trains_with_every_strategy_and_precision(strategy, precision, photos, config_file, tmp_path):
    changes = [f"imbalance={strategy}", f"precision={precision}", "optimizer=sgd", "patience=1"]
    run = train(load_config(config_file, changes).with_epochs(1), load_dataset(photos), tmp_path, limit=18)
    assert run.info["config"]["imbalance"] == strategy
    assert run.info["precision"] == precision
    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.slow
def test_ends_a_stage_early_when_nothing_improves(photos, config_file, tmp_path):
    config = load_config(
        config_file, ["patience=1", "stages.whole.learning_rate=1e-9", "stages.top.learning_rate=1e-9"]
    )
    run = train(config, load_dataset(photos), tmp_path)
    assert list(run.history["stage"]).count("whole") < 3
    assert list(run.history["stage"]).count("top") >= 1  # the next stage still has its turn


SIZES = """
name = "sizes"
filters = 8
blocks = [1, 1, 1, 1]
height = 48
width = 64
batch_norm_momentum = 0.5
[[stages]]
name = "small"
height = 36
width = 48
epochs = 2
learning_rate = 0.01
batch_size = 8
[[stages]]
name = "final"
epochs = 1
learning_rate = 3.0
batch_size = 8
"""

WORSE = """
[[stages]]
name = "worse"
epochs = 1
learning_rate = 3.0
batch_size = 8
[[stages]]
name = "after"
epochs = 1
learning_rate = 1e-9
batch_size = 8
"""


def val_macro_f1(run):
    rows = run.predictions[run.predictions["split"] == "val"]
    answers = np.asarray(run.classes)[rows[[f"p_{name}" for name in run.classes]].to_numpy().argmax(axis=1)]
    return f1_score(rows["label"], answers, average="macro")


@pytest.mark.slow
def test_only_photos_of_the_final_size_decide_what_is_kept(photos, tmp_path):
    """A last stage that ruins the network: kept is what it began with, and its value at the final size."""
    (tmp_path / "sizes.toml").write_text(SIZES)
    run = train(load_config(tmp_path / "sizes.toml", ["clip_norm=0"]), load_dataset(photos), tmp_path)
    history = run.history
    assert run.info["best_val_macro_f1"] == pytest.approx(val_macro_f1(run), abs=0.01)
    assert run.info["best_epoch"] in (1, 2)
    assert run.info["best_val_macro_f1"] > history["val_macro_f1"].iloc[-1]


@pytest.mark.slow
def test_a_fitted_head_is_kept_if_training_only_ruins_it(photos, config_file, tmp_path):
    changes = [
        "stages.top.learning_rate=3.0",
        "clip_norm=0",
        "stages.whole.epochs=1",
        "stages.whole.learning_rate=1e-9",
    ]
    run = train(load_config(config_file, changes), load_dataset(photos), tmp_path)
    assert run.history["val_macro_f1"].iloc[1:].max() < run.info["best_val_macro_f1"]
    assert run.info["best_val_macro_f1"] == pytest.approx(val_macro_f1(run), abs=0.01)
    assert run.info["best_epoch"] == 1  # a fitted head adds no epoch


@pytest.mark.slow
def test_a_stage_goes_on_from_the_one_before_even_if_that_did_not_beat_what_it_began_with(photos, tmp_path, capsys):
    """The first epochs after a fitted head are worse than the head; what they learned must not be thrown away."""
    (tmp_path / "sizes.toml").write_text(SIZES + WORSE)
    run = train(
        load_config(tmp_path / "sizes.toml", ["stages.final.learning_rate=0.01"]), load_dataset(photos), tmp_path
    )
    *_, middle, _ = run.history["val_macro_f1"]
    begins = re.findall(r"(\w+): begins with macro-F1 ([0-9.]+)", capsys.readouterr().err)
    assert [name for name, _ in begins] == ["final", "worse", "after"]
    assert middle < float(dict(begins)["worse"])  # else this shows nothing
    assert float(dict(begins)["after"]) == pytest.approx(middle, abs=0.001)
    assert run.info["best_epoch"] in (1, 2, 3)


@pytest.mark.slow
def test_a_stage_may_consist_of_a_fitted_head(photos, config_file, tmp_path):
    run = train(
        load_config(config_file, ["stages.top.epochs=0", "stages.top.warmup_epochs=0"]), load_dataset(photos), tmp_path
    )
    assert list(run.history["stage"]) == ["whole"] * 3
    assert run.info["best_val_macro_f1"] >= run.history["val_macro_f1"].max()
    with pytest.raises(GarbageError, match="at least 1, not 0"):
        load_config(config_file, ["stages.whole.epochs=0"])


@pytest.mark.slow
def test_stopped_after_a_head_was_fitted_it_resumes_with_that_head(
    photos, config_file, finished, tmp_path, monkeypatch
):
    original = EpochEnd.on_train_begin

    def stop_before_the_second_stage(self, logs=None):
        if self.stage.name == "top":
            raise KeyboardInterrupt
        original(self, logs)

    monkeypatch.setattr(EpochEnd, "on_train_begin", stop_before_the_second_stage)
    with pytest.raises(KeyboardInterrupt):
        train(load_config(config_file), load_dataset(photos), tmp_path)
    monkeypatch.undo()
    train(load_config(config_file), load_dataset(photos), tmp_path, resume=True)
    pd.testing.assert_frame_equal(without_seconds(tmp_path / "mini"), without_seconds(finished.path))


def command(photos, config_file, out, *more):
    line = [sys.executable, "-m", "garbage_core", "train", config_file, "--data-dir", photos, "--out", out, *more]
    return [str(part) for part in line]


@pytest.mark.slow
@pytest.mark.parametrize("kill_after", [1, 4])
def test_killed_in_the_middle_of_an_epoch_it_resumes_as_if_nothing_had_been(
    kill_after, photos, config_file, finished, tmp_path
):
    """Killed once in the first stage, and once in the one with cached features and after a stage change."""
    history = tmp_path / "mini" / "history.csv"
    training = subprocess.Popen(
        command(photos, config_file, tmp_path), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while not history.is_file() or len(history.read_text().splitlines()) <= kill_after:
        assert training.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(training.pid, signal.SIGKILL)
    training.wait()
    assert not (tmp_path / "mini" / "run.json").is_file()

    # Neither a new start nor another config may damage what is there.
    with pytest.raises(GarbageError, match="--resume"):
        train(load_config(config_file), load_dataset(photos), tmp_path)
    with pytest.raises(GarbageError, match="seed = 0, not 5"):
        train(load_config(config_file, ["seed=5"]), load_dataset(photos), tmp_path, resume=True)

    train(load_config(config_file), load_dataset(photos), tmp_path, resume=True)
    pd.testing.assert_frame_equal(without_seconds(tmp_path / "mini"), without_seconds(finished.path))
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "mini" / "predictions.csv"), pd.read_csv(finished.path / "predictions.csv")
    )


def test_a_checkpoint_of_another_version_of_the_program_is_refused(photos, config_file, tmp_path):
    folder = tmp_path / "mini" / "checkpoint"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"config": {}, "data": "", "stage": 0, "epoch": 0}')
    with pytest.raises(GarbageError, match=r"begun by another version of this program .* version None, not 2"):
        train(load_config(config_file), load_dataset(photos), tmp_path, resume=True)


def test_portrait_photos_are_trained_on_upright_as_they_are_classified(tmp_path):
    """Blue sky above green ground: training shows the middle of what classification shows, and turns nothing."""
    from garbage_core.training.batches import TrainingPhotos

    tall = np.zeros((64, 48, 3), np.uint8)
    tall[:32, :, 2] = tall[32:, :, 1] = 200
    for name in ("can", "jar"):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.fromarray(tall).save(tmp_path / name / f"{number}.png")
    dataset = load_dataset(tmp_path)
    files = dataset.photos["file"].tolist()
    trained = TrainingPhotos(dataset, files, 48, 64, cache_gb=1).rows(np.arange(len(files)))
    classified = load_photo(dataset.read_bytes(files[0]), 48, 64)
    assert classified.shape == (64, 48, 3)
    for photo in trained:
        np.testing.assert_array_equal(photo[:, 8:56], classified[8:56])
        assert photo[0, 0].argmax() == 2
        assert photo[-1, 0].argmax() == 1
