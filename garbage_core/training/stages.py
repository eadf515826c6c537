"""One stage of a training, top to bottom: its photos or features, its model, its optimizer, its epochs."""

import dataclasses
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.data.photo_sets import MAIN_SET, PhotoSets, label_members
from garbage_core.errors import GarbageError
from garbage_core.networks.resnet import freeze, split_network
from garbage_core.networks.weights import StartingWeights
from garbage_core.runs.run import Run
from garbage_core.training import augmentation as augment
from garbage_core.training import devices, partial_labels
from garbage_core.training.augmentation import Augmentation
from garbage_core.training.backgrounds import BackgroundReplacement
from garbage_core.training.batches import (
    Augmented,
    Batches,
    FeatureSource,
    Source,
    TrainingPhotos,
    cache_features,
    class_counts,
    rows_of_epoch,
)
from garbage_core.training.callbacks import EpochEnd, SaveWeights, SwapAverage, say, validate
from garbage_core.training.checkpoint import Checkpoint
from garbage_core.training.distillation import Distillation
from garbage_core.training.imbalance import loss_weights, make_loss
from garbage_core.training.linear_probe import fit_linear_probe
from garbage_core.utils.files import write_text

CONTRADICTED = "contradicted.txt"  # in the checkpoint's folder: photos whose hint was found to be wrong
CACHE_GB = 8.0  # photos of one size that take more than this are decoded when they are needed, not kept in memory


@dataclass(frozen=True)
class Training:
    """What the stages of a training have in common.

    Attributes:
        config: Config of the training.
        sets: The data set, and the extra sets that are trained on as well.
        photos: Table of the photos, see `PhotoSets.table`, without things that are no class.
        protocol: Protocol by which they were split.
        checkpoint: Checkpoint of the training.
        network: Network that is trained.
        started: Starting weights of the network.
        teacher_run: Run that teaches it, or None.
        teacher: Network of that run, or None.
        shards: Number of devices that each batch is dealt out to, see `devices.all_devices`.
        precision: Dtype policy that the training computes in.
    """

    config: TrainingConfig
    sets: PhotoSets
    photos: pd.DataFrame
    protocol: str
    checkpoint: Checkpoint
    network: keras.Model
    started: StartingWeights
    teacher_run: Run | None
    teacher: keras.Model | None
    shards: int
    precision: str

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels: the classes, then the partial labels of extra sets."""
        return *self.sets.classes, *sorted(set(self.photos["label"]) - set(self.sets.classes))

    def labels(self, split: str) -> np.ndarray:
        """Returns the place in `label_names` of the label of each photo of a split, shape (N,)."""
        return self.of(split)["label"].map(self.label_names.index).to_numpy()

    def source(self, split: str, height: int, width: int) -> TrainingPhotos:
        """Returns the photos of a split in one size."""
        return TrainingPhotos(self.sets, self.of(split)["file"].tolist(), height, width, CACHE_GB)

    def of(self, split: str) -> pd.DataFrame:
        """Returns the photos of a split, without those whose hint the linear probe has contradicted."""
        photos = self.photos[self.photos["split"] == split]
        contradicted = self.checkpoint.folder / CONTRADICTED
        if split == "train" and contradicted.is_file():
            photos = photos[~photos["file"].isin(contradicted.read_text(encoding="utf-8").splitlines())]
        return photos


def train_stage(training: Training) -> None:
    """Trains the stage under way, from wherever its checkpoint is, and moves on to the next."""
    config, network, checkpoint = training.config, training.network, training.checkpoint
    number = checkpoint.state.stage
    stage = config.stages[number]
    if checkpoint.start_file:
        network.load_weights(checkpoint.start_file)
    freeze(network, stage.train_from, stage.train_batch_norms)
    frozen, trained = split_network(network, stage.train_from) if stage.cached_passes else (None, network)
    sources = _stage_sources(training, stage, frozen)
    batches = _stage_batches(training, stage, sources["train"])
    model = stage_model(config, stage, trained, batches, training.teacher)
    done = checkpoint.restore(model)
    validated = partial(validate, trained, sources["val"], training.labels("val"), training.of("val")["set"].to_numpy())
    if not done and not checkpoint.state.under_way.start:
        if frozen and stage.probe:
            _probe_head(training, frozen, batches, stage.probe)
            say(f"{stage.name}: the head starts from a logistic regression on the features.")
        if stage.probe or number:
            (height, width), value = config.size(stage), validated()["val_macro_f1"]
            checkpoint.enter(value, (height, width), network)
            say(f"{stage.name}: begins with macro-F1 {value:.3f} on val at {width}x{height} pixels.")
    if done < stage.epochs and not checkpoint.state.under_way.stopped:
        model.fit(
            batches,
            initial_epoch=done,
            epochs=stage.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[
                batches.follow(),
                SaveWeights(checkpoint),
                *([SwapAverage()] if stage.ema else []),
                EpochEnd(config, network, checkpoint, validated, learning_rate(stage, len(batches)), len(batches)),
            ],
        )
    checkpoint.end_stage()


def _stage_sources(training: Training, stage: Stage, frozen: keras.Model | None) -> dict[str, Source]:
    """Returns what a stage trains and validates on: photos, or features of them if it has a frozen part."""
    photos = {split: training.source(split, *training.config.size(stage)) for split in ("train", "val")}
    if frozen:
        plans = {"train": (stage_augmentation(stage), stage.cached_passes), "val": (Augmentation(), 1)}
        total = sum(passes * len(photos[split]) for split, (_, passes) in plans.items())
        checkpoint, seed = training.checkpoint, training.config.seed
        with tqdm(total=total, desc=f"{stage.name}: features", unit="photo") as bar:
            return {
                split: cache_features(
                    frozen,
                    photos[split],
                    augmentation,
                    passes,
                    seed,
                    checkpoint.folder / f"features-{checkpoint.state.stage}-{split}.npy",
                    bar.update,
                )
                for split, (augmentation, passes) in plans.items()
            }
    if stage.background_replacement:
        own = (training.of("train")["set"] == MAIN_SET).to_numpy()
        return photos | {"train": BackgroundReplacement(photos["train"], stage.background_replacement, own)}
    return dict(photos)


def _stage_batches(training: Training, stage: Stage, source: Source) -> Batches:
    """Returns the batches of a stage; each can be dealt out to all devices evenly."""
    config, augmentation, photos = training.config, stage_augmentation(stage), training.of("train")
    labels, members = training.labels("train"), label_members(training.label_names, training.sets.classes)
    shares = photos["share"].to_numpy(float)
    size = min(stage.batch_size, len(source)) // devices.count() * devices.count()
    if not size:
        raise GarbageError(
            f"{len(source)} photos in batches of {stage.batch_size} cannot be dealt out to {devices.count()} devices: "
            f"raise batch_size of stage {stage.name!r}, or add photos."
        )
    return Batches(
        source,
        labels,
        augmentation.only_mixing() if stage.cached_passes else augmentation,
        num_classes=members.shape[1],
        batch_size=size,
        steps=len(rows_of_epoch(shares, np.random.default_rng(0))) * stage.passes_per_epoch // size,
        strategy=config.imbalance,
        class_weights=loss_weights(config.imbalance, class_counts(labels, members, shares)),
        seed=(config.seed, training.checkpoint.state.stage),
        passes=stage.passes_per_epoch,
        shards=training.shards,
        members=members,
        shares=shares,
    )


def _probe_head(training: Training, frozen: keras.Model, batches: Batches, strength: float) -> None:
    """Fits the head on the photos that are surely labeled, and notes whose hint it contradicts."""
    assert isinstance(batches.source, FeatureSource)  # a stage with a probe caches features
    photos, members = training.of("train"), batches.members
    sure = ~photos["weak"].to_numpy(bool) & (members[batches.labels].sum(axis=1) == 1)
    weights = batches.class_weights
    predicted = fit_linear_probe(training.network, frozen, batches.source, batches.labels, strength, weights, sure)
    hinted = members[batches.labels]
    wrong = photos["weak"].to_numpy(bool) & (hinted[np.arange(len(hinted)), predicted] == 0)
    if photos["weak"].any():
        text = "\n".join(photos.loc[wrong, "file"])
        write_text(text, training.checkpoint.folder / CONTRADICTED)
        say(f"{wrong.sum():,} of {photos['weak'].sum():,} hints are contradicted: their photos are left out.")


def stage_augmentation(stage: Stage) -> Augmentation:
    """Returns the augmentation of a stage: a named pipeline, with the mixing that the stage asks for.

    Raises:
        GarbageError: If there is no pipeline of that name, or the strength is out of range.
    """
    mixing = {name: getattr(stage, name) for name in ("mixup", "cutmix") if getattr(stage, name) >= 0}
    return dataclasses.replace(augment.pipeline(stage.augmentation, stage.strength), **mixing)


def stage_model(
    config: TrainingConfig, stage: Stage, network: keras.Model, batches: Batches, teacher: keras.Model | None = None
) -> keras.Model:
    """Puts augmentation in front of what a stage trains, and compiles it.

    Args:
        config: Config of the training that the stage belongs to.
        stage: The stage.
        network: Part of the network that is trained, from rows of the batches to logits of shape (N, C); its frozen
            layers are frozen already.
        batches: Batches that it will be trained on.
        teacher: Network that teaches, from the same rows, if the stage has a weight for it.

    Returns:
        A model from the rows and the drawn values of `augment.draw` to logits, its optimizer built.
    """
    augmented = Augmented(batches.augmentation, batches.source.shape)
    logits = network(augmented.output)
    if teacher and stage.teacher_weight:
        logits = Distillation(stage.teacher_weight, config.teacher_temperature)([logits, teacher(augmented.output)])
    model = keras.Model(augmented.inputs, logits)
    counts, members = class_counts(batches.labels, batches.members, batches.shares), batches.members
    loss = make_loss(config.imbalance, counts, config.label_smoothing)
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy"), keras.metrics.F1Score("macro", name="macro_f1")]
    if len(members) > members.shape[1]:
        loss = partial_labels.loss(config.imbalance, members, config.label_smoothing)
        metrics = [partial_labels.Resolved(metric, members) for metric in metrics]
    optimizer = make_optimizer(config, stage, len(batches))
    model.compile(optimizer, loss, metrics=metrics, jit_compile=devices.jit_compile())
    model.optimizer.build(model.trainable_variables)
    if devices.count() == 1:  # metrics that were built within the first step would have TensorFlow trace it twice
        model.compute_metrics(
            None, np.eye(1, len(members), dtype="float32"), np.zeros((1, members.shape[1]), "float32")
        )
        model.reset_metrics()
    return model


def make_optimizer(config: TrainingConfig, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a stage, which leaves biases and the scales of batch norms out of weight decay.

    Args:
        config: Config of the training that the stage belongs to.
        stage: The stage.
        steps: Number of batches per epoch.
    """
    options = {
        "learning_rate": learning_rate(stage, steps),
        "weight_decay": stage.weight_decay or None,
        "global_clipnorm": config.clip_norm or None,
        "use_ema": stage.ema > 0,
        "ema_momentum": stage.ema or 0.99,
    }
    if config.optimizer == "adamw":
        optimizer = devices.clipping_together(keras.optimizers.AdamW)(**options | {"weight_decay": stage.weight_decay})
    else:
        optimizer = devices.clipping_together(keras.optimizers.SGD)(momentum=0.9, nesterov=True, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def space_needed(config: TrainingConfig, network: keras.Model) -> int:
    """Returns how many bytes the checkpoint of a training takes at most, but for cached features.

    For a moment there are two files of weights with what the optimizer keeps of each (an average more with `ema`), and
    four of weights alone: with which the stage began, the best ones so far of it and of all, and a better one.
    """
    kept = (2 if config.optimizer == "adamw" else 1) + any(stage.ema for stage in config.stages)
    return 4 * network.count_params() * (2 * (1 + kept) + 4)


def learning_rate(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a stage: linear warm-up, then half a cosine down to zero.

    Source: Loshchilov and Hutter 2016, arXiv:1608.03983, without the restarts.

    Args:
        stage: The stage.
        steps: Number of batches per epoch.
    """
    warmup = round(stage.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else stage.learning_rate,
        decay_steps=max(stage.epochs * steps - warmup, 1),
        warmup_target=stage.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
