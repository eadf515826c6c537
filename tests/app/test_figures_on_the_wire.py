"""No page sends a figure that a slow connection would wait for: its size, and the points of its curves."""

import json

import pytest

from benchmarks.app_speed.figures import ROOT, figures
from garbage_core.figures.style import MOST_POINTS

LARGEST = 300_000  # bytes


def points(trace: dict, name: str) -> int:
    """Returns how many values of a coordinate a trace has, sent as a list or as bytes in Base64."""
    values = trace.get(name) or []
    if not isinstance(values, dict):
        return len(values)
    width = int(values["dtype"][-1])
    return len(values["bdata"]) * 3 // 4 // width


@pytest.mark.parametrize("page", ["about", "audit", "comparison", "data", "evaluation", "findings", "imbalance"])
def test_figures_of_a_page_are_small(page, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(ROOT / "models"))
    for name, spec in figures(page):
        assert len(spec.encode()) <= LARGEST, f"{name} has {len(spec.encode()):,} bytes"
        for trace in json.loads(spec)["data"]:
            if "lines" in trace.get("mode", ""):
                assert points(trace, "x") <= MOST_POINTS, name
