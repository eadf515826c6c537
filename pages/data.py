"""What is in the data: its photos, if they are here, its classes, a map, and what the background gives away."""

import pandas as pd
import streamlit as st

from garbage_app.data.class_balance import write_class_balance, write_evenness
from garbage_app.data.photo_map import write_map
from garbage_app.data.photo_statistics import write_statistics
from garbage_app.data.samples import write_samples
from garbage_app.data.splits import photos_by_split, unevenness, write_problems, write_source
from garbage_app.router import ensure_routed
from garbage_app.subject import check_dataset, dataset_or_none, shared_runs
from garbage_app.widgets.gallery import offer_download
from garbage_app.widgets.page_header import answer, question, to_try
from garbage_core.data.dataset import split_counts

ensure_routed()

place = question("What is in the data?", "data")
check_dataset()
dataset, runs = dataset_or_none(), shared_runs()
photos, source = photos_by_split(dataset, runs)
present = list(photos["label"].unique())
classes = [name for name in (dataset.classes if dataset else sorted(present)) if name in present]
counts = split_counts(photos, classes)
answer(place, unevenness(photos), source)
key = str(pd.util.hash_pandas_object(photos[["file", "label", "split"]], index=False).sum())
write_samples(dataset, photos, classes)
left, right = st.columns([7, 4], gap="medium")
with left:
    write_map(runs)
with right:
    write_class_balance(counts, key)
to_try("click a point on the map. Which photos lie among those of another class?")
if dataset is None:
    offer_download("The photos are not on this machine. All numbers on this page come without them.")
write_statistics(photos, classes, key)
write_evenness(counts, key)
if dataset is not None:
    write_problems(dataset)
write_source(classes)
