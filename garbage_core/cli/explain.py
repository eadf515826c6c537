"""`explain`: a photo with the heat map of a class over it."""

import argparse
from pathlib import Path
from typing import TextIO

from garbage_core.cli.classify import load_classifier, prediction_line
from garbage_core.cli.options import add_common, run_for_photos
from garbage_core.errors import GarbageError

HELP = "a heat map of what speaks for a class"
# As in `garbage_core.explain.heatmaps`; a test compares them.
METHODS = ("gradcam", "gradcam++", "scorecam", "layercam", "saliency")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("photo", metavar="PHOTO")
    add_common(parser, "--model")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="default: %(default)s")
    parser.add_argument("--class", metavar="NAME", dest="label", help="class to explain (default: the predicted class)")
    parser.add_argument("-o", "--out", metavar="OUT.png", required=True, help="picture to write")
    add_common(parser, "--runtime")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Writes a photo with the heat map of a class over it."""
    from PIL import Image

    from garbage_core.data.sources import read_file
    from garbage_core.explain.heatmaps import heatmap, overlay
    from garbage_core.inference.runtimes import KERAS
    from garbage_core.utils.files import check_folder, whole_file

    target = Path(args.out)
    if target.suffix.lower() != ".png":
        raise GarbageError(f"The picture is written as PNG, but {args.out!r} does not end in .png: choose such a name.")
    check_folder(target)
    data = read_file(Path(args.photo))
    # Every method but the first needs layers or gradients, so another runtime would only be loaded in vain.
    classifier = load_classifier(
        run_for_photos(args.model), args.runtime or (None if args.method == METHODS[0] else KERAS)
    )
    photo = classifier.prepare(data, args.photo)
    prediction = classifier.classify_photo(photo, args.photo)
    label = args.label or prediction.label
    if label not in classifier.classes:
        raise GarbageError(f"There is no class {label!r}: choose one of {', '.join(classifier.classes)}.")
    heat = heatmap(classifier, photo, classifier.classes.index(label), args.method)
    with whole_file(target) as temporary:
        Image.fromarray(overlay(photo, heat)).save(temporary, format="PNG")
    out.write(f"{prediction_line(prediction)}\nWhat speaks for {label} ({args.method}): {args.out}\n")
    return 0
