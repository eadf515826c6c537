"""A data set is found, listed, split and read the same way in every packaging, and what is broken is named."""

import os
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from garbage_core.data import sources
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.dataset import (
    SPLITS,
    Dataset,
    find_dataset,
    load_dataset,
    official_splits,
    read_photos,
    split_counts,
    split_dataset,
)
from garbage_core.data.images import MAX_BYTES
from garbage_core.errors import GarbageError
from tests.fixtures.photos import encode, jpeg, official_files, picture, small_dataset, write_folder, write_zip

LEFTOVERS = {
    "__MACOSX/dataset-resized/can/._can1.jpg": b"\0\5\x16\7",
    "dataset-resized/.DS_Store": b"x",
    "dataset-resized/can/.DS_Store": b"x",
    "dataset-resized/can/Thumbs.db": b"x",
    "readme.txt": b"hello",
}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty working directory, no data set in the environment or in the user's cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.setattr(sources, "user_cache_path", lambda _name: tmp_path / "cache")
    return tmp_path


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> Dataset:
    return load_dataset(
        write_zip(tmp_path_factory.mktemp("official") / "a.zip", official_files(), "dataset-resized/"), verify=False
    )


@pytest.fixture
def short_lists(monkeypatch) -> dict[str, str]:
    """Every twentieth name of the authors' lists, and a package that thinks these are all."""
    lists = dict(list(official_splits().items())[::20])
    for module in ("garbage_core.data.dataset", "garbage_core.data.splits"):
        monkeypatch.setattr(f"{module}.official_splits", lambda: lists)
    return lists


# Layouts -------------------------------------------------------------------------------------------------------------


def test_every_packaging_gives_the_same_data_set(tmp_path):
    files = small_dataset()
    places = [
        write_folder(tmp_path / "flat", files),
        write_folder(tmp_path / "nested", files, "dataset-resized/"),
        write_folder(tmp_path / "messy", {f"dataset-resized/{n}": c for n, c in files.items()} | LEFTOVERS),
        write_zip(tmp_path / "flat.zip", files),
        write_zip(tmp_path / "nested.zip", files, "dataset-resized/"),
        write_zip(tmp_path / "messy.zip", {f"dataset-resized/{n}": c for n, c in files.items()} | LEFTOVERS),
    ]
    (tmp_path / "holder").mkdir()
    places[3].with_name("holder").joinpath("dataset-resized.zip").write_bytes(places[3].read_bytes())
    places.append(tmp_path / "holder")
    loaded = [load_dataset(place) for place in places]
    for dataset in loaded:
        assert dataset.classes == ("can", "jar")
        assert dataset.photos["file"].tolist() == sorted(files)
        assert dataset.photos["label"].tolist() == ["can"] * 3 + ["jar"] * 3
        assert dataset.photos["bytes"].tolist() == [len(files[name]) for name in sorted(files)]
        assert set(dataset.photos["width"]) == {16}
        assert set(dataset.photos["height"]) == {12}
        assert dataset.problems.empty
        assert not dataset.official
        assert dataset.counts().to_dict() == {"can": 3, "jar": 3}
        assert dataset.read_bytes("jar/jar2.jpg") == files["jar/jar2.jpg"]
    assert len({dataset.fingerprint for dataset in loaded}) == 1


def test_the_layout_of_kaggle_is_read(tmp_path):
    files = {f"{name}/{name}_{number:03}.jpg": jpeg() for name in CLASS_NAMES for number in range(1, 4)}
    dataset = load_dataset(write_folder(tmp_path, files, "TrashType_Image_Dataset/"))
    assert dataset.classes == CLASS_NAMES
    assert len(dataset.photos) == 18
    assert not dataset.official


def test_content_decides_what_a_photo_is(tmp_path):
    files = {
        "can/first.jpg": encode(picture(), "PNG"),
        "can/no_extension": encode(picture(), "WebP"),
        "jar/phone.heic": encode(picture(), "HEIC"),
        "jar/upright.jpg": encode(picture(), "JPEG", orientation=6),
    }
    photos = load_dataset(write_folder(tmp_path, files)).photos.set_index("file")
    assert set(photos.index) == set(files)
    assert photos.loc["jar/upright.jpg", ["width", "height"]].tolist() == [48, 64]


@pytest.mark.parametrize("extension", ["", ".bin"])
def test_photos_without_a_known_extension_make_classes_too(tmp_path, extension):
    files = {f"{label}/{number}{extension}": jpeg() for label in ("can", "jar") for number in range(2)}
    assert len(load_dataset(write_folder(tmp_path, files)).photos) == 4


def test_the_fingerprint_follows_names_and_contents(tmp_path):
    files = small_dataset()
    renamed = {name.replace("can1", "can9"): content for name, content in files.items()}
    changed = files | {"can/can1.jpg": jpeg((1, 2, 3))}
    sets = [load_dataset(write_folder(tmp_path / str(i), f)) for i, f in enumerate((files, renamed, changed))]
    assert len({dataset.fingerprint for dataset in sets}) == 3


# Problems ------------------------------------------------------------------------------------------------------------

BROKEN = {
    "can/empty.jpg": (b"", "is empty (0 bytes)"),
    "can/cut.jpg": (encode(picture(), "JPEG")[:-100], "is cut off"),
    "can/notes.txt": (b"do not forget\n", "is a text file"),
    "jar/scan.jpg": (b"%PDF-1.7 ", "is a PDF document"),
    "jar/huge.png": (encode(picture(), "PNG") + bytes(MAX_BYTES), "more than the 25 MB"),
    "lid/noise.jpg": (bytes(range(200, 256)), "is not a photo of a known format"),
    "lid/": (None, "holds no usable photo"),
}


@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_broken_files_are_named_and_the_rest_is_loaded(tmp_path, pack):
    files = small_dataset() | {name: content for name, (content, _) in BROKEN.items() if content is not None}
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    assert dataset.photos["file"].tolist() == sorted(small_dataset())
    assert dataset.classes == ("can", "jar")
    reasons = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
    assert set(reasons) == set(BROKEN)
    for name, (_, reason) in BROKEN.items():
        assert reason in reasons[name]


def test_without_verifying_only_headers_are_read(tmp_path):
    files = small_dataset() | {"can/cut.jpg": encode(picture(), "JPEG")[:-100], "can/empty.jpg": b""}
    dataset = load_dataset(write_folder(tmp_path, files), verify=False)
    assert dataset.problems["file"].tolist() == ["can/empty.jpg"]
    assert "can/cut.jpg" in set(dataset.photos["file"])


def test_a_damaged_entry_of_an_archive_costs_only_that_photo(tmp_path):
    path = write_zip(tmp_path / "set.zip", small_dataset())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("can/can2.jpg")
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start + 20 : start + 60] = bytes(40)
    path.write_bytes(data)
    dataset = load_dataset(path)
    assert len(dataset.photos) == 5
    assert dataset.problems["file"].tolist() == ["can/can2.jpg"]
    assert "cannot be read" in dataset.problems["reason"][0]


def test_names_in_an_archive_lead_nowhere_else(tmp_path):
    evil = {"../../evil/x.jpg": jpeg(), "/etc/y.jpg": jpeg(), "can/../../z.jpg": jpeg(), "C:\\w\\v.jpg": jpeg()}
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    path = write_zip(inner / "set.zip", small_dataset() | evil)
    before = sorted(tmp_path.rglob("*"))
    dataset = load_dataset(path)
    assert dataset.photos["file"].tolist() == sorted(small_dataset())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("file", ["can/can9.jpg", "../secret.jpg", "/etc/passwd", "can/../../secret.jpg", ""])
def test_only_listed_files_can_be_read(tmp_path, file):
    (tmp_path / "secret.jpg").write_bytes(jpeg())
    dataset = load_dataset(write_folder(tmp_path / "set", small_dataset()))
    with pytest.raises(GarbageError, match="is not among the photos"):
        dataset.read_bytes(file)


def test_a_file_that_vanished_is_named(tmp_path):
    dataset = load_dataset(write_folder(tmp_path, small_dataset()))
    (tmp_path / "can" / "can1.jpg").unlink()
    assert dataset.read_bytes("can/can2.jpg")
    with pytest.raises(GarbageError, match=r"can/can1\.jpg"):
        dataset.read_bytes("can/can1.jpg")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no class folder with photos"),
        ({"photo.jpg": jpeg(), "notes.txt": b"x"}, "no class folder with photos"),
        ({"can/can1.jpg": jpeg(), "can/can2.jpg": jpeg()}, "a single class (can)"),
        ({"all/can/can1.jpg": jpeg()}, "a single class (can)"),
        ({"can/can1.jpg": jpeg(), "jar/jar1.jpg": b""}, "usable photos of 1 class only"),
        ({"can/can1.jpg": b"", "jar/jar1.jpg": b""}, "usable photos of 0 classes only"),
        ({f"{s}/{c}/1.jpg": jpeg() for s in ("new", "old") for c in "ab"}, "several folders of classes (new, old)"),
    ],
)
@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_less_than_two_classes_are_refused(tmp_path, files, message, pack):
    (tmp_path / "set").mkdir()
    place = pack(tmp_path / "set" if pack is write_folder else tmp_path / "set.zip", files)
    with pytest.raises(GarbageError) as caught:
        load_dataset(place)
    assert message in str(caught.value)
    assert str(place) in str(caught.value)


# Finding -------------------------------------------------------------------------------------------------------------


def test_places_are_searched_in_order(nowhere, monkeypatch):
    def found(data_dir=None) -> Path:
        return Path(os.path.relpath(find_dataset(data_dir), nowhere))

    with pytest.raises(GarbageError, match=r"data --download.*--data-dir") as caught:
        find_dataset()
    assert str(nowhere / "cache") in str(caught.value)

    (nowhere / "cache").mkdir()
    write_zip(nowhere / "cache" / "dataset-resized.zip", small_dataset())
    assert found() == Path("cache/dataset-resized.zip")
    (nowhere / "data").mkdir()  # An empty ./data is nobody's data set.
    assert found() == Path("cache/dataset-resized.zip")
    write_folder(nowhere / "data", small_dataset(), "dataset-resized/")
    assert found() == Path("data")
    monkeypatch.setenv("GARBAGE_DATA", str(write_folder(nowhere / "mine", small_dataset())))
    assert found() == Path("mine")
    assert found(nowhere / "cache") == Path("cache/dataset-resized.zip")


def test_a_place_that_was_named_is_not_passed_over(nowhere, monkeypatch):
    write_folder(nowhere / "data", small_dataset())
    (nowhere / "text.zip").write_text("not an archive")
    cut = write_zip(nowhere / "cut.zip", small_dataset())
    cut.write_bytes(cut.read_bytes()[:-200])
    for name, message in [("lost", "does not exist"), ("text.zip", "zip archive"), ("cut.zip", "zip archive")]:
        with pytest.raises(GarbageError, match=message):
            load_dataset(nowhere / name)
    monkeypatch.setenv("GARBAGE_DATA", str(nowhere / "lost"))
    with pytest.raises(GarbageError, match=r"lost \(from GARBAGE_DATA\) does not exist"):
        find_dataset()


# Splits --------------------------------------------------------------------------------------------------------------


def test_the_lists_of_the_authors_ship_with_the_package():
    table = pd.Series(official_splits())
    assert table.value_counts().to_dict() == {"train": 1768, "val": 328, "test": 431}
    counts = table.index.str.split("/").str[0].value_counts().sort_index()
    assert counts.tolist() == [403, 501, 410, 594, 482, 137]


def test_official_names_get_the_official_split(official):
    assert official.official
    assert official.problems.empty
    table = split_dataset(official)
    assert table.columns.tolist() == ["file", "label", "width", "height", "bytes", "split"]
    counts = split_counts(table, official.classes)
    assert counts.columns.tolist() == list(SPLITS)
    assert counts.loc["trash"].tolist() == [91, 17, 29]
    assert counts.sum().tolist() == [1768, 328, 431]
    assert dict(zip(table["file"], table["split"], strict=True)) == official_splits()


def test_an_official_data_set_may_miss_a_few_files_and_hold_a_few_others(tmp_path, short_lists):
    files = dict.fromkeys(short_lists, jpeg())
    missing, empty = list(files)[50], list(files)[60]
    del files[missing]
    files[empty] = b""
    files["metal/metal1 (copy).jpg"] = jpeg()
    files["metal/list.txt"] = b"metal1.jpg\n"
    dataset = load_dataset(write_zip(tmp_path / "set.zip", files))
    assert dataset.official
    reasons = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
    assert set(reasons) == {missing, empty, "metal/metal1 (copy).jpg", "metal/list.txt"}
    assert "is missing" in reasons[missing]
    assert "in none of the authors' lists" in reasons["metal/metal1 (copy).jpg"]
    table = split_dataset(dataset)
    assert len(table) == len(short_lists) - 2
    assert "metal/metal1 (copy).jpg" not in set(table["file"])
    assert "metal/metal1 (copy).jpg" in set(split_dataset(dataset, "stratified")["file"])


@pytest.mark.parametrize("change", ["too few", "too many others", "another class"])
def test_other_data_sets_are_split_at_random(tmp_path, short_lists, change):
    files = dict.fromkeys(short_lists, jpeg())
    if change == "too few":
        files = dict(list(files.items())[10:])
    elif change == "too many others":
        files |= {f"metal/own{number}.jpg": jpeg() for number in range(10)}
    else:
        files |= {f"battery/battery{number}.jpg": jpeg() for number in range(4)}
    dataset = load_dataset(write_zip(tmp_path / "set.zip", files))
    assert not dataset.official
    assert len(dataset.photos) == len(files)
    assert len(split_dataset(dataset)) == len(files)  # nothing left out: stratified


def test_a_part_of_the_official_photos_can_keep_its_official_split(tmp_path):
    names = list(official_splits())[::40]
    dataset = load_dataset(write_zip(tmp_path / "part.zip", dict.fromkeys(names, jpeg())))
    assert not dataset.official
    table = split_dataset(dataset, "official")
    assert all(official_splits()[file] == split for file, split in zip(table["file"], table["split"], strict=True))
    # With a photo that the lists do not know, or without photos for a split, it cannot.
    for files in ([*names, "glass/own.jpg"], [n for n in names if official_splits()[n] != "val"]):
        other = load_dataset(write_zip(tmp_path / "other.zip", dict.fromkeys(files, jpeg())))
        with pytest.raises(GarbageError, match="choose the protocol stratified"):
            split_dataset(other, "official")


def test_stratified_draws_a_fifth_for_test_and_a_tenth_of_the_rest_for_val(official):
    table = split_dataset(official, "stratified")
    counts = split_counts(table, official.classes)
    assert counts.sum().tolist() == [1818, 203, 506]
    shares = counts["test"] / counts.sum(axis=1)
    assert shares.between(0.19, 0.21).all()
    assert table["file"].tolist() == official.photos["file"].tolist()


def test_stratified_depends_on_names_and_seed_alone(tmp_path, official):
    files = small_dataset(("can", "jar", "lid"), photos=12)
    folder = load_dataset(write_folder(tmp_path / "folder", files))
    archive = load_dataset(write_zip(tmp_path / "set.zip", dict(reversed(files.items()))))
    assert split_dataset(folder).equals(split_dataset(archive))
    assert split_dataset(official, "stratified").equals(split_dataset(official, "stratified", seed=42))
    assert not split_dataset(official, "stratified").equals(split_dataset(official, "stratified", seed=43))


@pytest.mark.parametrize(("classes", "photos"), [(2, 4), (6, 4), (6, 10), (3, 40)])
def test_small_data_sets_have_photos_in_every_split(tmp_path, classes, photos):
    files = small_dataset([f"class{number}" for number in range(classes)], photos)
    dataset = load_dataset(write_zip(tmp_path / "set.zip", files))
    counts = split_counts(split_dataset(dataset), dataset.classes)
    assert counts.to_numpy().sum() == classes * photos
    assert (counts["test"] >= 1).all()
    assert (counts["val"] >= 1).all()
    assert (counts["train"] >= 1).all()


@pytest.mark.parametrize("others", [4, 20, 100])
def test_a_class_of_four_beside_large_ones_is_in_every_split(tmp_path, others):
    files = small_dataset(photos=others) | {f"lid/{number}.jpg": jpeg((1, 2, 60 * number)) for number in range(4)}
    counts = split_counts(split_dataset(load_dataset(write_zip(tmp_path / "set.zip", files))), ("can", "jar", "lid"))
    assert counts.loc["lid"].tolist() == [2, 1, 1]


def test_splits_that_make_no_sense_are_refused(tmp_path, official):
    few = load_dataset(write_folder(tmp_path, small_dataset() | {"lid/lid1.jpg": jpeg(), "lid/lid2.jpg": jpeg()}))
    with pytest.raises(GarbageError, match=r"Class lid has only 2 photos.* takes 4: add photos"):
        split_dataset(few)
    with pytest.raises(GarbageError, match=r'"random" is unknown: choose one of official, stratified'):
        split_dataset(official, "random")


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_photos_are_read_in_the_order_asked_for(tmp_path, pack):
    files = {f"{label}/{number}.png": encode(picture(40 + number, 30), "PNG") for label in "ab" for number in range(20)}
    files["b/0.png"] = encode(picture(30, 40), "PNG")
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    wanted = dataset.photos["file"].tolist()[::-1]
    photos = read_photos(dataset, wanted, 32, 48, workers=4)
    assert photos.shape == (40, 32, 48, 3)
    assert photos.dtype == np.uint8
    for file, photo in zip(wanted, photos, strict=True):
        assert np.array_equal(photo, read_photos(dataset, [file], 32, 48)[0])
    assert len(np.unique(photos.reshape(40, -1), axis=0)) > 20
    assert read_photos(dataset, [], 32, 48).shape == (0, 32, 48, 3)


def test_reading_a_damaged_photo_names_it(tmp_path):
    dataset = load_dataset(
        write_folder(tmp_path, small_dataset() | {"can/cut.jpg": encode(picture(), "JPEG")[:-100]}), verify=False
    )
    with pytest.raises(GarbageError, match=r"^can/cut\.jpg is cut off"):
        read_photos(dataset, dataset.photos["file"], 32, 48)


@pytest.mark.parametrize("pack", [write_folder, write_zip])
def test_a_data_set_can_be_shared_by_threads_and_processes(tmp_path, pack):
    files = small_dataset(photos=30)
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    names = list(files) * 5
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(dataset.read_bytes, names)) == [files[name] for name in names]
    again = pickle.loads(pickle.dumps(dataset))
    assert again.read_bytes("jar/jar2.jpg") == files["jar/jar2.jpg"]
    assert again.fingerprint == dataset.fingerprint


# Real photos ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_trashnet_is_complete():
    shared = Path(__file__).parents[3] / "shared" / "data" / "trashnet" / "dataset-resized.zip"
    place = os.environ.get("GARBAGE_DATA") or (shared if shared.exists() else None)
    if place is None:
        pytest.skip("needs the photos of TrashNet: set GARBAGE_DATA")
    dataset = load_dataset(place)
    if not dataset.official:
        pytest.skip(f"{place} is another data set")
    assert dataset.problems.empty
    expected = {"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137}
    assert dataset.counts().to_dict() == expected
    assert set(zip(dataset.photos["width"], dataset.photos["height"], strict=True)) == {(512, 384)}
    counts = split_counts(split_dataset(dataset), dataset.classes)
    assert counts["train"].tolist() == [287, 354, 286, 403, 347, 91]
    assert counts["val"].tolist() == [46, 65, 56, 83, 61, 17]
    assert counts["test"].tolist() == [70, 82, 68, 108, 74, 29]
