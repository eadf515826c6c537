"""Files are there in full or not at all, and what cannot be written costs one sentence."""

import codecs
import csv
import errno
import io
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from garbage_core.errors import GarbageError
from garbage_core.utils.files import (
    cannot_write,
    check_folder,
    check_space,
    spreadsheet_csv,
    whole_file,
    write_bytes,
    write_csv,
    write_json,
)
from garbage_core.utils.locks import LOCK_FILE, only_writer
from tests.fixtures.disks import fill, needs_rights, needs_tmpfs, small_disk, without_rights

__all__ = ["small_disk"]

WRITE = "from garbage_core.utils.files import write_text; write_text('x', {path!r})"


def test_a_file_takes_the_place_of_the_earlier_one_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "below" / "table.json"
    write_json({"a": 1}, path)
    write_json({"a": 2}, path)
    assert [p.name for p in path.parent.iterdir()] == ["table.json"]
    assert path.read_text() == '{\n  "a": 2\n}\n'


@needs_tmpfs
def test_a_full_disk_keeps_the_earlier_file_and_leaves_no_half_one(small_disk):
    path = write_bytes(b"good", small_disk / "kept.bin")
    fill(small_disk, leave=100_000)
    with pytest.raises(GarbageError, match=r"'.*kept\.bin' cannot be written \(No space left on device\): free space"):
        write_bytes(bytes(1_000_000), path)
    assert path.read_bytes() == b"good"
    assert sorted(p.name for p in small_disk.iterdir()) == ["filling", "kept.bin"]


@needs_tmpfs
def test_space_is_claimed_before_a_library_writes_that_cannot_cope_with_a_full_disk(small_disk):
    fill(small_disk, leave=1_000_000)
    message = r"has \d\.\d MB free, but 5\.0 MB are needed: free space"
    with pytest.raises(GarbageError, match=message), whole_file(small_disk / "weights.h5", 5_000_000):
        pytest.fail("the library was let write")
    assert [p.name for p in small_disk.iterdir()] == ["filling"]


@needs_tmpfs
def test_a_disk_that_is_too_full_is_found_before_any_work(small_disk):
    check_folder(small_disk / "table.csv", size=1_000_000)
    with pytest.raises(GarbageError, match=r"50\.0 MB are needed"):
        check_folder(small_disk / "table.csv", size=50_000_000)
    assert not list(small_disk.iterdir())


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "models").write_text("I am a file")
    for path in (tmp_path / "models" / "run.json", tmp_path / "models" / "deeper" / "run.json"):
        with pytest.raises(GarbageError, match=r"run\.json' cannot be written .*models' is in the way"):
            write_bytes(b"", path)
        with pytest.raises(GarbageError, match=r"run\.json' cannot be written .*models' is in the way"):
            check_folder(path, make=True)
    assert (tmp_path / "models").read_text() == "I am a file"


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(GarbageError, match="is a folder: name the file"):
        check_folder(tmp_path / "out.csv")
    with pytest.raises(GarbageError, match=r"out\.csv' cannot be written"):
        write_bytes(b"x", tmp_path / "out.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_missing_folder_is_refused_or_made(tmp_path):
    with pytest.raises(GarbageError, match="There is no folder"):
        check_folder(tmp_path / "none" / "out.csv")
    check_folder(tmp_path / "none" / "out.csv", make=True)
    assert not list(tmp_path.iterdir())


@needs_rights
@pytest.mark.parametrize(
    "code", [WRITE, "from garbage_core.utils.files import check_folder; check_folder({path!r})"], ids=["write", "check"]
)
def test_a_folder_without_rights_costs_one_sentence(code, tmp_path):
    tmp_path.chmod(0o555)
    done = without_rights("-c", code.format(path=str(tmp_path / "out.csv")))
    assert "GarbageError" in done.stderr
    assert "cannot be written (Permission denied): choose a folder that you may write to." in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EDQUOT, "free space"),
        (errno.EROFS, "that you may write to"),
        (errno.ESTALE, "choose another place"),  # a network share that went away
        (errno.EIO, "choose another place"),
    ],
)
def test_what_stops_a_writer_is_told_with_what_to_do(number, words, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(GarbageError) as caught:
        write_bytes(b"x", path)
    assert words in str(caught.value)
    assert str(caught.value) == str(cannot_write(path, OSError(number, os.strerror(number))))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_vanishes_while_its_file_is_written_does_not_hide_the_sentence(tmp_path):
    folder = tmp_path / "share"

    def lose(temporary):
        temporary.write_text("x")
        temporary.unlink()
        folder.rmdir()
        folder.write_text("now a file")

    with pytest.raises(GarbageError, match="cannot be written"), whole_file(folder / "a.csv") as temporary:
        lose(temporary)


def test_free_space_is_compared(tmp_path):
    check_space(tmp_path, 1)
    with pytest.raises(GarbageError, match="are needed: free space"):
        check_space(tmp_path, 10**18)


# Locks

HOLD = (
    "import sys, time\nfrom garbage_core.utils.locks import only_writer\n"
    "with only_writer({folder!r}):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


def test_a_second_writer_is_refused_and_a_killed_one_keeps_nothing(tmp_path):
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(folder=str(folder))], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        words = r"Another process is writing to .*run': wait until it has ended"
        with pytest.raises(GarbageError, match=words), only_writer(folder):
            pass
    finally:
        holder.kill()
        holder.wait()
    assert (folder / LOCK_FILE).exists()  # the dead leave the file, not the lock
    start = time.monotonic()
    with only_writer(folder):
        (folder / "run.json").write_text("{}")
    assert time.monotonic() - start < 5
    assert [p.name for p in folder.iterdir()] == ["run.json"]


def test_one_process_cannot_write_twice_and_an_empty_folder_is_not_left(tmp_path):
    with only_writer(tmp_path / "run"):
        with pytest.raises(GarbageError, match="Another process is writing"), only_writer(tmp_path / "run"):
            pass
        assert (tmp_path / "run" / LOCK_FILE).exists()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "models").write_text("")
    words = r"cannot be written .*models' is in the way"
    with pytest.raises(GarbageError, match=words), only_writer(tmp_path / "models" / "run"):
        pass


# Spreadsheets

NAMES = ["=1+1.jpg", "+x", "-x", "@SUM(A1)", "\tx", "\rx", "a\rb", "a\nb", "é,\"'", "plain", ""]


def test_a_table_for_spreadsheets_holds_no_formula_and_reads_back():
    table = pd.DataFrame({"file": NAMES, "=share": np.linspace(-1, 1, len(NAMES))})
    data = spreadsheet_csv(table)
    assert data.startswith(codecs.BOM_UTF8)
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["file", "'=share"]
    assert len(rows) == len(NAMES) + 1
    for name, row in zip(NAMES, rows[1:], strict=True):
        assert row[0] == (f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") and name else name)
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(table["=share"].tolist())
    back = pd.read_csv(io.BytesIO(data), keep_default_na=False)
    assert back["file"].str.removeprefix("'").tolist() == NAMES


def test_a_lone_carriage_return_does_not_break_a_stored_table(tmp_path):
    table = pd.DataFrame({"file": NAMES, "value": range(len(NAMES))})
    path = write_csv(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path, keep_default_na=False), table)
