"""The files of a job over millions of photos: which photos there are, and the results of each block.

    OUT/job.json                         what was asked: source, model, its weights, photos, size of a block
    OUT/files.parquet                    every photo's name and path, one row group per block
    OUT/answers/part-00000012.parquet    the results of a block; it is there once the block is finished
    OUT/failed/part-00000012.parquet     its photos without a result, if there are any
    OUT/begun/12                         how many workers have begun with it; gone once it is finished

A part is named by its block, holds nothing else, and appears in full or not at all. So a block that is done twice, as
when a worker dies, is written over by the same results: nothing is lost, nothing is counted twice. Photos and OUT may
be anywhere that fsspec reads and writes. Nothing here needs Ray.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from garbage_core.errors import GarbageError, first_line
from garbage_core.scale.sources import filesystem

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

    from garbage_core.inference.classifier import Failure, Prediction

SCHEMA_VERSION = 1
JOB_FILE, LIST_FILE = "job.json", "files.parquet"
ANSWERS, FAILED, BEGUN = "answers", "failed", "begun"


@dataclass(frozen=True)
class Job:
    """What a folder of results was made from; a restart must ask for the same.

    `block` is the number of photos in one part, `photos` that of all, `flip` whether results are means over photo and
    mirror image, `runtime` what runs the network of the run `model`.
    """

    source: str
    model: str
    weights_sha256: str | None
    runtime: str
    flip: bool
    block: int
    photos: int
    classes: tuple[str, ...]

    @property
    def blocks(self) -> int:
        """Number of parts."""
        return -(-self.photos // self.block)


class Place:
    """A folder anywhere that fsspec writes."""

    def __init__(self, address: str) -> None:
        """Opens a folder, which need not exist. Raises GarbageError."""
        self.address = address
        self.fs, self.root = filesystem(address)
        self.root = self.root.rstrip("/")

    def path(self, *names: str) -> str:
        """Returns where something in the folder is, as the file system calls it."""
        return "/".join((self.root, *names))

    def write(self, data: bytes, *names: str) -> None:
        """Writes a file so that it is there in full or not at all."""
        path = self.path(*names)
        if "file" in _protocols(self.fs):
            from garbage_core.utils.files import write_bytes

            write_bytes(data, path)
        else:
            self.fs.pipe_file(path, data)  # an object store shows an object once all of it has arrived

    def read(self, *names: str) -> bytes:
        """Reads a file."""
        return self.fs.cat_file(self.path(*names))

    def exists(self, *names: str) -> bool:
        """Whether there is such a file."""
        return self.fs.exists(self.path(*names))

    def begin(self, block: int) -> int:
        """Notes that a worker begins with a block, and returns how many have done so without coming to an end."""
        name = str(block)
        number = 1 + (int(self.read(BEGUN, name)) if self.exists(BEGUN, name) else 0)
        self.write(str(number).encode(), BEGUN, name)
        return number

    def end(self, block: int) -> None:
        """Forgets who began with a block."""
        if self.exists(BEGUN, str(block)):
            self.fs.rm_file(self.path(BEGUN, str(block)))

    def parts(self, kind: str) -> dict[int, str]:
        """Returns the parts that are there: number of the block, and path."""
        self.fs.invalidate_cache()
        folder = self.path(kind)
        if not self.fs.exists(folder):
            return {}
        names = (path for path in self.fs.ls(folder, detail=False) if path.endswith(".parquet"))
        found = {path.rpartition("/part-")[2].removesuffix(".parquet"): path for path in names}
        return {int(number): path for number, path in sorted(found.items()) if number.isdecimal()}


def part_name(block: int) -> str:
    """Returns the name of a block's part."""
    return f"part-{block:08d}.parquet"


# Which photos


def write_list(place: Place, photos: Sequence[tuple[str, str]], block: int) -> None:
    """Writes name and path of every photo, one row group per block, so that a worker reads only its own."""
    import pyarrow as pa

    table = pa.table({"file": [name for name, _ in photos], "path": [path for _, path in photos]})
    place.write(_parquet(table, row_group_size=block), LIST_FILE)


def read_list(place: Place, block: int) -> list[tuple[str, str]]:
    """Returns name and path of the photos of a block."""
    import pyarrow.parquet as pq

    with place.fs.open(place.path(LIST_FILE), "rb") as file:
        group = pq.ParquetFile(file).read_row_group(block)
    return list(zip(group["file"].to_pylist(), group["path"].to_pylist(), strict=True))


# What was asked


def write_job(place: Place, job: Job) -> None:
    """Writes what was asked."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(job)}, indent=2) + "\n"
    place.write(text.encode(), JOB_FILE)


def read_job(place: Place) -> Job | None:
    """Returns what was asked of a folder before, or None for a new one. Raises GarbageError if it cannot be read."""
    if not place.exists(JOB_FILE):
        return None
    try:
        content = json.loads(place.read(JOB_FILE))
        if content.pop("schema_version") > SCHEMA_VERSION:
            raise GarbageError(f"{place.path(JOB_FILE)!r} is from a newer version: update the program.")
        return Job(**content | {"classes": tuple(content["classes"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GarbageError(
            f"{place.path(JOB_FILE)!r} cannot be used ({first_line(error)}): choose another folder for the results."
        ) from error


# Results


def write_results(
    place: Place, block: int, classes: Sequence[str], results: Sequence[tuple["Prediction | Failure", bool]]
) -> dict[str, int]:
    """Writes the results of a block: what failed first, then what did not, which marks the block as finished.

    Results say of every photo, besides its own, whether the next run shall ask for it again: it could not be fetched.
    Photos are counted by what came of them: `photos`, `failed`, `again` (of the failed), `unsure`, `is_ood`.
    """
    import pyarrow as pa

    from garbage_core.inference.classifier import Failure

    if place.exists(ANSWERS, part_name(block)):  # done before: unfinished again until both files fit together
        place.fs.rm_file(place.path(ANSWERS, part_name(block)))
    good = [result for result, _ in results if not isinstance(result, Failure)]
    bad = [(result, again) for result, again in results if isinstance(result, Failure)]
    if bad:
        columns = {
            "file": pa.array([result.file for result, _ in bad], pa.string()),
            "error": pa.array([result.error for result, _ in bad], pa.string()),
            "again": pa.array([again for _, again in bad], pa.bool_()),
        }
        place.write(_parquet(pa.table(columns)), FAILED, part_name(block))
    elif place.exists(FAILED, part_name(block)):  # from a run in which they could not be fetched
        place.fs.rm_file(place.path(FAILED, part_name(block)))
    place.write(_parquet(_results_table(good, classes)), ANSWERS, part_name(block))
    return {
        "photos": len(results),
        "failed": len(bad),
        "again": sum(again for _, again in bad),
        "unsure": sum(not result.accepted and not result.is_ood for result in good),
        "is_ood": sum(result.is_ood for result in good),
    }


def _results_table(results: Sequence["Prediction"], classes: Sequence[str]) -> "pa.Table":
    """Returns the columns that the plain command writes as CSV, without the error."""
    import pyarrow as pa

    def columns(**kinds: pa.DataType) -> dict[str, pa.Array]:
        return {name: pa.array([getattr(result, name) for result in results], kind) for name, kind in kinds.items()}

    shares = {f"p_{name}": pa.array([r.probabilities[name] for r in results], pa.float64()) for name in classes}
    first = columns(file=pa.string(), label=pa.string(), confidence=pa.float64(), accepted=pa.bool_())
    found = columns(ood_p_value=pa.float64(), is_ood=pa.bool_(), far_p_value=pa.float64(), is_far=pa.bool_())
    return pa.table(first | shares | found | columns(verdict=pa.string()))


def unfinished(place: Place, blocks: int) -> list[int]:
    """Returns the blocks that are still to do: those without results, and those with photos to be fetched again."""
    done = place.parts(ANSWERS).keys()
    again = {block for block, table in _failed_parts(place) if any(table["again"].to_pylist())}
    return [block for block in range(blocks) if block not in done or block in again]


def count_rows(place: Place) -> dict[str, int]:
    """Counts what the folder holds, from the files themselves: `predicted`, `failed`, and `again` of the failed."""
    import pyarrow.parquet as pq

    predicted = failed = again = 0
    for path in place.parts(ANSWERS).values():
        with place.fs.open(path, "rb") as file:
            predicted += pq.ParquetFile(file).metadata.num_rows
    for _, table in _failed_parts(place):
        failed += table.num_rows
        again += sum(table["again"].to_pylist())
    return {"predicted": predicted, "failed": failed, "again": again}


def check_finished(place: Place, job: Job) -> dict[str, int]:
    """Returns what `count_rows` counts once no block is left; one with photos to be fetched again is finished for now.

    Raises:
        GarbageError: A block has no predictions, or the files do not hold a result for every photo.
    """
    missing = sorted(set(range(job.blocks)) - place.parts(ANSWERS).keys())
    if missing:
        raise GarbageError(
            f"{len(missing):,} of {job.blocks:,} blocks could not be finished, the first is number {missing[0]}: run "
            "the same command again; if it stops at the same block, one of the block's photos ends the worker."
        )
    counts = count_rows(place)
    if counts["predicted"] + counts["failed"] != job.photos:
        raise GarbageError(
            f"{place.address!r} holds {counts['predicted'] + counts['failed']:,} results for {job.photos:,} photos: "
            "some of its files were changed; choose another folder."
        )
    return counts


def _failed_parts(place: Place) -> "Iterator[tuple[int, pa.Table]]":
    import pyarrow.parquet as pq

    for block, path in place.parts(FAILED).items():
        with place.fs.open(path, "rb") as file:
            yield block, pq.ParquetFile(file).read()


def _parquet(table: "pa.Table", **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue().to_pybytes()


def _protocols(fs: "AbstractFileSystem") -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
