"""The lab on page Imbalance: the reader makes classes rare, and reads what was measured."""

import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.imbalance.lab import DRAWS
from garbage_core.figures.imbalance_lab import adjustment_curves, change_by_class, rarity_curve
from garbage_core.figures.style import alt_text
from garbage_core.runs.predictions import to_arrays
from garbage_core.studies import imbalance_findings as findings
from garbage_core.studies import imbalance_lab as labs
from garbage_core.studies.imbalance_classifier import strategies
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.files import write_csv
from tests.app.test_pages import ROOT, open_page, place, words  # noqa: F401 (place is a fixture)
from tests.fixtures.lab import fake_lab
from tests.fixtures.runs import fake_run

CLASSES = ("can", "jar", "NA")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lab of three classes and its curve, made once, and their files."""
    lab, folder = fake_lab(CLASSES), tmp_path_factory.mktemp("lab")
    labs.save_lab(lab, folder / "imbalance_lab.npz")
    curve = labs.rarity_curve(lab, seeds=DRAWS)
    write_csv(curve, folder / "imbalance_lab.csv", "%.5f")
    return lab, curve, folder


@pytest.fixture
def machine(place, made):  # noqa: F811
    """A machine that has the lab, and neither runs nor photos."""
    (place / "models" / "studies").mkdir()
    for file in made[2].iterdir():
        (place / "models" / "studies" / file.name).write_bytes(file.read_bytes())
    return place


def test_headline_says_what_the_curve_says(machine, made):
    _, curve, _ = made
    means = curve.groupby(["strategy", "train_photos"])[["recall", "precision"]].mean()
    best = means.xs(10, level="train_photos")["recall"].idxmax()
    text = words(open_page("imbalance"))
    numbers = [means["recall"]["none", 10], means["recall"]["none", 24], *means.loc[(best, 10)]]
    found = re.search(
        r"With 10 training photos of NA instead of 24, (\d+) % of it is found, not (\d+) %\. (.*) finds (\d+) %, at a "
        r"precision of (\d+) %\.",
        text,
    )
    assert found.group(3) == STRATEGIES[best].title
    assert list(map(int, found.group(1, 2, 4, 5))) == pytest.approx([100 * n for n in numbers], abs=0.51)
    assert "60 test photos, 20 of NA; mean of 10 draws." in text


def test_page_opens_with_the_curve_and_trains_what_the_sliders_say(machine, made):
    lab, _, _ = made
    app = open_page("imbalance")
    assert [app.slider(key=f"photos_{name}").value for name in CLASSES] == [60, 50, 10]
    assert len(app.get("plotly_chart")) == 3  # the curve, the classes, the matrix
    app.slider(key="photos_can").set_value(7).run()
    assert not app.exception
    counts = (7, 50, 10)
    a, b = (labs.try_strategy(lab, counts, name, range(DRAWS)) for name in ("none", "class_weights"))
    assert findings.price_sentence(lab, a, b, "class_weights", 0).replace("\u00a0", " ") in words(app)
    assert app.button_group(key="rare").value == 10


def test_quick_choice_moves_the_slider_and_the_slider_the_quick_choice(machine):
    app = open_page("imbalance")
    app.button_group(key="rare").set_value(5).run()
    assert app.slider(key="photos_NA").value == 5
    assert "What a strategy buys and costs: 5 photos of NA" in words(app)
    app.slider(key="photos_NA").set_value(12).run()
    assert app.button_group(key="rare").value is None
    app.button[0].click().run()
    assert app.slider(key="photos_NA").value == 24
    assert app.button_group(key="rare").value == 24
    assert not app.exception


def test_a_shared_link_opens_the_same_choice(machine):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/imbalance.py")
    app.query_params["photos_NA"], app.query_params["strategy"] = "20", "Logit adjustment"
    app.run()
    assert app.slider(key="photos_NA").value == 20
    assert app.button_group(key="rare").value == 20
    assert "With logit adjustment" in words(app)


def test_photos_that_flip_are_listed_where_the_photos_are_missing(machine, made):
    lab, _, _ = made
    app = open_page("imbalance")
    a, b = (labs.try_strategy(lab, (60, 50, 10), name, (0,)) for name in ("none", "class_weights"))
    expected = findings.flips(lab, a, b)
    shown = app.dataframe[0].value
    gained = expected[expected["kind"] == "gained"]
    assert shown["Photo"].tolist() == gained["file"].tolist()
    assert (gained["with"] == gained["label"]).all()
    assert (gained["without"] != gained["label"]).all()


def test_every_strategy_is_priced_beside_the_curve(machine, made):
    means = findings.summary(made[1])
    rows = means[means["train_photos"] == 10].set_index("strategy")
    table = open_page("imbalance").table[0].value
    assert table.index.tolist() == [STRATEGIES[name].title for name in strategies()]
    for name in strategies():
        shown = table.loc[STRATEGIES[name].title]
        assert int(shown["Recall"][:-2]) == pytest.approx(100 * rows["recall"][name], abs=0.51)


def test_a_damaged_lab_is_reported_and_the_rest_of_the_page_stands(machine):
    (machine / "models" / "studies" / "imbalance_lab.npz").write_bytes(b"torn")
    app = open_page("imbalance")
    assert "cannot be read" in words(app)
    assert "What each strategy does" in words(app)


# Sentences and figures


def outcome(confusion) -> labs.Outcome:
    return labs.Outcome(np.zeros((1, 60), int), np.asarray([confusion], float))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            [[20, 0, 0], [0, 16, 4], [0, 8, 12]],
            "With class weights 12.0 of the 20 test photos of NA are found instead of 4.0; of what is predicted as NA, "
            "75 % is NA instead of 100 %. Accuracy over all classes: +6.7 points.",
        ),
        ([[20, 0, 0], [0, 20, 0], [0, 16, 4]], "With class weights as many of the 20 test photos of NA are found"),
        (
            [[20, 0, 0], [0, 20, 0], [0, 20, 0]],
            "no photo is predicted as NA any more. Accuracy over all classes: \u22126.7",
        ),
    ],
)
def test_the_price_is_said_in_a_sentence(made, after, said):
    before = outcome([[20, 0, 0], [0, 20, 0], [0, 16, 4]])
    sentence = findings.price_sentence(made[0], before, outcome(after), "class_weights", 2)
    assert said in sentence.replace("\u00a0", " ")


def test_adjusted_probabilities_are_divided_by_the_shares():
    probabilities = np.array([[0.8, 0.2], [0.5, 0.5]])
    np.testing.assert_allclose(findings.adjusted(probabilities, (30, 10), 0), probabilities)
    once = findings.adjusted(probabilities, (30, 10), 1)
    np.testing.assert_allclose(once, [[0.8 / 3 / (0.8 / 3 + 0.2), 0.2 / (0.8 / 3 + 0.2)], [0.25, 0.75]])
    assert np.isfinite(findings.adjusted(probabilities, (30, 0), 3)).all()


def test_adjusting_a_trained_network_buys_recall_with_precision(tmp_path):
    run = fake_run(tmp_path, "scratch", accuracy=0.7, seed=1)
    curve, label = findings.adjustment_curve(run)
    assert label == "trash"
    labels, probabilities, _ = to_arrays(run.predictions, run.classes, "test")
    first = curve.iloc[0]
    predicted = probabilities.argmax(axis=1) == 5
    assert (first["found"], first["given"]) == ((predicted & (labels == 5)).sum(), predicted.sum())
    assert curve["recall"].is_monotonic_increasing
    assert curve["given"].iloc[-1] > curve["given"].iloc[0]
    text = findings.adjustment_sentence(curve, label, "Scratch", 0.0).replace("\u00a0", " ")
    assert text.startswith(f"As trained, Scratch finds {first['found']:.0f} of 29 test photos of trash")
    text = findings.adjustment_sentence(curve, label, "Scratch", 3.0)
    last = curve.iloc[-1]
    assert f"{last['found'] - first['found']:.0f} more than as trained" in text
    assert "The price: " in text


def test_page_adjusts_the_runs_that_there_are(machine):
    fake_run(machine / "models", "scratch", accuracy=0.7, seed=1)
    app = open_page("imbalance")
    assert "Scratch now finds" in words(app)
    app.slider(key="tau").set_value(0.0).run()
    assert "As trained, Scratch finds" in words(app)


def test_figures_draw_the_numbers_and_say_what_they_show(made):
    lab, curve, _ = made
    means = findings.summary(curve)
    figure = rarity_curve(means, "recall", "NA", "focal", 10)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert set(lines) == {STRATEGIES[name].title for name in strategies()}
    rows = means[means["strategy"] == "focal"].sort_values("train_photos")
    np.testing.assert_allclose(lines["Focal loss"].y, 100 * rows["recall"])
    assert [name for name, trace in lines.items() if trace.line.width == 3] == ["No strategy", "Focal loss"]
    assert figure.layout.shapes[0].x0 == 10
    assert "with 5, " in alt_text(figure)
    a, b = (labs.try_strategy(lab, (60, 50, 10), name, range(3)).per_class()["precision"] for name in ("none", "focal"))
    a[:, 2] = np.nan
    figure = change_by_class(lab.classes, (60, 50, 10), a, b, "precision", "focal")
    assert np.isnan(figure.data[0].x[2])
    np.testing.assert_allclose(figure.data[1].x, 100 * b.mean(axis=0))
    table = pd.DataFrame({"tau": [0.0, 1.0], "recall": [0.5, 0.8], "precision": [0.9, np.nan], "accuracy": [0.7, 0.6]})
    assert "at 1.0 recall is 80.0 % and precision unknown" in alt_text(adjustment_curves(table, "NA", 1.0)).replace(
        "\u00a0", " "
    )
