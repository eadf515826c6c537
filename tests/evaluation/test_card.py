"""The model card says what the other files of its run say."""

import itertools
import json
import shlex

import pandas as pd
import pytest

from garbage_core.config.training_config import TrainingConfig, load_config
from garbage_core.data.splits import official_splits
from garbage_core.evaluation.card import CONTRADICTIONS, card_text, write_card
from garbage_core.runs.reproduce import train_command
from garbage_core.utils.text import duration, interval, markdown_table
from tests.fixtures.runs import fake_predictions, fake_run


def official_photos() -> pd.DataFrame:
    """All photos of the authors' lists, in no run's order."""
    splits = official_splits()
    photos = pd.DataFrame({"file": list(splits), "split": list(splits.values())})
    return photos.assign(label=photos["file"].str.split("/").str[0])


@pytest.fixture(scope="module")
def official_run(tmp_path_factory):
    """A made-up run on the official names and splits."""
    root = tmp_path_factory.mktemp("models")
    run = fake_run(root, "transfer", accuracy=0.9, seed=3)
    fake_predictions(official_photos(), 0.9, seed=3).to_csv(run.path / "predictions.csv", index=False)
    return run


@pytest.fixture(scope="module")
def card(official_run):
    return write_card(official_run).read_text(encoding="utf-8")


def test_figures_are_those_of_the_predictions(official_run, card):
    for split in ("test", "val"):
        rows = official_run.predictions[official_run.predictions["split"] == split]
        right = rows.filter(like="p_").idxmax(axis=1).str.removeprefix("p_") == rows["label"]
        section = card.split(f"## Results on {split}, {len(rows)} photos")[1].split("## ")[0]
        assert f"| Accuracy | {100 * right.mean():.1f} % (" in section
        recall = right[rows["label"] == "trash"].mean()
        line = next(line for line in section.splitlines() if line.startswith("| trash |"))
        assert f"| {100 * recall:.1f} % (" in line
        assert line.endswith(f"| {(rows['label'] == 'trash').sum()} |")


def test_what_must_be_said_of_the_data_is_said(card):
    assert "Gary Thung and Mindy Yang" in card
    assert "MIT license" in card
    assert "| trash | 137 | 91 | 17 | 29 |" in card
    assert "| total | 2,527 | 1,768 | 328 | 431 |" in card
    assert "3 pairs of byte-identical photos" in card
    for pair in (("glass115", "metal91"), ("glass176", "plastic152"), ("glass389", "plastic332")):
        assert " = ".join(pair) in card
    assert "29 of the test photos are trash" in card
    assert "3.4 points" in card


def test_every_contradictory_photo_is_in_the_authors_lists():
    assert set().union(*CONTRADICTIONS) <= set(official_splits())


def test_training_calibration_and_origin_are_named(official_run, card):
    for words in (
        "20 min",
        "12 epochs",
        "2 CPU cores",
        "resnet_v2_50",
        "Apache-2.0",
        "23,577,094",
        "temperature 1.200",
    ):
        assert words.replace("20 min", duration(official_run.info["duration_seconds"])) in card
    assert f"Best epoch, by macro-F1 on val: {official_run.info['best_epoch']}" in card
    assert "confidence of 80.0 %" in card
    assert "it predicts a class for" in card


def test_other_photos_are_not_called_trashnet(tmp_path):
    text = card_text(
        fake_run(tmp_path, "fruit", classes=("apple", "pear", "fig"), counts={"val": 9, "test": [9, 9, 4]})
    )
    assert "Gary Thung" not in text
    assert "byte-identical" not in text
    assert "random weights" in text
    assert "Apache" not in text
    assert "Only 4 of the test photos are fig, so its recall moves 25.0 points" in text


def test_a_part_of_trashnet_is_called_a_part(tmp_path):
    text = card_text(fake_run(tmp_path, "scratch", counts={"val": 8, "test": 8}))
    assert "Only 96 of its 2,527 photos" in text
    assert "byte-identical" not in text


def test_a_model_that_is_never_sure(tmp_path):
    text = card_text(fake_run(tmp_path, "scratch", counts={"val": 8, "test": 8}, threshold=1.01))
    assert "always abstains" in text
    assert "101.0 %" not in text


@pytest.mark.parametrize(
    ("started", "version", "words"),
    [
        ({"source": "imagenet", "loaded": ["a"], "random": []}, "v2", "TensorFlow-Slim"),
        ({"source": "imagenet", "loaded": ["a"], "random": []}, "v1", "Kaiming He"),
        ({"source": "mine.weights.h5", "loaded": ["a"], "random": ["b"]}, "v2", "`mine.weights.h5`"),
        ({}, "v2", "random weights"),
    ],
)
def test_where_the_weights_came_from(tmp_path, started, version, words):
    config = load_config("scratch", [f"version={version}"]).to_dict()
    run = fake_run(tmp_path, "scratch", counts={"test": 3}, config=config, starting_weights=started)
    assert words in card_text(run)
    assert ("TensorFlow-Slim" in card_text(run)) == (words == "TensorFlow-Slim")


@pytest.mark.parametrize(
    ("changes", "network"),
    [
        (["version=efficientnet_lite2"], "EfficientNet-Lite2 that sorts"),
        (["blocks=[1,1,1,1]"], "ResNet v2 with stacks of 1, 1, 1 and 1 blocks and 64 filters that sorts"),
        (["version=v1", "filters=4"], "ResNet v1 with stacks of 3, 4, 6 and 3 blocks and 4 filters that sorts"),
    ],
)
@pytest.mark.parametrize("source", ["imagenet", "resnet50v2_imagenet_conv1-4.weights.h5", "mine.weights.h5"])
def test_another_network_is_not_called_resnet50(tmp_path, changes, network, source):
    started = {"source": source, "loaded": ["a"], "random": []}
    config = load_config("scratch", changes).to_dict()
    text = card_text(fake_run(tmp_path, "mine", counts={"test": 3}, config=config, starting_weights=started))
    assert network in text
    assert "ResNet-50" not in text
    assert "TensorFlow-Slim" not in text


def test_a_model_with_an_ood_detector_is_not_said_to_predict_always(tmp_path):
    run = fake_run(tmp_path, "transfer", counts={"test": 3})
    assert "It always predicts one of its classes" in card_text(run)
    (run.path / "ood.npz").write_bytes(b"a detector")
    assert "always predicts" not in card_text(run)
    assert "OOD detector" in card_text(run)


def test_a_sparse_run_json_still_gives_a_card(tmp_path):
    run = fake_run(tmp_path, "scratch", counts={"val": 3, "test": 3})
    for key in ("software", "device", "duration_seconds", "best_epoch", "starting_weights", "parameters", "seed"):
        del run.info[key]
    run.info["config"] = {}
    assert "## Results on test" in card_text(run)


def overrides(command: str) -> list[str]:
    """Returns what a command changes, as `load_config` takes it."""
    words = shlex.split(command)
    pairs = list(itertools.pairwise(words))
    changes = [value for option, value in pairs if option == "--set"]
    return changes + [f"{option[2:]}={value}" for option, value in pairs if option in ("--name", "--seed", "--weights")]


@pytest.mark.parametrize(
    "changes", [[], ["seed=7", "name=v7", "dropout=0.5", "stages.*.batch_size=16", "optimizer=sgd"]]
)
def test_the_command_describes_the_training(changes):
    config = load_config("transfer", ["weights=w.weights.h5", *changes])
    command, toml = train_command(config, config.name)
    assert toml is None
    assert shlex.split(command)[:5] == ["python", "-m", "garbage_core", "train", "transfer"]
    assert load_config("transfer", overrides(command)) == config
    recorded = json.loads(json.dumps(config.to_dict()))  # as run.json has it
    assert train_command(TrainingConfig.from_dict(recorded), config.name) == (command, None)
    assert "blocks" not in command


def test_a_training_like_no_preset_is_given_as_a_file(tmp_path):
    config = load_config("scratch", ["name=mine", "stages.small.name=first"])
    command, toml = train_command(config, "mine")
    (tmp_path / "mine.toml").write_text(toml)
    assert command == "python -m garbage_core train mine.toml"
    assert load_config(tmp_path / "mine.toml") == config


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "unknown time"), (42.4, "42 s"), (720, "12 min"), (11_100, "3 h 05 min")]
)
def test_times_are_short(seconds, text):
    assert duration(seconds) == text


def test_values_with_intervals():
    assert interval(0.9144, 0.886, 0.94, plain=True) == "91.4 % (88.6 to 94.0)"
    assert interval(0.35912, 0.253, 0.4841, is_share=False, plain=True) == "0.359 (0.253 to 0.484)"
    assert interval(float("nan"), 0, 1, plain=True) == "-"
    assert interval(0.5, float("nan"), float("nan"), plain=True) == "50.0 %"


def test_a_class_name_cannot_break_a_table():
    assert markdown_table(["a", "b"], [["x|y", "1"]]).splitlines()[-1] == "| x\\|y | 1 |"
