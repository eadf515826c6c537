"""Memory of a server with children: shared pages are counted once, or each time, as is said."""

import os
import subprocess
import sys

import psutil
import pytest

from benchmarks.memory import by_process, proportional, resident

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which pages are shared")


def test_what_children_share_is_counted_once():
    """A block of 60 MB, and a child that was forked with it."""
    code = "import os, time\nkept = os.urandom(60_000_000)\nos.fork()\nos.write(1, b'there\\n')\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert [parent.stdout.readline() for _ in range(2)] == ["there\n"] * 2
            process = psutil.Process(parent.pid)
            assert resident(process) > 120e6
            assert 60e6 < proportional(process) < 100e6
            found = by_process(process)
            assert list(found) == ["server", "child 1"]
            assert found["server"]["rss"] > 60 > found["server"]["pss"] > 30
        finally:
            for child in psutil.Process(parent.pid).children():
                child.kill()
            parent.kill()


def test_a_process_that_has_ended_has_no_memory():
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    process = psutil.Process(ended.pid)
    ended.wait()
    assert by_process(process) == {}
    assert resident(psutil.Process(os.getpid())) > 0
