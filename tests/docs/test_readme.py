"""The results table of the README says what the runs say, and is noticed when it does not."""

import base64
import re

import numpy as np
import pandas as pd
import pytest

from docs import readme
from garbage_core.errors import GarbageError
from garbage_core.runs.run import list_runs
from garbage_core.utils.files import write_json
from tests.fixtures.runs import fake_run
from tests.fixtures.studies import fake_study


@pytest.fixture
def page(tmp_path):
    """A README with markers in it."""
    file = tmp_path / "README.md"
    file.write_text(f"# Title\n\n{readme.START}\nold\n{readme.END}\n\nThe end.\n", encoding="utf-8")
    return file


@pytest.fixture
def models(tmp_path):
    for name, accuracy in (("scratch", 0.7), ("transfer", 0.92), ("other", 0.5)):
        fake_run(tmp_path / "models", name, accuracy, counts={"val": 20, "test": 20}, seed=len(name))
    return tmp_path / "models"


def test_the_table_holds_the_runs_own_figures(models):
    runs = list_runs(models)[:2]
    text = readme.results_table(runs)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in lines] == [8] * 4
    for run, line in zip(runs, lines[2:], strict=True):
        test = run.predictions[run.predictions["split"] == "test"]
        answers = test.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
        assert line.startswith(f"| {run.title} |")
        assert f"| {100 * (answers == test['label']).mean():.1f} % (" in line
    assert "Scratch starts from random weights (" in text
    assert "Transfer starts from ImageNet (" in text
    assert all("| 120, TrashNet's white board |" in line for line in lines[2:])
    assert "Of 20 photos of trash Scratch finds" in text
    assert "Transfer is better by" in text


def test_the_imbalance_study_is_summed_up_where_it_was_made(models, page):
    options = ["--readme", str(page), "--models", str(models)]
    assert readme.main(options) == 0
    assert "strategies against" not in page.read_text(encoding="utf-8")
    (models / "studies").mkdir()
    fake_study(models / "studies" / "imbalance.csv", {"class_weights": 0.97, "focal": 0.6})
    assert readme.main([*options, "--check"]) == 1
    assert readme.main(options) == 0
    assert re.search(
        r"Imbalance, heads on .*, \d strategies: class weights raise macro-F1 by", page.read_text(encoding="utf-8")
    )


def test_whole_networks_with_and_without_a_strategy_are_summed_up(models, page):
    options = ["--readme", str(page), "--models", str(models)]
    (models / "studies").mkdir()
    fake_study(models / "studies" / "imbalance_runs.csv", {"none": 0.5}, seeds=1, start="random weights")
    assert readme.main(options) == 0
    words = r"whole networks\*\*, trained from random weights, once each: class weights, .* raise macro-F1 by"
    assert re.search(words, page.read_text(encoding="utf-8"))


def test_ood_detectors_are_told_by_the_split_that_chose_nothing(models):
    runs = list_runs(models)[:2]
    row = {"run": "transfer", "weights": runs[1].weights_sha256[:12], "kept": True, "split": "test", "kind": "photo"}
    row |= {"method": "head", "waste": "trashnet", "pictures": 464, "auroc": 0.98765, "refused": 0.9}
    row |= {"right": float("nan"), "waste_refused": 0.02}
    home = row | {"waste": "home", "auroc": 0.95, "waste_refused": 0.07}
    placed = row | {"kind": "placed waste", "refused": 0.25}
    others = [
        row | {"split": "val", "auroc": 0.5},
        row | {"kept": False, "auroc": 0.5},
        row | {"method": "one Gaussian", "auroc": 0.5},
        row | {"run": "scratch", "weights": "0" * 12},
    ]
    (text,) = readme.ood_photos(pd.DataFrame([*others, row, home, placed]), runs)
    assert "Transfer refuses 90.0" in text
    assert "of 464 ordinary photos (AUROC 0.950 or more)" in text
    assert "of waste 2.0" in text
    assert "7.0" in text
    assert "25.0 % with the thing put on wood" in text.replace("\u00a0", " ")
    assert "0.500" not in text
    assert "Scratch" not in text  # its weights are not those of the study


def test_what_eight_bits_lose_is_told_from_the_report_of_the_export(models):
    runs = list_runs(models)[:2]
    assert "8 bits" not in readme.results_table(runs)
    for run, sha256 in zip(runs, (runs[0].weights_sha256, "00" * 32), strict=True):
        path = run.path / "model.int8.xml"
        head = {"shape": [8, 6], "data": base64.b64encode(np.zeros(48, "<f4").tobytes()).decode()}
        report = {"schema_version": 1, "format": "openvino", "precision": "int8", "weights_sha256": sha256}
        report |= {"files": {path.name: {}}, "channels": 8, "classes": 6, "head": head}
        report["check"] = {"val": {"photos": 1200, "accuracy": 0.925, "accuracy_exported": 0.921}}
        write_json(report, path.with_name(path.name + ".json"))
    sentence = "**In 8 bits**, as the app answers: Scratch has 92.1 % of the 1,200 val photos right instead of 92.5 %."
    assert sentence in readme.results_table(runs)  # the other is of other weights


def test_runs_on_other_classes_have_no_column_for_trash(tmp_path):
    run = fake_run(tmp_path, "fruit", classes=("apple", "pear"))
    assert "trash" not in readme.results_table([run])


def test_check_notices_an_old_table_and_rewriting_mends_it(page, models, capsys):
    options = ["--readme", str(page), "--models", str(models)]
    before = page.read_text(encoding="utf-8")
    assert readme.main([*options, "--check"]) == 1
    assert page.read_text(encoding="utf-8") == before
    assert "out of date" in capsys.readouterr().err
    assert readme.main(options) == 0
    after = page.read_text(encoding="utf-8")
    assert after.startswith("# Title\n\n")
    assert after.endswith("\n\nThe end.\n")
    assert "\nold\n" not in after
    assert "| Transfer |" in after
    assert "other" not in after
    assert readme.main([*options, "--check"]) == 0


def test_named_runs_are_listed_instead(page, models):
    assert readme.main(["other", "--readme", str(page), "--models", str(models)]) == 0
    assert "| other |" in page.read_text(encoding="utf-8")
    assert "Transfer" not in page.read_text(encoding="utf-8")


def test_without_runs_the_table_says_so(page, tmp_path):
    assert readme.main(["--readme", str(page), "--models", str(tmp_path / "empty")]) == 0
    assert "no runs yet" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["no markers", readme.START, readme.END + readme.START, readme.START * 2 + readme.END])
def test_a_page_without_clear_markers_is_refused(text):
    with pytest.raises(GarbageError, match="results:start"):
        readme.with_table(text, "table")


def test_a_missing_page_is_an_error_of_one_line(tmp_path, capsys):
    assert readme.main(["--readme", str(tmp_path / "none.md"), "--models", str(tmp_path)]) == 2
    assert re.fullmatch(r".*none\.md cannot be read.*\n", capsys.readouterr().err)


def test_the_projects_own_readme_is_up_to_date(monkeypatch):
    monkeypatch.delenv("GARBAGE_MODELS", raising=False)
    models = readme.README.parent / "models"
    if not readme.README.is_file() or not list_runs(models):
        pytest.skip("needs the repository's README.md and models/")
    assert readme.main(["--check", "--models", str(models)]) == 0
