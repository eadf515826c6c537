"""More training photos from several starts: nested shares, trainings that go on, and what the table says."""

import dataclasses
import itertools

import pandas as pd
import pytest

from garbage_core import cli
from garbage_core.data.dataset import load_dataset, split_dataset
from garbage_core.data.splits import nested_share
from garbage_core.errors import GarbageError
from garbage_core.runs.run import load_run
from garbage_core.studies.data_size import check_runs, data_size_table, find_runs, planned
from garbage_core.studies.tables import read_data_size
from garbage_core.utils.files import write_csv, write_json
from tests.fixtures.photos import write_colors
from tests.fixtures.runs import STARTING_WEIGHTS, fake_run
from tests.fixtures.trainings import NETWORK, WHOLE

MINIATURE = NETWORK + WHOLE.replace("epochs = 3", "epochs = 1")


def pair(folder):
    """A run from random weights and one from a file, of one recipe."""
    start = {"source": STARTING_WEIGHTS, "sha256": "cd" * 32, "loaded": ["conv1_conv"], "random": ["predictions"]}
    first = fake_run(folder, "scratch", 0.8, seed=1)
    fake_run(folder, "matched", 0.9, seed=2, starting_weights=start)
    config = first.info["config"] | {"name": "matched"}
    second = load_run("matched", folder)
    write_json(second.info | {"config": config, "seed": 1}, second.path / "run.json")
    return [load_run("scratch", folder), load_run("matched", folder)]


@pytest.mark.parametrize("seed", [0, 7])
def test_a_larger_share_has_the_photos_of_a_smaller_and_every_class_its_part(tmp_path, seed):
    table = split_dataset(load_dataset(write_colors(new_folder(tmp_path / "photos"))), "stratified")
    kept = {share: nested_share(table, share, seed) for share in (0.01, 0.25, 0.5, 1.0)}
    files = [set(part.loc[part["split"] == "train", "file"]) for part in kept.values()]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(files))
    assert kept[1.0].equals(table)
    for part in kept.values():
        rest = table[table["split"] != "train"]
        assert part[part["split"] != "train"].equals(rest)
    counts = table[table["split"] == "train"]["label"].value_counts()
    assert (kept[0.01].query("split == 'train'")["label"].value_counts() == 1).all()
    halves = kept[0.5].query("split == 'train'")["label"].value_counts()
    assert ((halves - counts / 2).abs() <= 0.5).all()


def test_the_table_has_every_run_and_the_difference_between_the_starts(tmp_path):
    runs = pair(tmp_path)
    table = data_size_table(find_runs(runs, [0.1], tmp_path / "none"), resamples=50)
    path = write_csv(table, tmp_path / "data_size.csv", "%.5f")
    read = read_data_size(path)
    rows = read[(read["metric"] == "accuracy") & (read["split"] == "test")].set_index("run")
    assert rows.loc["scratch", "start"] == "random weights"
    assert rows.loc["matched", "start"] == "ImageNet"
    assert (rows["train_photos"] == 1768).all()
    gained = rows.loc["matched", "value"] - rows.loc["scratch", "value"]
    assert rows.loc["matched", "difference"] == pytest.approx(gained, abs=1e-4)
    assert rows["difference"].isna()["scratch"]


def test_runs_of_two_recipes_of_one_start_or_with_a_share_are_refused(tmp_path):
    scratch, matched = pair(tmp_path)
    with pytest.raises(GarbageError, match="No run was named"):
        check_runs([])
    with pytest.raises(GarbageError, match="differ in dropout"):
        check_runs([scratch, changed(matched, dropout=0.5)])
    with pytest.raises(GarbageError, match="25 % of the photos"):
        check_runs([scratch, changed(matched, train_share=0.25)])
    twin = fake_run(tmp_path, "twin", 0.8, seed=1)
    with pytest.raises(GarbageError, match="have the same start"):
        check_runs([scratch, twin])


def test_shares_and_starting_weights_are_checked_before_anything_is_trained(tmp_path):
    runs = pair(tmp_path)
    for share in (0, 1, 1.5, -0.1):
        with pytest.raises(GarbageError, match=f"above 0 and below 1, not {share:g}"):
            list(planned(runs, [share], None))
    with pytest.raises(GarbageError, match="name them with --weights"):
        list(planned(runs, [0.5], None))
    other = tmp_path / "other.weights.h5"
    other.write_bytes(b"other")
    with pytest.raises(GarbageError, match="did not start from"):
        list(planned(runs, [0.5], str(other)))


@pytest.mark.slow
def test_the_command_trains_what_is_missing_once_and_measures_all(tmp_path, monkeypatch, capsys):
    photos, models = write_colors(new_folder(tmp_path / "photos")), tmp_path / "models"
    (tmp_path / "mini.toml").write_text(MINIATURE)
    monkeypatch.setenv("GARBAGE_MODELS", str(models))
    assert cli.main(["train", str(tmp_path / "mini.toml"), "--data-dir", str(photos)]) == 0
    command = ["study", "data-size", "mini", "--shares", "0.5", "0.25", "--data-dir", str(photos)]
    assert cli.main(command) == 0
    assert "Accuracy on test by training photos" in capsys.readouterr().out
    table = read_data_size(models / "studies" / "data_size.csv")
    assert set(table["run"]) == {"mini", "mini-25", "mini-50"}
    shown = table.drop_duplicates("run").set_index("run")["train_photos"]
    assert shown["mini-25"] < shown["mini-50"] < shown["mini"]
    smaller = models / "studies" / "data_size" / "mini-25" / "run.json"
    before = smaller.stat().st_mtime_ns
    assert cli.main(command) == 0
    assert smaller.stat().st_mtime_ns == before
    assert pd.read_csv(smaller.parent / "predictions.csv").query("split == 'train'").shape[0] == shown["mini-25"]


def changed(run, **values):
    """The same run with other values in its config."""
    info = run.info | {"config": run.info["config"] | values}
    return dataclasses.replace(run, info=info)


def new_folder(path):
    """Makes a folder and returns it."""
    path.mkdir()
    return path
