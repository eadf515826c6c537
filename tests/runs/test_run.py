"""Reading and writing run folders: what is there is read as it was written, what is broken is named."""

import json
import logging
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from garbage_core.errors import GarbageError
from garbage_core.runs import run as runs
from garbage_core.utils import files
from tests.fixtures.runs import fake_run


def change_info(run, **values):
    """Replaces values in a run's run.json."""
    file = run.path / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_written_run_is_read_as_it_was(tmp_path):
    fake_run(tmp_path, "transfer", accuracy=0.9, epochs=7, temperature=1.7, threshold=0.65)
    run = runs.load_run("transfer", tmp_path)
    assert (run.name, run.title, run.temperature, run.threshold) == ("transfer", "Transfer", 1.7, 0.65)
    assert run.classes == ("cardboard", "glass", "metal", "paper", "plastic", "trash")
    assert list(run.history["epoch"]) == list(range(1, 8))
    assert len(run.predictions) == 2527
    assert run.split_counts.loc["trash"].to_dict() == {"train": 91, "val": 17, "test": 29}
    assert run.check_weights() == run.model_path
    assert "weights" not in repr(run)


def test_predictions_keep_six_decimals(tmp_path):
    fake_run(tmp_path)
    line = (tmp_path / "transfer" / "predictions.csv").read_text().splitlines()[1]
    assert [len(number.split(".")[1]) for number in line.split(",")[3:]] == [6] * 6


def test_the_order_of_runs(tmp_path):
    for name in ("zebra", "transfer", "Alpha", "scratch"):
        fake_run(tmp_path, name, counts={"test": 2})
    assert [run.title for run in runs.list_runs(tmp_path)] == ["Scratch", "Transfer", "Alpha", "zebra"]


def test_unfinished_and_broken_folders_do_not_hide_the_others(tmp_path, caplog):
    caplog.set_level(logging.WARNING)  # whatever libraries used by other tests set
    for name in ("good", "half", "broken"):
        fake_run(tmp_path, name, counts={"test": 2})
    (tmp_path / "half" / "predictions.csv").unlink()
    (tmp_path / "broken" / "run.json").write_text('{"schema_version": 1,')
    (tmp_path / "studies" / "deep").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("not a folder")
    assert [run.name for run in runs.list_runs(tmp_path)] == ["good"]
    assert "broken" in caplog.text
    assert "studies" not in caplog.text
    with pytest.raises(GarbageError, match=r"'half' is not complete: predictions\.csv missing"):
        runs.load_run("half", tmp_path)


def test_no_folder_at_all_means_no_runs(tmp_path):
    assert runs.list_runs(tmp_path / "nothing") == []
    with pytest.raises(GarbageError, match="none yet"):
        runs.load_run("transfer", tmp_path / "nothing")


def test_an_unknown_name_is_answered_with_the_known_ones(runs_dir):
    with pytest.raises(GarbageError, match=r"'resnet'.*scratch, transfer"):
        runs.load_run("resnet", runs_dir)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/b",
        "a\\b",
        "",
        ".",
        "..",
        ".hidden",
        "trailing.",
        "with space",
        "-dash",
        "a" * 65,
        "é",
        "a\n",
        None,
    ],
)
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(GarbageError, match="cannot be called"):
        runs.check_name(name)


@pytest.mark.parametrize("name", ["transfer", "run_2", "v1.5", "2026-11-23", "A", "a" * 64])
def test_ordinary_names_are_accepted(name):
    assert runs.check_name(name) == name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schema_version": 2}, "schema version 2.*update the program"),
        ({"schema_version": None}, "no schema_version"),
        ({"schema_version": True}, "no schema_version"),
        ({"classes": "glass"}, "classes is 'glass'"),
        ({"classes": ["glass", "glass"]}, "two different names"),
        ({"classes": ["glass"]}, "two different names"),
        ({"config": None}, "config is None"),
        ({"config": {"stages": "none"}}, r"'stages' in config of .*run\.json must be a list"),
        ({"config": {"stages": [3]}}, r"config of .*run\.json, stage 1 must be a table"),
        ({"config": {"height": "tall"}}, r"'height' in config of .*run\.json must be of type int, not 'tall'"),
        ({"temperature": 0}, "temperature is 0 and not positive"),
        ({"temperature": "1"}, "temperature is '1' and not a number"),
        ({"threshold": None}, "threshold is None"),
        ({"weights": {"file": "../other/model.keras"}}, "not in the folder"),
    ],
)
def test_a_run_json_that_cannot_be_used_is_refused(tmp_path, values, message):
    run = fake_run(tmp_path, counts={"test": 2})
    change_info(run, **values)
    with pytest.raises(GarbageError, match=message):
        runs.load_run("transfer", tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "\x00", "{'a': 1}"])
def test_a_run_json_that_is_none_is_refused(tmp_path, text):
    fake_run(tmp_path, counts={"test": 2})
    (tmp_path / "transfer" / "run.json").write_text(text)
    with pytest.raises(GarbageError, match=r"run\.json"):
        runs.load_run("transfer", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="p_glass"), "lacks the columns p_glass"),
        (lambda table: table.assign(p_glass="?"), "no valid probabilities for 'cardboard/cardboard1.jpg'"),
        (lambda table: table.assign(p_glass=0.9), "no valid probabilities"),
        (lambda table: table.assign(p_glass=-table["p_glass"]), "no valid probabilities"),
        (lambda table: table.assign(label="wood"), "label 'wood'"),
    ],
)
def test_predictions_that_cannot_be_used_are_refused(tmp_path, change, message):
    run = fake_run(tmp_path, counts={"test": 2})
    files.write_csv(change(pd.read_csv(run.path / "predictions.csv")), run.path / "predictions.csv")
    with pytest.raises(GarbageError, match=message):
        run.predictions  # noqa: B018


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "cannot be read"), ("epoch,loss\n1,2\n", "lacks the columns stage"), ("\x00\xff", "history.csv")],
)
def test_a_history_that_cannot_be_used_is_refused(tmp_path, text, message):
    run = fake_run(tmp_path, counts={"test": 2})
    (run.path / "history.csv").write_text(text)
    with pytest.raises(GarbageError, match=message):
        run.history  # noqa: B018


def test_a_history_without_rows_is_refused(tmp_path):
    run = fake_run(tmp_path, counts={"test": 2})
    files.write_csv(run.history.iloc[:0], run.path / "history.csv")
    with pytest.raises(GarbageError, match="no epochs"):
        runs.load_run("transfer", tmp_path).history  # noqa: B018


def test_numbers_that_were_not_measured_stay_unknown(tmp_path):
    run = fake_run(tmp_path, counts={"test": 2})
    files.write_csv(run.history.assign(macro_f1=None), run.path / "history.csv")
    assert runs.load_run("transfer", tmp_path).history["macro_f1"].isna().all()


def test_classes_whose_names_look_like_missing_values(tmp_path):
    run = fake_run(tmp_path, "other", classes=("NA", "null", "1"))
    assert set(run.predictions["label"]) == {"NA", "null", "1"}


def test_another_network_than_the_recorded_one_is_refused(tmp_path):
    run = fake_run(tmp_path, counts={"test": 2})
    run.model_path.write_bytes(b"something else")
    with pytest.raises(GarbageError, match="SHA-256"):
        run.check_weights()
    run.model_path.unlink()
    assert run.is_complete
    assert not run.has_weights
    with pytest.raises(GarbageError, match="missing"):
        run.check_weights()


def test_where_runs_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GARBAGE_MODELS", raising=False)
    assert runs.models_dir().name == "models"
    assert runs.models_dir().is_absolute()
    (tmp_path / "models").mkdir()
    assert runs.models_dir().resolve() == tmp_path / "models"
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "elsewhere"))
    assert runs.models_dir() == tmp_path / "elsewhere"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = files.write_text("old", tmp_path / "note.txt")

    def no_space(*_):
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", no_space)
    with pytest.raises(GarbageError, match="no space"):
        files.write_text("new", target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_takes_what_numpy_hands_out(tmp_path):
    value = {
        "a": np.float32(0.5),
        "b": np.arange(2),
        "c": float("nan"),
        "d": tmp_path,
        "e": (1, None),
        3: np.bool_(True),
    }
    target = files.write_json(value, tmp_path / "deep" / "value.json")
    assert json.loads(target.read_text()) == {
        "a": 0.5,
        "b": [0, 1],
        "c": None,
        "d": str(tmp_path),
        "e": [1, None],
        "3": True,
    }


def test_no_view_of_results_loads_a_deep_learning_library():
    code = "import sys, garbage_core.runs.run; assert not {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
