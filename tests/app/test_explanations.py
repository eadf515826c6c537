"""The page Explanations through Streamlit's AppTest, with miniature networks that really answer."""

import json
import re
import shutil
import threading
import time
from collections import deque

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.explanations import explain as waiting
from garbage_app.explanations import jobs, layout, telling
from garbage_app.explanations import text as explain_words
from garbage_app.explanations.exhibit import KEY as NAME
from garbage_app.explanations.exhibit import without
from garbage_app.widgets import photo_picker
from garbage_app.widgets.photo_picker import predicted_classes
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.explain import heatmaps as explain
from garbage_core.explain.faithfulness import Faithfulness
from garbage_core.explain.times import Times, save_times
from garbage_core.runs.results import TRASHNET
from garbage_core.runs.run import load_run
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
    """A folder with `scratch` and `transfer` of two classes, made and loaded once; beside it lie their `photos`."""
    from tests.fixtures.networks import miniature_run  # here, because it loads TensorFlow

    folder = tmp_path_factory.mktemp("pair")
    known = load_dataset(write_folder(folder / "photos", small_dataset(photos=18))).fingerprint
    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(folder / "models", name, classes=("can", "jar"), seed=seed, threshold=0.0, data_fingerprint=known)
    return folder / "models"


@pytest.fixture
def runs(place, pair, monkeypatch):
    """The empty machine with the pair, which no test changes."""
    monkeypatch.setenv("GARBAGE_MODELS", str(pair))
    return pair


@pytest.fixture
def photos(runs, monkeypatch):
    """The pair with the photos that it knows."""
    monkeypatch.setenv("GARBAGE_DATA", str(runs.parent / "photos"))
    return runs.parent / "photos"


def open_page(**address) -> AppTest:
    """Opens the page by a link with these parameters and waits until all maps are there."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in address.items():
        app.query_params[key] = value
    return settled(app.switch_page("pages/explanations.py").run())


def settled(app: AppTest) -> AppTest:
    """Draws the page anew, as the browser does, until nothing is left to be computed."""
    for _ in range(600):
        assert not app.exception, app.exception[0].message
        if not any("hourglass" in caption.value for caption in app.caption):
            return app
        time.sleep(0.3)
        app.run()
    pytest.fail("the maps did not arrive")


def exhibit(app: AppTest) -> dict:
    """Returns what the browser gets to show: the photo, and of each model its map and its probabilities."""
    return next(json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.component_name == NAME)


def maps(app: AppTest) -> dict[str, str]:
    """Returns the address of every map by its text alternative, which names the model."""
    return {model["map_alt"]: model["map"] for model in exhibit(app)["models"] if model["map"]}


def small_maps(app: AppTest) -> dict[str, str]:
    """Returns the pictures of the grid of methods."""
    return {image.proto.imgs[0].alt: image.value[0] for image in app.image if "small" in image.proto.imgs[0].alt}


def test_both_maps_stand_beside_the_photo_with_what_they_are_worth(runs):
    app = open_page()
    assert app.title[0].value == "Which part of the photo decides?"
    said = words(app)
    assert re.search(r"(Scratch|Transfer) predicts (can|jar) \((over )?\d+ %\) and (Scratch|Transfer) predicts", said)
    assert "Grad-CAM on the last feature map. The hottest fifths of the two maps have" in said
    shown = exhibit(app)
    assert shown["label"] == "Drawing of a bottle"
    assert {model["title"] for model in shown["models"]} == {"Scratch", "Transfer"}
    assert len(maps(app)) == 2
    for model in shown["models"]:
        assert sum(bar["now"] for bar in model["bars"]) == pytest.approx(1, abs=0.001)
    assert len(app.get("plotly_chart")) == 3  # the color scale and two curves
    assert said.count("Area under the curve") == 2
    assert said.count("points.**") + said.count("Cannot be measured") == 2
    assert [button.label for button in app.download_button].count("Download as PNG") == 1


def test_the_first_map_does_not_wait_for_the_others(place, pair, busy_queue):
    """What needs gradients is queued, and the page is there at once, with one line that says what it waits for."""
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)  # models that no other test has loaded
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/explanations.py").run()
    assert len(maps(app)) == 2
    assert words(app).count(explain_words.LOADING) == 1
    assert len(small_maps(app)) == 2
    busy_queue.set()
    assert len(small_maps(settled(app))) == 2 * len(explain.METHODS)


def test_maps_that_arrive_while_the_page_is_drawn_are_shown(place, pair, busy_queue, monkeypatch):
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/explanations.py").run()
    wait = waiting._wait_for

    def wait_late(found, *rest):
        """What was on its way when the grid was drawn is there when the page looks what it still waits for."""
        busy_queue.set()
        for job in found.jobs:
            job.result()
        wait(found, *rest)

    monkeypatch.setattr(waiting, "_wait_for", wait_late)
    assert len(small_maps(settled(app.run()))) == 2 * len(explain.METHODS)
    assert "is on its way" not in str(app.main)


def test_all_methods_stand_in_one_grid_each_with_another_map(runs):
    # Before the last layer: there two methods may agree for a head without hidden layers.
    app = open_page(layer="conv2")
    pictures = small_maps(app)
    assert set(pictures) == {
        f"{name} of {run}, small" for name in explain.METHOD_NAMES.values() for run in ("Scratch", "Transfer")
    }
    assert len(set(pictures.values())) == len(pictures)


def test_times_stand_beside_the_methods_before_one_is_chosen(runs, place, monkeypatch):
    monkeypatch.setattr(jobs, "_SECONDS", {})
    stored = Times(dict.fromkeys(explain.METHODS, 1.25), 0.5, "transfer", "keras", (48, 64), "a machine", "today")
    path = save_times(stored, place / "times.json")
    monkeypatch.setattr(layout, "times_path", lambda: path)
    assert [layout.time_in_words(name) for name in explain.METHODS] == ["at once", *["about 1.2\u00a0s"] * 4]
    app = open_page()
    jobs._SECONDS["layercam"] = deque([12.0])  # as measured on this server from now on
    captions = app.run().radio(key="method").proto.captions
    assert captions[0] == "at once"
    assert captions[3] == "about 12\u00a0s"


def test_without_stored_times_none_is_said(place, monkeypatch):
    monkeypatch.setattr(jobs, "_SECONDS", {})
    assert layout.time_in_words("saliency") == ""


@pytest.mark.slow
def test_every_method_can_be_chosen_and_says_what_it_does(runs):
    app = open_page(layer="conv2")
    for method, name in explain.METHOD_NAMES.items():
        settled(app.radio(key="method").set_value(method).run())
        assert f"{name}: {explain.METHOD_HINTS[method]}" in words(app)
        assert all(alt.startswith(f"{name} map of") for alt in maps(app))


@pytest.mark.slow
def test_a_link_says_method_layer_class_and_photo(runs):
    app = open_page(method="LayerCAM", layer="conv2", target="jar", photo="Drawing", drawing="can")
    said = words(app)
    assert "LayerCAM on the end of conv2." in said
    assert "gives jar" in said
    assert exhibit(app)["label"] == "Drawing of a can"
    assert all(alt.endswith("what speaks for jar") for alt in maps(app))
    other = maps(open_page(method="LayerCAM", target="jar", photo="Drawing", drawing="can"))
    assert set(other) == set(maps(app))
    assert not set(other.values()) & set(maps(app).values())


@pytest.mark.slow
def test_what_was_computed_is_kept_for_every_session(runs, monkeypatch):
    first = small_maps(open_page(drawing="can"))
    computed = []
    monkeypatch.setattr(explain, "heatmap", lambda *args: computed.append(args))
    assert small_maps(open_page(drawing="can")) == first
    assert computed == []


# Covering parts of the photo


def test_probabilities_and_maps_follow_when_a_part_is_covered(runs):
    app = open_page()
    before = exhibit(app)
    app.button(key="cover-transfer").click().run()
    covered = exhibit(app)
    assert len(covered["covered"]) == round(0.2 * covered["rows"] * covered["columns"])
    assert covered["photo"] != before["photo"]
    assert "parts covered" in covered["photo_alt"]
    for was, now in zip(before["models"], covered["models"], strict=True):
        assert [bar["before"] for bar in now["bars"]] == [bar["now"] for bar in was["bars"]]
        assert now["map"] != was["map"]
    assert any(bar["now"] != bar["before"] for model in covered["models"] for bar in model["bars"])
    app.button(key="uncover").click().run()
    again = exhibit(app)
    assert again["models"] == before["models"]
    assert again["version"] > covered["version"] > before["version"]  # so that the browser takes it over


def test_what_is_covered_belongs_to_its_photo(runs):
    app = open_page()
    app.button(key="cover-transfer").click().run()
    settled(app.selectbox(key="drawing").set_value("can").run())
    assert exhibit(app)["covered"] == []


def test_covered_cells_fit_networks_of_every_photo_size():
    """The cells that the reader sees are covered at the same place of a photo that another network takes smaller."""
    for size in ((480, 640), (240, 320), (64, 96), (8, 12)):
        photo = np.full((*size, 3), 200, dtype=np.uint8)
        photo[: size[0] // 2, : size[1] // 2] = (20, 30, 250)
        upper_left = tuple(row * 20 + column for row in range(8) for column in range(10))
        covered = without(photo, upper_left, (15, 20))
        assert covered.shape == photo.shape
        assert (np.abs(covered[: size[0] // 2, : size[1] // 2].astype(int) - 200) < 3).all()
        np.testing.assert_array_equal(covered[-size[0] // 4 :], photo[-size[0] // 4 :])


# Which photo


def test_without_photos_the_filmstrip_holds_drawings(runs):
    app = open_page()
    frames, chosen = filmstrip(app)
    assert "Bottle, new background" in [frame["tag"] for frame in frames]
    assert chosen == "bottle"
    assert "the photos that the models learned from are not on this machine" in words(app)


def test_the_filmstrip_holds_photos_that_are_telling_by_their_predictions(photos, runs):
    app = open_page()
    frames, chosen = filmstrip(app)
    both = [load_run(name, runs) for name in ("scratch", "transfer")]
    table = predicted_classes(both).set_index("file")
    assert chosen == app.selectbox(key="file").value
    for frame in frames:
        row = table.loc[frame["key"]]
        wrong = [run.title for run in both if row[f"p_{run.name}"] != row["label"]]
        assert row["split"] == "test"
        assert (
            frame["tag"]
            == {0: "All are right", 1: f"{wrong[0] if wrong else ''} wrong", 2: "All are wrong"}[len(wrong)]
        )


def test_the_opening_photo_stands_first(photos, runs, monkeypatch):
    opening = "jar/jar14.jpg"
    for module in (telling, photo_picker):
        monkeypatch.setattr(module, "OPENING", opening)
    telling._telling_photos.clear()
    app = open_page()
    assert app.selectbox(key="file").value == opening
    assert filmstrip(app)[0][0]["key"] == opening
    assert exhibit(app)["label"] == "Labeled jar"


def filmstrip(app: AppTest) -> tuple[list[dict], str]:
    """Returns the photos of the filmstrip, and which is marked."""
    parts = [part.proto for part in app.get("bidi_component") if part.proto.component_name == "filmstrip"]
    data = json.loads(parts[0].json)
    return data["frames"], data["chosen"]


@pytest.mark.slow
def test_a_photo_of_the_data_set_by_link_and_by_choice(photos):
    app = open_page(file="jar/jar9.jpg")
    assert app.button_group(key="split").value == "val"  # where this photo lies
    assert app.selectbox(key="file").value == "jar/jar9.jpg"
    assert exhibit(app)["label"] == "Labeled jar"
    app.button_group(key="split").set_value("test").run()
    settled(app.selectbox(key="its_class").set_value("can").run())
    assert app.selectbox(key="file").options == [f"can/can{number}.jpg" for number in range(13, 19)]
    assert exhibit(app)["label"] == "Labeled can"


@pytest.mark.slow
def test_mistakes_can_be_looked_at(photos, runs):
    import pandas as pd

    table = pd.read_csv(runs / "scratch" / "predictions.csv")
    answer = table[["p_can", "p_jar"]].idxmax(axis=1).str.removeprefix("p_")
    wrong = table["file"][(answer != table["label"]) & (table["split"] == "test")]
    assert len(wrong)
    app = open_page(split="Test", which="mistakes of Scratch")
    assert app.selectbox(key="file").options == list(wrong)


def test_without_the_photos_their_download_is_offered(place, pair):
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    for path in (place / "models").glob("*/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"data_fingerprint": TRASHNET}))
    app = open_page(photo="Data set")
    assert "Download the photos, 43 MB" in [button.label for button in app.button]
    assert "Choose a photo" in words(app)
    assert not app.image


@pytest.mark.slow
def test_an_own_photo(runs):
    app = open_page(photo="Own photo")
    assert not app.image
    settled(app.file_uploader[0].upload("mine.jpg", picture(0), "image/jpeg").run())
    assert len(maps(app)) == 2
    app.file_uploader[0].clear()
    app.file_uploader[0].upload("odd.pdf", b"%PDF-1.7 nothing", "application/pdf").run()
    assert "is a PDF document" in words(app)
    assert not app.image


# What fails


def test_a_layer_that_a_network_lacks_is_named_in_place(runs):
    app = open_page(layer="conv4")
    assert "This network has no layers conv4: choose one of conv2, conv3." in words(app)
    assert [model["note"] for model in exhibit(app)["models"]] == [
        "This network has no layers conv4: choose one of conv2, conv3."
    ] * 2
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
    assert "It knows no jar." in [model["note"] for model in exhibit(app)["models"]]
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
def busy_queue():
    """Keeps the queue for TensorFlow busy until the test lets it go, so that later jobs have to wait."""
    gate = threading.Event()
    future = jobs._WITH_TENSORFLOW.submit(gate.wait)
    yield gate
    gate.set()
    future.result(60)


def job_for(key: str, compute) -> jobs.Job:
    """Returns a job in the queue that `busy_queue` blocks."""
    return jobs._job_for(("test", key), compute, False, True)


def test_work_that_nobody_waits_for_any_more_is_not_begun(busy_queue, monkeypatch):
    ran = []
    dropped = job_for("dropped", lambda job: ran.append("dropped"))
    dropped.start()
    monkeypatch.setattr(jobs, "WANTED_FOR", -1)
    busy_queue.set()
    with pytest.raises(jobs.DroppedError):
        dropped._future.result(60)
    monkeypatch.setattr(jobs, "WANTED_FOR", 60)
    again = job_for("dropped", lambda job: ran.append("wanted"))
    assert again is not dropped
    again.result()
    assert ran == ["wanted"]


def test_work_that_another_reader_asked_for_is_shared(busy_queue):
    mine, theirs = (job_for("shared", lambda job: "done") for _ in range(2))
    assert mine is theirs
    busy_queue.set()
    assert theirs.result() == "done"
    assert job_for("shared", lambda job: "another") is mine


def test_nothing_runs_before_a_page_was_drawn():
    ran = []
    job = job_for("not started", lambda job: ran.append(1))
    jobs._WITH_TENSORFLOW.submit(lambda: None).result(60)
    assert not job.done
    assert ran == []


def test_work_that_failed_is_not_repeated_with_every_drawing_but_tried_again_later(monkeypatch):
    tries = []

    def fail(job):
        tries.append(1)
        raise GarbageError("No; choose another.")

    for _ in range(3):
        with pytest.raises(GarbageError, match="No; choose"):
            job_for("failing", fail).result()
    assert len(tries) == 1
    monkeypatch.setattr(jobs, "RETRY_AFTER", -1)
    with pytest.raises(GarbageError, match="No; choose"):
        job_for("failing", fail).result()
    assert len(tries) == 2


def test_equal_photos_share_their_maps_and_different_networks_do_not(runs, pair):
    from garbage_app.photo import photo_of

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
