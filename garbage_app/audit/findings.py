"""What the audit found: a card for each kind, the photos of one beside each other, and how they were found."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.audit.relabel import choose_label, write_actions, write_metrics
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.choosers import SPLIT_NAMES, keep_valid
from garbage_app.widgets.downloads import csv
from garbage_app.widgets.gallery import NAMES_ALONE, chip, gallery, offer_download
from garbage_app.widgets.page_header import end_page
from garbage_core.audit.findings import FINDINGS, findings_for, findings_of, findings_path, load_findings
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, count, escape, percent

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

ALL = "all"
COMMANDS = "python -m garbage_core embed transfer\npython -m garbage_core audit"
CARDS, TILES = 6, 10  # findings to a page: of several photos, of one
RELABELED = ("contradictory", "mislabeled")  # kinds of which the reader can correct labels
ORDER = {"test": 0, "val": 1, "train": 2}  # of the photos of a finding


def findings_or_none(run: Run | None = None) -> pd.DataFrame | None:
    """Returns the findings of the photos of a run, or those that lie with the runs; None without any.

    Raises:
        GarbageError: They cannot be read, or are of other photos than the run's.
    """
    path = findings_path(run.info.get("data_fingerprint") if run else None)
    return _read(path, run) if path.is_file() else None


def findings_or_stop(run: Run) -> pd.DataFrame:
    """Returns the findings of the photos of a run; without any, says how to get them and ends the page."""
    try:
        findings, note = findings_or_none(run), "The photos have not been audited yet."
    except GarbageError as error:
        findings, note = None, escape(str(error).replace("`", ""), 500)
    if findings is None:
        st.info(f"{note} Do so, then reload this page:", icon=":material/fact_check:")
        st.code(COMMANDS, language="bash")
        end_page()
    return findings


@cache.data(max_entries=4)
def _read(path: Path, run: Run | None) -> pd.DataFrame:
    return findings_for(run) if run else load_findings(path)


def write_method() -> None:
    """Says how each kind of finding was found."""
    with st.expander("How all this was found"):
        st.markdown("\n".join(f"- **{kind.title}.** {kind.how}" for kind in FINDINGS.values()))
        st.code(COMMANDS, language="bash")


@st.fragment
def write_findings(findings: pd.DataFrame, run: Run, split: str) -> None:
    """Writes a card for each kind of finding; the one that is pressed is the kind whose photos are shown below."""
    tables = {name: findings_of(findings, name) for name in FINDINGS}
    there = [name for name, rows in tables.items() if not rows.empty]
    asked = st.query_params.get("kind", "").lower()
    view = next((name for name in there if asked in (name, FINDINGS[name].title.lower())), there[0] if there else "")
    grid = st.grid(len(FINDINGS), min_column_width=104)
    for name, rows in tables.items():
        # Not of the primary type, whose white cannot be read on a dark theme's teal.
        number, title = f"**{rows['finding'].nunique():,}**", FINDINGS[name].title
        grid.button(
            f":primary[{number}]  \n:primary[{title}]" if name == view else f"{number}  \n{title}",
            key=f"kind-{name}",
            on_click=st.query_params.update,
            args=({"kind": FINDINGS[name].title},),
            disabled=rows.empty,
            help=f"{FINDINGS[name].meaning} {count(len(rows), 'photo')}.",
            width="stretch",
            wrap=True,
        )
    if not view:
        st.markdown("Nothing was found.")
        return
    st.caption(f"**{FINDINGS[view].title}.** {FINDINGS[view].meaning}")
    if view in RELABELED:
        write_metrics(run, split)
    issues = tables["mislabeled"]
    suggested = dict(zip(issues["file"], issues["suggested"], strict=True))
    _write_list(tables[view], view, run, split, suggested)


def _write_list(rows: pd.DataFrame, view: str, run: Run, split: str, suggested: dict[str, str]) -> None:
    """Shows the findings of a kind that the reader's filters leave; those of the split of the page come first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _choose("Class", "class", [name for name in run.classes if name in set(rows["label"])], str)
        found_in = _choose(
            "Split",
            "found_in",
            [name for name in SPLIT_NAMES if name in set(rows["split"])],
            lambda name: SPLIT_NAMES.get(name, name),
        )
        fitting = rows[((rows["label"] == label) | (label == ALL)) & ((rows["split"] == found_in) | (found_in == ALL))]
        rows = rows[rows["finding"].isin(fitting["finding"])]
        st.download_button(
            "CSV",
            lambda: csv(rows),
            f"findings-{view}.csv",
            "text/csv",
            icon=":material/download:",
            help="Download these findings as a table",
            on_click="ignore",
            disabled=rows.empty,
        )
        if view in RELABELED:
            write_actions(run, suggested)
    if rows.empty:
        st.info("There is no finding of this kind with such a photo.", icon=":material/search_off:")
        return
    elsewhere = (rows["split"] != split).groupby(rows["finding"]).transform("all")
    rows = rows.iloc[elsewhere.to_numpy().argsort(kind="stable")]
    _write_page(rows, view, run, f"{view}-{label}-{found_in}")


def _choose(title: str, key: str, options: list[str], name: Callable[[str], str]) -> str:
    keep_valid(key, [ALL, *options])
    return st.selectbox(
        title,
        [ALL, *options],
        format_func=lambda option: "All" if option == ALL else capital(name(option)),
        key=key,
        bind="query-params",
        width=140,
    )


def _write_page(rows: pd.DataFrame, view: str, run: Run, key: str) -> None:
    """Shows a page of findings: groups as cards of photos side by side, single photos as a grid."""
    dataset = dataset_or_none()
    duplicates = FINDINGS[view].duplicates
    numbers = rows["finding"].unique()
    size = CARDS if duplicates else TILES
    pages = -(-len(numbers) // size)
    place = st.container()
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    chosen = rows[rows["finding"].isin(numbers[(page - 1) * size : page * size])]
    with place:
        grid = st.grid(2, min_column_width=300, border=True) if duplicates else st.grid(5, min_column_width=150)
        for _, group in chosen.groupby("finding", sort=False):
            with grid.cell():
                if duplicates:
                    _write_group(group, view, run, dataset)
                else:
                    _write_single(next(group.itertuples()), view, dataset)
    if dataset is None:
        offer_download(NAMES_ALONE)


def _write_group(group: pd.DataFrame, view: str, run: Run, dataset: "Dataset | None") -> None:
    """Shows the photos of a finding side by side, those that are tested on first."""
    group = group.iloc[group["split"].map(ORDER).fillna(0).to_numpy().argsort(kind="stable")]
    captions = [_caption(row, leak=view == "leak") for row in group.itertuples()]
    gallery(group["file"].tolist(), captions, dataset, columns=min(3, len(group)))
    if view in RELABELED:
        labels = dict(zip(group["file"], group["label"], strict=True))
        choose_label(
            labels, [label for label in labels.values() if label in run.classes], str(group["finding"].iloc[0])
        )
    if group["kind"].iloc[0] == "identical":
        st.caption("Identical.")
        return
    cosine = group["cosine"].min()
    st.caption(
        f"At most {count(int(group['bits'].max()), 'bit')} of 256 differ"
        + ("." if pd.isna(cosine) else f"; the network's features of them are {percent(cosine)} alike."),
    )


def _write_single(row: Any, view: str, dataset: "Dataset | None") -> None:
    """Shows the photo of a finding, of a label issue with the given and the suggested label as buttons."""
    gallery([row.file], [_caption(row)], dataset, columns=1)
    if view in RELABELED:
        choose_label({row.file: row.label}, [row.label, row.suggested], str(row.finding))


def _caption(row: Any, leak: bool = False) -> str:
    label, split = f"{chip(row.label)} {escape(row.label)}", SPLIT_NAMES.get(row.split, escape(row.split))
    return f"**{capital(split)}**: {label}" if leak else f"{label}, {split}"
