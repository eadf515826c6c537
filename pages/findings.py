"""What the study found, step by step, on one screen; and the same as a report to keep."""

from urllib.parse import urlsplit

import streamlit as st

from garbage_app.comparison.metrics import choose_pair
from garbage_app.findings.report import make_report
from garbage_app.findings.report_html import to_html
from garbage_app.findings.sentences import findings, summary
from garbage_app.router import ensure_routed
from garbage_app.steps import number_of, page_file
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question

ensure_routed()

place = question("What did we learn?")
runs = runs_or_stop()
button = st.empty()
pair = (runs[0], runs[0])
if len(runs) > 1:
    with button.container(horizontal=True, vertical_alignment="bottom"):
        pair, button = choose_pair(runs), st.empty()
found = findings(*pair)
answer(place, summary(*pair))
grid = st.grid(2, min_column_width=320, border=True)
for finding in found:
    with grid.cell():
        number = number_of(finding.page)
        title = f"{number} {finding.title}" if number else finding.title
        st.page_link(page_file(finding.page), label=f"**{title}**", icon=f":material/{finding.icon}:")
        st.markdown(finding.sentence)
if len(runs) > 1:
    url = urlsplit(str(st.context.url or ""))
    address = f"{url.scheme}://{url.netloc}{url.path.rpartition('/')[0]}" if url.netloc else ""
    name = f"what-we-learned-{pair[0].name}-{pair[1].name}"

    def pdf() -> bytes:
        """Makes the PDF; its library is loaded only then."""
        from garbage_app.findings.report_pdf import to_pdf

        return to_pdf(make_report(found, *pair, address))

    # Both are made when they are asked for.
    with button.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for label, make, file, kind, text in (
            ("Report, PDF", pdf, f"{name}.pdf", "application/pdf", "A4 pages to print or send"),
            ("HTML", lambda: to_html(make_report(found, *pair, address)), f"{name}.html", "text/html", "One web page"),
        ):
            st.download_button(
                label,
                make,
                file,
                kind,
                icon=":material/download:",
                help=f"{text}: the findings, and metrics, differences and confusion matrices of the two models.",
                on_click="ignore",
            )
