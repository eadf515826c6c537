"""Remedies against imbalance in whole networks: runs that differ in their remedy, and in nothing else.

    python -m garbage_core train scratch --name scratch-none --set imbalance=none
    python -m garbage_core study imbalance scratch-none scratch

The study of `study_imbalance` trains heads, thirty of them in minutes; this one takes what hours of training have left,
for the question that heads cannot answer: what a remedy does to the features that are learned with it. Nothing here
loads Keras.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.run import Run
from garbage_core.studies.measures import Measures, average, measure, measure_rows
from garbage_core.studies.tables import ALL_SEEDS, BASELINE, IMBALANCE_COLUMNS, STRATEGY_RUN_COLUMNS

_OWN = ("name", "imbalance", "seed", "weights")  # what may differ between the configs; weights by their hash


def measure_strategies(runs: Sequence[Run], resamples: int = 2000) -> pd.DataFrame:
    """Measures finished runs as the imbalance study measures its heads.

    Args:
        runs: At least one trained with `imbalance=none` and one with another remedy; several of one remedy are its
            seeds.
        resamples: Number of draws behind the intervals.

    Returns:
        The table, as `studies.read_strategy_runs` describes it, for val and test.

    Raises:
        GarbageError: The runs do not have the same photos and recipe, or not the same seeds for every remedy.
    """
    by_strategy: dict[str, dict[int, Run]] = {}
    for run in runs:
        strategy, seed = run.config.imbalance, int(run.info.get("seed", 0))
        if seed in by_strategy.setdefault(strategy, {}):
            raise GarbageError(
                f"The runs {by_strategy[strategy][seed].name!r} and {run.name!r} have the same strategy, "
                f"{strategy}, and the same seed, {seed}: name one of them."
            )
        by_strategy[strategy][seed] = run
        check_alike(runs[0], run, _OWN, "compare runs that differ in their remedy alone.")
    if BASELINE not in by_strategy or len(by_strategy) < 2:
        raise GarbageError(
            f"The runs have the remedies {', '.join(by_strategy)}: name one trained with imbalance=none, and one with "
            "another remedy."
        )
    for strategy, seeds in by_strategy.items():
        if seeds.keys() != by_strategy[BASELINE].keys():
            raise GarbageError(
                f"The runs with {strategy} have the seeds {_list(seeds)}, those without a remedy "
                f"{_list(by_strategy[BASELINE])}: train both with the same ones."
            )
    by_strategy = {BASELINE: by_strategy[BASELINE], **by_strategy}
    measures = {}
    for strategy, seeds in by_strategy.items():
        for seed, run in sorted(seeds.items()):
            for split in ("val", "test"):
                labels, probabilities, _ = to_arrays(run.predictions, run.classes, split)
                measures[strategy, split, seed] = measure(
                    labels, probabilities, run.classes, run.temperature, resamples
                )
    train = runs[0].predictions.query("split == 'train'")["label"].value_counts()
    table = strategies_table(measures, {name: int(train.get(name, 0)) for name in runs[0].classes})
    return table.assign(start=runs[0].start)[list(STRATEGY_RUN_COLUMNS)]


def strategies_table(measures: Mapping[tuple[str, str, int], Measures], counts: Mapping[str, int]) -> pd.DataFrame:
    """Puts the measures of every strategy, split and seed together, then those of the mean over the seeds.

    Args:
        measures: By strategy, split and seed; of the strategies `none` has to be among them.
        counts: Training photos of every class.

    Returns:
        Columns `IMBALANCE_COLUMNS`.
    """
    counts = {**counts, "": sum(counts.values())}
    strategies, splits, seeds = (list(dict.fromkeys(key[place] for key in measures)) for place in range(3))
    groups = [(str(seed), [seed]) for seed in seeds] + [(ALL_SEEDS, seeds)]
    parts = []
    for strategy in strategies:
        for split in splits:
            for name, members in groups:
                own, baseline = (average([measures[s, split, m] for m in members]) for s in (strategy, BASELINE))
                rows = measure_rows(own, None if strategy == BASELINE else baseline)
                rows["train_photos"] = rows["class"].map(counts)
                parts.append(rows.assign(strategy=strategy, split=split, seed=name))
    return pd.concat(parts, ignore_index=True)[list(IMBALANCE_COLUMNS)]


def check_alike(first: Run, other: Run, own: Sequence[str], advice: str) -> None:
    """Raises GarbageError unless two runs have the same photos, starting weights and recipe, each a valid config.

    Args:
        first: One run.
        other: The other.
        own: Keys of the config that may differ. Starting weights are compared by their hash.
        advice: What to do, as the end of the message.
    """

    def recipe(run: Run) -> dict:
        """The config without what may differ; a run from before a key existed has its default."""
        return {key: value for key, value in run.config.to_dict().items() if key not in own}

    a, b = recipe(first), recipe(other)
    different = sorted(key for key in a if a[key] != b[key])
    facts = {"classes": "classes", "data_fingerprint": "photos"}
    different += [word for key, word in facts.items() if first.info.get(key) != other.info.get(key)]
    starts = [run.info.get("starting_weights") or {} for run in (first, other)]
    hashes, sources = ([start.get(key) for start in starts] for key in ("sha256", "source"))
    if hashes[0] != hashes[1] or (hashes[0] is None and sources[0] != sources[1]):
        different.append("starting weights")
    if different:
        raise GarbageError(f"The runs {first.name!r} and {other.name!r} differ in {', '.join(different)}: {advice}")


def _list(numbers: Mapping[int, Run]) -> str:
    return ", ".join(map(str, np.sort(list(numbers))))
