"""What the long benchmarks keep of their runs."""

import json

from benchmarks.record import keep


def test_a_result_is_kept_and_shown_beside_the_others(tmp_path):
    keep("first", "python first.py", {"files": 12345, "formats": {"JPEG": {"decoded": 3, "refused": 4}}}, tmp_path)
    keep("second", "python second.py", {"wrong": [], "memory_mb": {"after 100": 900}}, tmp_path)
    kept = json.loads((tmp_path / "results" / "first.json").read_text())
    assert kept["result"]["files"] == 12345
    assert kept["machine"]
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.index("## First") < page.index("## Second")
    assert "| files | 12,345 |" in page
    assert "| JPEG | 3 | 4 |" in page
    assert "| wrong | none |" in page
    assert "| memory mb | after 100 900 |" in page


def test_a_result_takes_the_place_of_the_earlier_one(tmp_path):
    for files in (1, 2):
        keep("only", "python only.py", {"files": files}, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    assert "| files | 2 |" in page
    assert "| files | 1 |" not in page
