"""The page on the data set through Streamlit's AppTest: with and without photos, measured values, and the map."""

import base64
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_core import figures
from garbage_core.audit.embeddings import Embeddings, save_embeddings
from garbage_core.data import photo_statistics as statistics
from garbage_core.data.dataset import load_dataset
from garbage_core.figures import data as figures_data
from garbage_core.figures.photo_map import photo_map
from garbage_core.runs.results import TRASHNET, noted
from garbage_core.runs.run import Run, load_run
from garbage_core.studies.tables import study_path
from tests.app.test_pages import ROOT, words
from tests.fixtures.photos import jpeg, small_dataset, write_folder
from tests.fixtures.runs import fake_run, retrained_on

CLASSES = ("can", "jar")
RED = (200, 30, 40)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run of two classes and its photos: cans are dark red, jars light gray."""
    folder = tmp_path_factory.mktemp("made")
    run = fake_run(folder / "models", "transfer", 0.8, classes=CLASSES, counts={"train": 9, "val": 3, "test": 4})
    write_folder(
        folder / "photos",
        {
            file: jpeg(RED if file.startswith("can") else (225, 225, 225 - 2 * place), 40, 30)
            for place, file in enumerate(run.predictions["file"])
        },
    )
    retrained_on(folder / "models", folder / "photos")
    return folder


@pytest.fixture
def machine(tmp_path, made, monkeypatch):
    """A machine with the run and neither photos nor measured values."""
    shutil.copytree(made / "models", tmp_path / "models")
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def measured(machine, made):
    """The machine with the values measured on the photos elsewhere."""
    dataset = load_dataset(made / "photos")
    with noted(study_path("photos"), dataset.fingerprint):
        statistics.write_statistics(statistics.measure_photos(dataset), study_path("photos"))
    return machine


@pytest.fixture
def with_map(machine) -> Run:
    """The machine's run with a map."""
    run = load_run("transfer")
    files = tuple(run.predictions["file"])
    rng = np.random.default_rng(0)
    embeddings = Embeddings(
        files=files,
        vectors=rng.normal(size=(len(files), 4)).astype(np.float32),
        probabilities=np.full((len(files), 2), 0.5, np.float32),
        classes=CLASSES,
        layer="features",
        weights_sha256=run.weights_sha256,
        fingerprint=run.info["data_fingerprint"],
    )
    x, y = rng.normal(size=(2, len(files)))
    save_embeddings(run, embeddings, pd.DataFrame({"file": files, "x": x, "y": y}))
    return run


def open_page(**address) -> AppTest:
    """Opens the page by a link with these parameters."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in address.items():
        app.query_params[key] = value
    app.switch_page("pages/data.py").run()
    assert not app.exception, app.exception[0].message
    return app


def charts(app: AppTest) -> dict[str, dict]:
    """Returns the figures of the page by the first words of their text alternatives."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {" ".join(re.split(r"[ ,:.]+", spec["layout"]["meta"]["alt"])[:2]): spec for spec in specs}


@pytest.mark.parametrize("photos", [1, 3])
def test_a_class_of_few_photos_is_shown_without_a_split(machine, tmp_path, monkeypatch, photos):
    files = small_dataset(photos=6) | {f"lid/{n}.jpg": jpeg((1, 2, 60 * n)) for n in range(photos)}
    monkeypatch.setenv("GARBAGE_DATA", str(write_folder(tmp_path / "mine", files)))
    app = open_page()
    said = words(app)
    assert f"{12 + photos} photos of 3 classes" in said
    assert "Not split: Class lid has only" in said
    assert "which takes 4" in said
    assert "chi-square" not in said
    numbers = next(table.value for table in app.dataframe if "Effective number" in table.value)
    assert numbers.set_index("Class")["All"].to_dict() == {"can": 6, "jar": 6, "lid": photos}


def test_numbers_need_neither_photos_nor_runs(machine):
    shutil.rmtree(machine / "models")
    app = open_page()
    said = words(app)
    assert "2,527 photos of 6 classes" in said
    assert "of trash, 29 are test photos, where 23.4 would be even" in said
    assert (
        "Training has 4.4 times as many photos of the largest class as of the smallest; in effective numbers, 3.8"
        in said
    )
    numbers = next(table.value for table in app.dataframe if "Effective number" in table.value)
    paper = numbers.set_index("Class").loc["paper"]
    assert paper[["All", "Training", "Validation", "Test"]].tolist() == [594, 403, 83, 108]
    assert paper["Test, even"] == pytest.approx(594 * 431 / 2527)
    assert paper["Effective number"] == pytest.approx(1000 * (1 - 0.999**403))
    assert "python -m garbage_core data --statistics" in said
    assert "python -m garbage_core embed transfer" in said


def test_beta_changes_the_effective_numbers(machine):
    app = open_page()
    app.segmented_control(key="beta").set_value(0.9).run()
    numbers = next(table.value for table in app.dataframe if "Effective number" in table.value)
    assert numbers["Effective number"].tolist() == pytest.approx([10 * (1 - 0.9**9)] * 2)
    assert "Training has about as many photos of each class" in words(app)
    assert open_page(beta="0.9").segmented_control(key="beta").value == 0.9


def test_measured_values_are_shown_without_the_photos(measured):
    app = open_page()
    said = words(app)
    assert "All 32 are 40 by 30 pixels" in said
    assert "Brightest are photos of jar, darkest those of can" in said
    assert re.search(r"The class explains (99|100) % of the differences", said)
    assert (
        "100 % of can photos are mostly red: the background alone gives the class of 100 % of the test photos" in said
    )
    assert "of 8 test photos get the right class" in said
    assert re.search(r"\*\*50\.0 %\*\* would if all were called (can|jar)", said)
    assert {"Chart of", "Stacked bars", "Histogram of"} <= set(charts(app))
    bars = charts(app)["Stacked bars"]["data"]
    red = next(trace for trace in bars if trace["name"] == "red")
    assert statistics.color_names(statistics.hex_to_rgb(red["marker"]["color"])).tolist() == ["red"]


def test_values_of_other_photos_are_not_shown(measured):
    table = statistics.read_statistics(study_path("photos"))
    statistics.write_statistics(table.assign(file="other/" + table["file"]), study_path("photos"))
    app = open_page()
    assert "holds none of these photos; make it anew" in words(app)
    assert "background alone" not in words(app)
    assert "Stacked bars" not in charts(app)


def test_without_photos_the_classes_are_named_and_the_download_is_offered(machine):
    path = machine / "models" / "transfer" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_fingerprint": TRASHNET}))
    app = open_page()
    for name in CLASSES:
        assert any(line.value.endswith(f"**{name}**") for line in app.markdown)
    assert [line.value for line in app.caption].count("16 photos") == 2
    assert not app.image
    assert not app.pills
    assert "Download the photos, 43 MB" in [button.label for button in app.button]


def test_the_page_has_few_headings(measured):
    app = open_page()
    assert len([*app.title, *app.header, *app.subheader]) <= 5


def test_gallery_follows_the_filters_and_a_link_keeps_them(machine, made, monkeypatch):
    monkeypatch.setenv("GARBAGE_DATA", str(made / "photos"))
    app = open_page()
    labels = [re.search(r"(can|jar),", image.captions[0])[1] for image in app.image]
    assert labels == ["can"] * 3 + ["jar"] * 3
    app.pills(key="class").set_value("jar").run()
    assert len({image.value[0] for image in app.image}) == 6
    app.pills(key="split").set_value("test").run()
    captions = [image.captions[0] for image in app.image]
    assert captions
    assert all("jar, test  \n" in caption for caption in captions)
    linked = open_page(**{"class": "Jar", "split": "Test"})
    assert [image.captions[0] for image in linked.image] == captions


def test_other_photos_are_drawn_on_request(machine, made, monkeypatch):
    monkeypatch.setenv("GARBAGE_DATA", str(made / "photos"))
    app = open_page()
    before = [image.value[0] for image in app.image]
    next(button for button in app.button if button.label == "Draw others").click().run()
    assert [image.value[0] for image in app.image] != before


def test_the_map_shows_every_photo_in_the_color_of_its_class(with_map):
    spec = charts(open_page())["Map of"]
    points = [point for trace in spec["data"] for point in trace["customdata"]]
    assert {file for (file,) in points} == set(with_map.predictions["file"])
    assert [trace["name"] for trace in spec["data"]] == ["can (16)", "jar (16)"]
    assert len({trace["marker"]["symbol"] for trace in spec["data"]}) == 2


def test_the_map_can_show_right_and_wrong(with_map):
    app = open_page()
    app.segmented_control(key="colored").set_value("correct").run()
    table = with_map.predictions
    wrong = table.loc[(table["p_can"] > table["p_jar"]) != (table["label"] == "can"), "file"]
    assert len(wrong)
    trace = next(trace for trace in charts(app)["Map of"]["data"] if trace["name"].startswith("wrong"))
    assert {file for (file,) in trace["customdata"]} == set(wrong)
    assert f"{len(wrong)} are predicted as another class" in charts(app)["Map of"]["layout"]["meta"]["alt"]


def test_a_link_to_a_point_rings_it_and_shows_its_photo(with_map, made, monkeypatch):
    file = with_map.predictions["file"][3]
    row = with_map.predictions.iloc[3]
    app = open_page(point=file)
    assert re.search(rf"; \w+ .*  \n{file.rpartition('/')[2]}$", words(app), re.MULTILINE)
    ring = charts(app)["Map of"]["data"][-1]
    assert "customdata" not in ring
    places = pd.read_csv(with_map.path / "embedding.csv").set_index("file")
    assert np.frombuffer(base64.b64decode(ring["x"]["bdata"]), ring["x"]["dtype"]) == [places.loc[file, "x"]]
    monkeypatch.setenv("GARBAGE_DATA", str(made / "photos"))
    caption = open_page(point=file).image[-1].captions[0]
    right = (row["p_can"] > row["p_jar"]) == (row["label"] == "can")
    assert ("rightly predicted" in caption) == right
    assert len(charts(open_page(point="../none.jpg"))["Map of"]["data"]) == 2


def test_a_map_of_other_weights_is_refused_with_the_command(with_map):
    path = with_map.path / "run.json"
    info = json.loads(path.read_text())
    info["weights"]["sha256"] = "0" * 64
    path.write_text(json.dumps(info))
    app = open_page()
    assert "computed with other weights" in words(app)
    assert "python -m garbage_core embed transfer" in [code.value for code in app.code]


# Figures


COUNTS = pd.DataFrame({"train": [60, 20], "test": [20, 20]}, index=["glass", "metal"])


def test_split_shares_stand_beside_the_even_share():
    chart = figures_data.split_shares(COUNTS)
    even, train, _, test, _ = chart.data
    assert list(even.x) == pytest.approx([100 * 80 / 120, 100 * 40 / 120])
    assert list(train.x) == pytest.approx([75, 25])
    assert list(test.x) == pytest.approx([50, 50])
    assert test.customdata.tolist() == pytest.approx(np.array([[20, 80 / 3], [20, 40 / 3]]))
    assert train.marker.symbol != test.marker.symbol
    assert not any(np.isnan(trace.x).any() for trace in figures_data.split_shares(COUNTS.assign(val=0)).data[1::2])


def test_parts_of_a_bar_add_up_to_all_photos():
    table = pd.DataFrame({"label": ["a"] * 3 + ["b"], "color": ["#c81e28", "#ffffff", "#101010", "#ffffff"]})
    chart = figures_data.dominant_colors(statistics.color_table(table, ["a", "b"]))
    sums = dict.fromkeys("ab", 0.0)
    for trace in chart.data:
        for label, share in zip(trace.y, trace.x, strict=True):
            sums[label] += share
    assert sums == pytest.approx({"a": 100, "b": 100})
    white = next(trace for trace in chart.data if trace.name == "white")
    assert set(white.insidetextfont.color) == {"#000000"}
    black = next(trace for trace in chart.data if trace.name == "black")
    assert set(black.insidetextfont.color) == {"#FFFFFF"}


def test_figures_without_photos_are_empty_and_say_so():
    nothing = pd.DataFrame(columns=["file", "x", "y", "label", "split", "predicted", "brightness", "color"])
    for chart in (
        photo_map(nothing, CLASSES),
        figures_data.brightness_ranges(statistics.brightness_table(nothing, CLASSES)),
        figures_data.dominant_colors(statistics.color_table(nothing, CLASSES)),
    ):
        assert "there are no photos" in figures.alt_text(chart)
