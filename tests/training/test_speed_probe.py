"""Which backend and precision train fastest here, by a few steps of each."""

import dataclasses
import math

import pytest

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.errors import GarbageError

STAGES = (
    Stage("head", 1, 0.01, train_from="head", probe=0.1, cached_passes=1),
    Stage("short", 1, 0.01),
    Stage("long", 3, 0.01, batch_size=4),
)
MINI = TrainingConfig(name="mini", stages=STAGES, filters=8, blocks=(1, 1, 1, 1), height=32, width=48)


def test_the_stage_that_takes_longest_on_photos_is_timed():
    from garbage_core.training.speed_probe import longest_stage

    assert longest_stage(MINI).name == "long"
    big = dataclasses.replace(STAGES[1], height=128, width=128)
    assert longest_stage(dataclasses.replace(MINI, stages=(big, STAGES[2]))).name == "short"
    with pytest.raises(GarbageError, match="No stage of 'mini' trains on photos"):
        longest_stage(dataclasses.replace(MINI, stages=STAGES[:1]))


@pytest.mark.slow
def test_what_works_is_timed_and_what_does_not_says_why():
    from garbage_core.training.speed_probe import probe_speed

    speeds = probe_speed(MINI, backends=["nonsense", "tensorflow"], precisions=["float32"], steps=2)
    assert list(speeds["backend"]) == ["tensorflow", "nonsense"]
    assert speeds["photos_per_second"][0] > 0
    assert not speeds["problem"][0]
    assert math.isnan(speeds["photos_per_second"][1])
    assert "nonsense" in speeds["problem"][1]


def test_the_command_names_the_fastest(monkeypatch, capsys, tmp_path):
    import pandas as pd

    from garbage_core.cli import main
    from garbage_core.training import speed_probe

    rows = [("jax", "float32", 30.0, ""), ("tensorflow", "float32", 20.0, ""), ("torch", "float32", math.nan, "broken")]
    table = pd.DataFrame(rows, columns=["backend", "precision", "photos_per_second", "problem"])
    monkeypatch.setattr(speed_probe, "probe_speed", lambda config: table)
    assert main(["train", "transfer", "--probe-speed", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "KERAS_BACKEND=jax and --set precision=float32, 1.50 times as fast as the next" in said
    assert "broken" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("faster", ["float32", "mixed_bfloat16"])
def test_auto_takes_the_faster_precision_and_a_resumed_training_keeps_it(faster, monkeypatch, tmp_path, capsys):
    from garbage_core.training import speed_probe
    from garbage_core.training.checkpoint import Checkpoint

    asked = []

    def timed(config, precision, steps):
        asked.append((precision, steps))
        return 20.0 if precision == faster else 10.0

    monkeypatch.setattr(speed_probe, "step_speed", timed)
    config = dataclasses.replace(MINI, stages=STAGES[1:])
    checkpoint = Checkpoint.open(tmp_path / "mini", config, "photos", resume=False)
    assert speed_probe.training_precision(config, checkpoint, photos=1000) == faster
    assert asked == [("float32", 3), ("mixed_bfloat16", 3)]
    said = "".join(capsys.readouterr())
    assert f"This training computes in {faster}." in said

    again = Checkpoint.open(tmp_path / "mini", config, "photos", resume=True)
    assert speed_probe.training_precision(config, again, photos=1000) == faster
    assert len(asked) == 2


def test_auto_measures_nothing_for_a_training_of_a_few_steps_or_a_precision_that_is_given(monkeypatch, tmp_path):
    from garbage_core.training import speed_probe
    from garbage_core.training.checkpoint import Checkpoint

    monkeypatch.setattr(speed_probe, "step_speed", None)
    short = Checkpoint.open(tmp_path / "short", MINI, "photos", resume=False)
    assert speed_probe.training_precision(MINI, short, photos=40) in speed_probe.PRECISIONS
    given = dataclasses.replace(MINI, precision="mixed_float16")
    checkpoint = Checkpoint.open(tmp_path / "given", given, "photos", resume=False)
    assert speed_probe.training_precision(given, checkpoint, photos=100_000) == "mixed_float16"


def test_a_step_is_timed_in_this_process_in_either_precision():
    import keras

    from garbage_core.training.speed_probe import step_speed

    before = keras.config.dtype_policy()
    try:
        config = dataclasses.replace(MINI, stages=STAGES[1:2])
        assert step_speed(config, "mixed_bfloat16", 1) > 0
    finally:
        keras.config.set_dtype_policy(before)
