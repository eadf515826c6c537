"""Configs are read with their types checked, and a mistake names the key, the value and what to do."""

from importlib import resources

import pytest

from garbage_core.config.training_config import PRESETS, TrainingConfig, load_config
from garbage_core.errors import GarbageError

MINIMAL = 'name = "mine"\n[[stages]]\nname = "only"\nepochs = 2\nlearning_rate = 0.001\n'


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_and_survive_a_trip_through_plain_values(preset):
    config = load_config(preset)
    assert config.name == preset
    assert TrainingConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_of_a_preset_has_its_reason(preset):
    """A comment on its line; the width shares the one of the height above it."""
    lines = resources.files("garbage_core.config.presets").joinpath(f"{preset}.toml").read_text().splitlines()
    bare = [line for line in lines if " = " in line and "#" not in line and not line.startswith(("name", "width"))]
    assert bare == []


def test_overrides_reach_the_config_one_stage_or_all(tmp_path):
    path = write(tmp_path, MINIMAL + MINIMAL.split("\n", 1)[1].replace("only", "second"))
    config = load_config(
        path, ["seed=7", "imbalance=focal", "stages.second.epochs=5", "stages.*.learning_rate=1", "weights=a b.h5"]
    )
    assert (config.seed, config.imbalance, config.weights) == (7, "focal", "a b.h5")
    assert [s.epochs for s in config.stages] == [2, 5]
    assert [s.learning_rate for s in config.stages] == [1.0, 1.0]


def test_stages_after_the_last_one_wanted_are_left_out():
    config = load_config("transfer")
    assert [stage.name for stage in config.until("full").stages] == ["conv5", "conv4", "full"]
    assert config.until(config.stages[-1].name) == config
    with pytest.raises(GarbageError, match=r"last stage must be one of conv5, .*, not 'fulll'"):
        config.until("fulll")


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, {"full": 1}),  # half an epoch each: the second takes it
        (2, {"small": 1, "full": 1}),
        (10, {"small": 6, "full": 4}),
        (130, {"small": 80, "full": 50}),
    ],
)
def test_epochs_are_dealt_out_in_proportion(tmp_path, epochs, expected):
    stage = MINIMAL.split("\n", 1)[1]
    text = (
        'name = "mine"\n'
        + stage.replace("only", "small").replace("= 2", "= 40")
        + stage.replace("only", "full").replace("= 2", "= 25")
    )
    config = load_config(write(tmp_path, text)).with_epochs(epochs)
    assert sum(s.epochs for s in config.stages) == epochs
    if epochs > 1:
        assert {s.name: s.epochs for s in config.stages} == expected


@pytest.mark.parametrize(
    ("text", "overrides", "words"),
    [
        ("name = ", [], "not valid TOML"),
        ('name = "x"', [], "no .*stages"),
        (MINIMAL.replace("epochs = 2\n", ""), [], "lacks 'epochs'"),
        (MINIMAL, ["speed=9"], "'speed'"),
        (MINIMAL, ["stages.only.speed=9"], "'speed'"),
        (MINIMAL, ["stages.third.epochs=9"], "names no stage"),
        (MINIMAL, ["seed"], "not 'seed'"),
        (MINIMAL, ['seed="seven"'], "'seven'"),
        (MINIMAL, ["seed=1.5"], "1.5"),
        (MINIMAL, ["dropout=true"], "True"),
        (MINIMAL, ["label_smoothing=1.0"], "1.0"),
        (MINIMAL, ["optimizer=lion"], "'lion'"),
        (MINIMAL, ["height=8"], "8"),
        (MINIMAL, ["blocks=[1,2]"], "1, 2"),
        (MINIMAL, ["stages.only.epochs=0"], "0"),
        (MINIMAL, ["stages.only.learning_rate=0"], "0"),
        (MINIMAL, ["stages.only.train_from=conv9"], "'conv9'"),
        (MINIMAL, ["stages.only.cached_passes=2"], "whole network"),
        (MINIMAL, ["stages.only.grounds=2"], "from 0 to 1, not 2"),
        (
            MINIMAL,
            ["stages.only.train_from=conv5", "stages.only.cached_passes=2", "stages.only.grounds=0.5"],
            "drawn anew",
        ),
        (MINIMAL + MINIMAL.split("\n", 1)[1], [], "different names"),
    ],
)
def test_a_mistake_is_refused_with_its_value(tmp_path, text, overrides, words):
    with pytest.raises(GarbageError, match=words) as caught:
        load_config(write(tmp_path, text), overrides)
    assert "\n" not in str(caught.value)


def test_missing_file_names_the_presets():
    with pytest.raises(GarbageError, match="scratch or transfer"):
        load_config("nowhere.toml")
