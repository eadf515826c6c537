"""The results table of README.md, computed from the committed runs.

python -m docs.readme            # rewrites the table
python -m docs.readme --check    # exits with 1 if the table is not what the runs say
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.errors import GarbageError
from garbage_core.evaluation.by_set import by_set, by_set_markdown, set_title
from garbage_core.evaluation.comparison import compare_runs, is_matched
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.inference.runtimes import RUNTIMES, read_export, report_path
from garbage_core.runs.run import FIRST_RUNS, Run, list_runs, load_run, models_dir
from garbage_core.studies.tables import (
    ONE_TRAINING,
    STRATEGY_RUNS,
    crossval_sentence,
    imbalance_conclusion,
    is_recipe_of,
    rarest_precision,
    read_crossval,
    read_imbalance,
    read_strategy_runs,
    stage_names,
    strategies_setting,
)
from garbage_core.utils.files import write_text
from garbage_core.utils.text import duration, interval, listing, percent, small

START, END = "<!-- results:start -->", "<!-- results:end -->"
README = Path(__file__).resolve().parent.parent / "README.md"
# The class whose recall is worth a line: the rarest one of TrashNet.
_RAREST = "trash"
# What `results_table` calls each study, and its file.
_STUDIES = {
    "study": "imbalance.csv",
    "ood": "ood.csv",
    "folds": "crossval.csv",
    "whole": f"{STRATEGY_RUNS}.csv",
}


def results_table(
    runs: Sequence[Run],
    split: str = "test",
    study: Path | None = None,
    ood: Path | None = None,
    folds: Path | None = None,
    whole: Path | None = None,
) -> str:
    """Returns the results of runs as Markdown: a table, a comparison, what strategies, detectors and 8 bits are worth.

    Args:
        runs: The runs, in order.
        split: Name of the split.
        study: File of the imbalance study; without it, nothing is said about strategies.
        ood: File of the study of OOD detectors; without it, nothing is said about them.
        folds: File of a cross-validation; without it, nothing is said about other splits.
        whole: File of whole networks that differ in their strategy; without it, nothing is said about them.

    Returns:
        Text between blank lines, with the markers around it.

    Raises:
        GarbageError: If a run has no such split, the first two cannot be compared, or the study cannot be read.
    """
    if not runs:
        return f"{START}\n\nThere are no runs yet.\n\n{END}"
    sets = pd.concat([by_set(run, split).assign(title=run.title) for run in runs])
    told = [*_home(sets), _starts(runs), *_rarest(runs, split)]
    if len(runs) > 1 and runs[0].classes == runs[1].classes:
        told.append(f"**Pretraining and its recipe.** {compare_runs(*runs[:2], split).sentence}")
        told += _start_alone(runs[0], split)
    if folds:
        rows = read_crossval(folds)
        told += [
            f"**Other splits.** {title}, {small(crossval_sentence(rows, stages))}"
            for title, stages in ((run.title, stage_names(run)) for run in runs)
            if is_recipe_of(rows, stages)
        ]
    if study:
        rows = read_imbalance(study)
        told.append(
            f"**Imbalance, heads on frozen ImageNet features**, {rows['strategy'].nunique() - 1} strategies: "
            f"{small(imbalance_conclusion(rows, split))}"
        )
    if whole:
        rows = read_strategy_runs(whole)
        told.append(
            f"**Imbalance, whole networks**, trained {strategies_setting(rows)}: "
            f"{small(imbalance_conclusion(rows, split))} {rarest_precision(rows, split)} {ONE_TRAINING}"
        )
    if ood:
        told += ood_photos(pd.read_csv(ood), runs)
    told += eight_bits(runs)
    return "\n\n".join([START, *_metrics(runs, sets, split), "\n".join(f"- {each}" for each in told), END])


def _metrics(runs: Sequence[Run], sets: pd.DataFrame, split: str) -> tuple[str, str]:
    """Returns a table of the runs' metrics on each set, and what it rests on."""
    rows = sets.sort_values("set", key=lambda names: names != MAIN_SET, kind="stable")
    protocols = " and ".join(sorted({str(run.info.get("protocol")) for run in runs}))
    note = (
        f"{split.capitalize()} photos, which chose nothing, TrashNet's by the {protocols} split; in brackets 95 % "
        "intervals. Calibration error after temperature scaling; the threshold is the one above which a model is sure."
    )
    return by_set_markdown(rows, "model", with_set=True), note


def _home(sets: pd.DataFrame) -> list[str]:
    """Says what the runs are worth on photos from elsewhere."""
    parts = []
    for name, found in sets[sets["set"] != MAIN_SET].groupby("set", sort=False):
        said = [
            f"{row['title']} is right on "
            + interval(row["accuracy"], row["accuracy_low"], row["accuracy_high"], plain=True)
            for row in found.to_dict("records")
        ]
        number = int(found["photos"].iloc[0])
        parts.append(f"**At home.** On {number:,} {set_title(str(name))} {listing(said)}.")
    return parts


def _starts(runs: Sequence[Run]) -> str:
    """Says what each run starts from and how long it trained."""
    said = [
        f"{run.title} starts from {run.start} ({duration(run.info.get('duration_seconds'))}, "
        f"{run.info.get('device', 'unknown machine')})"
        for run in runs
    ]
    return f"**Training.** {listing(said)}."


def _start_alone(scratch: Run, split: str) -> Iterator[str]:
    """Says what another start gives that differs from a run in nothing else, if a study has such a run."""
    for run in list_runs(scratch.path.parent / "studies" / "matched"):
        if is_matched(scratch, run):
            told = small(compare_runs(scratch, run, split).sentence)
            yield f"**Pretraining alone**, with the recipe of {scratch.title} to the letter: {told}"


def _rarest(runs: Sequence[Run], split: str) -> list[str]:
    """Says how much of the rarest class each run finds, where all have it."""
    if not all(_RAREST in run.classes for run in runs):
        return []
    said, photos = [], 0
    for run in runs:
        table = run.predictions_of(run.sets[0])
        row = evaluate(table, run.classes, split, run.temperature).per_class.set_index("label").loc[_RAREST]
        photos = int((table.loc[table["split"] == split, "label"] == _RAREST).sum())
        said.append(f"{run.title} finds {interval(row['recall'], row['recall_low'], row['recall_high'], plain=True)}")
    return [f"**The rarest class.** Of {photos} photos of {_RAREST} {listing(said)}."]


def ood_photos(study: pd.DataFrame, runs: Sequence[Run]) -> list[str]:
    """Says what the runs' OOD detectors are worth, a sentence each.

    Args:
        study: As `garbage ood --compare` writes it.
        runs: The runs; one whose weights are not those of the study is passed over.
    """
    sentences = []
    for run in runs:
        same = study["weights"].astype(str) == (run.weights_sha256 or "")[:12]
        rows = study[same & (study["run"] == run.name) & (study["kept"].astype(str) == "True")]
        rows = rows[(rows["split"] == "test") & (rows["method"] == "head")]
        if rows.empty:
            continue
        told = []
        for kind, words in (("photo", "ordinary photos"), ("other things", "things of other kinds")):
            of_kind = rows[rows["kind"] == kind]
            if len(of_kind):
                first, worst = of_kind.iloc[0], of_kind["auroc"].min()
                refused = percent(first["refused"], plain=True)
                told.append(f"{refused} of {first['pictures']:,} {words} (AUROC {worst:.3f} or more)")
        wrong = [
            f"{percent(row.waste_refused, plain=True)} on {set_title(row.waste)}"
            for row in rows.drop_duplicates("waste").itertuples()
        ]
        wrong += [
            f"{percent(share, plain=True)} with the thing put on wood, tiles, cloth or stone"
            for share in rows.loc[rows["kind"] == "placed waste", "refused"]
        ]
        sentences.append(f"{run.title} refuses {listing(told)}, and of waste {listing(wrong)}.")
    return ["**Other things.** " + " ".join(sentences)] if sentences else []


def eight_bits(runs: Sequence[Run]) -> list[str]:
    """Says what the runs' networks for OpenVINO in 8 bits lose, as the reports beside them have it."""
    parts = []
    for run in runs:
        path = run.path / RUNTIMES["openvino-int8"].file
        if not report_path(path).is_file():
            continue
        export = read_export(path)
        check = export.report["check"].get("val")
        if check and export.weights_sha256 == run.weights_sha256:
            parts.append(
                f"{run.title} has {percent(check['accuracy_exported'], plain=True)} of the {check['photos']:,} val "
                f"photos right instead of {percent(check['accuracy'], plain=True)}"
            )
    return [f"**In 8 bits**, as the app answers: {'; '.join(parts)}."] if parts else []


def with_table(text: str, block: str) -> str:
    """Returns a text with what lies between the markers, and these themselves, replaced. Raises GarbageError."""
    start, end = text.find(START), text.find(END)
    if start < 0 or end < start or text.count(START) > 1 or text.count(END) > 1:
        raise GarbageError(f"The text needs one {START} and, after it, one {END}; put them where the table belongs.")
    return text[:start] + block + text[end + len(END) :]


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrites or checks README.md.

    Args:
        arguments: Command line; that of the process if None.

    Returns:
        Exit code: 0, 1 if `--check` found the table out of date, 2 for a mistake of the user.
    """
    parser = argparse.ArgumentParser(prog="python -m docs.readme", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="NAME", help="runs to list (default: scratch and transfer)")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the table is out of date")
    parser.add_argument(
        "--readme", type=Path, default=README, help="file to rewrite (default: the project's README.md)"
    )
    parser.add_argument("--models", type=Path, help="folder of the runs (default: $GARBAGE_MODELS or models)")
    options = parser.parse_args(arguments)
    root = options.models or models_dir()
    try:
        if options.runs:
            runs = [load_run(name, root) for name in options.runs]
        else:
            runs = [run for run in list_runs(root) if run.name in FIRST_RUNS]
        try:
            text = options.readme.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise GarbageError(f"{options.readme} cannot be read ({error}); name the right file.") from error
        studies = {name: root / "studies" / file for name, file in _STUDIES.items()}
        studies = {name: path for name, path in studies.items() if path.is_file()}
        fresh = with_table(text, results_table(runs, "test", **studies))
    except GarbageError as error:
        print(error, file=sys.stderr)
        return 2
    if fresh == text:
        return 0
    if options.check:
        print(f"{options.readme} is out of date: run python -m docs.readme.", file=sys.stderr)
        return 1
    write_text(fresh, options.readme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
