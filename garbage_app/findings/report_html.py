"""The report as one HTML file that needs nothing else, to keep, send or print."""

import html

import pandas as pd

from garbage_app.findings.report import TITLE, Bars, Block, Matrix, Report, Table, Told
from garbage_core.data.classes import class_color

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


def to_html(report: Report) -> str:
    """Returns a report as HTML."""
    parts = [f"<h1>{TITLE}</h1><p class='muted'>{_text(report.about)}</p>"]
    parts += [f"<section><h2>{_text(title)}</h2>{_block(block)}</section>" for title, block in report.sections]
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{TITLE}</title><style>{_CSS}</style></head><body>{''.join(parts)}</body></html>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _block(block: Block) -> str:
    match block:
        case Told():
            return f"<dl>{''.join(_told(*item) for item in block.items)}</dl>"
        case Table():
            return _table(block.rows.map(_text)) if len(block.rows) else "<p>Nothing.</p>"
        case Bars():
            return _bars(block)
        case Matrix():
            return _matrix(block)


def _told(title: str, sentence: str, address: str) -> str:
    linked = f"<a href='{_text(address)}'>{_text(title)}</a>" if address else _text(title)
    return f"<dt>{linked}</dt><dd>{_text(sentence)}</dd>"


def _table(cells: pd.DataFrame) -> str:
    """Returns a table of cells that are HTML already."""
    head = "".join(f"<th>{_text(name)}</th>" for name in cells)
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in cells.to_numpy()]
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"
    )


def _bars(bars: Bars) -> str:
    table: dict[str, list[str]] = {"Class": [_text(name) for name in bars.shares.index]}
    for run, shares in bars.shares.items():
        table[str(run)] = [
            f"{_text(bars.text(share))}<div class='track'><span style='width:{100 * share:.1f}%;"
            f"background:{class_color(str(name), place)}'></span></div>"
            for place, (name, share) in enumerate(shares.items())
        ]
    return _table(pd.DataFrame(table))


def _matrix(matrix: Matrix) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in matrix.photos)
    lines = []
    for (label, row), shares in zip(matrix.photos.iterrows(), matrix.shares.to_numpy(), strict=True):
        cells = "".join(
            f"<td class='cell' style='background:rgba(10,107,102,{share:.2f});"
            f"color:{'#fff' if share > 0.6 else '#000'}'>{photos}</td>"
            for photos, share in zip(row, shares, strict=True)
        )
        lines.append(f"<tr><th>{_text(label)}</th>{cells}</tr>")
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f"{table}<p class='muted'>{matrix.note}</p>"
