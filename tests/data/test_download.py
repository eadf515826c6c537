"""Downloads from a server on this machine: sources that work, fail, break off, or send something else."""

import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from garbage_core.data import download, sources
from garbage_core.data.dataset import DOWNLOAD_URLS, download_dataset, find_dataset, load_dataset, official_splits
from garbage_core.errors import GarbageError
from tests.fixtures.disks import fill, needs_rights, needs_tmpfs, small_disk, without_rights
from tests.fixtures.photos import jpeg, small_dataset, write_zip

__all__ = ["small_disk"]

NAMES = list(official_splits())[::25]


@pytest.fixture
def archive(tmp_path_factory, monkeypatch) -> bytes:
    """An archive as the official one, but of 102 photos; the package is made to think that these are all."""
    monkeypatch.setattr("garbage_core.data.dataset.official_splits", lambda: dict.fromkeys(NAMES, "train"))
    monkeypatch.setattr(download, "BAD_FILES", 1)
    files = {name: jpeg(width=80 + place, height=60) for place, name in enumerate(NAMES)}
    return write_zip(tmp_path_factory.mktemp("archive") / "a.zip", files, "dataset-resized/").read_bytes()


@pytest.fixture
def server(archive, tmp_path, monkeypatch):
    """A server; `server.url(name)` is a source that behaves as its name says, `server.asked` counts the requests."""
    other = write_zip(tmp_path / "other.zip", small_dataset()).read_bytes()
    incomplete = write_zip(tmp_path / "incomplete.zip", dict.fromkeys(NAMES[2:], jpeg())).read_bytes()
    for path in tmp_path.iterdir():
        path.unlink()
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            asked[name] += 1
            if name == "missing":
                self.send_error(404)
                return
            content = {"other": other, "incomplete": incomplete, "page": b"<html>Log in</html>"}.get(name, archive)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            breaks = name == "breaks" or (name == "breaks-once" and asked[name] == 1)
            self.wfile.write(content[: len(content) // 2] if breaks else content)

        def log_message(self, *_args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    running.url = lambda name: f"http://127.0.0.1:{running.server_port}/{name}"
    running.asked = asked
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "RETRIES", 1)
    monkeypatch.setattr("pooch.core.time.sleep", lambda _seconds: None)  # its pause before asking again
    yield running
    running.shutdown()
    running.server_close()


def fetch(server, *names, target, progress=False):
    return download_dataset(target, progress, urls=[server.url(name) for name in names])


def test_the_sources_are_github_then_hugging_face():
    assert [url.split("/")[2] for url in DOWNLOAD_URLS] == ["github.com", "huggingface.co"]
    assert all(url.endswith("/dataset-resized.zip") for url in DOWNLOAD_URLS)


def test_a_download_ends_where_data_sets_are_looked_for(server, tmp_path, monkeypatch, archive):
    monkeypatch.setattr(sources, "user_cache_path", lambda _name: tmp_path / "cache" / "app")
    monkeypatch.delenv("GARBAGE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    path = fetch(server, "good", target=None)
    assert path == tmp_path / "cache" / "app" / "dataset-resized.zip"
    assert find_dataset() == path
    assert len(load_dataset().photos) == len(NAMES)
    assert list(path.parent.iterdir()) == [path]
    # A sound archive is kept: the source is not asked again.
    assert fetch(server, "good", target=None) == path
    assert server.asked["good"] == 1


@pytest.mark.parametrize(
    ("first", "requests"),
    [("missing", 2), ("breaks", 2), ("page", 1), ("other", 1), ("incomplete", 1)],
)
def test_the_second_source_stands_in_for_the_first(server, tmp_path, archive, first, requests):
    path = fetch(server, first, "good", target=tmp_path / "photos.zip")
    assert path == tmp_path / "photos.zip"
    assert path.read_bytes() == archive
    assert [p.name for p in tmp_path.iterdir()] == ["photos.zip"]
    assert server.asked == {first: requests, "good": 1}


def test_a_download_that_broke_off_is_started_again(server, tmp_path, archive):
    path = fetch(server, "breaks-once", target=tmp_path)
    assert path.read_bytes() == archive
    assert server.asked == {"breaks-once": 2}


def test_if_no_source_works_nothing_is_left_and_the_way_out_is_named(server, tmp_path):
    with pytest.raises(GarbageError) as caught:
        fetch(server, "missing", "breaks", target=tmp_path / "new")
    message = str(caught.value)
    assert f"{server.url('missing')} (answered 404" in message
    assert f"{server.url('breaks')} (connection failed" in message
    assert f"save it as {tmp_path / 'new' / 'dataset-resized.zip'}" in message
    assert list((tmp_path / "new").iterdir()) == []


def test_a_damaged_archive_is_replaced_only_by_a_sound_one(server, tmp_path, archive):
    path = tmp_path / "dataset-resized.zip"
    path.write_bytes(archive[:5000])
    with pytest.raises(GarbageError):
        fetch(server, "missing", target=tmp_path)
    assert path.read_bytes() == archive[:5000]
    assert fetch(server, "good", target=tmp_path).read_bytes() == archive


def test_leftovers_of_a_killed_download_are_removed_after_a_day(server, tmp_path):
    for name, age in ((".download-old", 2 * 86400), (".download-new", 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
        changed = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (changed, changed))
    fetch(server, "good", target=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".download-new", "dataset-resized.zip"]


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GarbageError, match=r"cannot be written .*file' is in the way, move it or choose another place"):
        fetch(server, "good", target=tmp_path / "file" / "below")


@needs_tmpfs
def test_a_full_disk_is_told_and_nothing_of_the_download_is_left(server, small_disk):
    fill(small_disk, leave=8192)
    with pytest.raises(
        GarbageError, match=r"cannot be written \(No space left.*\): free space, or choose another place"
    ):
        fetch(server, "good", target=small_disk)
    assert [path.name for path in small_disk.iterdir()] == ["filling"]


@needs_rights
def test_a_closed_folder_is_told(server, tmp_path):
    tmp_path.chmod(0o555)
    program = (
        "from garbage_core.data.download import download_dataset\n"
        "from garbage_core.errors import GarbageError\n"
        f"try:\n    download_dataset({str(tmp_path)!r}, False, urls=[{server.url('good')!r}])\n"
        "except GarbageError as error:\n    print(error)\n"
    )
    done = without_rights("-c", program)
    assert done.stdout.strip().endswith("(Permission denied): choose a folder that you may write to."), done.stderr
    assert not list(tmp_path.iterdir())


def test_progress_goes_to_standard_error_or_to_a_function(server, tmp_path, archive, capfd):
    fetch(server, "good", target=tmp_path / "a", progress=True)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "100%" in printed.err
    calls = []
    fetch(server, "good", target=tmp_path / "b", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(archive), len(archive))
    assert len(calls) >= 2
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert capfd.readouterr().err == ""
