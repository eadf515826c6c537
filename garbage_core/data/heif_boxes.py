"""The boxes of an AVIF or HEIC file (ISO 14496-12 and 23008-12): how large the pictures are that its streams hold.

The size that such a file names stands in a box of its own; the decoder follows the stream, whose first bytes name
another one. Only these are read here: AV1 sequence headers (AV1 specification, 5.5) and HEVC sequence parameter sets
(ITU-T H.265, 7.3.2.2).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_BOXES = 20_000  # that are followed; a photo of 200 megapixels in tiles of 512 pixels has some 2,000
MAX_UNITS = 64  # of a stream before its sequence header
_CONTAINERS = {b"meta", b"iinf", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_SEQUENCE_HEADER, _SEQUENCE_PARAMETERS = 1, 33


@dataclass
class _Found:
    """What the boxes say: sizes of streams, kinds of items, and where items and samples begin."""

    sizes: list[tuple[int, int]] = field(default_factory=list)
    kinds: dict[int, bytes] = field(default_factory=dict)
    items: list[tuple[int, int, int]] = field(default_factory=list)  # identifier, construction method, offset
    samples: list[int] = field(default_factory=list)
    inner: int = 0  # where the box for data within the metadata begins


class _Bits:
    """Reads numbers of some bits from bytes, the highest bit first; zeros after their end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, number: int) -> int:
        self._left -= number
        mask = (1 << number) - 1
        return (self._value >> self._left if self._left >= 0 else self._value << -self._left) & mask

    def golomb(self) -> int:
        """Reads a number in Exp-Golomb code, `ue(v)` and `uvlc()`."""
        zeros = 0
        while zeros < 32 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def largest_stream(data: bytes) -> tuple[int, int]:
    """Finds the largest picture that a stream of the file holds.

    Args:
        data: An AVIF or HEIC file.

    Returns:
        Its (width, height) in pixels as coded; (0, 0) if no stream names its size where it is looked for.
    """
    found = _Found()
    for name, start, end in _boxes(data):
        try:
            _read_box(data, name, start, end, found)
        except (struct.error, IndexError):
            continue  # the decoder will say that it is damaged
    places = list(found.samples)
    for identifier, method, offset in found.items:
        if found.kinds.get(identifier) == b"av01":
            places.append(offset + (found.inner if method == 1 else 0))
    found.sizes += (size for place in places for size in _av1_sizes(data[place : place + 256]))
    return max(found.sizes, key=math.prod, default=(0, 0))


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, start and end of the content of every box, and of those within."""
    waiting = [(0, len(data))]
    for _ in range(MAX_BOXES):
        while waiting and waiting[-1][0] + 8 > waiting[-1][1]:
            waiting.pop()
        if not waiting:
            return
        place, end_of_all = waiting.pop()
        size, name, start = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], place + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = min(place + size, end_of_all) if size else end_of_all
        if end < start:
            continue
        waiting.append((end, end_of_all))
        yield name, start, end
        if name in _CONTAINERS:
            skipped = {b"meta": 4, b"iinf": 6 if data[start : start + 1] == b"\0" else 8}.get(name, 0)
            waiting.append((start + skipped, end))


def _read_box(data: bytes, name: bytes, start: int, end: int, found: _Found) -> None:
    """Adds what one box says."""
    if name == b"av1C":
        found.sizes += _av1_sizes(data[start + 4 : min(end, start + 260)])
    elif name == b"hvcC":
        found.sizes += _hevc_sizes(data, start, end)
    elif name == b"infe":
        version, wide = data[start], data[start] > 2
        if version >= 2:
            (identifier,) = struct.unpack_from(">L" if wide else ">H", data, start + 4)
            found.kinds[identifier] = data[start + (10 if wide else 8) : start + (14 if wide else 12)]
    elif name == b"iloc":
        found.items += _item_places(data, start)
    elif name == b"idat":
        found.inner = start
    elif name in (b"stco", b"co64"):
        found.samples += struct.unpack_from(">L" if name == b"stco" else ">Q", data, start + 8)


def _item_places(data: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yields identifier, construction method and offset of the first part of every item in a location box."""
    version = data[start]
    offset_size, length_size, base_size = data[start + 4] >> 4, data[start + 4] & 15, data[start + 5] >> 4
    index_size = data[start + 5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    place = start + 6 + wide

    def number(size: int) -> int:
        nonlocal place
        place += size
        if place > len(data):
            raise IndexError
        return int.from_bytes(data[place - size : place], "big")

    for _ in range(min(int.from_bytes(data[start + 6 : place], "big"), MAX_BOXES)):
        identifier = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base, parts = number(base_size), number(2)
        number(index_size)
        yield identifier, method, base + number(offset_size) if parts else base
        place += length_size + max(parts - 1, 0) * (index_size + offset_size + length_size)


def _av1_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields the size in the sequence header that is among the first units of an AV1 stream."""
    place = 0
    for _ in range(MAX_UNITS):
        if place >= len(data):
            return
        head = data[place]
        place += 2 if head & 4 else 1
        length = len(data) - place
        if head & 2:  # how long it is: seven bits a byte, the lowest first
            length = 0
            for shift in range(0, 56, 7):
                if place >= len(data):
                    return
                length |= (data[place] & 127) << shift
                place += 1
                if data[place - 1] < 128:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _av1_size(_Bits(data[place : place + min(length, 128)]))
            return
        place += length


def _av1_size(bits: _Bits) -> tuple[int, int]:
    """Reads an AV1 sequence header up to the largest size of its frames."""
    bits.read(4)  # profile, still picture
    if bits.read(1):  # the short form of still pictures
        bits.read(5)
    else:
        delay_bits = 0
        if bits.read(1):  # timing
            bits.read(64)
            if bits.read(1):
                bits.golomb()
            if bits.read(1):  # the decoder's model
                delay_bits = bits.read(5) + 1
                bits.read(42)
        has_delays = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if has_delays and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _hevc_sizes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields the sizes in the sequence parameter sets of an HEVC configuration box."""
    place = start + 23
    for _ in range(data[start + 22]):
        kind, (units,) = data[place] & 63, struct.unpack_from(">H", data, place + 1)
        place += 3
        for _ in range(min(units, MAX_UNITS)):
            (length,) = struct.unpack_from(">H", data, place)
            unit = data[place + 2 : place + 2 + min(length, 256)]
            place += 2 + length
            if place > end:
                return
            if kind == _SEQUENCE_PARAMETERS:
                yield _hevc_size(_Bits(unit.replace(b"\0\0\3", b"\0\0")))


def _hevc_size(bits: _Bits) -> tuple[int, int]:
    """Reads an HEVC sequence parameter set up to the size of its pictures."""
    bits.read(16 + 4)  # head of the unit; video parameter set
    layers = bits.read(3)
    bits.read(1 + 96)  # nesting; profile and level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:  # chroma in full resolution
        bits.read(1)
    return bits.golomb(), bits.golomb()
