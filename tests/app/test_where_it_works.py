"""Page Evaluation shows models on every set of photos that they have predictions for."""

import pandas as pd
import pytest

from garbage_core.evaluation.by_set import by_set
from garbage_core.evaluation.card import card_text
from garbage_core.runs.predictions import PREDICTIONS_FILE, write_predictions
from garbage_core.runs.run import load_run
from garbage_core.utils.files import write_json
from tests.app.test_evaluation import open_page
from tests.app.test_pages import words
from tests.fixtures.runs import fake_photos, fake_predictions, fake_run

CLASSES = ("can", "jar")
COUNTS = {"train": 4, "val": 10, "test": 20}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A machine with a run that is right on white board and guesses elsewhere."""
    fake_run(tmp_path / "models", "transfer", 0.95, classes=CLASSES, counts=COUNTS)
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add_set(root, accuracy=0.5):
    run = load_run("transfer", root / "models")
    photos = fake_photos(CLASSES, {"val": 10, "test": 30})
    others = fake_predictions(photos, accuracy, CLASSES, seed=3)
    others = others.assign(set="everyday", file="everyday:" + others["file"])
    rows = pd.concat([run.predictions.assign(set="trashnet"), others], ignore_index=True)
    write_predictions(rows, run.path / PREDICTIONS_FILE)
    return load_run("transfer", root / "models")


def test_a_run_of_one_set_has_no_such_section(place):
    page = open_page("evaluation")
    assert "Where it works" not in words(page)


def test_the_set_of_a_run_of_other_photos_is_not_called_trashnet(place):
    run = add_set(place)
    write_json(run.info | {"data_fingerprint": "ab" * 32, "protocol": "random"}, run.path / "run.json")
    text = words(open_page("evaluation"))
    assert "on the photos it was made for and" in text
    assert "TrashNet's white board" not in text
    assert "TrashNet's white board" not in card_text(load_run("transfer", place / "models"))


def test_each_set_has_its_figures_and_the_rest_of_the_page_is_about_the_data_set(place):
    run = add_set(place)
    table = by_set(run).set_index("set")
    assert table.loc["trashnet", "accuracy"] > 0.85
    assert table.loc["everyday", "accuracy"] < 0.7
    page = open_page("evaluation")
    text = words(page)
    assert "Where it works" in text
    board, everyday = (f"{100 * table.loc[name, 'accuracy']:.1f}" for name in ("trashnet", "everyday"))
    assert f"{board} % on TrashNet's white board and {everyday} % on everyday photos" in text
    assert "**Everyday photos**, 60 photos" in text
    assert "40 test photos" in text  # those of the data set itself
