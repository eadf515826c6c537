"""The findings and the results of two runs as one HTML file that needs nothing else, to keep, send or print."""

import html
import re
from collections.abc import Iterable

import pandas as pd

from garbage_app.comparison.settings import differing_settings
from garbage_app.findings.sentences import SPLIT, Finding
from garbage_app.results import comparison_of, evaluation_of
from garbage_core.data.classes import class_color
from garbage_core.evaluation.metrics import lookup
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, interval, quantity, signed_interval

# On paper colors are kept, and neither a table nor a heading is torn from what belongs to it.
_CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1B2426; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.8rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p.muted { color: #58656A; margin-top: .25rem; } a { color: #0B6B67; }
dt { font-weight: 600; margin-top: .75rem; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #D5DDDE; vertical-align: top; }
td.cell { text-align: center; padding: .3rem; }
.track { background: #EDF1F1; height: .8rem; } .track span { display: block; height: 100%; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print {
  @page { size: A4; margin: 16mm; }
  body { font-size: 10.5pt; margin: 0; max-width: none; padding: 0; }
  h2 { break-after: avoid; } table, dl, section { break-inside: avoid; } a { color: inherit; text-decoration: none; }
}
"""


def html_report(found: Iterable[Finding], a: Run, b: Run, address: str) -> str:
    """Returns the report.

    Args:
        found: The findings.
        a: The first run.
        b: The second run.
        address: Of the app, for links to its pages; empty for none.
    """
    compared = comparison_of(a, b, SPLIT)
    parts = [
        f"<h1>What we learned</h1><p class='muted'>ResNet-50 on photos of waste: {_text(a.title)} and "
        f"{_text(b.title)} on the same {count(compared.n, f'{SPLIT} photo')}. Brackets hold 95 % intervals.</p>",
        _section("Findings", _findings(found, address)),
        _section("Metrics", _table(_metrics(a, b))),
        _section("What differs besides the start", _table(differing_settings(a, b))),
        _section("Recall of each class", _table(_recalls(a, b), raw=True)),
        *(_section(f"Confusion matrix of {run.title}", _confusions(run)) for run in (a, b)),
        _section("The runs", _table(_runs(a, b))),
    ]
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>What we learned</title><style>{_CSS}</style></head><body>{''.join(parts)}</body></html>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _plain(markdown: str) -> str:
    """Returns Markdown as `escape` writes it as HTML."""
    return _text(re.sub(r"\\(\W)", r"\1", markdown))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{content}</section>"


def _findings(found: Iterable[Finding], address: str) -> str:
    items = []
    for finding in found:
        title = _text(finding.title)
        link = f"<a href='{_text(address)}/{finding.page}'>{title}</a>" if address else title
        items.append(f"<dt>{link}</dt><dd>{_plain(finding.sentence)}</dd>")
    return f"<dl>{''.join(items)}</dl>"


def _table(rows: pd.DataFrame, raw: bool = False) -> str:
    """Returns a table; cells are text, or with `raw` HTML already."""
    if rows.empty:
        return "<p>Nothing.</p>"
    head = "".join(f"<th>{_text(name)}</th>" for name in rows)
    lines = ["".join(f"<td>{cell if raw else _text(cell)}</td>" for cell in row) for row in rows.to_numpy()]
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"
    )


def _metrics(a: Run, b: Run) -> pd.DataFrame:
    compared = comparison_of(a, b, SPLIT)
    sides = [evaluation_of(run, SPLIT) for run in (a, b)]
    rows = []
    for name in compared.metrics["metric"]:
        share = lookup(name).is_share
        values = [interval(*side.metric(name), share) for side in sides]
        rows.append((lookup(name).title, *values, signed_interval(*compared.metric(name), share)))
    return pd.DataFrame(rows, columns=["Metric", a.title, b.title, "Difference"])


def _recalls(a: Run, b: Run) -> pd.DataFrame:
    """Returns the recall of each class as a number and a bar; the cells are HTML."""
    table: dict[str, list[str]] = {"Class": [_text(name) for name in b.classes]}
    for run in (a, b):
        recalls = evaluation_of(run, SPLIT).per_class["recall"]
        table[run.title] = [
            f"{_text(quantity(value))}<div class='track'><span style='width:{100 * value:.1f}%;"
            f"background:{class_color(name, place)}'></span></div>"
            for place, (name, value) in enumerate(zip(run.classes, recalls.fillna(0), strict=True))
        ]
    return pd.DataFrame(table)


def _confusions(run: Run) -> str:
    """Returns the confusion matrix: photos, shaded by their share of the true class."""
    confusion = evaluation_of(run, SPLIT).confusion
    head = "".join(f"<th>{_text(name)}</th>" for name in confusion)
    lines = []
    for label, row in confusion.iterrows():
        shares = row / max(1, row.sum())
        cells = "".join(
            f"<td class='cell' style='background:rgba(10,107,102,{share:.2f});"
            f"color:{'#fff' if share > 0.6 else '#000'}'>{photos}</td>"
            for photos, share in zip(row, shares, strict=True)
        )
        lines.append(f"<tr><th>{_text(label)}</th>{cells}</tr>")
    note = "<p class='muted'>True classes in rows, predicted ones in columns.</p>"
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>{note}"


def _runs(a: Run, b: Run) -> pd.DataFrame:
    rows = [
        (run.title, run.config.network, run.start, run.info.get("created", "")[:10], (run.weights_sha256 or "")[:12])
        for run in (a, b)
    ]
    return pd.DataFrame(rows, columns=["Model", "Network", "Started from", "Trained", "SHA-256 of the weights"])
