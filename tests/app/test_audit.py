"""The page on the audit through Streamlit's AppTest, on made-up runs and findings."""

import re
import shutil

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from garbage_app.audit.relabel import label_table
from garbage_core.audit.findings import COLUMNS, FINDINGS, Finding, clean_subset, save_findings
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.runs.run import load_run
from tests.app.test_pages import ROOT, words
from tests.fixtures.photos import jpeg, write_folder
from tests.fixtures.runs import fake_run, retrained_on


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with `scratch` (70 %) and `transfer` (92 %), made once."""
    folder = tmp_path_factory.mktemp("pair")
    fake_run(folder, "scratch", accuracy=0.70, seed=1)
    fake_run(folder, "transfer", accuracy=0.92, seed=2)
    return folder


@pytest.fixture
def machine(tmp_path, pair, monkeypatch):
    """A machine with both runs, and neither findings nor photos."""
    shutil.copytree(pair, tmp_path / "models")
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def findings(machine) -> pd.DataFrame:
    """Findings on the photos of the runs: thirty leaking test photos, one contradiction, twenty label issues."""
    photos = load_run("transfer").predictions[["file", "label", "split"]]
    of = {split: photos[photos["split"] == split].reset_index(drop=True) for split in ("train", "val", "test")}
    parts = []
    for place in range(30):
        pair = pd.concat([of["train"].iloc[[3 * place]], of["test"].iloc[[place]]])
        pair = pair.assign(label=of["test"]["label"][place])  # the made-up runs count the names of a class through
        parts.append(pair.assign(kind="near", leak=True, contradictory=False, bits=10.0, cosine=0.97, score=0.96))
    both = pd.concat([of["train"].iloc[[400]], of["val"].iloc[[100]]]).assign(label=["glass", "metal"])
    parts.append(both.assign(kind="identical", leak=True, contradictory=True, bits=0.0, cosine=1.0, score=1.0))
    parts += [
        of["train"].iloc[[500 + place]].assign(kind="mislabeled", score=0.9, suggested="metal") for place in range(20)
    ]
    parts.append(of["val"].iloc[[7]].assign(kind="outlier", score=4.2))
    table = pd.concat([part.assign(finding=number) for number, part in enumerate(parts, 1)], ignore_index=True)
    for column in ("contradictory", "leak"):
        table[column] = table[column].fillna(False).astype(bool)
    table = table.reindex(columns=list(COLUMNS)).fillna({"suggested": ""})
    save_findings(table)
    return table


def open_page(**address) -> AppTest:
    """Opens the page by a link with these parameters."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    for key, value in address.items():
        app.query_params[key] = value
    app.switch_page("pages/audit.py").run()
    assert not app.exception, app.exception[0].message
    return app


def tiles(app: AppTest) -> dict[str, str]:
    """Returns the page's numbers by their titles."""
    return {metric.label: str(metric.value).replace("\u00a0", " ") for metric in app.metric}


def names(app: AppTest) -> list[str]:
    """Returns what stands under the photos, or in their place where they are not here."""
    under = [image.captions[0] for image in app.image] or [text.value for text in app.caption if ".jpg" in text.value]
    return [words.replace("\\", "") for words in under]


def cards(app: AppTest) -> dict[str, str]:
    """Returns the number on the card of each kind."""
    labels = [button.label for button in app.button if str(button.key).startswith("kind-")]
    labels = [re.sub(r":primary\[(.*?)\]", r"\1", label) for label in labels]
    return {title: number.strip("*") for number, title in (label.split("  \n") for label in labels)}


def test_without_findings_the_page_says_how_to_get_them(machine):
    said = words(open_page())
    assert "not been audited yet" in said
    assert "python -m garbage_core audit" in said


def test_answer_and_numbers_come_from_the_findings(machine, findings):
    app = open_page()
    run = load_run("transfer")
    kept = clean_subset(run.predictions, findings)
    after = evaluate(kept, run.classes, "test", resamples=0).metric("accuracy")[0]
    before = evaluate(run.predictions, run.classes, "test", resamples=0).metric("accuracy")[0]
    said = words(app)
    assert app.title[0].value == "Can the data be trusted?"
    assert "30 of the 431 test photos are leaked or contradictory" in said
    assert f"Transfer is right on {100 * after:.1f} % instead of {100 * before:.1f} %" in said
    assert cards(app) == {
        "Contradictory labels": "1",
        "Leaks between splits": "31",
        "Identical": "1",
        "Nearly identical": "30",
        "Label issues": "20",
        "Outliers": "1",
    }


def test_a_card_shows_its_findings(machine, findings):
    app = open_page()
    assert len(names(app)) == 2
    app.button(key="kind-outlier").click().run()
    assert not app.exception
    assert len(names(app)) == 1
    assert app.query_params["kind"] == "Outliers"
    assert "Even the most similar photos are far away" in words(app)


def test_a_leak_is_a_pair_of_the_photo_tested_on_and_the_one_learned_from(machine, findings):
    shown = names(open_page(kind="Leaks between splits"))
    assert len(shown) == 12
    assert all(name.startswith("**Test**") for name in shown[::2])
    assert all(name.startswith("**Training**") for name in shown[1::2])


def test_a_corrected_label_changes_the_metrics_and_the_table_to_keep(machine, findings):
    run = load_run("transfer")
    rows = run.predictions[run.predictions["split"] == "test"]
    predicted = rows.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
    wrong = rows[predicted != rows["label"]].iloc[0]
    taken = predicted[wrong.name]
    issue = findings["kind"] == "mislabeled"
    number = findings.loc[issue, "finding"].iloc[0]
    columns = ["file", "label", "split", "suggested"]
    findings.loc[findings["finding"] == number, columns] = [wrong["file"], wrong["label"], "test", taken]
    save_findings(findings)
    app = open_page(kind="Label issues")
    before = (predicted == rows["label"]).sum()
    assert app.metric[0].value.replace("\u00a0", " ") == f"{100 * before / 431:.1f} %"
    buttons = app.button_group(key=f"label-{number}")
    assert buttons.options == [wrong["label"], taken]
    buttons.set_value(taken).run()
    assert not app.exception
    assert app.metric[0].value.replace("\u00a0", " ") == f"{100 * (before + 1) / 431:.1f} %"
    assert tiles(app)["Labels corrected"] == "1"
    app.button_group(key="split").set_value("val").run()
    assert tiles(app)["Labels corrected"] == "0"
    table = label_table(run, {wrong["file"]: taken}).set_index("file")
    assert len(table) == run.predictions["file"].nunique()
    assert table.loc[wrong["file"], ["label", "given_label"]].tolist() == [taken, wrong["label"]]
    app.button_group(key="split").set_value("test").run()
    next(button for button in app.button if button.label == "Labels as given").click().run()
    assert app.metric[0].value.replace("\u00a0", " ") == f"{100 * before / 431:.1f} %"
    assert app.button_group(key=f"label-{number}").value == wrong["label"]


def test_the_label_of_photos_that_contradict_each_other_is_that_of_all(machine, findings):
    app = open_page(kind="Contradictory labels")
    (buttons,) = (group for group in app.button_group if str(group.key).startswith("label-"))
    assert (buttons.options, buttons.value) == (["metal", "glass"], None)
    buttons.set_value("glass").run()
    corrected = app.session_state["corrected_labels"]
    assert list(corrected.values()) == ["glass"]


def test_switch_recomputes_the_metrics(machine, findings):
    app = open_page()
    before = tiles(app)["Accuracy"]
    assert "Transfer on 431 test photos." in words(app)
    app.toggle(key="without").set_value(True).run()
    run = load_run("transfer")
    after = evaluate(clean_subset(run.predictions, findings), run.classes, "test", resamples=0)
    assert tiles(app)["Accuracy"] == f"{100 * after.metric('accuracy')[0]:.1f} %" != before
    assert "Transfer on 401 test photos of 431. On the 30 others it is right" in words(app)
    effect = next(table.value for table in app.dataframe if "Without them" in table.value).set_index("Metric")
    assert effect.loc["Accuracy", "Without them"].startswith(tiles(app)["Accuracy"].replace(" ", "\u00a0"))
    assert effect.loc["Recall, trash", "All photos"] == effect.loc["Recall, trash", "Without them"]
    listed = next(table.value for table in app.dataframe if "Why" in table.value)
    assert len(listed) == 30
    assert set(listed["Why"]) == {"a duplicate in an earlier split"}


def test_link_opens_the_same_view(machine, findings):
    app = open_page(without="true", run="Scratch", split="Validation", kind="Label issues")
    said = words(app)
    assert "Scratch on 327 validation photos of 328." in said
    assert "Classifiers that never saw the photo" in said
    pressed = [group for group in app.button_group if str(group.key).startswith("label-")]
    assert all(group.options[-1] == "metal" for group in pressed)


def test_filters_choose_among_the_findings(machine, findings):
    app = open_page(kind="Leaks between splits")
    labels = findings[findings["leak"]]["label"]
    assert app.selectbox(key="class").options == ["All", *(c.capitalize() for c in sorted(set(labels)))]
    app.selectbox(key="found_in").set_value("val").run()
    assert len(names(app)) == 2
    assert ["Validation" in name for name in names(app)] == [True, False]
    app.selectbox(key="class").set_value("cardboard").run()
    assert "no finding of this kind" in words(app)


def test_pages_of_findings(machine, findings):
    app = open_page(kind="Label issues")
    first = names(app)
    assert len(first) == 10
    app.get("pagination")[0].set_value(2).run()
    assert len(names(app)) == 10
    assert not set(first) & set(names(app))


def test_missing_photos_are_named_and_offered(machine, findings):
    app = open_page(kind="Outliers")
    file = findings[findings["kind"] == "outlier"]["file"].iloc[0]
    assert not app.image
    assert names(app)[0].endswith(f"  \n{file.rpartition('/')[2]}")
    assert "Download the photos, 43 MB" in [button.label for button in app.button]


def test_photos_that_are_here_are_shown(machine, findings, monkeypatch):
    files = findings[findings["kind"] == "identical"]["file"]
    write_folder(machine / "photos", {file: jpeg((9, 99, 199), 64, 48) for file in [*files, "paper/x.jpg"]})
    monkeypatch.setenv("GARBAGE_DATA", str(machine / "photos"))
    save_findings(findings, fingerprint=retrained_on(machine / "models", machine / "photos"))
    app = open_page(kind="Contradictory labels")
    assert {image.proto.imgs[0].alt for image in app.image} == {f"Photo {file}" for file in files}
    assert "Download the photos, 43 MB" not in [button.label for button in app.button]


def test_clean_data_is_trusted(machine):
    save_findings(pd.DataFrame(columns=list(COLUMNS)).astype({"bits": float, "leak": bool, "contradictory": bool}))
    app = open_page()
    assert "Yes: none of the 431 test photos has a duplicate" in words(app)
    assert app.toggle(key="without").disabled
    assert set(cards(app).values()) == {"0"}


def test_a_finding_of_the_registry_is_on_the_page(machine, findings, monkeypatch):
    dark = Finding("Dark photos", "Nothing can be seen.", "By their mean brightness.", lambda *known: [], reason="dark")
    monkeypatch.setitem(FINDINGS, "dark", dark)
    save_findings(findings.assign(kind=findings["kind"].where(findings["kind"] != "outlier", "dark")))
    app = open_page(kind="Dark photos", split="Validation", without="true")
    said = words(app)
    assert (cards(app)["Dark photos"], cards(app)["Outliers"]) == ("1", "0")
    assert "Nothing can be seen." in said
    assert "By their mean brightness." in said
    assert len(names(app)) == 1
    assert "dark" in set(next(table.value for table in app.dataframe if "Why" in table.value)["Why"])


def test_damaged_findings_are_named_in_place(machine):
    save_findings(pd.DataFrame(columns=list(COLUMNS)).astype({"bits": float}))
    (machine / "models" / "audit" / "findings.csv").write_text("finding,kind\n1,near\n")
    app = open_page()
    assert "cannot be read as findings" in words(app)


def test_findings_of_other_photos_are_not_taken_for_the_runs(machine, findings):
    """They said that every test photo can be counted on, because none of them was among the photos of the audit."""
    save_findings(findings.assign(file="mine/" + findings["file"]))
    app = open_page()
    assert "holds no finding of the photos of" in words(app)
    assert "Yes: none of the 431" not in words(app)
