"""A photo that takes too much time or memory costs one sentence, and no process outlives who needed it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import hostile_files as made
from garbage_core.data import images, worker_processes
from garbage_core.data.decoding import decode_here, is_light
from garbage_core.data.images import ACCEPTED_FORMATS, decode_image
from garbage_core.data.worker_processes import Owner, _Pool, _Process
from garbage_core.errors import GarbageError
from tests.fixtures.photos import encode, picture

ROOT = Path(__file__).parents[2]
SOUND = encode(picture(), "GIF")  # decoded in a process, as light as it is
LARGE = made.png(6_000, 4_000)


@pytest.fixture(scope="module")
def one_process():
    """A pool of one process for all tests here that leave it as it is."""
    pool = _Pool(1)
    yield pool
    pool.stop()


@pytest.fixture
def pool(monkeypatch, one_process):
    """The identifiers of the processes of the pool, which is in use."""
    monkeypatch.setattr(worker_processes, "_POOL", one_process)
    return lambda: [pid for process in one_process._free if process._executor for pid in process._executor._processes]


@pytest.fixture
def own_process(monkeypatch):
    """A pool of one process for a test that changes what processes may take."""
    pool = _Pool(1)
    monkeypatch.setattr(worker_processes, "_POOL", pool)
    yield pool
    pool.stop()


@pytest.mark.parametrize("kind", ACCEPTED_FORMATS)
def test_a_process_gives_the_pixels_that_would_be_decoded_here(kind, pool):
    data = encode(picture(1_000, 700), kind)
    for at_least in (None, (100, 100)):
        there = worker_processes.decode_in_process(data, "photo", at_least)
        assert np.array_equal(there, decode_here(data, "photo", at_least))
        assert there.flags.writeable


def test_what_is_wrong_with_a_file_is_said_as_here(pool):
    with pytest.raises(GarbageError, match=r"^holiday\.gif is (cut off|damaged): it starts as GIF"):
        decode_image(SOUND[:200], "holiday.gif")


@pytest.mark.parametrize(
    ("data", "at_least", "light"),
    [
        (encode(picture(), "JPEG"), None, True),
        (encode(picture(), "JPEG", progressive=True), None, True),
        (encode(picture(), "PNG"), None, True),
        (encode(picture(), "WebP"), None, True),
        (encode(picture(), "TIFF"), None, False),
        (encode(picture(), "GIF"), None, False),
        (encode(picture(), "BMP"), None, False),
        (encode(picture(), "HEIC"), None, False),
        (encode(picture(), "AVIF"), None, False),
        (made.jpeg_resized(8_000, 6_000), (480, 640), True),  # decoded at an eighth
        (made.jpeg_resized(8_000, 6_000), None, False),
        (made.jpeg_resized(12_000, 9_000), (480, 640), False),
        (made.jpeg_resized(4_000, 3_000, progressive=True), (480, 640), False),
        (made.png(2_000, 2_000), None, True),
        (made.png(2_001, 2_000), (480, 640), False),
        (made.riff(made.vp8l(1_500, 1_400)), None, False),
        (made.riff(made.vp8x(1_500, 1_500, 2), made.frame(16, 16, made.vp8(16, 16))), None, False),  # a large canvas
    ],
)
def test_what_costs_little_is_decoded_in_place(data, at_least, light):
    assert is_light(data, "photo", at_least) == light


def test_the_size_of_a_photo_that_is_checked_comes_from_a_process(pool):
    assert images.photo_size(SOUND, verify=True) == (64, 48)
    assert pool()


def test_a_photo_that_takes_too_long_has_its_process_replaced(pool, monkeypatch):
    decode_image(SOUND)
    (first,) = pool()
    with monkeypatch.context() as shorter:
        shorter.setattr(worker_processes, "SECONDS", 0.02)
        with pytest.raises(GarbageError, match=r"^slow\.png takes longer than 0 s to decode: save a smaller copy"):
            decode_image(LARGE, "slow.png")
    assert decode_image(SOUND).shape == (48, 64, 3)
    assert ended(first)


def ended(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits the memory of a process")
def test_photos_that_take_too_much_memory_are_refused(own_process, monkeypatch):
    monkeypatch.setattr(worker_processes, "MEGABYTES", 30)
    for kind, size, options in (
        ("HEIC", (2_400, 2_000), {}),
        ("AVIF", (2_400, 2_000), {"speed": 10}),
        ("PNG", (4_000, 2_500), {}),
        ("TIFF", (4_000, 2_500), {"compression": "tiff_deflate"}),
    ):
        data = encode(Image.new("RGB", size, (9, 99, 199)), kind, **options)
        with pytest.raises(GarbageError, match=rf"^big\.{kind} (needs|takes) too much memory"):
            worker_processes.decode_in_process(data, f"big.{kind}", (100, 100))
        assert decode_image(SOUND).shape == (48, 64, 3)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_that_goes_down_costs_one_photo(pool):
    decode_image(SOUND)
    (first,) = pool()
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(decode_image, made.png(7_000, 7_000), "down.png")
        time.sleep(0.15)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(GarbageError, match=r"^down\.png takes too much memory to decode"):
            waiting.result()
    assert decode_image(SOUND).shape == (48, 64, 3)
    assert pool() != [first]


def test_the_processes_hold_nothing_of_networks(pool):
    decode_image(encode(picture(), "HEIC"))
    (process,) = worker_processes._POOL._free
    loaded = process._executor.submit(eval, "set(__import__('sys').modules)").result()
    assert "pillow_heif" in loaded
    assert not loaded & {"keras", "tensorflow", "openvino", "torch", "streamlit", "pandas", "sklearn"}
    if sys.platform.startswith("linux"):
        status = Path(f"/proc/{pool()[0]}/status").read_text()
        assert int(status.partition("VmRSS:")[2].split()[0]) < 80_000  # kB


# The line


class Recorded(_Process):
    """A process that says whose photo it has, and has it until it is told to let go."""

    def __init__(self, seen: list[str], go: threading.Semaphore, fails: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._seen, self._go, self._fails = seen, go, fails

    def decode(self, data, name, at_least):
        self._seen.append(name)
        self._go.acquire()
        if name.startswith(self._fails) if self._fails else False:
            raise TimeoutError
        return np.zeros((1, 1, 3), np.uint8)


def line(number: int, fails: tuple[str, ...] = ()):
    """A pool of recorded processes; what they have seen, what lets one of them go, and how to have a photo wait."""
    seen, go, pool = [], threading.Semaphore(0), _Pool(number)
    pool._free = [Recorded(seen, go, fails) for _ in range(number)]
    threads = []

    def wait(owner: Owner, name: str) -> None:
        def decode() -> None:
            try:
                pool.decode(b"", name, None, owner)
            except GarbageError:
                seen.append(f"no {name}")

        before = len(seen) + sum(map(len, pool._waiting.values()))
        threads.append(threading.Thread(target=decode))
        threads[-1].start()
        while len(seen) + sum(map(len, pool._waiting.values())) == before:
            time.sleep(0.001)

    def finish(photos: int) -> None:
        for _ in range(photos):
            go.release()
        for thread in threads:
            thread.join(20)

    return seen, go, wait, finish


def test_owners_take_turns_however_many_photos_each_has():
    seen, _, wait, finish = line(1)
    greedy, modest, late = Owner(), Owner(), Owner()
    for number in range(4):
        wait(greedy, f"greedy {number}")
    for number in range(2):
        wait(modest, f"modest {number}")
    wait(late, "late 0")
    finish(7)
    assert seen == ["greedy 0", "greedy 1", "modest 0", "late 0", "greedy 2", "modest 1", "greedy 3"]


def test_who_has_cost_a_process_gets_one_at_a_time():
    seen, go, wait, finish = line(2, fails=("bad 0",))
    bad, good = Owner(), Owner()
    wait(bad, "bad 0")
    go.release()
    while "no bad 0" not in seen:
        time.sleep(0.001)
    wait(bad, "bad 1")
    wait(bad, "bad 2")  # one process is free
    wait(good, "good 0")
    assert seen == ["bad 0", "no bad 0", "bad 1", "good 0"]
    finish(3)
    assert seen[-1] == "bad 2"


def test_a_smaller_pool_ends_processes():
    seen, _, wait, finish = line(2)
    wait(Owner(), "one")
    wait(Owner(), "two")
    finish(2)
    assert sorted(seen) == ["one", "two"]


# Who starts them


SCRIPT = """
print("main module")
import os, sys
from garbage_core.data.images import decode_image
from garbage_core.data import worker_processes
print(decode_image(open(sys.argv[1], "rb").read()).shape)
print(*worker_processes._POOL._free[0]._executor._processes)
sys.stdout.flush()
if sys.argv[2] == "kill":
    os.kill(os.getpid(), 9)
if sys.argv[2] == "fork" and os.fork() == 0:
    print(decode_image(open(sys.argv[1], "rb").read()).shape)
    worker_processes.stop_processes()
    sys.stdout.flush()
    os._exit(0)
if sys.argv[2] == "fork":
    os.wait()
"""


@pytest.mark.skipif(os.name == "nt", reason="needs signals and fork")
@pytest.mark.parametrize("end", ["kill", "fork"])
def test_processes_end_with_who_has_started_them_and_do_not_run_the_main_module(tmp_path, end):
    photo, script = tmp_path / "photo.gif", tmp_path / "script.py"
    photo.write_bytes(SOUND)
    script.write_text(SCRIPT)
    call = [sys.executable, str(script), str(photo), end]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False, env=environment)
    said, size, pid, *more = done.stdout.splitlines()
    assert (said, size, more) == ("main module", "(48, 64, 3)", [size] if end == "fork" else [])
    assert ended(int(pid))


def test_a_process_that_may_have_none_decodes_in_place(own_process, monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # as in `multiprocessing.Pool`
    assert decode_image(SOUND).shape == (48, 64, 3)
    assert not own_process._free
