"""How fast a training would be here: a few steps of it, by every backend that is installed and in both precisions.

Processors differ by a factor of three in which arithmetic they are good at: one with AMX multiplies bfloat16 several
times as fast as float32, one with AVX2 alone has to emulate it. So it is measured.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    from garbage_core.training.checkpoint import Checkpoint

# Keras' name of each backend, which is also the package's.
BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16")
STEPS = 10
FIRST_STEPS = 3  # which compile; not counted
AUTO_STEPS = 3  # of each precision, where a training chooses by itself
MEASURED_FROM = 200  # steps on photos
CLASSES = 6


def probe_speed(
    config: TrainingConfig,
    backends: Sequence[str] | None = None,
    precisions: Sequence[str] = PRECISIONS,
    steps: int = STEPS,
) -> pd.DataFrame:
    """Times training steps of a config's longest stage, each combination in a process of its own.

    Args:
        config: The training; its `precision` is not used.
        backends: Keras' names of the backends to try; None for those that are installed.
        precisions: Dtype policies to try.
        steps: Steps that count; three more go before.

    Returns:
        One row per combination, the fastest first: `backend`, `precision`, `photos_per_second` (NaN if it failed),
        `problem` (in one line, or empty).

    Raises:
        GarbageError: If no stage trains on photos, or no backend is installed.
    """
    longest_stage(config)  # before anything is started
    found = [name for name in BACKENDS if importlib.util.find_spec(name)] if backends is None else backends
    if not found:
        raise GarbageError("No backend of Keras is installed: install requirements.txt.")
    rows = []
    for backend in found:
        for precision in precisions:
            order = json.dumps({"config": config.to_dict(), "precision": precision, "steps": steps})
            ended = subprocess.run(
                [sys.executable, "-m", "garbage_core.training.speed_probe"],
                input=order,
                capture_output=True,
                text=True,
                env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
            )
            speed, problem = float("nan"), ""
            if ended.returncode:
                problem = (ended.stderr.strip().splitlines() or [f"ended with status {ended.returncode}"])[-1][:200]
            else:
                speed = float(ended.stdout.split()[-1])
            rows.append((backend, precision, speed, problem))
    table = pd.DataFrame(rows, columns=["backend", "precision", "photos_per_second", "problem"])
    return table.sort_values("photos_per_second", ascending=False, na_position="last", ignore_index=True)


def longest_stage(config: TrainingConfig) -> Stage:
    """Returns the stage of a config that takes longest on photos. Raises GarbageError if none trains on photos."""
    stages = [stage for stage in config.stages if stage.epochs and not stage.cached_passes]
    if not stages:
        raise GarbageError(f"No stage of {config.name!r} trains on photos: give a config with one that does.")
    return max(stages, key=lambda stage: stage.epochs * np.prod(config.size(stage)))


def training_precision(config: TrainingConfig, checkpoint: "Checkpoint", photos: int, shards: int = 1) -> str:
    """Returns the dtype policy that a training computes in, and records it in the checkpoint.

    For `auto` it is the faster of float32 and bfloat16 after three steps of each. Where a training is over after
    `MEASURED_FROM` steps, or is done by several devices, which would not all measure the same, it is what suits the
    device. What has been chosen once is kept when the training is resumed.

    Args:
        config: The training.
        checkpoint: Its checkpoint.
        photos: Number of training photos.
        shards: Number of devices.
    """
    from garbage_core.training import devices
    from garbage_core.training.callbacks import say
    from garbage_core.training.distributed import Machines

    state = checkpoint.state
    if state.precision:
        return state.precision
    precision = devices.precision(config.precision)
    stages = [stage for stage in config.stages if not stage.cached_passes]
    steps = sum(stage.epochs * stage.passes_per_epoch * (photos // stage.batch_size) for stage in stages)
    alone = shards == 1 and Machines.from_environment().count == 1
    if config.precision == "auto" and steps >= MEASURED_FROM and alone and not (state.stage or state.rows):
        speeds = {name: step_speed(config, name, AUTO_STEPS) for name in PRECISIONS}
        precision = max(speeds, key=lambda name: speeds[name])
        measured = ", ".join(f"{name} {speed:,.1f}" for name, speed in speeds.items())
        say(f"Photos/s in {AUTO_STEPS} steps: {measured}. This training computes in {precision}.")
    state.precision = precision
    checkpoint.write_state()
    return precision


class _Noise:
    """As many photos of noise as a batch has, for a step needs no others."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self.shape = (height, width, 3)
        self._photos = np.random.default_rng(0).integers(0, 256, (count, *self.shape), np.uint8)

    def __len__(self) -> int:
        return len(self._photos)

    def rows(self, indices: np.ndarray, rng: np.random.Generator, part: slice = slice(None)) -> np.ndarray:
        return self._photos[indices[part]]


def step_speed(config: TrainingConfig, precision: str, steps: int = STEPS) -> float:
    """Returns how many photos per second the steps of a config's longest stage train on, in this process.

    Feeding is left out: one batch of noise is shown again and again.

    Args:
        config: The training.
        precision: Dtype policy.
        steps: Steps that count.
    """
    import keras

    from garbage_core.networks import build_network
    from garbage_core.networks.resnet import freeze
    from garbage_core.training.batches import Batches
    from garbage_core.training.stages import stage_augmentation, stage_model

    stage = longest_stage(config)
    keras.config.set_dtype_policy(precision)
    network = build_network(config, CLASSES)
    freeze(network, stage.train_from, stage.train_batch_norms)
    batches = Batches(
        _Noise(stage.batch_size, *config.size(stage)),
        np.arange(stage.batch_size) % CLASSES,
        stage_augmentation(stage),
        num_classes=CLASSES,
        batch_size=stage.batch_size,
        steps=1,
        strategy="none",
        class_weights=None,
        seed=(0, 0),
    )
    model = stage_model(config, stage, network, batches)
    rows, *labels = batches[0]
    for step in range(FIRST_STEPS + steps):
        if step == FIRST_STEPS:
            start = time.perf_counter()
        model.train_on_batch(rows, *labels)
    return stage.batch_size * steps / (time.perf_counter() - start)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(step_speed(TrainingConfig.from_dict(asked["config"]), asked["precision"], asked["steps"]))
