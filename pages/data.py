"""What is in the data: classes, splits, sizes, colors, and the photos themselves where they are on this machine."""

import pandas as pd

from garbage_app.data.class_balance import write_class_balance
from garbage_app.data.photo_map import write_map
from garbage_app.data.photo_statistics import write_statistics
from garbage_app.data.samples import write_samples
from garbage_app.data.splits import photos_by_split, write_problems, write_source, write_totals
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import shared_runs
from garbage_app.widgets.gallery import dataset_or_none
from garbage_app.widgets.page_header import answer, question
from garbage_core.data.dataset import split_counts
from garbage_core.utils.text import escape

ensure_routed()

place = question("What is in the data?")
dataset, runs = dataset_or_none(), shared_runs()
photos, source = photos_by_split(dataset, runs)
present = list(photos["label"].unique())
classes = [name for name in (dataset.classes if dataset else sorted(present)) if name in present]
counts = split_counts(photos, classes)
totals = counts.sum(axis=1)
answer(
    place,
    f"{totals.sum():,} photos of {len(totals)} classes; the largest, {escape(str(totals.idxmax()))}, has "
    f"{totals.max() / totals.min():.1f} times as many as the smallest, {escape(str(totals.idxmin()))}.",
    source,
)
key = str(pd.util.hash_pandas_object(photos[["file", "label", "split"]], index=False).sum())
write_totals(counts)
write_class_balance(counts, key)
write_samples(dataset, photos, classes)
write_statistics(photos, classes, key)
write_map(runs)
if dataset is not None:
    write_problems(dataset)
write_source(classes)
