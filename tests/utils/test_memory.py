"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys
from garbage_core.utils.system import give_back_large_blocks
if sys.argv[1] == "set" and not give_back_large_blocks():
    sys.exit("not taken")
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.free(libc.malloc(24 << 20))  # after this glibc keeps blocks up to 24 MB on its heaps
blocks = [libc.malloc(4 << 20) for _ in range(20)]
for block in blocks:
    ctypes.memset(block, 1, 4 << 20)
last = libc.malloc(500_000)  # lies above them on the heap, and pins them there
for block in blocks:
    libc.free(block)
print(int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20)
"""


def resident(how: str) -> int:
    """Megabytes in use after blocks of 80 MB in all were freed, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is what this is about")
def test_large_blocks_go_back_to_the_system_when_they_are_freed():
    usual = resident("leave")
    if usual < 80:
        pytest.skip("this C library gives blocks back by itself")
    assert resident("set") <= usual - 70
