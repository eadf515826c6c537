"""Stages, the network that was kept, and the figure of whole trainings, on made-up runs."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from garbage_core import figures
from garbage_core.figures.learning import PANELS, Training, learning_curves
from garbage_core.runs.history import BestEpoch, best_epoch_of, positions, smaller_stages, smooth, stages_of
from tests.fixtures.runs import fake_history, fake_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training from scratch of 13 epochs: `small` photos of 96 by 72 pixels, then `full` ones of 128 by 96."""
    return fake_run(tmp_path_factory.mktemp("runs"), "scratch", accuracy=0.7, epochs=13, best_epoch=10)


def changed(run, **info):
    return type(run)(run.path, {key: value for key, value in (run.info | info).items() if value is not None})


def training(run) -> Training:
    return Training(run.title, run.history, stages_of(run), best_epoch_of(run))


def test_stages_in_order_with_the_size_of_their_photos(run):
    stages = stages_of(run)
    assert stages["stage"].tolist() == ["small", "full"]
    assert stages[["width", "height"]].to_numpy().tolist() == [[96, 72], [128, 96]]
    assert stages["epochs"].sum() == 13
    assert stages["first"].tolist() == [1, stages["last"][0] + 1]
    assert stages["seconds"].sum() == pytest.approx(run.history["seconds"].sum())
    small = run.history[run.history["stage"] == "small"]
    assert stages["best_val_macro_f1"][0] == small["val_macro_f1"].max()
    assert smaller_stages(run) == ["small"]


def test_a_config_without_sizes_or_stages_is_no_error(run):
    bare = changed(run, config={})
    assert stages_of(bare)[["width", "height"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert smaller_stages(bare) == []


def test_the_value_of_the_kept_network(run):
    last = int(stages_of(run)["last"].iloc[-1])
    row = run.history[run.history["epoch"] == last]["val_macro_f1"].iloc[0]
    assert best_epoch_of(changed(run, best_epoch=last)).value == row
    assert best_epoch_of(changed(run, best_epoch=last, best_val_macro_f1=0.5)).value == 0.5
    assert best_epoch_of(changed(run, best_epoch=0, best_val_macro_f1=0.9)).epoch == 0
    assert best_epoch_of(changed(run, best_epoch="7")).epoch is None


def test_a_kept_epoch_on_smaller_photos_counts_what_its_network_predicts(run):
    from sklearn.metrics import f1_score

    val = run.predictions[run.predictions["split"] == "val"]
    answers = val.filter(like="p_").idxmax(axis=1).str[2:]
    value = best_epoch_of(changed(run, best_epoch=2)).value
    assert value == pytest.approx(f1_score(val["label"], answers, average="macro"))
    assert value != run.history["val_macro_f1"][1]


@pytest.mark.parametrize(
    ("along", "expected"),
    [("epoch", [0, 0.5, 2, 4]), ("share", [0, 12.5, 50, 100]), ("time", [0, 0.5, 3, 10])],
)
def test_where_epochs_stand(along, expected):
    history = fake_history(["a"] * 4, 0.5).assign(seconds=[60.0, 120, 180, 240])
    assert positions(history, np.array([0, 0.5, 2, 4]), along) == pytest.approx(np.array(expected))


def test_time_that_was_not_measured_counts_as_none():
    history = fake_history(["a"] * 3, 0.5).assign(seconds=[60.0, np.nan, 60])
    assert positions(history, np.array([1, 2, 3]), "time") == pytest.approx(np.array([1, 1, 2]))


def traces(chart, axis, mode=None):
    return [trace for trace in chart.data if trace.yaxis == axis and mode in (None, getattr(trace, "mode", None))]


def test_every_panel_stands_on_the_same_axis(run):
    chart = learning_curves([training(run)])
    assert {trace.xaxis for trace in chart.data} == {None}
    assert (chart.layout.hovermode, chart.layout.hoversubplots) == ("x", "axis")
    domains = [chart.layout[f"yaxis{k or ''}"].domain for k in (None, *range(2, len(PANELS) + 2))]
    assert all(below[1] < above[0] for above, below in itertools.pairwise(domains))
    assert min(low for low, _ in domains) >= 0


def test_the_kept_network_is_marked_at_its_value_on_the_final_photos(run):
    chart = learning_curves([training(changed(run, best_epoch=3, best_val_macro_f1=0.62))])
    assert [(mark.x[0], mark.y[0]) for mark in traces(chart, "y4", "markers")] == [(3, pytest.approx(62))]
    loss = traces(chart, "y2", "markers")[0]
    assert (loss.x[0], loss.y[0]) == (3, run.history["val_loss"][2])
    assert traces(chart, "y", "markers")[0].x[0] == 3


def test_a_head_that_was_kept_from_before_the_first_epoch_stands_at_zero(run):
    chart = learning_curves([training(changed(run, best_epoch=0, best_val_macro_f1=0.9))])
    assert [(mark.x[0], mark.y[0]) for mark in traces(chart, "y4", "markers")] == [(0, pytest.approx(90))]
    assert not traces(chart, "y2", "markers")
    assert chart.layout.xaxis.range[0] < 0
    assert "its best checkpoint at epoch 0 with a macro-F1 of 90.0 %" in figures.alt_text(chart).replace("\u00a0", " ")


def test_one_panel_alone_is_taller_and_has_the_legend_and_the_stages(run):
    whole, alone = learning_curves([training(run)]), learning_curves([training(run)], panels=["accuracy"])
    assert "yaxis3" not in alone.layout
    assert [list(t.y) for t in traces(alone, "y2", "lines")] == [list(t.y) for t in traces(whole, "y3", "lines")]
    assert all(trace.showlegend for trace in traces(alone, "y2", "lines"))
    assert [trace.text for trace in traces(alone, "y")] == [trace.text for trace in traces(whole, "y")]
    spans = [
        chart.layout.height * np.ptp(axis.domain)
        for chart, axis in ((whole, whole.layout.yaxis3), (alone, alone.layout.yaxis2))
    ]
    assert spans[1] > 1.3 * spans[0]
    assert figures.alt_text(alone).startswith("Line chart of accuracy, on training and validation photos")


def test_stages_fill_the_row_from_end_to_end(run):
    last = int(stages_of(run)["last"][0])
    ends = {"epoch": (0.5, last + 0.5, 13.5), "share": (0, 100 * last / 13, 100)}
    for along, (start, edge, end) in ends.items():
        chart = learning_curves([training(run)], along=along)
        bars = [trace for trace in chart.data if trace.type == "bar"]
        assert [bar.text[0] for bar in bars] == ["small", "full"]
        assert [bar.base[0] for bar in bars] == pytest.approx([start, edge])
        assert bars[1].base[0] + bars[1].x[0] == pytest.approx(end)
        assert [shape.x0 for shape in chart.layout.shapes] == pytest.approx([edge])


def test_smoothing_leaves_rates_and_times_and_what_was_measured(run):
    rough, smoothed = (learning_curves([training(run)], smoothing=s, splits=["val"]) for s in (0, 0.9))
    for axis in ("y2", "y3", "y4"):
        line = traces(rough, axis, "lines")[0]
        faint, drawn = [trace for trace in traces(smoothed, axis) if trace.mode != "markers"]
        assert list(faint.y) == list(line.y)
        assert np.ptp(drawn.y) < np.ptp(line.y)
        assert list(drawn.customdata[:, 1]) == list(line.y)
    for axis in ("y5", "y6"):
        assert [list(t.y) for t in traces(smoothed, axis)] == [list(t.y) for t in traces(rough, axis)]


def test_runs_can_be_told_apart_without_color(run, tmp_path):
    other = fake_run(tmp_path, "transfer", epochs=4)
    chart = learning_curves([training(run), training(other)])
    val = [trace for trace in traces(chart, "y2", "lines") if "validation" in trace.name]
    assert len({trace.line.dash for trace in val}) == 2
    assert len({mark.marker.symbol for mark in traces(chart, "y", "markers")}) == 2
    legend = sorted((trace for trace in chart.data if trace.showlegend), key=lambda trace: trace.legendrank)
    assert [trace.name for trace in legend] == [
        "Scratch, training",
        "Scratch, validation",
        "Scratch, best checkpoint",
        "Transfer, training",
        "Transfer, validation",
        "Transfer, best checkpoint",
    ]


def test_training_and_validation_never_have_the_same_dash(run):
    parts = [dataclasses.replace(training(run), title=title) for title in ("Scratch", "Transfer", "a", "b", "c")]
    lines = traces(learning_curves(parts), "y2", "lines")
    dashes = {split: {t.line.dash for t in lines if split in t.name} for split in ("training", "validation")}
    assert dashes["training"] == {"dot"}
    assert len(dashes["validation"]) == 5


def test_one_epoch_is_a_dot_and_what_was_not_measured_is_left_out(tmp_path):
    run = fake_run(tmp_path, "mine", epochs=2)
    history = run.history.head(1).assign(val_macro_f1=np.nan, macro_f1=np.nan)
    chart = learning_curves([Training("mine", history, stages_of(run), best_epoch_of(changed(run, best_epoch=None)))])
    assert {trace.mode for trace in traces(chart, "y2")} == {"markers"}
    assert "mine has 1 epoch in" in figures.alt_text(chart)


def test_a_stage_too_narrow_for_its_name_beside_the_mark_goes_without():
    history = fake_history(["small"] * 60 + ["full"], 0.9)
    stages = pd.DataFrame({"stage": ["small", "full"], "first": [1, 61], "last": [60, 61], "epochs": [60, 1]})
    stages = stages.assign(height=240, width=320)
    for epoch, names in ((61, ["small", ""]), (30, ["small", "full"])):
        chart = learning_curves([Training("mine", history, stages, BestEpoch(epoch, 0.9))])
        assert [trace.text[0] for trace in chart.data if trace.type == "bar"] == names


def test_smoothing_is_the_unbiased_moving_average():
    values = [1.0, 3.0, 2.0, 6.0]
    expected, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = 0.8 * total + 0.2 * value, 0.8 * weight + 0.2
        expected.append(total / weight)
    assert smooth(values, 0.8) == pytest.approx(expected)
    assert list(smooth(values, 0)) == values
    assert smooth([1.0, np.nan, 3.0], 0.5)[2] == pytest.approx((0.5 * 1 + 3) / 1.5)
