"""The study as steps through Streamlit's AppTest: the way through it, what differs, the findings and their report."""

import dataclasses
import html
import io
import re

import pandas as pd
import pytest
from pypdf import PdfReader

from garbage_app.about.network import in_words, stacks_of
from garbage_app.comparison.settings import differing_settings
from garbage_app.findings.report import Bars, Report, Told, make_report
from garbage_app.findings.report_html import to_html
from garbage_app.findings.report_pdf import to_pdf
from garbage_app.findings.sentences import findings
from garbage_app.steps import CLOSING, STEPS
from garbage_core.audit.findings import COLUMNS, save_findings
from garbage_core.config.training_config import load_config
from garbage_core.runs.run import Run, load_run
from tests.app.test_pages import open_page, pair, place, two_runs, words
from tests.fixtures.runs import fake_run

__all__ = ["pair", "place", "two_runs"]  # fixtures


def configured(run: Run, preset: str, **changes) -> Run:
    """Returns a run as if it had been trained by a preset, with these changes."""
    config = dataclasses.replace(load_config(preset), **changes)
    return Run(run.path, run.info | {"config": config.to_dict()})


@pytest.mark.parametrize("place_in_study", range(len(STEPS)))
def test_every_step_has_its_number_and_leads_to_the_next(two_runs, place_in_study):
    save_findings(pd.DataFrame(columns=list(COLUMNS)).astype({"bits": float, "leak": bool, "contradictory": bool}))
    step, after = STEPS[place_in_study], [*STEPS[1:], CLOSING][place_in_study]
    app = open_page(step.page)
    assert f"Step {place_in_study + 1} of {len(STEPS)}: {step.title}" in words(app)
    last = app.get("page_link")[-1].proto
    assert (last.page, after.title in last.label) == (after.page, True)


@pytest.mark.parametrize("page", ["audit", "comparison", "explanations"])
def test_a_step_that_stops_early_leads_on_all_the_same(place, page):
    app = open_page(page)
    assert "There are no trained models in" in words(app)
    after = [*STEPS, CLOSING][[step.page for step in STEPS].index(page) + 1]
    assert app.get("page_link")[-1].proto.page == after.page


def test_a_step_whose_files_cannot_be_read_leads_on_all_the_same(two_runs):
    (two_runs / "models" / "transfer" / "predictions.csv").write_text("file\n1\n")
    app = open_page("audit")
    assert app.error
    assert app.get("page_link")[-1].proto.page == "augmentation"


@pytest.mark.parametrize(
    ("earlier", "title"), [("training", "What is pretraining worth?"), ("models", "Which models are these?")]
)
def test_an_earlier_address_leads_to_the_page_that_has_its_content(two_runs, earlier, title):
    assert open_page(earlier).title[0].value == title


def test_what_differs_is_what_the_configs_say(pair):
    a, b = load_run("scratch", pair), load_run("transfer", pair)
    rows = differing_settings(configured(a, "scratch"), configured(b, "transfer")).set_index("Setting")
    assert rows.loc["Augmentation"].tolist() == ["standard", "light"]
    assert rows.loc["Dropout"].tolist() == ["0.2", "0"]
    assert rows.loc["Layers that learn"].iloc[0] == "the whole network"
    assert "Optimizer" not in rows.index
    same = differing_settings(configured(a, "scratch"), configured(a, "scratch", weights="imagenet"))
    assert same.empty


def test_the_network_is_drawn_as_it_was_trained(pair):
    run = load_run("transfer", pair)
    loaded = {"loaded": ["conv1_conv", "conv2_block1_1_conv", "conv3_block1_1_conv", "conv4_block1_1_conv"]}
    run = configured(Run(run.path, run.info | {"starting_weights": loaded}), "transfer")
    assert [stack.blocks for stack in stacks_of(run)] == [0, 3, 4, 6, 3, 0]
    assert in_words(stacks_of(run)) == (
        "Frozen as pretrained: conv1, conv2 and conv3. Pretrained, then trained on: conv4. "
        "Trained from random weights: conv5 and head."
    )


def test_findings_are_those_of_the_chosen_models_and_link_to_their_pages(two_runs):
    fake_run(two_runs / "models", "third", accuracy=0.5, seed=3)
    app = open_page("findings")
    assert "Transfer is better by" in words(app)
    linked = [link.proto.page for link in app.get("page_link")]
    assert {"data", "comparison", "explanations", "evaluation"} <= set(linked)
    assert "audit" not in linked  # nothing was audited here
    app.selectbox(key="b").set_value("third").run()
    assert not app.exception
    assert "third is right on" in words(app)


def test_the_report_stands_for_itself_and_escapes_what_it_is_given(pair):
    a, b = load_run("scratch", pair), load_run("transfer", pair)
    odd = dataclasses.replace(findings(a, b)[0], sentence="5 \\< 6 <b>")
    report = to_html(make_report([odd], a, b, "http://127.0.0.1:1"))
    assert "5 &lt; 6 &lt;b&gt;" in report
    assert "href='http://127.0.0.1:1/data'" in report
    assert "@media print" in report
    assert not re.findall(r"(?:src|href)=['\"](?!http://127)", report)
    accuracy = (a.predictions.query("split == 'test'").filter(like="p_").idxmax(axis=1).str[2:]).eq(
        a.predictions.query("split == 'test'")["label"]
    )
    assert f"{100 * accuracy.mean():.1f}" in report


def test_the_pdf_says_what_the_web_page_says(pair):
    a, b = load_run("scratch", pair), load_run("transfer", pair)
    odd = dataclasses.replace(
        findings(a, b)[0], title="Žluťoučký Ελλάδα Стекло", sentence="\N{MINUS SIGN}1.5 points \\< 6 → 7"
    )
    report = make_report([odd, *findings(a, b)], a, b, "http://127.0.0.1:1")
    pdf = PdfReader(io.BytesIO(to_pdf(report)))
    text = " ".join(" ".join(page.extract_text().split()) for page in pdf.pages)
    assert pdf.metadata.title == "What we learned"
    assert "Žluťoučký Ελλάδα Стекло" in text
    assert "\N{MINUS SIGN}1.5 points < 6 → 7" in text
    assert f"page 1 of {len(pdf.pages)}" in text
    web = re.sub(r"<style>.*</style>|<[^>]+>", " ", to_html(report), flags=re.DOTALL)
    numbers = set(re.findall(r"\d+\.\d+", html.unescape(web)))
    assert len(numbers) > 30
    assert numbers <= set(re.findall(r"\d+\.\d+", text))


def test_a_report_of_letters_without_a_glyph_is_made_all_the_same(pair):
    a, b = load_run("scratch", pair), load_run("transfer", pair)
    odd = dataclasses.replace(findings(a, b)[0], title="ガラス", sentence="\N{BOTTLE WITH POPPING CORK}" * 300)
    assert to_pdf(make_report([odd], a, b, "")).startswith(b"%PDF")


def test_long_titles_of_runs_stand_beside_each_other_in_the_pdf():
    titles = [f"the network number {i} that was trained with everything that could be thought of" for i in (1, 2)]
    bars = Bars(pd.DataFrame({title: [0.25, 0.5] for title in titles}, index=["glass", "metal"]))
    page = PdfReader(io.BytesIO(to_pdf(Report("Two runs.", (("Recall", bars),))))).pages[0]
    found: list[str] = []
    page.extract_text(visitor_text=lambda text, *_: found.append(text))
    words_found = " ".join(" ".join(found).split()).split()
    assert words_found.count("thought") == 2
    assert not [text for text in found if len(text.strip()) > 50]  # what a column holds


def test_a_block_longer_than_a_page_begins_on_the_first_page_of_the_pdf():
    told = Told((("Data", "A sentence about waste. " * 400, ""),))
    pages = PdfReader(io.BytesIO(to_pdf(Report("Two runs.", (("Findings", told),))))).pages
    assert len(pages) > 1
    assert "A sentence about waste" in pages[0].extract_text()
