"""A training on a full disk, in a closed folder or beside another one: a sentence, and nothing lost."""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from garbage_core.config.training_config import load_config
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from tests.fixtures.disks import commands_without_rights, fill, needs_rights, needs_tmpfs, small_disk
from tests.fixtures.photos import write_colors
from tests.fixtures.trainings import NETWORK, WHOLE

__all__ = ["small_disk"]

CONFIG = NETWORK + WHOLE + 'augmentation = "none"'


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global EpochEnd, SaveWeights, train, save_network, save_weights, mapped_array, keras
    import keras

    from garbage_core.networks.weights import save_network, save_weights
    from garbage_core.training.callbacks import EpochEnd, SaveWeights
    from garbage_core.training.loop import train
    from garbage_core.utils.files import mapped_array


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_colors(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mini.toml"
    path.write_text(CONFIG)
    return load_config(path)


def network():
    inputs = keras.Input((1000,))
    return keras.Model(inputs, keras.layers.Dense(1000, name="predictions")(inputs))


@needs_tmpfs
def test_a_disk_with_too_little_space_is_told_before_the_first_epoch(small_disk, photos, config, monkeypatch):
    fill(small_disk, leave=600_000)
    monkeypatch.setattr(EpochEnd, "on_train_begin", lambda *_: pytest.fail("an epoch was begun"))
    with pytest.raises(GarbageError, match=r"free, but .* MB are needed: free space, or choose another place\.$"):
        train(config, load_dataset(photos), small_disk)


@pytest.mark.slow
@needs_tmpfs
def test_a_disk_that_fills_up_keeps_the_last_good_checkpoint(small_disk, photos, config, tmp_path, monkeypatch):
    """After the first epoch there is no space left for a second one; once there is, the training goes on."""
    original = SaveWeights.on_epoch_end

    def fill_before_the_second(self, epoch, logs=None):
        if epoch == 1:
            fill(small_disk, leave=300_000)
        original(self, epoch, logs)

    monkeypatch.setattr(SaveWeights, "on_epoch_end", fill_before_the_second)
    with pytest.raises(GarbageError, match=r"epoch-0002\.weights\.h5|MB are needed"):
        train(config, load_dataset(photos), small_disk)
    monkeypatch.undo()
    left = sorted(p.name for p in (small_disk / "mini" / "checkpoint").iterdir())
    assert "epoch-0001.weights.h5" in left
    assert not [name for name in left if "0002" in name or name.startswith(".tmp")]
    (small_disk / "filling").unlink()
    run = train(config, load_dataset(photos), small_disk, resume=True)
    other = train(config, load_dataset(photos), tmp_path)
    pd.testing.assert_frame_equal(run.history.drop(columns="seconds"), other.history.drop(columns="seconds"))


@needs_tmpfs
@pytest.mark.parametrize("leave", [0, 4096, 50_000, 2_000_000, 4_200_000])
def test_weights_are_whole_or_not_there(leave, small_disk):
    """With little space HDF5 ended in its own traceback, with less in a segmentation fault."""
    fill(small_disk, leave=leave)
    for save, name in ((save_weights, "a.weights.h5"), (save_network, "model.keras")):
        with pytest.raises(GarbageError, match="free space, or choose another place"):
            save(network(), small_disk / name)
    assert [p.name for p in small_disk.iterdir()] == ["filling"]


@needs_tmpfs
def test_an_array_mapped_into_memory_owns_its_space(small_disk):
    """A process that writes to a page that the disk has no room for is killed by the system."""
    array = mapped_array(small_disk / "features.npy", (1000, 1000))
    fill(small_disk, leave=0)
    array[:] = 1
    array.flush()
    assert np.load(small_disk / "features.npy").all()
    with pytest.raises(GarbageError, match="free space"):
        mapped_array(small_disk / "more.npy", (1000, 1000))
    assert sorted(p.name for p in small_disk.iterdir()) == ["features.npy", "filling"]


@needs_rights
def test_a_closed_folder_and_a_file_in_its_place_are_told_before_the_first_epoch(photos, tmp_path):
    (tmp_path / "mini.toml").write_text(CONFIG)
    (tmp_path / "closed").mkdir(mode=0o555)
    (tmp_path / "file").write_text("")
    given = ["train", tmp_path / "mini.toml", "--data-dir", photos, "--out"]
    done = commands_without_rights([*given, tmp_path / "closed"], [*given, tmp_path / "file"])
    for (status, said), words in zip(done, ("Permission denied", "is in the way"), strict=True):
        assert status == 2
        assert words in said.splitlines()[-1]
        assert "Traceback" not in said
        assert "loss" not in said  # of an epoch
    assert not list((tmp_path / "closed").iterdir())


TRAIN_SLOWLY = """
import sys, time
from garbage_core.training.callbacks import EpochEnd
from garbage_core.cli import main
original = EpochEnd.on_epoch_end
def slowly(self, *arguments):
    original(self, *arguments)
    time.sleep(120)
EpochEnd.on_epoch_end = slowly
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_two_trainings_cannot_resume_the_same_run_and_a_killed_one_does_not_keep_it(photos, config, tmp_path):
    arguments = ["train", str(tmp_path / "mini.toml"), "--data-dir", str(photos), "--out", str(tmp_path / "runs")]
    first = subprocess.Popen(
        [sys.executable, "-c", TRAIN_SLOWLY, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    try:
        deadline = time.monotonic() + 400  # on a busy machine TensorFlow loads in minutes
        while not (tmp_path / "runs" / "mini" / "history.csv").is_file():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(GarbageError, match=r"Another process is writing to .*mini"):
            train(config, load_dataset(photos), tmp_path / "runs", resume=True)
    finally:
        first.kill()
        first.wait()
    run = train(config, load_dataset(photos), tmp_path / "runs", resume=True)
    assert len(run.history) == 3
    assert not [p.name for p in run.path.iterdir() if p.name.startswith(".")]
