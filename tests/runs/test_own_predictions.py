"""A `predictions.csv` is that of its run, or it is refused in one sentence."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from garbage_core.cli import main
from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import predictions_digest
from garbage_core.runs.run import list_runs, load_run
from garbage_core.utils.files import write_csv, write_json
from tests.fixtures.runs import fake_run

MODELS = Path(__file__).resolve().parents[2] / "models"
TABLES = ("run.json", "history.csv", "predictions.csv")


@pytest.fixture
def copied(tmp_path):
    """The tables of the committed runs in a folder of their own."""
    for name in ("scratch", "transfer"):
        (tmp_path / name).mkdir()
        for file in TABLES:
            shutil.copy(MODELS / name / file, tmp_path / name)
    return tmp_path


def test_committed_predictions_are_those_of_their_runs():
    folders = [path.parent for path in MODELS.rglob("run.json")]
    for folder in folders:
        load_run(folder.name, folder.parent).predictions  # noqa: B018
    assert len(folders) > 3
    assert len(list_runs(MODELS)) >= 3


def test_predictions_of_another_run_are_refused(copied, monkeypatch, capsys):
    shutil.copy(copied / "scratch" / "predictions.csv", copied / "transfer")
    monkeypatch.setenv("GARBAGE_MODELS", str(copied))
    assert main(["evaluate", "transfer"]) == 2
    assert main(["compare", "scratch", "transfer"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for line in captured.err.splitlines():
        assert "is that of another run or of other photos (macro-F1 0.764 on val instead of 0.918); restore it." in line


@pytest.mark.parametrize("which", ["all", "one"])
def test_rows_that_are_there_twice_are_refused(which, copied):
    path = copied / "transfer" / "predictions.csv"
    table = pd.read_csv(path)
    write_csv(pd.concat([table, table if which == "all" else table.head(1)]), path, "%.6f")
    with pytest.raises(GarbageError, match=r"names the photo '.*' twice \([\d,]+ rows? too many\); restore it\.$"):
        load_run("transfer", copied).predictions  # noqa: B018


def test_predictions_for_other_photos_are_refused(copied):
    path = copied / "transfer" / "predictions.csv"
    table = pd.read_csv(path)
    write_csv(table[table["split"] != "test"], path, "%.6f")
    with pytest.raises(GarbageError, match="0 test photos instead of 431"):
        load_run("transfer", copied).predictions  # noqa: B018


def test_the_recorded_hash_tells_predictions_from_any_others(tmp_path):
    run = fake_run(tmp_path, "mine")
    digest = predictions_digest(run.predictions, run.classes)
    path = run.path / "predictions.csv"
    write_json(run.info | {"predictions_sha256": digest}, run.path / "run.json")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # as git on Windows may do
    assert len(load_run("mine", tmp_path).predictions) == len(run.predictions)
    shares = [f"p_{name}" for name in run.classes]
    changed = run.predictions.assign(**{shares[0]: run.predictions[shares[1]], shares[1]: run.predictions[shares[0]]})
    write_csv(changed, path, "%.6f")
    with pytest.raises(GarbageError, match="SHA-256 is not the recorded one"):
        load_run("mine", tmp_path).predictions  # noqa: B018
