"""Who the machines of a training are, what each computes, and what they hand to each other; no network here.

That two of them get the losses of one is in `test_devices`.
"""

import dataclasses
import os
import socket

import numpy as np
import pytest

from garbage_core.cli import main
from garbage_core.config.training_config import load_config
from garbage_core.errors import GarbageError
from tests.fixtures.photos import write_colors

ADDRESS, COUNT, NUMBER = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))
SECOND_OF_TWO = {ADDRESS: "10.0.0.1:29500", COUNT: "2", NUMBER: "1"}


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, pipeline, Batches, FeatureSource, Checkpoint, Machines
    import keras

    from garbage_core.training.augmentation import pipeline
    from garbage_core.training.batches import Batches, FeatureSource
    from garbage_core.training.checkpoint import Checkpoint
    from garbage_core.training.distributed import Machines


def machines(monkeypatch, given):
    for name in (ADDRESS, COUNT, NUMBER):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Machines.from_environment()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (2, 1, "10.0.0.1:29500")),
        ({ADDRESS: "10.0.0.1:29500,10.0.0.2:29500"}, (2, 1, "10.0.0.1:29500")),  # Keras takes a list, too
        ({COUNT: "1", NUMBER: "0"}, ()),  # alone, with any backend
        (dict.fromkeys(SECOND_OF_TWO, ""), ()),
    ],
)
def test_reads_which_machines_there_are(change, expected, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert machines(monkeypatch, SECOND_OF_TWO | change) == Machines(*expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({NUMBER: ""}, "PROCESS_ID is not: set it"),
        ({ADDRESS: ""}, "JOB_ADDRESSES is not: set it"),
        ({NUMBER: "2"}, "'2' and .* is '2': number the machines from 0"),
        ({COUNT: "two"}, "is 'two': number the machines"),
        ({ADDRESS: "10.0.0.1:65536"}, "65536': give machine 0's address"),
        ({ADDRESS: "10.0.0.1"}, "'10.0.0.1': give machine 0's address and a port"),
    ],
)
def test_refuses_what_makes_no_sense(change, message, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(GarbageError, match=message):
        machines(monkeypatch, SECOND_OF_TWO | change)


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="JAX is not refused")
def test_only_jax_trains_on_several_machines(monkeypatch, tmp_path, capsys):
    for name, value in SECOND_OF_TWO.items():
        monkeypatch.setenv(name, value)
    photos = write_colors(tmp_path, height=32)
    assert main(["train", "scratch", "--data-dir", str(photos), "--out", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.endswith("set KERAS_BACKEND=jax.\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_says_that_machine_0_does_not_answer(host, monkeypatch, tmp_path):
    monkeypatch.setattr("garbage_core.training.distributed._WAIT_AT_THE_START", 0)
    with socket.socket() as bound:  # to a port on which nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"{host}:{bound.getsockname()[1]}"
        with (
            pytest.raises(GarbageError, match=f"No machine 0 answers at {address} .*: start it there"),
            Machines(2, 1, address).joined({}, tmp_path),
        ):
            pass


def test_the_parts_of_a_batch_make_up_the_batch():
    """Rows of several passes, mixed labels and weights: whatever is drawn is drawn for the whole batch."""
    rng = np.random.default_rng(0)
    batches = Batches(
        FeatureSource(rng.random((3, 20, 4, 4, 5)).astype("float16")),
        np.arange(20) % 3,
        dataclasses.replace(pipeline("light", 1.0).only_mixing(), mixup=0.4),
        num_classes=3,
        batch_size=8,
        steps=2,
        strategy="class_weights",
        class_weights=np.array([1.0, 2.0, 3.0]),
        seed=(1, 0),
    )
    whole = batches[1]
    parts = []
    for batches.part in (slice(0, 4), slice(4, 8)):
        parts.append(batches[1])
    assert set(whole[0]) > {"rows", "mix"}
    assert len(parts[0][0]["rows"]) == 4
    for name, value in whole[0].items():
        np.testing.assert_array_equal(np.concatenate([part[0][name] for part in parts]), value)
    for place in (1, 2):
        np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), whole[place])


def test_a_checkpoint_is_handed_to_the_other_machines(tmp_path):
    config = load_config("scratch")
    first = Checkpoint.open(tmp_path / "first", config, "photos", resume=False)
    other = Checkpoint.open(tmp_path / "other", config, "photos", resume=False)
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    first.save_weights(network)
    row = {"epoch": 1, "val_macro_f1": 0.5}
    first.commit(row, network, (32, 48))
    (first.folder / "features-0-train.npy").write_bytes(b"half of them")

    sent = []
    first.share(lambda data: sent.append(data) or data)
    arriving = iter(sent)
    other.share(lambda data: next(arriving))

    assert next(arriving, None) is None
    assert other.state.rows == [row]
    assert other.state.best.epoch == 1
    assert not list(first.folder.glob("features-*"))  # or the machines would not compute them together
    expected = [weight.copy() for weight in network.get_weights()]
    network.set_weights([np.zeros_like(weight) for weight in expected])
    assert other.restore(network) == 1
    for weight, value in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, value)
