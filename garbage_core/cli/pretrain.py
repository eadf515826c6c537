"""`pretrain`: gives conv5 starting weights where ImageNet's own are not at hand."""

import argparse
from pathlib import Path
from typing import TextIO

from garbage_core.cli.options import add_common, add_extra, positive, start_keras
from garbage_core.errors import GarbageError
from garbage_core.utils.text import percent

HELP = "teach conv5 by EfficientNet-Lite2, on photos without their labels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "--data-dir")
    add_extra(parser, "take the training photos of this set as well")
    parser.add_argument("--weights", required=True, metavar="PATH", help="ImageNet weights of conv1 to conv4")
    parser.add_argument("--out", required=True, metavar="FILE.weights.h5", help="where the taught weights go")
    parser.add_argument("--views", type=positive, default=2, metavar="N", help="views of each photo (default: 2)")
    parser.add_argument("--epochs", type=positive, default=4, metavar="N", help="passes over them (default: 4)")
    parser.add_argument("--size", type=positive, default=192, metavar="PIXELS", help="side of a view (default: 192)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of views and order (default: 0)")
    parser.set_defaults(after_stop="Go on from the last finished epoch with the same command.")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Teaches conv5 and writes conv1 to conv5 as starting weights for `train --weights`."""
    if not args.out.endswith(".weights.h5"):
        raise GarbageError(f"--out must end in .weights.h5, not {args.out!r}.")
    from garbage_core.data.dataset import load_dataset, split_dataset
    from garbage_core.data.photo_sets import PhotoSets, load_extra_set
    from garbage_core.utils.files import check_folder

    path = Path(args.out)
    check_folder(path)
    dataset = load_dataset(args.data_dir)
    sets = PhotoSets(dataset, [load_extra_set(source, dataset.classes) for source in args.extra])
    table = sets.table(split_dataset(dataset))
    files = table.loc[table["split"] == "train", "file"].tolist()
    start_keras()
    from garbage_core.training.pretraining import pretrain

    unexplained = pretrain(
        sets, files, args.weights, path, views=args.views, epochs=args.epochs, size=args.size, seed=args.seed
    )
    share = percent(1 - unexplained, plain=True)
    out.write(f"conv5 explains {share} of what the teacher's features of {len(files):,} photos vary.\n{path}\n")
    return 0
