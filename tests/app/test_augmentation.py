"""The page on augmentation through Streamlit's AppTest: backgrounds and their worth, pipelines, transformations."""

import numpy as np
import pandas as pd
import pytest

from garbage_app.augmentation.backgrounds import COPIES, worth_in_words, worth_of
from garbage_core.evaluation.slices import REPLACED
from garbage_core.runs.run import load_run
from garbage_core.studies.tables import AS_THEY_ARE, CHANGED
from tests.app.test_pages import open_page, pair, place, two_runs, words
from tests.fixtures.photos import jpeg
from tests.fixtures.runs import fake_run

__all__ = ["pair", "place", "two_runs"]  # fixtures


@pytest.fixture
def replaced(two_runs) -> int:
    """Predictions for a hundred test photos on other backgrounds: all of scratch wrong, all of transfer right."""
    tables = []
    for name in ("scratch", "transfer"):
        run = load_run(name)
        rows = run.predictions[run.predictions["split"] == "test"].head(100).copy()
        columns = [f"p_{label}" for label in run.classes]
        place = rows["label"].map({label: i for i, label in enumerate(run.classes)}) + (name == "scratch")
        rows[columns] = np.eye(len(run.classes))[place % len(run.classes)]
        tables.append(rows.assign(run=name, weights=str(run.weights_sha256)[:12]))
    folder = two_runs / "models" / "studies"
    folder.mkdir()
    pd.concat(tables).to_csv(folder / f"{REPLACED}.csv", index=False)
    return 100


def test_what_background_replacement_was_worth_comes_from_the_predictions(replaced):
    run = load_run("transfer")
    rows = run.predictions[run.predictions["split"] == "test"].head(replaced)
    own = (rows.filter(like="p_").idxmax(axis=1).str[2:] == rows["label"]).mean()
    worth = worth_of(run)
    assert (worth.photos, worth.own[0], worth.other[0]) == (replaced, own, 1.0)
    app = open_page("augmentation")
    assert "Put on wood, tiles, cloth or stone, Scratch is right on 0.0 % instead of" in words(app)
    table = next(table.value for table in app.dataframe if "Backgrounds replaced in training" in table.value)
    shown = table.set_index("Model")["Right, on wood, tiles, cloth or stone"]
    assert shown["Scratch"].startswith("0.0")
    assert shown["Transfer"].startswith("100.0")
    assert "Put on wood" in words(open_page("findings"))


def test_without_the_study_nothing_is_said_of_its_worth(two_runs):
    assert worth_of(load_run("transfer")) is None
    assert worth_in_words([load_run("transfer")]) == ""
    app = open_page("augmentation")
    assert "Put on wood" not in words(app)
    assert "What it was worth" not in words(app)
    assert "random versions of 1,768 photos" in words(app)


def test_the_predictions_of_other_weights_are_not_counted(replaced, two_runs):
    path = two_runs / "models" / "studies" / f"{REPLACED}.csv"
    pd.read_csv(path).assign(weights="0" * 12).to_csv(path, index=False)
    assert worth_of(load_run("transfer")) is None


def test_pictures_follow_the_reader(place):
    fake_run(place / "models", "scratch", counts={"train": 8, "val": 4, "test": 6})
    app = open_page("augmentation")
    assert "Standard: photos are rotated by up to 45°" in words(app)
    assert "Scratch learned from these." in words(app)
    captions = [image.captions[0] for image in app.image]
    assert captions[: 1 + COPIES] == ["original", *["on a drawn background"] * COPIES]
    assert len(captions) == 1 + COPIES + 8 + 12
    before = [image.value[0] for image in app.image]
    assert len(set(before[: 1 + COPIES])) == 1 + COPIES
    app.button[0].click().run()
    after = [image.value[0] for image in app.image]
    assert after[0] == before[0]
    assert not set(after[1 : 1 + COPIES]) & set(before)
    assert after[2 + COPIES] != before[2 + COPIES]
    app.slider(key="strength").set_value(0.0).run()
    assert not app.exception
    assert "left as they are" in words(app)


def test_a_photo_whose_object_cannot_be_told_from_its_background_says_so(place):
    app = open_page("augmentation")
    app.file_uploader[0].upload("plain.jpg", jpeg((90, 90, 90), 640, 480), "image/jpeg").run()
    assert not app.exception
    assert "No object stands out" in words(app)
    assert app.image[1].captions[0] == "original"


def test_the_worth_of_each_transformation_comes_from_the_study(two_runs):
    rows = [
        # transformation, tested on, accuracy, difference, its ends
        ("rotation", AS_THEY_ARE, 0.89, -0.004, -0.01, 0.002),
        ("rotation", CHANGED, 0.86, 0.11, 0.08, 0.14),
        ("brightness", AS_THEY_ARE, 0.90, 0.0, -0.01, 0.01),
        ("brightness", CHANGED, 0.88, 0.002, -0.01, 0.012),
    ]
    columns = ["transformation", "tested_on", "value", "difference", "difference_low", "difference_high"]
    table = pd.DataFrame(rows, columns=columns).assign(
        **{"metric": "accuracy", "class": "", "photos": 431, "low": 0.8, "high": 0.9}
    )
    path = two_runs / "models" / "studies" / "augmentation.csv"
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, index=False)
    app = open_page("augmentation")
    shown = next(frame.value for frame in app.dataframe if "Without it" in frame.value)
    assert list(shown["Photos"]) == ["Rotated by up to 60°", "Brighter or darker by up to 25\N{NO-BREAK SPACE}%"]
    assert shown["Without it"][0].startswith("75.0")
    assert shown["With it"][0].startswith("86.0")
    assert shown["Gain there"][0].startswith("+11.0 points")
    text = words(app)
    assert "86.0 % of them are right instead of 75.0 %" in text
    assert "On photos as they are no transformation changes the accuracy" in text
