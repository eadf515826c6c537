"""The same training on other backends, on several devices and on several machines.

The devices are one processor divided into two, the machines two processes that know nothing of each other's files.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from garbage_core.runs.run import load_run
from tests.fixtures.photos import write_colors

CONFIG = """
name = "{name}"
filters = 8
blocks = [1, 1, 1, 1]
height = 32
width = 48
optimizer = "{optimizer}"
clip_norm = 0.1
[[stages]]
name = "probe"
train_from = "conv5"
cached_passes = 2
probe = 0.01
epochs = 0
learning_rate = 0.01
batch_size = {batch_size}
augmentation = "light"
train_batch_norms = {batch_norms}
[[stages]]
name = "whole"
epochs = {epochs}
learning_rate = {learning_rate}
batch_size = {batch_size}
augmentation = "light"
train_batch_norms = {batch_norms}
"""
TWO_TENSORFLOW_CPUS = """
import tensorflow as tf
half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [half, half])
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixty photos of three colors: 42 to train on, which is an even number."""
    return write_colors(tmp_path_factory.mktemp("photos"), height=32)


STOP_AFTER_TWO_EPOCHS = """
import os, signal
from garbage_core.training.checkpoint import Checkpoint
commit = Checkpoint.commit
def commit_and_die(checkpoint, row, *rest):
    commit(checkpoint, row, *rest)
    if row["epoch"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
Checkpoint.commit = commit_and_die
"""


def start_training(folder, photos, name, backend, values, before="", options=(), **environment):
    """Starts the training of a miniature in a process of its own."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    config = folder / f"{name}.toml"
    config.write_text(CONFIG.format(name=name, **values))
    arguments = ["train", config, "--data-dir", photos, "--out", folder, *options]
    code = textwrap.dedent(before) + (
        f"from garbage_core.cli import main\nraise SystemExit(main({[str(argument) for argument in arguments]!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def train_elsewhere(folder, photos, name, *what, **environment):
    """Trains a miniature in a process of its own and returns its history."""
    training = start_training(folder, photos, name, *what, **environment)
    _, errors = training.communicate(timeout=900)
    assert training.returncode == 0, errors[-2000:]
    return pd.read_csv(folder / name / "history.csv")


def train_on_two_machines(folder, photos, name, *what):
    """Trains a miniature in two processes and returns their exit codes and what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = {"KERAS_DISTRIBUTION_JOB_ADDRESSES": address, "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    trainings = []
    for number in ("0", "1"):
        (folder / number).mkdir(exist_ok=True)
        environment = cluster | {"KERAS_DISTRIBUTION_PROCESS_ID": number}
        trainings.append(start_training(folder / number, photos, name, *what, **environment))
    errors = [training.communicate(timeout=900)[1] for training in trainings]
    return [training.returncode for training in trainings], errors


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("backend", "before", "environment"),
    [
        ("tensorflow", TWO_TENSORFLOW_CPUS, {}),
        ("jax", "", {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}),
    ],
)
def test_two_devices_give_the_losses_of_one(backend, before, environment, photos, tmp_path):
    """An epoch is one step here, so every step is compared.

    Batch norms would see half a batch each and are frozen. Adam's first steps have one size even where a gradient is
    nothing but rounding, so the optimizer is SGD. Gradients are cut off at a norm that they exceed.
    """
    values = {"epochs": 5, "batch_size": 42, "batch_norms": "false", "optimizer": "sgd", "learning_rate": 0.02}
    one = train_elsewhere(tmp_path, photos, "one", backend, values)
    two = train_elsewhere(tmp_path, photos, "two", backend, values, before, **environment)
    assert one["loss"].diff().iloc[1:].abs().max() > 1e-3  # something was learned
    np.testing.assert_allclose(two["loss"], one["loss"], atol=1e-4)
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("batch_size", "code", "message"),
    [(15, 0, "epoch 1 (whole): loss "), (2, 2, " photos in batches of 2 cannot be dealt out to 4 devices: raise")],
)
def test_a_batch_need_not_be_a_multiple_of_the_devices(batch_size, code, message, photos, tmp_path):
    values = {"epochs": 1, "batch_size": batch_size, "batch_norms": "true", "optimizer": "sgd", "learning_rate": 0.02}
    four = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    training = start_training(tmp_path, photos, "odd", "jax", values, **four)
    _, errors = training.communicate(timeout=900)
    assert training.returncode == code, errors
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_machines_give_the_losses_of_one_even_if_they_are_killed_in_between(photos, tmp_path):
    """JAX sees a batch as a whole, so batch norms are trained, too."""
    values = {"epochs": 4, "batch_size": 14, "batch_norms": "true", "optimizer": "sgd", "learning_rate": 0.02}
    one = train_elsewhere(tmp_path, photos, "mini", "jax", values)
    codes, _ = train_on_two_machines(tmp_path, photos, "mini", "jax", values, STOP_AFTER_TWO_EPOCHS)
    assert 0 not in codes
    codes, errors = train_on_two_machines(tmp_path, photos, "mini", "jax", values, "", ["--resume"])
    assert codes == [0, 0], errors
    two = pd.read_csv(tmp_path / "0" / "mini" / "history.csv")
    assert one["loss"].diff().iloc[1:].abs().max() > 1e-3  # something was learned
    np.testing.assert_allclose(two["loss"], one["loss"], atol=1e-4)
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], atol=1e-4)
    assert load_run("mini", tmp_path / "0").info["device"].endswith("2 machines")
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["mini.toml"]  # machine 0 alone keeps the run
    assert "epoch" in errors[0]
    assert "epoch" not in errors[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_machines_refuse_to_train_differently(photos, tmp_path):
    values = {"epochs": 1, "batch_size": 14, "batch_norms": "true", "optimizer": "sgd", "learning_rate": 0.02}
    another_seed = """
        import os
        machine = os.environ["KERAS_DISTRIBUTION_PROCESS_ID"]
        from garbage_core.config import training_config as config
        load = config.load_config
        config.load_config = lambda name, changes: load(name, [*changes, f"seed={machine}"])
    """
    codes, errors = train_on_two_machines(tmp_path, photos, "mini", "jax", values, another_seed)
    assert codes == [2, 2], errors
    for error in errors:
        assert error.endswith("Machine 1 has another config than machine 0: give all of them the same.\n")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_learns_on_other_backends(backend, photos, tmp_path):
    values = {"epochs": 12, "batch_size": 6, "batch_norms": "true", "optimizer": "adamw", "learning_rate": 0.003}
    history = train_elsewhere(tmp_path, photos, backend, backend, values)
    assert history["val_macro_f1"].max() > 0.9


def test_what_was_made_deterministic_is_so_no_longer_afterwards():
    from garbage_core.training import devices

    config = pytest.importorskip("tensorflow.python.framework.config")
    if devices.keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow is made deterministic")
    assert not config.is_op_determinism_enabled()
    with devices.deterministic():
        inside = config.is_op_determinism_enabled()
    assert inside == (not devices.gpus())
    assert not config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        with pytest.raises(KeyError), devices.deterministic():
            raise KeyError
        assert config.is_op_determinism_enabled()  # as it was before
    finally:
        config.disable_op_determinism()
