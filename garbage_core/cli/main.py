"""The command line: `python -m garbage_core COMMAND ...`.

This module reads the arguments and turns errors into exit codes; what the commands do is in `cli.commands`.

Standard output carries the answer and nothing else, with `--json` exactly one JSON document; progress, warnings and
errors go to standard error. Exit codes: 0 done, 1 some photo could not be classified, 2 a mistake in the arguments or
the files, 130 stopped with Ctrl-C. No command loads TensorFlow unless it runs a network.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from benchmarks.app_speed.table import ROWS
from garbage_core import __version__
from garbage_core.cli import commands, photo_commands
from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import METHODS
from garbage_core.inference.runtimes import AUTO, FORMATS, KERAS, RUNTIMES

SPLITS = ("train", "val", "test")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    # Read when TensorFlow starts: shows its errors, not its notes on processor features. A user's own value wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    out = sys.stdout
    for stream in (out, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what this terminal cannot show
    args = _parser().parse_args(argv)
    try:
        # Libraries print progress wherever they like; only what a command writes to `out` is its answer.
        with contextlib.redirect_stdout(sys.stderr):
            code = args.command(args, out)
        out.flush()
    except GarbageError as error:
        print(" ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped before the end. {args.after_stop}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # or Python complains when it closes the stream
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m garbage_core", description="Sorts photos of waste into classes, and shows how well."
    )
    parser.add_argument("--version", action="version", version=f"garbage_core {__version__}")
    parser.set_defaults(after_stop="No file is half written.")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    data = _command(parsers, "data", commands.data, "verify and list the data set")
    _data_dir(data)
    data.add_argument(
        "--download", action="store_true", help="fetch the official archive first, into DIR or the user's cache"
    )
    data.add_argument(
        "--statistics", action="store_true", help="also measure every photo, into photos.csv in models/studies"
    )
    _json(data)

    train = _command(parsers, "train", commands.train, "train a network and write its run")
    train.add_argument("config", metavar="scratch|transfer|PATH.toml", help="what to train: a preset or a file like it")
    _data_dir(train)
    train.add_argument("--name", help="name of the run and its folder (default: the config's)")
    train.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help="epochs in all, dealt out to the stages in proportion; a linear probe is fitted in any case",
    )
    train.add_argument("--weights", metavar="imagenet|PATH", help="starting weights")
    train.add_argument("--seed", type=int, metavar="N", help="of random weights, order and augmentation")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a value of the config; stages.NAME.KEY=VALUE for a stage; may be given several times",
    )
    train.add_argument(
        "--until", metavar="STAGE", help="leave out the stages after this one; --extend goes on from there"
    )
    train.add_argument("--extend", metavar="NAME", help="begin behind the stages of a finished run, which are its own")
    train.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    train.add_argument("--out", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    train.add_argument("--limit", type=_positive, metavar="N", help="at most N photos of each split, to try things out")
    train.set_defaults(after_stop="Go on from the last finished epoch with the same command and --resume.")

    evaluate = _command(parsers, "evaluate", commands.evaluate, "metrics of a run with 95 % intervals")
    evaluate.add_argument("name", metavar="NAME", help="name of a run")
    _split(evaluate)
    _json(evaluate)

    compare = _command(parsers, "compare", commands.compare, "two runs on the same photos")
    compare.add_argument("names", metavar="NAME", nargs=2, help="name of a run")
    _split(compare)
    _json(compare)

    classify = _command(parsers, "classify", photo_commands.classify, "what is on photos; 1 if one cannot be read")
    classify.add_argument(
        "photos", metavar="PHOTO|DIR", nargs="+", help="a photo, or a folder with photos at any depth"
    )
    _model(classify)
    _runtime(classify)
    classify.add_argument(
        "--flip", action="store_true", help="mean over each photo and its mirror image, in twice the time"
    )
    form = classify.add_mutually_exclusive_group()
    _json(form)
    form.add_argument("--csv", metavar="FILE", help="write a table instead")
    _scale(classify)

    explain = _command(parsers, "explain", photo_commands.explain, "a heat map of what speaks for a class")
    explain.add_argument("photo", metavar="PHOTO")
    _model(explain)
    explain.add_argument("--method", choices=METHODS, default=METHODS[0], help="default: %(default)s")
    explain.add_argument("--class", metavar="NAME", dest="label", help="class to look for (default: the answer)")
    explain.add_argument("-o", "--out", metavar="OUT.png", required=True, help="picture to write")
    _runtime(explain)

    export = _command(parsers, "export", commands.export, "a network for another runtime, checked against the original")
    export.add_argument("name", metavar="NAME", help="name of a run")
    export.add_argument("--format", choices=FORMATS, required=True, help="which runtime shall read it")
    export.add_argument("--int8", action="store_true", help="quantize to 8 bits, with ranges from training photos")
    export.add_argument(
        "-o", "--out", metavar="OUT", help="file or folder to write to (default: the run's folder, where it is used)"
    )
    _data_dir(export)
    _json(export)

    bench = _command(parsers, "bench", commands.bench, "speed as ratios, measured in turns, for the page Speed")
    bench.add_argument("names", metavar="ROW", nargs="*", help=f"{', '.join(ROWS)} (default: all)")
    bench.add_argument(
        "--models",
        metavar="NAME",
        nargs="+",
        help="runs to measure with (default: all); rows of one model take the last",
    )
    bench.add_argument("--repeats", type=_positive, metavar="N", help="rounds that are timed (default: each row's own)")
    bench.add_argument("--dry-run", action="store_true", help="do not keep the result in bench.json in models/studies")
    _json(bench)

    _audits(parsers)
    _studies(parsers)

    novelty = _command(parsers, "novelty", commands.novelty, "what tells photos that do not look like waste")
    novelty.add_argument("name", metavar="NAME", help="name of a run; the detector is kept in its folder")
    _data_dir(novelty)
    novelty.add_argument(
        "--others", metavar="DIR|ZIP", help="photos of other things, to measure with; fitting needs none"
    )
    novelty.add_argument("--compare", metavar="FILE.csv", help="also measure other methods, and write or renew a table")
    _json(novelty)
    return parser


def _audits(parsers: argparse._SubParsersAction) -> None:
    embed = _command(parsers, "embed", commands.embed, "what a run's network sees in every photo, kept with the run")
    embed.add_argument("name", metavar="NAME", help="name of a run")
    _data_dir(embed)

    audit = _command(parsers, "audit", commands.audit, "duplicates, contradictory labels, leaks, label issues")
    _data_dir(audit)
    _model(audit)
    audit.add_argument("--duplicates-only", action="store_true", help="without a model, by the photos alone")
    audit.add_argument("-o", "--out", metavar="FILE", help="table to write (default: audit/findings.csv in models)")
    _json(audit)


def _studies(parsers: argparse._SubParsersAction) -> None:
    study = parsers.add_parser(
        "study", help="experiments of many trainings", description="Experiments of many trainings."
    )
    studies = study.add_subparsers(required=True, metavar="STUDY")

    imbalance = _command(studies, "imbalance", commands.study_imbalance, "what each remedy against imbalance buys")
    imbalance.add_argument("names", metavar="NAME", nargs="*", help="finished runs to compare, instead of heads")
    _study_options(imbalance, "imbalance.csv, or imbalance_runs.csv")
    imbalance.add_argument("--seeds", type=_positive, default=5, metavar="N", help="default: %(default)s")
    imbalance.add_argument("--epochs", type=_positive, metavar="N", help="of every head")
    for name in ("learning-rate", "weight-decay", "label-smoothing"):
        imbalance.add_argument(f"--{name}", type=float, metavar="X", help="the same for every head")
    imbalance.add_argument("--val-only", action="store_true", help="leave test alone, while choosing these values")

    crossval = _command(studies, "crossval", commands.study_crossval, "five runs, one for each fold, taken together")
    crossval.add_argument("names", metavar="NAME", nargs="*", help="name of a run with protocol=fold-K-of-5")
    crossval.add_argument("--probe", action="store_true", help="fit heads on the frozen network's features instead")
    _study_options(crossval, "crossval.csv, or crossval_probe.csv")


def _study_options(parser: argparse.ArgumentParser, file: str) -> None:
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    _data_dir(parser)
    parser.add_argument(
        "--weights",
        metavar="imagenet|PATH",
        default="imagenet",
        help="weights of conv1 to conv4 (default: %(default)s)",
    )
    parser.add_argument(
        "--cache", metavar="DIR", help="folder to keep feature maps in, 1 GB (default: the user's cache)"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help=f"table to write (default: {file} in models/studies)")
    parser.set_defaults(after_stop="Feature maps are kept: the same command goes on from there.")


def _command(parsers: argparse._SubParsersAction, name: str, function, text: str) -> argparse.ArgumentParser:
    parser = parsers.add_parser(name, help=text.replace("%", "%%"), description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder of class folders, or a zip of it (default: $GARBAGE_DATA, ./data, the user's cache)",
    )


def _split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: %(default)s")


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME", default="transfer", help="name of a run (default: %(default)s)")


def _runtime(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runtime",
        choices=(AUTO, KERAS, *RUNTIMES),
        help="what runs the network (default: $GARBAGE_RUNTIME, else the fastest that the run was exported to)",
    )


def _scale(parser: argparse.ArgumentParser) -> None:
    """Options of `classify --engine ray`."""
    scale = parser.add_argument_group(
        "millions of photos",
        "With --engine ray PHOTO|DIR may be any address that fsspec reads, such as s3://bucket/photos.",
    )
    scale.add_argument("--engine", choices=("local", "ray"), default="local", help="default: %(default)s")
    scale.add_argument(
        "--out", metavar="DIR", help="folder or address for Parquet files; the same command goes on in it"
    )
    scale.add_argument("--workers", type=_positive, metavar="N", help="processes (default: one per core, or per GPU)")
    scale.add_argument("--gpus", action="store_true", help="a GPU for every worker, with Keras")
    scale.add_argument("--block", type=_positive, metavar="N", help="photos in one Parquet file (default: 256)")


def _json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text!r}")
    return number
