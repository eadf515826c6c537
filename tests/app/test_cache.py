"""What tells one cached result from another."""

import os

import pytest

from garbage_app import cache
from garbage_app.photo import photo_of
from garbage_core.runs.run import load_run
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run


@pytest.fixture
def counted():
    """A cached function of anything, and the list of what it was called with."""
    calls = []

    @cache.data(max_entries=20)
    def compute(argument: object) -> int:
        calls.append(argument)
        return len(calls)

    yield compute, calls
    compute.clear()


def touch(path) -> None:
    """Makes a file one that was written anew."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


@pytest.mark.parametrize("file", ["run.json", "history.csv", "predictions.csv"])
def test_a_run_is_the_same_until_one_of_its_files_is_written_anew(tmp_path, counted, file):
    compute, calls = counted
    fake_run(tmp_path, "one", counts={"train": 4, "val": 2, "test": 2})
    fake_run(tmp_path, "two", counts={"train": 4, "val": 2, "test": 2})
    assert compute(load_run("one", tmp_path)) == compute(load_run("one", tmp_path)) == 1
    assert compute([load_run("two", tmp_path)]) == 2
    touch(tmp_path / "one" / file)
    assert compute(load_run("one", tmp_path)) == 3
    assert len(calls) == 3


def test_a_file_is_the_same_until_it_is_written_anew_and_may_be_missing(tmp_path, counted):
    compute, _ = counted
    path = tmp_path / "table.csv"
    assert compute(path) == compute(path) == 1
    path.write_text("a,b\n")
    assert compute(path) == compute(path) == 2
    touch(path)
    assert compute(path) == 3


def test_photos_of_equal_content_are_one_whatever_their_names(counted):
    compute, _ = counted
    assert compute(photo_of("a.jpg", b"1")) == compute(photo_of("b.jpg", b"1", "glass")) == 1
    assert compute(photo_of("a.jpg", b"2")) == 2


def test_data_sets_of_equal_photos_are_one(tmp_path, counted):
    from garbage_core.data.dataset import load_dataset

    compute, _ = counted
    for name, photos in (("one", 4), ("same", 4), ("other", 6)):
        write_folder(tmp_path / name, small_dataset(photos=photos))
    assert compute(load_dataset(tmp_path / "one")) == compute(load_dataset(tmp_path / "same")) == 1
    assert compute(load_dataset(tmp_path / "other")) == 2


def test_callers_of_data_get_copies_and_those_of_a_resource_the_same_object():
    @cache.data(max_entries=2)
    def copied() -> list:
        return []

    @cache.resource(max_entries=2)
    def shared() -> list:
        return []

    assert copied() is not copied()
    assert shared() is shared()
