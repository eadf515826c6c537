"""The landing page's finer points: strange photos, the mirror image, how sure is sure, and choosing among many."""

import json
import shutil
from functools import cache
from threading import Event

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.classify.alike import nearest
from garbage_app.classify.decision import disagreement
from garbage_app.classify.examples import choose_examples
from garbage_app.classify.fool import changed
from garbage_core.errors import GarbageError
from garbage_core.inference import ood_detector as detectors
from garbage_core.inference.classifier import Classifier
from garbage_core.inference.ood_head import fit_head
from garbage_core.inference.results import Prediction
from garbage_core.runs.run import load_run
from tests.app.test_explanations import exhibit
from tests.app.test_pages import ROOT, open_page, place, upload, verdict, words  # noqa: F401, a fixture among them
from tests.fixtures.networks import miniature_run
from tests.fixtures.networks import picture as draw
from tests.fixtures.runs import fake_run

NOT_WASTE = "Not one of the six materials I know"
PHOTOS = [(f"{seed}.jpg", draw(seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with `scratch` and `transfer` as miniature networks that answer, and are sure of everything."""
    folder = tmp_path_factory.mktemp("pair")
    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(folder, name, seed=seed, threshold=0.0, temperature=1.0)
    return folder


@pytest.fixture
def runs(place, pair, monkeypatch):  # noqa: F811
    """The pair, which no test changes."""
    monkeypatch.setenv("GARBAGE_MODELS", str(pair))
    return pair


@cache
def classifier_of(folder, name: str) -> Classifier:
    return Classifier.from_run(load_run(name, folder))


def best(folder, name: str, data: bytes, flip: bool = False):
    """The answer of a run, asked directly."""
    return classifier_of(folder, name).classify_bytes(data, flip=flip)


def fit_detectors(pair, folder, strange: bool) -> None:
    """Gives copies of the pair detectors to which the miniatures' pictures are ordinary photos, or all strange."""
    for path in folder.iterdir():
        classifier, run = classifier_of(pair, path.name), load_run(path.name, folder)
        seen = classifier.features([classifier.prepare(draw(seed)) for seed in range(40)])
        if strange:  # as if the training photos had looked quite different
            seen = 100 + np.random.default_rng(0).normal(size=seen.shape).astype(np.float32)
        layers, widths = detectors.LAYER_NAMES[-1:], classifier.feature_widths
        others = seen + (-100 if strange else 100)
        head = fit_head(seen[:20], others, seen[20:], np.zeros(20), detectors.layer_columns(widths, layers)[0])
        detectors.save(detectors.fit(seen[:20], seen[20:], widths, run.weights_sha256, layers, head=head), run)


@pytest.mark.parametrize("strange", [True, False])
def test_a_photo_unlike_the_training_data_is_called_so(place, pair, strange):  # noqa: F811
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    fit_detectors(pair, place / "models", strange)
    app = upload(open_page("classify"), PHOTOS[0])
    said = words(app)
    assert (verdict(app) == NOT_WASTE) == strange
    assert (said.count(f"**{NOT_WASTE}**") == 2) == strange
    assert ("If it were one of them: " in said) == strange
    assert ("Rules differ from place to place" in said) != strange  # no bin is named for what is no waste


@pytest.mark.slow
def test_strange_photos_have_a_place_of_their_own_in_a_batch(place, pair):  # noqa: F811
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    fit_detectors(pair, place / "models", strange=True)
    app = upload(open_page("classify"), *PHOTOS)
    assert app.title[0].value == "Not waste 4"
    assert set(app.dataframe[0].value["Transfer: accepted"]) == {"not waste"}


@pytest.mark.slow
def test_a_detector_fitted_while_the_app_runs_is_used(place, pair):  # noqa: F811
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    app = upload(open_page("classify"), PHOTOS[0])
    assert verdict(app) != NOT_WASTE
    fit_detectors(pair, place / "models", strange=True)
    app.run()
    assert verdict(app) == NOT_WASTE


def test_the_mirror_image_is_asked_on_request_and_what_it_changes_is_said(runs):
    app = upload(open_page("classify"), PHOTOS[0])
    assert "mirror image," not in words(app)
    app.toggle(key="flip").set_value(True).run()
    both = {name: best(runs, name, PHOTOS[0][1], flip=True) for name in ("scratch", "transfer")}
    (said,) = [line.value for line in app.caption if line.value.startswith("With the mirror image")]
    for name, answer in both.items():
        once = best(runs, name, PHOTOS[0][1])
        assert abs(once.confidence - answer.confidence) > 1e-3
        assert f"{100 * answer.confidence:.0f}\u00a0%" in said
        assert f"{100 * once.confidence:.0f}\u00a0%" in said
    app.toggle(key="flip").set_value(False).run()
    assert "With the mirror image" not in words(app)


@pytest.mark.slow
def test_the_mirror_images_of_many(runs):
    app = upload(open_page("classify"), *PHOTOS)
    app.toggle(key="flip").set_value(True).run()
    assert not app.exception
    table = app.dataframe[0].value
    for row, (_, data) in zip(table.itertuples(index=False), PHOTOS, strict=True):
        answer = best(runs, "transfer", data, flip=True)
        assert row.Transfer == answer.label
        assert table.loc[table["File"] == row.File, "Transfer: confidence"].iloc[0] == pytest.approx(
            100 * answer.confidence, abs=1e-3
        )
    assert "The mirror images change" in words(app)


def test_how_sure_is_sure_is_chosen_with_what_it_costs(place, pair):  # noqa: F811
    """Val answers of 0.9 are right, of 0.6 wrong: whoever wants no mistakes gets a threshold between them."""
    shutil.copytree(pair / "transfer", place / "models" / "transfer")
    path = place / "models" / "transfer"
    answers = pd.read_csv(path / "predictions.csv")
    columns = [name for name in answers if name.startswith("p_")]
    val = answers["split"] == "val"
    answers.loc[val, columns] = 0.02
    for place_of, row in enumerate(answers.index[val]):
        right = place_of % 4 != 0
        label = answers.loc[row, "label"]
        named = label if right else next(c for c in columns if c != f"p_{label}").removeprefix("p_")
        answers.loc[row, columns] = 0.02 if right else 0.08
        answers.loc[row, f"p_{named}"] = 0.9 if right else 0.6
    answers.to_csv(path / "predictions.csv", index=False)
    description = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(description | {"threshold": 0.3}))
    assert 0.3 < best(pair, "transfer", PHOTOS[0][1]).confidence < 0.9
    app = upload(open_page("classify"), PHOTOS[0])
    assert not verdict(app).startswith("Not sure")
    assert "the decision threshold, 30.0 %" in words(app)
    assert "Transfer 100.0 %. For the others the model abstains." in words(app)
    app.slider(key="target").set_value(100).run()
    assert verdict(app).startswith("Not sure")
    assert "the decision threshold, 90.0 %" in words(app)
    assert "Transfer 75.0 %. For the others the model abstains." in words(app)


def test_totals_lead_to_the_photos_behind_them(runs):
    app = upload(open_page("classify"), *((f"{seed}.jpg", draw(seed)) for seed in range(8)))
    table = app.dataframe[0].value
    counts = table["Transfer"].value_counts() if "Transfer" in app.caption[0].value else table["Scratch"].value_counts()
    assert len(counts) > 1, "the drawings must get different answers for this test"
    leader = "Transfer" if "classified by Transfer" in words(app) else "Scratch"
    counts = table[leader].value_counts()
    wanted = counts.index[-1]
    app.button_group(key="outcomes").set_value([wanted]).run()
    assert not app.exception
    assert set(app.dataframe[0].value[leader]) == {wanted}
    assert len(app.dataframe[0].value) == counts.iloc[-1]
    # Other photos may have no such answer: the choice goes with it.
    first = table.loc[table[leader] != wanted, "File"].tolist()[:2]
    upload(app, *((name, draw(int(name.split(".")[0]))) for name in first))
    assert len(app.dataframe[0].value) == 2


def test_many_broken_files_do_not_bury_the_answers(runs):
    broken = [(f"broken{number}.jpg", b"\xff\xd8\xff" + bytes(number + 1)) for number in range(5)]
    app = upload(open_page("classify"), *PHOTOS[:2], *broken)
    assert "5 files could not be read" in [box.label for box in app.expander]
    assert len(app.error) == 5
    assert len(app.dataframe[0].value) == 2


def test_more_files_than_fit_are_left_out_and_that_is_said(runs, monkeypatch):
    from garbage_app.classify import photo_input

    assert photo_input.MOST_FILES == 200
    monkeypatch.setattr(photo_input, "MOST_FILES", 3)
    app = upload(open_page("classify"), *PHOTOS)
    assert "4 files are too many at once; these are the predictions for the first 3." in app.warning[0].value
    assert list(app.dataframe[0].value["File"]) == [name for name, _ in PHOTOS[:3]]


def upload_folder(*files: tuple[str, bytes]):
    """The page after a folder of (path, content) was handed over."""
    app = open_page("classify")
    app.button_group(key="source").set_value("Folder").run()
    return upload(app, *files)


def test_a_folder_is_answered_in_the_order_of_its_names_without_what_systems_hide_in_it(runs, monkeypatch):
    from garbage_app.classify import photo_input

    monkeypatch.setattr(photo_input, "MOST_FILES", 3)
    names = [".mine/Thumbs.db", ".mine/b.jpg", ".mine/.DS_Store", ".mine/C.jpg", ".mine/a/._d.jpg", ".mine/a/d.jpg"]
    app = upload_folder(*((name, draw(seed)) for seed, name in enumerate(names)))
    assert not app.exception
    assert not app.warning  # only what counts is counted
    assert not app.error
    assert list(app.dataframe[0].value["File"]) == [".mine/a/d.jpg", ".mine/b.jpg", ".mine/C.jpg"]


def test_a_folder_with_nothing_to_see_says_so(runs):
    app = upload_folder(("mine/.DS_Store", b"Bud1"))
    assert not app.exception
    assert "There is no photo in this folder" in app.info[0].value


def test_a_session_keeps_no_batch_on_other_pages(runs):
    app = upload(open_page("classify"), *PHOTOS)
    assert {"predictions", "thumbnails", "preview"} <= set(app.session_state)
    app.switch_page("pages/about.py").run()
    assert not app.exception
    assert not {"predictions", "thumbnails", "preview"} & set(app.session_state)


def test_one_photo_lives_for_the_session_until_it_is_forgotten(runs):
    app = upload(open_page("classify"), PHOTOS[0])
    said = app.title[0].value
    app.switch_page("pages/about.py").run()
    assert app.session_state["kept_photo"].data == PHOTOS[0][1]
    app.switch_page("pages/classify.py").run()
    assert not app.exception
    assert app.title[0].value == said
    app.button(key="another").click().run()
    assert app.title[0].value == "Garbage classification"
    assert "kept_photo" not in app.session_state
    assert not app.file_uploader[0].value


def test_an_upload_is_not_written_to_disk(runs):
    """As the server takes it: a form with one file of 20 MB."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    formparsers = pytest.importorskip("starlette.formparsers")
    from starlette.datastructures import Headers

    async def arriving():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for _ in range(20):
            yield bytes(2**20)
        yield b"\r\n--x--\r\n"

    async def receive():
        headers = Headers({"content-type": "multipart/form-data; boundary=x"})
        form = await formparsers.MultiPartParser(headers, arriving()).parse()
        return form["file"].file._rolled, form["file"].size

    open_page("classify")
    # In a thread of its own: a browser test that ran before has left an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        received = thread.submit(asyncio.run, receive()).result()
    assert received == (False, 20 * 2**20)


def test_a_photo_is_decoded_once_for_all_that_see_it_in_one_size(place, monkeypatch):  # noqa: F811
    from garbage_core.data import images

    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(place / "models", name, size=(240, 320), seed=seed, threshold=0.0)
    decoded, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda data, *args: decoded.append(data) or decode(data, *args))
    photos = [(f"{seed}.jpg", draw(seed, 1280, 960)) for seed in range(90, 94)]

    def decodes() -> list[int]:
        counted = [decoded.count(data) for _, data in photos]
        decoded.clear()
        return counted

    app = upload(open_page("classify"), photos[0])
    assert not app.exception
    assert decodes() == [1, 0, 0, 0]  # for both models and the picture on the page
    app.run()
    assert decodes() == [0, 0, 0, 0]
    upload(app, *photos)
    assert decodes() == [1, 1, 1, 1]  # for both models and the table; the first one's details are still known
    app.run()
    assert decodes() == [0, 0, 0, 0]


def test_what_next_with_a_photo(runs):
    app = upload(open_page("classify"), PHOTOS[0])
    app.button_group(key="next_step").set_value("Try to fool it").run()
    assert not app.exception
    before = [line.value for line in app.markdown if line.value.startswith("| Model | Verdict |")]
    assert len(before) == 2
    assert before[0].splitlines()[2:] == before[1].splitlines()[2:]  # nothing is changed yet
    app.slider(key="fool_light").set_value(20).run()
    assert not app.exception
    after = [line.value for line in app.markdown if line.value.startswith("| Model | Verdict |")]
    assert after[0] == before[0]
    assert after[1] != before[1]
    app.button_group(key="next_step").set_value("Photos like it").run()
    assert "The photos to compare it with are not on this machine." in words(app)
    app.switch_page("pages/explanations.py")
    app.query_params["photo"] = "Own photo"
    app.run()
    assert not app.exception
    assert exhibit(app)["label"] == "0.jpg"


def test_the_nearest_photo_is_the_one_with_its_features():
    features = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    order = nearest(features[7] + 0.01, features)
    assert order[0] == 7
    assert sorted(order) == list(range(20))


def test_changes_of_a_photo_do_what_they_say():
    photo = np.full((48, 64, 3), 100, np.uint8)
    photo[:24] = 200
    unchanged = {"turn": 0, "light": 1.0, "blur": 0, "zoom": 1.0, "elsewhere": False}
    assert (changed(photo, **unchanged) == photo).all()
    assert abs(int(changed(photo, **unchanged | {"light": 0.5})[40, 10, 0]) - 50) <= 1
    assert changed(photo, **unchanged | {"turn": 180})[40, 32, 0] > 190
    assert len(np.unique(changed(photo, **unchanged | {"blur": 4}))) > 2
    assert changed(photo, **unchanged | {"zoom": 2.0}).shape == photo.shape
    assert changed(photo, **unchanged | {"elsewhere": True}).shape == photo.shape


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (("glass", True, False), ("metal", True, False), True),
        (("glass", True, False), ("glass", True, False), False),
        (("glass", True, False), ("metal", False, False), False),  # one abstains
        (("glass", True, False), ("metal", True, True), False),  # one says that it is none of them
    ],
)
def test_models_disagree_only_where_two_verdicts_differ(one, other, said):
    def prediction(label, accepted, is_ood):
        odds = {"glass": 0.1, "metal": 0.1} | {label: 0.9}
        return Prediction("a.jpg", label, 0.9, odds, accepted, 0.5, is_ood)

    found = disagreement({"Transfer": prediction(*one), "Scratch": prediction(*other)})
    assert (found is not None) == said
    if said:
        assert found == "**The models disagree.** Transfer says glass and Scratch says metal."


def test_examples_show_what_the_study_found(tmp_path):
    labels = ["glass", "metal", "paper", "plastic"] * 10
    files = [f"{label}/{label}{number}.jpg" for number, label in enumerate(labels)]
    runs = []
    for name, wrong in (("transfer", range(32, 40)), ("scratch", [*range(20, 30), *range(32, 40)])):
        fake_run(tmp_path, name, counts={"train": 8, "val": 4, "test": 6})
        odds = np.full((40, 6), 0.02)
        classes = load_run(name, tmp_path).classes
        for number, label in enumerate(labels):
            right = classes.index(label)
            odds[number, (right + 1) % 6 if number in wrong else right] = 0.9
        table = pd.DataFrame(odds, columns=[f"p_{label}" for label in classes])
        table.insert(0, "file", files)
        table.insert(1, "split", "test")
        table.insert(2, "label", labels)
        table.to_csv(tmp_path / name / "predictions.csv", index=False)
        runs.append(load_run(name, tmp_path))
    pair = {"finding": 1, "kind": "identical", "score": 1.0, "contradictory": True, "leak": False, "split": "test"}
    findings = pd.DataFrame([pair | {"file": files[0], "label": "glass"}, pair | {"file": "x.jpg", "label": "metal"}])
    here = set(files[1:]) | {files[0]}
    found = choose_examples(runs, here, findings)
    assert len(found) == 12
    assert len({example.key for example in found}) == 12
    number_of = {file: number for number, file in enumerate(files)}
    for example in found:
        number = number_of[example.file]
        if example.tag == "Only Transfer is right":
            assert 20 <= number < 30
        elif example.tag == "Both are wrong":
            assert number >= 32
        elif example.tag == "One photo, two labels":
            assert (number, example.label) == (0, None)
            assert "**glass** and as **metal**" in example.note
        else:
            assert number < 20 or number in (30, 31)
    assert len({example.tag for example in found}) == 5
    assert all(example.file != files[1] for example in choose_examples(runs, here - {files[1]}, None))


def test_a_drawn_example_stands_in_the_address(runs):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/classify.py")
    app.query_params["example"] = "bottle"
    app.run()
    assert not app.exception
    assert "Drawn by the app; the models learned from photos alone." in words(app)
    app.button(key="another").click().run()
    assert app.title[0].value == "Garbage classification"
    assert "example" not in app.query_params


def test_back_from_an_example_leads_to_the_landing_page(runs):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page("pages/classify.py")
    app.query_params["example"] = "bottle"
    app.run()
    del app.query_params["example"]  # as the browser's Back does
    app.run()
    assert not app.exception
    assert app.title[0].value == "Garbage classification"
    app.run()
    assert app.title[0].value == "Garbage classification"


def test_photos_are_fetched_in_the_background_and_a_failure_can_be_tried_again(runs, monkeypatch):
    from garbage_app import photo_download
    from garbage_core.data import dataset

    going, tried = Event(), []

    def fetch(progress):
        tried.append(progress)
        progress(21_000_000, 42_000_000)
        going.wait(60)
        raise GarbageError("No connection.")

    monkeypatch.setattr(dataset, "download_dataset", fetch)
    monkeypatch.setattr(photo_download, "AT_ONCE", 0)
    open_page("classify")
    assert not tried  # GARBAGE_DOWNLOAD=0
    monkeypatch.setenv("GARBAGE_DOWNLOAD", "1")
    app = open_page("classify")
    assert app.title[0].value == "Garbage classification"
    photo_download.DOWNLOAD.start()  # does nothing, as it is under way
    assert photo_download.DOWNLOAD.is_running
    assert len(tried) == 1
    assert photo_download.DOWNLOAD.received == 21_000_000
    going.set()
    photo_download.DOWNLOAD._thread.join(60)
    app.run()
    assert "No connection." in words(app)
    assert len(tried) == 1  # a failure is not tried again by itself
    going.clear()
    app.button(key="download_photos").click().run()
    assert len(tried) == 2
    going.set()
