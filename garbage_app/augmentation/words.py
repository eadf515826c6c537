"""Augmentation in words: what a range means, what a pipeline does, and which models were trained with it."""

import pandas as pd

from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, escape, listing, percent


def range_in_words(name: str, value: float) -> str:
    """Returns what the range of a transformation means: "rotated by up to 45°"."""
    share = f"{100 * value:.0f}{NBSP}%"
    return {
        "rotation": f"rotated by up to {value:.0f}°",
        "shift": f"shifted by up to {share}",
        "zoom": f"zoomed by up to {share}",
        "shear": f"sheared by up to {value:.2g}°",
        "horizontal_flip": "mirrored left to right",
        "vertical_flip": "mirrored top to bottom",
        "brightness": f"brighter or darker by up to {share}",
        "contrast": f"with up to {share} more or less contrast",
        "channel_shift": f"lighter or darker by up to {value:.0f} of 255",
        "color_shift": f"shifted in color by up to {value:.0f} of 255",
        "erase": "partly erased" if value == 1 else f"partly erased ({share} of them)",
        "mixup": "blended with another (MixUp)",
        "cutmix": "filled in with a part of another (CutMix)",
    }.get(name, f"{name} {value}")


def pipeline_in_words(ranges: dict[str, float]) -> str:
    """Returns what a pipeline does to photos.

    Args:
        ranges: From the name of each transformation to its range; one that is 0 is off.
    """
    words = [range_in_words(name, value) for name, value in ranges.items() if value]
    return listing(words) if words else "left as they are"


def versions_in_words(runs: list[Run]) -> str:
    """Says how many random versions of the photos each run learned from, and how many lay on other backgrounds."""
    said = []
    for run in runs:
        photos = int(run.split_counts.get("train", pd.Series(dtype=int)).sum())
        passes = sum(stage.cached_passes or stage.epochs * stage.passes_per_epoch for stage in run.config.stages)
        replaced = max((stage.background_replacement for stage in run.config.stages), default=0.0)
        if photos and passes:
            said.append(
                f"{escape(run.title)} learned from {photos * passes:,} random versions of {photos:,} photos"
                + (f", up to {percent(replaced, 0)} of them on other backgrounds" if replaced else "")
            )
    return f"{'; '.join(said)}." if said else ""


def trained_with(runs: list[Run], name: str, pipelines: list[str]) -> str:
    """Says which runs were trained with a pipeline, and with which one the others were.

    Args:
        runs: All runs.
        name: Pipeline that is shown.
        pipelines: Names of all pipelines.
    """
    used: dict[str, list[str]] = {}
    for run in runs:
        for pipeline in dict.fromkeys(stage.augmentation for stage in run.config.stages):
            if pipeline in pipelines:
                used.setdefault(pipeline, []).append(run.title)
    trained = f"{listing([escape(title) for title in used[name]])} learned from these. " if name in used else ""
    others = [f"{escape(title)} from {other}" for other, titles in used.items() if other != name for title in titles]
    return trained + (f"{'Also' if trained else 'The models learned otherwise'}: {listing(others)}." if others else "")
