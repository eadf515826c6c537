"""The table of `classify --csv`: it grows row by row under a name of its own, and goes on where it was stopped."""

import contextlib
import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from garbage_core.utils.files import cannot_write


class AnswersCsv:
    """A table that is being written.

    Attributes:
        path: The file, which is there once all rows are.
        part: Hidden file beside it with the rows so far; it belongs to these very photos, this network and this table.
        columns: Names of the columns, `file` first.
        earlier: Rows of an earlier call that was stopped, by column; they are those of the first photos.
    """

    def __init__(
        self, path: str | Path, photos: Sequence[Path], columns: Sequence[str], made_by: Sequence[object]
    ) -> None:
        """Looks for rows of an earlier call.

        Args:
            path: File to write.
            photos: All photos, in the order of the rows.
            columns: Names of the columns.
            made_by: What the answers depend on besides the photos.
        """
        self.path, self.columns = Path(path), list(columns)
        key = json.dumps([list(map(_state, photos)), self.columns, list(made_by)], default=str)
        digest = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
        self.part = self.path.with_name(f".{self.path.name}.{digest[:12]}.part")
        self.earlier = self._rows(list(map(str, photos)))

    @contextlib.contextmanager
    def opened(self) -> Iterator["csv.DictWriter[str]"]:
        """Gives a writer of the rows that are missing. An interrupt leaves what was written for the next call.

        Raises:
            GarbageError: The file cannot be written; then nothing of it is left.
        """
        try:
            with open(self.part, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                # A carriage return within a name is only quoted where it may end a line.
                writer = csv.DictWriter(_Lines(file), self.columns, lineterminator="\r\n")
                writer.writeheader()
                writer.writerows(self.earlier)
                yield writer
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.part, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                self.part.unlink()
            raise cannot_write(self.path, error) from error

    def _rows(self, names: list[str]) -> list[dict[str, str]]:
        """Returns the whole rows of an earlier call, as far as they are those of the first photos."""
        try:
            text = self.part.read_bytes().decode("utf-8")
            whole = text[: text.rfind("\n") + 1]  # the last row may have been cut off
        except (OSError, ValueError):
            return []
        rows: list[dict[str, str]] = []
        for name, row in zip(names, csv.DictReader(io.StringIO(whole, newline="")), strict=False):
            if list(row) != self.columns or None in row.values() or row["file"] != _written(name):
                break
            rows.append(row)
        return rows


class _Lines:
    """A text file whose lines end in a line feed alone."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, row: str) -> int:
        return self.file.write(row.removesuffix("\r\n") + "\n")


def _written(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _state(path: Path) -> tuple[str, int, int]:
    """Returns what tells a photo from an earlier one of the same name."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns
