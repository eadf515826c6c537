"""`embed`: a run's embedding of every photo, and a flat map of them."""

import argparse
from typing import TextIO

from garbage_core.cli.options import add_common, progress_bar, start_keras
from garbage_core.utils.text import count, percent

HELP = "embeddings of every photo by a run's network, written into the run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common(parser, "name", "--data-dir")


def run(args: argparse.Namespace, out: TextIO) -> int:
    """Computes the embeddings of a run and their map, and says what they are."""
    start_keras()
    import pandas as pd

    from garbage_core.audit.embeddings import EMBEDDINGS_FILE, MAP_FILE, embed, flat_map, save_embeddings
    from garbage_core.data.dataset import load_dataset
    from garbage_core.runs.run import load_run
    from garbage_core.utils.locks import only_writer

    trained = load_run(args.name)
    trained.check_weights()
    with only_writer(trained.path):
        dataset = load_dataset(args.data_dir)
        with progress_bar("embed", len(dataset.photos)) as bar:
            found = embed(trained, dataset, bar.update)
        path = save_embeddings(trained, found, flat_map(found))
    labels = pd.Categorical(dataset.photos["label"], found.classes).codes
    accuracy = float((found.probabilities.argmax(axis=1) == labels).mean())
    out.write(
        f"{trained.name}: {count(len(found.files), 'photo')}, {found.vectors.shape[1]} components each. Classifiers on "
        f"{found.layer} predict {percent(accuracy, plain=True)} of the photos correctly that they never saw.\n"
        f"Written to {path.parent}: {EMBEDDINGS_FILE}, {MAP_FILE}\n"
    )
    return 0
