"""The findings and the results of two runs as a report, described once for `report_html` and `report_pdf`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from garbage_app.comparison.settings import differing_settings
from garbage_app.findings.sentences import SPLIT, Finding
from garbage_app.results import comparison_of, evaluation_of
from garbage_core.evaluation.metrics import lookup
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, interval, quantity, signed_interval

TITLE = "What we learned"


@dataclass(frozen=True)
class Told:
    """Sentences with a title each, and the address of the page that each is from, "" where the app has none."""

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of text."""

    rows: pd.DataFrame


@dataclass(frozen=True)
class Bars:
    """A share (0..1) of each class for every run: the columns are the runs' titles, the index the classes."""

    shares: pd.DataFrame

    @staticmethod
    def text(share: float) -> str:
        """Returns a share as it stands beside its bar."""
        return quantity(share)


@dataclass(frozen=True)
class Matrix:
    """Photos of each true class (rows) by predicted class (columns)."""

    photos: pd.DataFrame

    @property
    def shares(self) -> pd.DataFrame:
        """Shares of the true class, 0..1."""
        return self.photos.div(self.photos.sum(axis=1).clip(lower=1), axis=0)

    note = "True classes in rows, predicted ones in columns."


Block = Told | Table | Bars | Matrix


@dataclass(frozen=True)
class Report:
    """A report: `about` says in a sentence what it is of, `sections` have a title and a block each."""

    about: str
    sections: tuple[tuple[str, Block], ...]


def make_report(found: Iterable[Finding], a: Run, b: Run, address: str) -> Report:
    """Returns the report.

    Args:
        found: The findings.
        a: The first run.
        b: The second run.
        address: Of the app, for links to its pages; empty for none.
    """
    compared = comparison_of(a, b, SPLIT)
    told = (
        (finding.title, _plain(finding.sentence), f"{address}/{finding.page}" if address else "") for finding in found
    )
    recalls = {run.title: evaluation_of(run, SPLIT).per_class.set_index("label")["recall"].fillna(0) for run in (a, b)}
    return Report(
        f"ResNet-50 on photos of waste: {a.title} and {b.title} on the same {count(compared.n, f'{SPLIT} photo')}. "
        "Brackets hold 95 % intervals.",
        (
            ("Findings", Told(tuple(told))),
            ("Metrics", Table(_metrics(a, b))),
            ("What differs besides the start", Table(differing_settings(a, b))),
            ("Recall of each class", Bars(pd.DataFrame(recalls))),
            *((f"Confusion matrix of {run.title}", Matrix(evaluation_of(run, SPLIT).confusion)) for run in (a, b)),
            ("The runs", Table(_runs(a, b))),
        ),
    )


def _plain(markdown: str) -> str:
    """Returns Markdown as `escape` writes it, without its marks."""
    return re.sub(r"\\(\W)", r"\1", markdown).replace("**", "")


def _metrics(a: Run, b: Run) -> pd.DataFrame:
    compared = comparison_of(a, b, SPLIT)
    sides = [evaluation_of(run, SPLIT) for run in (a, b)]
    rows = []
    for name in compared.metrics["metric"]:
        share = lookup(name).is_share
        values = [interval(*side.metric(name), share) for side in sides]
        rows.append((lookup(name).title, *values, signed_interval(*compared.metric(name), share)))
    return pd.DataFrame(rows, columns=["Metric", a.title, b.title, "Difference"])


def _runs(a: Run, b: Run) -> pd.DataFrame:
    rows = [
        (run.title, run.config.network, run.start, run.info.get("created", "")[:10], (run.weights_sha256 or "")[:12])
        for run in (a, b)
    ]
    return pd.DataFrame(rows, columns=["Model", "Network", "Started from", "Trained", "SHA-256 of the weights"])
