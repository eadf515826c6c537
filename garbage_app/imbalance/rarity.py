"""What rarity does, what each strategy buys and costs, and when none is needed, on one screen."""

import pandas as pd
import streamlit as st

from garbage_app.imbalance.lab import DRAWS, Choice, Files, said
from garbage_app.subject import fingerprint
from garbage_app.widgets.charts import drawn, show
from garbage_app.widgets.choosers import choose_metric
from garbage_core.errors import GarbageError
from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.imbalance_lab import rarity_curve
from garbage_core.studies import tables as studies
from garbage_core.studies.imbalance_findings import rarity_sentence
from garbage_core.utils.text import NBSP, count, escape, percent, small

_METRICS = ("recall", "precision", "f1", "macro_f1")


def headline(files: Files) -> tuple[str, str]:
    """Returns the computed answer to the page's question, and what it rests on."""
    lab, label = files.lab, files.lab.classes[files.lab.rarest]
    levels = lab.levels()
    tested = lab.counts("test")
    note = (
        f"Linear classifiers on ImageNet features; {count(int(tested.sum()), 'test photo')}, {tested[lab.rarest]} of "
        f"{label}; mean of {DRAWS} draws."
    )
    rare = levels[-2] if len(levels) > 2 else levels[-1]
    return said(rarity_sentence(files.curve, rare)), said(note)


def write_rarity(files: Files, choice: Choice) -> None:
    """Draws the precomputed curve of the rarest class, beside what every strategy reaches with as many photos."""
    lab, label = files.lab, files.lab.classes[files.lab.rarest]
    photos = choice.counts[lab.rarest]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        place = st.container()
        metric = choose_metric({name: lookup(name).title for name in _METRICS}, key="curve")
        key = ("rarity curve", files.path, metric, choice.strategy, photos)
        figure = drawn(lambda: rarity_curve(files.means, metric, label, choice.strategy, photos), *key)
        with place:
            show(figure, f"rarity-{metric}", data=files.curve)
    with right:
        levels = lab.levels()
        level = min(levels, key=lambda other: abs(other - photos))
        st.markdown(f"**What a strategy buys and costs: {level} photos of {escape(label)}**")
        _strategies(files.means[files.means["train_photos"] == level], label)
        st.caption(
            f"Mean of {DRAWS} draws; all other classes have all their photos. Precision: of the photos predicted as "
            f"{escape(label)}, how many are."
        )
        for sentence in _other_settings():
            st.markdown(f"- {sentence}")


def _strategies(rows: pd.DataFrame, label: str) -> None:
    table = pd.DataFrame({"Strategy": [studies.strategy_name(name) for name in rows["strategy"]]})
    for metric in ("recall", "precision", "macro_f1"):
        values = rows[metric].to_numpy(float)
        table[lookup(metric).title] = ["none" if pd.isna(value) else percent(value, 0) for value in values]
    st.table(table.set_index("Strategy"), border="horizontal")


def _other_settings() -> list[str]:
    """Says what whole networks and heads on all features show: what it costs there, and when nothing is needed."""
    sentences = []
    try:
        runs = studies.read_strategy_runs(studies.study_path(studies.STRATEGY_RUNS, fingerprint()))
        rarest = studies.rarest_class(runs)
        rows = studies.rows_of(runs, "recall", "test", rarest).set_index("strategy")
        precision = studies.rows_of(runs, "precision", "test", rarest).set_index("strategy")["value"]
        for name in rows.index.drop(studies.BASELINE):
            change = 100 * rows["difference"][name]
            sentences.append(
                f"**In a whole network** trained from {escape(runs['start'].iloc[0])}: "
                f"{small(studies.strategy_name(str(name)))}, {change:+.1f} points of recall of {escape(rarest)}; "
                f"precision {percent(precision[studies.BASELINE])} to {percent(precision[name])}."
            )
    except GarbageError:
        pass  # said below, where those runs are shown
    try:
        table = studies.read_imbalance(studies.study_path("imbalance", fingerprint()))
        label = studies.rarest_class(table)
        photos = int(studies.classes_of(table)["train_photos"].min())
        found = studies.imbalance_conclusion(table, "test").partition(";")[0]
        sentences.append(
            f"**When none is needed:** with all {photos} photos of {escape(label)} and all{NBSP}features, "
            f"{escape(small(found), 300)}."
        )
    except GarbageError:
        pass
    return sentences
