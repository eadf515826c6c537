"""`classify --csv` goes on where it was stopped, and only with what is still true."""

import csv
import os

import pytest

from garbage_core.cli import classify, main
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import write_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    miniature_run(tmp_path / "models", "mine", classes=("can", "jar"))
    files = {f"{n}.jpg": picture(n) for n in range(6)} | {"4.jpg": b"no photo", "a\rb.jpg": picture(9)}
    write_folder(tmp_path / "photos", files)
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    return tmp_path


def command(place, name, *more):
    return ["classify", str(place / "photos"), "--model", "mine", "--csv", str(place / name), *more]


def classified(monkeypatch):
    """Returns a list that is filled with the photos that are classified from now on."""
    from garbage_core.inference.classifier import Classifier

    original, names = Classifier.classify_paths, []

    def classify_paths(self, paths, **options):
        names.extend(path.name for path in paths)
        return original(self, paths, **options)

    monkeypatch.setattr(Classifier, "classify_paths", classify_paths)
    return names


def test_a_stopped_table_is_gone_on_with_and_is_the_same(place, monkeypatch, capsys):
    assert main(command(place, "whole.csv")) == 1
    whole = (place / "whole.csv").read_bytes()
    columns = len(whole.split(b"\n")[0].split(b","))
    with monkeypatch.context() as patched:
        original, seen = classify._cell, []

        def cell(value):
            seen.append(value)
            if len(seen) > 3 * columns:
                raise KeyboardInterrupt
            return original(value)

        patched.setattr(classify, "_cell", cell)
        assert main(command(place, "table.csv")) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (place / "table.csv").exists()
    names = classified(monkeypatch)
    assert main(command(place, "table.csv")) == 1
    assert "3 of 7 photos are there from before." in capsys.readouterr().err
    assert len(names) == 4
    assert (place / "table.csv").read_bytes() == whole
    assert not list(place.glob(".*.part"))
    rows = list(csv.DictReader((place / "table.csv").open(encoding="utf-8", newline="")))
    assert [os.path.basename(row["file"]) for row in rows][-1] == "a\rb.jpg"


@pytest.mark.parametrize("change", ["photo", "flip", "cut"])
def test_rows_that_may_not_be_true_any_more_are_made_anew(change, place, monkeypatch):
    from garbage_core.cli.answers_csv import AnswersCsv

    assert main(command(place, "table.csv")) == 1
    whole = (place / "table.csv").read_bytes()
    found = []
    original = AnswersCsv.__init__

    def remember(self, *arguments):
        original(self, *arguments)
        found.append(self.part)

    with monkeypatch.context() as patched:
        patched.setattr(AnswersCsv, "__init__", remember)
        main(command(place, "table.csv"))
    lines = whole.split(b"\n")
    found[0].write_bytes(b"\n".join(lines[:3]) + b"\n" + (lines[3][:10] if change == "cut" else b""))
    if change == "photo":
        (place / "photos" / "0.jpg").write_bytes(picture(77))
    names = classified(monkeypatch)
    main(command(place, "table.csv", *(["--flip"] if change == "flip" else [])))
    assert len(names) == (5 if change == "cut" else 7)
