"""Every page through Streamlit's AppTest, on made-up runs: what a reader sees, with and without runs and photos."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app import photo_download
from garbage_core.config.training_config import load_config
from garbage_core.utils.text import markdown_table
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("classify", "data", "audit", "augmentation", "evaluation", "comparison", "about")
RESULT_PAGES = ("data", "audit", "evaluation", "comparison", "findings", "about")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty machine: no runs, no photos. What earlier tests cached belongs to other folders."""
    for name in ("models", "cache", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.setattr(photo_download, "DOWNLOAD", photo_download.Download())
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with `scratch` (70 %) and `transfer` (92 %), made once."""
    folder = tmp_path_factory.mktemp("pair")
    fake_run(folder, "scratch", accuracy=0.70, seed=1)
    fake_run(folder, "transfer", accuracy=0.92, seed=2)
    return folder


@pytest.fixture
def two_runs(place, pair):
    """The empty machine with copies of the pair."""
    shutil.copytree(pair, place / "models", dirs_exist_ok=True)
    return place


@pytest.fixture
def with_photos(place, monkeypatch):
    """The empty machine with a folder of two classes of generated photos and two files that are none."""
    files = small_dataset(photos=8)
    files |= {"can/torn.jpg": files["can/can1.jpg"][:200], "can/notes.txt": b"not a photo"}
    write_folder(place / "photos", files)
    monkeypatch.setenv("GARBAGE_DATA", str(place / "photos"))
    return place


def open_page(name: str) -> AppTest:
    """Opens a page by its address, as the first visitor of a server who follows a link."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.switch_page(f"pages/{name}.py").run()
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    """Returns everything the page says, spaces made plain and Markdown's escapes removed."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info, *app.error, *app.code]
    text = "\n".join(str(part.value) for part in parts)
    return re.sub(r"\\(.)", r"\1", text.replace("\u00a0", " "))


def verdict(app: AppTest) -> str:
    """Returns the verdict that stands over the photo, without its pictogram and color."""
    said = re.sub(r":color\[(.*?)\]\{.*?\}", r"\1", app.title[0].value)
    return re.sub(r":material/\w+: ", "", said).replace("\u00a0", " ")


@pytest.mark.slow
def test_the_menu_leads_to_the_pages(place):
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300).run()
    titles = [app.title[0].value]
    for name in RESULT_PAGES:
        app.switch_page(f"pages/{name}.py").run()
        assert not app.exception, app.exception[0].message
        titles.append(app.title[0].value)
    assert titles[0] == "Garbage classification"
    assert len(set(titles)) == 1 + len(RESULT_PAGES)


@pytest.mark.parametrize("page", sorted(file.stem for file in (ROOT / "pages").glob("*.py")))
def test_a_page_run_without_the_router_hands_over_to_it_first(place, monkeypatch, page):
    from garbage_app import router

    runs = []
    monkeypatch.setattr(router, "route", lambda: runs.append(page))
    app = open_page(page)
    assert runs == [page]
    assert not app.main.children


@pytest.mark.parametrize(
    ("page", "title", "said"),
    [
        ("data", "What is in the data?", "2,527 photos of 6 classes; the largest, paper, has 4.3 times as many"),
        ("evaluation", "How good is it, and where does it fail?", "Transfer is right on 91.9 % of the photos"),
        ("comparison", "What is pretraining worth?", "Transfer is better by"),
        ("about", "Which models are these?", "Scratch from random weights and Transfer from ImageNet weights"),
    ],
)
def test_page_answers_its_question(two_runs, page, title, said):
    app = open_page(page)
    assert app.title[0].value == title
    assert said in words(app)


def test_headline_is_what_the_table_gives(two_runs):
    table = pd.read_csv(two_runs / "models" / "transfer" / "predictions.csv")
    test = table[table["split"] == "test"]
    answers = test.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
    app = open_page("evaluation")
    assert app.metric[0].value.replace("\u00a0", " ") == f"{100 * (answers == test['label']).mean():.1f} %"
    assert re.fullmatch(r"\d\d\.\d to \d\d\.\d", app.metric[0].delta)


@pytest.mark.slow
def test_choice_of_run_and_split_changes_the_answer(two_runs):
    app = open_page("evaluation")
    app.button_group(key="run").set_value("scratch").run()
    app.button_group(key="split").set_value("val").run()
    assert "Scratch is right on" in words(app)
    assert "328 validation photos" in words(app)
    app.button_group(key="split").set_value("train").run()
    assert "this does not measure how good it is" in words(app)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("data", "augmentation")])
def test_without_runs_a_page_says_how_to_train(place, page):
    said = words(open_page(page))
    assert "There are no trained models in" in said
    assert "python -m garbage_core train transfer" in said


def test_data_set_page_needs_neither_runs_nor_photos(place):
    app = open_page("data")
    assert "2,527 photos" in words(app)
    assert [button.label for button in app.button] == ["Download the photos, 43 MB"]


def test_download_that_fails_says_so_in_place(place, monkeypatch):
    from garbage_core.data import dataset
    from garbage_core.errors import GarbageError

    def refuse(**_options):
        raise GarbageError("No network; check your connection.")

    monkeypatch.setattr(dataset, "download_dataset", refuse)
    app = open_page("data")
    app.button(key="download_photos").click().run()
    assert "No network; check your connection." in words(app)


@pytest.mark.parametrize("page", ["classify", *RESULT_PAGES])
def test_one_run_is_enough(place, page):
    fake_run(place / "models", "scratch", accuracy=0.7, counts={"train": 8, "val": 4, "test": 6})
    said = words(open_page(page))
    assert ("Comparing takes two models" in said) == (page == "comparison")


@pytest.mark.parametrize("page", ["classify", *RESULT_PAGES])
def test_other_classes_than_the_six(place, page):
    for name, seed in (("scratch", 1), ("transfer", 2), ("third", 3)):
        fake_run(place / "models", name, accuracy=0.8, classes=("apple", "NA", "x_*y"), seed=seed)
    said = words(open_page(page))
    if page in ("classify", "data", "evaluation"):
        assert "NA" in said or "x_*y" in said
    assert "cardboard" not in said.lower()


def test_a_broken_run_does_not_hide_the_others(two_runs):
    (two_runs / "models" / "transfer" / "run.json").write_text("{")
    assert "Scratch is right on" in words(open_page("evaluation"))


def test_damaged_tables_are_reported_in_place(two_runs):
    path = two_runs / "models" / "transfer" / "predictions.csv"
    path.write_text(path.read_text().replace("p_glass", "p_gläss"))
    app = open_page("evaluation")
    assert "lacks the columns p_glass" in words(app)


def test_mistakes_without_photos_name_the_files_and_offer_the_download(two_runs):
    app = open_page("evaluation")
    captions = [line.value for line in app.caption if line.value.endswith(".jpg")]
    assert len(captions) == 8
    assert not app.image
    assert all(re.search(r" predicted as(.|\n)+  \n\w+\\.jpg$", caption) for caption in captions)
    assert any("Download the photos" in button.label for button in app.button)


def test_own_photos_are_shown_and_unreadable_files_named(with_photos):
    app = open_page("data")
    assert "16 photos of 2 classes" in words(app)
    assert len(app.image) == 6
    problems = next(table.value for table in app.dataframe if "Reason" in table.value)
    assert {"can/torn.jpg", "can/notes.txt"} == set(problems["File"])
    app.pills(key="class").set_value("can").run()
    assert not app.exception
    assert len(app.image) == 6
    assert all("can, " in image.captions[0] for image in app.image)


def test_model_card_is_shown(two_runs):
    (two_runs / "models" / "scratch" / "card.md").write_text("# Scratch\n\nThe card of scratch")
    assert "The card of scratch" in words(open_page("about"))


def test_tables_of_a_card_are_tables_of_the_page(two_runs):
    rows = markdown_table(["class", "photos"], [["can|tin", "1,200"], ["jar", "7"]])
    (two_runs / "models" / "scratch" / "card.md").write_text(f"# Scratch\n\nBefore.\n\n{rows}\n\nAfter.\n")
    app = open_page("about")
    said = words(app)
    assert "Before." in said
    assert "After." in said
    assert "| jar" not in said
    card = next(table.value for table in app.table if "class" in table.value)
    assert card.to_dict("list") == {"class": ["can|tin", "jar"], "photos": ["1,200", "7"]}


@pytest.mark.slow
def test_result_pages_open_without_tensorflow(two_runs):
    script = f"""
import sys
from tests.app.test_pages import open_page
for page in {RESULT_PAGES}:
    open_page(page)
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]


# Classify


@pytest.fixture(scope="module")
def working_pair(tmp_path_factory):
    """A folder with `scratch` and `transfer` as miniature networks that really answer, made and loaded once."""
    from tests.fixtures.networks import miniature_run  # here, because it loads TensorFlow

    folder = tmp_path_factory.mktemp("working")
    miniature_run(folder, "scratch", seed=1, threshold=0.0)
    miniature_run(folder, "transfer", seed=2, threshold=0.0)
    return folder


@pytest.fixture
def working_runs(place, working_pair, monkeypatch):
    """The empty machine with the working pair, which no test changes."""
    monkeypatch.setenv("GARBAGE_MODELS", str(working_pair))
    return working_pair


def picture(seed: int) -> bytes:
    """Returns a JPEG of colored blocks, another one for every seed."""
    from tests.fixtures.networks import picture as draw

    return draw(seed)


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Uploads files as (name, content) and waits for the answers."""
    app.file_uploader[0].clear()
    for name, data in files:
        app.file_uploader[0].upload(name, data, "application/octet-stream")
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def test_one_photo_gets_both_answers_and_both_heat_maps(working_runs):
    app = upload(open_page("classify"), ("drawing.jpg", picture(0)))
    assert re.fullmatch(r"[A-Z][a-z]+, (over )?\d+ %", verdict(app))
    assert {"Transfer", "Scratch"} < {heading.value for heading in app.subheader}
    assert "Rules differ from place to place" in words(app)
    assert sum(line.value.startswith("Bright: what speaks for") for line in app.caption) == 2
    assert len(app.get("plotly_chart")) == 2


def test_below_the_threshold_it_is_not_sure(place, working_pair):
    shutil.copytree(working_pair / "transfer", place / "models" / "transfer")
    description = place / "models" / "transfer" / "run.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {"threshold": 1.01}))
    app = upload(open_page("classify"), ("drawing.jpg", picture(0)))
    assert re.fullmatch(r"Not sure: \w+ or \w+\?", verdict(app))
    assert "It always abstains" in words(app)


def test_disagreement_is_said(working_runs):
    """Two different miniatures disagree about one of some pictures."""
    app, disagreed = open_page("classify"), False
    for seed in range(12):
        upload(app, (f"{seed}.jpg", picture(seed)))
        answers = {line.value.split(",")[0] for line in app.markdown if line.value.startswith("**")}
        assert ("The models disagree" in words(app)) == (len(answers) > 1)
        disagreed = disagreed or len(answers) > 1
        if disagreed:
            break
    assert disagreed


@pytest.mark.slow
def test_two_runs_of_one_network_agree(place, working_pair):
    for name in ("scratch", "transfer"):
        shutil.copytree(working_pair / "scratch", place / "models" / name)
    app = open_page("classify")
    for seed in range(2):
        assert "The models disagree" not in words(upload(app, (f"{seed}.jpg", picture(seed))))


def test_a_file_that_is_no_photo_is_refused_in_place(working_runs):
    app = upload(open_page("classify"), ("<b>*odd* [name](x).pdf", b"%PDF-1.7 nothing"))
    assert "is a PDF document" in app.error[0].value
    assert r"\<b\>\*odd\* \[name\]\(x\)\.pdf" in app.error[0].value
    assert not app.title


def test_many_photos_make_a_table_and_the_rest_goes_on(working_runs):
    files = [(f"{seed}.jpg", picture(seed)) for seed in range(3)]
    app = upload(open_page("classify"), *files, ("torn.jpg", picture(0)[:200]), ("empty.jpg", b""))
    assert [error.value.split(" ")[0] for error in app.error] == [r"torn\.jpg", r"empty\.jpg"]
    table = app.dataframe[0].value
    assert list(table["File"]) == ["0.jpg", "1.jpg", "2.jpg"]
    assert table["Photo"].str.startswith("data:image/jpeg;base64,").all()
    assert sum(int(number) for number in re.findall(r"\d+", app.title[0].value)) == 3
    assert len(app.download_button) == 1


@pytest.mark.slow
def test_answers_do_not_depend_on_the_company(working_runs):
    together = upload(open_page("classify"), *((f"{seed}.jpg", picture(seed)) for seed in range(3)))
    alone = upload(open_page("classify"), ("0.jpg", picture(0)))
    assert together.header[0].value == alone.title[0].value


@pytest.mark.slow
def test_a_network_that_was_tampered_with_is_refused_and_the_other_answers(place, working_pair):
    shutil.copytree(working_pair, place / "models", dirs_exist_ok=True)
    with (place / "models" / "scratch" / "model.keras").open("ab") as file:
        file.write(b"!")
    app = upload(open_page("classify"), ("drawing.jpg", picture(0)))
    assert "SHA-256" in words(app)
    upload(app, ("drawing.jpg", picture(0)), ("another.jpg", picture(1)))
    assert "SHA-256" in words(app)
    assert {"Transfer"} == set(app.dataframe[0].value.columns) & {"Scratch", "Transfer"}
    upload(app, ("drawing.jpg", picture(0)))
    assert {"Transfer"} == {heading.value for heading in app.subheader} & {"Scratch", "Transfer"}


def test_without_networks_the_page_says_so(two_runs):
    for file in two_runs.glob("models/*/model.keras"):
        file.unlink()
    assert "not the networks themselves" in words(open_page("classify"))


def test_theme_and_upload_limit_agree_with_the_library():
    import tomllib

    from garbage_core.data.images import MAX_BYTES

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["maxUploadSize"] * 2**20 == MAX_BYTES
    assert config["browser"]["gatherUsageStats"] is False
    assert {"light", "dark"} <= set(config["theme"])


def test_no_page_writes_raw_html():
    sources = [ROOT / "streamlit_app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "garbage_app").glob("*.py")]
    assert {f"{page}.py" for page in PAGES} < {source.name for source in sources}
    for source in sources:
        assert "unsafe_allow_html" not in source.read_text()
        assert "st.html" not in source.read_text()


def test_no_two_pages_call_their_widgets_alike():
    """Streamlit keeps what a key stands for from page to page: a choice on one then pressed a button on another."""
    owners: dict[str, set[str]] = {}
    for path in sorted((ROOT / "pages").glob("*.py")):
        for key in re.findall(r'\bkey="([a-z_-]+)"', path.read_text("utf-8")):
            owners.setdefault(key, set()).add(path.stem)
    assert owners
    assert {key: pages for key, pages in owners.items() if len(pages) > 1} == {}


def test_other_networks_and_weights_are_called_what_they_are(two_runs):
    config = load_config("scratch", ["version=efficientnet_lite2"]).to_dict()
    started = {"source": "mine.weights.h5", "loaded": ["a"], "random": []}
    small = {"train": 8, "val": 4, "test": 6}
    fake_run(two_runs / "models", "teacher", counts=small, config=config, starting_weights=started)
    said = words(open_page("about"))
    assert "of one network" not in said
    assert "teacher, EfficientNet-Lite2, from the weights in mine.weights.h5" in said
    assert "Scratch, ResNet-50 v2, from random weights" in said
