"""The learning curves of step 5 through Streamlit's AppTest, on made-up runs."""

import json
import re
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from garbage_core.data.classes import CLASS_NAMES
from garbage_core.runs.predictions import predictions_digest, read_predictions
from garbage_core.utils.files import write_json
from tests.app.test_pages import ROOT, words
from tests.fixtures.runs import fake_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with three runs, made once: `scratch` in two sizes of photos, `transfer`, and `other`."""
    folder = tmp_path_factory.mktemp("made")
    fake_run(folder, "scratch", accuracy=0.7, epochs=13, seed=1, best_epoch=4, best_val_macro_f1=0.612)
    fake_run(folder, "transfer", accuracy=0.92, epochs=6, seed=2, best_epoch=0, best_val_macro_f1=0.934)
    fake_run(folder, "other", accuracy=0.8, epochs=8, seed=3, best_epoch=8, best_val_macro_f1=0.8)
    for place in folder.iterdir():  # for the best values are made up, and would not fit the predictions
        info = json.loads((place / "run.json").read_text())
        table = read_predictions(place / "predictions.csv", CLASS_NAMES)
        write_json(info | {"predictions_sha256": predictions_digest(table, CLASS_NAMES)}, place / "run.json")
    return folder


@pytest.fixture
def runs(tmp_path, made, monkeypatch):
    """A machine with the three runs and no photos."""
    shutil.copytree(made, tmp_path / "models")
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def open_page(**address) -> AppTest:
    """Opens the page by a link with these parameters."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in ({"view": "Learning curves"} | address).items():
        app.query_params[key] = value
    app.switch_page("pages/comparison.py").run()
    assert not app.exception, app.exception[0].message
    return app


def figure(app: AppTest) -> dict:
    """Returns the one figure of the page as Plotly gets it."""
    (chart,) = app.get("plotly_chart")
    return json.loads(chart.proto.spec)


def lines(app: AppTest) -> set[str]:
    """Returns the names in the legend."""
    return {trace["name"] for trace in figure(app)["data"] if trace.get("showlegend")}


def test_the_answer_names_the_best_checkpoint(runs):
    said = words(open_page()).replace("\u2011", "-")
    assert "Scratch was best at epoch 4 of 13, with macro-F1 61.2 %" in said
    assert "Transfer was best before the first of 6 epochs, with its linear probe, with macro-F1 93.4 %" in said


def test_values_of_smaller_photos_are_said_not_to_be_comparable(runs):
    said = words(open_page())
    assert "the stage small used photos of 96 by 72 pixels" in said
    assert "not comparable with the best checkpoint, which takes 128 by 96 pixels" in said
    assert "Transfer: no epoch was better on the validation photos than the linear probe" in said
    said = words(open_page(runs="other"))
    assert "no epoch was better" not in said


def test_any_number_of_runs_is_overlaid(runs):
    app = open_page()
    assert {name.split(",")[0] for name in lines(app)} == {"Scratch", "Transfer"}
    app.pills(key="runs").set_value(["scratch", "transfer", "other"]).run()
    assert {name.split(",")[0] for name in lines(app)} == {"Scratch", "Transfer", "other"}
    assert len(app.dataframe[0].value) == 3
    app.pills(key="runs").set_value([]).run()
    assert "Choose at least one model." in words(app)
    assert not app.get("plotly_chart")


def test_a_link_gives_the_same_view(runs):
    app = open_page(runs="other", along="Share", photos="Validation", smoothing="0.6")
    assert lines(app) == {"other, validation", "other, best checkpoint"}
    assert figure(app)["layout"]["xaxis"]["title"]["text"] == "Share of the training"
    assert app.slider(key="smoothing").value == 0.6
    faint = [trace for trace in figure(app)["data"] if trace.get("line", {}).get("width") == 1]
    assert len(faint) == 3
    app.segmented_control(key="along").set_value("Time").run()
    assert figure(app)["layout"]["xaxis"]["title"]["text"] == "Minutes of training"


def test_the_tables_say_when_how_long_and_on_what(runs):
    app = open_page()
    summary, stages = (table.value for table in list(app.dataframe)[:2])
    assert summary["Best epoch"].tolist() == [4, 0]
    assert summary["Macro-F1"].tolist() == pytest.approx([61.2, 93.4])
    assert set(summary["Machine"]) == {"2 CPU cores"}
    assert all(re.fullmatch(r"\d+ (s|min)", time) for time in summary["Per epoch"])
    scratch = stages[stages["Model"] == "Scratch"]
    assert scratch["Stage"].tolist() == ["small", "full"]
    assert scratch["Photos, pixels"].tolist() == ["96 x 72", "128 x 96"]
    assert scratch["Epochs"].iloc[0].startswith("1 to ")


def test_the_figure_has_words_and_downloads(runs):
    app = open_page()
    assert (
        "Scratch has 13 epochs in 2 stages and its best checkpoint at epoch 4" in figure(app)["layout"]["meta"]["alt"]
    )
    assert "CSV" in [button.label for button in app.get("download_button")]


def test_a_run_without_its_stages_or_best_epoch_is_still_drawn(runs):
    path = runs / "other" / "run.json"
    info = json.loads(path.read_text())
    for key in ("best_epoch", "best_val_macro_f1", "starting_weights", "device"):
        del info[key]
    info["config"] = {}
    path.write_text(json.dumps(info))
    app = open_page(runs="other")
    assert "other trained for 8 epochs." in words(app)
    assert app.dataframe[1].value["Photos, pixels"].iloc[0] == "unknown"
