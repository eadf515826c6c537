"""Made-up runs for tests: whole run folders with random predictions of a chosen accuracy, and no network in them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from garbage_core.classes import CLASS_NAMES
from garbage_core.config import Stage, load_config
from garbage_core.runs import Run, file_sha256, load_run, probability_columns, write_csv, write_json, write_predictions

STARTING_WEIGHTS = "resnet50v2_imagenet_conv1-4.weights.h5"
# Photos per class of the official protocol, in class order.
OFFICIAL_COUNTS = {
    "train": (287, 354, 286, 403, 347, 91),
    "val": (46, 65, 56, 83, 61, 17),
    "test": (70, 82, 68, 108, 74, 29),
}


def fake_photos(classes=CLASS_NAMES, counts=None) -> pd.DataFrame:
    """Returns a table file, split, label; names as in the data set, numbered through the splits.

    Args:
        classes: Names of the classes.
        counts: Photos per class for each split; the official counts for six classes, else 40/10/20 of each.
    """
    if counts is None:
        counts = OFFICIAL_COUNTS if len(classes) == 6 else {"train": 40, "val": 10, "test": 20}
    rows, number = [], dict.fromkeys(classes, 0)
    for split, sizes in counts.items():
        for name, size in zip(classes, np.broadcast_to(sizes, len(classes)), strict=True):
            for _ in range(size):
                number[name] += 1
                rows.append((f"{name}/{name}{number[name]}.jpg", split, name))
    return pd.DataFrame(rows, columns=["file", "split", "label"])


def fake_predictions(photos: pd.DataFrame, accuracy: float, classes=CLASS_NAMES, seed: int = 0) -> pd.DataFrame:
    """Returns random predictions of nearly the given accuracy in every split (train: half of the mistakes).

    Some photos are hard for every seed, so two runs make partly the same mistakes, as real ones do. Sure answers are
    right more often than unsure ones, and a wrong answer is most often one of the next two classes.
    """
    size = len(classes)
    hardness = np.random.default_rng(20240607).normal(size=len(photos))
    rng = np.random.default_rng(seed)
    score = 0.8 * hardness + 0.6 * rng.normal(size=len(photos))
    truth = photos["label"].map({name: place for place, name in enumerate(classes)}).to_numpy()
    answer, margin = truth.copy(), np.empty(len(photos))
    for split in photos["split"].unique():
        rows = np.flatnonzero(photos["split"] == split)
        share = (1 - accuracy) / (2 if split == "train" else 1)
        limit = np.quantile(score[rows], share)
        wrong = rows[score[rows] < limit]
        step = np.where(
            rng.random(len(wrong)) < 0.7, rng.integers(1, min(3, size), len(wrong)), rng.integers(1, size, len(wrong))
        )
        answer[wrong] = (truth[wrong] + step) % size
        margin[rows] = 0.3 + 4.0 * np.abs(score[rows] - limit)
    logits = rng.normal(size=(len(photos), size))
    everyone = np.arange(len(photos))
    logits[everyone, answer] = -np.inf
    logits[everyone, answer] = logits.max(axis=1) + margin
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return photos.assign(**dict(zip(probability_columns(classes), probabilities.T, strict=True)))


def fake_history(stages: Sequence[str], accuracy: float, seed: int = 0) -> pd.DataFrame:
    """Returns learning curves that end near the given accuracy; `stages` names the stage of every epoch."""
    epochs = len(stages)
    rng = np.random.default_rng(seed)
    done = np.arange(1, epochs + 1) / epochs
    rise = (1 - np.exp(-4 * done)) / (1 - np.exp(-4))
    chance = min(0.25, accuracy)
    val = chance + (accuracy - chance) * rise + rng.normal(0, 0.012, epochs)
    train = np.minimum(chance + (accuracy + 0.04 - chance) * rise + rng.normal(0, 0.006, epochs), 0.995)
    return pd.DataFrame(
        {
            "epoch": np.arange(1, epochs + 1),
            "stage": list(stages),
            "loss": -np.log(train) * 1.2,
            "accuracy": train,
            "macro_f1": train - 0.01,
            "val_loss": -np.log(np.clip(val, 0.05, 0.999)) * 1.4,
            "val_accuracy": val,
            "val_macro_f1": val - 0.015,
            "learning_rate": 1e-3 * (1 + np.cos(np.pi * done)) / 2 + 1e-6,
            "seconds": 60 + rng.normal(0, 2, epochs),
        }
    )


_SCRATCH = dataclasses.replace(
    load_config("scratch"),
    height=96,
    width=128,
    stages=(
        Stage("small", 40, 1e-3, warmup_epochs=2, height=72, width=96, ema=0.99),
        Stage("full", 25, 5e-4, warmup_epochs=1, ema=0.99),
    ),
)


def fake_run(
    root: str | Path,
    name: str = "transfer",
    accuracy: float = 0.9,
    epochs: int = 12,
    classes=CLASS_NAMES,
    counts: dict | None = None,
    seed: int = 0,
    **info,
) -> Run:
    """Writes a whole run folder below `root` and returns the run.

    Args:
        root: Folder of the runs.
        name: Name of the run; "transfer" has its preset's stages and starting weights, every other starts at random and
            has two stages, 40 parts `small` photos of 96 by 72 pixels and 25 parts `full` ones of 128 by 96.
        accuracy: Accuracy on val and test.
        epochs: Length of the history.
        classes: Names of the classes.
        counts: Photos per class for each split, see `fake_photos`.
        seed: Random state; the same photos get other answers with another seed.
        info: Values of `run.json` to replace.
    """
    path = Path(root) / name
    transfer = name == "transfer"
    config = (load_config("transfer") if transfer else _SCRATCH).with_epochs(epochs)
    config = dataclasses.replace(config, name=name, seed=seed, weights=STARTING_WEIGHTS if transfer else "")
    stages = [stage.name for stage in config.stages for _ in range(stage.epochs)]
    photos = fake_photos(classes, counts)
    history = fake_history(stages, accuracy, seed)
    write_csv(history, path / "history.csv")
    write_predictions(fake_predictions(photos, accuracy, classes, seed), path / "predictions.csv")
    (path / "model.keras").write_bytes(b"not a network")
    table = photos.groupby(["split", "label"]).size()
    splits = {split: {c: int(table.get((split, c), 0)) for c in classes} for split in photos["split"].unique()}
    layers = ["conv1_conv", "conv4_block6_out"]
    content = {
        "schema_version": 1,
        "name": name,
        "created": "2026-11-23T16:00:00+00:00",
        "classes": list(classes),
        "config": config.to_dict(),
        "seed": seed,
        "protocol": "official",
        "splits": splits,
        "data_fingerprint": "ab" * 32,
        "data_problems": 0,
        "starting_weights": {
            "source": STARTING_WEIGHTS if transfer else None,
            "sha256": "cd" * 32 if transfer else None,
            "loaded": layers if transfer else [],
            "random": ["predictions"] if transfer else [*layers, "predictions"],
        },
        "software": {
            **{"python": "3.11.7", "keras": "3.15.1", "backend": "tensorflow"},
            **{"backend_version": "2.21.0", "garbage_core": "0.1.0"},
        },
        "device": "2 CPU cores",
        "precision": "float32",
        "parameters": 23_577_094,
        "duration_seconds": float(history["seconds"].sum()),
        "epochs": epochs,
        "best_epoch": int(history["epoch"][history["val_macro_f1"].idxmax()]),
        "temperature": 1.2,
        "threshold": 0.8,
        "weights": {"file": "model.keras", "sha256": file_sha256(path / "model.keras"), "bytes": 13},
    }
    write_json(content | info, path / "run.json")
    return load_run(name, root)
