"""Commands on runs and data of several sets of photos."""

import json

import pandas as pd
import pytest

from garbage_core.cli import main
from garbage_core.data.dataset import official_splits
from garbage_core.runs.run import load_run
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import official_files, small_dataset, write_folder

CLASSES = ("can", "jar")


@pytest.fixture
def kitchen(tmp_path):
    """A set with a list: two photos of each class for val and two for test, and one of another kind."""
    files = {f"{label}/{label}{n}.jpg": picture(n) for label in (*CLASSES, "other-fruit") for n in range(4)}
    rows = [f"{file},{file.split('/')[0]},{'val' if int(file[-5]) < 2 else 'test'}" for file in files]
    folder = write_folder(tmp_path / "kitchen", files)
    (folder / "splits.csv").write_text("\n".join(["file,label,split", *rows]))
    return folder


def test_a_run_is_scored_on_a_set_that_it_was_not_trained_on(tmp_path, kitchen, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    before = miniature_run(tmp_path / "models", classes=CLASSES).predictions
    assert main(["evaluate", "transfer", "--extra", str(kitchen), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["set"], result["photos"], result["split"]) == ("kitchen", 4, "test")
    run = load_run("transfer", tmp_path / "models")
    assert run.sets == ("trashnet", "kitchen")
    pd.testing.assert_frame_equal(run.predictions, before)
    assert sorted(run.predictions_of("kitchen")["file"]) == sorted(f"{c}/{c}{n}.jpg" for c in CLASSES for n in range(4))
    assert main(["evaluate", "transfer", "--extra", str(kitchen)]) == 0  # again: replaced, not added
    assert capsys.readouterr().out.startswith("transfer on the 4 test photos of kitchen (own split)\n")
    assert main(["evaluate", "transfer", "--set", "kitchen", "--split", "val", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["photos"] == 4
    assert main(["evaluate", "transfer", "--set", "garden"]) == 2
    assert "no predictions for a set 'garden': it has trashnet, kitchen" in capsys.readouterr().err


def test_a_run_is_not_scored_anew_on_what_it_was_trained_on(tmp_path, kitchen, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    miniature_run(tmp_path / "models", classes=CLASSES, extra_sets=[{"name": "kitchen"}])
    assert main(["evaluate", "transfer", "--extra", str(kitchen)]) == 2
    assert "was trained on 'kitchen': show its predictions with --set" in capsys.readouterr().err


def test_data_lists_an_extra_set_and_its_leaks(tmp_path, monkeypatch, capsys):
    files = official_files()
    stolen = picture(7)
    write_folder(tmp_path / "photos", files)
    held = next(file for file, split in official_splits().items() if split == "test")
    write_folder(tmp_path / "photos", {held: stolen})
    extra = write_folder(tmp_path / "kitchen", small_dataset(("glass", "other-fruit")) | {"glass/stolen.jpg": stolen})
    rows = [
        f"{file},{file.split('/')[0]},train" for file in (*small_dataset(("glass", "other-fruit")), "glass/stolen.jpg")
    ]
    (extra / "splits.csv").write_text("\n".join(["file,label,split", *rows]))
    assert main(["data", "--data-dir", str(tmp_path / "photos"), "--extra", str(extra), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (described,) = result["extra_sets"]
    assert described["splits"]["train"] == {"glass": 4, "other-fruit": 3}
    assert [(leak["file"], leak["same_as"]) for leak in result["leaks"]] == [("kitchen:glass/stolen.jpg", held)]
    assert main(["data", "--data-dir", str(tmp_path / "photos"), "--extra", str(extra)]) == 0
    text = capsys.readouterr().out
    assert "The set kitchen: 7 photos, with val and test of its own." in text
    assert f"kitchen:glass/stolen.jpg = {held}" in text


def test_own_photos_are_answered_by_everyday_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    (tmp_path / "a.jpg").write_bytes(picture(1))
    miniature_run(tmp_path / "models", "transfer", classes=CLASSES, threshold=0.0)
    assert main(["classify", str(tmp_path / "a.jpg"), "--json"]) == 0
    capsys.readouterr()
    miniature_run(tmp_path / "models", "everyday", classes=("bag", "cup"), threshold=0.0, seed=1)
    assert main(["classify", str(tmp_path / "a.jpg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label"] in ("bag", "cup")
    assert main(["classify", str(tmp_path / "a.jpg"), "--model", "transfer", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label"] in CLASSES
