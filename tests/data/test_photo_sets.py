"""Extra sets of photos: how they are named, split, weighed, and kept apart from what is measured."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from garbage_core.data.dataset import load_dataset, split_dataset
from garbage_core.data.photo_sets import PhotoSets, label_members, leaked, load_extra_set
from garbage_core.errors import GarbageError
from tests.fixtures.photos import small_dataset, write_folder, write_zip

CLASSES = ("can", "jar")


def extra_files(*labels, photos=4):
    return small_dataset(labels, photos)


def test_a_set_without_a_list_is_split_and_its_name_is_that_of_its_file(tmp_path):
    extra = load_extra_set(str(write_zip(tmp_path / "kitchen.zip", extra_files("can", "jar"))), CLASSES)
    assert (extra.name, extra.share, extra.weak) == ("kitchen", 1.0, False)
    assert set(extra.photos["split"]) == {"train", "val", "test"}
    assert extra.describe()["fingerprint"] == extra.dataset.fingerprint


def test_its_own_list_decides_the_split_inside_or_beside_it(tmp_path):
    files = extra_files("can", "jar")
    rows = [f"{file},{file.split('/')[0]},{'test' if '4' in file else 'train'}" for file in files]
    folder = write_folder(tmp_path / "kitchen", files)
    (folder / "splits.csv").write_text("\n".join(["file,label,split", *rows]))
    archive = write_zip(tmp_path / "k.zip", files)
    (archive.parent / "k.csv").write_text("\n".join(["file,label,split", *rows]))
    for path in (folder, archive):
        photos = load_extra_set(str(path), CLASSES).photos
        assert dict(photos["split"].value_counts()) == {"train": 6, "test": 2}


def test_a_share_follows_the_path(tmp_path):
    folder = write_folder(tmp_path / "kitchen", extra_files("can", "jar"))
    assert load_extra_set(f"{folder}=0.25", CLASSES).share == 0.25
    for share in ("0", "-1", "much", "11"):
        with pytest.raises(GarbageError, match=f"above 0 and at most 10, not '{share}'"):
            load_extra_set(f"{folder}={share}", CLASSES)


def test_hints_make_a_set_weak_and_unknown_ones_are_no_class(tmp_path):
    files = extra_files("web", "shop", photos=2)
    folder = write_folder(tmp_path / "weak", files)
    hints = dict(zip(files, ("can", "jar_or_can", "fruit", "jar"), strict=True))
    (tmp_path / "weak.csv").write_text("\n".join(["file,hint", *(f"{file},{hint}" for file, hint in hints.items())]))
    extra = load_extra_set(str(folder), CLASSES)
    assert extra.weak
    assert set(extra.photos["split"]) == {"train"}
    assert sorted(extra.photos["label"]) == ["can", "jar", "jar_or_can", "other-fruit"]


def test_a_folder_of_no_class_is_named(tmp_path):
    folder = write_folder(tmp_path / "kitchen", extra_files("can", "spoon"))
    with pytest.raises(GarbageError, match=r"photos of 'spoon'.*other-spoon"):
        load_extra_set(str(folder), CLASSES)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,label\na,can", "lacks the column 'split'"),
        ("file,label,split\ncan/can1.jpg,can,holiday", "names a split 'holiday'"),
        ("file,label,split\ncan/none.jpg,can,train", "None of the 1 files"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_a_sentence(tmp_path, table, words):
    folder = write_folder(tmp_path / "kitchen", extra_files("can", "jar"))
    (folder / "splits.csv").write_text(table)
    with pytest.raises(GarbageError, match=words):
        load_extra_set(str(folder), CLASSES)


def test_photos_of_all_sets_are_in_one_table_and_are_read_by_their_names(tmp_path):
    main = load_dataset(write_folder(tmp_path / "main", small_dataset(photos=10)))
    extra = load_extra_set(str(write_folder(tmp_path / "kitchen", extra_files("can", "other-fruit"))), CLASSES)
    sets = PhotoSets(main, [extra])
    table = sets.table(split_dataset(main))
    assert dict(table["set"].value_counts()) == {"trashnet": 20, "kitchen": 8}
    assert sets.read_bytes("kitchen:can/can1.jpg") == extra.dataset.read_bytes("can/can1.jpg")
    assert sets.read_bytes("can/can1.jpg") == main.read_bytes("can/can1.jpg")
    with pytest.raises(GarbageError, match="Two sets are called 'kitchen'"):
        PhotoSets(main, [extra, extra])


def test_what_a_label_may_mean():
    np.testing.assert_array_equal(label_members(["can", "jar", "can_or_jar"], CLASSES), [[1, 0], [0, 1], [1, 1]])


def test_a_training_photo_that_is_a_test_photo_elsewhere_is_found_mirrored_too(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 255, (3, 4, 3), "uint8")).resize((192, 144)) for _ in range(24)]
    for place, picture in enumerate(pictures[:20]):
        path = tmp_path / "main" / CLASSES[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    main = load_dataset(tmp_path / "main")
    photos = split_dataset(main)
    held = photos[photos["split"] == "test"]["file"].iloc[0]
    stolen = Image.open(tmp_path / "main" / held).transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((96, 72))
    for place, (name, picture) in enumerate([("can", stolen), ("can", pictures[20]), ("jar", pictures[21])]):
        path = tmp_path / "kitchen" / name / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    lines = ["file,label,split", "can/0.png,can,train", "can/1.png,can,train", "jar/2.png,jar,train"]
    (tmp_path / "kitchen" / "splits.csv").write_text("\n".join(lines))
    sets = PhotoSets(main, [load_extra_set(str(tmp_path / "kitchen"), CLASSES)])
    found = leaked(sets, sets.table(photos))
    pd.testing.assert_frame_equal(
        found,
        pd.DataFrame({"file": ["kitchen:can/0.png"], "split": ["train"], "set": ["kitchen"], "same_as": [held]}),
        check_dtype=False,
    )
