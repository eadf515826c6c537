"""Step 5 with a pair that differs in its start alone, and with the study of ever more photos."""

import re
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.comparison.matched import photos_worth
from garbage_core.evaluation.comparison import is_matched
from garbage_core.runs.run import load_run
from garbage_core.studies.data_size import data_size_table
from garbage_core.studies.tables import read_data_size
from garbage_core.utils.files import write_csv, write_json
from tests.app.test_pages import ROOT, open_page, pair, place, two_runs, words
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import OFFICIAL_COUNTS, STARTING_WEIGHTS, fake_run, retrained_on

__all__ = ["pair", "place", "two_runs"]  # fixtures


def matched_run(folder, like, name="transfer-matched", accuracy=0.88, counts=None, **config):
    """A run of the recipe of another, from a file of weights."""
    start = {"source": STARTING_WEIGHTS, "sha256": "cd" * 32, "loaded": ["conv1_conv"], "random": ["predictions"]}
    run = fake_run(folder, name, accuracy, counts=counts, seed=5, starting_weights=start)
    write_json(run.info | {"config": like.info["config"] | {"name": name} | config}, run.path / "run.json")
    return load_run(name, folder)


@pytest.fixture
def matched(two_runs):
    models = two_runs / "models"
    return matched_run(models / "studies" / "matched", load_run("scratch", models))


def test_the_matched_pair_is_compared_first_and_the_best_recipes_stand_beside_it(two_runs, matched):
    app = open_page("comparison")
    assert app.selectbox(key="a").value == "scratch"
    assert app.selectbox(key="b").value == "transfer-matched"
    text = words(app)
    assert "One recipe, two starts: transfer-matched is better by" in text
    assert "With the best recipe of each:" in text
    assert "differ in their starting weights alone" in text


def test_two_recipes_are_no_matched_pair(two_runs, matched, tmp_path):
    scratch = load_run("scratch", two_runs / "models")
    assert is_matched(scratch, matched)
    assert not is_matched(scratch, load_run("transfer", two_runs / "models"))
    assert not is_matched(scratch, matched_run(tmp_path, scratch, dropout=0.5))


def test_the_page_says_how_many_photos_pretraining_is_worth(two_runs, matched):
    scratch = load_run("scratch", two_runs / "models")
    counts = OFFICIAL_COUNTS | {"train": 30}
    few = [
        fake_run(two_runs / "few", "scratch-10", 0.5, counts=counts),
        matched_run(two_runs / "few", scratch, "transfer-matched-10", 0.9, counts),
    ]
    for run in few:
        config = run.info["config"] | {"train_share": 0.1}
        write_json(run.info | {"config": config}, run.path / "run.json")
    runs = [load_run(run.name, two_runs / "few") for run in few]
    table = data_size_table([runs[0], runs[1], scratch, matched], resamples=20)
    path = write_csv(table, two_runs / "models" / "studies" / "data_size.csv", "%.5f")
    text = words(open_page("comparison"))
    assert "How many photos is pretraining worth?" in text
    said = photos_worth(read_data_size(path), "accuracy")
    assert said.replace("*", "").replace("\u00a0", " ") in text.replace("*", "")
    assert "180 photos from ImageNet do what 1,768 do from random weights" in said


@pytest.fixture(scope="module")
def with_networks(tmp_path_factory):
    """A folder with two runs whose networks work, and photos that they were trained on."""
    from tests.fixtures.networks import miniature_run  # here, because it loads TensorFlow

    folder = tmp_path_factory.mktemp("networks")
    write_folder(folder / "photos", small_dataset(photos=18))
    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(folder / "models", name, classes=("can", "jar"), seed=seed)
    retrained_on(folder / "models", folder / "photos")
    return folder


def photo_by_photo():
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.query_params["view"] = "Photo by photo"
    app.query_params["split"] = "Training"
    app.switch_page("pages/comparison.py").run()
    assert not app.exception, app.exception[0].message
    return app


def test_a_pinned_photo_has_both_heat_maps(place, with_networks, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(with_networks / "models"))
    monkeypatch.setenv("GARBAGE_DATA", str(with_networks / "photos"))
    app = photo_by_photo()
    for group in app.selectbox(key="group").options:
        app.selectbox(key="group").set_value(group).run()
        if any(box.key == "pinned" for box in app.selectbox):
            break
    pinned = app.selectbox(key="pinned")
    assert pinned.value in pinned.options
    shown = [part.proto.json for part in app.get("bidi_component")]
    assert any("Transfer" in text and "Scratch" in text for text in shown)


def test_a_pair_without_a_network_says_why_no_photo_is_pinned(place, with_networks, tmp_path, monkeypatch):
    shutil.copytree(with_networks / "models", tmp_path / "other")
    (tmp_path / "other" / "transfer" / "model.keras").unlink()
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "other"))
    monkeypatch.setenv("GARBAGE_DATA", str(with_networks / "photos"))
    app = photo_by_photo()
    assert not any(box.key == "pinned" for box in app.selectbox)
    assert "that of Transfer is not here" in words(app) or "There is no such photo" in words(app)


def started_run(folder, like, name, loaded, origin="", accuracy=0.8):
    """A run of the recipe of another, from ImageNet weights with these layers."""
    run = matched_run(folder, like, name, accuracy, dropout=0.25)
    start = {"source": "imagenet.h5", "sha256": 16 * name[-4:], "loaded": loaded, "random": [], "origin": origin}
    write_json(run.info | {"starting_weights": start}, run.path / "run.json")
    return load_run(name, folder)


def test_starts_of_one_recipe_stand_in_one_table(two_runs):
    models = two_runs / "models"
    like = load_run("transfer", models)
    few = started_run(models / "studies" / "repeats", like, "transfer-none", ["conv4_block6_out"], accuracy=0.6)
    more = [*few.info["starting_weights"]["loaded"], "conv5_block1_1_conv"]
    started_run(models / "studies" / "starts", like, "transfer-lite", more, "conv5 taught by another", accuracy=0.9)
    matched_run(models / "studies" / "starts", like, "other-recipe", dropout=0.5)
    app = open_page("comparison")
    shown = next(frame for frame in app.dataframe if "Start" in frame.value)
    assert '"label": ""' not in shown.proto.columns, "a heading is blank"
    table = shown.value
    assert list(table["Start"]) == ["ImageNet, conv1 to conv4", "ImageNet, conv5 taught by another network"]
    gains = list(table["Points of accuracy more"])
    assert gains[0] == ""
    assert gains[1].startswith("+")


def test_without_runs_from_other_starts_there_is_no_such_table(two_runs):
    assert not [frame for frame in open_page("comparison").dataframe if "Start" in frame.value]


def test_the_findings_say_what_the_start_alone_is_worth(two_runs, matched):
    text = words(open_page("findings"))
    assert "Transfer is better by" in text
    assert re.search(r"the start alone makes \+\d+\.\d points \(", text)
    assert re.search(
        r"Transfer is right on \d+\.\d % of the test photos, Scratch on \d+\.\d %", text.replace("\xa0", " ")
    )
