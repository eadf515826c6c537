"""Training: from a config and a data set to a run.

    run = train(load_config("transfer", ["weights=imagenet"]), load_dataset())

A training is a list of stages (`garbage_core.training.stages`). Each freezes a part of the network and trains the rest,
on fresh photos or on cached features. Each starts from the best epoch of the one before, by macro-F1 on val. The run
gets the best epoch, or start of a stage, at the photo size of the last. After every epoch `history.csv` and a
checkpoint are written (`garbage_core.training.checkpoint`), so a training that dies goes on with `resume=True` as if
nothing had been. The test photos are classified once, at the very end, by the finished network.
"""

import contextlib
import dataclasses
import datetime
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from tqdm import tqdm

import garbage_core
from garbage_core.config.training_config import Stage, TrainingConfig, load_config
from garbage_core.data.dataset import SPLITS, Dataset, default_protocol, split_dataset
from garbage_core.data.photo_sets import MAIN_SET, ExtraSet, PhotoSets, is_partial, leaked
from garbage_core.data.splits import nested_share
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature, fit_temperature, fit_threshold, set_weights
from garbage_core.evaluation.card import write_card
from garbage_core.inference.scoring import predict_photos
from garbage_core.networks import build_network
from garbage_core.networks.resnet import pass_through
from garbage_core.networks.weights import StartingWeights, load_network, load_starting_weights, save_network
from garbage_core.runs.predictions import predictions_digest, to_arrays, write_predictions
from garbage_core.runs.run import SCHEMA_VERSION, Run, check_name, load_run, models_dir
from garbage_core.training import devices
from garbage_core.training.callbacks import say
from garbage_core.training.checkpoint import Checkpoint
from garbage_core.training.distillation import describe_teacher, find_teacher, load_teacher
from garbage_core.training.distributed import Machines
from garbage_core.training.imbalance import find_strategy
from garbage_core.training.speed_probe import training_precision
from garbage_core.training.stages import Training, space_needed, stage_augmentation, train_stage
from garbage_core.utils.files import check_space, file_sha256, write_json
from garbage_core.utils.locks import only_writer

__all__ = ["Stage", "TrainingConfig", "load_config", "train"]

# Keys that a longer training may have otherwise than the run it extends: where its files lie, what computes it, who
# teaches the stages that follow. The stages and the split are compared on their own.
_FREE_KEYS = ("name", "weights", "stages", "protocol", "precision", "teacher", "teacher_temperature")


def train(
    config: TrainingConfig,
    dataset: Dataset,
    root: str | Path | None = None,
    resume: bool = False,
    limit: int | None = None,
    extend: Run | None = None,
    extras: Sequence[ExtraSet] = (),
) -> Run | None:
    """Trains a network and writes its run, together with other machines if `training.distributed` finds some.

    Args:
        config: What to do.
        dataset: The photos.
        root: Folder of the runs; None takes `models_dir()`.
        resume: Go on with an unfinished training of the same config and photos.
        limit: Use at most this many photos of each split, the classes in turn; for trying things out.
        extend: A finished run whose stages are the first ones of the config: they are not trained again.
        extras: Extra sets that are trained on as well; val and test of each are kept and reported apart, and what is
            chosen on val is chosen by the mean over the sets.

    Returns:
        The finished run; None on a machine that only helped another one.

    Raises:
        GarbageError: If a finished run or, without `resume`, an unfinished one is already there; if there is nothing to
            resume, or it was begun with another config or other photos; if another process is at it; if the folder
            cannot be written or its disk has too little space; if a split has no photos; if the config does not begin
            with the stages of the run to extend.
    """
    machines = Machines.from_environment()
    root = Path(root or models_dir())
    folder = machines.own_root(root) / check_name(config.name)
    _check_names(config)  # before hours have passed
    sets = PhotoSets(dataset, extras)
    table = nested_share(split_dataset(dataset, config.protocol or None), config.train_share, config.seed)
    photos = _limited(_training_photos(sets, table), limit)
    protocol = config.protocol or default_protocol(dataset)
    teacher_run = find_teacher(config.teacher, root, dataset, protocol) if config.teacher else None
    if extend:
        _check_extends(config, extend, sets, protocol, photos)
    data = "/".join([sets.fingerprint, str(limit or "all")])
    same = _fingerprints(config, [data, protocol], resume, extend, teacher_run)
    with only_writer(folder), devices.deterministic():
        checkpoint = Checkpoint.open(folder, config, data, resume and machines.is_first)
        with machines.joined(same, folder.parent), _computing(config, checkpoint, photos) as (shards, precision):
            machines.share(checkpoint)
            network, started = _starting_network(config, dataset, extend, checkpoint)
            check_space(folder, space_needed(config, network))
            teacher = load_teacher(teacher_run) if teacher_run else None
            training = Training(
                config, sets, photos, protocol, checkpoint, network, started, teacher_run, teacher, shards, precision
            )
            while checkpoint.state.stage < len(config.stages):
                train_stage(training)
        return _finish(training, extend) if machines.is_first else None


def _check_names(config: TrainingConfig) -> None:
    """Raises GarbageError for a training without stages, and for an unknown pipeline or strategy."""
    if not config.stages:
        raise GarbageError(f"The training {config.name!r} has no stages: describe at least one.")
    for stage in config.stages:
        stage_augmentation(stage)
    find_strategy(config.imbalance)


def _fingerprints(
    config: TrainingConfig, data: list[str], resume: bool, extend: Run | None, teacher: Run | None
) -> dict[str, Any]:
    """Returns what must be the same on all machines of a training, by its name in error messages."""
    weights = Path(config.weights).expanduser()
    return {
        "config": config.to_dict() | {"weights": weights.name},
        "data set": data,
        "file of starting weights": file_sha256(weights) if weights.is_file() else None,
        "--resume": resume,
        "run to extend": extend.weights_sha256 if extend else None,
        "teacher": teacher.weights_sha256 if teacher else None,
    }


@contextlib.contextmanager
def _computing(config: TrainingConfig, checkpoint: Checkpoint, photos: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Sets seed, devices and precision; yields the number of devices per batch and the precision."""
    previous = keras.config.dtype_policy()
    with devices.all_devices() as shards:
        try:
            precision = training_precision(config, checkpoint, int((photos["split"] == "train").sum()), shards)
            keras.utils.set_random_seed(config.seed)
            keras.config.set_dtype_policy(precision)
            yield shards, precision
        finally:
            keras.config.set_dtype_policy(previous)


def _starting_network(
    config: TrainingConfig, dataset: Dataset, extend: Run | None, checkpoint: Checkpoint
) -> tuple[keras.Model, StartingWeights]:
    """Builds the network with its starting weights, or with those of the run to extend."""
    network = build_network(config, len(dataset.classes))
    if extend:
        recorded = extend.info["starting_weights"]
        layers = tuple(recorded["loaded"]), tuple(recorded["random"])
        started = StartingWeights(recorded["source"], recorded["sha256"], *layers, recorded.get("origin", ""))
        if checkpoint.state.stage == 0:  # not yet taken over
            network.set_weights(load_network(extend.model_path, extend.weights_sha256).get_weights())
            checkpoint.take_over(extend, network)
    else:
        started = load_starting_weights(network, config.weights or None)
        if config.pass_through and "conv5_block1_0_conv" in started.random:
            pass_through(network)
    say(str(started))
    return network, started


def _finish(training: Training, extend: Run | None) -> Run:
    """Writes weights, predictions, `run.json` and card; `run.json` last but one, because it makes the run complete."""
    config, dataset, checkpoint = training.config, training.sets.main, training.checkpoint
    folder = checkpoint.folder.parent
    network = build_network(config, len(dataset.classes))  # in float32, whatever the training computed in
    network.load_weights(checkpoint.best_file)
    digest = save_network(network, folder / "model.keras")
    network = load_network(folder / "model.keras", digest)  # the report is about the stored float16 weights
    table = _predict(training, network)
    write_predictions(table, folder / "predictions.csv")
    labels, probabilities, _ = to_arrays(table, dataset.classes, "val")
    weights = set_weights(table.loc[table["split"] == "val", "set"])
    temperature = fit_temperature(labels, probabilities, weights)
    threshold = fit_threshold(labels, apply_temperature(probabilities, temperature), weights=weights)
    counts = table[table["set"] == MAIN_SET].groupby(["split", "label"]).size()
    versions = {"python": platform.python_version(), "garbage_core": garbage_core.__version__}
    best = checkpoint.state.best
    info = {
        "schema_version": SCHEMA_VERSION,
        "name": config.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "classes": list(dataset.classes),
        "config": config.to_dict() | {"weights": Path(config.weights).name},
        "seed": config.seed,
        "protocol": training.protocol,
        "splits": {s: {c: int(counts.get((s, c), 0)) for c in dataset.classes} for s in SPLITS},
        "data_fingerprint": dataset.fingerprint,
        "data_problems": len(dataset.problems),
        "extra_sets": training.sets.describe(extend.info.get("extra_sets", []) if extend else []),
        "starting_weights": vars(training.started),
        "teacher": describe_teacher(training.teacher_run) if training.teacher_run else None,
        "software": devices.software() | versions,
        "device": devices.description(),
        "precision": training.precision,
        "parameters": network.count_params(),
        "duration_seconds": round(checkpoint.seconds, 1),
        "epochs": len(checkpoint.state.rows),
        "best_epoch": best.epoch,
        "best_val_macro_f1": round(best.value, 4),
        "predictions_sha256": predictions_digest(table, dataset.classes),
        "temperature": round(temperature, 4),
        "threshold": round(threshold, 4),
        "weights": {"file": "model.keras", "sha256": digest, "bytes": (folder / "model.keras").stat().st_size},
    }
    write_json(info, folder / "run.json")
    run = load_run(config.name, folder.parent)
    write_card(run)
    checkpoint.delete()
    return run


def _predict(training: Training, network: keras.Model) -> pd.DataFrame:
    """Returns the predictions for all photos with a label of their own."""
    config, photos = training.config, training.photos[~training.photos["weak"].astype(bool)]
    classes = training.sets.classes
    with tqdm(total=int(photos["label"].isin(classes).sum()), desc="predictions", unit="photo") as bar:
        return predict_photos(network, photos, training.sets, classes, config.height, config.width, bar.update)


def _check_extends(config: TrainingConfig, run: Run, sets: PhotoSets, protocol: str, photos: pd.DataFrame) -> None:
    """Raises GarbageError, with the first difference, unless the training continues a run with more stages.

    A finished run, extended by more stages, is what a training of all the stages would have been: its history, its time
    and its starting weights are taken over; its photos must be the same, and its stages the first ones.

    Args:
        config: Config of the longer training.
        run: The finished run.
        sets: Data set and extra sets of the longer training.
        protocol: Protocol by which its photos are split.
        photos: Table of the photos that are used, with a column `file`.
    """
    earlier = run.config
    for place, stage in enumerate(earlier.stages):
        if place >= len(config.stages) or stage != config.stages[place]:
            raise GarbageError(
                f"Stage {place + 1} of the run {run.name!r}, {stage.name!r}, is not that of the longer training: "
                "give its stages first and unchanged, then the new ones."
            )
    if len(config.stages) == len(earlier.stages):
        raise GarbageError(f"The run {run.name!r} has all stages of this training already: add one to extend it.")
    for field in dataclasses.fields(config):
        mine, its = getattr(config, field.name), getattr(earlier, field.name)
        if field.name not in _FREE_KEYS and mine != its:
            raise GarbageError(
                f"The run {run.name!r} was trained with {field.name} = {its!r}, not {mine!r}: extend it with the same."
            )
    its = run.info.get("extra_sets", [])
    if not run.trained_on(sets.main, protocol) or not sets.are_those_of(its):
        raise GarbageError(
            f"The run {run.name!r} was trained on other photos or another split than {protocol!r}: "
            "extend it with the same."
        )
    photos = photos[photos["set"] == MAIN_SET]
    if set(run.predictions["file"]) != set(photos["file"]):
        raise GarbageError(
            f"The run {run.name!r} was trained on {len(run.predictions):,} of the photos, not on {len(photos):,}: "
            "extend it with the same --limit."
        )


def _training_photos(sets: PhotoSets, photos: pd.DataFrame) -> pd.DataFrame:
    """Returns the table of all sets, without things of other kinds and training photos that lie in val or test."""
    table = sets.table(photos)
    table = table[[label in sets.classes or is_partial(label, sets.classes) for label in table["label"]]]
    leaks = leaked(sets, table)
    if len(leaks):
        say(
            f"{len(leaks):,} training photos of extra sets are left out because they are val or test photos too, such "
            f"as {leaks['file'].iloc[0]} ({leaks['same_as'].iloc[0]})."
        )
    partial = (table["split"] != "train") & ~table["label"].isin(sets.classes)  # nothing can be measured on them
    return table[~table["file"].isin(leaks["file"]) & ~partial].reset_index(drop=True)


def _limited(photos: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Keeps at most so many photos of each split and set, taking the classes in turn."""
    if limit:
        turn = photos.groupby(["set", "split", "label"]).cumcount()
        photos = photos.assign(turn=turn).sort_values(["turn", "label"], kind="stable")
        photos = photos.groupby(["set", "split"]).head(limit)
        photos = photos.drop(columns="turn").sort_index()
    for split in SPLITS:
        if not (photos.split == split).any():
            raise GarbageError(
                f"The split {split!r} has no photos of {len(photos)}: add photos, at least 10 of each class."
            )
    return photos
