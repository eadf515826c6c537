"""The parts of the page on the audit: what was found, photo beside photo, and what it does to a result."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app.gallery import dataset_or_none, gallery, offer_download
from garbage_app.shared import (
    NBSP,
    SPLIT_NAMES,
    capital,
    chip,
    evaluation_of,
    interval,
    keep_valid,
    percent,
    plain,
    points,
    run_key,
    table,
)
from garbage_core import figures
from garbage_core.audit import DUPLICATES, findings_path, flawed_photos, load_findings, without_flawed
from garbage_core.markdown import count
from garbage_core.runs import Run

if TYPE_CHECKING:
    from garbage_core.dataset import Dataset
    from garbage_core.evaluation import Evaluation

ALL = "all"
# What can be looked at: title, and what it means. The first two are duplicates that do harm, whatever their kind.
VIEWS: dict[str, tuple[str, str]] = {
    "contradictory": (
        "Different labels",
        "The same photo, or nearly the same, under two labels: one of them must be wrong.",
    ),
    "leak": (
        "Across splits",
        "The same thing, photographed from the same place, in two splits: what the model learns from one photo helps "
        "it with the other, so a test photo of this kind tests nothing.",
    ),
    "identical": ("Identical", "The same file, or the same picture pixel by pixel, more than once."),
    "near": (
        "Nearly identical",
        "Second shots of the same thing from the same place. Either the pictures' hashes differ in few bits, or the "
        "network sees nearly the same in them.",
    ),
    "mislabelled": (
        "Labels in doubt",
        "Classifiers that never saw the photo call it something else, surely enough that the label deserves a second "
        "look. Many of these labels are right, and the photo is hard.",
    ),
    "outlier": (
        "Unlike all others",
        "Even the photos most alike are far away: rare things, blur, odd views. Nothing need be wrong with them.",
    ),
}
CARDS, TILES = 6, 12  # findings to a page: of several photos, of one


@st.cache_data(max_entries=4, show_spinner=False)
def _findings(path: str, stamp: tuple) -> pd.DataFrame:
    return load_findings(path)


def findings_or_stop() -> pd.DataFrame:
    """Returns the findings that are kept with the runs; without any, says how to get them and ends the page."""
    path = findings_path()
    if not path.is_file():
        st.info("The photos have not been audited yet. Do so, then reload this page:", icon=":material/fact_check:")
        st.code("python -m garbage_core embed transfer\npython -m garbage_core audit", language="bash")
        st.stop()
    return _findings(str(path), _stamp())


def _stamp() -> tuple:
    file = findings_path().stat()
    return file.st_mtime_ns, file.st_size


def in_view(findings: pd.DataFrame, view: str) -> pd.DataFrame:
    """Returns the rows of one of `VIEWS`."""
    if view in ("contradictory", "leak"):
        return findings[findings[view] & findings["kind"].isin(DUPLICATES)]
    return findings[findings["kind"] == view]


# What it does to a result


@st.cache_data(max_entries=32, show_spinner="Computing intervals")
def _evaluation(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> "Evaluation":
    from garbage_core.evaluation import evaluate

    kept = without_flawed(_run.predictions, _findings, split)
    return evaluate(kept, _run.classes, split, temperature=_run.temperature)


def clean_evaluation(run: Run, split: str, findings: pd.DataFrame) -> "Evaluation":
    """Returns the metrics of a run on a split without its flawed photos, computed once. Raises GarbageError."""
    return _evaluation(run_key(run), _stamp(), split, run, findings)


@st.cache_data(max_entries=32, show_spinner=False)
def _flawed(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> pd.DataFrame:
    flawed = flawed_photos(_run.predictions, _findings, split)
    rows = _run.predictions[_run.predictions["split"] == split].drop_duplicates("file").set_index("file")
    rows = rows.loc[flawed["file"]]
    answers = rows[[f"p_{name}" for name in _run.classes]].to_numpy().argmax(axis=1)
    return flawed.assign(
        label=rows["label"].to_numpy(),
        predicted=[_run.classes[answer] for answer in answers],
        correct=[_run.classes[answer] == label for answer, label in zip(answers, rows["label"], strict=True)],
    )


def flawed_with_answers(run: Run, split: str, findings: pd.DataFrame) -> pd.DataFrame:
    """Returns `flawed_photos` with the columns `label`, `predicted` and `correct` of the run, computed once."""
    return _flawed(run_key(run), _stamp(), split, run, findings)


@st.cache_data(max_entries=32, show_spinner=False)
def _effect(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> pd.DataFrame:
    return both(evaluation_of(_run, split), clean_evaluation(_run, split, _findings))


def write_effect(run: Run, split: str, findings: pd.DataFrame) -> None:
    """Writes the metrics of a run with all photos of a split, or without the flawed ones, as the reader chooses."""
    before, after = evaluation_of(run, split), clean_evaluation(run, split, findings)
    flawed = flawed_with_answers(run, split, findings)
    left_out = st.toggle(
        f"Leave out the {count(len(flawed), 'photo')} that cannot be counted on",
        key="without",
        bind="query-params",
        help="Photos with a duplicate under another label, or with a duplicate in a split that came before: for test "
        "photos, training and validation.",
        disabled=flawed.empty,
    )
    shown = after if left_out else before
    grid = st.grid(3, min_column_width=200)
    for name, title in (("accuracy", "Accuracy"), ("macro_f1", "Macro-F1"), ("ece_calibrated", "Calibration error")):
        value, low, high = shown.metric(name)
        grid.metric(
            title,
            percent(value),
            f"{100 * low:.1f} to {100 * high:.1f}",
            delta_description=f"95{NBSP}% interval",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
    st.caption(
        f"{plain(run.title)} on {count(shown.n, f'{SPLIT_NAMES.get(split, split)} photo')}"
        + (f" of {before.n:,}." if left_out else ".")
        + (
            f" On the {len(flawed):,} others it is right {count(int(flawed['correct'].sum()), 'time')}."
            if left_out
            else ""
        )
    )
    if flawed.empty:
        return
    with st.expander("Every metric with and without them"):
        table(_effect(run_key(run), _stamp(), split, run, findings), "effect-table")
    with st.expander(f"Which photos these are ({len(flawed):,})"):
        table(
            pd.DataFrame(
                {
                    "Photo": flawed["file"],
                    "Class": flawed["label"],
                    "Answer": flawed["predicted"],
                    "Why": [
                        " and ".join(
                            text
                            for text, applies in (
                                ("another label on its duplicate", row.contradictory),
                                ("a duplicate in an earlier split", row.leak),
                            )
                            if applies
                        )
                        for row in flawed.itertuples()
                    ],
                }
            ),
            "flawed-table",
        )


def both(before: "Evaluation", after: "Evaluation") -> pd.DataFrame:
    """Returns every metric, and recall, precision and F1 of every class, with and without the flawed photos."""
    rows = []
    for name in before.metrics["metric"]:
        values = before.metric(name), after.metric(name)
        rows.append(_row(figures.metric_name(name), *values, figures.is_share(name)))
    for title, column in (("Recall", "recall"), ("Precision", "precision"), ("F1", "f1")):
        columns = [column, f"{column}_low", f"{column}_high"]
        for label in before.classes:
            values = (e.per_class.set_index("label").loc[label, columns].tolist() for e in (before, after))
            rows.append(_row(f"{title}, {label}", *values, True))
    return pd.DataFrame(rows)


def _row(name: str, before: tuple, after: tuple, share: bool) -> dict[str, str]:
    if share:
        with_all, without, change = interval(*before), interval(*after), points(after[0] - before[0])
    else:
        with_all, without = (f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in (before, after))
        change = f"{after[0] - before[0]:+.3f}".replace("-", "\u2212")
    return {"Metric": name, "All photos": with_all, "Without them": without, "Change": change}


# What was found


@st.fragment
def write_findings(findings: pd.DataFrame, classes: list[str]) -> None:
    """Lets the reader choose among the findings and shows them, photo beside photo."""
    st.subheader("What was found", anchor=False)
    there = [view for view in VIEWS if not in_view(findings, view).empty]
    if not there:
        st.markdown("Nothing.")
        return
    keep_valid("kind", there)
    view = st.pills(
        "Kind",
        there,
        default=there[0],
        required=True,
        format_func=lambda name: VIEWS[name][0],
        label_visibility="collapsed",
        key="kind",
        bind="query-params",
    )
    st.caption(VIEWS[view][1])
    rows = in_view(findings, view)
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
            lambda: rows.to_csv(index=False).encode(),
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


def _choose(title: str, key: str, options: list[str], name) -> str:
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
    single = view in ("mislabelled", "outlier")
    numbers = rows["finding"].unique()
    size = TILES if single else CARDS
    pages = -(-len(numbers) // size)
    place = st.container()
    page = 1
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            page = st.pagination(pages, key=f"page-{key}")
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
        [_caption(row, row.kind) for row in group.itertuples()],
        dataset,
        columns=min(3, len(group)),
    )
    if group["kind"].iloc[0] == "identical":
        st.caption("Identical.")
        return
    cosine = group["cosine"].min()
    st.caption(
        f"At most {count(int(group['bits'].max()), 'bit')} of 256 differ"
        + ("." if pd.isna(cosine) else f"; to the network they are {percent(cosine)} alike."),
    )


def _caption(row: tuple, view: str) -> str:
    text = f"{chip(row.label)} {plain(row.label)}, {SPLIT_NAMES.get(row.split, plain(row.split))}"
    if view == "mislabelled":
        text += f"; rather **{plain(row.suggested)}**?"
    return f"{text}  \n{plain(row.file.rpartition('/')[2])}"
