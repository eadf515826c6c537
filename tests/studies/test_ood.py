"""Out-of-distribution photos: the detector, its file, the classifier with it, and the study."""

import io
import json
import logging
import zipfile
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.distance import cdist

from garbage_core import cli
from garbage_core.data.dataset import load_dataset
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.inference import ood_detector
from garbage_core.inference.classifier import Classifier
from garbage_core.inference.ood_detector import fit, load, save
from garbage_core.runs.run import OOD_FILE
from garbage_core.studies.ood_methods import METHODS, PictureFeatures
from garbage_core.synthetic.pictures import KINDS, altered, drawn
from garbage_core.utils.files import write_json
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import thing_on_a_table
from tests.fixtures.runs import fake_run

WIDTHS = (3, 8, 5)
CLASSES = ("glass", "paper", "tin")


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global ood_study, COLUMNS, compute_features, half, measure
    from garbage_core.studies import ood as ood_study
    from garbage_core.studies.ood import COLUMNS, compute_features, half, measure


def made_up_features(count, seed, far=0.0):
    """Features of three layers, of which the second has two strong directions; `far` moves all of it."""
    rng = np.random.default_rng(seed)
    factors = np.random.default_rng(1).normal(size=(2, WIDTHS[1]))
    middle = 5 + 3 * rng.normal(size=(count, 2)) @ factors + 0.3 * rng.normal(size=(count, WIDTHS[1])) + far
    return np.hstack([3 + rng.normal(size=(count, WIDTHS[0])), middle, 50 * rng.normal(3, size=(count, WIDTHS[2]))])


@pytest.fixture(scope="module")
def detector():
    return fit(made_up_features(400, 0), made_up_features(199, 2), WIDTHS, "ab" * 32)


# The detector


def test_with_every_direction_kept_the_distance_is_mahalanobis(monkeypatch):
    monkeypatch.setattr(ood_detector, "COMPONENTS", 7)
    train, ood = made_up_features(400, 0), made_up_features(5, 3, far=1.0)
    found = fit(train, made_up_features(20, 2), WIDTHS, "", layers=("conv4",)).distance(ood)
    seen, new = train[:, 3:11], ood[:, 3:11]
    inverse = np.linalg.inv(np.cov(seen, rowvar=False, bias=True))
    expected = cdist(new, seen.mean(axis=0, keepdims=True), "mahalanobis", VI=inverse)[:, 0] ** 2
    np.testing.assert_allclose(found * 8, expected, rtol=0.03)  # directions are kept as float16


def test_layers_weigh_the_same_whatever_their_range(monkeypatch):
    monkeypatch.setattr(ood_detector, "COMPONENTS", 0)  # leaves the plain distance
    both = fit(made_up_features(400, 0), made_up_features(20, 2), WIDTHS, "", layers=("conv3", "conv5"))
    parts = [
        fit(made_up_features(400, 0), made_up_features(20, 2), WIDTHS, "", layers=(name,))
        for name in ("conv3", "conv5")
    ]
    features = made_up_features(6, 4)
    shares = [part.distance(features) for part in parts]
    np.testing.assert_allclose(both.distance(features), np.mean(shares, axis=0), rtol=0.02)


def test_what_lies_where_no_training_photo_does_is_out_of_distribution(detector):
    usual, ood = made_up_features(2000, 5), made_up_features(200, 6, far=3.0)
    assert (detector.ood_p_value(ood) < detector.level).all()
    refused = (detector.ood_p_value(usual) < detector.level).mean()
    assert 0.02 < refused < 0.09  # about the level: val and these were drawn alike


def test_at_most_the_level_of_the_val_photos_is_refused():
    val = made_up_features(199, 2)
    for level in (0.0, 0.01, 0.05, 0.5):
        found = fit(made_up_features(400, 0), val, WIDTHS, "", level=level)
        refused = sum(map(found.is_ood, found.ood_p_value(val)))
        assert level - 0.011 < refused / 199 <= level


def test_p_value_is_the_share_of_val_photos_that_are_at_least_as_far(detector):
    val = made_up_features(199, 2)
    order = np.argsort(detector.distance(val))
    np.testing.assert_allclose(detector.ood_p_value(val[order]), np.arange(200, 1, -1) / 200)


def test_features_that_are_no_numbers_have_the_lowest_p_value(detector):
    assert detector.ood_p_value(np.full((1, sum(WIDTHS)), np.nan)) == [1 / 200]


def test_photos_that_are_all_alike_leave_no_direction_but_a_detector():
    same = np.tile(made_up_features(1, 0), (10, 1))
    found = fit(same, same, WIDTHS, "")
    assert found.ood_p_value(same).tolist() == [1.0] * 10
    assert found.ood_p_value(same + 1).tolist() == [1 / 11] * 10


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        (made_up_features(1, 0), made_up_features(5, 0), "1 training and 5 val photos are too few"),
        (made_up_features(5, 0), made_up_features(0, 0), "5 training and 0 val photos are too few"),
        (made_up_features(5, 0) * np.inf, made_up_features(5, 0), "not all numbers"),
    ],
)
def test_what_cannot_be_fitted(train, val, message):
    with pytest.raises(GarbageError, match=message):
        fit(train, val, WIDTHS, "")


# Its file


def test_what_is_kept_is_what_was_fitted(tmp_path):
    run = fake_run(tmp_path, "mini")
    fitted = fit(made_up_features(400, 0), made_up_features(199, 2), WIDTHS, run.weights_sha256, level=0.03)
    path = save(fitted, run)
    assert path.parent == run.path
    assert path.stat().st_size < 20_000
    kept, features = load(run), made_up_features(50, 7, far=0.5)
    np.testing.assert_array_equal(kept.distance(features), fitted.distance(features))
    np.testing.assert_array_equal(kept.ood_p_value(features), fitted.ood_p_value(features))
    assert kept.level == 0.03


def test_a_file_under_its_earlier_name_is_read_until_there_is_a_new_one(tmp_path):
    run = fake_run(tmp_path, "mini")
    train, val = made_up_features(400, 0), made_up_features(199, 2)
    path = save(fit(train, val, WIDTHS, run.weights_sha256, level=0.03), run)
    assert path.name == "ood.npz"
    path.rename(run.path / "novelty.npz")
    assert load(run).level == 0.03
    save(fit(train, val, WIDTHS, run.weights_sha256, level=0.04), run)
    assert load(run).level == 0.04


def test_a_run_without_the_file_has_no_detector(tmp_path, caplog):
    assert load(fake_run(tmp_path, "mini")) is None
    assert caplog.text == ""


def test_a_file_of_other_weights_is_passed_over_with_a_warning(tmp_path, detector, caplog):
    run = fake_run(tmp_path, "mini")
    save(detector, run)
    with caplog.at_level(logging.WARNING):
        assert load(run) is None
    assert "fitted to other weights" in caplog.text
    assert "python -m garbage_core ood mini" in caplog.text


def damaged(content, change):
    """Returns a file of arrays after a change to them."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    change(arrays)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"no archive",
        lambda content: content[: len(content) // 2],
        lambda content: damaged(content, lambda arrays: arrays.pop("rest")),
        lambda content: damaged(content, lambda arrays: arrays.update(mean=np.array([object()]))),
        lambda content: damaged(content, lambda arrays: arrays.update(mean=arrays["mean"][1:])),
        lambda content: damaged(content, lambda arrays: arrays.update(columns=-arrays["columns"])),
        lambda content: damaged(content, lambda arrays: arrays.update(variances=0 * arrays["variances"])),
        lambda content: damaged(content, lambda arrays: arrays.update(val_distances=arrays["val_distances"][::-1])),
        lambda content: damaged(content, lambda arrays: arrays.update(scale=np.nan * arrays["scale"])),
        lambda content: damaged(content, lambda arrays: arrays.update(level=np.array("high"))),
        lambda content: damaged(content, lambda arrays: arrays.update(directions=np.zeros((10**7, 1), np.float32))),
    ],
)
def test_a_damaged_file_is_passed_over_with_a_warning(spoil, tmp_path, caplog):
    run = fake_run(tmp_path, "mini")
    fitted = fit(made_up_features(40, 0), made_up_features(19, 2), WIDTHS, run.weights_sha256)
    path = save(fitted, run)
    path.write_bytes(spoil(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert load(run) is None
    assert "cannot be read" in caplog.text


# Pictures


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_pictures_follow_from_their_number(kind):
    first = drawn(kind, 1)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    np.testing.assert_array_equal(first, drawn(kind, 1))
    other = drawn(kind, 2)
    assert first.shape != other.shape or (first != other).any()


def test_an_unknown_kind_is_refused():
    with pytest.raises(GarbageError, match="'cloud': choose one of plain"):
        drawn("cloud", 0)


def test_an_altered_photo_still_shows_the_thing():
    black = np.full((300, 400, 3), 220, np.uint8)
    black[100:200, 150:250] = 20
    for seed in range(8):
        changed = altered(black, seed)
        np.testing.assert_array_equal(changed, altered(black, seed))
        dark = (changed.mean(axis=2) < 100).mean()
        assert 0.05 < dark < 0.4  # a twelfth of the photo; a crop makes it more


# The classifier


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A miniature run with a detector that knows pictures of blocks."""
    run = miniature_run(tmp_path_factory.mktemp("models"), "mini", CLASSES, (48, 64), threshold=0.0)
    classifier = Classifier.from_run(run)
    photos = [load_photo(picture(seed), 48, 64) for seed in range(120)]
    features = classifier.features(photos)
    save(fit(features[:80], features[80:], classifier.feature_widths, run.weights_sha256), run)
    return run


def test_an_ood_photo_is_called_so_however_it_comes(run):
    classifier = Classifier.from_run(run)
    file = io.BytesIO()
    Image.new("RGB", (128, 96), (255, 0, 255)).save(file, "PNG")
    usual, ood = picture(500), file.getvalue()
    answers = list(classifier.classify_many([("usual", usual), ("broken", b"x"), ("ood", ood)]))
    rows = [answer.to_dict() for answer in answers]
    assert [row["is_ood"] for row in rows] == [False, False, True]
    assert [row["ood_p_value"] is None for row in rows] == [False, True, False]
    assert answers[2].ood_p_value < 0.05 <= answers[0].ood_p_value <= 1
    assert answers[2].accepted  # says how sure the network is, whatever it looks at
    photo = load_photo(ood, 48, 64)
    assert classifier.classify_photo(photo).is_ood
    assert classifier.classify_photo(photo, flip=True).ood_p_value == answers[2].ood_p_value
    assert classifier.classify_with_activation(photo)[0].is_ood
    assert json.loads(json.dumps(answers[2].to_dict()))["is_ood"] is True


def test_features_are_the_pooled_maps(run):
    import keras

    classifier = Classifier.from_run(run)
    photos = [load_photo(picture(seed, *size), 48, 64) for seed, size in enumerate([(128, 96), (96, 128), (128, 96)])]
    names = ("conv2_block1_preact_relu", "conv3_block1_preact_relu", "post_relu")
    model = keras.Model(classifier.network.input, [classifier.network.get_layer(name).output for name in names])
    for photo, found in zip(photos, classifier.features(photos), strict=True):
        maps = model(photo[np.newaxis].astype("float32"), training=False)
        pooled = [keras.ops.convert_to_numpy(part)[0].mean(axis=(0, 1)) for part in maps]
        assert classifier.feature_widths == tuple(map(len, pooled))
        np.testing.assert_allclose(found, np.concatenate(pooled), atol=1e-4)


def test_without_a_detector_no_photo_is_out_of_distribution(run):
    plain = Classifier(Classifier.from_run(run).network, CLASSES, (48, 64))
    answer = plain.classify_bytes(picture(1))
    assert (answer.ood_p_value, answer.is_ood) == (None, False)


# The study


def made_up_study():
    """Made-up features of pictures: those out of distribution have the opposite features."""
    kinds = np.repeat(["train", "val", "altered val", "test", "photo", "altered waste"], [200, 50, 50, 100, 100, 100])
    ood = kinds == "photo"
    labels = np.where(ood, -1, np.arange(600) % 3)
    middles = np.random.default_rng(4).normal(size=(3, sum(WIDTHS))) * np.repeat([1, 3, 50], WIDTHS)
    features = np.where(ood[:, np.newaxis], -1, 1) * (made_up_features(600, 8) + middles[labels])
    logits = np.where(ood[:, np.newaxis], 0, 5 * np.eye(3)[np.arange(600) % 3])  # and the network is not sure
    head = (np.random.default_rng(9).normal(size=(WIDTHS[2], 3)) / 50, np.ones(3))
    names = np.array([f"{kind}{number}" for number, kind in enumerate(kinds)])
    return PictureFeatures(kinds, names, labels, features, WIDTHS, logits, head)


def test_measures_of_perfect_and_of_useless_scores():
    pictures = made_up_study()
    perfect = measure(pictures, (pictures.kinds == "photo") + np.arange(600) / 1e6, 0.05).set_index(["half", "kind"])
    row = perfect.loc["report", "photo"]
    assert (row["auroc"], row["let_through_at_95"], row["let_through"]) == (1.0, 0.0, 0.0)
    assert row["val_refused"] == 0  # the scores rise with the number: those of the altered ones are all higher
    assert row["test_refused"] == 1
    assert perfect["pictures"].groupby("kind").sum().to_dict() == {"photo": 100, "altered waste": 100}
    assert np.isnan(row["right"])
    assert perfect.loc["report", "altered waste"]["right"] == 1  # as its logits are made up
    useless = measure(pictures, np.random.default_rng(0).normal(size=600), 0.05).set_index(["half", "kind"])
    assert useless.loc["report", "photo"]["auroc"] == pytest.approx(0.5, abs=0.12)
    assert useless.loc["report", "photo"]["let_through_at_95"] == pytest.approx(0.95, abs=0.08)


@pytest.mark.parametrize(("method", "layers", "function"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_every_method_gives_ood_pictures_higher_scores(method, layers, function):
    pictures = made_up_study()
    scores = function(pictures, layers)
    assert scores.shape == (600,)
    assert measure(pictures, scores, 0.05)["auroc"][0] > 0.9


def test_halves_are_halves_and_stay_what_they_are():
    names = [f"not-waste/n{number:08}_thing.jpg" for number in range(1000)]
    share = np.mean([half(name) == "report" for name in names])
    assert 0.45 < share < 0.55
    assert half("not-waste/n01440764_tench.jpg") == half("not-waste/n01440764_tench.jpg")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Photos under the names that a miniature run's tables have, and a zip archive of other things."""
    root = tmp_path / "models"
    run = miniature_run(root, "mini", CLASSES, (48, 64), threshold=0.0)
    monkeypatch.setenv("GARBAGE_MODELS", str(root))
    monkeypatch.setattr(ood_study, "DRAWN", 4)
    for seed, file in enumerate(run.predictions["file"]):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    with zipfile.ZipFile(tmp_path / "others.zip", "w") as archive:
        for seed in range(12):
            archive.writestr(f"things/{seed}.png", picture(1000 + seed, 96, 96, "PNG"))
        archive.writestr("things/readme.txt", "no photo")
    return tmp_path


@pytest.mark.slow
def test_the_command_fits_keeps_and_measures(data, capsys):
    arguments = ["ood", "mini", "--data-dir", str(data / "data"), "--others", str(data / "others.zip"), "--json"]
    table = data / "novelty.csv"
    pd.DataFrame([["other", *[""] * (len(COLUMNS) - 1)]], columns=list(COLUMNS)).to_csv(table, index=False)
    for _ in range(2):  # the second time takes the place of the first
        assert cli.main([*arguments, "--compare", str(table)]) == 0
        summary = json.loads(capsys.readouterr().out)
    path = data / "models" / "mini" / OOD_FILE
    assert (summary["run"], summary["file"], summary["bytes"]) == ("mini", str(path), path.stat().st_size)
    assert "refuses photos that its OOD detector" in (path.parent / "card.md").read_text("utf-8")
    assert summary["val_refused"] <= 0.05
    kinds = {row["kind"]: row for row in summary["kinds"]}
    assert kinds.keys() <= {"photo", *KINDS, "altered waste", "placed waste"}
    assert 0 <= kinds["altered waste"]["right"] <= 1
    assert kinds["plain"]["right"] is None
    rows = pd.read_csv(table)
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["run"]) == {"other", "mini"}
    mine = rows[rows["run"] == "mini"]
    assert len(mine.groupby(["method", "layers"])) == len(METHODS)
    assert not mine.duplicated(["method", "layers", "level", "half", "kind"]).any()
    assert set(mine["level"]) == set(ood_study.LEVELS)
    assert mine[mine["half"] == "report"]["kept"].sum() == len(summary["kinds"])
    both = mine[mine["kept"] & (mine["kind"] == "photo")]
    assert both["pictures"].sum() == 12
    assert Classifier.from_run(ood_study_run(data)).classify_bytes(picture(0)).ood_p_value is not None


def ood_study_run(data):
    from garbage_core.runs.run import load_run

    return load_run("mini", data / "models")


def test_other_grounds_are_learned_where_the_network_has_learned_them(data):
    for seed, path in enumerate(sorted((data / "data").glob("*/*"))):
        Image.fromarray(thing_on_a_table(seed)[0]).save(path, "PNG")
    run = ood_study_run(data)
    dataset, classifier = load_dataset(data / "data"), Classifier.from_run(run)
    kinds = Counter(compute_features(run, dataset, classifier).kinds.tolist())
    assert kinds["train"] == 24
    assert not {kind for kind in kinds if kind.endswith("on other backgrounds")}
    stages = [{"name": "x", "epochs": 1, "learning_rate": 0.1, "grounds": 0.4}]
    write_json(run.info | {"config": run.info["config"] | {"stages": stages}}, run.path / "run.json")
    pictures = compute_features(ood_study_run(data), dataset, classifier)
    kinds = Counter(pictures.kinds.tolist())
    assert (kinds["train on other backgrounds"], kinds["val on other backgrounds"]) == (12, 6)
    assert pictures.fitted.sum() == 24 + 24 + 12
    assert (pictures.labels[pictures.kinds == "train on other backgrounds"] >= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--others", "nowhere.zip"], "no folder or zip archive 'nowhere.zip'"),
        (["--compare", "nowhere/x.csv"], "no folder 'nowhere'"),
        (["--compare", "wrong.csv"], "'wrong.csv' is not a table of this study"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(data, monkeypatch, capsys, options, message):
    monkeypatch.chdir(data)
    (data / "wrong.csv").write_text("a,b\n1,2\n")
    assert cli.main(["ood", "mini", "--data-dir", "data", *options]) == 2
    assert message in capsys.readouterr().err
    assert not (data / "models" / "mini" / OOD_FILE).exists()
