"""Where a training step's time goes: what feeds it, piece by piece, beside what the network takes.

    python benchmarks/feed.py transfer conv4 --precision mixed_bfloat16 --record

Takes a stage of a preset and some photos of the data set, and times each piece by itself: the pieces that a photo needs
once in a training (decoding; its foreground, if the stage has `background_replacement`), those that it needs in every
epoch (drawing a background, pasting the foreground on it, drawing random numbers, all in one thread), the layers that
augment, and a
training step with one batch over and over and with the batches that belong to it. Medians of the pieces, means of the
steps. `--record` keeps the outcome in benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import keep
from garbage_core.config.training_config import PRECISIONS, PRESETS, TrainingConfig, load_config
from garbage_core.data.dataset import Dataset, load_dataset

FIRST_STEPS = 2  # of an epoch, not counted


def timed(call: Callable[[Any], Any], items: Iterable[Any]) -> tuple[list[Any], float]:
    """Returns what a call gives for each item, and its median time in milliseconds."""
    results, times = [], []
    for item in items:
        start = time.perf_counter()
        results.append(call(item))
        times.append(1000 * (time.perf_counter() - start))
    return results, float(np.median(times))


def photo_times(dataset: Dataset, files: list[str], height: int, width: int, replaced: bool) -> dict[str, float]:
    """Times what is done with each photo by itself, in milliseconds a photo."""
    from garbage_core.data.images import load_photo
    from garbage_core.synthetic.foreground import extract_foreground, put_on
    from garbage_core.training.backgrounds import draw_background

    found = {}
    photos, found["decode"] = timed(lambda file: load_photo(dataset.read_bytes(file), height, width), files)
    if not replaced:
        return found
    rng = np.random.default_rng(0)
    things, found["foreground mask"] = timed(extract_foreground, photos)
    below, found["draw a background"] = timed(lambda _: draw_background(rng, height, width), photos)
    together = [parts for parts in zip(photos, things, below, strict=True) if parts[1] is not None]
    if together:
        _, found["put on it"] = timed(lambda parts: put_on(*parts, rng), together)
    return found


def step_times(config: TrainingConfig, name: str, dataset: Dataset, files: list[str], repeats: int) -> dict[str, float]:
    """Times batches, layers and steps of a stage, in milliseconds a batch."""
    import keras

    from benchmarks.app_speed.training import SameBatch
    from garbage_core.networks import build_network
    from garbage_core.networks.resnet import freeze
    from garbage_core.training import devices
    from garbage_core.training.backgrounds import BackgroundReplacement
    from garbage_core.training.batches import Augmented, Batches, TrainingPhotos
    from garbage_core.training.stages import stage_augmentation, stage_model
    from garbage_core.utils.system import milliseconds

    stage = next(stage for stage in config.stages if stage.name == name)
    size = stage.batch_size
    keras.config.set_dtype_policy(devices.precision(config.precision))
    network = build_network(config, len(dataset.classes))
    freeze(network, stage.train_from, stage.train_batch_norms)
    source = TrainingPhotos(dataset, files, *config.size(stage), cache_gb=4)
    if stage.background_replacement:
        source = BackgroundReplacement(source, stage.background_replacement)
    augmentation = stage_augmentation(stage)
    labels = np.arange(len(files)) % len(dataset.classes)
    options = {"num_classes": len(dataset.classes), "batch_size": size, "steps": len(files) // size, "strategy": "none"}
    data = Batches(source, labels, augmentation, class_weights=None, seed=(0, 0), **options)
    for step in range(len(data)):  # things are cut out once
        data[step]
    augmented = Augmented(augmentation, source.shape)
    front = keras.Model(augmented.inputs, augmented.output)
    model = stage_model(config, stage, network, data)

    def steps(batches: keras.utils.PyDataset) -> np.ndarray:
        """Milliseconds of the steps of an epoch, without the first ones, which wait for the first batch."""
        ends: list[float] = []
        note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
        model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[note])
        return 1000 * np.diff(ends)[FIRST_STEPS:]

    same = SameBatch(data[0], len(data))
    sides = [(steps(same), steps(data)) for _ in range(repeats)]
    return {
        "one batch": timed(data.__getitem__, range(len(data)))[1],
        "layers that augment": milliseconds(lambda: front.predict_on_batch(same.batch[0]), len(data)),
        "step, same batch": float(np.mean(np.concatenate([side[0] for side in sides]))),
        "step, own batches": float(np.mean(np.concatenate([side[1] for side in sides]))),
    }


def main() -> int:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("stage", help="name of one of its stages that trains on photos")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--batches", type=int, default=12, metavar="N", help="in an epoch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    if args.batches < FIRST_STEPS + 3 or args.repeats < 1:
        parser.error(
            f"at least {FIRST_STEPS + 3} batches and 1 repeat are needed, not {args.batches} and {args.repeats}"
        )
    config = load_config(args.preset, [f"precision={args.precision}"])
    stages = {stage.name: stage for stage in config.stages if not stage.cached_passes}
    if args.stage not in stages:
        parser.error(f"stage must be one of {', '.join(stages)}, not {args.stage!r}")
    stage, (height, width) = stages[args.stage], config.size(stages[args.stage])
    dataset = load_dataset()
    files = dataset.photos["file"].sample(args.batches * stage.batch_size, random_state=0).tolist()
    outcome = {
        "stage": f"{args.preset}, {args.stage}",
        "photos": f"{stage.batch_size} of {width}x{height} in a batch",
        "precision": args.precision,
        "a_photo": {
            name: {"ms": round(value, 2)}
            for name, value in photo_times(dataset, files, height, width, bool(stage.background_replacement)).items()
        },
        "a_batch": {
            name: {"ms": round(value, 1)}
            for name, value in step_times(config, args.stage, dataset, files, args.repeats).items()
        },
    }
    if args.record:
        command = f"python benchmarks/feed.py {args.preset} {args.stage} --precision {args.precision} --record"
        keep("feed", command, outcome)
    print(json.dumps(outcome, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
