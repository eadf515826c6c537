"""The whole app beside data sets of one's own: it speaks of these, and shows no figure of other photos as theirs."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.steps import CLOSING, STEPS
from garbage_core.cli import main
from garbage_core.data.dataset import load_dataset
from garbage_core.utils.text import percent
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import write_folder
from tests.fixtures.runs import fake_run

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models"
PAGES = ["classify", *(step.page for step in (*STEPS, CLOSING)), "evaluation", "about"]
# Names as in TrashNet, so that only the photos tell one from the other.
FLAT = {f"{c}/{c}{n}.jpg": picture(7 * n + len(c)) for c in ("glass", "metal", "paper") for n in range(1, 9)}
SPLIT = {
    f"{split}/{c}/{c}{n}.jpg": picture(100 * place + 9 * n + len(c))
    for place, (split, photos) in enumerate({"train": 6, "valid": 3, "test": 4}.items())
    for c in ("glass", "trash")
    for n in range(1, photos)
}
OTHER = {f"{c}/{n}.png": picture(5 * n + len(c), kind="PNG") for c in ("fork", "knife") for n in range(9)}
SETS = {"flat": FLAT, "ready-split": SPLIT, "cutlery": OTHER}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Folders of photos by name."""
    place = tmp_path_factory.mktemp("sets")
    return {name: write_folder(place / name, files) for name, files in SETS.items()}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The shipped results, and in place of the shipped networks one that is quick."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("audit", "studies"):
        shutil.copytree(SHIPPED / name, folder / name)
    miniature_run(folder, "transfer", seed=2)
    fake_run(folder, "scratch", 0.7)
    (folder / "scratch" / "model.keras").unlink()
    for file in ("embeddings.npz", "embedding.csv"):
        shutil.copy(SHIPPED / "transfer" / file, folder / "transfer")
    return folder


@pytest.fixture
def open_page(models, tmp_path, monkeypatch):
    """Opens a page beside a data set."""
    monkeypatch.setenv("GARBAGE_MODELS", str(models))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GARBAGE_DOWNLOAD", "0")
    monkeypatch.chdir(tmp_path)

    def open_it(page, data):
        monkeypatch.setenv("GARBAGE_DATA", str(data))
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=240)
        app.switch_page(str(ROOT / "pages" / f"{page}.py"))
        return app.run()

    return open_it


def words(app):
    """Returns all that a page says, as one text."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "metric", "code", "expander")
    said = [getattr(one, part, "") or "" for kind in kinds for one in app.get(kind) for part in ("label", "value")]
    return "\n".join(map(str, said)).replace("\\", "")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_beside_ones_own_photos_speaks_of_these(name, page, sets, open_page):
    app = open_page(page, sets[name])
    said = words(app)
    assert not app.exception
    assert "TrashNet" not in said
    assert not app.error
    if page != "classify":
        assert f"Photos of {name}" in said
    for shipped in ("2,527", "431", "1.0 times as many", "Download the photos"):
        assert shipped not in said


def test_a_run_is_evaluated_on_ones_own_photos_in_place(sets, models, open_page, capsys):
    app = open_page("evaluation", sets["ready-split"])
    app.button_group(key="run").set_value("transfer").run()
    assert "Transfer was not trained on these photos." in words(app)
    app.button(key="evaluate_here").click().run()
    said = words(app)
    assert not app.exception
    assert "Photos of ready-split" in said
    assert "6 test photos" in said
    assert "TrashNet" not in said
    assert main(["evaluate", "transfer", "--data-dir", str(sets["ready-split"]), "--json"]) == 0
    accuracy = json.loads(capsys.readouterr().out)["metrics"]["accuracy"]["value"]
    assert f"is right on {percent(accuracy)} of the photos" in said


def test_a_run_of_other_classes_is_not_offered(sets, open_page):
    app = open_page("evaluation", sets["cutlery"])
    assert "is a class of" in words(app)
    assert not [one for one in app.button if one.key == "evaluate_here"]


def test_runs_of_these_photos_are_chosen_and_results_of_others_are_not(sets, models, open_page):
    dataset = load_dataset(sets["flat"])
    counts = {"train": 5, "val": 1, "test": 2}
    run = fake_run(
        models, "mine", classes=dataset.classes, counts=counts, data_fingerprint=dataset.fingerprint, protocol="random"
    )
    try:
        for page, sentence in {
            "evaluation": "mine is right on",
            "audit": "The photos have not been audited yet.",
            "comparison": "there is only mine",
            "about": "1 model",
            "findings": "mine is right on",
        }.items():
            app = open_page(page, sets["flat"])
            said = words(app)
            assert not app.exception
            assert sentence in said, page
            assert "TrashNet" not in said
    finally:
        shutil.rmtree(run.path)


@pytest.mark.parametrize("page", ["data", "audit", "imbalance", "comparison", "findings", "evaluation", "about"])
def test_a_data_set_that_cannot_be_used_is_an_error(page, tmp_path, open_page):
    folder = write_folder(tmp_path / "broken", {f"{c}/1.jpg": b"no photo" for c in ("can", "jar")})
    for data, sentence in {folder: "usable photos of 0 classes only", tmp_path / "lost": "does not exist"}.items():
        app = open_page(page, data)
        assert not app.exception
        assert any(sentence in one.value for one in app.error), words(app)
        assert "Download the photos" not in words(app)
        assert not app.button


def test_classifying_goes_on_beside_a_data_set_that_cannot_be_used(tmp_path, open_page):
    app = open_page("classify", tmp_path / "lost")
    assert not app.exception
    assert "does not exist" in words(app)
    assert "Which bin?" in words(app)
