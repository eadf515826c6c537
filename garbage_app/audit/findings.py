"""What the audit found: how much of each kind, photo beside photo, and how."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.widgets.choosers import SPLIT_NAMES, keep_valid
from garbage_app.widgets.downloads import csv
from garbage_app.widgets.gallery import chip, dataset_or_none, gallery, offer_download
from garbage_core.audit.findings import FINDINGS, findings_for, findings_of, findings_path, load_findings
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, count, escape, percent

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

ALL = "all"
COMMANDS = "python -m garbage_core embed transfer\npython -m garbage_core audit"
CARDS, TILES = 6, 12  # findings to a page: of several photos, of one


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
        st.stop()
    return findings


@cache.data(max_entries=4)
def _read(path: Path, run: Run | None) -> pd.DataFrame:
    return findings_for(run) if run else load_findings(path)


def write_numbers(findings: pd.DataFrame) -> None:
    """Writes how many findings of each kind there are."""
    st.subheader("How much of each kind", anchor=False)
    grid = st.grid(3, min_column_width=150)
    for name, kind in FINDINGS.items():
        rows = findings_of(findings, name)
        note = f"{kind.meaning} {count(len(rows), 'photo')}."
        grid.metric(kind.title, f"{rows['finding'].nunique():,}", border=True, help=note)


def write_method() -> None:
    """Says how each kind of finding was found."""
    with st.expander("How all this was found"):
        st.markdown("\n".join(f"- **{kind.title}.** {kind.how}" for kind in FINDINGS.values()))
        st.code(COMMANDS, language="bash")


@st.fragment
def write_findings(findings: pd.DataFrame, classes: list[str]) -> None:
    """Lets the reader choose among the findings and shows them, photo beside photo."""
    there = [view for view in FINDINGS if not findings_of(findings, view).empty]
    if not there:
        st.markdown("Nothing was found.")
        return
    keep_valid("kind", there)
    view = st.pills(
        "Kind",
        there,
        default=there[0],
        required=True,
        format_func=lambda name: FINDINGS[name].title,
        label_visibility="collapsed",
        key="kind",
        bind="query-params",
    )
    st.caption(FINDINGS[view].meaning)
    rows = findings_of(findings, view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = _choose("Class", "class", [name for name in classes if name in set(rows["label"])], str)
        split = _choose(
            "Split",
            "found_in",
            [name for name in SPLIT_NAMES if name in set(rows["split"])],
            lambda name: SPLIT_NAMES.get(name, name),
        )
        fitting = rows[((rows["label"] == label) | (label == ALL)) & ((rows["split"] == split) | (split == ALL))]
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
    if rows.empty:
        st.info("There is no finding of this kind with such a photo.", icon=":material/search_off:")
        return
    _write_page(rows, view, f"{view}-{label}-{split}")


def _choose(title: str, key: str, options: list[str], name: Callable[[str], str]) -> str:
    keep_valid(key, [ALL, *options])
    return st.selectbox(
        title,
        [ALL, *options],
        format_func=lambda option: "All" if option == ALL else capital(name(option)),
        key=key,
        bind="query-params",
        width=180,
    )


def _write_page(rows: pd.DataFrame, view: str, key: str) -> None:
    """Shows a page of findings: groups as cards of photos side by side, single photos as a gallery."""
    dataset = dataset_or_none()
    single = not FINDINGS[view].duplicates
    numbers = rows["finding"].unique()
    size = TILES if single else CARDS
    pages = -(-len(numbers) // size)
    place = st.container()
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    chosen = rows[rows["finding"].isin(numbers[(page - 1) * size : page * size])]
    with place:
        if single:
            gallery(chosen["file"].tolist(), [_caption(row, view) for row in chosen.itertuples()], dataset)
        else:
            grid = st.grid(2, min_column_width=300, border=True)
            for _, group in chosen.groupby("finding", sort=False):
                with grid.cell():
                    _write_card(group, dataset)
    if dataset is None:
        offer_download("The photos are not on this machine, so these tiles only name them.")


def _write_card(group: pd.DataFrame, dataset: "Dataset | None") -> None:
    gallery(
        group["file"].tolist(),
        [_caption(row, str(row.kind)) for row in group.itertuples()],
        dataset,
        columns=min(3, len(group)),
    )
    if group["kind"].iloc[0] == "identical":
        st.caption("Identical.")
        return
    cosine = group["cosine"].min()
    st.caption(
        f"At most {count(int(group['bits'].max()), 'bit')} of 256 differ"
        + ("." if pd.isna(cosine) else f"; the network's features of them are {percent(cosine)} alike."),
    )


def _caption(row: Any, view: str) -> str:
    text = f"{chip(row.label)} {escape(row.label)}, {SPLIT_NAMES.get(row.split, escape(row.split))}"
    if view == "mislabeled":
        text += f"; rather **{escape(row.suggested)}**?"
    return text
