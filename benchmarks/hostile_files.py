"""Files that are made to cost a decoder far more than they weigh, in every accepted format, all made here.

Here are the parts and the ways of putting them together; `hostile_cases.py` lists the files.
"""

import io
import struct
import zlib
from collections.abc import Iterable
from functools import cache

import pillow_heif
from PIL import Image

from tests.fixtures.photos import encode, picture

# PNG


def png(width: int, height: int, chunks: Iterable[bytes] = (), bits: int = 8, color: int = 0, lace: int = 0) -> bytes:
    """A black PNG with chunks between its header and its pixels; as many rows as its size needs."""
    row = (width * bits * {0: 1, 2: 3, 4: 2, 6: 4}[color] + 7) // 8
    deflate = zlib.compressobj(1)
    rows = max(min(2**20 // (row + 1), height), 1)
    block = bytes((row + 1) * rows)
    pixels = [
        deflate.compress(block) for _ in range((height + lace * height // 8) // rows)
    ]  # its passes have more rows
    pixels += [deflate.compress(bytes((row + 1) * (height % rows))), deflate.flush()]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, lace)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", b"".join(pixels)), chunk(b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with_tail(chunks: bytes) -> bytes:
    """A small PNG with chunks between its pixels and its end."""
    data = png(16, 16)
    return data[:-12] + chunks + data[-12:]


# GIF


def gif(
    before: bytes = b"", after: bytes = b"", size: tuple[int, int] = (16, 12), frame: tuple[int, int] | None = None
) -> bytes:
    """A GIF with blocks before and after its picture; the picture may be larger than the screen."""
    width, height = frame or size
    small = encode(picture(16, 12), "GIF")
    begin = small.index(b",", 13 + (3 << (small[10] & 7) + 1))
    picture_block = b"," + struct.pack("<HHHH", 0, 0, width, height) + small[begin + 9 : -1]
    return small[:6] + struct.pack("<HH", *size) + small[10:begin] + before + picture_block + after + b";"


# JPEG


def jpeg_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encode(Image.new("RGB", (side, side), (90, 120, 60)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scans * last + data[-2:]


def jpeg_with(segments: bytes) -> bytes:
    """A small JPEG with something after its first segment."""
    data = encode(picture(), "JPEG")
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + segments + data[place:]


def jpeg_resized(width: int, height: int, **options) -> bytes:
    """A JPEG whose header names another size than was stored."""
    data = bytearray(encode(picture(), "JPEG", **options))
    frame = max(data.find(b"\xff\xc0\0\x11"), data.find(b"\xff\xc2\0\x11"))
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


# TIFF


Entry = tuple[int, int, int, bytes | int]  # tag, type, number of values, values or where they lie


def tiff(entries: Iterable[Entry], pixels: bytes = b"", big: bool = False, following: int = 0) -> bytes:
    """A TIFF of one directory at its beginning; values of several are laid behind it, then the pixels.

    The first strip or tile begins behind the values: -1 as a value stands for that place.
    """
    entries = sorted(entries, key=lambda entry: entry[0])
    inside = 8 if big else 4
    place = (16 + 8 + 20 * len(entries) + 8) if big else (8 + 2 + 12 * len(entries) + 4)
    behind = place + sum(len(e[3]) for e in entries if isinstance(e[3], bytes) and len(e[3]) > inside)
    rows, values = b"", b""
    for tag, kind, count, value in entries:
        rows += struct.pack("<HHQ" if big else "<HHL", tag, kind, count)
        if isinstance(value, int):
            rows += (behind if value < 0 else value).to_bytes(inside, "little")
        elif len(value) > inside:
            rows += (place + len(values)).to_bytes(inside, "little")
            values += value
        else:
            rows += value.ljust(inside, b"\0")
    if big:
        head = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries))
    else:
        head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return head + rows + following.to_bytes(inside, "little") + values + pixels


def tiff_picture(
    width: int = 16,
    height: int = 16,
    compression: int = 1,
    samples: int = 1,
    bits: int = 8,
    more: Iterable[Entry] = (),
    **options,
) -> bytes:
    """A TIFF in one strip, with further tags or others in place of its own."""
    own: dict[int, Entry] = {
        256: (256, 4, 1, width),
        257: (257, 4, 1, height),
        258: (258, 3, samples, struct.pack("<H", bits) * samples),
        259: (259, 3, 1, compression),
        262: (262, 3, 1, 2 if samples > 2 else 1),
        273: (273, 4, 1, -1),
        277: (277, 3, 1, samples),
        278: (278, 4, 1, height),
        279: (279, 4, 1, len(options.get("pixels", b"")) or width * height),
    }
    if samples == 4:
        own[338] = (338, 3, 1, 2)
    own |= {entry[0]: entry for entry in more}
    return tiff(own.values(), options.pop("pixels", bytes(256)), **options)


def tiff_tile(side: int) -> bytes:
    """A TIFF of 16x16 pixels in one tile of any size."""
    deflated = zeros(side * side)
    tile: list[Entry] = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, -1), (325, 4, 1, len(deflated))]
    return tiff_picture(compression=8, more=tile, pixels=deflated)


def overlapping(entries: int, size: int) -> bytes:
    """A TIFF whose tags all hold the same bytes, as long as they can be; as EXIF data, too."""
    start = 8 + 2 + 12 * entries + 4
    tags: list[Entry] = [(40_000 + number, 7, size - start, start) for number in range(entries)]
    return tiff(tags).ljust(size, b"\0")


def raw(make: bytes, *entries: Entry, sign: bytes = b"") -> bytes:
    """A camera's raw file with a preview of 16x16 pixels as its first picture."""
    data = tiff_picture(more=[(271, 2, len(make), make), *entries])
    return data[:8] + sign + data[8:] if sign else data


@cache
def zeros(number: int) -> bytes:
    """So many zeros, deflated."""
    deflate = zlib.compressobj(9)
    parts = [deflate.compress(bytes(2**20)) for _ in range(number >> 20)]
    return b"".join([*parts, deflate.compress(bytes(number & 2**20 - 1)), deflate.flush()])


# WebP


def riff(*chunks: bytes) -> bytes:
    """A WebP of some chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def webp_chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a WebP."""
    return name + struct.pack("<L", len(data)) + data + bytes(len(data) % 2)


def vp8l(width: int, height: int) -> bytes:
    """A lossless stream of one color, for any size in the same few bytes."""
    return webp_chunk(
        b"VP8L", b"\x2f" + struct.pack("<L", width - 1 | height - 1 << 14) + bytes.fromhex("071011118888fe07")
    )


def vp8x(width: int, height: int, flags: int = 0) -> bytes:
    """The header of a WebP that names the size of its canvas."""
    return webp_chunk(
        b"VP8X", struct.pack("<L", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def vp8(width: int, height: int) -> bytes:
    """A lossy stream whose header names any size."""
    data = encode(picture(), "WebP")
    place = data.index(b"VP8 ")
    stream = bytearray(data[place + 8 :])
    stream[6:10] = struct.pack("<HH", width, height)
    return webp_chunk(b"VP8 ", bytes(stream))


def frame(width: int, height: int, stream: bytes) -> bytes:
    """A frame of an animated WebP."""
    head = bytes(6) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + bytes(4)
    return webp_chunk(b"ANMF", head + stream)


# AVIF, HEIC


@cache
def heif(kind: str, width: int, height: int) -> bytes:
    """An AVIF or HEIC of one color."""
    if kind == "AVIF":
        return encode(Image.new("L", (width, height), 90), kind, speed=10, quality=20)
    buffer = io.BytesIO()
    image = pillow_heif.from_pillow(Image.new("RGB", (width, height), (90, 120, 60)))
    image.save(buffer, format="HEIF", quality=20, enc_params={"preset": "ultrafast"})
    return buffer.getvalue()


def renamed(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose boxes name another size than its stream has."""
    parts = data.split(b"ispe\0\0\0\0")
    return parts[0] + b"".join(b"ispe\0\0\0\0" + struct.pack(">LL", width, height) + part[8:] for part in parts[1:])


def with_boxes(kind: str, number: int) -> bytes:
    """An AVIF or HEIC with empty boxes behind its own."""
    data = encode(picture(), kind)
    return data + number * b"\0\0\0\x08free"


# BMP


def bmp(width: int, height: int, bits: int = 24, compression: int = 0, pixels: bytes = b"") -> bytes:
    """A BMP with any pixels."""
    palette = bytes(4 << bits) if bits <= 8 else b""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + pixels
