"""`study`: experiments of many trainings."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from garbage_core.cli.options import add_common, add_parser, positive, start_keras, warn
from garbage_core.cli.study_options import add_feature_arguments, add_out, add_study_arguments, check_out, target
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    import pandas as pd

    from garbage_core.data.dataset import Dataset

HELP = "experiments of many trainings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the studies and their options."""
    parsers = parser.add_subparsers(required=True, metavar="STUDY")
    text = "what each strategy against class imbalance gains"
    add_parser(parsers, "imbalance", text, _add_imbalance_arguments, run_imbalance)
    text = "what becomes of a class that gets rarer, for page Imbalance"
    add_parser(parsers, "imbalance-lab", text, _add_lab_arguments, run_lab)
    text = "what each transformation of the photos is worth, for page Augmentation"
    add_parser(parsers, "augmentation", text, _add_augmentation_arguments, run_augmentation)
    text = "how large objects are, and what runs predict on other backgrounds, for page Evaluation"
    add_parser(parsers, "slices", text, _add_slice_arguments, run_slices)
    text = "what more training photos bring from each start, for page Scratch against transfer"
    add_parser(parsers, "data-size", text, _add_size_arguments, run_data_size)
    text = "five runs, one for each fold, taken together"
    add_parser(parsers, "crossval", text, _add_crossval_arguments, run_crossval)


def _add_imbalance_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="finished runs to compare, instead of heads")
    add_study_arguments(parser, "imbalance.csv, or imbalance_runs.csv")
    parser.add_argument("--seeds", type=positive, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--epochs", type=positive, metavar="N", help="of every head")
    for name in ("learning-rate", "weight-decay", "label-smoothing"):
        parser.add_argument(f"--{name}", type=float, metavar="X", help="the same for every head")
    parser.add_argument("--val-only", action="store_true", help="leave test alone, while choosing these values")


def _add_lab_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, "--data-dir")
    add_feature_arguments(parser, "imbalance_lab.csv")
    parser.add_argument("--seeds", type=positive, default=10, metavar="N", help="default: %(default)s")


def _add_augmentation_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, "--data-dir")
    add_feature_arguments(parser, "augmentation.csv")


def _add_slice_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    add_common(parser, "--data-dir")


def _add_size_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="runs on all photos that differ in their start alone")
    parser.add_argument("--shares", type=float, nargs="+", default=(0.1, 0.25, 0.5), help="default: 0.1 0.25 0.5")
    parser.add_argument("--runs", metavar="DIR", help="folder of the runs (default: $GARBAGE_MODELS or models)")
    parser.add_argument("--weights", metavar="imagenet|PATH", help="starting weights of the runs that had any")
    parser.add_argument("--measure-only", action="store_true", help="train nothing, measure what has been trained")
    add_out(parser, "data_size.csv")
    add_common(parser, "--data-dir")
    parser.set_defaults(after_stop="The same command goes on from the last finished epoch.")


def _add_crossval_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="name of a run with protocol=fold-K-of-5")
    parser.add_argument("--probe", action="store_true", help="fit linear probes on the frozen network's features")
    add_study_arguments(parser, "crossval.csv, or crossval_probe.csv")


def run_imbalance(args: argparse.Namespace, out: TextIO) -> int:
    """Compares the strategies, in heads that are trained now or in finished runs; writes the table and a conclusion."""
    from garbage_core.studies.tables import STRATEGY_RUNS, imbalance_conclusion

    check_out(args.out)
    table, path = _measure_runs(args, STRATEGY_RUNS) if args.names else _train_heads(args, "imbalance")
    split = "val" if args.val_only and not args.names else "test"
    out.write(f"{imbalance_conclusion(table, split)}\nWritten to {path}\n")
    return 0


def _train_heads(args: argparse.Namespace, name: str) -> "tuple[pd.DataFrame, Path]":
    """Trains a head with each strategy on the features of the frozen network, and writes the table as it grows."""
    start_keras()
    from garbage_core.data.dataset import load_dataset
    from garbage_core.runs.results import noted
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe
    from garbage_core.studies.imbalance import Budget, run_imbalance_study

    dataset = load_dataset(args.data_dir)
    given = {name: getattr(args, name) for name in ("epochs", "learning_rate", "weight_decay", "label_smoothing")}
    budget = Budget(**{name: value for name, value in given.items() if value is not None})
    maker = FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache)
    splits = ("val",) if args.val_only else ("val", "test")
    path = target(args, name, dataset.fingerprint)
    with noted(path, dataset.fingerprint):
        return run_imbalance_study(dataset, maker, budget, args.seeds, path, splits, warn), path


def _measure_runs(args: argparse.Namespace, name: str) -> "tuple[pd.DataFrame, Path]":
    """Measures finished runs that differ in their strategy, and writes the table."""
    from garbage_core.runs.results import noted
    from garbage_core.runs.run import load_run
    from garbage_core.studies.imbalance import measure_strategies
    from garbage_core.utils.files import write_csv

    runs = [load_run(run, args.runs) for run in args.names]
    table = measure_strategies(runs)
    fingerprint = str(runs[0].info.get("data_fingerprint"))
    path = target(args, name, fingerprint)
    with noted(path, fingerprint):
        write_csv(table, path, "%.5f")
    return table, path


def run_lab(args: argparse.Namespace, out: TextIO) -> int:
    """Makes the features of page Imbalance, and tries every strategy on ever fewer photos of the rarest class."""
    from garbage_core.runs.results import noted
    from garbage_core.studies import imbalance_lab
    from garbage_core.utils.files import write_csv

    check_out(args.out)
    start_keras()
    from garbage_core.data.dataset import load_dataset
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe

    dataset = load_dataset(args.data_dir)
    path = target(args, "imbalance_lab", dataset.fingerprint)
    lab = imbalance_lab.make_lab(dataset, FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache))
    imbalance_lab.save_lab(lab, path.with_suffix(".npz"))
    warn(f"Features written to {path.with_suffix('.npz')}")
    table = imbalance_lab.rarity_curve(lab, args.seeds)
    with noted(path, dataset.fingerprint):
        write_csv(table, path, "%.5f")
    means = table.pivot_table(index="strategy", columns="train_photos", values="recall", sort=False)
    out.write(f"Recall of {table['class'].iloc[0]} by its training photos, mean over {args.seeds} seeds\n")
    out.write(f"{means.to_string(float_format='{:.3f}'.format)}\n\nWritten to {path}\n")
    return 0


def run_augmentation(args: argparse.Namespace, out: TextIO) -> int:
    """Fits a head for each transformation, and writes what it is worth."""
    from garbage_core.runs.results import noted
    from garbage_core.studies.tables import AUGMENTATION
    from garbage_core.utils.files import write_csv

    check_out(args.out)
    start_keras()
    from garbage_core.data.dataset import load_dataset
    from garbage_core.studies.augmentation import augmentation_table
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe

    dataset = load_dataset(args.data_dir)
    path = target(args, AUGMENTATION, dataset.fingerprint)
    table = augmentation_table(dataset, FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache), progress=warn)
    with noted(path, dataset.fingerprint):
        write_csv(table, path, "%.5f")
    rows = table[table["metric"] == "accuracy"]
    gains = rows.pivot_table(index="transformation", columns="tested_on", values="difference", sort=False)
    out.write(
        f"Accuracy gained on test photos\n{gains.to_string(float_format='{:+.3f}'.format)}\n\nWritten to {path}\n"
    )
    return 0


def run_slices(args: argparse.Namespace, out: TextIO) -> int:
    """Measures the objects in the photos, and predicts the test photos on other backgrounds."""
    from garbage_core.data.dataset import load_dataset
    from garbage_core.runs.results import noted, place_for
    from garbage_core.runs.run import list_runs
    from garbage_core.studies.slices import measure_objects, predict_replaced
    from garbage_core.studies.tables import study_path
    from garbage_core.utils.files import check_folder, write_csv

    dataset = load_dataset(args.data_dir)
    runs = [run for run in list_runs(args.runs) if run.has_weights]
    if not runs:
        raise GarbageError("There is no run with its network: train one, or name their folder with --runs.")
    objects, replaced = (place_for(study_path(name), dataset.fingerprint) for name in ("objects", "replaced"))
    check_folder(objects, make=True)
    with noted(objects, dataset.fingerprint):
        write_csv(measure_objects(dataset), objects, "%.3f")
    warn(f"Objects of {len(dataset.photos):,} photos written to {objects}")
    table = predict_replaced(dataset, runs, progress=lambda done: warn(f"{done} photos on other backgrounds"))
    check_folder(replaced, make=True)
    with noted(replaced, dataset.fingerprint):
        write_csv(table, replaced, "%.6f")
    out.write(f"{len(table):,} predictions of {len(runs)} runs written to {replaced}\n")
    return 0


def run_data_size(args: argparse.Namespace, out: TextIO) -> int:
    """Trains what is missing of each run with fewer photos, and measures all that there is after each."""
    from garbage_core.runs.results import noted
    from garbage_core.runs.run import models_dir
    from garbage_core.studies import data_size
    from garbage_core.utils.files import write_csv

    folder = Path(args.runs or models_dir())
    runs, root = data_size.named_runs(args.names, folder), folder / "studies" / "data_size"
    data_size.check_runs(runs)
    fingerprint = str(runs[0].info.get("data_fingerprint"))
    path = target(args, "data_size", fingerprint)

    if not args.measure_only:
        start_keras()
        from garbage_core.data.dataset import load_dataset
        from garbage_core.training.loop import train

        dataset = load_dataset(args.data_dir)
        for config in data_size.planned(runs, args.shares, args.weights):
            place = root / config.name
            if not (place / "run.json").is_file():
                warn(f"{config.name}: {100 * config.train_share:g} % of the training photos")
                train(config, dataset, root, resume=(place / "checkpoint" / "state.json").is_file())
    table = data_size.data_size_table(data_size.find_runs(runs, args.shares, root))
    with noted(path, fingerprint):
        write_csv(table, path, "%.5f")
    rows = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    means = rows.pivot_table(index="start", columns="train_photos", values="value", sort=False)
    shown = means.to_string(float_format="{:.3f}".format)
    out.write(f"Accuracy on test by training photos\n{shown}\n\nWritten to {path}\n")
    return 0


def run_crossval(args: argparse.Namespace, out: TextIO) -> int:
    """Measures five finished runs, or a probe, on the folds of a cross-validation."""
    from garbage_core.runs.results import noted
    from garbage_core.studies import crossval

    if args.probe == bool(args.names):
        raise GarbageError(
            f"A cross-validation is of five runs or of the probe, but {len(args.names)} runs were named "
            f"{'with' if args.probe else 'without'} --probe: give the one or the other."
        )
    check_out(args.out)
    stages: list[str] = []
    dataset: Dataset | None
    if args.probe:
        start_keras()
        from garbage_core.data.dataset import load_dataset
        from garbage_core.studies.features import FeatureMaker, FeatureRecipe

        dataset = load_dataset(args.data_dir)
        maker = FeatureMaker(dataset, FeatureRecipe(args.weights), args.cache)
        fingerprint = dataset.fingerprint
        path = target(args, "crossval_probe", fingerprint)
        tables, classes = crossval.probe_predictions(dataset, maker), dataset.classes
        out.write("A logistic regression on features of the frozen network; not the transfer recipe.\n\n")
    else:
        from garbage_core.runs.run import load_run
        from garbage_core.studies.tables import stage_names

        runs = [load_run(name, args.runs) for name in args.names]
        tables, classes, stages = crossval.collect_runs(runs), runs[0].classes, stage_names(runs[0])
        fingerprint = str(runs[0].info.get("data_fingerprint"))
        path = target(args, "crossval", fingerprint)
        dataset = _photos_if_at_hand(args.data_dir)
    table = crossval.crossval_table(tables, classes, stages)
    with noted(path, fingerprint):
        crossval.write_crossval(table, path)
    pairs = None if dataset is None else crossval.contradictions(dataset)
    out.write(crossval.crossval_text(table, pairs, tables) + f"\nWritten to {path}\n")
    return 0


def _photos_if_at_hand(data_dir: str | None) -> "Dataset | None":
    """Loads the data set, which the metrics do not need; a folder that was named must be there."""
    from garbage_core.data.dataset import load_dataset

    try:
        return load_dataset(data_dir, verify=False)
    except GarbageError:
        if data_dir:
            raise
        return None
