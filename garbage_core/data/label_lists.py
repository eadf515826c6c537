"""Lists of files and their labels, as annotation tools export them beside the photos.

    file,label                      a table (CSV, TSV, JSON, JSON lines) with columns for the file and the label
    filename, glass, paper          Roboflow's multiclass export: `_classes.csv`, a 1 in the column of the label
    image,choice,annotator, ...     Label Studio's CSV and JSON_MIN
    [{"data": ..., "annotations":   Label Studio's JSON
    {"classes": ..., "labels":      FiftyOne's FiftyOneImageClassificationDataset: `labels.json`

Formats as in label_studio_sdk/converter, fiftyone/utils/data/exporters.py and Datumaro's page on Roboflow. A table of
predictions (columns `confidence` or `p_...`) is no list of labels.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from garbage_core.data.images import MAX_BYTES
from garbage_core.errors import GarbageError, first_line

SUFFIXES = ("csv", "tsv", "json", "jsonl")
_FILE_COLUMNS = (
    *("file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "image_name"),
    *("image_id", "img", "photo", "picture", "id", "name"),
)
_LABEL_COLUMNS = ("label", "class", "choice", "category", "class_name", "label_name", "target", "labels", "material")
_LABEL_STUDIO_COLUMNS = frozenset(
    ("annotation_id", "annotator", "created_at", "updated_at", "lead_time", "agreement", "history", "id")
)
_MOST_IN_A_FOLDER = 10  # tables, above which they are notes on single photos
_MOST = 30


@dataclass(frozen=True)
class Row:
    """What a list says of one photo.

    Attributes:
        file: The photo as the list names it: a path, an address or a name without its extension.
        labels: Its labels; exactly one is needed.
        split: Its split as the list names it, or "".
        unknown: A label that the list itself does not explain, or "".
    """

    file: str
    labels: tuple[str, ...]
    split: str = ""
    unknown: str = ""


@dataclass(frozen=True)
class LabelList:
    """A list of labels.

    Attributes:
        name: Name of its file in the data set.
        rows: What it says, in its order.
    """

    name: str
    rows: tuple[Row, ...]


def read_label_lists(
    files: Iterable[str], read: Callable[[str], bytes]
) -> tuple[list[LabelList], list[tuple[str, str]]]:
    """Reads the lists of labels among the files of a data set.

    Args:
        files: Names of its files, relative to it, with "/".
        read: Function that returns the content of one of them, or more than `MAX_BYTES` of it.

    Returns:
        The lists, and name and reason of each file that looks like one and cannot be used.
    """
    by_folder: dict[str, list[str]] = {}
    for file in files:
        if file.rpartition(".")[2].lower() in SUFFIXES:
            by_folder.setdefault(file.rpartition("/")[0], []).append(file)
    few = [file for names in by_folder.values() if len(names) <= _MOST_IN_A_FOLDER for file in names]
    lists, problems = [], []
    for file in sorted(few, key=lambda file: (file.count("/"), file))[:_MOST]:
        try:
            rows = parse_labels(file, read(file))
        except GarbageError as error:
            problems.append((file, str(error)))
            continue
        except Exception as error:  # OSError; from damaged archives also BadZipFile, zlib.error, RuntimeError, ...
            problems.append((file, f"cannot be read ({first_line(error)})"))
            continue
        if rows:
            lists.append(LabelList(file, tuple(rows)))
    return lists, problems


def parse_labels(name: str, data: bytes) -> list[Row] | None:
    """Reads a list of labels.

    Args:
        name: Name of the file; its extension says which kind it is.
        data: Its content.

    Returns:
        Its rows, or None if it is something else than a list of labels.

    Raises:
        GarbageError: It is a list that cannot be used; the sentence follows its name.
    """
    if len(data) > MAX_BYTES:
        raise GarbageError(f"has more than {MAX_BYTES // 2**20} MB and is not read as a list of labels")
    suffix = name.rpartition(".")[2].lower()
    text = _decode(data)
    try:
        if suffix in ("csv", "tsv"):
            return _from_csv(text)
        if suffix == "jsonl":
            return _from_json([json.loads(line) for line in text.splitlines() if line.strip()])
        return _from_json(json.loads(text))
    except (csv.Error, ValueError, RecursionError):
        return None


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # from a spreadsheet on Windows
        return data.decode("cp1252", "replace")


# Tables --------------------------------------------------------------------------------------------------------------


def _from_csv(text: str) -> list[Row] | None:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns = [column.strip() for column in next(table, [])]
    if len(set(columns)) != len(columns) or len(columns) < 2:
        return None
    rows = [dict(zip(columns, map(str.strip, cells), strict=False)) for cells in table if any(cells)]
    return _from_table(columns, rows)


def _from_table(columns: list[str], rows: list[dict[str, Any]]) -> list[Row] | None:
    """Reads rows of named cells."""
    known = {column.casefold().replace(" ", "_"): column for column in reversed(columns)}
    file = next((known[name] for name in _FILE_COLUMNS if name in known), None)
    if file is None or "confidence" in known or any(name.startswith("p_") for name in known):
        return None
    label = next((known[name] for name in _LABEL_COLUMNS if name in known), None)
    one_hot = _one_hot(columns, rows, file)
    if one_hot is not None:
        return one_hot
    if label is None and {"annotation_id", "annotator"} <= known.keys():  # the control's name is the project's choice
        rest = [column for column in columns if column != file and column not in _LABEL_STUDIO_COLUMNS]
        if len(rest) > 1:
            raise GarbageError(f"has labels in the columns {', '.join(rest[:5])}: call the one that counts label")
        label = rest[0] if rest else None
    if label is None:
        return None
    split = known.get("split", known.get("subset", ""))
    return [Row(str(row.get(file) or ""), _labels(row.get(label)), str(row.get(split) or "")) for row in rows]


def _one_hot(columns: list[str], rows: list[dict[str, Any]], file: str) -> list[Row] | None:
    """Reads a 1 in the column of the label and 0 in all others, as Roboflow writes them."""
    classes = [column for column in columns if column != file]
    values = {row.get(column) for row in rows for column in classes}
    if columns[0] != file or len(classes) < 2 or not values or not values <= {"0", "1", "0.0", "1.0"}:
        return None
    found = [Row(row[file], tuple(c for c in classes if row[c] in ("1", "1.0"))) for row in rows]
    # Columns such as `blurry` and `indoor` would mostly have no 1, or several.
    return found if 2 * sum(len(row.labels) == 1 for row in found) > len(found) else None


def _labels(cell: Any) -> tuple[str, ...]:
    """Returns the labels in a cell: text, a number, a list, or Label Studio's {"choices": [...]}, as JSON too."""
    if isinstance(cell, str) and cell[:1] in ("{", "["):
        try:
            return _labels(json.loads(cell))
        except ValueError:
            return (cell,)
    if isinstance(cell, dict):
        return _labels(cell.get("choices", cell.get("label")))
    if isinstance(cell, list):
        return tuple(dict.fromkeys(label for one in cell for label in _labels(one)))
    text = "" if cell is None else str(cell).strip()
    return (text,) if text else ()


# JSON ----------------------------------------------------------------------------------------------------------------


def _from_json(content: Any) -> list[Row] | None:
    if isinstance(content, dict) and isinstance(content.get("labels"), dict):
        return _from_fiftyone(content)
    if not isinstance(content, list) or not content or not all(isinstance(item, dict) for item in content):
        return None
    if all(isinstance(item.get("data"), dict) and "annotations" in item for item in content):
        return _from_label_studio(content)
    columns = list(dict.fromkeys(str(key) for item in content for key in item))
    return _from_table(columns, content)


def _from_fiftyone(content: dict[str, Any]) -> list[Row]:
    """Reads {"classes": [names] or null, "labels": {name without extension: number, name, object or null}}."""
    classes = content.get("classes")
    names = [str(name) for name in classes] if isinstance(classes, list) else []

    rows = []
    for file, target in content["labels"].items():
        targets = [one.get("label") if isinstance(one, dict) else one for one in _as_list(target)]
        unknown = [one for one in targets if names and isinstance(one, int) and not 0 <= one < len(names)]
        labels = [names[one] if names and isinstance(one, int) else one for one in targets if one not in unknown]
        rows.append(Row(str(file), _labels(labels), unknown=str(unknown[0]) if unknown else ""))
    return rows


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _from_label_studio(tasks: list[dict[str, Any]]) -> list[Row] | None:
    """Reads tasks with what people chose for them; what was canceled or predicted does not count."""
    chosen: list[dict[str, list[str]]] = []
    for task in tasks:
        of_task: dict[str, list[str]] = {}
        annotations = task["annotations"] if isinstance(task["annotations"], list) else []
        for annotation in annotations:
            if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
                continue
            for result in annotation.get("result") or []:
                if isinstance(result, dict) and isinstance(result.get("value"), dict) and "choices" in result["value"]:
                    of_task.setdefault(str(result.get("from_name")), []).extend(_labels(result["value"]))
        chosen.append(of_task)
    controls = sorted({name for of_task in chosen for name in of_task})
    if not controls:
        return None
    named = [name for name in _LABEL_COLUMNS if name in controls] or controls
    if len(controls) > 1 and named == controls:
        raise GarbageError(f"has choices of several kinds ({', '.join(controls[:5])}): call the one that counts label")
    rows = []
    for task, of_task in zip(tasks, chosen, strict=True):
        data = {str(key).casefold(): value for key, value in task["data"].items()}
        file = next((data[name] for name in _FILE_COLUMNS if isinstance(data.get(name), str)), None)
        file = file or next((value for value in data.values() if isinstance(value, str)), task.get("file_upload"))
        rows.append(Row(str(file or ""), tuple(dict.fromkeys(of_task.get(named[0], ())))))
    return rows
