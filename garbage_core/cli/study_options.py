"""Options that studies share, and where their tables go."""

import argparse
from pathlib import Path

from garbage_core.cli.options import add_common


def add_study_arguments(parser: argparse.ArgumentParser, file: str) -> None:
    """Declares the options of studies of runs or heads; `file` is the table's name as the help gives it."""
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    add_common(parser, "--data-dir")
    add_feature_arguments(parser, file)


def add_feature_arguments(parser: argparse.ArgumentParser, file: str) -> None:
    """Declares the options of studies on frozen features; `file` as in `add_study_arguments`."""
    parser.add_argument(
        "--weights",
        metavar="imagenet|PATH",
        default="imagenet",
        help="weights of conv1 to conv4 (default: %(default)s)",
    )
    parser.add_argument(
        "--cache", metavar="DIR", help="folder to store feature maps in, 1 to 3 GB (default: the user's cache)"
    )
    add_out(parser, file)
    parser.set_defaults(after_stop="Feature maps are stored: the same command goes on from there.")


def add_out(parser: argparse.ArgumentParser, file: str) -> None:
    """Declares where the table goes; `file` as in `add_study_arguments`."""
    parser.add_argument("-o", "--out", metavar="FILE", help=f"table to write (default: {file} in models/studies)")
    parser.add_argument("--force", action="store_true", help="replace FILE even if it is about other photos")


def check_out(out: str | None) -> None:
    """Refuses a file that cannot be written, before photos are read."""
    from garbage_core.studies.tables import study_path
    from garbage_core.utils.files import check_folder

    check_folder(out or study_path("imbalance"), make=not out)


def target(args: argparse.Namespace, name: str, fingerprint: str) -> Path:
    """Returns the file to write a table to; refuses one that holds that of other photos, before hours have passed."""
    from garbage_core.runs.results import check_replaces, place_for
    from garbage_core.studies.tables import study_path
    from garbage_core.utils.files import check_folder

    path = Path(args.out or place_for(study_path(name), fingerprint))
    check_folder(path, make=not args.out)
    check_replaces(path, fingerprint, study_path(path.stem), args.force)
    return path
