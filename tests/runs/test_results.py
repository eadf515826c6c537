"""Results know their photos: a command on other ones replaces nothing, and a view is given its own or none."""

import json

import numpy as np
import pandas as pd
import pytest

from garbage_core.audit.embeddings import Embeddings, load_embeddings, load_map, save_embeddings
from garbage_core.audit.findings import COLUMNS, findings_path, load_findings, save_findings
from garbage_core.cli import main
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.runs.results import TRASHNET, check_replaces, fingerprint_of, noted, place_for, result_of
from garbage_core.runs.run import load_run
from garbage_core.studies.tables import study_path
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run

MINE, OTHER = "aa" * 32, "bb" * 32
SHIPPED = pd.DataFrame(columns=list(COLUMNS))


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of runs with shipped findings, which have no note beside them."""
    folder = tmp_path / "models"
    monkeypatch.setenv("GARBAGE_MODELS", str(folder))
    save_findings(SHIPPED)
    return folder


@pytest.fixture
def photos(tmp_path):
    return write_folder(tmp_path / "photos", small_dataset(photos=10))


def embeddings(fingerprint, number=4):
    rng = np.random.default_rng(0)
    files = tuple(f"can/{n}.jpg" for n in range(number))
    vectors, shares = rng.normal(size=(number, 3)).astype("float32"), np.full((number, 2), 0.5, "float32")
    return Embeddings(files, vectors, shares, ("can", "jar"), "avg_pool", "ab" * 32, fingerprint)


def test_what_is_there_is_kept_and_what_is_free_is_taken(tmp_path):
    path = tmp_path / "table.csv"
    assert place_for(path, MINE) == path
    with noted(path, MINE):
        path.write_text("mine")
    assert (fingerprint_of(path), place_for(path, MINE), result_of(path, MINE)) == (MINE, path, path)
    other = tmp_path / OTHER[:16] / "table.csv"
    assert place_for(path, OTHER) == result_of(path, OTHER) == other
    assert not other.exists()


def test_a_table_from_before_there_were_notes_is_trashnets(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("shipped")
    assert place_for(path, TRASHNET) == path
    assert place_for(path, MINE) != path


def test_a_result_that_was_not_written_leaves_no_note(tmp_path):
    def fail():
        raise GarbageError("The disk is full.")

    with pytest.raises(GarbageError), noted(tmp_path / "table.csv", MINE):
        fail()
    assert not list(tmp_path.iterdir())


def test_an_audit_of_other_photos_does_not_replace_the_shipped_findings(models, photos, capsys):
    before = findings_path().read_bytes()
    assert main(["audit", "--duplicates-only", "--data-dir", str(photos)]) == 0
    dataset = load_dataset(photos)
    assert findings_path().read_bytes() == before
    assert findings_path(dataset.fingerprint) == models / "audit" / dataset.fingerprint[:16] / "findings.csv"
    assert load_findings(findings_path(dataset.fingerprint))["kind"].ne("").all()
    assert fingerprint_of(findings_path(dataset.fingerprint)) == dataset.fingerprint
    assert dataset.fingerprint[:16] in capsys.readouterr().err
    with noted(findings_path(), TRASHNET):
        pass
    with pytest.raises(GarbageError, match="There are no findings"):
        load_findings(findings_path(OTHER))


def test_the_shipped_findings_are_replaced_by_force_alone(models, photos, capsys):
    command = ["audit", "--duplicates-only", "--data-dir", str(photos), "-o", str(findings_path())]
    before = findings_path().read_bytes()
    assert main(command) == 2
    assert capsys.readouterr().err.strip().endswith("choose another file, or add --force to replace it.")
    assert findings_path().read_bytes() == before
    assert main([*command, "--force"]) == 0
    assert fingerprint_of(findings_path()) == load_dataset(photos).fingerprint
    assert main(command) == 0  # now they are of these photos


def test_embeddings_of_other_photos_lie_beside_those_that_were_there(tmp_path):
    run = fake_run(tmp_path, "mine", weights={"file": "model.keras", "sha256": "ab" * 32})
    places = pd.DataFrame({"file": embeddings(MINE).files, "x": 1.0, "y": 2.0})
    save_embeddings(run, embeddings(MINE), places)
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    save_embeddings(run, embeddings(OTHER, 7), places.assign(x=3.0))
    assert {path: path.read_bytes() for path in before} == before
    assert load_embeddings(run).fingerprint == load_embeddings(run, MINE).fingerprint == MINE
    assert len(load_embeddings(run, OTHER).files) == 7
    assert load_map(run, OTHER)["x"].tolist() == [3.0] * 4
    with pytest.raises(GarbageError, match="no embeddings of these photos, only of other photos"):
        load_embeddings(run, "cc" * 32)


def test_statistics_of_other_photos_lie_below_their_fingerprint(models, photos, capsys):
    study_path("photos").parent.mkdir()
    study_path("photos").write_text("shipped")
    assert main(["data", "--statistics", "--data-dir", str(photos), "--json"]) == 0
    fingerprint = json.loads(capsys.readouterr().out)["fingerprint"]
    assert study_path("photos").read_text() == "shipped"
    assert fingerprint_of(study_path("photos", fingerprint)) == fingerprint
    assert study_path("photos", fingerprint).parent.name == fingerprint[:16]


def test_a_study_of_other_runs_does_not_replace_the_shipped_one(models, tmp_path):
    path = study_path("crossval")
    path.parent.mkdir()
    path.write_text("shipped")
    with pytest.raises(GarbageError, match="holds the result of other photos"):
        check_replaces(path, MINE, path, force=False)
    check_replaces(path, MINE, path, force=True)
    check_replaces(path, TRASHNET, path, force=False)
    check_replaces(tmp_path / "free.csv", MINE, path, force=False)


def test_the_shipped_results_are_those_of_the_shipped_runs():
    from pathlib import Path

    root = Path(__file__).resolve().parents[2] / "models"
    run = load_run("transfer", root)
    assert run.info["data_fingerprint"] == TRASHNET
    assert load_embeddings(run, TRASHNET).fingerprint == TRASHNET
    assert fingerprint_of(root / "studies" / "imbalance_lab.npz") == TRASHNET
