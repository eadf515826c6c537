"""The imbalance study: what each remedy of `training.imbalance` buys, under one budget, on one frozen network.

    python -m garbage_core study imbalance --weights imagenet

Trained is the head alone, on pooled features of the network as the transfer recipe finds it (`study_features`): a
passage through conv5, forward and back, takes minutes an epoch on a processor, which thirty trainings cannot afford. It
is also the setting in which rebalancing was found to act: Kang et al. 2020 (arXiv:1910.09217, "Decoupling
representation and classifier") learn features from the photos as they come and rebalance the classifier alone, and gain
more than with any remedy applied to the whole network. What a remedy would do to the features themselves the study
cannot say.

All strategies have the same features, photos, steps, optimizer and schedule; Adam divides out the scale of a loss, so a
loss that is smaller throughout (`focal`) is no handicap. There is no choice of an epoch: the last one counts. What the
budget fixes was chosen on val, by the mean macro-F1 over all six strategies, so that it suits none of them best; see
`Budget`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset, split_dataset
from garbage_core.evaluation.calibration import fit_temperature
from garbage_core.studies.features import FeatureMaker
from garbage_core.studies.imbalance_runs import strategies_table
from garbage_core.studies.measures import Measures, measure
from garbage_core.training import devices
from garbage_core.training.augmentation import Augmentation
from garbage_core.training.batches import Augmented, Batches, FeatureSource
from garbage_core.training.imbalance import STRATEGIES, loss_weights, make_loss
from garbage_core.utils.files import write_csv


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
    maker: FeatureMaker,
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
        resamples: Number of draws behind the intervals.

    Returns:
        The table, as `read_imbalance` describes it.

    Raises:
        GarbageError: As `split_dataset`.
    """
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
            answers = {s: _probabilities(head, features) for s, features in shown.items()}
            temperature = fit_temperature(labels["val"], answers["val"])
            for split in splits:
                measures[strategy, split, seed] = measure(
                    labels[split], answers[split], dataset.classes, temperature, resamples
                )
            say(f"{strategy}, seed {seed}: macro-F1 on val {measures[strategy, splits[0], seed].values[1]:.3f}")
    counts = np.bincount(labels["train"], minlength=len(dataset.classes))
    table = strategies_table(measures, {c: int(n) for c, n in zip(dataset.classes, counts, strict=True)})
    write_csv(table, path, "%.5f")
    return table


def train_head(
    source: FeatureSource, labels: np.ndarray, num_classes: int, strategy: str, seed: int, budget: Budget
) -> keras.Model:
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


def _probabilities(head: keras.Model, features: np.ndarray) -> np.ndarray:
    """Returns probabilities of shape (N, C), as float64."""
    logits = keras.ops.convert_to_numpy(head({"rows": features.astype("float16")})).astype("float64")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
