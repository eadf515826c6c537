"""What the long benchmarks keep of their runs."""

import json

from benchmarks.fuzz_atheris import outcome
from benchmarks.record import keep

STARTED = "INFO: Seed: 1\n#2\tINITED cov: 90 ft: 90 corp: 1/1b exec/s: 0 rss: 120Mb\n"
PROGRESS = "#4096\tREDUCE cov: 642 ft: 901 corp: 84/60Kb lim: 800 exec/s: 512 rss: 367Mb L: 9/9 MS: 1 EraseBytes-\n"


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


def test_what_libfuzzer_says_is_read():
    found = outcome(STARTED + PROGRESS + "Done 14583 runs in 25 second(s)\n", 0)
    assert found == {
        **{"files": 14583, "seconds": 25, "most_memory_mb": 367},
        **{"reached": 642, "bred": 84, "finding": "none"},
    }


def test_what_ended_libfuzzer_is_a_finding():
    crash = (
        " === Uncaught Python exception: ===\nRuntimeError: ValueError: other\n"
        "==12== ERROR: libFuzzer: fuzz target exited\n"
    )
    assert outcome(STARTED + PROGRESS + crash, 77)["finding"] != "none"
    assert (
        "out-of-memory" in outcome(STARTED + "==12== ERROR: libFuzzer: out-of-memory (used: 1001Mb)\n", 71)["finding"]
    )
    assert outcome("ModuleNotFoundError: No module named 'atheris'\n", 1)["finding"].endswith("'atheris'")
    assert outcome(STARTED, 0)["finding"] != "none"  # it never came to its end
