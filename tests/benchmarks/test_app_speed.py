"""Speed as ratios: medians within rounds, goals in the right direction, rows kept one by one, and the page."""

import importlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.app_speed import table as bench
from benchmarks.app_speed.results import ROWS, read_bench, read_race
from benchmarks.app_speed.runtimes import race, write_race
from benchmarks.app_speed.table import Measured, Settings, result, write_bench
from docs import speed
from garbage_core.errors import GarbageError
from tests.fixtures.runs import fake_run

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"name", "ours", "reference", "unit", "ratio", "goal", "met"}


def row(name, ours, reference=None):
    values = Measured(np.array(ours, float), None if reference is None else np.array(reference, float), "by hand")
    return result(ROWS[name], values)


@pytest.mark.parametrize(
    ("name", "ours", "reference", "ratio", "met"),
    [
        ("photo", [20, 25, 30], [100, 100, 100], 0.25, True),  # milliseconds: at most
        ("photo", [26, 26, 26], [100, 100, 100], 0.26, False),
        ("folder", [95, 95, 95], [100, 100, 100], 0.95, True),  # photos a second: at least
        ("folder", [94, 94, 94], [100, 100, 100], 0.94, False),
        ("overhead", [10, 10, 1000], [10, 10, 1000], 1.0, True),  # a slow round slows both
        ("page", [299, 300, 301], None, None, True),
        ("page", [301, 301, 301], None, None, False),
        ("start", [4, 5, 6], None, None, True),  # seconds, kilobytes: at most
        ("wire", [2001, 2001, 2001], None, None, False),
    ],
)
def test_goal_is_met_in_the_direction_of_the_unit(name, ours, reference, ratio, met):
    found = row(name, ours, reference)
    assert found.keys() >= KEYS
    assert found["ratio"] == (None if ratio is None else pytest.approx(ratio))
    assert found["met"] is met
    assert found["ours"] == np.median(ours)


@pytest.mark.parametrize(("name", "module"), [("filter", "filters"), ("page", "pages")])
def test_the_slowest_counts_for_all(name, module, monkeypatch):
    from benchmarks.app_speed import rows as bench_rows

    times = {
        "data: beta": [90.0, 80.0, 85.0],
        "evaluation: run": [310.0, 290.0, 320.0],
        "audit: kind": [50.0, 40.0, 60.0],
    }
    asked = []
    monkeypatch.setattr(
        bench_rows,
        "_timed",
        lambda module, repeats: (asked.append((module, repeats)), {name: np.array(t) for name, t in times.items()})[1],
    )
    found = {"filter": bench_rows.filter_change, "page": bench_rows.page}[name](Settings([], 3))
    assert asked == [(module, 3)]
    assert result(ROWS[name], found)["ours"] == 310
    assert not result(ROWS[name], found)["met"]
    assert "evaluation: run" in found.detail
    assert "half take less than 85 ms" in found.detail


def test_filters_are_changed_there_and_back(tmp_path, monkeypatch):
    from benchmarks.app_speed import filters as filter_times

    for seed, name in enumerate(("scratch", "transfer")):
        fake_run(tmp_path, name, seed=seed)
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path))
    monkeypatch.setattr(filter_times, "WARM_UP", 1)
    monkeypatch.setattr(
        filter_times, "FILTERS", (("training", "along", "Time", "Epochs"), ("training", "nothing", 0, 1))
    )
    (page, key, clock, processor), missing = filter_times.filter_times(2)
    assert (page, key) == ("training", "along")
    assert len(clock) == len(processor) == 2
    assert min(clock) > 1
    assert missing == ("training", "nothing", [], [])


def test_machine_is_described_without_its_name():
    assert os.uname().nodename not in bench.machine()
    assert "cores" in bench.machine()


def test_rows_are_kept_in_order_and_replaced_one_by_one(tmp_path):
    path = tmp_path / "bench.json"
    assert read_bench(path) == []
    write_bench([row("page", [200]), row("photo", [40], [100])], path)
    write_bench([row("photo", [30], [100])], path)
    kept = read_bench(path)
    assert [one["name"] for one in kept] == ["photo", "page"]
    assert kept[0]["ours"] == 30
    path.write_text('{"schema_version": 1, "rows": [{"name": "page"}]}')
    with pytest.raises(GarbageError, match="not complete"):
        read_bench(path)


def test_every_row_is_measured_by_a_function_that_is_there():
    assert bench.SOURCES.keys() == ROWS.keys()
    for source in bench.SOURCES.values():
        module, function = source.split(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.app_speed.{module}"), function))


def test_figures_from_before_name_the_command_of_today(tmp_path):
    path = write_bench([row("page", [200])], tmp_path / "bench.json")
    path.write_text(path.read_text().replace("python -m benchmarks page", "python -m garbage_core bench page"))
    assert read_bench(path)[0]["command"] == "python -m benchmarks page"


def test_command_prints_one_object_per_row_and_keeps_them(runs_dir, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(runs_dir))
    from benchmarks.app_speed import rows as bench_rows

    monkeypatch.setattr("benchmarks.__main__.start_keras", lambda: None)  # this row is measured without it
    seen = []

    def measured(settings):
        seen.append([run.name for run in settings.runs])
        return Measured(np.full(3, 250.0), None)

    monkeypatch.setattr(bench_rows, "page", measured)
    assert main(["page", "--models", "transfer", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found.keys() >= KEYS
    assert seen == [["transfer"]]
    assert [one["name"] for one in read_bench()] == ["page"]
    assert main(["page", "--dry-run"]) == 0
    assert "at most 300" in capsys.readouterr().out
    assert main(["rocket"]) == 2
    assert "no row 'rocket': choose among start, start_processor" in capsys.readouterr().err


def test_one_row_that_cannot_be_measured_leaves_the_others(runs_dir, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(runs_dir))
    monkeypatch.setattr("benchmarks.__main__.start_keras", lambda: None)

    def measure(names, settings):
        if names == ["wire"]:
            raise GarbageError("There is no browser: install Chromium.")
        return [result(ROWS[names[0]], Measured(np.ones(3), None))]

    monkeypatch.setattr(bench, "measure", measure)
    assert main(["--json", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert {one["name"] for one in json.loads(out)} == set(ROWS) - {"wire"}
    assert "wire: There is no browser" in err


def test_an_earlier_figure_is_judged_by_the_goal_of_today(tmp_path):
    path = write_bench([row("photo", [40], [100])], tmp_path / "bench.json")
    content = json.loads(path.read_text())
    content["rows"][0] |= {"goal": 0.5, "met": True}
    path.write_text(json.dumps(content))
    assert read_bench(path)[0]["goal"] == ROWS["photo"].goal
    assert not read_bench(path)[0]["met"]


@pytest.mark.slow
def test_rows_of_classifying_measure_what_they_say(tmp_path, monkeypatch):
    """On a miniature, whose figures mean nothing; what is tested is that both sides run and give sane numbers."""
    from benchmarks.app_speed import rows as bench_rows
    from tests.fixtures.networks import miniature_run

    run = miniature_run(tmp_path)
    monkeypatch.setattr(bench_rows, "FOLDER_PHOTOS", 24)
    monkeypatch.setattr(bench_rows, "PHONE_SIZE", (400, 300))
    with pytest.raises(GarbageError, match="no exported network to compare with"):
        bench_rows.overhead(Settings([run], 1))
    for measure in (bench_rows.photo, bench_rows.folder):
        found = measure(Settings([run], 2))
        assert found.ours.shape == found.reference.shape == (2,)
        assert (found.ours > 0).all()
        assert (found.reference > 0).all()


@pytest.mark.slow
def test_rows_of_training_measure_what_they_say(monkeypatch):
    from benchmarks.app_speed import training as bench_training
    from tests.fixtures.networks import miniature

    monkeypatch.setattr(bench_training, "build_resnet50", lambda num_classes: miniature(num_classes))
    monkeypatch.setattr(bench_training, "PHOTOS", 32)
    # The gradient of so few channels at the real size makes oneDNN crash on processors with AVX-512.
    monkeypatch.setattr(bench_training, "STEP_SIZE", (32, 48))
    for measure in (bench_training.pipeline, bench_training.step):
        found = measure(Settings([], 1))
        assert found.ours.shape == (1,)
        assert found.ours[0] > 0
        assert found.reference[0] > 0


# Runtimes


def test_race_times_every_export_and_says_what_it_lost(tmp_path, monkeypatch):
    from tests.scale.test_job import color_run  # here: it needs OpenVINO and skips without

    run = color_run(tmp_path)
    monkeypatch.setattr(
        "garbage_core.inference.engine.CompiledNetwork", lambda network: lambda photo: network.predict(photo, 0)
    )
    monkeypatch.setattr("garbage_core.inference.engine.keras_network", lambda run: Slow())
    rows = race(run, (24, 32), 5)
    assert [one["runtime"] for one in rows] == ["predict", "keras, compiled", "openvino"]
    exported = rows[2]
    assert rows[0]["times_as_fast"] == 1
    assert exported["times_as_fast"] > 3.5
    assert (exported["goal"], exported["met"], exported["points_lost"]) == (3.5, True, None)
    assert (rows[0]["goal"], rows[0]["met"]) == (None, None)
    write_race(run, (24, 32), rows, 5, tmp_path / "studies" / "runtimes.json")
    assert read_race(tmp_path / "studies" / "runtimes.json")["rows"] == rows
    (run.path / "model.bin").unlink()
    with pytest.raises(GarbageError, match=r"no exported network to time: run `python -m garbage_core export transfer"):
        race(run, (24, 32), 5)


class Slow:
    """A network that takes a twentieth of a second."""

    def predict(self, photo, verbose):
        time.sleep(0.05)


def test_what_is_kept_of_a_race_is_read_or_refused(tmp_path):
    path = tmp_path / "runtimes.json"
    assert read_race(path) is None
    path.write_text('{"schema_version": 1, "rows": []}')
    with pytest.raises(GarbageError, match=r"make it again with `benchmarks/runtimes\.py`"):
        read_race(path)


# The page in docs


def test_page_says_what_was_measured_and_which_goals_are_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path))
    monkeypatch.setattr(speed, "PAGE", tmp_path / "speed.md")
    run = fake_run(tmp_path, "transfer")
    assert speed.main(["--check"]) == 1
    write_bench([row("photo", [60], [100]), row("page", [120])], tmp_path / "studies" / "bench.json")
    common = {"quartiles": [1, 2], "probability_difference": 0.1}
    rows = [
        {"runtime": "predict", "precision": "float32", "milliseconds": 100.0, "times_as_fast": 1.0, **common}
        | {"goal": None, "met": None, "points_lost": None},
        {"runtime": "openvino-int8", "precision": "int8", "milliseconds": 11.0, "times_as_fast": 9.1, **common}
        | {"goal": 8.0, "met": True, "points_lost": -0.3},
    ]
    write_race(run, (224, 224), rows, 25, tmp_path / "studies" / "runtimes.json")
    assert speed.main([]) == 0
    assert speed.main(["--check"]) == 0
    page = speed.PAGE.read_text(encoding="utf-8")
    assert "| Phone's photo, all models | 60.0 ms | 100.0 ms | 0.60 | at most 0.25 | no |" in page
    assert "| Change of page | 120.0 ms |  |  | at most 300 ms | yes |" in page
    assert "| openvino-int8 | 11.0 ms | 9.1 | at least 8 | yes | 0.0 |" in page
    assert "224x224 by transfer" in page
