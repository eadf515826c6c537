"""The page Imbalance and its figures, on a made-up study: what a reader sees, with its table and without."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from garbage_core.figures import studies as figures_studies
from garbage_core.figures.style import alt_text
from garbage_core.studies import tables as studies
from garbage_core.training.imbalance import STRATEGIES, Strategy
from tests.app.test_pages import ROOT, open_page, place, words  # noqa: F401 (place is a fixture)
from tests.fixtures.studies import fake_study


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The table of a study in which class weights clearly help and focal loss clearly hurts, as a file."""
    path = tmp_path_factory.mktemp("study") / "imbalance.csv"
    fake_study(path, {"class_weights": 0.97, "focal": 0.6})
    return path


@pytest.fixture
def study(place, written):  # noqa: F811
    """A machine without runs and photos that has the study's table."""
    folder = place / "models" / "studies"
    folder.mkdir()
    (folder / "imbalance.csv").write_bytes(written.read_bytes())
    return folder / "imbalance.csv"


def test_page_answers_from_the_table_alone(study):
    app = open_page("imbalance")
    assert app.title[0].value == "What does imbalance do?"
    said = words(app)
    assert studies.imbalance_conclusion(studies.read_imbalance(study), "test") in said
    assert re.search(r"Class weights raise macro-F1 by \d+\.\d points, focal loss lowers it by \d+\.\d points", said)
    assert "106 test photos, mean over 2 seeds" in said
    assert len(app.get("plotly_chart")) == 2
    assert "The lab is not on this machine." in said
    for strategy in STRATEGIES.values():
        assert f"{strategy.title}. {strategy.description}" in said.replace("**", "")


def test_whole_networks_are_shown_where_they_were_compared(study):
    heading = "In whole networks: what does a strategy gain?"
    assert heading not in [found.value for found in open_page("imbalance").subheader]
    fake_study(study.with_name("imbalance_runs.csv"), {"class_weights": 0.6}, seeds=1, start="random weights")
    app = open_page("imbalance")
    assert heading in [found.value for found in app.subheader]
    said = words(app)
    assert re.search(r"Class weights lower macro-F1 by \d+\.\d points", said)
    assert "trained from random weights, once each" in said
    assert len(app.get("plotly_chart")) == 3
    assert re.search(r"Class weights raise macro-F1 by \d+\.\d points", said)


def test_a_table_of_whole_networks_that_cannot_be_used_is_named(study):
    fake_study(study.with_name("imbalance_runs.csv"), seeds=1)
    app = open_page("imbalance")
    assert not app.exception
    assert "lacks the columns start" in app.warning[0].value


def test_choice_of_photos_changes_the_answer(study):
    app = open_page("imbalance")
    app.button_group(key="split").set_value("val").run()
    assert not app.exception
    assert studies.imbalance_conclusion(studies.read_imbalance(study), "val") in words(app)
    assert "106 validation photos" in words(app)


def test_a_shared_link_opens_the_same_view(study):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/imbalance.py")
    app.query_params["split"], app.query_params["measure"] = "Validation", "Accuracy"
    app.run()
    assert "106 validation photos" in words(app)
    assert "Of all photos, how many are predicted as their true class." in words(app)


def test_choice_of_measure_changes_the_words_and_the_table_names_the_rarest_class(study):
    app = open_page("imbalance")
    assert "Macro-F1: high only where" in words(app)
    app.button_group(key="measure").set_value("rarest").run()
    assert not app.exception
    assert "Of the photos of trash, the rarest class, how many are found." in words(app)
    table = app.dataframe[0].value
    assert list(table["Strategy"]) == [strategy.title for strategy in STRATEGIES.values()]
    assert "Recall of trash" in table
    assert table["Macro-F1, difference in points"][0] == ""
    assert re.fullmatch(r"\+\d+\.\d \(\+\d+\.\d to \+\d+\.\d\)", table["Macro-F1, difference in points"][1])


def test_without_the_table_it_says_how_to_make_it(place):  # noqa: F811
    app = open_page("imbalance")
    assert "has not been made yet" in words(app)
    assert "python -m garbage_core study imbalance" in words(app)
    assert not app.get("plotly_chart")


def test_a_damaged_table_is_reported_in_place(study):
    study.write_text(study.read_text().replace("difference_low", "low_difference"))
    assert "lacks the columns difference_low" in words(open_page("imbalance"))


def test_other_classes_and_a_study_of_val_alone(study):
    fake_study(study, classes=("apple", "NA", "x_*y"), seeds=1, splits=("val",))
    said = words(open_page("imbalance"))
    assert "x_*y" in said
    assert "54 validation photos, mean over 1 seed," in said
    assert "trash" not in said.lower()


@pytest.mark.slow
def test_page_opens_without_tensorflow(study):
    script = (
        "import sys; from tests.app.test_pages import open_page; open_page('imbalance'); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]


# Figures


@pytest.fixture(scope="module")
def table(written):
    return studies.read_imbalance(written)


def points_of(figure) -> dict[str, tuple[float, float, float]]:
    """Returns what a figure draws of each strategy: value and the ends of its interval, in per cent."""
    drawn = {}
    for trace in figure.data:
        if trace.error_x.array is not None:
            x, up, down = trace.x[0], trace.error_x.array[0], trace.error_x.arrayminus[0]
            drawn[trace.y[0]] = (x, x - down, x + up)
    return drawn


@pytest.mark.parametrize(("metric", "label"), [("macro_f1", ""), ("accuracy", ""), ("recall", "trash")])
def test_figures_of_strategies_draw_the_tables_numbers(table, metric, label):
    rows = studies.rows_of(table, metric, "test", label).set_index("strategy")
    values = points_of(figures_studies.strategy_values(table, metric, "test", label))
    differences = points_of(figures_studies.strategy_differences(table, metric, "test", label))
    assert list(values) == list(differences) == [strategy.title for strategy in STRATEGIES.values()]
    for strategy, row in rows.iterrows():
        name = studies.strategy_name(strategy)
        np.testing.assert_allclose(values[name], 100 * row[["value", "low", "high"]].to_numpy(float))
        expected = row[["difference", "difference_low", "difference_high"]].to_numpy(float)
        np.testing.assert_allclose(differences[name], 0 if strategy == "none" else 100 * expected, atol=1e-9)


def test_single_seeds_are_marked(table):
    marks = figures_studies.strategy_values(table, "accuracy", "test").data[0]
    rows = table[(table.metric == "accuracy") & (table.split == "test") & (table.seed != "all")]
    np.testing.assert_allclose(marks.x, 100 * rows["value"])
    assert set(marks.customdata) == {"0", "1"}


def test_recall_is_drawn_for_every_class_and_strategy(table):
    classes = studies.classes_of(table)
    recall = figures_studies.recall_by_strategy(table, classes, "val")
    for trace in recall.data:
        for label, x, y in zip(classes["class"], trace.x, trace.y, strict=True):
            rows = studies.rows_of(table, "recall", "val", label)
            found = rows.loc[rows["strategy"].map(studies.strategy_name) == trace.name, "value"].item()
            assert x == pytest.approx(100 * found)
            assert round(y) == classes["class"].tolist().index(label)


def test_strategies_look_different_and_figures_say_what_they_show(table):
    classes = studies.classes_of(table)
    recall = figures_studies.recall_by_strategy(table, classes, "test")
    looks = {(trace.marker.color, trace.marker.symbol) for trace in recall.data}
    assert len(looks) == len({color for color, _ in looks}) == len({symbol for _, symbol in looks}) == 6
    best = studies.rows_of(table, "macro_f1", "test")["value"].max()
    said = alt_text(figures_studies.strategy_values(table, "macro_f1", "test")).replace("\u00a0", " ")
    assert f"to {100 * best:.1f} %, the highest with class weights" in said
    rows = studies.rows_of(table, "macro_f1", "test")
    clear = int(((rows["difference_low"] > 0) | (rows["difference_high"] < 0)).sum())
    assert f"{clear} of 5 intervals leave zero out" in alt_text(
        figures_studies.strategy_differences(table, "macro_f1", "test")
    ).replace("\u00a0", " ")
    assert "6 classes and 6 strategies" in alt_text(recall)


def test_a_strategy_that_is_added_to_the_registry_is_described(study, monkeypatch):
    monkeypatch.setitem(STRATEGIES, "added", Strategy("added", "Something new", "It does what it says."))
    assert "Something new. It does what it says." in words(open_page("imbalance")).replace("**", "")
