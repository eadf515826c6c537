"""Size, brightness and dominant color of photos, on generated ones."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from garbage_core.cli import main
from garbage_core.data import photo_statistics as statistics
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.studies.tables import study_path
from tests.fixtures.photos import jpeg, small_dataset, write_folder

ROOT = Path(__file__).resolve().parents[2]


def blocks(*parts: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """A photo of upright stripes, each of a color and so many pixels wide."""
    return np.concatenate([np.full((60, width, 3), color, np.uint8) for color, width in parts], axis=1)


@pytest.mark.parametrize(
    ("photo", "brightness", "color"),
    [
        (blocks(((255, 255, 255), 80)), 1.0, "#ffffff"),
        (blocks(((0, 0, 0), 80)), 0.0, "#000000"),
        (blocks(((0, 0, 0), 40), ((255, 255, 255), 40)), 0.5, None),
        (blocks(((200, 30, 40), 50), ((20, 40, 200), 30)), None, "#c81e28"),
        (blocks(((200, 30, 40), 10), ((20, 40, 200), 70)), None, "#1428c8"),
        # ITU-R BT.601: red counts 0.299, green 0.587, blue 0.114.
        (blocks(((255, 0, 0), 80)), 0.299, "#ff0000"),
        (blocks(((0, 255, 0), 80)), 0.587, "#00ff00"),
    ],
)
def test_brightness_and_dominant_color_of_a_photo(photo, brightness, color):
    found = statistics.measure(photo)
    assert brightness is None or found[0] == pytest.approx(brightness, abs=0.003)
    assert color is None or found[1] == color
    assert statistics.measure(photo) == found


def test_a_single_pixel_is_a_photo_too():
    assert statistics.measure(np.array([[[10, 20, 30]]], np.uint8))[1] == "#0a141e"


def test_lab_of_known_colors():
    # Values of the sRGB primaries under D65, as http://www.brucelindbloom.com gives them.
    rgb = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    known = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (87.73, -86.18, 83.18), (32.30, 79.19, -107.86)]
    assert statistics.lab(rgb) == pytest.approx(np.array(known), abs=0.02)


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#ffffff", "white"),
        ("#808080", "gray"),
        ("#0a0a0a", "black"),
        ("#e2d5bd", "beige"),
        ("#6f4e2c", "brown"),
        ("#d0d4e4", "pale blue"),
        ("#c81e28", "red"),
        ("#f08c14", "orange"),
        ("#f0d21e", "yellow"),
        ("#2e8b57", "green"),
        ("#1e5ac8", "blue"),
        ("#8c32a0", "purple"),
    ],
)
def test_colors_have_the_names_people_give_them(color, name):
    assert statistics.color_names(statistics.hex_to_rgb([color])).tolist() == [name]


def test_every_color_has_one_of_the_names():
    levels = np.linspace(0, 255, 12)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    assert set(statistics.color_names(cube)) == set(statistics.COLOR_NAMES)


def test_tables_by_class():
    table = pd.DataFrame(
        [
            ("can", 40, 30, 0.2, "#c81e28"),
            ("can", 40, 30, 0.4, "#d2282d"),
            ("can", 80, 60, 0.6, "#ffffff"),
            ("jar", 40, 30, 0.9, "#fefefe"),
        ],
        columns=["label", "width", "height", "brightness", "color"],
    )
    sizes = statistics.size_table(table, ["jar", "can", "cup"]).set_index("label")
    assert list(sizes.index) == ["jar", "can"]
    assert sizes.loc["can", ["photos", "sizes", "width", "height"]].tolist() == [3, 2, 40, 30]
    assert sizes.loc["can", ["share", "smallest", "largest"]].tolist() == pytest.approx([2 / 3, 0.0012, 0.0048])
    bright = statistics.brightness_table(table, ["can", "jar"]).set_index("label")
    assert bright.loc["can", ["mean", "median", "q1", "high"]].tolist() == pytest.approx([0.4, 0.4, 0.3, 0.58])
    colors = statistics.color_table(table, ["can", "jar"])
    assert colors[["label", "name", "photos"]].to_numpy().tolist() == [
        ["can", "white", 1],
        ["can", "red", 2],
        ["jar", "white", 1],
    ]
    assert colors["color"].tolist() == ["#ffffff", "#cd232a", "#fefefe"]
    assert colors["share"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])


def test_share_of_the_variance_that_classes_explain():
    labels = pd.Series(["a", "a", "b", "b"])
    assert statistics.explained_share(pd.Series([1.0, 1, 3, 3]), labels) == pytest.approx(1)
    assert statistics.explained_share(pd.Series([1.0, 3, 1, 3]), labels) == pytest.approx(0)
    assert statistics.explained_share(pd.Series([0.0, 2, 2, 4]), labels) == pytest.approx(0.5)
    assert statistics.explained_share(pd.Series([2.0, 2, 2, 2]), labels) == 0


def test_the_command_writes_a_table_of_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    files = small_dataset(photos=3) | {"can/can4.jpg": jpeg((250, 250, 250), 40, 20)}
    folder = write_folder(tmp_path / "photos", files)
    assert main(["data", "--data-dir", str(folder), "--statistics", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["photos"] == 7
    assert str(study_path("photos")) in captured.err
    table = statistics.read_statistics(study_path("photos"))
    assert list(table.columns) == list(statistics.STATISTICS_COLUMNS)
    row = table.set_index("file").loc["can/can4.jpg"]
    assert row[["label", "width", "height", "bytes"]].tolist() == ["can", 40, 20, len(files["can/can4.jpg"])]
    assert row["brightness"] == pytest.approx(250 / 255, abs=0.01)
    assert statistics.color_names(statistics.hex_to_rgb([row["color"]]))[0] == "white"
    pd.testing.assert_frame_equal(table, statistics.measure_photos(load_dataset(folder)))


def test_values_of_another_data_set_are_left_out(tmp_path):
    table = statistics.measure_photos(load_dataset(write_folder(tmp_path / "a", small_dataset(photos=2))))
    photos = table[["file", "bytes"]].assign(label="cup", split="test")
    assert len(statistics.statistics_of(photos, table)) == 4
    assert set(statistics.statistics_of(photos.drop(columns="bytes"), table)["label"]) == {"cup"}
    photos.loc[0, "bytes"] += 1
    assert statistics.statistics_of(photos, table)["file"].tolist() == photos["file"].tolist()[1:]
    assert statistics.statistics_of(photos.assign(file="x.jpg"), table).empty


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: None, "There is no table"),
        (lambda text: text.replace("brightness", "light"), "lacks the columns brightness"),
        (lambda text: text.splitlines()[0] + "\n", "lacks any row"),
        (lambda text: text.replace("#", ""), "holds no valid values for 'can/can1.jpg'"),
        (lambda text: text.replace(",16,", ",-16,", 1), "holds no valid values for 'can/can1.jpg'"),
        (lambda text: '"', "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_with_the_command(tmp_path, damage, said):
    path = tmp_path / "photos.csv"
    table = statistics.measure_photos(load_dataset(write_folder(tmp_path / "photos", small_dataset(photos=1))))
    text = damage(statistics.write_statistics(table, path).read_text())
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(GarbageError, match="make it with `python -m garbage_core data --statistics`") as error:
        statistics.read_statistics(path)
    assert said in str(error.value)


def test_committed_table_holds_every_photo_of_the_lists():
    from garbage_core.data.dataset import official_splits

    table = statistics.read_statistics(ROOT / "models" / "studies" / "photos.csv")
    assert set(table["file"]) == set(official_splits())
    assert (table["label"] == table["file"].str.split("/").str[0]).all()
