"""What is in the data: classes, splits, sizes, and the photos themselves where they are on this machine."""

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.gallery import dataset_or_none, gallery, offer_download
from garbage_app.router import ensure_routed
from garbage_app.shared import SPLIT_NAMES, answer, capital, chip, percent, plain, question, show, table
from garbage_core import figures
from garbage_core.dataset import Dataset, official_splits, split_counts, split_dataset
from garbage_core.markdown import count
from garbage_core.runs import list_runs

ensure_routed()

SAMPLES = 12


def photos_by_split(dataset: Dataset | None) -> tuple[pd.DataFrame, str]:
    """Returns a table file, label, split and where it comes from: the photos here, a run, or the authors' lists."""
    if dataset is not None:
        return split_dataset(dataset), f"Counted in {plain(dataset.source.name, 120)}."
    if runs := list_runs():
        run = runs[-1]
        return run.predictions[["file", "label", "split"]], f"As recorded by the training of {plain(run.title)}."
    lists = pd.DataFrame(official_splits().items(), columns=["file", "split"])
    return lists.assign(label=lists["file"].str.split("/").str[0]), "From the lists of the data set's authors."


def write_distribution(counts: pd.DataFrame) -> None:
    """Draws photos per class and split, with the numbers folded away."""
    st.subheader("How many photos of each class", anchor=False)
    show(figures.class_distribution(counts.rename(columns=SPLIT_NAMES)), "class-distribution")
    with st.expander("The numbers, and what an even share would be"):
        totals = counts.sum(axis=1)
        shares = totals / totals.sum()
        rows = counts.rename(columns=lambda name: capital(SPLIT_NAMES.get(name, name)))
        rows.insert(0, "Class", rows.index)
        rows["All"] = totals
        rows["Share"] = 100 * shares
        for split in counts:
            name = capital(SPLIT_NAMES.get(split, split))
            rows[f"{name}, even"] = shares * counts[split].sum()
        decimals = {name: st.column_config.NumberColumn(format="%.1f") for name in rows if name.endswith(", even")}
        table(rows, "counts", decimals | {"Share": st.column_config.NumberColumn(format="%.1f\u00a0%%")})
        st.caption("Even: the number a split would have if every class were dealt out in the same proportion.")


def write_sizes(dataset: Dataset) -> None:
    """Says how large the photos are; draws it only where there is something to see."""
    st.subheader("How large the photos are", anchor=False)
    sizes = dataset.photos.groupby(["width", "height"]).size()
    if len(sizes) == 1:
        width, height = sizes.index[0]
        st.markdown(f"All of them are {width:,} by {height:,} pixels.")
        show(figures.file_sizes(dataset.photos, dataset.classes), "file-sizes")
        return
    width, height = sizes.idxmax()
    st.markdown(
        f"{count(len(sizes), 'size')}; the most common is {width:,} by {height:,} pixels ({sizes.max():,} photos)."
    )
    left, right = st.columns(2)
    with left:
        show(figures.photo_sizes(dataset.photos), "photo-sizes")
    with right:
        show(figures.file_sizes(dataset.photos, dataset.classes), "file-sizes")


@st.fragment
def write_samples(dataset: Dataset, photos: pd.DataFrame) -> None:
    """Shows photos drawn at random, of all classes or of one."""
    st.subheader("What the photos look like", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.pills(
            "Class",
            ["all", *dataset.classes],
            default="all",
            required=True,
            format_func=capital,
            key="class",
            bind="query-params",
        )
        if st.button("Draw others", icon=":material/casino:", help="Other photos, at random"):
            st.session_state["sample_seed"] = st.session_state.get("sample_seed", 0) + 1
    rows = photos if label == "all" else photos[photos["label"] == label]
    seed = st.session_state.get("sample_seed", 0)
    chosen = rows.iloc[np.random.default_rng(seed).permutation(len(rows))[:SAMPLES]].reset_index(drop=True)
    place = {name: position for position, name in enumerate(dataset.classes)}
    gallery(
        chosen["file"].tolist(),
        [
            f"{chip(row.label, place[row.label])} {plain(row.label)}, {SPLIT_NAMES[row.split]}"
            for row in chosen.itertuples()
        ],
        dataset=dataset,
    )


def write_problems(dataset: Dataset) -> None:
    """Lists files that cannot be used, by name."""
    if dataset.problems.empty:
        return
    st.subheader("What cannot be used", anchor=False)
    st.markdown(f"Left out: {count(len(dataset.problems), 'file')}.")
    table(dataset.problems.rename(columns={"file": "File", "reason": "Reason"}), "problems")


place = question("What is in the data?")
dataset = dataset_or_none()
photos, source = photos_by_split(dataset)
present = list(dict.fromkeys(photos["label"]))
classes = [name for name in (dataset.classes if dataset else sorted(present)) if name in present]
counts = split_counts(photos, classes)
totals = counts.sum(axis=1)
ratio = totals.max() / totals.min()
answer(
    place,
    f"{totals.sum():,} photos of {len(totals)} classes; the largest, {plain(totals.idxmax())}, has "
    f"{ratio:.1f} times as many as the smallest, {plain(totals.idxmin())}.",
    source,
)
grid = st.grid(3, min_column_width=100)
for split in counts:
    grid.metric(
        capital(SPLIT_NAMES[split]),
        f"{counts[split].sum():,}",
        border=True,
        help=f"{percent(counts[split].sum() / totals.sum())} of all photos.",
    )

write_distribution(counts)
if dataset is None:
    st.subheader("What the photos look like", anchor=False)
    offer_download(
        "The photos are not on this machine. The models and their results work without them; the galleries need them."
    )
else:
    write_samples(dataset, photos)
    write_sizes(dataset)
    write_problems(dataset)
if set(classes) <= {"cardboard", "glass", "metal", "paper", "plastic", "trash"}:
    with st.expander("Where the photos come from"):
        st.markdown(
            "[TrashNet](https://github.com/garythung/trashnet) by Gary Thung and Mindy Yang, 2016, MIT licence: things "
            "laid on a white posterboard and photographed with phones in sunlight or room light. Photos from a bin, a "
            "belt or a street look different, so expect more mistakes there."
        )
