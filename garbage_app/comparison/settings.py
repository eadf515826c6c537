"""What differs between the trainings of two runs besides their starting weights, from their configs."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, capital, count, duration, escape, percent

# What no row is made of: names, the start itself, and what the rows of `_WORDED` say already.
_NOT_SHOWN = {"name", "stages", "weights", "pass_through", "height", "width", "epochs", "train_from", "teacher_weight"}
_NOT_SHOWN |= {"protocol", "augmentation", "background_replacement", "precision", "filters", "blocks", "version"}
# What a training took and where it ran: nothing that it learned from.
_CIRCUMSTANCES = {"Training time", "Machine"}
_TITLES = {
    "imbalance": "Strategy against imbalance",
    "ema": "Average of the weights, momentum",
    "cached_passes": "Cached passes",
    "probe": "Linear probe, strength",
    "train_batch_norms": "Batch norms learn",
}


def differing_settings(a: Run, b: Run) -> pd.DataFrame:
    """Returns the settings of two trainings that differ, apart from the starting weights, the weightiest first.

    Args:
        a: A run.
        b: Another.

    Returns:
        Columns `Setting` and the titles of both runs, in words; no rows if nothing but the start differs.
    """
    table = settings(a, b, list(_WORDED) + _fields())
    return table[table.iloc[:, 1] != table.iloc[:, 2]].reset_index(drop=True)


def settings(a: Run, b: Run, which: Sequence[str] = ()) -> pd.DataFrame:
    """Returns settings of two trainings in words, columns as `differing_settings`.

    Args:
        a: A run.
        b: Another.
        which: Rows; without any, the start and what a reader should think of first.
    """
    rows: list[tuple[str, str, str]] = []
    for name in which or ["Starting weights", *_WORDED, "imbalance", "optimizer", "dropout"]:
        say = {"Starting weights": lambda run: run.start, **_WORDED}.get(name)
        rows += [(name, say(a), say(b)) if say else (_title(name), _value(a.config, name), _value(b.config, name))]
    return pd.DataFrame(rows, columns=["Setting", a.title, b.title])


def write_settings(pair: tuple[Run, Run]) -> None:
    """Writes the table of what differs besides the start, so that nobody takes the start for all of it."""
    table = differing_settings(*pair)
    st.markdown("**What differs besides the start**")
    if table.empty:
        st.caption("Nothing: these two trainings differ in their starting weights alone.")
        return
    rows = table.map(lambda text: escape(text, 200)).rename(columns=escape).set_index("Setting")
    weighty = [title for title in rows.index if title in _WORDED]
    st.table(rows.loc[weighty], border="horizontal")
    if set(rows.index) <= _CIRCUMSTANCES:
        st.caption("Both are one recipe to the letter: what separates their results is the start.")
    else:
        st.caption("So what separates these two is a whole training, not the start alone.")
    if len(rest := rows.drop(index=weighty)):
        with st.expander(f"{capital(count(len(rest), 'more setting'))} that differ"):
            st.table(rest, border="horizontal")


def in_turn(values: list[str]) -> str:
    """Returns what each stage has, repeated values once, with an arrow for each change."""
    changes = [value for place, value in enumerate(values) if place == 0 or value != values[place - 1]]
    return " \u2192 ".join(changes)


def _fields() -> list[str]:
    """Returns the names of all settings that have a row of their own."""
    names = [field.name for kind in (TrainingConfig, Stage) for field in dataclasses.fields(kind)]
    return [name for name in dict.fromkeys(names) if name not in _NOT_SHOWN]


def _title(field: str) -> str:
    return _TITLES.get(field) or field.replace("_", " ").capitalize()


def _value(config: TrainingConfig, field: str) -> str:
    """Returns a setting in words: of the whole training, or of its stages in turn."""
    values = [getattr(config, field)] if hasattr(config, field) else [getattr(s, field) for s in config.stages]
    if field in ("mixup", "cutmix"):
        return in_turn(["as in the pipeline" if value < 0 else f"{value:g}" for value in values])
    return in_turn([_word(value) for value in values])


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ") or "none"


def _sizes(run: Run) -> str:
    config = run.config
    pairs = [config.size(stage) for stage in config.stages]
    final = _pixels(config.height, config.width)
    trained = in_turn([_pixels(*size) for size in pairs])
    return (trained or final) if trained.endswith(final) or not trained else f"{trained}; classifies at {final}"


def _pixels(height: int, width: int) -> str:
    return f"{width}{NBSP}x{NBSP}{height}"


def _epochs(run: Run) -> str:
    stages = [stage for stage in run.config.stages if stage.epochs]
    total = len(run.history)
    return f"{total} in {count(len(stages), 'stage')}" if stages else f"{total}"


def _trained_layers(run: Run) -> str:
    """Returns which part of the network learns, stage by stage."""
    words = {"all": "the whole network", "head": "the head"}
    return in_turn([words.get(s.train_from, f"{s.train_from} and all after it") for s in run.config.stages])


def _backgrounds(run: Run) -> str:
    shares = [stage.background_replacement for stage in run.config.stages]
    return in_turn([f"of {percent(share, 0)} of the photos" if share else "none" for share in shares])


def _precision(run: Run) -> str:
    """Returns the precision of the arithmetic; for `auto` what was chosen."""
    return str(run.info.get("precision") or run.config.precision)


def _photos(run: Run) -> str:
    sets = [f"{int(run.split_counts.get('train', pd.Series(dtype=int)).sum()):,}"]
    for extra in run.info.get("extra_sets") or []:
        photos = sum(extra.get("splits", {}).get("train", {}).values())
        sets += [f"{photos:,} of {extra['name']}"]
    return " + ".join(sets)


# In the order of how much a reader should think of them.
_WORDED: dict[str, Callable[[Run], str]] = {
    "Photos, pixels": _sizes,
    "Training photos": _photos,
    "Augmentation": lambda run: in_turn([stage.augmentation for stage in run.config.stages]),
    "Background replacement": _backgrounds,
    "Layers that learn": _trained_layers,
    "Epochs": _epochs,
    "Training time": lambda run: duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
    "Machine": lambda run: str(run.info.get("device", "unknown")).replace(" ", NBSP),
    "Precision": _precision,
    "Network": lambda run: run.config.network,
}
