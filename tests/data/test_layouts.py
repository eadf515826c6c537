"""Every layout that data sets come in is read, or a sentence names what was left out."""

import io
import json
import os
import tarfile
import time
import unicodedata
import zipfile
from collections import Counter

import pytest

from garbage_core.data.dataset import find_dataset, load_dataset, split_counts, split_dataset
from garbage_core.data.layouts import find_layout
from garbage_core.data.photo_sets import load_extra_set
from garbage_core.data.sources import read_file
from garbage_core.data.walking import walk
from garbage_core.errors import GarbageError
from tests.fixtures.photos import jpeg, small_dataset, write_folder, write_tar, write_zip

FLAT = small_dataset()
NFC, NFD = (unicodedata.normalize(form, "Gerät") for form in ("NFC", "NFD"))


def splits(train="train", val="val", test="test", prefix="") -> dict[str, bytes]:
    """A ready-made split of two classes, photos all different."""
    return {
        f"{prefix}{folder}/{label}/{place}.jpg": jpeg((60 * number, 100 * (label == "jar"), 20 * place))
        for number, (folder, photos) in enumerate([(train, 4), (val, 2), (test, 3)])
        if folder
        for label in ("can", "jar")
        for place in range(photos)
    }


def below(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {prefix + name: content for name, content in files.items()}


# name: files, photos of each class, what the problems name and say
LAYOUTS = {
    "one level above": (below("a/", FLAT), {"can": 3, "jar": 3}, {}),
    "two levels of one name": (below("Garbage classification/" * 2, FLAT), {"can": 3, "jar": 3}, {}),
    "four levels": (below("a/b/c/d/", FLAT), {"can": 3, "jar": 3}, {}),
    "folders in a class": (
        below("plastic/bottles/", {"1.jpg": jpeg((1, 2, 3))}) | below("plastic/bags/", {"1.jpg": jpeg()}) | FLAT,
        {"can": 3, "jar": 3, "plastic": 2},
        {},
    ),
    "folders in every class": (
        below("plastic/bottles/", {"1.jpg": jpeg()})
        | below("plastic/bags/", {"1.jpg": jpeg()})
        | below("metal/cans/", {"1.jpg": jpeg()})
        | below("metal/foil/", {"1.jpg": jpeg()}),
        {"metal": 2, "plastic": 2},
        {},
    ),
    "validation beside classes": (
        FLAT | below("validation/", FLAT),
        {"can": 3, "jar": 3},
        {"validation/": "split beside the class folders"},
    ),
    "few photos beside the folder of classes": (
        below("photos/", small_dataset(photos=20)) | {"samples/1.jpg": jpeg()},
        {"can": 20, "jar": 20},
        {"samples/": "1 photo left out"},
    ),
    "few photos of a class beside a class with folders": (
        below("plastic/bottles/", small_dataset(["a"], 12))
        | below("plastic/bags/", small_dataset(["a"], 12))
        | {"metal/1.jpg": jpeg()},
        {"metal": 1, "plastic": 24},
        {"plastic/": "is one class, with folders in it (bags, bottles)"},
    ),
    "few photos beside a folder of classes by its name": (
        below("Garbage classification/", small_dataset(photos=20)) | {"mine/1.jpg": jpeg()},
        {"can": 20, "jar": 20},
        {"mine/": "1 photo left out"},
    ),
    "FiftyOne's folders": (
        FLAT | {"_unlabeled/1.jpg": jpeg(), "_unlabeled/2.jpg": jpeg()},
        {"can": 3, "jar": 3},
        {"_unlabeled/": "without a label: 2 photos left out"},
    ),
    "loose photos": (FLAT | {"loose.jpg": jpeg()}, {"can": 3, "jar": 3}, {"loose.jpg": "in no class folder"}),
    "loose photos above": (
        below("a/", FLAT) | {"loose.jpg": jpeg()},
        {"can": 3, "jar": 3},
        {"loose.jpg": "in no class folder"},
    ),
    "case": (FLAT | {"Can/9.jpg": jpeg((9, 9, 9))}, {"can": 4, "jar": 3}, {"Can/": "its 1 photo count as can"}),
    "Unicode form": (
        FLAT | {f"{NFC}/1.jpg": jpeg(), f"{NFC}/2.jpg": jpeg(), f"{NFD}/3.jpg": jpeg()},
        {"can": 3, NFC: 3, "jar": 3},
        {f"{NFD}/": "differs from"},
    ),
    "photos without extension": (
        FLAT | {"lid/a": jpeg(), "lid/b": jpeg()},
        {"can": 3, "jar": 3},
        {"lid/": "named like a photo: 2 files left out"},
    ),
    "no extension at all": ({name[:-4]: content for name, content in FLAT.items()}, {"can": 3, "jar": 3}, {}),
    "an archive beside the classes": (
        FLAT | {"more.zip": b"PK"},
        {"can": 3, "jar": 3},
        {"more.zip": "not read itself"},
    ),
    "litter": (
        FLAT
        | {f"{name}/1.jpg": jpeg() for name in (".thumbnails", "@eaDir", ".ipynb_checkpoints", "__MACOSX")}
        | {"can/@eaDir/1.jpg": jpeg(), "can/.thumbnails/1.jpg": jpeg()},
        {"can": 3, "jar": 3},
        {},
    ),
}


PACKS = [write_folder, write_zip, write_tar]


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path, name, pack):
    files, counts, notes = LAYOUTS[name]
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    assert dataset.counts().to_dict() == counts
    assert all(dataset.read_bytes(file) for file in dataset.photos["file"])
    problems = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
    assert set(problems) == set(notes)
    for place, words in notes.items():
        assert words in problems[place]


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (splits(), [8, 4, 6]),
        (splits("Train", "valid", "TEST"), [8, 4, 6]),
        (splits("train", "Validation", "test", prefix="x/y/"), [8, 4, 6]),
        (splits(val=""), [6, 2, 6]),
        (splits(test=""), [6, 4, 2]),
        (splits("train/train", "val/val", "test/test"), [8, 4, 6]),
        (splits("Train/images", "valid/images", "test/images", prefix="x/"), [8, 4, 6]),
        (splits("train/Train", "val", "test"), [8, 4, 6]),
        (splits() | {"val/Can/9.jpg": jpeg((9, 8, 7))}, [8, 5, 6]),
    ],
)
def test_ready_made_splits_are_the_splits(tmp_path, files, expected, pack):
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    assert dataset.classes == ("can", "jar")
    assert split_counts(split_dataset(dataset), dataset.classes).sum().tolist() == expected
    drawn = set(dataset.problems["file"]) - {"Can/"}
    assert drawn == ({f"{s}/" for s in ("val", "test")} if len(files) < 18 else set()) - (
        {"test/"} if expected[2] == 6 else {"val/"}
    )
    assert split_dataset(dataset, "stratified")["split"].value_counts()["train"] != 0


def test_photos_in_two_splits_are_leaks(tmp_path):
    files = splits()
    files["test/can/again.jpg"] = files["train/can/0.jpg"]
    problems = load_dataset(write_folder(tmp_path, files)).problems
    assert problems["file"].tolist() == ["test/can/again.jpg"]
    assert "leaks: the same photo is train/can/0.jpg in train" in problems["reason"][0]


def test_a_test_folder_without_classes_is_named(tmp_path):
    dataset = load_dataset(write_folder(tmp_path, splits(val="", test="") | {"test/1.jpg": jpeg()}))
    assert dataset.splits == {}
    assert dataset.counts().to_dict() == {"can": 4, "jar": 4}
    assert dataset.problems["file"].tolist() == ["test/"]


@pytest.mark.parametrize("folder", ["test", "test/test"])
def test_a_test_folder_of_photos_without_labels_is_named_and_test_is_drawn(tmp_path, folder):
    files = splits("train/train", test="") | {f"{folder}/{n}.jpg": jpeg((5, 5, 40 * n)) for n in range(3)}
    dataset = load_dataset(write_folder(tmp_path, files))
    assert dataset.counts().to_dict() == {"can": 6, "jar": 6}
    assert sorted(dataset.problems["reason"]) == [
        "has no photos: test is drawn from train",
        "lies beside the splits: 3 photos left out",
    ]


def test_a_class_that_train_lacks_is_named(tmp_path):
    dataset = load_dataset(write_folder(tmp_path, splits() | {"test/lid/1.jpg": jpeg((1, 250, 1))}))
    assert dataset.problems.values.tolist() == [["lid/", "has no photo in train, so it cannot be learned"]]


def test_splits_in_the_class_folders_are_refused(tmp_path):
    files = {f"{label}/{split}/1.jpg": jpeg() for label in ("can", "jar") for split in ("train", "test")}
    with pytest.raises(GarbageError, match=r"\(can/test\): put the class folders in the splits \(test/can\)"):
        load_dataset(write_folder(tmp_path, files))


def test_val_and_test_alone_cannot_be_trained_on(tmp_path):
    dataset = load_dataset(write_folder(tmp_path, splits(train="")))
    with pytest.raises(GarbageError, match="has no folder train"):
        split_dataset(dataset)


def test_an_empty_class_folder_is_named(tmp_path):
    write_folder(tmp_path, FLAT)
    (tmp_path / "lid").mkdir()
    problems = load_dataset(tmp_path).problems
    assert problems.values.tolist() == [["lid/", "holds no file, so the class is left out"]]


# Lists of labels ------------------------------------------------------------------------------------------------------

PHOTOS = {f"{number}.jpg": jpeg((40 * number, 200 - 40 * number, 7)) for number in range(6)}
LABELS = ["can", "can", "can", "jar", "jar", "jar"]
TASKS = [
    {
        "id": number,
        "annotations": [
            {"was_cancelled": True, "result": [{"from_name": "choice", "value": {"choices": ["lid"]}}]},
            {"result": [{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": [label]}}]},
        ],
        "predictions": [{"result": [{"from_name": "choice", "value": {"choices": ["lid"]}}]}],
        "file_upload": f"0a1b2c3d-{number}.jpg",
        "data": {"image": f"/data/upload/7/0a1b2c3d-{number}.jpg"},
    }
    for number, label in enumerate(LABELS)
]
STUDIO = "annotation_id,annotator,{},created_at,id,image,lead_time,updated_at\n"
STUDIO_ROW = '{0},1,{1},2026-01-02T03:04:05Z,{0},"{2}",3.5,2026-01-02T03:04:05Z\n'


def table(header="file,label", row="{0}.jpg,{1}", labels=LABELS, more="") -> bytes:
    return "\n".join([header, *(row.format(*pair) for pair in enumerate(labels)), more]).encode()


def studio(column="choice", image="/data/upload/7/0a1b2c3d-{}.jpg", more="") -> bytes:
    rows = [STUDIO_ROW.format(number, label, image.format(number)) for number, label in enumerate(LABELS)]
    return (STUDIO.format(column) + "".join(rows) + more).encode()


def fiftyone(labels=None, classes=("can", "jar")) -> bytes:
    return json.dumps({"classes": classes, "labels": labels or {str(n): n // 3 for n in range(6)}}).encode()


def roboflow(*numbers: int) -> bytes:
    rows = [f"{n}.jpg, {int(LABELS[n] == 'can')}, {int(LABELS[n] == 'jar')}" for n in numbers]
    return "\n".join(["filename, can, jar", *rows]).encode()


IMAGES = below("images/", PHOTOS)
ROBOFLOW = {
    f"{split}/{name}": content
    for split, numbers in {"train": (0, 1, 3, 4), "valid": (2,), "test": (5,)}.items()
    for name, content in [("_classes.csv", roboflow(*numbers)), *((f"{n}.jpg", PHOTOS[f"{n}.jpg"]) for n in numbers)]
}
DOUBLE = {f"{part}/{name}": content for part in ("part1", "part2") for name, content in PHOTOS.items()}
# name: files, photos of each class, photos of each split, what the problems name and say
LISTS = {
    "table beside the photos": (PHOTOS | {"labels.csv": table()}, (3, 3), {}, {}),
    "table, photos in a folder": (IMAGES | {"labels.csv": table()}, (3, 3), {}, {}),
    "table and photos in two folders": (IMAGES | {"lists/labels.csv": table()}, (3, 3), {}, {}),
    "table with the folder": (below("set/", IMAGES | {"l.csv": table(row="images/{0}.jpg,{1}")}), (3, 3), {}, {}),
    "table of a spreadsheet": (
        PHOTOS | {"labels.csv": b"\xef\xbb\xbf" + table("Filename;Label", '"{0}.jpg";"{1}"\r')},
        (3, 3),
        {},
        {},
    ),
    "table with paths of Windows": (PHOTOS | {"l.csv": table(row=r"C:\me\{0}.jpg,{1}")}, (3, 3), {}, {}),
    "table without extensions": (PHOTOS | {"train.csv": table("id,label", "{0},{1}")}, (3, 3), {}, {}),
    "JSON lines": (
        PHOTOS | {"metadata.jsonl": table("", '{{"file_name": "{0}.jpg", "label": "{1}"}}')},
        (3, 3),
        {},
        {},
    ),
    "table with splits": (
        PHOTOS
        | {"l.csv": table("file,label,split", labels=["can,train", "can,valid", "can,Test"] + ["jar,train"] * 3)},
        (3, 3),
        {"train": 4, "val": 1, "test": 1},
        {},
    ),
    "a table for each split": (
        IMAGES | {f"{split}.csv": table(labels=LABELS[:end]) for split, end in (("val", 0), ("train", 6))},
        (3, 3),
        {},
        {},
    ),
    "Roboflow": (ROBOFLOW, (3, 3), {"train": 4, "val": 1, "test": 1}, {}),
    "Roboflow below a folder": (below("waste/", ROBOFLOW), (3, 3), {"train": 4, "val": 1, "test": 1}, {}),
    "Roboflow with a row of two labels and one of none": (
        ROBOFLOW
        | {"train/_classes.csv": roboflow(0, 1, 3, 4) + b"\n6.jpg, 1, 1\n7.jpg, 0, 0\n8.jpg, 0, 1"}
        | {"train/6.jpg": jpeg((9, 9, 9)), "train/7.jpg": jpeg((8, 8, 8)), "train/9.jpg": jpeg((7, 7, 7))},
        (3, 3),
        {"train": 4, "val": 1, "test": 1},
        {
            "train/6.jpg": "several labels in train/_classes.csv (can and jar)",
            "train/7.jpg": "no label",
            "8.jpg": "listed in train/_classes.csv and is not there",
            "train/9.jpg": "in no list",
        },
    ),
    "Roboflow, a photo of another split": (
        ROBOFLOW | {"train/_classes.csv": roboflow(0, 1, 2, 3, 4)},
        (3, 3),
        {"train": 4, "val": 1, "test": 1},
        {"2.jpg": "is not there"},
    ),
    "Label Studio, JSON": (IMAGES | {"project.json": json.dumps(TASKS).encode()}, (3, 3), {}, {}),
    "Label Studio, JSON_MIN": (
        IMAGES
        | {
            "project.json": json.dumps(
                [
                    {"image": f"/data/local-files/?d=x/{n}.jpg", "id": n, "choice": label, "annotator": 1}
                    for n, label in enumerate(LABELS)
                ]
            ).encode()
        },
        (3, 3),
        {},
        {},
    ),
    "Label Studio, CSV": (IMAGES | {"project.csv": studio()}, (3, 3), {}, {}),
    "Label Studio, CSV with a control of another name": (IMAGES | {"p.csv": studio("what")}, (3, 3), {}, {}),
    "Label Studio, photos on the web": (
        IMAGES | {"p.csv": studio(image="https://example.org/a/{}.jpg?size=1")},
        (3, 3),
        {},
        {},
    ),
    "Label Studio, two people": (
        IMAGES
        | {
            "p.csv": studio(
                more=STUDIO_ROW.format(0, "jar", "/data/upload/7/0a1b2c3d-0.jpg")
                + STUDIO_ROW.format(1, '"{""choices"": [""can""]}"', "/data/upload/7/0a1b2c3d-1.jpg")
            )
        },
        (2, 3),
        {},
        {"images/0.jpg": "several labels in p.csv (can and jar)"},
    ),
    "FiftyOne": (below("data/", PHOTOS) | {"labels.json": fiftyone()}, (3, 3), {}, {}),
    "FiftyOne by names": (
        below("data/", PHOTOS)
        | {
            "labels.json": fiftyone(
                {str(n): {"label": label, "confidence": 0.5} for n, label in enumerate(LABELS)}, None
            )
        },
        (3, 3),
        {},
        {},
    ),
    "FiftyOne with photos without a label": (
        below("data/", PHOTOS)
        | {"labels.json": fiftyone({"0": 0, "1": None, "2": 7, "3": 1, "4": [1, 1], "5": [0, 1]})},
        (1, 2),
        {},
        {"data/1.jpg": "no label", "data/2.jpg": "the label 7 in labels.json", "data/5.jpg": "several labels"},
    ),
    "FiftyOne in splits": (
        {
            f"{split}/{name}": content
            for split, numbers in {"train": "013", "validation": "24", "test": "5"}.items()
            for name, content in [
                *((f"data/{n}.jpg", PHOTOS[f"{n}.jpg"]) for n in numbers),
                ("labels.json", fiftyone({n: int(n) // 3 for n in numbers})),
            ]
        },
        (3, 3),
        {"train": 3, "val": 2, "test": 1},
        {},
    ),
    "folders of a download": (
        below("part1/", dict(list(PHOTOS.items())[:3]))
        | below("part2/", dict(list(PHOTOS.items())[3:]))
        | {"labels.csv": table()},
        (3, 3),
        {},
        {"labels.csv": "names the classes, so the folders (part1, part2) are none"},
    ),
    "a name that could be two photos": (
        DOUBLE | {"labels.csv": table(row="part1/{0}.jpg,{1}", more="0.jpg,jar")},
        (3, 3),
        {},
        {"0.jpg": "could be any of 2 photos"}
        | {f"part2/{n}.jpg": "in no list" for n in range(6)}
        | {"labels.csv": "names the classes"},
    ),
    "labels that differ in case": (
        PHOTOS | {"l.csv": table(labels=["can", "Can", "can", *LABELS[3:]])},
        (3, 3),
        {},
        {"Can/": "count as can"},
    ),
    "a row without a photo's name": (PHOTOS | {"l.csv": table(more=",can")}, (3, 3), {}, {"l.csv": "names no photo"}),
    "class folders and a list that agrees": (FLAT | {"l.csv": table(row="can/can{0}.jpg,can")}, (3, 3), {}, {}),
    "class folders and a list that differs": (
        FLAT | {"l.csv": b"file,label\ncan/can1.jpg,jar\ncan/can2.jpg,can"},
        (3, 3),
        {},
        {"l.csv": "gives 1 photo another label than the folder, first can/can1.jpg (jar)"},
    ),
    "class folders and predictions": (
        FLAT | {"l.csv": b"file,label,confidence\n" + b"\n".join(b"%s,x,1" % name.encode() for name in FLAT)},
        (3, 3),
        {},
        {},
    ),
    "class folders and notes on each photo": (
        FLAT | {f"can/can{n}.json": b'{"label": "x"}' for n in range(20)},
        (3, 3),
        {},
        {f"can/can{n}.json": "is a text file" for n in range(20)},
    ),
}


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("name", LISTS)
def test_lists_of_labels(tmp_path, name, pack):
    files, counts, splits, notes = LISTS[name]
    dataset = load_dataset(pack(tmp_path / "set.zip", files))
    assert dataset.counts().to_dict() == dict(zip(("can", "jar"), counts, strict=True))
    assert all(dataset.read_bytes(file) for file in dataset.photos["file"])
    assert dict(Counter(dataset.splits.values())) == splits
    problems = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
    assert set(problems) == set(notes)
    for place, words in notes.items():
        assert words in problems[place]
    labels = {file.rpartition("/")[2]: label for file, label in dataset.photos[["file", "label"]].values}
    if name not in ("labels that differ in case",) and not name.startswith("class folders"):
        assert all(LABELS[int(file[0])] == label for file, label in labels.items())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (IMAGES | {"l.csv": table(row="other/{0}.jpg,{1}")}, "names 6 photos that cannot be found, first other/0.jpg"),
        (IMAGES | {"l.csv": studio("what,where")}, "what, where.*call the one that counts label"),
        (IMAGES | {"l.csv": b"file,label\n"}, "single class"),
        (IMAGES | {"l.csv": b"\0\xff,\n\n"}, "single class"),
        (IMAGES | {"l.json": b"[" * 100_000}, "single class"),
        ({f"{split}/{n}.jpg": jpeg() for split in ("train", "test") for n in range(3)}, "without class folders"),
    ],
)
def test_a_list_that_fits_nothing_is_a_sentence(tmp_path, files, words):
    with pytest.raises(GarbageError, match=words) as caught:
        load_dataset(write_folder(tmp_path, files))
    assert len(str(caught.value)) < 600


EIGHT = {f"{number}.jpg": jpeg((30 * number, 200 - 20 * number, 7)) for number in range(8)}
EIGHT_LABELS = ["can"] * 4 + ["jar"] * 4
TOOLS = {
    "Roboflow": ROBOFLOW,
    "FiftyOne": below("data/", EIGHT) | {"labels.json": fiftyone({str(n): n // 4 for n in range(8)})},
    "Label Studio": EIGHT | {"p.csv": table("image,choice", "/data/upload/1/0a1b2c3d-{0}.jpg,{1}", EIGHT_LABELS)},
    "table": below("set/", EIGHT) | {"labels.csv": table(labels=EIGHT_LABELS)},
}


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("name", TOOLS)
def test_lists_are_extra_sets_and_environment_too(tmp_path, name, pack, monkeypatch):
    place = pack(tmp_path / "set.tar", TOOLS[name])
    extra = load_extra_set(str(place), ("can", "jar", "lid"))
    assert set(extra.photos["split"]) == {"train", "val", "test"}
    assert sorted(extra.photos["label"]) == (sorted(LABELS) if name == "Roboflow" else EIGHT_LABELS)
    monkeypatch.setenv("GARBAGE_DATA", str(place))
    assert load_dataset().counts().sum() == len(extra.photos)


# Archives ------------------------------------------------------------------------------------------------------------


def test_backslashes_names_without_the_flag_and_names_twice(tmp_path):
    path = tmp_path / "set.zip"
    files = {"set\\" + name.replace("/", "\\"): content for name, content in FLAT.items()}
    write_zip(path, files | {"set\\dose Xü\\1.jpg": jpeg()})
    archive = zipfile.ZipFile(path, "a")
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("set\\can\\can1.jpg", jpeg((255, 0, 0)))
    archive.close()
    raw = bytearray(path.read_bytes())
    for place in [i for i in range(len(raw)) if raw[i : i + 4] == b"PK\x01\x02"]:
        raw[place + 9] &= ~8
    for place in [i for i in range(len(raw)) if raw[i : i + 4] == b"PK\x03\x04"]:
        raw[place + 7] &= ~8
    path.write_bytes(raw)
    dataset = load_dataset(path)
    assert dataset.counts().to_dict() == {"can": 3, "dose Xü": 1, "jar": 3}
    assert dataset.read_bytes("can/can1.jpg") == FLAT["can/can1.jpg"]
    assert dataset.problems["file"].tolist() == ["set/can/can1.jpg"]
    assert "the first counts" in dataset.problems["reason"][0]


def test_names_in_archives_may_begin_with_a_dot(tmp_path):
    archive = write_zip(tmp_path / "set.zip", {"./" + name: content for name, content in FLAT.items()})
    dataset = load_dataset(archive)
    assert dataset.counts().to_dict() == {"can": 3, "jar": 3}
    assert dataset.problems.empty


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_compressed_tar_archive_is_to_be_unpacked(tmp_path, kind):
    write_folder(tmp_path / "set", FLAT)
    with tarfile.open(tmp_path / f"set.tar.{kind}", f"w:{kind}") as archive:
        archive.add(tmp_path / "set", "set")
    with pytest.raises(GarbageError, match="unpack it"):
        load_dataset(tmp_path / f"set.tar.{kind}")


def test_a_tar_archive_is_read_in_place_and_what_is_no_file_in_it_is_named(tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w:") as archive:

        def add(name, content=b"", kind=tarfile.REGTYPE, target=""):
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, target
            archive.addfile(info, io.BytesIO(content))

        add("set/", kind=tarfile.DIRTYPE)
        for name, content in FLAT.items():
            add(f"set/{name}", content)
        add("set/can/second name.jpg", kind=tarfile.LNKTYPE, target="set/can/can1.jpg")
        add("set/can/can1.jpg", jpeg((255, 0, 0)))
        add("set/can/self.jpg", kind=tarfile.LNKTYPE, target="set/can/self.jpg")
        add("set/can/loop.jpg", kind=tarfile.SYMTYPE, target="loop.jpg")
        add("set/jar/pipe.jpg", kind=tarfile.FIFOTYPE)
        add("set/jar/disk.jpg", kind=tarfile.BLKTYPE)
        add("set/jar/tty.jpg", kind=tarfile.CHRTYPE)
        add("set/../../etc/1.jpg", jpeg())
        add("set/jar/\udcff.jpg", jpeg())
        add("set/jar/inner.zip", write_zip(tmp_path / "inner.zip", FLAT).read_bytes())
    for place in (tmp_path / "set.tar", tmp_path):
        (tmp_path / "inner.zip").unlink(missing_ok=True)
        dataset = load_dataset(place)
        assert dataset.counts().to_dict() == {"can": 4, "jar": 3}
        assert dataset.read_bytes("can/can1.jpg") == dataset.read_bytes("can/second name.jpg") == FLAT["can/can1.jpg"]
        problems = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
        expected = {"set/can/can1.jpg": "the first counts", "set/can/self.jpg": "link", "set/can/loop.jpg": "link"}
        expected |= {f"set/jar/{name}.jpg": "pipe or device" for name in ("pipe", "disk", "tty")}
        expected |= {"set/../../etc/1.jpg": "leads out", "set/jar/\\xff.jpg": "UTF-8", "jar/inner.zip": "ZIP archive"}
        assert set(problems) == set(expected)
        assert all(words in problems[name] for name, words in expected.items())


def test_a_tar_archive_that_is_cut_off_is_a_sentence(tmp_path):
    path = write_tar(tmp_path / "set.tar", FLAT)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(GarbageError, match="damaged or cut off"):
        load_dataset(path)


# What is no file -----------------------------------------------------------------------------------------------------


def test_links_in_a_circle_pipes_and_odd_names_cost_a_sentence(tmp_path):
    write_folder(tmp_path / "elsewhere", {"9.jpg": jpeg((1, 1, 1))})
    root = write_folder(tmp_path / "set", FLAT)
    (root / "can" / "up").symlink_to(root)
    (root / "jar" / "out").symlink_to("/")
    (root / "can" / "self.jpg").symlink_to("self.jpg")
    (root / "can" / "lost.jpg").symlink_to("nowhere.jpg")
    (root / "can" / "linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(root / "jar" / "pipe.jpg")
    with open(os.fsencode(root / "jar") + b"/\xff.jpg", "wb") as file:
        file.write(jpeg())
    dataset = load_dataset(root)
    assert dataset.counts().to_dict() == {"can": 4, "jar": 3}
    problems = dict(zip(dataset.problems["file"], dataset.problems["reason"], strict=True))
    expected = {"can/up/": "link", "jar/out/": "link", "can/self.jpg": "not to be reached", "can/lost.jpg": "nowhere"}
    expected |= {"jar/pipe.jpg": "pipe", "jar/\\xff.jpg": "UTF-8"}
    assert set(problems) == set(expected)
    assert all(words in problems[name] for name, words in expected.items())


def test_folders_that_link_to_each_other_are_read_once(tmp_path):
    labels = [f"class{number:02}" for number in range(12)]  # 12! ways through the links
    write_folder(tmp_path, {f"{label}/1.jpg": jpeg((20 * place, 0, 0)) for place, label in enumerate(labels)})
    for label in labels:
        for other in set(labels) - {label}:
            (tmp_path / label / other).symlink_to(tmp_path / other)
    found = walk(tmp_path)
    assert found.files == [f"{label}/1.jpg" for label in labels]
    assert len(found.left_out) == 12 * 11
    assert {reason for _, reason in found.left_out} == {"is read already under another name, so it is not read twice"}


def test_a_place_that_is_no_folder_is_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "self").symlink_to("self")
    for place in (tmp_path / "pipe", tmp_path / "self", "x" * 4000, "/dev/zero", "a\0b"):
        for read in (find_dataset, lambda path: read_file(type(tmp_path)(path))):
            with pytest.raises(GarbageError) as caught:
                read(place)
            assert len(str(caught.value)) < 400


def test_a_hundred_thousand_entries_are_listed_in_seconds(tmp_path):
    for label in ("can", "jar"):
        (tmp_path / label).mkdir()
        for number in range(1000):
            (tmp_path / label / f"{number}.jpg").touch()
    started = time.monotonic()
    assert len(walk(tmp_path).files) == 2000
    names = [f"{label}/{number}.jpg" for label in ("can", "jar") for number in range(50_000)]
    assert len(find_layout(names, ["can/", "jar/"], "set").labels) == 100_000
    assert time.monotonic() - started < 5


def test_classify_expands_patterns_and_refuses_web_addresses(tmp_path):
    from garbage_core.cli.classify import photo_paths

    write_folder(tmp_path, FLAT | {"can/@eaDir/1.jpg": jpeg(), ".thumbnails/1.jpg": jpeg()})
    (tmp_path / "can" / "up").symlink_to(tmp_path)
    everything = [tmp_path / name for name in sorted(FLAT)]
    assert list(photo_paths([str(tmp_path)])) == everything
    assert list(photo_paths([str(tmp_path / "*" / "*.jpg")])) == everything
    for name, words in {"https://example.org/1.jpg": "web address", str(tmp_path / "*.gif"): "No file fits"}.items():
        with pytest.raises(GarbageError, match=words):
            list(photo_paths([name]))
