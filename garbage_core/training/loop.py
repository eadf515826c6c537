"""Training: from a config and a data set to a run.

    run = train(load_config("transfer", ["weights=imagenet"]), load_dataset())

A training is a list of stages. Each freezes a part of the network and trains the rest, on fresh photos or on cached
features. Each starts from the best epoch of the one before, by macro-F1 on val. What is kept in the end is the best
epoch, or start of a stage, at the photo size of the last. After every epoch `history.csv` is written and a checkpoint
kept (`garbage_core.training.checkpoint`), so a training that dies goes on with `resume=True` as if nothing had been.
The test photos are looked at once, at the very end, by the finished network.
"""

import datetime
import platform
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

import garbage_core
from garbage_core.config.training_config import Stage, TrainingConfig, load_config
from garbage_core.data.dataset import SPLITS, Dataset, split_dataset
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature, fit_temperature, fit_threshold
from garbage_core.evaluation.card import write_card
from garbage_core.inference.engine import network_probabilities
from garbage_core.networks import build_network
from garbage_core.networks.resnet import freeze, pass_through, split_network
from garbage_core.networks.weights import StartingWeights, load_network, load_starting_weights, save_network
from garbage_core.runs.predictions import to_arrays, write_predictions
from garbage_core.runs.run import SCHEMA_VERSION, Run, check_name, load_run, models_dir
from garbage_core.training import devices
from garbage_core.training.augmentation import Augmentation
from garbage_core.training.backgrounds import BackgroundReplacement
from garbage_core.training.batches import Batches, PhotoSource, Source, cache_features
from garbage_core.training.callbacks import EpochEnd, KeepRaw, SwapAverage, say
from garbage_core.training.checkpoint import Checkpoint
from garbage_core.training.distillation import describe_teacher, find_teacher, load_teacher
from garbage_core.training.distributed import Machines, from_first
from garbage_core.training.extension import check_extends, start_of
from garbage_core.training.imbalance import find_strategy, loss_weights
from garbage_core.training.linear_probe import fit_linear_probe
from garbage_core.training.stages import stage_augmentation, stage_model
from garbage_core.utils.files import file_sha256, write_json
from garbage_core.utils.parallel import map_photos

__all__ = ["Stage", "TrainingConfig", "load_config", "train"]

CACHE_GB = 8.0  # photos of one size that take more than this are decoded when they are needed, not kept in memory


def train(
    config: TrainingConfig,
    dataset: Dataset,
    root: str | Path | None = None,
    resume: bool = False,
    limit: int | None = None,
    extend: Run | None = None,
) -> Run | None:
    """Trains a network and writes its run, together with other machines if `training.distributed` finds some.

    Args:
        config: What to do.
        dataset: The photos.
        root: Folder of the runs; None takes `models_dir()`.
        resume: Go on with an unfinished training of the same config and photos.
        limit: Use at most this many photos of each split, the classes in turn; for trying things out.
        extend: A finished run whose stages are the first ones of the config: they are not trained again.

    Returns:
        The finished run; None on a machine that only helped another one.

    Raises:
        GarbageError: If a finished run or, without `resume`, an unfinished one is already there; if there is nothing to
            resume, or it was begun with another config or other photos; if a split has no photos; if the config does
            not begin with the stages of the run to extend.
    """
    machines = Machines.from_environment()
    root = Path(root or models_dir())
    folder = machines.own_root(root) / check_name(config.name)
    for stage in config.stages:
        stage_augmentation(stage)  # refuses what is unknown before hours have passed
    find_strategy(config.imbalance)
    photos = _limited(split_dataset(dataset, config.protocol or None), limit)
    protocol = config.protocol or ("official" if dataset.official else "stratified")
    teacher_run = find_teacher(config.teacher, root, dataset, protocol) if config.teacher else None
    if extend:
        check_extends(config, extend, dataset, protocol, photos)
    data = f"{dataset.fingerprint}/{limit or 'all'}"
    checkpoint = Checkpoint.open(folder, config, data, resume and machines.number == 0)
    weights = Path(config.weights).expanduser()
    same = {
        "config": config.to_dict() | {"weights": weights.name},
        "data set": [data, protocol],
        "file of starting weights": file_sha256(weights) if weights.is_file() else None,
        "--resume": resume,
        "run to extend": extend.weights_sha256 if extend else None,
        "teacher": teacher_run.weights_sha256 if teacher_run else None,
    }

    keras.utils.set_random_seed(config.seed)
    previous_policy = keras.config.dtype_policy()
    try:
        with machines.joined(same, folder.parent), devices.all_devices() as shards, devices.deterministic():
            if machines.count > 1 and resume:
                checkpoint.share(from_first)
            precision = devices.precision(config.precision)
            keras.config.set_dtype_policy(precision)
            network = build_network(config, len(dataset.classes))
            started = start_of(extend) if extend else load_starting_weights(network, config.weights or None)
            say(str(started))
            if extend and checkpoint.stage == 0:  # not yet taken over
                network.set_weights(load_network(extend.model_path, extend.weights_sha256).get_weights())
                checkpoint.take_over(extend, network)
            elif config.pass_through and "conv5_block1_0_conv" in started.random:
                pass_through(network)
            teacher = load_teacher(teacher_run) if teacher_run else None
            for number in range(checkpoint.stage, len(config.stages)):
                if checkpoint.start_file:
                    network.load_weights(checkpoint.start_file)
                _run_stage(config, number, network, teacher, dataset, photos, checkpoint, shards)
    finally:
        keras.config.set_dtype_policy(previous_policy)
    if machines.number > 0:
        return None
    final = build_network(config, len(dataset.classes))  # in float32, whatever the training computed in
    final.load_weights(checkpoint.best_file)
    return _finish(config, final, started, teacher_run, dataset, photos, protocol, checkpoint, folder, precision)


def _run_stage(
    config: TrainingConfig,
    number: int,
    network: keras.Model,
    teacher: keras.Model | None,
    dataset: Dataset,
    photos: pd.DataFrame,
    checkpoint: Checkpoint,
    shards: int,
) -> None:
    """Trains one stage, from wherever the checkpoint says it is."""
    stage = config.stages[number]
    height, width = config.size(stage)
    augmentation = stage_augmentation(stage)
    seed = (config.seed, number)
    labels = {s: photos.loc[photos.split == s, "label"].map(dataset.classes.index).to_numpy() for s in ("train", "val")}
    sources: dict[str, Source] = {
        s: PhotoSource(dataset, photos.loc[photos.split == s, "file"].tolist(), height, width, CACHE_GB)
        for s in ("train", "val")
    }
    if stage.background_replacement:
        sources["train"] = BackgroundReplacement(sources["train"], stage.background_replacement)
    freeze(network, stage.train_from, stage.train_batch_norms)
    trained = network
    if stage.cached_passes:
        frozen, trained = split_network(network, stage.train_from)
        with tqdm(
            total=stage.cached_passes * len(sources["train"]) + len(sources["val"]),
            desc=f"{stage.name}: features",
            unit="photo",
        ) as bar:
            plans = {"train": (augmentation, stage.cached_passes), "val": (Augmentation(), 1)}
            sources = {
                s: cache_features(
                    frozen,
                    sources[s],
                    plan,
                    n,
                    config.seed,
                    checkpoint.folder / f"features-{number}-{s}.npy",
                    bar.update,
                )
                for s, (plan, n) in plans.items()
            }
        augmentation = augmentation.only_mixing()

    counts = np.bincount(labels["train"], minlength=len(dataset.classes))
    size = min(stage.batch_size, len(sources["train"])) // devices.count() * devices.count()
    if not size:
        raise GarbageError(
            f"{len(sources['train'])} photos in batches of {stage.batch_size} cannot be dealt out to "
            f"{devices.count()} devices: raise batch_size of stage {stage.name!r}, or add photos."
        )
    steps = len(sources["train"]) * stage.passes_per_epoch // size
    shape = sources["train"].shape
    model = stage_model(config, stage, trained, augmentation, shape, steps, counts, teacher)
    first = checkpoint.restore(model, number)
    weights = loss_weights(config.imbalance, counts)
    closing = EpochEnd(config, number, network, trained, sources["val"], labels["val"], checkpoint, steps)
    if first == 0 and not checkpoint.entered:
        if stage.probe:
            fit_linear_probe(network, frozen, sources["train"], labels["train"], stage.probe, weights)
            say(f"{stage.name}: the head starts from a logistic regression on the features.")
        if stage.probe or number:
            closing.enter()
    if first >= stage.epochs or checkpoint.stopped:
        checkpoint.end_stage()
        return
    data = Batches(
        sources["train"],
        labels["train"],
        augmentation,
        num_classes=len(dataset.classes),
        batch_size=size,
        steps=steps,
        strategy=config.imbalance,
        class_weights=weights,
        seed=seed,
        passes=stage.passes_per_epoch,
        shards=shards,
    )
    callbacks = [
        data.follow(),
        KeepRaw(checkpoint),
        *([SwapAverage()] if stage.ema else []),
        closing,
    ]
    model.fit(
        data,
        initial_epoch=first,
        epochs=stage.epochs,
        verbose=0,
        shuffle=False,
        callbacks=callbacks,
    )
    checkpoint.end_stage()


def _finish(
    config: TrainingConfig, network: keras.Model, started: StartingWeights, teacher: Run | None, dataset: Dataset,
    photos: pd.DataFrame, protocol: str, checkpoint: Checkpoint, folder: Path, precision: str,
) -> Run:  # fmt: skip
    """Writes weights, predictions, `run.json` and card; `run.json` last but one, because it makes the run complete."""
    digest = save_network(network, folder / "model.keras")
    network = load_network(folder / "model.keras", digest)  # what is reported is what the stored float16 weights say
    photos = photos.sort_values(["split", "file"], key=lambda c: c.map(SPLITS.index) if c.name == "split" else c)
    prepared = map_photos(
        lambda file: load_photo(dataset.read_bytes(file), config.height, config.width, file), photos["file"]
    )
    with tqdm(total=len(photos), desc="predictions", unit="photo") as bar:
        probabilities = network_probabilities(network, prepared, progress=bar.update)
    table = photos[["file", "split", "label"]].reset_index(drop=True)
    columns = [f"p_{name}" for name in dataset.classes]
    table = table.join(pd.DataFrame(probabilities, columns=columns).round(6))
    write_predictions(table, folder / "predictions.csv")

    labels, probabilities, _ = to_arrays(table, dataset.classes, "val")
    temperature = fit_temperature(labels, probabilities)
    counts = photos.groupby(["split", "label"]).size()
    info = {
        "schema_version": SCHEMA_VERSION,
        "name": config.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "classes": list(dataset.classes),
        "config": config.to_dict() | {"weights": Path(config.weights).name},
        "seed": config.seed,
        "protocol": protocol,
        "splits": {s: {c: int(counts.get((s, c), 0)) for c in dataset.classes} for s in SPLITS},
        "data_fingerprint": dataset.fingerprint,
        "data_problems": len(dataset.problems),
        "starting_weights": vars(started),
        "teacher": describe_teacher(teacher) if teacher else None,
        "software": devices.software()
        | {"python": platform.python_version(), "garbage_core": garbage_core.__version__},
        "device": devices.description(),
        "precision": precision,
        "parameters": network.count_params(),
        "duration_seconds": round(checkpoint.seconds, 1),
        "epochs": len(checkpoint.rows),
        "best_epoch": checkpoint.best_epoch,
        "best_val_macro_f1": round(checkpoint.best_value, 4),
        "temperature": round(temperature, 4),
        "threshold": round(fit_threshold(labels, apply_temperature(probabilities, temperature)), 4),
        "weights": {"file": "model.keras", "sha256": digest, "bytes": (folder / "model.keras").stat().st_size},
    }
    write_json(info, folder / "run.json")
    run = load_run(config.name, folder.parent)
    write_card(run)
    checkpoint.delete()
    return run


def _limited(photos: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Keeps at most so many photos of each split, taking the classes in turn."""
    if limit:
        turn = photos.groupby(["split", "label"]).cumcount()
        photos = photos.assign(turn=turn).sort_values(["turn", "label"], kind="stable").groupby("split").head(limit)
        photos = photos.drop(columns="turn").sort_index()
    for split in SPLITS:
        if not (photos.split == split).any():
            raise GarbageError(
                f"The split {split!r} has no photos of {len(photos)}: add photos, at least 10 of each class."
            )
    return photos
