"""Figures show the numbers of their tables, can be read on both themes, and say in a sentence what they show."""

import itertools
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from garbage_core import figures
from garbage_core.data.classes import CLASSES, class_color, class_edge
from garbage_core.evaluation.calibration import ALWAYS_ABSTAINS, coverage_table, reliability_table
from garbage_core.evaluation.comparison import compare
from garbage_core.evaluation.evaluation import evaluate, per_class_table, pr_table, roc_table
from garbage_core.evaluation.metrics import Sample, calibration_error
from garbage_core.figures.photo_map import photo_map
from garbage_core.figures.style import WORSE, cell_text_color, contrast, faded, fit_theme, matrix_scale
from garbage_core.runs.predictions import to_arrays
from garbage_core.utils.text import NBSP, percent
from tests.fixtures.runs import fake_photos, fake_predictions

NAMES = tuple(c.name for c in CLASSES)
PAGES = {False: "#FFFFFF", True: "#12171A"}
MATRICES = ("confusion", "normalized", "right_and_wrong", "difference")  # their words stand on cells, tested apart


def rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def tables(classes=NAMES):
    """Everything the figures draw, for two made-up models."""
    photos = fake_photos(classes, {"test": 15})
    a, b = fake_predictions(photos, 0.7, classes, 1), fake_predictions(photos, 0.9, classes, 2)
    y, p, _ = to_arrays(b, classes, "test")
    return {
        "a": evaluate(a, classes, resamples=50),
        "b": evaluate(b, classes, resamples=50),
        "comparison": compare(a, b, classes, "test", "Scratch", "Transfer", resamples=50),
        "y": y,
        "p": p,
        "photos": photos.assign(width=512, height=384, bytes=np.arange(len(photos)) + 9000),
    }


def gallery(classes=NAMES) -> dict[str, go.Figure]:
    """One of every figure but the many panels of a training, which have tests of their own."""
    t = tables(classes)
    cal = reliability_table(t["y"], t["p"])
    coverage = coverage_table(t["y"], t["p"])
    counts = pd.DataFrame({"train": 30, "test": 15}, index=list(classes))
    return {
        "stacked": figures.class_distribution(counts),
        "photo_sizes": figures.photo_sizes(t["photos"]),
        "file_sizes": figures.file_sizes(t["photos"], classes),
        "confusion": figures.confusion_matrix(t["a"].confusion),
        "normalized": figures.confusion_matrix(t["a"].confusion, True, dark=True),
        "per_class": figures.per_class_bars(t["a"].per_class),
        "probabilities": figures.probability_bars(dict(zip(classes, t["p"][0], strict=True)), 0.8),
        "metrics": figures.metric_comparison([("Scratch", t["a"].metrics), ("Transfer", t["b"].metrics)]),
        "recall": figures.recall_comparison(t["comparison"].per_class, "Scratch", "Transfer"),
        "differences": figures.differences(t["comparison"].per_class, "Scratch", "Transfer"),
        "right_and_wrong": figures.right_and_wrong(t["comparison"].table, "Scratch", "Transfer", dark=True),
        "difference": figures.confusion_difference(t["comparison"].photos, classes, "Transfer"),
        "reliability": figures.reliability([("before", cal), ("after", cal)]),
        "coverage": figures.coverage_curve([("Transfer", coverage, 0.8)], target=0.98),
        "roc": figures.roc_curves(roc_table(t["y"], t["p"], classes), classes),
        "pr": figures.pr_curves(pr_table(t["y"], t["p"], classes), classes),
    }


@pytest.fixture(scope="module")
def charts():
    return gallery()


def texts(chart: go.Figure) -> list[str]:
    return [note.text for note in chart.layout.annotations]


def test_every_figure_fits_both_themes_and_a_phone(charts):
    for name, chart in charts.items():
        layout = chart.layout
        assert {layout.paper_bgcolor, layout.plot_bgcolor} == {"rgba(0,0,0,0)"}, name
        assert layout.font.color is None, name
        assert layout.width is None, name
        assert 150 < layout.height <= 560, name
        axes = [axis for axis in layout if axis.startswith(("xaxis", "yaxis"))]
        assert all(layout[axis].automargin and layout[axis].fixedrange for axis in axes), name
        assert layout.legend.orientation == "h", name


def test_every_figure_has_a_sentence_and_can_be_written(charts):
    sentences = [figures.alt_text(chart) for chart in charts.values()]
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences)
    assert len(set(sentences)) > len(sentences) - 3
    for chart in charts.values():
        chart.to_json()


def test_bars_begin_at_zero(charts):
    for name, chart in charts.items():
        for bar in (trace for trace in chart.data if trace.type == "bar"):
            letter = "x" if bar.orientation == "h" else "y"
            axis = chart.layout[f"{letter}axis{(bar[f'{letter}axis'] or letter)[1:]}"]
            assert (axis.range and axis.range[0] == 0) or axis.rangemode == "tozero", name


def test_classes_of_another_data_set_and_names_like_numbers():
    for chart in gallery(("1", "2", "a <b> & c")).values():
        assert figures.alt_text(chart)
    chart = figures.confusion_matrix(tables(("1", "2", "3"))["a"].confusion)
    assert {chart.layout.xaxis.type, chart.layout.yaxis.type} == {"category"}


@pytest.mark.parametrize("page", PAGES.values())
@pytest.mark.parametrize("color", [*figures.MODEL_COLORS.values(), WORSE, *(c.edge for c in CLASSES)])
def test_lines_have_enough_contrast(color, page):
    assert contrast(rgb(color), rgb(page)) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_can_be_read_on_every_cell(dark):
    full = rgb(matrix_scale()[-1][1])
    for share in np.linspace(0, 1, 101):
        cell = share * np.array(full) + (1 - share) * np.array(rgb(PAGES[dark]))
        assert contrast(rgb(cell_text_color(share, dark)), cell) >= 4.5


def over(color: str, page: list[int]) -> np.ndarray | None:
    """Returns what a color looks like on a page; None for one that is clear, so that it is no line."""
    if color.startswith("#"):
        return np.array(rgb(color), float)
    *channels, opacity = map(float, re.findall(r"[\d.]+", color))
    return None if opacity == 0 else opacity * np.array(channels) + (1 - opacity) * np.array(page)


def lines_of(trace) -> list[str]:
    """Returns the colors of a trace's lines, whiskers and outlines; fills stand within these."""
    found = []
    if trace.type == "heatmap":
        return found
    if (
        trace.type == "scatter" and "lines" in (trace.mode or "") and 0 < (trace.line.width or 2) < 10
    ):  # broader ones are bands
        found.append(trace.line.color)
    if trace.type == "bar" or "markers" in trace.mode:
        marker = trace.marker.line.color if trace.type == "bar" else trace.marker.color
        if trace.marker.opacity is None or np.ndim(trace.marker.opacity) or trace.marker.opacity > 0:
            found += [marker] if isinstance(marker, str) else list(marker if marker is not None else [])
    found += [bars.color for bars in (trace.error_x, trace.error_y) if bars.array is not None]
    return [color for color in found if color is not None]


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_words_of_every_figure_stand_out_from_its_page(charts, dark):
    page, seen = rgb(PAGES[dark]), set()
    for name, chart in charts.items():
        shown = fit_theme(chart, dark)
        lines = [line for trace in shown.data for line in lines_of(trace)]
        lines += [shape.line.color for shape in shown.layout.shapes if name not in MATRICES]
        for color in lines:
            drawn = over(color, page)
            assert drawn is None or contrast(drawn, page) >= 3, (name, color)
            seen.add(color)
        axes = [axis for axis in shown.layout if re.fullmatch(r"[xy]axis\d*", axis)]
        words = [shown.layout.font.color, *(shown.layout[axis].tickfont.color for axis in axes)]
        words += [note.font.color for note in shown.layout.annotations if name not in MATRICES and note.font.color]
        for color in words:
            assert contrast(rgb(color), page) >= 4.5, (name, color)
    assert len(seen) >= 8
    if dark:
        least = {contrast(rgb(color), page) for color in seen if color.startswith("#")}
        assert min(least) > 5, "colors of a dark page are lightened"


@pytest.mark.parametrize("dark", [False, True])
def test_words_within_pale_bars_can_be_read(dark):
    from garbage_core.figures.speed import times_per_photo

    (bars,) = fit_theme(
        times_per_photo([("OpenVINO, 8 bits", 12.0, 11.0, 13.0), ("Keras", 57.0, 55.0, 60.0)]), dark
    ).data
    word = rgb(bars.insidetextfont.color)
    for fill in np.atleast_1d(bars.marker.color):
        assert contrast(word, over(fill, rgb(PAGES[dark]))) >= 4.5, fill


def test_fitting_twice_changes_nothing_and_leaves_the_first_as_it_was(charts):
    before = charts["roc"].to_json()
    once = fit_theme(charts["roc"], True)
    assert fit_theme(once, False) is once
    assert charts["roc"].to_json() == before


def test_figures_are_light_and_curves_have_500_points_at_most():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 6, 5000)
    p = rng.dirichlet(np.ones(6), 5000)
    points = pd.DataFrame({"file": [f"cardboard/cardboard{i}.jpg" for i in range(2527)], "split": "train"})
    points = points.assign(x=rng.normal(size=2527).round(3), y=rng.normal(size=2527).round(3))
    points = points.assign(label=rng.choice(NAMES, 2527), predicted=rng.choice(NAMES, 2527))
    large = [
        figures.roc_curves(roc_table(y, p, NAMES), NAMES),
        figures.pr_curves(pr_table(y, p, NAMES), NAMES),
        figures.coverage_curve([("Transfer", coverage_table(y, p), 0.5)]),
        photo_map(points, NAMES, selected=set()),
    ]
    for chart in large:
        assert len(fit_theme(chart, True).to_json()) < 300_000
        curves = [trace for trace in chart.data if "lines" in trace.mode]
        assert all(len(curve.x) <= 500 for curve in curves)
    assert all(any("lines" in trace.mode for trace in chart.data) for chart in large[:3])


def test_bars_have_their_values_beside_them(charts):
    for name in ("per_class", "metrics"):
        shown = {text for trace in charts[name].data if trace.type == "bar" for text in trace.text or ()}
        solid = [trace for trace in charts[name].data if trace.type == "bar" and trace.hovertemplate]
        values = {percent(value / 100) for trace in solid for value in trace.x}
        assert values <= shown, name


def test_roc_curves_fill_their_figure():
    y = np.repeat([0, 1], 100)
    p = np.concatenate([np.linspace(0.3, 1, 100), np.linspace(0, 0.4, 100)]).round(6)  # as stored
    chart = figures.roc_curves(roc_table(y, np.stack([p, 1 - p], axis=1), "ab"), "ab")
    assert chart.layout.xaxis.range[1] < 50
    assert chart.layout.yaxis.range[0] > 0
    curve = chart.data[1]
    # A point says from which probability on the photos are predicted as its class.
    for x, found, (name, threshold) in list(zip(curve.x, curve.y, curve.customdata, strict=True))[1:]:
        assert name == "a"
        assert (x, found) == pytest.approx(((p[100:] >= threshold).sum(), (p[:100] >= threshold).sum()))


def test_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(rgb("#777777"), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


def test_models_differ_by_more_than_color(charts):
    markers = [trace.marker.symbol for trace in charts["recall"].data if trace.mode == "markers"]
    assert len(set(markers)) == 2
    patterns = [trace.marker.pattern.shape for trace in charts["metrics"].data]
    assert len(set(patterns)) == 2
    dashes = [trace.line.dash for trace in charts["roc"].data]
    assert len(set(dashes)) == len(NAMES)
    assert [figures.model_color(name) for name in ("Scratch", "transfer")] == ["#7F7F7F", "#0B7A75"]
    others = [figures.model_color("mine", position) for position in range(5)]
    assert len({*others, "#7F7F7F", "#0B7A75"}) == 7


def test_a_class_has_the_same_color_in_every_figure(charts):
    for position, name in enumerate(NAMES):
        edge = class_edge(name, position)
        for curves in ("roc", "pr"):
            assert next(trace for trace in charts[curves].data if trace.name.startswith(name)).line.color == edge
        bars = next(trace for trace in charts["per_class"].data if trace.y is not None and len(trace.y) == len(NAMES))
        assert bars.marker.color[position] in (class_color(name), faded(class_color(name), 0.4))
        assert bars.marker.line.color[position] == edge


def test_confusion_matrix_shows_counts_and_shares():
    confusion = pd.DataFrame([[8, 2, 0], [1, 3, 0], [0, 0, 0]], index=list("abc"), columns=list("abc"))
    counts = figures.confusion_matrix(confusion)
    assert texts(counts) == ["8", "2", "0", "1", "3", "0", "0", "0", "0"]
    assert figures.alt_text(counts) == "Confusion matrix of 14 photos: 11 right, most often a predicted as b (2 of 10)."
    shares = figures.confusion_matrix(confusion, normalize=True)
    bare = [re.sub("<br><span[^>]*>(.*)</span>", r" of \1", text) for text in texts(shares)]
    assert bare == ["80.0 of 8", "20.0 of 2", "0", "25.0 of 1", "75.0 of 3", "0", "0", "0", "0"]
    assert list(shares.data[0].z[1]) == [0.25, 0.75, 0]
    # The first class is on top, as one reads.
    assert counts.layout.yaxis.range[0] > counts.layout.yaxis.range[1]


def test_a_click_on_a_cell_says_which():
    confusion = pd.DataFrame([[8, 2], [1, 3]], index=["glass", "metal"], columns=["glass", "metal"])
    markers = figures.confusion_matrix(confusion).data[1]
    cells = {(row, column): words for row, column, words in markers.customdata}
    assert cells["glass", "metal"] == f"2 of 10 glass photos (20.0{NBSP}%)<br>wrongly predicted as metal"
    assert cells["metal", "metal"] == f"3 of 4 metal photos (75.0{NBSP}%)<br>rightly predicted as metal"
    assert [(c[0], c[1]) for c in markers.customdata] == list(zip(markers.y, markers.x, strict=True))
    # Selecting one must not fade the others' numbers, so these are no part of a trace.
    assert markers.mode == "markers"
    assert figures.confusion_matrix(confusion).layout.hoverdistance == -1


def test_a_difference_of_confusions_says_what_moved_and_whether_that_is_good():
    photos = pd.DataFrame({"label": list("aaaabb"), "predicted_a": list("aabbbb"), "predicted_b": list("aaabab")})
    chart = figures.confusion_difference(photos, ["a", "b"], "Transfer")
    assert texts(chart) == ["+25.0", "\u221225.0", "+50.0", "\u221250.0"]
    assert np.asarray(chart.data[0].z).tolist() == [[0.25, 0.25], [-0.5, -0.5]]  # good is positive
    assert "right on +0 photos of 6; most changed is b predicted as a, by +50.0 points" in figures.alt_text(chart)


def test_a_perfect_model_has_no_most_common_mistake():
    perfect = pd.DataFrame(np.diag([3, 4]), index=["a", "b"], columns=["a", "b"])
    assert figures.alt_text(figures.confusion_matrix(perfect)) == "Confusion matrix of 7 photos: 7 right."


def test_class_distribution_adds_up():
    counts = pd.DataFrame({"train": [5, 1], "test": [2, 1]}, index=["glass", "trash"])
    stacked = figures.class_distribution(counts)
    assert stacked.layout.barmode == "stack"
    labels = next(trace for trace in stacked.data if trace.type == "scatter")
    assert list(labels.text) == ["7", "2"]
    assert "glass has the most with 7, trash the fewest with 2" in figures.alt_text(stacked)
    bars = [trace for trace in stacked.data if trace.type == "bar"]
    shown = [trace for trace in bars if trace.y[0] is not None]
    assert [list(trace.y) for trace in shown] == [[5, 1], [2, 1]]
    assert shown[0].marker.color[0] == faded(class_color("glass"), 1)
    assert [trace.marker.pattern.shape for trace in shown] == [None, "/"]
    assert sum(trace.showlegend is not False for trace in bars) == 2


def test_whiskers_end_at_the_interval():
    row = {"label": "glass", "recall": 0.5, "recall_low": 0.4, "recall_high": 0.7, "support": 8}
    chart = figures.per_class_bars(pd.DataFrame([row]), ["recall"])
    whiskers = next(trace for trace in chart.data if trace.error_x.array is not None)
    assert whiskers.x[0] - whiskers.error_x.arrayminus[0] == pytest.approx(40)
    assert whiskers.x[0] + whiskers.error_x.array[0] == pytest.approx(70)


def test_a_class_without_photos_leaves_a_gap():
    rows = per_class_table(pd.DataFrame([[2, 0], [0, 0]], index=["a", "b"], columns=["a", "b"]))
    assert "recall from 100.0" in figures.alt_text(figures.per_class_bars(rows)).replace(NBSP, " ")


def test_probability_bars_keep_the_order_of_classes():
    chart = figures.probability_bars({"glass": 0.1, "metal": 0.85, "paper": 0.05}, threshold=0.9)
    assert list(chart.data[0].y) == ["glass", "metal", "paper"]
    assert list(chart.data[0].text) == [f"10.0{NBSP}%", f"<b>85.0{NBSP}%</b>", f"5.0{NBSP}%"]
    assert chart.layout.shapes[0].x0 == pytest.approx(90)
    assert (
        figures.alt_text(chart)
        .replace(NBSP, " ")
        .endswith("metal 85.0 % is the highest, below the threshold of 90.0 %.")
    )
    # Never sure is no line beyond the axis.
    assert not figures.probability_bars({"glass": 0.1, "metal": 0.9}, ALWAYS_ABSTAINS).layout.shapes


def test_coverage_marks_what_the_threshold_accepts():
    y = np.zeros(40, int)
    confidence = np.linspace(0.6, 0.99, 40)
    p = np.stack([confidence, 1 - confidence], axis=1)
    p[:10] = p[:10, ::-1]
    table = coverage_table(y, p)
    chart = figures.coverage_curve([("Transfer", table, 0.8)])
    mark = next(trace for trace in chart.data if trace.mode == "markers")
    assert mark.x[0] == pytest.approx(100 * (confidence >= 0.8).mean())
    assert mark.y[0] == 100
    assert min(chart.data[2].x) >= 25
    never = figures.coverage_curve([("Transfer", table, ALWAYS_ABSTAINS)])
    assert "accepts no photo" in figures.alt_text(never)


def test_dumbbell_has_the_interval_of_each_model():
    rows = {"label": ["a", "b"], "support": 9, "recall_a": [0.5, 0.9], "recall_b": [0.75, 0.85]}
    rows |= {f"recall_{side}_{end}": [v - 0.1, v] for side in "ab" for end, v in (("low", 0.4), ("high", 0.95))}
    chart = figures.recall_comparison(pd.DataFrame(rows | {"difference": [0.25, -0.05]}), "A", "B")
    assert figures.alt_text(chart).endswith("for a; B is higher in 1 of 2 classes.")
    for trace, values in zip(chart.data[1:], ([50, 90], [75, 85]), strict=True):
        assert list(trace.x) == pytest.approx(values)
        assert (np.array(trace.x) - trace.error_x.arrayminus).tolist() == pytest.approx([30, 40])
        assert (np.array(trace.x) + trace.error_x.array).tolist() == pytest.approx([85, 95])
    assert list(chart.layout.yaxis.ticktext) == ["a", "b"]


def test_differences_say_which_are_clear_by_word_side_and_symbol():
    rows = {"label": ["a", "b", "c", "none"], "difference": [0.25, -0.2, 0.05, np.nan]}
    rows |= {"low": [0.1, -0.3, -0.1, np.nan], "high": [0.4, -0.1, 0.2, np.nan]}
    chart = figures.differences(pd.DataFrame(rows), "A", "B")
    assert texts(chart) == [
        "<b>+25.0</b> (+10.0 to +40.0)",
        "<b>\u221220.0</b> (\u221230.0 to \u221210.0)",
        "<b>+5.0</b> (\u221210.0 to +20.0)",
        "unknown",
    ]
    assert [list(trace.y) for trace in chart.data] == [["a"], ["b"], ["c"]]
    assert len({trace.marker.symbol for trace in chart.data}) == 3
    left, right = chart.layout.xaxis.range
    assert left < -30
    assert right > 40
    assert "0" in chart.layout.xaxis.ticktext
    assert figures.alt_text(chart).endswith("B minus A: clearly higher for a; clearly lower for b.")
    nothing = figures.differences(pd.DataFrame(rows)[3:], "A", "B")
    assert figures.alt_text(nothing).endswith("no interval is without zero.")


def test_right_and_wrong_is_the_table_of_the_test():
    table = pd.DataFrame([[1200, 3], [5, 2]], index=["right", "wrong"], columns=["right", "wrong"])
    chart = figures.right_and_wrong(table, "A", "B", chosen=("wrong", "right"))
    assert texts(chart)[:2] == ["<b>1,200</b><br>both are right", "<b>3</b><br>only A is right"]
    assert "only B is right on 5 and both are wrong on 2" in figures.alt_text(chart)
    frame = chart.layout.shapes[-1]
    assert (frame.type, round(frame.x0), round(frame.y0)) == ("rect", 0, 1)


def test_a_chosen_cell_gets_a_frame_that_can_be_seen_on_its_page():
    confusion = pd.DataFrame([[8, 2], [1, 3]], index=["glass", "metal"], columns=["glass", "metal"])
    framed = figures.confusion_matrix(confusion, dark=True, chosen=("glass", "metal")).layout.shapes[-1]
    assert (framed.x0, framed.x1, framed.y0, framed.y1) == pytest.approx((0.54, 1.46, -0.46, 0.46))
    assert framed.line.color == "#FFFFFF"
    plain = figures.confusion_matrix(confusion, chosen=("Any class", "metal")).layout.shapes
    assert all(shape.type == "line" for shape in plain)


def test_reliability_weighs_bins_by_photos():
    y, p = np.array([0, 0, 1]), np.array([[0.95, 0.05], [0.9, 0.1], [0.8, 0.2]])
    chart = figures.reliability([("before", reliability_table(y, p, bins=10))])
    error = calibration_error(Sample(y, p, p, np.ones((len(y), 1))), p, bins=10)[0]
    assert f"is {percent(error)} for before" in figures.alt_text(chart)
    sizes = chart.data[1].marker.size
    assert sizes[list(chart.data[1].y).index(100)] > sizes[list(chart.data[1].y).index(0)]


def test_sizes_of_no_photos_and_of_many():
    nothing = pd.DataFrame({"label": [], "width": [], "height": [], "bytes": []})
    assert "no photos" in figures.alt_text(figures.photo_sizes(nothing))
    assert "no photos" in figures.alt_text(figures.file_sizes(nothing, NAMES))
    photos = pd.DataFrame({"width": [512, 512, 100], "height": [384, 384, 100]})
    sizes = figures.photo_sizes(photos)
    assert "most common is 512 by 384 pixels with 2 photos" in figures.alt_text(sizes)
    assert np.ptp(sizes.data[0].marker.size) > 0


def test_every_photo_is_in_the_histogram():
    photos = pd.DataFrame({"label": ["glass", "metal", "glass"], "bytes": [1000, 2000, 9000]})
    chart = figures.file_sizes(photos, ["glass", "metal"])
    assert [int(np.sum(trace.y)) for trace in chart.data] == [2, 1]


def test_missing_curves_of_a_class_are_left_out():
    y, p = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0.3, 0.7, 0]])
    chart = figures.roc_curves(roc_table(y, p, "abc"), "abc")
    assert [trace.name for trace in chart.data[1:]] == [f"{c} (area{NBSP}1.000)" for c in "ab"]


def test_result_pages_load_no_deep_learning_library_and_no_streamlit():
    code = "import sys, garbage_core.evaluation.evaluation, garbage_core.evaluation.card, garbage_core.figures\n"
    code += "import garbage_core.runs.run\n"
    code += "assert not {'tensorflow', 'keras', 'streamlit'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_percent_is_written_one_way():
    assert [percent(v) for v in (0.9144, 1, 0, float("nan"))] == [
        f"91.4{NBSP}%",
        f"100.0{NBSP}%",
        f"0.0{NBSP}%",
        "unknown",
    ]
    colors = [figures.model_color("x", i) for i in range(5)]
    assert all(a != b for a, b in itertools.combinations(colors, 2))


def test_goals_of_speed_say_which_are_missed_and_end_where_the_axis_does():
    rows = [("First answer", "4.7 s", "at most 5 s", 0.94, True), ("A photo", "0.9", "at most 0.25", 3.6, False)]
    from garbage_core.figures.speed import goals_of_speed

    chart = goals_of_speed(rows)
    assert list(chart.data[0].x) == [94.0, chart.layout.xaxis.range[1]]
    assert list(chart.data[0].text) == ["4.7 s, goal at most 5 s", "0.9, goal at most 0.25: missed"]
    assert "missed: A photo" in chart.layout.meta["alt"]
