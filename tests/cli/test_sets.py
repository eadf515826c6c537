"""Commands on runs and data of several sets of photos."""

import json

import numpy as np
import pandas as pd
import pytest

from garbage_core.cli import main
from garbage_core.data.dataset import load_dataset, official_splits
from garbage_core.runs.run import load_run
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import official_files, small_dataset, write_folder, write_zip

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


@pytest.mark.parametrize("name", ["trashnet", "kitchen"])
def test_predictions_of_other_photos_are_not_replaced_by_a_set_of_the_same_name(
    name, tmp_path, kitchen, monkeypatch, capsys
):
    """`trashnet` is what the run's own photos are called in its table."""
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    path = miniature_run(tmp_path / "models", classes=CLASSES).path / "predictions.csv"
    if name == "kitchen":
        assert main(["evaluate", "transfer", "--extra", str(kitchen)]) == 0
    before = path.read_bytes()
    others = {f"{label}/new{n}.jpg": picture(n) for label in CLASSES for n in range(8)}
    assert main(["evaluate", "transfer", "--extra", str(write_folder(tmp_path / "new" / name, others))]) == 2
    assert f"has predictions of other photos under the name '{name}'" in capsys.readouterr().err
    assert path.read_bytes() == before


OWN = {f"{label}/{n}.jpg": picture(10 * place + n) for place, label in enumerate(CLASSES) for n in range(4)}


@pytest.mark.parametrize(
    ("files", "options", "photos", "split", "notes"),
    [
        (OWN, [], [4, 4], "all", []),
        (OWN, ["--split", "test"], [1, 1], "test", []),
        ({f"a/b/{name}": content for name, content in OWN.items()}, [], [4, 4], "all", []),
        ({name.replace("can", "Can"): content for name, content in OWN.items()}, [], [4, 4], "all", []),
        (
            {name.replace("can", "lid"): content for name, content in OWN.items()},
            [],
            [0, 4],
            "all",
            ["lid/ is no class of transfer: 4 photos left out"],
        ),
        (
            {f"{'test' if '0' in name else 'val'}/{name}": content for name, content in OWN.items()},
            [],
            [1, 1],
            "test",
            ["train/ has no photos: train is missing, so the data set cannot be trained on as it is"],
        ),
        (
            {f"{'test' if '0' in name else 'valid'}/{name}": content for name, content in OWN.items()},
            ["--split", "val"],
            [3, 3],
            "val",
            ["train/ has no photos: train is missing, so the data set cannot be trained on as it is"],
        ),
    ],
)
@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_a_run_is_scored_on_ones_own_photos(tmp_path, monkeypatch, capsys, files, options, photos, split, notes, pack):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    run = miniature_run(tmp_path / "models", classes=CLASSES)
    before = (run.path / "predictions.csv").read_bytes()
    command = ["evaluate", "transfer", "--data-dir", str(pack(tmp_path / "mine.zip", files)), *options]
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert [row["support"] for row in result["per_class"]] == photos
    assert (result["split"], result["photos"], result["set"]) == (split, sum(photos), "mine.zip")
    assert [f"{note['file']} {note['reason']}" for note in result["notes"]] == notes
    assert all(note in err for note in notes)
    assert (run.path / "predictions.csv").read_bytes() == before
    assert main(command) == 0
    title = f"transfer on the {sum(photos)}{'' if split == 'all' else f' {split}'} photos of mine.zip ("
    assert capsys.readouterr().out.startswith(title)


def test_ones_own_photos_are_scored_as_they_are_classified(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    miniature_run(tmp_path / "models", classes=CLASSES, threshold=0.0)
    own = write_folder(tmp_path / "mine", OWN)
    assert main(["evaluate", "transfer", "--data-dir", str(own), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert main(["classify", str(own), "--model", "transfer", "--runtime", "keras", "--json"]) == 0
    own_class = [row["probabilities"][row["file"].split("/")[-2]] for row in json.loads(capsys.readouterr().out)]
    assert metrics["log_loss_calibrated"]["value"] == pytest.approx(-np.log(own_class).mean(), abs=1e-4)
    assert np.ptp(own_class) > 0.1


def test_ones_own_photos_must_be_new_and_of_the_runs_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    own = write_folder(tmp_path / "mine", OWN)
    fingerprint = load_dataset(own).fingerprint
    miniature_run(tmp_path / "models", classes=CLASSES, data_fingerprint=fingerprint)
    miniature_run(tmp_path / "models", "both", CLASSES, extra_sets=[{"name": "mine", "fingerprint": fingerprint}])
    miniature_run(tmp_path / "models", "other", classes=("bag", "cup"))
    for name, words in {
        "transfer": "was trained on these very photos: show its predictions",
        "both": "with --set mine in place of --data-dir",
        "other": "(can, jar) is a class of 'other': name them like its classes, bag, cup.",
    }.items():
        assert main(["evaluate", name, "--data-dir", str(own)]) == 2
        assert words in capsys.readouterr().err
    for option in ("--set", "--extra"):
        with pytest.raises(SystemExit):
            main(["evaluate", "other", "--data-dir", str(own), option, "x"])
        assert "not allowed with" in capsys.readouterr().err


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
