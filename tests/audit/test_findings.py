"""The audit: what it finds in made-up photos, what follows from its findings, and what it finds in the real data."""

import dataclasses
import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from garbage_core.audit.duplicates import (
    LEAST_COSINE,
    MOST_BITS,
    Signatures,
    hash_pairs,
    photo_signatures,
    similar_pairs,
)
from garbage_core.audit.embeddings import Embeddings, load_embeddings, save_embeddings
from garbage_core.audit.findings import (
    COLUMNS,
    FINDINGS,
    Finding,
    audit,
    clean_subset,
    counts,
    find_all,
    leaked_or_contradictory,
    load_findings,
    save_findings,
)
from garbage_core.audit.label_issues import cross_validated, find_label_issues, find_outliers, unseen_probabilities
from garbage_core.cli import main
from garbage_core.data.dataset import load_dataset, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.runs.run import load_run
from tests.fixtures.photos import encode, jpeg, write_folder
from tests.fixtures.runs import fake_photos, fake_predictions, fake_run

ROOT = Path(__file__).resolve().parents[2]
REAL_PHOTOS = os.environ.get("GARBAGE_DATA") or ROOT.parent / "shared" / "data" / "trashnet" / "dataset-resized.zip"


def scene(seed: int) -> Image.Image:
    """A picture of blobs, large and small as in a photo; another one for every seed."""
    rng = np.random.default_rng(seed)
    sizes = ((6, 8), (12, 16), (24, 32))
    blobs = [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
    layers = [np.asarray(blob.resize((160, 120), Image.Resampling.BICUBIC), dtype=float) for blob in blobs]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def second_shot(picture: Image.Image) -> Image.Image:
    """The same scene again: the camera a little off, a darker exposure."""
    moved = picture.crop((2, 1, 159, 119)).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.fromarray((np.asarray(moved) * 0.8).astype(np.uint8))


def found_in(folder: Path, files: dict[str, bytes], splits: dict[str, str] | None = None) -> pd.DataFrame:
    """Audits a folder with these files by their hashes; photos are for training unless `splits` says otherwise."""
    dataset = load_dataset(write_folder(folder, files))
    photos = dataset.photos.assign(split=[(splits or {}).get(file, "train") for file in dataset.photos["file"]])
    return audit(dataset, photos)


def groups(findings: pd.DataFrame) -> list[tuple[str, set[str]]]:
    """Returns kind and files of every finding, in order."""
    return [(rows["kind"].iloc[0], set(rows["file"])) for _, rows in findings.groupby("finding")]


def random_signatures(photos: pd.DataFrame, seed: int = 0) -> Signatures:
    """Signatures of photos that have nothing in common."""
    bits = np.random.default_rng(seed).random((len(photos), 256)) < 0.5
    keys = photos["file"].to_numpy(str)
    return Signatures(tuple(photos["file"]), keys, keys, bits, np.ones(len(photos), bool))


def embeddings_of(photos: pd.DataFrame, vectors: np.ndarray, probabilities: np.ndarray | None = None) -> Embeddings:
    """Embeddings with these vectors; without probabilities every label is right."""
    classes = tuple(sorted(set(photos["label"])))
    if probabilities is None:
        probabilities = np.full((len(photos), len(classes)), 0.1 / (len(classes) - 1))
        probabilities[np.arange(len(photos)), pd.Index(classes).get_indexer(photos["label"])] = 0.9
    return Embeddings(
        tuple(photos["file"]), vectors.astype(np.float32), probabilities, classes, "avg_pool", "ab" * 32, "cd" * 32
    )


def clusters(per_class: int = 60, classes: int = 3, channels: int = 40, seed: int = 0):
    """Features that tell classes apart, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    return 3 * rng.normal(size=(classes, channels))[labels] + rng.normal(size=(len(labels), channels)), labels


# Duplicates


def test_same_bytes_and_same_pixels_are_identical(tmp_path):
    files = {
        "glass/a.jpg": encode(scene(1), "JPEG"),
        "metal/b.jpg": encode(scene(1), "JPEG"),
        "glass/c.png": encode(scene(2), "PNG"),
        "glass/d.bmp": encode(scene(2), "BMP"),
        "metal/e.png": encode(scene(3), "PNG"),
    }
    found = found_in(tmp_path, files, {"glass/d.bmp": "test"})
    assert groups(found) == [
        ("identical", {"glass/a.jpg", "metal/b.jpg"}),
        ("identical", {"glass/c.png", "glass/d.bmp"}),
    ]
    assert found["contradictory"].tolist() == [True, True, False, False]
    assert found["leak"].tolist() == [False, False, True, True]
    assert (found["score"] == 1).all()
    assert (found["bits"] == 0).all()


def test_second_shot_is_nearly_identical_and_another_scene_is_not(tmp_path):
    files = {f"glass/{seed}.jpg": encode(scene(seed), "JPEG") for seed in range(12)}
    files["metal/again.jpg"] = encode(second_shot(scene(7)), "JPEG", quality=60)
    found = found_in(tmp_path, files)
    assert groups(found) == [("near", {"glass/7.jpg", "metal/again.jpg"})]
    assert 0 < found["bits"].iloc[0] <= MOST_BITS
    assert found["score"].iloc[0] == pytest.approx(1 - found["bits"].iloc[0] / 256)
    assert found["contradictory"].all()


def test_group_holds_all_shots_and_says_which_are_identical(tmp_path):
    shot = encode(scene(1), "PNG")
    files = {"a/1.png": shot, "a/2.png": shot, "b/3.jpg": encode(second_shot(scene(1)), "JPEG"), "b/4.png": jpeg()}
    assert groups(found_in(tmp_path, files)) == [
        ("identical", {"a/1.png", "a/2.png"}),
        ("near", {"a/1.png", "a/2.png", "b/3.jpg"}),
    ]


def test_plain_surfaces_are_not_taken_for_each_other(tmp_path):
    files = {f"a/{level}.jpg": jpeg((level, level, level), 64, 48) for level in (40, 120, 200)}
    assert found_in(tmp_path, files | {"b/1.png": encode(scene(1), "PNG")}).empty


def test_hash_pairs_are_those_within_the_distance():
    photos = fake_photos(("a", "b"), {"train": 30})
    signatures = random_signatures(photos)
    signatures.bits[5] = signatures.bits[40] ^ (np.arange(256) < MOST_BITS)
    signatures.bits[6] = signatures.bits[41] ^ (np.arange(256) < MOST_BITS + 1)
    i, j, distance = hash_pairs(signatures)
    assert list(zip(i, j, distance, strict=True)) == [(5, 40, MOST_BITS)]


@pytest.mark.parametrize("block", [7, 1024])
def test_similar_pairs_agree_with_the_definition(monkeypatch, block):
    monkeypatch.setattr("garbage_core.audit.duplicates._BLOCK", block)
    vectors = np.random.default_rng(0).normal(size=(60, 3))
    vectors[10] = 0
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    expected = {(i, j) for i, j in np.argwhere(unit @ unit.T >= 0.9) if i < j}
    i, j, cosine = similar_pairs(vectors, 0.9)
    assert expected
    assert set(zip(i, j, strict=True)) == expected
    np.testing.assert_allclose(cosine, (unit @ unit.T)[i, j], rtol=1e-5)
    assert [len(part) for part in similar_pairs(np.empty((0, 3)), 0.9)] == [0, 0, 0]


def test_unreadable_photo_is_named(tmp_path):
    dataset = load_dataset(write_folder(tmp_path, {"a/1.jpg": jpeg(), "b/1.jpg": jpeg((9, 9, 9))}))
    (tmp_path / "a" / "1.jpg").write_bytes(b"gone bad")
    with pytest.raises(GarbageError, match=r"a/1\.jpg"):
        photo_signatures(dataset, dataset.photos["file"])


def test_network_finds_what_the_hash_does_not():
    photos = fake_photos(("a", "b"), {"train": 30, "val": 10, "test": 20})
    vectors = np.random.default_rng(1).normal(size=(len(photos), 32))
    near, far = (np.sqrt(1 / cosine**2 - 1) for cosine in (LEAST_COSINE + 0.01, LEAST_COSINE - 0.01))
    for place, turned in ((3, near), (4, far)):
        other = (
            vectors[place + 60]
            - vectors[place + 60] @ vectors[place] / (n := vectors[place] @ vectors[place]) * (vectors[place])
        )
        vectors[place + 60] = vectors[place] + turned * np.sqrt(n) * other / np.linalg.norm(other)
    found = find_all(photos, random_signatures(photos), embeddings_of(photos, vectors))
    near = found[found["kind"] == "near"]
    assert set(near["file"]) == {photos["file"][3], photos["file"][63]}
    np.testing.assert_allclose(near["cosine"], LEAST_COSINE + 0.01, atol=1e-4)
    # In a plane, any two photos may point the same way by chance.
    flat = find_all(photos, random_signatures(photos), embeddings_of(photos, vectors[:, :2]))
    assert "near" not in set(flat["kind"])


# Label issues and outliers


def test_swapped_labels_are_found():
    features, labels = clusters()
    given = labels.copy()
    given[[5, 70, 130]] = [1, 2, 0]
    places, score = find_label_issues(given, cross_validated(features, given, np.arange(len(given))))
    assert set(places) == {5, 70, 130}
    assert (score > 0.5).all()
    assert (np.diff(score) <= 0).all()


def test_copy_of_a_photo_does_not_confirm_its_wrong_label():
    features, labels = clusters(per_class=30, channels=400)
    copies = 8  # as many as it takes for the classifier to learn them by heart
    features = np.concatenate([features, np.repeat(features[:1], copies, axis=0)])
    labels = np.concatenate([labels, np.full(copies, 1)])
    labels[0] = 1
    apart, together = np.arange(len(labels)), np.arange(len(labels))
    together[-copies:] = 0
    seen = cross_validated(features, labels, apart)[0]
    unseen = cross_validated(features, labels, together)[0]
    assert seen.argmax() == 1
    assert unseen.argmax() == 0


@pytest.mark.slow
def test_features_that_remember_labels_are_passed_over():
    early, labels = clusters(per_class=100)
    given = labels.copy()
    wrong = np.arange(0, len(labels), 7)
    given[wrong] = (given[wrong] + 1) % 3
    learned = np.arange(len(labels)) % 4 > 0
    # A network that was trained on a photo sees in it what its label says, also where that is wrong.
    late = early.copy()
    late[learned] = 3 * np.eye(3, early.shape[1])[given[learned]]
    layer, probabilities = unseen_probabilities({"early": early, "late": late}, given, np.arange(len(given)), learned)
    assert layer == "early"
    assert (probabilities[wrong].argmax(axis=1) == labels[wrong]).all()
    worse = early + 4 * np.random.default_rng(1).normal(size=early.shape)
    for features, best in (
        ({"early": worse, "late": early}, "late"),
        ({"early": early, "late": worse}, "early"),
        ({"early": late, "late": late + 1}, "early"),
    ):
        assert unseen_probabilities(features, given, np.arange(len(given)), learned)[0] == best


def test_class_with_a_single_group_is_no_error():
    features, labels = clusters(per_class=20)
    groups = np.arange(len(labels))
    groups[labels == 2] = 999
    probabilities = cross_validated(features, labels, groups)
    assert (probabilities[labels == 2, 2] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_photo_far_from_all_others_is_an_outlier():
    vectors = np.random.default_rng(0).normal(size=(300, 16))
    vectors[42] += 20
    places, score = find_outliers(vectors)
    assert places[0] == 42
    assert score[0] > 10
    assert len(places) < 10
    assert (np.diff(score) <= 0).all()
    assert len(find_outliers(vectors[:5])[0]) == len(find_outliers(np.ones((50, 4)))[0]) == 0


def test_findings_name_the_more_probable_label_and_come_by_kind():
    photos = fake_photos(("a", "b"), {"train": 40, "test": 20})
    vectors = np.random.default_rng(2).normal(size=(len(photos), 32))
    vectors[7] += 30
    embeddings = embeddings_of(photos, vectors)
    embeddings.probabilities[[1, 2]] = [[0.03, 0.97], [0.08, 0.92]]
    found = find_all(photos, random_signatures(photos), embeddings)
    assert list(found.columns) == list(COLUMNS)
    label_issues = found[found["kind"] == "mislabeled"]
    assert label_issues["file"].tolist() == [photos["file"][1], photos["file"][2]]
    assert label_issues["suggested"].tolist() == ["b", "b"]
    np.testing.assert_allclose(label_issues["score"], [0.97, 0.92])
    assert photos["file"][7] == found[found["kind"] == "outlier"]["file"].iloc[0]
    assert found["finding"].is_monotonic_increasing
    assert [list(FINDINGS).index(kind) for kind in found["kind"]] == sorted(map(list(FINDINGS).index, found["kind"]))


def test_a_clean_data_set_has_no_findings(tmp_path):
    photos = fake_photos(("a", "b"), {"train": 40, "test": 20})
    vectors = np.random.default_rng(3).uniform(-1, 1, size=(len(photos), 32))
    found = find_all(photos, random_signatures(photos), embeddings_of(photos, vectors))
    assert found.empty
    assert counts(found).to_numpy().sum() == 0
    assert load_findings(save_findings(found, tmp_path / "none.csv")).empty
    assert len(clean_subset(photos, found)) == len(photos)


# What follows from findings


@pytest.fixture
def findings():
    """Five findings: contradictory, leaking, both, within test, and a label issue."""
    rows = [
        (1, "identical", "a/1", "a", "train"),
        (1, "identical", "b/1", "b", "train"),
        (2, "near", "a/2", "a", "train"),
        (2, "near", "a/3", "a", "test"),
        (3, "identical", "NA/4", "NA", "val"),
        (3, "identical", "a/4", "a", "test"),
        (4, "near", "a/5", "a", "test"),
        (4, "near", "a/6", "a", "test"),
        (5, "mislabeled", "a/7", "a", "test"),
    ]
    table = pd.DataFrame(rows, columns=["finding", "kind", "file", "label", "split"])
    flags = {"contradictory": table["finding"].isin([1, 3]), "leak": table["finding"].isin([2, 3])}
    table = table.assign(score=0.5, bits=np.nan, cosine=np.nan, suggested="", **flags)
    table.loc[table["kind"] != "mislabeled", "bits"] = 12
    table.loc[table["kind"] == "mislabeled", "suggested"] = "NA"
    return table[list(COLUMNS)]


def test_findings_survive_the_file(findings, tmp_path):
    read = load_findings(save_findings(findings, tmp_path / "below" / "findings.csv"))
    pd.testing.assert_frame_equal(read, findings, check_dtype=False)
    assert "12," in (tmp_path / "below" / "findings.csv").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("finding,", "number,", "cannot be read as findings"),
        ("True", "perhaps", "contradictory must be True or False"),
        ("near", "far", "'far'"),
        ("1,identical", "one,identical", "cannot be read as findings"),
    ],
)
def test_damaged_findings_are_refused(findings, tmp_path, old, new, said):
    path = save_findings(findings, tmp_path / "findings.csv")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(GarbageError, match=said):
        load_findings(path)


def test_committed_findings_are_read_though_they_name_a_kind_as_earlier_versions_did():
    path = ROOT / "models" / "audit" / "findings.csv"
    assert "mislabelled" in path.read_text()
    assert set(load_findings(path)["kind"]) == {"identical", "near", "mislabeled", "outlier"}


def test_missing_findings_say_how_to_get_them(tmp_path):
    with pytest.raises(GarbageError, match=r"findings\.csv: run `python -m garbage_core audit`"):
        load_findings(tmp_path / "findings.csv")


def test_excluded_test_photos_are_the_contradictory_and_the_leaked(findings):
    excluded = leaked_or_contradictory(findings.drop_duplicates("file"), findings)
    assert excluded.to_dict("list") == {
        "file": ["a/3", "a/4"],
        "contradictory": [False, True],
        "leak": [True, True],
    }
    # For val only train came before; nothing comes before train.
    assert leaked_or_contradictory(findings, findings, "val")["file"].tolist() == ["NA/4"]
    assert leaked_or_contradictory(findings, findings, "train")["file"].tolist() == ["a/1", "b/1"]


def test_the_splits_of_the_run_count(findings):
    predictions = findings.drop_duplicates("file").assign(split="test")
    predictions.loc[predictions["file"] == "a/5", "split"] = "train"
    excluded = leaked_or_contradictory(predictions, findings).set_index("file")
    assert excluded.index.tolist() == ["NA/4", "a/1", "a/4", "a/6", "b/1"]
    assert excluded.index[excluded["leak"]].tolist() == ["a/6"]
    # A photo that the run does not know cannot have taught it anything.
    unknown = predictions[~predictions["file"].isin(["a/5"])]
    assert not leaked_or_contradictory(unknown, findings)["leak"].any()


def test_metrics_of_the_clean_subset_rest_on_the_other_photos():
    photos = fake_photos()
    predictions = fake_predictions(photos, 0.8, seed=1)
    test = photos.index[photos["split"] == "test"]
    twin = photos.loc[photos["split"] == "train"].iloc[0]
    rows = [photos.loc[place] for place in test[:20]]
    table = pd.DataFrame(rows).assign(finding=1, kind="near", score=0.9, contradictory=True, leak=True)
    table = pd.concat([table, twin.to_frame().T.assign(finding=1, kind="near", contradictory=True, leak=True)])
    kept = clean_subset(predictions, table)
    assert len(predictions) - len(kept) == 20
    assert (kept["split"] == "train").sum() == (predictions["split"] == "train").sum()
    classes = tuple(dict.fromkeys(photos["label"]))
    after = evaluate(kept, classes, "test", resamples=50)
    right = predictions.loc[test[20:]].filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
    assert after.n == len(test) - 20
    assert after.metric("accuracy")[0] == pytest.approx((right == photos.loc[test[20:], "label"]).mean())


# The command


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A run without a network, and forty photos of two classes, two of them the same under two labels."""
    names = [f"{label}/{number}.jpg" for label in ("can", "jar") for number in range(20)]
    files = {name: encode(scene(seed), "JPEG") for seed, name in enumerate(names)}
    files["jar/3.jpg"] = files["can/3.jpg"]
    write_folder(tmp_path / "photos", files)
    fake_run(tmp_path / "models", "mine", classes=("can", "jar"))
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GARBAGE_DATA", str(tmp_path / "photos"))
    return tmp_path


@pytest.fixture
def command(capsys):
    """Runs a command and returns exit code, output and errors."""

    def run(*argv):
        code = main(list(map(str, argv)))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def give_embeddings(machine: Path, **changes) -> None:
    """Gives the run made-up embeddings of the photos, in which two labels look wrong."""
    run, dataset = load_run("mine", machine / "models"), load_dataset(machine / "photos")
    made_up = embeddings_of(dataset.photos, np.random.default_rng(0).normal(size=(len(dataset.photos), 16)))
    made_up.probabilities[[10, 30]] = [[0.02, 0.98], [0.98, 0.02]]
    fitting = {"weights_sha256": run.weights_sha256, "fingerprint": dataset.fingerprint}
    made_up = dataclasses.replace(made_up, **(fitting | changes))
    save_embeddings(run, made_up, pd.DataFrame({"file": made_up.files, "x": 0.0, "y": 0.0}))


def test_duplicates_need_no_model(machine, command, tmp_path):
    code, out, _ = command("audit", "--duplicates-only", "-o", tmp_path / "found.csv")
    assert code == 0
    assert re.search(r"can/3\.jpg \(\w+\) = jar/3\.jpg \(\w+\)  \[contradictory labels", out)
    assert "not looked for" in out
    assert groups(load_findings(tmp_path / "found.csv")) == [("identical", {"can/3.jpg", "jar/3.jpg"})]
    assert not (machine / "models" / "audit").exists()


def test_audit_prints_and_keeps_what_it_finds(machine, command):
    give_embeddings(machine)
    code, out, err = command("audit", "--model", "mine", "--json")
    assert code == 0
    summary = json.loads(out)
    assert (summary["photos"], summary["model"]) == (40, "mine")
    assert summary["counts"]["identical"] == summary["counts"]["contradictory"] == {"findings": 1, "photos": 2}
    assert summary["counts"]["mislabeled"] == {"findings": 2, "photos": 2}
    first = summary["findings"][0]
    assert first["contradictory"] is True
    assert [photo["file"] for photo in first["photos"]] == ["can/3.jpg", "jar/3.jpg"]
    kept = load_findings(machine / "models" / "audit" / "findings.csv")
    assert kept["finding"].nunique() == len(summary["findings"])
    assert "findings.csv" in err


def test_audit_without_embeddings_says_how_to_get_them(machine, command):
    code, out, err = command("audit", "--model", "mine")
    assert (code, out) == (2, "")
    assert "python -m garbage_core embed mine" in err


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"weights_sha256": "ef" * 32}, "other weights"), ({"fingerprint": "ef" * 32}, "other photos")],
)
def test_audit_refuses_embeddings_of_something_else(machine, command, changes, said):
    give_embeddings(machine, **changes)
    code, out, err = command("audit", "--model", "mine")
    assert (code, out) == (2, "")
    assert said in err
    assert not (machine / "models" / "audit").exists()


def test_a_finding_of_the_registry_is_searched_counted_and_printed(machine, command, monkeypatch):
    def search(photos, signatures, embeddings):
        return [photos.iloc[[5]].assign(group=0, score=1.0)]

    monkeypatch.setitem(FINDINGS, "dark", Finding("Dark photos", "Too dark.", "By brightness.", search, reason="dark"))
    code, out, _ = command("audit", "--duplicates-only")
    assert code == 0
    assert re.search(r"^Dark photos +1 +1$", out, re.MULTILINE)
    assert re.search(r"^Dark photos\n  can/13\.jpg", out, re.MULTILINE)
    table = load_findings()
    assert (table["kind"] == "dark").sum() == 1
    photos = split_dataset(load_dataset(machine / "photos"))
    split = photos.loc[photos["file"] == "can/13.jpg", "split"].item()
    assert leaked_or_contradictory(photos, table, split).set_index("file").loc["can/13.jpg"].tolist()[2:] == [True]
    assert "can/13.jpg" not in set(clean_subset(photos, table, split)["file"])


# The real data


@pytest.fixture(scope="module")
def trashnet():
    if not Path(REAL_PHOTOS).exists():
        pytest.skip(f"the photos are not at {REAL_PHOTOS}: set GARBAGE_DATA")
    return load_dataset(REAL_PHOTOS, verify=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contradictions_of_trashnet_are_found(trashnet):
    found = audit(trashnet, split_dataset(trashnet))
    identical = found[found["kind"] == "identical"]
    assert identical["contradictory"].all()
    assert [files for _, files in groups(identical)] == [
        {"glass/glass115.jpg", "metal/metal91.jpg"},
        {"glass/glass176.jpg", "plastic/plastic152.jpg"},
        {"glass/glass389.jpg", "plastic/plastic332.jpg"},
    ]
    assert identical.groupby("finding")["leak"].first().tolist() == [False, True, True]
    near = found[found["kind"] == "near"]
    assert 25 <= near["finding"].nunique() <= 35
    assert {"paper/paper305.jpg", "paper/paper308.jpg"} in [files for _, files in groups(near)]
    excluded = leaked_or_contradictory(split_dataset(trashnet), found)
    assert "plastic/plastic152.jpg" in set(excluded.loc[excluded["contradictory"] & excluded["leak"], "file"])


@pytest.mark.slow
def test_kept_findings_are_those_of_the_photos(trashnet, tmp_path):
    path = ROOT / "models" / "audit" / "findings.csv"
    if not path.is_file():
        pytest.skip("no findings are committed")
    kept = load_findings(path)
    embeddings = load_embeddings(load_run("transfer", ROOT / "models"))
    assert embeddings.fingerprint == trashnet.fingerprint
    again = find_all(split_dataset(trashnet), photo_signatures(trashnet, embeddings.files), embeddings)
    pd.testing.assert_frame_equal(kept, load_findings(save_findings(again, tmp_path / "again.csv")))
