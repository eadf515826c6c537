"""Slices hold the photos they are named after, and leave out what was measured on other weights."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from garbage_core import cli
from garbage_core.data.dataset import load_dataset
from garbage_core.evaluation.slices import ALL, REPLACED, STUDIES, slice_predictions, slice_title
from tests.fixtures.networks import miniature_run
from tests.fixtures.photos import encode, write_folder
from tests.fixtures.runs import fake_run

CLASSES = ("can", "jar")


@pytest.fixture
def run(tmp_path):
    return fake_run(tmp_path, "transfer", 0.8, classes=CLASSES, counts={"train": 8, "val": 4, "test": 20})


@pytest.fixture
def files(tmp_path, run):
    """Tables of what was measured: every photo of a can is dark and beige, the first test photos hold little."""
    rows = run.predictions
    is_can = (rows["label"] == "can").to_numpy()
    photos = pd.DataFrame({"file": rows["file"], "label": rows["label"], "width": 9, "height": 9, "bytes": 9})
    photos = photos.assign(brightness=np.where(is_can, 0.2, 0.8), color=np.where(is_can, "#e2bd9e", "#ffffff"))
    photos.to_csv(tmp_path / "photos.csv", index=False)
    test = (rows["split"] == "test").to_numpy()
    objects = rows[["file"]].assign(object=np.where(test, np.arange(len(rows)) / len(rows), 0.5))
    objects.loc[objects.index[-1], "object"] = np.nan
    objects.to_csv(tmp_path / "objects.csv", index=False)
    odds = rows[["file", "split", "label", "p_can", "p_jar"]]
    odds.assign(run="transfer", weights=str(run.weights_sha256)[:12]).to_csv(tmp_path / "replaced.csv", index=False)
    return {name: tmp_path / f"{name}.csv" for name in STUDIES}


def test_slices_hold_the_photos_they_are_named_after(run, files):
    parts = slice_predictions(run, "test", files)
    assert list(parts) == [ALL, "dark", "beige", "small", REPLACED]
    assert len(parts[ALL]) == 40
    for name in ("dark", "beige"):
        assert set(parts[name]["label"]) == {"can"}
        assert len(parts[name]) == 20
    known = pd.read_csv(files["objects"]).set_index("file")["object"].reindex(parts[ALL]["file"])
    assert set(parts["small"]["file"]) == set(known[known <= known.quantile(0.25)].index)
    assert 0 < len(parts["small"]) <= 11
    assert all((part["split"] == "test").all() for part in parts.values())


def test_what_was_not_measured_or_on_other_weights_is_left_out(run, files):
    table = pd.read_csv(files["replaced"])
    table.assign(weights="0" * 12).to_csv(files["replaced"], index=False)
    files["objects"].unlink()
    assert list(slice_predictions(run, "test", files)) == [ALL, "dark", "beige"]
    files["photos"].write_text("file\n1\n")
    assert list(slice_predictions(run, "test", files)) == [ALL]


def test_every_slice_has_a_title():
    assert [slice_title(name) for name in (ALL, REPLACED, "everyday", "mine")] == [
        "All photos",
        "Replaced background",
        "Everyday photos",
        "Mine",
    ]


@pytest.mark.slow
def test_the_study_measures_objects_and_predicts_them_on_other_backgrounds(tmp_path, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    run = miniature_run(tmp_path / "models", classes=CLASSES)
    photos = {}
    for file in run.predictions["file"]:
        photo = Image.new("RGB", (64, 48), (225, 225, 225))
        if file.startswith("can"):
            ImageDraw.Draw(photo).ellipse((16, 12, 47, 35), fill=(40, 90, 30))  # 19.6 % of the photo
        photos[file] = encode(photo, "PNG")
    write_folder(tmp_path / "photos", photos)
    arguments = ["study", "slices", "--data-dir", str(tmp_path / "photos")]
    assert cli.main(arguments) == 0
    studies = tmp_path / "models" / "studies"
    files = {name: studies / f"{name}.csv" for name in STUDIES}
    objects = pd.read_csv(files["objects"]).set_index("file")["object"]
    is_can = objects.index.str.startswith("can")
    assert objects[is_can].between(0.18, 0.21).all()
    assert objects[~is_can].isna().all()
    replaced = slice_predictions(run, "test", files)[REPLACED]
    test = run.predictions[run.predictions["split"] == "test"]
    assert set(replaced["file"]) == set(test.loc[test["label"] == "can", "file"])
    np.testing.assert_allclose(replaced[["p_can", "p_jar"]].sum(axis=1), 1, atol=1e-5)
    # Other photos replace nothing.
    before = files["replaced"].read_bytes()
    os.remove(tmp_path / "photos" / test["file"].iloc[0])
    assert cli.main(arguments) == 0
    assert files["replaced"].read_bytes() == before
    own = load_dataset(tmp_path / "photos").fingerprint[:16]
    assert (studies / own / "replaced.csv").is_file()
