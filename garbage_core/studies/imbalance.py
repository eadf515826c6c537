"""The imbalance study: the effect of each strategy of `training.imbalance`, on linear heads and on whole networks.

    python -m garbage_core study imbalance --weights imagenet            # heads on one frozen network
    python -m garbage_core train scratch --name scratch-none --set imbalance=none
    python -m garbage_core study imbalance scratch-none scratch          # finished runs

The first form trains the head alone, on pooled features of the network as the transfer recipe finds it (`features`): a
passage through conv5, forward and back, takes minutes an epoch on a processor, which thirty trainings cannot afford. It
is also the setting in which rebalancing was found to act: Kang et al. 2020 (arXiv:1910.09217, "Decoupling
representation and classifier") learn features from the photos as they come and rebalance the classifier alone, and gain
more than with any strategy applied to the whole network. All heads have the same features, photos, steps, optimizer and
schedule; Adam divides out the scale of a loss, so a loss that is smaller throughout (`focal`) is no handicap. There is
no choice of an epoch: the last one counts. What the budget fixes was chosen on val, by the mean macro-F1 over all six
strategies, so that it suits none of them best; see `Budget`.

The second form measures runs that differ in their strategy and in nothing else, for the question that heads cannot
answer: what a strategy does to the features that are learned with it. It does not load Keras.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import fit_temperature
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.run import Run
from garbage_core.studies.measures import Measures, average, measure, measure_rows
from garbage_core.studies.tables import ALL_SEEDS, BASELINE, IMBALANCE_COLUMNS, STRATEGY_RUN_COLUMNS
from garbage_core.training.imbalance import STRATEGIES, loss_weights, make_loss
from garbage_core.utils.files import write_csv

if TYPE_CHECKING:
    import keras

    from garbage_core.studies.features import FeatureMaker
    from garbage_core.training.batches import FeatureSource

_OWN = ("name", "imbalance", "seed", "weights")  # what may differ between the configs; weights by their hash


@dataclass(frozen=True)
class Budget:
    """What every head of the study gets.

    Attributes:
        epochs: Passes over the training photos.
        learning_rate: Of AdamW, falling to zero along half a cosine.
        weight_decay: Decoupled. Much of it: without, a linear head comes to tell all training photos apart, and then
            weights in the loss no longer matter (Byrd and Lipton 2019, arXiv:1812.03372).
        batch_size: Photos per step.
        label_smoothing: Share of each label that is spread over all classes.
    """

    epochs: int = 60
    learning_rate: float = 1e-3
    weight_decay: float = 1.0
    batch_size: int = 64
    label_smoothing: float = 0.0


def run_imbalance_study(
    dataset: Dataset,
    maker: "FeatureMaker",
    budget: Budget,
    seeds: int,
    path: str | Path,
    splits: Sequence[str] = ("val", "test"),
    say: Callable[[str], None] = print,
    strategies: Sequence[str] | None = None,
    resamples: int = 2000,
) -> pd.DataFrame:
    """Trains a head for every strategy and seed, and writes the table.

    Args:
        dataset: The photos; split by the authors' lists where these fit, else stratified.
        maker: Of the features.
        budget: What every head gets.
        seeds: Number of seeds; they are 0, 1, 2 and so on.
        path: File of the table.
        splits: On which splits the heads are measured; `("val",)` while a budget is being chosen.
        say: Told of every head that is done.
        strategies: Names of those to compare, `none` among them; None compares all.
        resamples: Number of resamples behind the intervals.

    Returns:
        The table, as `read_imbalance` describes it.
    """
    from garbage_core.training.batches import FeatureSource

    photos = split_dataset(dataset)
    files = {split: photos.loc[photos.split == split, "file"].tolist() for split in ("train", *splits, "val")}
    place = {name: number for number, name in enumerate(dataset.classes)}
    labels = {s: photos.loc[photos.split == s, "label"].map(place).to_numpy() for s in files}
    averages = maker.averages(files["train"], augmented=True)
    passes = maker.pooled(files["train"], averages, augmented=True)
    mean, scale = passes.mean(axis=(0, 1)), passes.std(axis=(0, 1)) + 1e-6
    source = FeatureSource(((passes - mean) / scale).astype("float16"))
    shown = {s: (maker.pooled(files[s], averages)[0] - mean) / scale for s in {*splits, "val"}}

    measures: dict[tuple[str, str, int], Measures] = {}
    for strategy in strategies or STRATEGIES:
        for seed in range(seeds):
            head = train_head(source, labels["train"], len(dataset.classes), strategy, seed, budget)
            found = {s: _probabilities(head, features) for s, features in shown.items()}
            temperature = fit_temperature(labels["val"], found["val"])
            for split in splits:
                measured = measure(labels[split], found[split], dataset.classes, temperature, resamples)
                measures[strategy, split, seed] = measured
            say(f"{strategy}, seed {seed}: macro-F1 on val {measures[strategy, splits[0], seed].values[1]:.3f}")
    counts = np.bincount(labels["train"], minlength=len(dataset.classes))
    table = strategies_table(measures, {c: int(n) for c, n in zip(dataset.classes, counts, strict=True)})
    write_csv(table, path, "%.5f")
    return table


def train_head(
    source: "FeatureSource", labels: np.ndarray, num_classes: int, strategy: str, seed: int, budget: Budget
) -> "keras.Model":
    """Trains a linear head on pooled features, as `train` would train the last layer.

    Args:
        source: Standardized features, P passes over N photos, of shape (P, N, channels).
        labels: Class index of each photo, shape (N,).
        num_classes: Number of classes C.
        strategy: One of `STRATEGIES`.
        seed: Decides first weights, order, and which pass a photo is taken from.
        budget: Steps, rates, regularization.

    Returns:
        A model from `{"rows": features}` to logits of shape (N, C).
    """
    import keras

    from garbage_core.training import devices
    from garbage_core.training.augmentation import Augmentation
    from garbage_core.training.batches import Augmented, Batches

    keras.utils.set_random_seed(seed)
    counts = np.bincount(labels, minlength=num_classes)
    front = Augmented(Augmentation(), source.shape)
    head = keras.Model(front.inputs, keras.layers.Dense(num_classes, name="predictions")(front.output))
    size = min(budget.batch_size, len(source))
    steps = len(source) // size
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(budget.learning_rate, steps * budget.epochs),
        weight_decay=budget.weight_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    head.compile(optimizer, make_loss(strategy, counts, budget.label_smoothing), jit_compile=devices.jit_compile())
    data = Batches(
        source,
        labels,
        Augmentation(),
        num_classes=num_classes,
        batch_size=size,
        steps=steps,
        strategy=strategy,
        class_weights=loss_weights(strategy, counts),
        seed=(seed,),
    )
    with devices.deterministic():
        head.fit(data, epochs=budget.epochs, verbose=0, shuffle=False, callbacks=[data.follow()])
    return head


def _probabilities(head: "keras.Model", features: np.ndarray) -> np.ndarray:
    """Returns probabilities of shape (N, C), as float64."""
    import keras

    logits = keras.ops.convert_to_numpy(head({"rows": features.astype("float16")})).astype("float64")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def measure_strategies(runs: Sequence[Run], resamples: int = 2000) -> pd.DataFrame:
    """Measures finished runs as the imbalance study measures its heads.

    Args:
        runs: At least one trained with `imbalance=none` and one with another strategy; several of one strategy are its
            seeds.
        resamples: Number of resamples behind the intervals.

    Returns:
        The table, as `read_strategy_runs` describes it, for val and test.

    Raises:
        GarbageError: The runs do not have the same photos and recipe, or not the same seeds for every strategy.
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
        check_alike(runs[0], run, _OWN, "compare runs that differ in their strategy alone.")
    if BASELINE not in by_strategy or len(by_strategy) < 2:
        raise GarbageError(
            f"The runs have the strategies {', '.join(by_strategy)}: name one trained with imbalance=none, and one "
            "with another strategy."
        )
    for strategy, seeds in by_strategy.items():
        if seeds.keys() != by_strategy[BASELINE].keys():
            raise GarbageError(
                f"The runs with {strategy} have the seeds {_list(seeds)}, those without a strategy "
                f"{_list(by_strategy[BASELINE])}: train both with the same ones."
            )
    by_strategy = {BASELINE: by_strategy[BASELINE], **by_strategy}
    measures = {}
    for strategy, seeds in by_strategy.items():
        for seed, run in sorted(seeds.items()):
            for split in ("val", "test"):
                y, p, _ = to_arrays(run.predictions, run.classes, split)
                measures[strategy, split, seed] = measure(y, p, run.classes, run.temperature, resamples)
    train = runs[0].predictions.query("split == 'train'")["label"].value_counts()
    table = strategies_table(measures, {name: int(train.get(name, 0)) for name in runs[0].classes})
    return table.assign(start=runs[0].start)[list(STRATEGY_RUN_COLUMNS)]


def strategies_table(measures: Mapping[tuple[str, str, int], Measures], counts: Mapping[str, int]) -> pd.DataFrame:
    """Puts the measures of every strategy, split and seed together, then those of the mean over the seeds.

    `none` has to be among the strategies; `counts` are the training photos of every class.
    """
    counts = {**counts, "": sum(counts.values())}
    strategies = list(dict.fromkeys(strategy for strategy, _, _ in measures))
    splits = list(dict.fromkeys(split for _, split, _ in measures))
    seeds = list(dict.fromkeys(seed for _, _, seed in measures))
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


def check_alike(first: Run, other: Run, own: Sequence[str], advice: str, same_start: bool = True) -> None:
    """Raises GarbageError unless two runs have the same photos, starting weights (by their hash) and recipe.

    Keys of the config in `own` may differ, and the weights without `same_start`; `advice` says what to do, as the end
    of the message.
    """
    a, b = first.config.to_dict(), other.config.to_dict()  # a run from before a key existed has its default
    different = sorted(key for key in a if key not in own and a[key] != b[key])
    facts = {"classes": "classes", "data_fingerprint": "photos"}
    different += [word for key, word in facts.items() if first.info.get(key) != other.info.get(key)]
    starts = [run.info.get("starting_weights") or {} for run in (first, other)]
    hashes, sources = ([start.get(key) for start in starts] for key in ("sha256", "source"))
    if same_start and (hashes[0] != hashes[1] or (hashes[0] is None and sources[0] != sources[1])):
        different.append("starting weights")
    if different:
        raise GarbageError(f"The runs {first.name!r} and {other.name!r} differ in {', '.join(different)}: {advice}")


def _list(numbers: Mapping[int, Run]) -> str:
    return ", ".join(map(str, np.sort(list(numbers))))
