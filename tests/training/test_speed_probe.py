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
