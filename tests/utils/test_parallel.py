"""Decoding photos in threads: order, bounded reading ahead, errors, progress."""

import threading
import time

import pytest

from garbage_core.utils.system import in_batches, map_photos


def test_results_come_in_order_however_long_each_takes():
    found = map_photos(lambda number: time.sleep(0.01 * (number % 3)) or number, range(20), workers=4, ahead=5)
    assert list(found) == list(range(20))
    assert list(map_photos(str, [])) == []


def test_items_are_taken_only_as_results_are():
    taken = []
    source = (taken.append(number) or number for number in range(100))
    ahead = [len(taken) - done for done, _ in enumerate(map_photos(abs, source, workers=2, ahead=7))]
    assert max(ahead) == 7


def test_progress_counts_in_the_thread_of_the_caller():
    threads = []
    list(map_photos(abs, range(5), lambda done: threads.append((done, threading.current_thread()))))
    assert threads == [(1, threading.current_thread())] * 5


def test_an_error_comes_at_the_turn_of_its_item_and_ends_the_work():
    found = map_photos(lambda number: 1 / (3 - number), range(100), workers=2, ahead=4)
    assert [next(found) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_batches_of_any_iterable():
    assert list(in_batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(in_batches([], 3)) == []
