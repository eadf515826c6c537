"""Out-of-distribution photos: the detector, its file, the classifier with it, and the study."""

import io
import json
import logging
import shutil
import zipfile
from collections import Counter
from dataclasses import replace

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
from garbage_core.inference.ood_detector import FAR, fit, layer_columns, load, save, verdict
from garbage_core.inference.ood_head import equal_shares, fit_head, weighted_p_values
from garbage_core.runs.run import OOD_FILE
from garbage_core.studies.ood_methods import KEPT, METHODS, PictureFeatures, fit_detector, train_head
from garbage_core.synthetic.pictures import KINDS, altered, drawn
from garbage_core.utils.files import write_json
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import thing_on_a_table, write_folder
from tests.fixtures.runs import fake_run

WIDTHS = (3, 8, 5)
CLASSES = ("glass", "paper", "tin")


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global ood_pictures, COLUMNS, DRAWN, compute_features, half, list_pictures, measure
    from garbage_core.studies import ood_pictures
    from garbage_core.studies.ood import COLUMNS, measure
    from garbage_core.studies.ood_pictures import DRAWN, compute_features, half, list_pictures


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
    assert (detector.far_p_value(ood) < detector.level).all()
    refused = (detector.far_p_value(usual) < detector.level).mean()
    assert 0.02 < refused < 0.09  # about the level: val and these were drawn alike


def test_at_most_the_level_of_the_val_photos_is_refused():
    val = made_up_features(199, 2)
    for level in (0.0, 0.01, 0.05, 0.5):
        found = fit(made_up_features(400, 0), val, WIDTHS, "", level=level)
        refused = sum(judged.is_far for judged in found.judge(val))
        assert level - 0.011 < refused / 199 <= level


def test_p_value_is_the_share_of_val_photos_that_are_at_least_as_far(detector):
    val = made_up_features(199, 2)
    order = np.argsort(detector.distance(val))
    np.testing.assert_allclose(detector.far_p_value(val[order]), np.arange(200, 1, -1) / 200)


def test_features_that_are_no_numbers_have_the_lowest_p_value(detector):
    assert detector.far_p_value(np.full((1, sum(WIDTHS)), np.nan)) == pytest.approx(1 / 200)


def test_photos_that_are_all_alike_leave_no_direction_but_a_detector():
    same = np.tile(made_up_features(1, 0), (10, 1))
    found = fit(same, same, WIDTHS, "")
    assert found.far_p_value(same).tolist() == pytest.approx([1.0] * 10)
    assert found.far_p_value(same + 1).tolist() == pytest.approx([1 / 11] * 10)


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


# The head


def waste_and_others(seed=0):
    """Features of waste, of other things that differ in one direction of conv4, and of val photos of two sets."""
    waste, others = made_up_features(300, seed), made_up_features(200, seed + 1)
    others[:, 5] += 4.0
    return waste, others, made_up_features(150, seed + 2), np.repeat(["first", "second"], [100, 50])


@pytest.fixture(scope="module")
def head():
    return fit_head(*waste_and_others(), np.arange(3, 11), 0.1)


def test_the_head_is_the_logistic_regression_on_standardized_features(head):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    waste, others, val, _ = waste_and_others()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
    model.fit(np.vstack([waste, others])[:, 3:11], np.repeat([0, 1], [300, 200]))
    np.testing.assert_allclose(head.score(val), model.decision_function(val[:, 3:11]), atol=2e-3)


def test_the_head_tells_other_things_and_lets_the_level_of_each_set_count_the_same(head):
    waste, others, val, sets = waste_and_others(10)
    assert (head.ood_p_value(others) < 0.05).mean() > 0.9
    val[sets == "second", 5] += 4.0  # one set looks like other things: half of the weight, whatever its size
    moved = fit_head(waste, others, val, sets, np.arange(3, 11), 0.1)
    refused = moved.ood_p_value(val) < 0.05
    share = np.mean([refused[sets == name].mean() for name in ("first", "second")])
    assert 0.03 < share <= 0.05


def test_p_values_are_weighted_shares_of_the_val_photos():
    scores, shares = np.array([1, 2, 4], np.float32), np.array([0.5, 0.25, 0.25], np.float32)
    found = weighted_p_values(np.array([0, 1, 1.5, 4, 5, np.nan, np.inf]), scores, shares)
    np.testing.assert_allclose(found, (1 + 3 * np.array([1, 1, 0.5, 0.25, 0, 0, 0])) / 4)
    np.testing.assert_allclose(equal_shares(np.array(["a", "b", "a", "a"])), [1 / 6, 1 / 2, 1 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("emptied", "message"),
    [
        (0, "0 photos of waste, 200 of other things and 150 val"),
        (1, "300 photos of waste, 0 of"),
        (2, "and 0 val"),
    ],
)
def test_what_a_head_cannot_be_fitted_to(emptied, message):
    given = list(waste_and_others())
    given[emptied] = given[emptied][:0]
    with pytest.raises(GarbageError, match=message):
        fit_head(*given, np.arange(3, 11))


def test_a_head_is_not_fitted_to_what_is_no_number():
    waste, *rest = waste_and_others()
    with pytest.raises(GarbageError, match="not all numbers"):
        fit_head(waste * np.nan, *rest, np.arange(3, 11))


def test_the_head_speaks_first_and_the_distance_only_where_it_is_silent():
    assert verdict(False, False, 6) is None
    assert verdict(True, True, 6) == verdict(True, False, 6) == "Not one of the six materials I know"
    assert verdict(True, False, 3) == "Not one of the 3 classes I know"
    assert verdict(False, True, 6) == "I have not seen many things like this" == FAR


def test_head_and_distance_judge_apart(head):
    waste, others, val, sets = waste_and_others()
    both = fit(waste, val, WIDTHS, "", val_sets=sets, head=head)
    judged = both.judge(others)
    assert [one.ood_p_value for one in judged] == head.ood_p_value(others).tolist()
    assert [one.far_p_value for one in judged] == both.far_p_value(others).tolist()
    assert all(one.is_ood == (one.ood_p_value < both.level) for one in judged)
    alone = fit(waste, val, WIDTHS, "").judge(others)
    assert {(one.ood_p_value, one.is_ood) for one in alone} == {(None, False)}


# Its file


def test_what_is_kept_is_what_was_fitted(tmp_path, head):
    run = fake_run(tmp_path, "mini")
    fitted = fit(made_up_features(400, 0), made_up_features(199, 2), WIDTHS, run.weights_sha256, level=0.03, head=head)
    path = save(fitted, run)
    assert path.parent == run.path
    assert path.stat().st_size < 20_000
    kept, features = load(run), made_up_features(50, 7, far=0.5)
    np.testing.assert_array_equal(kept.distance(features), fitted.distance(features))
    assert kept.judge(features) == fitted.judge(features)
    assert kept.head is not None
    assert kept.level == 0.03


def test_a_file_of_an_earlier_version_is_read_and_has_a_distance_alone(tmp_path):
    run = fake_run(tmp_path, "mini")
    fitted = fit(made_up_features(400, 0), made_up_features(199, 2), WIDTHS, run.weights_sha256)
    path = save(fitted, run)
    path.write_bytes(damaged(path.read_bytes(), lambda arrays: arrays.pop("val_shares")))
    kept, features = load(run), made_up_features(50, 7, far=0.5)
    np.testing.assert_allclose(kept.far_p_value(features), fitted.far_p_value(features), atol=1e-6)
    assert kept.head is None


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
        lambda content: damaged(content, lambda arrays: arrays.update(val_shares=arrays["val_shares"][1:])),
        lambda content: damaged(content, lambda arrays: arrays.pop("head_bias")),
        lambda content: damaged(content, lambda arrays: arrays.update(head_columns=-1 - arrays["head_columns"])),
        lambda content: damaged(content, lambda arrays: arrays.update(head_weights=arrays["head_weights"][1:])),
        lambda content: damaged(content, lambda arrays: arrays.update(head_bias=np.array(np.nan))),
        lambda content: damaged(content, lambda arrays: arrays.update(head_val_scores=arrays["head_val_scores"][:0])),
        lambda content: damaged(content, lambda arrays: arrays.update(directions=np.zeros((10**7, 1), np.float32))),
    ],
)
def test_a_damaged_file_is_passed_over_with_a_warning(spoil, tmp_path, caplog, head):
    run = fake_run(tmp_path, "mini")
    fitted = fit(made_up_features(40, 0), made_up_features(19, 2), WIDTHS, run.weights_sha256, head=head)
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
    features, widths = classifier.features(photos), classifier.feature_widths
    magenta = [np.full((48, 64, 3), (255 - shade, shade, 255 - shade), np.uint8) for shade in range(20)]
    columns = np.concatenate(layer_columns(widths, ("conv5",)))
    val_sets = np.zeros(40)
    head = fit_head(features[:80], classifier.features(magenta), features[80:], val_sets, columns)
    save(fit(features[:80], features[80:], widths, run.weights_sha256, head=head), run)
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
    assert answers[2].far_p_value < 0.05 <= answers[0].far_p_value <= 1
    assert [row["verdict"] for row in rows] == [None, None, "Not one of the 3 classes I know"]
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
    assert (answer.ood_p_value, answer.is_ood, answer.far_p_value, answer.is_far) == (None, False, None, False)
    assert answer.verdict is None


def test_what_is_far_but_known_to_the_head_is_told_in_other_words(run):
    found = Classifier.from_run(run)
    detector = found.detector
    found.detector = replace(detector, head=replace(detector.head, bias=-1e6))
    answer = found.classify_photo(np.full((48, 64, 3), (255, 0, 255), np.uint8))
    assert (answer.is_ood, answer.is_far, answer.verdict) == (False, True, FAR)


def test_outputs_are_logits_and_features_of_photos_of_any_size(run):
    classifier = Classifier.from_run(run)
    photos = [load_photo(picture(seed, *size), 48, 64) for seed, size in enumerate([(128, 96), (96, 128)])]
    found = classifier.outputs(photos)
    np.testing.assert_array_equal(found.features, classifier.features(photos))
    uncalibrated = classifier.probabilities(photos, calibrated=False)
    odds = np.exp(found.logits)
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), uncalibrated, rtol=1e-4)
    assert [len(part) for part in classifier.outputs([])[:2]] == [0, 0]


# The study


def made_up_study():
    """Made-up features of pictures of two sets: those out of distribution have the opposite features."""
    parts = [  # set, kind, split, number
        *(("trashnet", "waste", split, number) for split, number in (("train", 200), ("val", 50), ("test", 100))),
        *(("home", "waste", split, number) for split, number in (("train", 100), ("val", 50), ("test", 50))),
        *(("home", "other things", split, number) for split, number in (("train", 100), ("val", 50), ("test", 100))),
        ("trashnet", "altered waste", "test", 100),
    ]
    sets, kinds, splits = (np.repeat([part[i] for part in parts], [part[3] for part in parts]) for i in range(3))
    number, ood = len(kinds), kinds == "other things"
    labels = np.where(ood, -1, np.arange(number) % 3)
    middles = np.random.default_rng(4).normal(size=(3, sum(WIDTHS))) * np.repeat([1, 3, 50], WIDTHS)
    features = np.where(ood[:, np.newaxis], -1, 1) * (made_up_features(number, 8) + middles[labels])
    logits = np.where(ood[:, np.newaxis], 0, 5 * np.eye(3)[np.arange(number) % 3])  # and the network is not sure
    names = np.array([f"{kind}{place}" for place, kind in enumerate(kinds)])
    return PictureFeatures(sets, kinds, splits, names, labels, features, WIDTHS, logits)


def test_measures_of_perfect_and_of_useless_scores():
    pictures = made_up_study()
    number = len(pictures.kinds)
    table = measure(pictures, (pictures.kinds == "other things") + np.arange(number) / 1e6, 0.05)
    perfect = table.set_index(["split", "waste", "kind"])
    for split, waste, photos in (("val", "trashnet", 50), ("test", "trashnet", 100), ("test", "home", 50)):
        row = perfect.loc[split, waste, "other things"]
        assert (row["auroc"], row["refused_at_5"], row["refused"]) == (1.0, 1.0, 1.0)
        assert row["photos"] == photos
        assert np.isnan(row["right"])
    # The scores rise with the number, and the val photos of "home" have the higher ones: they alone are refused.
    refused = [perfect.loc["val", name, "other things"]["waste_refused"] for name in ("trashnet", "home")]
    assert refused[0] == 0
    assert 0.05 < refused[1] <= 0.1
    assert perfect.loc["test", "trashnet", "altered waste"]["right"] == 1  # as its logits are made up
    assert ("test", "home", "altered waste") not in perfect.index
    useless = measure(pictures, np.random.default_rng(0).normal(size=number), 0.05).set_index(
        ["split", "waste", "kind"]
    )
    row = useless.loc["test", "trashnet", "other things"]
    assert row["auroc"] == pytest.approx(0.5, abs=0.12)
    assert row["refused_at_5"] == pytest.approx(0.05, abs=0.08)


@pytest.mark.parametrize(
    ("method", "layers", "strength", "function"),
    METHODS,
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", str(value)),
)
def test_every_method_gives_ood_pictures_higher_scores(method, layers, strength, function):
    pictures = made_up_study()
    scores = function(pictures, layers, strength)
    assert scores.shape == pictures.kinds.shape
    table = measure(pictures, scores)
    assert (table.loc[table["kind"] == "other things", "auroc"] > 0.9).all()


def test_what_is_kept_is_among_what_is_compared_and_is_what_is_fitted(tmp_path):
    compared = [method[:3] for method in METHODS]
    assert all(compared.count(kept) == 1 for kept in KEPT)
    pictures = made_up_study()
    detector = fit_detector(pictures, fake_run(tmp_path, "mini"), train_head(pictures))
    for kept, scores in zip(
        KEPT, (detector.head.score(pictures.features), detector.distance(pictures.features)), strict=True
    ):
        (function,) = (method[3] for method in METHODS if method[:3] == kept)
        np.testing.assert_allclose(function(pictures, *kept[1:]), scores, rtol=1e-6)


def test_the_level_is_set_by_each_set_as_it_is_or_by_altered_photos_if_there_is_one_set():
    pictures = made_up_study()
    assert Counter(pictures.level_sets.tolist()) == {"": 800, "trashnet waste": 50, "home waste": 50}
    alone = replace(
        pictures,
        sets=np.full(len(pictures.sets), "trashnet"),
        kinds=np.where(pictures.sets == "home", "altered waste", pictures.kinds),
    )
    found = Counter(alone.level_sets.tolist())
    assert found["trashnet waste"] == 50
    assert found["trashnet altered waste"] == 100


def test_halves_are_halves_and_stay_what_they_are():
    names = [f"not-waste/n{number:08}_thing.jpg" for number in range(1000)]
    share = np.mean([half(name) == "report" for name in names])
    assert 0.45 < share < 0.55
    assert half("not-waste/n01440764_tench.jpg") == half("not-waste/n01440764_tench.jpg")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Photos under the names that a miniature run's tables have, an extra set, a weak one, and other things."""
    root = tmp_path / "models"
    run = miniature_run(root, "mini", CLASSES, (48, 64), threshold=0.0)
    monkeypatch.setenv("GARBAGE_MODELS", str(root))
    monkeypatch.setattr(ood_pictures, "NUMBER_DRAWN", 4)
    for seed, file in enumerate(run.predictions["file"]):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    fingerprint = load_dataset(tmp_path / "data").fingerprint
    write_json(run.info | {"data_fingerprint": fingerprint}, run.path / "run.json")
    with zipfile.ZipFile(tmp_path / "others.zip", "w") as archive:
        for seed in range(12):
            archive.writestr(f"things/{seed}.png", picture(1000 + seed, 96, 96, "PNG"))
        archive.writestr("things/readme.txt", "no photo")
    listed = []
    for label in ("glass", "other-shoes"):
        for seed in range(9):
            path = tmp_path / "home" / label / f"{label}{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(thing_on_a_table(seed)[0]).save(path)
            listed.append((f"{label}/{path.name}", label, ("train", "val", "test")[seed % 3]))
    pd.DataFrame(listed, columns=["file", "label", "split"]).to_csv(tmp_path / "home" / "splits.csv", index=False)
    hints = ("paper", "glass_or_tin", "package", "wood")
    files = [f"{('web', 'shop')[seed % 2]}/{seed}.jpg" for seed in range(8)]
    for seed, file in enumerate(files):
        path = tmp_path / "weak" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(2000 + seed))
    pd.DataFrame({"file": files, "hint": hints * 2}).to_csv(tmp_path / "weak" / "weak.csv", index=False)
    return tmp_path


def load_mini(data):
    from garbage_core.runs.run import load_run

    return load_run("mini", data / "models")


def options(data, *names):
    extras = [argument for name in names for argument in ("--extra", str(data / name))]
    return ["ood", "mini", "--data-dir", str(data / "data"), *extras, "--strange", str(data / "others.zip")]


@pytest.mark.slow
def test_the_command_fits_keeps_and_measures(data, capsys):
    table = data / "ood.csv"
    pd.DataFrame([["other", *[""] * (len(COLUMNS) - 1)]], columns=list(COLUMNS)).to_csv(table, index=False)
    for _ in range(2):  # the second time takes the place of the first
        assert cli.main([*options(data, "home", "weak"), "--json", "--compare", str(table)]) == 0
        summary = json.loads(capsys.readouterr().out)
    path = data / "models" / "mini" / OOD_FILE
    assert (summary["run"], summary["file"], summary["bytes"]) == ("mini", str(path), path.stat().st_size)
    assert "OOD detector" in (path.parent / "card.md").read_text("utf-8")
    assert {(row["set"], row["split"]) for row in summary["sets"]} == {
        (name, split) for name in ("trashnet", "home") for split in ("val", "test")
    }
    assert np.mean([row["refused"] for row in summary["sets"] if row["split"] == "val"]) <= 0.05
    kinds = {(row["waste"], row["kind"]): row for row in summary["kinds"]}
    assert {kind for _, kind in kinds} <= {"other things", "photo", *DRAWN, "altered waste", "placed waste"}
    assert kinds["home", "other things"]["pictures"] == kinds["trashnet", "other things"]["pictures"] == 3
    assert 0 <= kinds["trashnet", "altered waste"]["right"] <= 1
    assert kinds["home", "other things"]["right"] is None
    rows = pd.read_csv(table)
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["run"]) == {"other", "mini"}
    mine = rows[rows["run"] == "mini"]
    assert len(mine.drop_duplicates(["method", "layers", "strength"])) == len(METHODS)
    assert not mine.duplicated(["method", "layers", "strength", "split", "waste", "kind"]).any()
    head = mine[(mine["kept"].astype(str) == "True") & (mine["method"] == "head") & (mine["split"] == "test")]
    assert len(head) == len(summary["kinds"])
    assert Classifier.from_run(load_mini(data)).classify_bytes(picture(0)).ood_p_value is not None


def test_without_extra_sets_generated_pictures_are_what_is_refused(data, capsys):
    assert cli.main(["ood", "mini", "--data-dir", str(data / "data")]) == 0
    assert "Waste that mini refuses" in capsys.readouterr().out
    detector = load(load_mini(data))
    assert detector.head is not None
    assert len(detector.head.val_scores) == 24  # the 12 val photos, as they are and altered


def test_a_detector_for_other_photos_lies_beside_that_of_the_runs_own(data, tmp_path, capsys):
    """Whichever is fitted last, each is kept, and is read where its photos are spoken of."""
    own = data / "models" / "mini"
    (own / OOD_FILE).unlink(missing_ok=True)
    assert cli.main(["ood", "mini", "--data-dir", str(data / "data")]) == 0
    before = {path.name: path.read_bytes() for path in own.iterdir() if path.is_file()}
    files = {f"{c}/{c}{n}.jpg": picture(50 * n + len(c)) for c in (*CLASSES, "wood") for n in range(12)}
    mine = write_folder(tmp_path / "mine", files)
    capsys.readouterr()
    assert cli.main(["ood", "mini", "--data-dir", str(mine), "--json"]) == 0
    place = own / load_dataset(mine).fingerprint[:16] / OOD_FILE
    assert json.loads(capsys.readouterr().out)["file"] == str(place)
    assert {path.name: path.read_bytes() for path in own.iterdir() if path.is_file()} == before
    run, of_mine = load_mini(data), load_dataset(mine).fingerprint
    assert load(run, of_mine).val_distances.tolist() != load(run).val_distances.tolist()
    assert load(run, "no such photos").val_distances.tolist() == load(run).val_distances.tolist()
    assert (
        Classifier.from_run(run, fingerprint=of_mine).detector.val_distances.tolist()
        == load(run, of_mine).val_distances.tolist()
    )
    shutil.rmtree(place.parent)
    other = write_folder(tmp_path / "other", {f"{c}/{n}.jpg": picture(n) for c in ("fork", "knife") for n in range(9)})
    assert cli.main(["ood", "mini", "--data-dir", str(other)]) == 2
    assert "no train photos of the classes of 'mini'" in capsys.readouterr().err
    (own / OOD_FILE).unlink()


def test_photos_keep_their_split_and_ambiguous_hints_are_left_out(data):
    from garbage_core.data.photo_sets import load_extra_set

    run = load_mini(data)
    extras = [load_extra_set(str(data / name), CLASSES) for name in ("home", "weak")]
    pictures = list(list_pictures(run, load_dataset(data / "data"), (48, 64), extras, data / "others.zip"))
    found = Counter((one.set, one.kind, one.split) for one in pictures)
    expected = run.predictions["split"].value_counts()
    assert [found["trashnet", "waste", split] for split in expected.index] == expected.tolist()
    assert [found["home", "other things", split] for split in ("train", "val", "test")] == [3, 3, 3]
    assert found["weak", "waste", "train"] == 4
    assert found["weak", "other things", "train"] == 2
    assert not [one for one in pictures if one.set == "weak" and one.label == "other-package"]
    assert {split for _, kind, split in found if kind in DRAWN} <= {"train", "test"}
    others = [one for one in pictures if one.set == "others"]
    assert len(others) == 12
    assert all((one.split == "test") == (half(one.name) == "report") for one in others)
    on_backgrounds = [one for one in pictures if one.kind.endswith("on a drawn background")]
    assert {one.split for one in on_backgrounds} == {"train", "val"}
    placed = [one.prepare() for one in on_backgrounds if one.set == "home"]
    assert {photo.shape for photo in placed if photo is not None} == {(48, 64, 3)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--strange", "nowhere.zip"], "no folder or zip archive 'nowhere.zip'"),
        (["--others", "nowhere.zip"], "no folder or zip archive 'nowhere.zip'"),
        (["--extra", "data/../nowhere"], "nowhere"),
        (["--compare", "nowhere/x.csv"], "no folder 'nowhere'"),
        (["--compare", "wrong.csv"], "'wrong.csv' is not a table of this study"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(data, monkeypatch, capsys, given, message):
    monkeypatch.chdir(data)
    (data / "wrong.csv").write_text("a,b\n1,2\n")
    assert cli.main(["ood", "mini", "--data-dir", "data", *given]) == 2
    assert message in capsys.readouterr().err
    assert not (data / "models" / "mini" / OOD_FILE).exists()
