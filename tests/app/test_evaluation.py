"""The pages Evaluation and Comparison through Streamlit's AppTest: from a number to the photos behind it."""

import codecs
import dataclasses
import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.evaluation.selection import within
from garbage_app.widgets.downloads import css_class, csv
from garbage_app.widgets.photo_grid import TILES, in_order, probabilities_in_words
from garbage_core.audit.embeddings import Embeddings, save_embeddings
from garbage_core.evaluation.comparison import compare
from garbage_core.evaluation.confusion_matrix import photo_table
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.evaluation.metrics import METRICS
from garbage_core.runs.run import load_run
from tests.app.test_pages import ROOT, words
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run, retrained_on

CLASSES = ("can", "jar", "x_*y")
PAGES = {
    "evaluation": ["confusion-matrix", "per-class", "reliability", "coverage"],
    "comparison": [
        "metrics",
        "recall",
        "recall-differences",
        "confusion-difference",
    ],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with `scratch` and `transfer`, which know photos of three classes, made once."""
    folder = tmp_path_factory.mktemp("made")
    for seed, (name, accuracy) in enumerate({"scratch": 0.55, "transfer": 0.8}.items()):
        fake_run(folder, name, accuracy, classes=CLASSES, counts={"train": 8, "val": 12, "test": 30}, seed=seed)
    return folder


@pytest.fixture
def place(tmp_path, made, monkeypatch):
    """A machine with the pair and no photos."""
    shutil.copytree(made, tmp_path / "models")
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def open_page(page: str, **address) -> AppTest:
    """Opens a page by a link with these parameters."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in address.items():
        app.query_params[key] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception[0].message
    return app


def tiles(app: AppTest) -> list[tuple[str, str]]:
    """Returns file and caption of every photo, without Markdown's escapes; the photos are not here."""
    assert not app.image
    found = []
    for line in app.caption:
        text = re.sub(r"\\(.)", r"\1", line.value).replace("\u00a0", " ")
        if text.endswith(".jpg"):
            caption, name = text.rsplit("  \n", 1)
            found.append((f"{re.sub(r'[0-9]+[.]jpg', '', name)}/{name}", caption))
    return found


def answers(name: str, made, split: str = "test") -> pd.DataFrame:
    run = load_run(name, made)
    return photo_table(run.predictions, run.classes, split, run.temperature)


# Both pages


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_has_a_sentence_and_three_downloads(place, page):
    app = open_page(page)
    charts = app.get("plotly_chart")
    assert len(charts) == len(PAGES[page])
    assert all(chart.proto.alt.endswith(".") for chart in charts)
    components = [part.proto for part in app.get("bidi_component")]
    images = [json.loads(part.json) for part in components if part.component_name == "figure_images"]
    assert [part["figure"] for part in images] == PAGES[page]
    assert [part["alt"] for part in images] == [chart.proto.alt for chart in charts]
    assert [button.proto.label for button in app.get("download_button")] == ["CSV"] * len(charts)


def test_what_other_splits_gave_is_said_of_the_run_that_it_was_tried_for(place):
    rows = [
        {"stages": "conv5 conv4", "fold": fold, "metric": metric, "class": "", "photos": 90, "value": value}
        for metric in ("accuracy", "macro_f1")
        for fold, value in (("1", 0.8), ("2", 0.9), ("pooled", 0.85))
    ]
    (place / "models" / "studies").mkdir()
    path = place / "models" / "studies" / "crossval.csv"
    pd.DataFrame(rows).assign(low=0.7, high=0.95).to_csv(path, index=False)
    said = [caption.value for caption in open_page("evaluation").caption]
    (text,) = [text for text in said if "Luck of the split?" in text]
    assert "85.0 % (70.0 to 95.0) of all 90 photos" in text.replace("\u00a0", " ")
    assert "80.0 to 90.0 %" in text.replace("\u00a0", " ")
    said = [caption.value for caption in open_page("evaluation", run=load_run("scratch").title).caption]
    assert not any("Luck of the split?" in text for text in said)
    path.write_text("fold\n1\n")
    app = open_page("evaluation")
    assert "lacks the columns stages" in app.warning[0].value


@pytest.mark.parametrize("page", PAGES)
def test_a_split_of_one_class_is_shown_as_far_as_it_goes(place, page):
    for name in ("scratch", "transfer"):
        path = place / "models" / name / "predictions.csv"
        table = pd.read_csv(path)
        table[(table["split"] != "test") | (table["label"] == "can")].to_csv(path, index=False)
    said = words(open_page(page))
    if page == "evaluation":
        assert "nothing to tell it from" in said


@pytest.mark.parametrize("page", PAGES)
def test_unknown_choices_in_a_link_are_passed_over(place, page):
    app = open_page(page, true="wood", predicted="wood", order="wood", group="wood", split="wood", run="wood")
    assert "90 test photos" in words(app)


# Evaluation


def test_most_confident_mistakes_come_first(place, made):
    photos = answers("transfer", made)
    wrong = photos[~photos["correct"]].sort_values("confidence", ascending=False)
    app = open_page("evaluation")
    assert [file for file, _ in tiles(app)] == wrong["file"].head(TILES).tolist()
    first = wrong.iloc[0]
    assert tiles(app)[0][1].startswith(f"{first['label']}, predicted as **{first['predicted']}**")
    assert f"{len(wrong)} of 90 photos are predicted wrongly" in words(app).replace("*", "")


def test_least_sure_and_by_name(place, made):
    photos = answers("transfer", made)
    wrong = photos[~photos["correct"]]
    app = open_page("evaluation", order="Least confident first")
    assert [file for file, _ in tiles(app)] == wrong.sort_values("confidence")["file"].head(TILES).tolist()
    app.selectbox(key="order").set_value("name").run()
    numbers = [int(re.search(r"(\d+)\.jpg", file)[1]) for file, _ in tiles(app) if file.startswith("can")]
    assert numbers == sorted(numbers)


def test_a_cell_shows_its_photos_all_of_them_and_no_others(place, made):
    photos = answers("transfer", made)
    cell = photos[(photos["label"] == "jar") & (photos["predicted"] == "jar")]
    assert len(cell) > TILES
    app = open_page("evaluation", true="jar", predicted="jar")
    shown = {file for file, _ in tiles(app)}
    assert all(caption.startswith("rightly predicted as **jar**") for _, caption in tiles(app))
    assert len(shown) == TILES
    listed = next(table.value for table in app.dataframe if "True class" in table.value and "File" in table.value)
    assert set(listed["File"]) == set(cell["file"]) > shown
    assert listed[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(100)
    assert f"{len(cell)} of 30 jar photos are rightly predicted as jar" in words(app).replace("*", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("true", "predicted", "keep"),
    [
        ("Any class", "Any prediction", lambda t: t["correct"] | True),
        ("Any class", "can", lambda t: t["predicted"] == "can"),
        ("can", "Any wrong class", lambda t: (t["label"] == "can") & ~t["correct"]),
        ("can", "Any prediction", lambda t: t["label"] == "can"),
        ("x_*y", "jar", lambda t: (t["label"] == "x_*y") & (t["predicted"] == "jar")),
    ],
)
def test_rows_columns_and_all(place, made, true, predicted, keep):
    photos = answers("transfer", made)
    expected = photos[keep(photos)]
    app = open_page("evaluation")
    app.selectbox(key="true").set_value(true)
    app.selectbox(key="predicted").set_value(predicted).run()
    assert not app.exception
    assert len(tiles(app)) == min(TILES, len(expected))
    assert {file for file, _ in tiles(app)} <= set(expected["file"])
    listed = [table.value for table in app.dataframe if "File" in table.value]
    assert sum(map(len, listed)) == len(expected)


def test_an_empty_cell_says_so(place):
    path = place / "models" / "transfer" / "predictions.csv"
    table = pd.read_csv(path)
    odds = table.filter(like="p_").columns
    table[odds] = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[
        table["label"].map({name: place for place, name in enumerate(CLASSES)})
    ]
    table.to_csv(path, index=False)
    app = open_page("evaluation")
    assert "There is no such photo." in words(app)
    assert "None: every prediction is right." in words(app)


def test_a_run_of_other_classes_forgets_the_cell(place):
    fake_run(place / "models", "other", classes=("apple", "pear"), counts={"train": 8, "val": 4, "test": 6})
    app = open_page("evaluation", true="can", predicted="jar")
    app.button_group(key="run").set_value("other").run()
    assert not app.exception
    assert [app.selectbox(key=key).value for key in ("true", "predicted")] == ["Any class", "Any wrong class"]


def test_the_chosen_cell_is_framed(place):
    app = open_page("evaluation", true="can", predicted="jar")
    frames = [
        shape
        for shape in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["shapes"]
        if shape["type"] == "rect"
    ]
    assert [(round(frame["x0"]), round(frame["y0"])) for frame in frames] == [(1, 0)]


def test_each_photo_is_one_click_from_its_heat_maps(place, monkeypatch):
    write_folder(place / "photos", small_dataset(photos=60))
    monkeypatch.setenv("GARBAGE_DATA", str(place / "photos"))
    for name in ("scratch", "transfer"):
        shutil.rmtree(place / "models" / name)
        fake_run(place / "models", name, 0.6, classes=("can", "jar"), counts={"train": 8, "val": 4, "test": 30})
    retrained_on(place / "models", place / "photos")
    app = open_page("evaluation")
    files = [re.fullmatch("Photo (.+)", image.proto.imgs[0].alt)[1] for image in app.image]
    assert len(files) == TILES
    links = app.get("page_link")
    assert [link.proto.page for link in links] == ["explanations"] * TILES
    assert [link.proto.query_string for link in links] == [f"file={file.replace('/', '%2F')}" for file in files]


def test_a_point_of_a_curve_and_a_cell_select_together(place, made):
    run = load_run("transfer", made)
    rows = run.predictions[run.predictions["split"] == "test"]
    taken = rows[rows["p_jar"] >= 0.3]
    app = open_page("evaluation", curve="jar,0.3", predicted="Any prediction", metric="ROC")
    assert f"{len(taken)} photos With a probability of jar from 30.0 % on." in words(app).replace("*", "")
    assert {file for file, _ in tiles(app)} <= set(taken["file"])
    matrix = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["meta"]["alt"]
    assert f"of {len(taken)} photos" in matrix
    app.selectbox(key="true").set_value("jar").run()
    assert f"{(taken['label'] == 'jar').sum()} jar photos" in words(app).replace("*", "")
    app.button[0].click().run()
    assert "of 90 photos are predicted wrongly" in words(app).replace("*", "")
    assert "curve" not in app.query_params


def test_the_selection_is_there_again_after_another_page(place):
    app = open_page("evaluation", true="jar", predicted="jar", run="Scratch", order="By file name")
    before = tiles(app)
    app.switch_page("pages/data.py").run()
    for name in list(app.query_params):
        del app.query_params[name]
    app.switch_page("pages/evaluation.py").run()
    assert not app.exception
    assert [app.selectbox(key=key).value for key in ("true", "predicted", "order")] == ["jar", "jar", "name"]
    assert tiles(app) == before
    app.button[0].click().run()
    assert app.selectbox(key="true").value == "Any class"


def test_a_lasso_selects_what_it_surrounds(place, made):
    run = load_run("transfer", place / "models")
    files = run.predictions["file"].tolist()
    shape = (len(files), 4)
    save_embeddings(
        run,
        Embeddings(tuple(files), np.ones(shape, np.float32), np.ones((len(files), 3), np.float32), CLASSES, "last",
                   str(run.weights_sha256), run.info["data_fingerprint"]),
        pd.DataFrame({"file": files, "x": np.arange(len(files), dtype=float), "y": 0.0}),
    )  # fmt: skip
    test = [i for i, split in enumerate(run.predictions["split"]) if split == "test"]
    low, high = test[0] - 0.5, test[4] + 0.5
    area = f"{low},-1,{high},-1,{high},1,{low},1"
    app = open_page("evaluation", area=area, predicted="Any prediction")
    inside = [files[i] for i in test if low < i < high]
    assert {file for file, _ in tiles(app)} == set(inside)
    assert f"{len(inside)} photos Within the lasso." in words(app).replace("*", "")
    chart = next(chart for chart in app.get("plotly_chart") if "Map of" in chart.proto.alt)
    layout = json.loads(chart.proto.spec)["layout"]
    assert (layout["dragmode"], layout["hoverdistance"]) == ("lasso", 22)
    assert layout["shapes"][0]["path"].startswith("M")


def test_a_polygon_holds_what_lies_within():
    corners = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0))
    points = np.array([[1, 1], [2, 2], [3, 2], [5, 1], [0.2, 3], [2, 0.5]])
    assert within(points, corners).tolist() == [True, False, True, False, True, True]


def test_a_slice_is_what_the_bench_is_about(place, made):
    rows = load_run("transfer", made).predictions
    table = pd.DataFrame({"file": rows["file"], "label": rows["label"], "width": 9, "height": 9, "bytes": 9})
    table["brightness"], table["color"] = np.where(rows["label"] == "can", 0.1, 0.9), "#ffffff"
    (place / "models" / "studies").mkdir()
    table.to_csv(place / "models" / "studies" / "photos.csv", index=False)
    app = open_page("evaluation", slice="Dark photos", true="jar", predicted="Any prediction")
    assert "0 jar photos" in words(app).replace("*", "")
    app.selectbox(key="true").set_value("can").run()
    assert "30 can photos" in words(app).replace("*", "")
    slices = next(table.value for table in app.dataframe if "Slice" in table.value).set_index("Slice")
    assert slices["Photos"].to_dict() == {"All photos": 90, "Dark photos": 30}


def test_a_second_model_is_a_column_of_every_table(place):
    app = open_page("evaluation", **{"with": "Scratch"})
    tables = [table.value for table in app.dataframe]
    assert len(tables) == 5
    for table in tables:
        assert any("Scratch" in column for column in table), list(table)


def test_numbers_are_those_of_the_library(place, made):
    run = load_run("transfer", made)
    evaluation = evaluate(run.predictions, run.classes, "val", run.temperature)
    app = open_page("evaluation", split="Validation")
    value, low, high = evaluation.metric("log_loss_calibrated")
    metrics = next(table.value for table in app.dataframe if "Meaning" in table.value).set_index("Metric")
    assert metrics.loc["Log loss, calibrated"].iloc[0] == f"{value:.3f} ({low:.3f} to {high:.3f})"
    assert len(metrics) == len(evaluation.metrics)
    before, after = (evaluation.metric(name) for name in ("ece", "ece_calibrated"))
    said = words(app).replace("*", "")
    for value, low, high in (before, after):
        assert f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})" in said
    assert "36 validation photos" in said


# Comparison


@pytest.mark.slow
def test_groups_show_their_photos(place, made):
    a, b = (load_run(name, made) for name in ("scratch", "transfer"))
    comparison = compare(a.predictions, b.predictions, CLASSES, "test", resamples=0)
    app = open_page("comparison", view="Photo by photo")
    for group, title in (
        ("only_b", "Only Transfer right"),
        ("only_a", "Only Scratch right"),
        ("both_wrong", "Both wrong"),
        ("both_right", "Both right"),
    ):
        app.selectbox(key="group").set_value(group).run()
        assert not app.exception
        expected = comparison.group(group)
        assert f"{title}: {len(expected)} photo" in words(app)
        assert {file for file, _ in tiles(app)} <= set(expected["file"])
        assert len(tiles(app)) == min(TILES, len(expected))
        row = expected.set_index("file").loc[tiles(app)[0][0]]
        bold = [f"{'**' if row[f'correct_{s}'] else ''}{row[f'predicted_{s}']}" for s in "ab"]
        assert re.search(rf"Scratch: {re.escape(bold[0])}.*\n.*Transfer: {re.escape(bold[1])}", tiles(app)[0][1])
    assert f"{len(comparison.photos)} test photos" in words(app)


def test_a_link_opens_a_group(place):
    assert "Both wrong: " in words(open_page("comparison", view="Photo by photo", group="Both wrong"))


def test_two_runs_that_answer_alike_show_no_difference(place):
    shutil.rmtree(place / "models" / "transfer")
    shutil.copytree(place / "models" / "scratch", place / "models" / "transfer")
    said = words(open_page("comparison")).replace("*", "")
    assert "Scratch and Transfer are right equally often" in said
    assert "100.0 % (95.9 to 100.0) of the photos" in said
    said = words(open_page("comparison", view="Photo by photo")).replace("*", "")
    assert "probability 1.000" in said
    assert "There is no such photo." in said


def test_any_two_of_three_runs_can_be_compared_and_never_one_with_itself(place):
    fake_run(place / "models", "third", classes=CLASSES, counts={"train": 8, "val": 12, "test": 30}, seed=5)
    app = open_page("comparison", a="third", b="Scratch", view="Photo by photo")
    assert [app.selectbox(key=key).value for key in "ab"] == ["third", "scratch"]
    assert "Only Scratch right" in app.selectbox(key="group").options
    app.selectbox(key="a").set_value("scratch").run()
    assert not app.exception
    assert app.selectbox(key="a").value == "scratch"
    assert app.selectbox(key="b").value != "scratch"


def test_all_metrics_stand_side_by_side(place, made):
    a, b = (load_run(name, made) for name in ("scratch", "transfer"))
    comparison = compare(
        a.predictions, b.predictions, CLASSES, temperature_a=a.temperature, temperature_b=b.temperature
    )
    app = open_page("comparison")
    rows = next(table.value for table in app.dataframe if "Metric" in table.value).set_index("Metric")
    difference, low, high = (100 * value for value in comparison.metric("accuracy"))
    assert rows.loc["Accuracy"].iloc[2] == f"{difference:+.1f} points ({low:+.1f} to {high:+.1f})".replace(
        "-", "\u2212"
    )
    loss = comparison.metrics.set_index("metric").loc["log_loss_calibrated"]
    assert rows.loc["Log loss, calibrated", "Scratch"] == f"{loss['a']:.3f}"
    assert rows.loc["Log loss, calibrated", "Transfer"] == f"{loss['b']:.3f}"


@pytest.mark.slow
def test_speed_is_measured_when_asked_for(place, monkeypatch):
    from tests.fixtures.networks import miniature_run  # here, because it loads TensorFlow

    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(place / "working", name, seed=seed)
    monkeypatch.setenv("GARBAGE_MODELS", str(place / "working"))

    def times(app):
        rows = next(table.value for table in app.dataframe if "Parameters" in set(table.value.iloc[:, 0]))
        return rows.set_index(rows.columns[0]).loc["Milliseconds per photo"]

    app = open_page("comparison", view="Costs")
    assert set(times(app)) == {"not measured yet"}
    app.button(key="measure_speed").click().run()
    assert not app.exception
    for text in times(app):
        median, low, high = map(int, re.fullmatch(r"(\d+) \((\d+) to (\d+)\)", text).groups())
        assert low <= median <= high
    (place / "working" / "scratch" / "model.keras").write_bytes(b"something else")
    app = open_page("comparison", view="Costs")
    app.button(key="measure_speed").click().run()
    assert not app.exception


def test_without_networks_nothing_can_be_measured(place):
    for file in place.glob("models/*/model.keras"):
        file.unlink()
    app = open_page("comparison", view="Costs")
    assert not [button for button in app.button if button.key == "measure_speed"]
    assert "transfer" in words(app).lower()


# Parts


def test_equally_sure_photos_are_in_order_of_their_numbers():
    files = ["can/can10.jpg", "can/can9.jpg", "bin/can11.jpg", "can/a.jpg"]
    photos = pd.DataFrame({"file": files, "confidence": [0.5, 0.5, 0.9, 0.5]})
    by_name = ["bin/can11.jpg", "can/a.jpg", "can/can9.jpg", "can/can10.jpg"]
    assert in_order(photos, "name")["file"].tolist() == by_name
    assert in_order(photos, "confident")["file"].tolist() == by_name
    assert in_order(photos, "doubtful")["file"].tolist() == [*by_name[1:], by_name[0]]


def test_probabilities_name_the_highest_and_the_true_class():
    odds = {"can": 0.62, "jar": 0.3, "lid": 0.076, "bag": 0.004}
    said = probabilities_in_words(odds, "bag").replace("\u00a0", " ")
    assert said == "can 62 %, jar 30 %, lid 8 %, bag under 1 %"
    sure = probabilities_in_words({"can": 0.999, "jar": 0.001}, "can").replace("\u00a0", " ")
    assert sure == "can over 99 %"


def test_tables_are_written_with_the_index_that_has_a_name():
    table = pd.DataFrame({"a": [1], "b": ["x,y"]})
    assert csv(table) == codecs.BOM_UTF8 + b'a,b\n1,"x,y"\n'
    confusion = pd.DataFrame([[1, 2]], index=pd.Index(["can"], name="label"), columns=["can", "jar"])
    assert pd.read_csv(io.BytesIO(csv(confusion))).columns.tolist() == ["label", "can", "jar"]


def test_class_of_a_key_is_the_one_streamlit_writes():
    assert css_class("confusion-a run.v2") == "confusion-a-run-v2"


@pytest.mark.parametrize("page", ["evaluation", "comparison"])
def test_a_metric_that_is_added_stands_in_the_table_of_all_metrics(place, monkeypatch, page):
    """Its entry in the registry is all it takes."""
    added = dataclasses.replace(METRICS["accuracy"], name="hits", title="Hits", meaning="Said again.")
    monkeypatch.setitem(METRICS, "hits", added)
    for table in (table.value for table in open_page(page).dataframe if "Metric" in table.value):
        if {"Accuracy", "Hits"} <= set(table["Metric"]):
            rows = table.set_index("Metric")
            assert (
                rows.loc["Hits"]
                .drop("Meaning", errors="ignore")
                .equals(rows.loc["Accuracy"].drop("Meaning", errors="ignore").rename("Hits"))
            )
            return
    pytest.fail("There is no table of all metrics with the added one.")
