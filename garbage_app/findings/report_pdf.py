"""The report as a PDF of A4 pages, with the letters of European languages in a font of its own."""

from pathlib import Path
from typing import cast

import pandas as pd
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from garbage_app.findings.report import TITLE, Bars, Block, Matrix, Report, Table, Told
from garbage_core.data.classes import class_color

_FONTS = Path(__file__).parent / "fonts"
_FONT = "DejaVu"
_INK, _MUTED, _LINE, _TRACK, _ACCENT = (27, 36, 38), (88, 101, 106), (213, 221, 222), (237, 241, 241), (10, 107, 102)
_MARGIN, _ROW = 16, 5.6  # mm
_TEXT, _SMALL, _HEADING = 10, 8.5, 13  # points


class _Page(FPDF):
    """Pages with their number at the foot."""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FONT, "", _SMALL)
        self.set_text_color(*_MUTED)
        self.cell(0, 5, f"{TITLE}, page {self.page_no()} of {{nb}}", align="C")


def to_pdf(report: Report) -> bytes:
    """Returns a report as a PDF. Letters that the font lacks are shown as boxes."""
    page = _Page(format="A4")
    page.set_title(TITLE)
    page.set_subject(report.about)
    page.set_lang("en")
    page.set_margin(_MARGIN)
    page.set_auto_page_break(True, margin=18)
    for style, file in (("", "DejaVuSansCondensed.ttf"), ("B", "DejaVuSansCondensed-Bold.ttf")):
        page.add_font(_FONT, style, _FONTS / file)
    page.add_page()
    _write(page, TITLE, 20, bold=True)
    _write(page, report.about, _TEXT, color=_MUTED)
    for title, block in report.sections:
        # A block that would be torn begins on the next page, with its heading, unless that left this one almost empty.
        with page.offset_rendering() as trial:
            _section(cast(FPDF, trial), title, block)  # records what is called on it
        if trial.page_break_triggered and page.get_y() > page.h / 4:
            page.add_page()
        _section(page, title, block)
    return bytes(page.output())


def _write(page: FPDF, text: str, size: float, bold: bool = False, color: tuple[int, int, int] = _INK) -> None:
    page.set_font(_FONT, "B" if bold else "", size)
    page.set_text_color(*color)
    page.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")


def _section(page: FPDF, title: str, block: Block) -> None:
    page.ln(5)
    page.start_section(title)
    _write(page, title, _HEADING, bold=True)
    page.ln(1.5)
    match block:
        case Told():
            for name, sentence, address in block.items:
                page.set_font(_FONT, "B", _TEXT)
                page.set_text_color(*(_ACCENT if address else _INK))
                page.multi_cell(0, 5, name, new_x="LMARGIN", new_y="NEXT", link=address or "")
                _write(page, sentence, _TEXT)
                page.ln(1.5)
        case Table():
            _table(page, block.rows)
        case Bars():
            _bars(page, block)
        case Matrix():
            _matrix(page, block)


def _table(page: FPDF, rows: pd.DataFrame) -> None:
    if rows.empty:
        _write(page, "Nothing.", _TEXT)
        return
    longest = [max(len(str(name)), *(len(str(cell)) for cell in rows.iloc[:, i])) for i, name in enumerate(rows)]
    with _started(page, [max(8, min(length, 32)) for length in longest]) as table:
        table.row([str(name) for name in rows])
        for row in rows.to_numpy():
            table.row([str(cell) for cell in row])


def _started(page: FPDF, widths: list[int], align: str = "LEFT"):
    """Returns a table that is about to be filled, its first row in bold."""
    page.set_font(_FONT, "", _SMALL)
    page.set_text_color(*_INK)
    page.set_draw_color(*_LINE)
    page.set_fill_color(255)
    return page.table(
        col_widths=tuple(widths),
        line_height=_ROW,
        text_align=align,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", color=_INK),
    )


def _bars(page: FPDF, bars: Bars) -> None:
    """Draws a bar of each class for every run, the runs side by side."""
    first = 30.0
    width = (page.epw - first) / len(bars.shares.columns)
    page.set_font(_FONT, "B", _SMALL)
    page.set_text_color(*_INK)
    page.cell(first, _ROW, "Class")
    foot = page.get_y() + _ROW
    for run in bars.shares:
        # A long title takes several lines.
        high = page.multi_cell(width - 2, _ROW, str(run), align="L", new_x="RIGHT", new_y="TOP", output="HEIGHT")
        page.set_x(page.get_x() + 2)
        foot = max(foot, page.get_y() + cast(float, high))
    page.set_xy(page.l_margin, foot + 1)
    page.set_font(_FONT, "", _SMALL)
    for place, (name, shares) in enumerate(bars.shares.iterrows()):
        page.cell(first, _ROW, str(name))
        for share in shares:
            left, top, full = page.get_x(), page.get_y(), width - 24
            page.set_fill_color(*_TRACK)
            page.rect(left, top + 1, full, _ROW - 2, "F")
            page.set_fill_color(*_rgb(class_color(str(name), place)))
            page.rect(left, top + 1, full * float(share), _ROW - 2, "F")
            page.set_x(left + full + 2)
            page.cell(22, _ROW, bars.text(share))
        page.ln(_ROW + 0.5)


def _matrix(page: FPDF, matrix: Matrix) -> None:
    with _started(page, [3, *[2] * len(matrix.photos.columns)], "CENTER") as table:
        table.row(["", *map(str, matrix.photos)])
        for (label, row), shares in zip(matrix.photos.iterrows(), matrix.shares.to_numpy(), strict=True):
            line = table.row()
            line.cell(str(label), align="LEFT", style=FontFace(emphasis="BOLD"))
            for photos, share in zip(row, shares, strict=True):
                # The accent on white, as strong as the share.
                color = tuple(round(255 - share * (255 - part)) for part in _ACCENT)
                line.cell(str(photos), style=FontFace(fill_color=color, color=255 if share > 0.6 else 0))
    _write(page, matrix.note, _SMALL, color=_MUTED)


def _rgb(color: str) -> tuple[int, int, int]:
    """Returns "#0A6B66" as numbers."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
