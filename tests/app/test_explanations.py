"""The page Explanations through Streamlit's AppTest, with miniature networks that really answer."""

import json
import re
import shutil
import threading

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.explanations import jobs
from garbage_app.explanations import text as explain_words
from garbage_core.errors import GarbageError
from garbage_core.explain import heatmaps as explain
from garbage_core.explain.faithfulness import Faithfulness
from tests.app.test_pages import ROOT, picture, words
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty machine: no runs, no photos."""
    (tmp_path / "models").mkdir()
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with `scratch` and `transfer` of two classes, made and loaded once."""
    from tests.fixtures.networks import miniature_run  # here, because it loads TensorFlow

    folder = tmp_path_factory.mktemp("pair")
    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(folder, name, classes=("can", "jar"), seed=seed, threshold=0.0)
    return folder


@pytest.fixture
def runs(place, pair, monkeypatch):
    """The empty machine with the pair, which no test changes."""
    monkeypatch.setenv("GARBAGE_MODELS", str(pair))
    return pair


@pytest.fixture
def photos(runs, place, monkeypatch):
    """The pair with the photos that it knows."""
    write_folder(place / "photos", small_dataset(photos=18))
    monkeypatch.setenv("GARBAGE_DATA", str(place / "photos"))
    return place / "photos"


def open_page(**address) -> AppTest:
    """Opens the page by a link with these parameters."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in address.items():
        app.query_params[key] = value
    app.switch_page("pages/explanations.py").run()
    assert not app.exception, app.exception[0].message
    return app


def maps(app: AppTest) -> dict[str, str]:
    """Returns the address of every map by its text alternative, which names the model."""
    return {image.proto.imgs[0].alt: image.value[0] for image in app.image if "map of" in image.proto.imgs[0].alt}


def test_both_maps_stand_beside_the_photo_with_what_they_are_worth(runs):
    app = open_page()
    assert app.title[0].value == "Which part of the photo decides?"
    said = words(app)
    assert re.search(r"(Scratch|Transfer) predicts (can|jar) \((over )?\d+ %\) and (Scratch|Transfer) predicts", said)
    assert "Grad-CAM on the last feature map. The hottest fifths of the two maps have" in said
    assert {heading.value for heading in app.subheader} >= {"The photo", "Scratch", "Transfer"}
    assert len(app.image) == 3
    assert len(maps(app)) == 2
    assert len(app.get("plotly_chart")) == 3  # the color scale and two curves
    assert said.count("Area under the curve") == 2
    assert said.count("points.**") + said.count("Cannot be measured") == 2
    assert [button.label for button in app.download_button].count("Download as PNG") == 2


@pytest.mark.slow
def test_every_method_gives_another_map_and_says_what_it_does(runs):
    # Before the last layer: there two methods may agree for a head without hidden layers.
    app, seen = open_page(layer="conv2"), {}
    for method, name in explain_words.METHOD_NAMES.items():
        app.button_group(key="method").set_value(method).run()
        assert not app.exception
        assert f"{name}: {explain.METHOD_HINTS[method]}" in words(app)
        seen[method] = tuple(sorted(maps(app).values()))
    assert set(seen) == set(explain.METHODS)
    assert len(set(seen.values())) == len(seen)


@pytest.mark.slow
def test_a_link_says_method_layer_class_and_photo(runs):
    app = open_page(method="LayerCAM", layer="conv2", target="jar", photo="Drawing", drawing="can")
    said = words(app)
    assert "LayerCAM on the end of conv2." in said
    assert "gives jar" in said
    assert "drawing of a can" in said
    assert all(alt.endswith("what speaks for jar") for alt in maps(app))
    other = maps(open_page(method="LayerCAM", target="jar", photo="Drawing", drawing="can"))
    assert set(other) == set(maps(app))
    assert not set(other.values()) & set(maps(app).values())


@pytest.mark.slow
def test_what_was_computed_is_kept_for_every_session(runs, monkeypatch):
    first = maps(open_page(drawing="can"))
    computed = []
    monkeypatch.setattr(explain, "heatmap", lambda *args: computed.append(args))
    app = open_page(drawing="can")
    assert maps(app) == first
    app.slider(key="opacity").set_value(0.2).run()
    assert not app.exception
    assert not set(maps(app).values()) & set(first.values())
    assert computed == []


@pytest.mark.slow
def test_a_photo_of_the_data_set_by_link_and_by_choice(photos):
    app = open_page(file="jar/jar9.jpg")
    assert app.button_group(key="split").value == "val"  # where this photo lies
    assert app.selectbox(key="file").value == "jar/jar9.jpg"
    assert "The data set labels it **jar**" in words(app)
    app.button_group(key="split").set_value("test").run()
    app.selectbox(key="its_class").set_value("can").run()
    assert app.selectbox(key="file").options == [f"can/can{number}.jpg" for number in range(13, 19)]
    assert "The data set labels it **can**" in words(app)


@pytest.mark.slow
def test_mistakes_can_be_looked_at(photos, runs):
    import pandas as pd

    table = pd.read_csv(runs / "scratch" / "predictions.csv")
    answer = table[["p_can", "p_jar"]].idxmax(axis=1).str.removeprefix("p_")
    wrong = table["file"][(answer != table["label"]) & (table["split"] == "test")]
    assert len(wrong)
    app = open_page(split="Test", which="mistakes of Scratch")
    assert app.selectbox(key="file").options == list(wrong)


def test_without_the_photos_their_download_is_offered(runs):
    app = open_page(photo="Data set")
    assert [button.label for button in app.button] == ["Download the photos, 43 MB"]
    assert "Choose a photo" in words(app)
    assert not app.image


@pytest.mark.slow
def test_an_own_photo(runs):
    app = open_page(photo="Own photo")
    assert not app.image
    app.file_uploader[0].upload("mine.jpg", picture(0), "image/jpeg").run()
    assert not app.exception
    assert len(maps(app)) == 2
    app.file_uploader[0].clear()
    app.file_uploader[0].upload("odd.pdf", b"%PDF-1.7 nothing", "application/pdf").run()
    assert "is a PDF document" in words(app)
    assert not maps(app)


def test_a_layer_that_a_network_lacks_is_named_in_place(runs):
    app = open_page(layer="conv4")
    assert words(app).count("This network has no layers conv4: choose one of conv2, conv3.") == 2
    assert not maps(app)


@pytest.mark.slow
def test_a_network_that_was_tampered_with_does_not_hide_the_other(place, pair):
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    with (place / "models" / "scratch" / "model.keras").open("ab") as file:
        file.write(b"!")
    app = open_page()
    assert "SHA-256" in words(app)
    assert len(maps(app)) == 1


@pytest.mark.slow
def test_models_of_different_classes(place, pair):
    shutil.copytree(pair / "scratch", place / "models" / "scratch")
    shutil.copytree(pair / "transfer", place / "models" / "transfer")
    path = place / "models" / "scratch" / "run.json"
    path.write_text(path.read_text().replace('"jar"', '"tin"'))
    table = place / "models" / "scratch" / "predictions.csv"
    table.write_text(table.read_text().replace("jar", "tin"))
    app = open_page(target="jar")
    assert "It knows no jar." in words(app)
    assert len(maps(app)) == 1


def test_without_networks_the_page_says_so(place):
    fake_run(place / "models", "scratch", counts={"train": 8, "val": 4, "test": 6})
    (place / "models" / "scratch" / "model.keras").unlink()
    assert "not the networks themselves" in words(open_page())


def test_without_runs_the_page_says_how_to_train(place):
    assert "There are no trained models in" in words(open_page())


# What the page says


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ({"Transfer": "better"}, "The map of Transfer marks what counts."),
        ({"Transfer": "better", "Scratch": "better"}, "Both maps mark what counts."),
        ({"Transfer": "little", "Scratch": "flat"}, "Neither map can be tested."),
        (
            {"Transfer": "chance", "Scratch": "better"},
            "The map of Scratch marks what counts; the map of Transfer is not clearly better than chance.",
        ),
        (
            {"A": "worse", "B": "worse", "C": "worse"},
            "The map of A marks what counts less than the rest; the map of B marks what counts less than the rest; "
            "the map of C marks what counts less than the rest.",
        ),
    ],
)
def test_conclusion(verdicts, sentence):
    assert explain_words.conclusion(verdicts) == sentence


@pytest.mark.parametrize(
    ("hottest", "random", "said"),
    [
        ([0.9, 0.1, 0.1], [[0.9, 0.8, 0.1], [0.9, 0.79, 0.1]], r"\+35 points.* 35 points lower .* shows what counts"),
        (
            [0.9, 0.9, 0.1],
            [[0.9, 0.5, 0.1], [0.9, 0.49, 0.1]],
            "\u221220 points.* 20 points higher .* less than the rest",
        ),
        ([0.9, 0.4, 0.1], [[0.9, 0.7, 0.1], [0.9, 0.3, 0.1]], r"\+5 points.* may be no better than chance"),
        ([0.05, 0, 0], [[0.05, 0, 0]], r"Cannot be measured.* only 5.0 %"),
        ([0.99, 0.97, 0.98], [[0.99, 0.96, 0.98]], r"Cannot be measured.* at least 96.0 %"),
    ],
)
def test_faithfulness_in_words(hottest, random, said):
    result = Faithfulness(np.array([0, 0.5, 1]), np.array(hottest), np.array(random))
    assert re.search(said, explain_words.faithfulness_in_words(result, "glass").replace("\u00a0", " "))


# Jobs in the background


@pytest.fixture
def busy_worker():
    """Keeps the worker busy until the test lets it go, so that later jobs have to wait."""
    gate = threading.Event()
    future = jobs._WORKER.submit(gate.wait)
    yield gate
    gate.set()
    future.result(60)


class ClickError(Exception):
    """What a reader's next click does to a script that draws."""


def test_work_that_nobody_waits_for_any_more_is_not_begun(busy_worker):
    ran = []
    key = ("test", "dropped")
    job = jobs._job_for(key, lambda report: ran.append("dropped"))

    def click(share):
        raise ClickError

    with pytest.raises(ClickError):
        jobs.wait_for([job], click, 0, 1)
    again = jobs._job_for(key, lambda report: ran.append("wanted"))
    assert again is not job
    busy_worker.set()
    jobs.wait_for([again], lambda share: None, 0, 1)
    assert ran == ["wanted"]


def test_work_that_another_reader_waits_for_goes_on(busy_worker):
    key = ("test", "shared")
    mine, theirs = (jobs._job_for(key, lambda report: "done") for _ in range(2))
    assert mine is theirs
    mine.leave()
    busy_worker.set()
    assert theirs.result() == "done"


def test_progress_is_told_while_waiting(busy_worker):
    reached, seen = threading.Event(), []

    def compute(report):
        report(0.5)
        reached.wait(60)

    def show(share):
        seen.append(share)
        busy_worker.set()
        if share > 0.2:
            reached.set()

    jobs.wait_for([jobs._job_for(("test", "progress"), compute)], show, 0.2, 0.6)
    assert seen[0] == pytest.approx(0.2)
    assert seen[-1] == pytest.approx(0.4)


def test_work_that_failed_is_tried_again_and_again_fails_without_end():
    tries = []

    def fail(report):
        tries.append(1)
        raise GarbageError("No; choose another.")

    for expected in (1, 2):
        job = jobs._job_for(("test", "failing"), fail)
        jobs.wait_for([job], lambda share: None, 0, 1)
        with pytest.raises(GarbageError, match="No; choose"):
            job.result()
        assert len(tries) >= expected
    assert len(tries) <= 4


def test_equal_photos_share_their_maps_and_different_networks_do_not(runs, pair):
    from garbage_app.photo import photo_of
    from garbage_core.runs.run import load_run

    scratch, transfer = load_run("scratch", pair), load_run("transfer", pair)
    one, same, other = photo_of("a.jpg", b"1"), photo_of("b.jpg", b"1"), photo_of("a.jpg", b"2")
    request = jobs.Request(scratch, one, "can", "gradcam")
    assert request.key == jobs.Request(scratch, same, "can", "gradcam").key
    others = [
        jobs.Request(scratch, other, "can", "gradcam"),
        jobs.Request(transfer, one, "can", "gradcam"),
        jobs.Request(scratch, one, "jar", "gradcam"),
        jobs.Request(scratch, one, "can", "layercam"),
        jobs.Request(scratch, one, "can", "gradcam", "conv4"),
    ]
    assert len({request.key, *(other.key for other in others)}) == 6
    assert json.dumps(request.key)
