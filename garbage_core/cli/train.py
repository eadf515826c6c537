"""`train`: trains a network and writes its run."""

import argparse
import json
from typing import TYPE_CHECKING, Any, TextIO

from garbage_core.cli.evaluate import evaluate_run, value_and_interval
from garbage_core.cli.options import add_common, add_extra, positive, start_keras, warn
from garbage_core.utils.text import printable, text_table

if TYPE_CHECKING:
    from garbage_core.config.training_config import TrainingConfig
    from garbage_core.runs.run import Run

HELP = "train a network and write its run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "config", metavar="scratch|transfer|PATH.toml", help="what to train: a preset or a file like it"
    )
    add_common(parser, "--data-dir")
    parser.add_argument("--name", help="name of the run and its folder (default: the config's)")
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help="epochs in all, dealt out to the stages in proportion; a linear probe is fitted in any case",
    )
    add_extra(parser, "train on these photos as well, each shown SHARE times an epoch (default: 1)", "DIR|ZIP[=SHARE]")
    parser.add_argument("--weights", metavar="imagenet|PATH", help="starting weights")
    parser.add_argument("--seed", type=int, metavar="N", help="of random weights, order and augmentation")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a value of the config; stages.NAME.KEY=VALUE for a stage; may be given several times",
    )
    parser.add_argument(
        "--until", metavar="STAGE", help="leave out the stages after this one; --extend goes on from there"
    )
    parser.add_argument("--extend", metavar="NAME", help="begin behind the stages of a finished run, which are its own")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    parser.add_argument("--out", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    parser.add_argument(
        "--probe-speed",
        action="store_true",
        help="train nothing: say how fast this would be here, by backend and precision",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N photos of each split, to try things out")
    parser.set_defaults(after_stop="Go on from the last finished epoch with the same command and --resume.")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Trains a network and says what came out."""
    from garbage_core.config.training_config import load_config
    from garbage_core.data.dataset import load_dataset
    from garbage_core.data.photo_sets import load_extra_set
    from garbage_core.runs.run import load_run

    given = {"name": args.name, "weights": args.weights}
    # JSON's strings and numbers are TOML's too; quoted, a name or path stays text even if it looks like a number.
    changes = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    changes += [f"seed={args.seed}"] if args.seed is not None else []
    config = load_config(args.config, [*args.changes, *changes])
    if args.until:
        config = config.until(args.until)
    if args.epochs:
        config = config.with_epochs(args.epochs)
    if args.probe_speed:
        out.write(_speed(config))
        return 0
    dataset = load_dataset(args.data_dir)
    if len(dataset.problems):
        warn(f"{len(dataset.problems)} files or folders need a look; the command data names them.")
    extras = [load_extra_set(source, dataset.classes) for source in args.extra]
    extended = load_run(args.extend, args.out) if args.extend else None
    start_keras()
    from garbage_core.training.loop import train

    trained = train(
        config, dataset, root=args.out, resume=args.resume, limit=args.limit, extend=extended, extras=extras
    )
    if trained:  # on several machines one alone writes the run
        out.write(_text(trained, evaluate_run(trained, "test")))
    return 0


def _speed(config: "TrainingConfig") -> str:
    """Says how fast a training would be here, and by what."""
    from garbage_core.training.speed_probe import longest_stage, probe_speed

    stage, speeds = longest_stage(config), probe_speed(config)
    height, width = config.size(stage)
    rows = [
        [str(backend), str(precision), str(problem) or f"{speed:,.1f}"]
        for backend, precision, speed, problem in speeds.itertuples(index=False)
    ]
    title = f"Stage {stage.name!r} of {config.name!r}, batches of {stage.batch_size} photos of {width}x{height}:\n"
    text = f"{title}\n{text_table(['backend', 'precision', 'photos/s'], rows)}"
    works = speeds.dropna()
    if not len(works):
        return f"{text}\nNone of them works here.\n"
    best = works.iloc[0]
    text += f"\nFastest here: KERAS_BACKEND={best.backend} and --set precision={best.precision}"
    if len(works) > 1:
        text += f", {best.photos_per_second / works.iloc[1].photos_per_second:.2f} times as fast as the next"
    return f"{text}.\n"


def _text(run: "Run", result: dict[str, Any]) -> str:
    """Says what a training left behind."""
    from garbage_core.evaluation.metrics import METRICS

    minutes = run.info["duration_seconds"] / 60
    rows = [
        [METRICS[name].lower, *value_and_interval(result["metrics"][name], METRICS[name].is_share)]
        for name in ("accuracy", "macro_f1")
    ]
    return (
        f"{run.name}: {run.info['epochs']} epochs in {minutes:,.1f} minutes on {run.info['device']} in "
        f"{run.info['precision']}, best epoch {run.info['best_epoch']}.\n\n"
        + text_table([f"{result['photos']:,} test photos", "value", "95 % interval"], rows)
        + f"\nWritten to {printable(str(run.path))}\n"
    )
