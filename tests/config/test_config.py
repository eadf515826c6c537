"""Configs are read with their types checked, and a mistake names the key, the value and what to do."""

import dataclasses
import json
from importlib import resources
from pathlib import Path

import pytest

from garbage_core.config.training_config import PRESETS, RENAMED_KEYS, Stage, TrainingConfig, load_config
from garbage_core.errors import GarbageError

MODELS = Path(__file__).parents[2] / "models"
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


@pytest.mark.parametrize("path", sorted(MODELS.rglob("run.json")), ids=lambda path: path.parent.name)
def test_the_config_of_every_committed_run_is_read_under_todays_names(path):
    recorded = json.loads(path.read_text("utf-8"))["config"]
    config = TrainingConfig.from_dict(recorded, path.parent.name)
    assert [stage.background_replacement for stage in config.stages] == [
        s.get("background_replacement", s.get("grounds", 0)) for s in recorded["stages"]
    ]
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert config.name == recorded["name"]


def test_values_that_were_not_recorded_take_their_defaults():
    assert TrainingConfig.from_dict({}) == TrainingConfig()
    stage = {"name": "x", "epochs": 1, "learning_rate": 1}
    assert TrainingConfig.from_dict({"stages": [stage]}).stages == (Stage("x", 1, 1.0),)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stages": 5}, "'stages' in run.json must be a list, not 5"),
        ({"stages": ["first"]}, "run.json, stage 1 must be a table, not 'first'"),
        ({"height": "240"}, "'height' in run.json must be of type int, not '240'"),
        ({"name": None}, "'name' in run.json must be of type str, not None"),
        ({"stages": [{"name": "x", "epochs": 1, "learning_rate": 1, "grounds": "0.4"}]}, "'background_replacement' in"),
    ],
)
def test_recorded_values_of_wrong_types_are_refused(values, words):
    with pytest.raises(GarbageError, match=words):
        TrainingConfig.from_dict(values, "run.json")


@pytest.mark.parametrize("key", ["grounds", "background_replacement"])
def test_a_renamed_key_is_read_from_files_and_overrides(tmp_path, key):
    path = write(tmp_path, MINIMAL + f"{key} = 0.5\n")
    assert load_config(path).stages[0].background_replacement == 0.5
    for changed in [*RENAMED_KEYS, *RENAMED_KEYS.values()]:
        assert load_config(path, [f"stages.only.{changed}=0.2"]).stages[0].background_replacement == 0.2


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_of_a_preset_has_its_reason(preset):
    """A comment on its line; the width shares the one of the height above it."""
    lines = (resources.files("garbage_core.config") / "presets" / f"{preset}.toml").read_text().splitlines()
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


@pytest.mark.parametrize("epochs", [1, 4, 9])
def test_few_epochs_leave_the_linear_probe_in(epochs):
    """A stage with a probe needs no epoch of its own, and the stages after it need its head."""
    config = load_config("transfer").with_epochs(epochs)
    assert sum(stage.epochs for stage in config.stages) == epochs
    assert config.stages[0] == dataclasses.replace(load_config("transfer").stages[0], epochs=0)


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
        (MINIMAL, ["seed=-1"], "from 0 to 4294967295, not -1"),
        (MINIMAL, ["seed=4294967296"], "from 0 to 4294967295"),
        (MINIMAL, ["dropout=true"], "True"),
        (MINIMAL, ["label_smoothing=1.0"], "1.0"),
        (MINIMAL, ["optimizer=lion"], "'lion'"),
        (MINIMAL, ["height=8"], "8"),
        (MINIMAL, ["blocks=[1,2]"], "1, 2"),
        (MINIMAL, ["stages.only.epochs=0"], "0"),
        (MINIMAL, ["stages.only.learning_rate=0"], "0"),
        (MINIMAL, ["stages.only.train_from=conv9"], "'conv9'"),
        (MINIMAL, ["stages.only.cached_passes=2"], "whole network"),
        (MINIMAL, ["stages.only.background_replacement=2"], "from 0 to 1, not 2"),
        (
            MINIMAL,
            ["stages.only.train_from=conv5", "stages.only.cached_passes=2", "stages.only.background_replacement=0.5"],
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
