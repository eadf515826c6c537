"""The same training on other backends and on several devices: here one processor divided into two."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from tests.photo_helpers import write_colours

CONFIG = """
name = "{name}"
filters = 4
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
    """Sixty photos of three colours: 42 to train on, which is an even number."""
    return write_colours(tmp_path_factory.mktemp("photos"), height=32)


def train_elsewhere(folder, photos, name, backend, values, before="", **environment):
    """Trains a miniature in a process of its own and returns its history."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    config = folder / f"{name}.toml"
    config.write_text(CONFIG.format(name=name, **values))
    arguments = ["train", config, "--data-dir", photos, "--out", folder]
    code = textwrap.dedent(before) + (
        f"from garbage_core.cli import main\nraise SystemExit(main({[str(argument) for argument in arguments]!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": backend} | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return pd.read_csv(folder / name / "history.csv")


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
    nothing but rounding, so the optimiser is SGD. Gradients are cut off at a norm that they exceed.
    """
    values = {"epochs": 5, "batch_size": 42, "batch_norms": "false", "optimizer": "sgd", "learning_rate": 0.02}
    one = train_elsewhere(tmp_path, photos, "one", backend, values)
    two = train_elsewhere(tmp_path, photos, "two", backend, values, before, **environment)
    assert one["loss"].diff().iloc[1:].abs().max() > 1e-3  # something was learnt
    np.testing.assert_allclose(two["loss"], one["loss"], atol=1e-4)
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_learns_on_other_backends(backend, photos, tmp_path):
    values = {"epochs": 12, "batch_size": 6, "batch_norms": "true", "optimizer": "adamw", "learning_rate": 0.003}
    history = train_elsewhere(tmp_path, photos, backend, backend, values)
    assert history["val_macro_f1"].max() > 0.9
