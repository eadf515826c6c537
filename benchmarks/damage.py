"""Files that are damaged on purpose, for `benchmarks/fuzz_images.py`.

Small pictures in every accepted format, and in rarer kinds of each, are damaged in six ways: bits flipped, ends cut
off, two files spliced, headers overwritten, size fields changed, blocks moved. Checksums are mended in half of the PNG
files, or hardly any damage would get past them. The same seed gives the same files.
"""

import random
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from garbage_core.data.images import ACCEPTED_FORMATS
from tests.fixtures.photos import encode, picture

WIDTH, HEIGHT = 61, 47  # of the sound pictures; unlikely to stand in a file for anything else
_SIZES = (0, 1, 2, 46, 62, 255, 256, 4000, 7700, 30_000, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def sound_files() -> dict[str, bytes]:
    """Returns small sound files of every accepted format and of rarer kinds, by name; the format comes first."""
    image = picture(WIDTH, HEIGHT)
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    clear = image.convert("RGBA")
    clear.putalpha(image.convert("L"))
    second = image.rotate(180)
    files = {kind: encode(image, kind) for kind in ACCEPTED_FORMATS}
    files |= {f"{kind} turned": encode(image, kind, orientation=6) for kind in ("JPEG", "PNG", "WebP", "TIFF", "HEIC")}
    files |= {
        "JPEG progressive": encode(image, "JPEG", progressive=True),
        "JPEG CMYK": encode(image.convert("CMYK"), "JPEG"),
        "JPEG gray": encode(image.convert("L"), "JPEG"),
        "PNG palette": encode(image.convert("P"), "PNG", transparency=3),
        "PNG 16 bits": encode(deep, "PNG"),
        "PNG clear": encode(clear, "PNG"),
        "PNG animated": encode(image, "PNG", save_all=True, append_images=[second]),
        "WebP lossless": encode(clear, "WebP", lossless=True),
        "WebP animated": encode(image, "WebP", save_all=True, append_images=[second]),
        "GIF animated": encode(image, "GIF", save_all=True, append_images=[second]),
        "BMP palette": encode(image.convert("P"), "BMP"),
        "BMP bits": encode(image.convert("1"), "BMP"),
        "TIFF deflate": encode(image, "TIFF", compression="tiff_deflate"),
        "TIFF LZW": encode(image, "TIFF", compression="tiff_lzw"),
        "TIFF fax": encode(image.convert("1"), "TIFF", compression="group4"),
        "TIFF JPEG": encode(image, "TIFF", compression="jpeg"),
        "TIFF 16 bits": encode(deep, "TIFF"),
        "TIFF float": encode(image.convert("F"), "TIFF"),
        "AVIF clear": encode(clear, "AVIF"),
        "HEIC clear": encode(clear, "HEIC"),
    }
    return files


# Damage


def damage(rng: random.Random, data: bytes, others: list[bytes]) -> tuple[str, bytes]:
    """Damages a file in one to three ways.

    Args:
        rng: Source of chance.
        data: A sound file.
        others: Files that it may be spliced with.

    Returns:
        The names of what was done, and the damaged file.
    """
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name, change = rng.choice(DAMAGES)
        data = change(rng, data, others)
        done.append(name)
    if data.startswith(b"\x89PNG") and rng.random() < 0.5:
        data = mend_checksums(data)
    return "+".join(done), data


def _flip_bits(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _splice(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    share = rng.random()
    return data[: int(share * len(data))] + other[int(share * len(other)) :]


def _change_header(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    place = rng.randrange(min(len(data), rng.choice((32, 128, 512))) + 1)
    piece = rng.choice((b"\0", b"\xff", b"\x7f\xff", bytes(4), b"\xff" * 4, b"\x80\0\0\0", rng.randbytes(8)))
    return data[:place] + piece + data[place + len(piece) :]


def _change_size(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    """Overwrites numbers that are the picture's width or height in some format's way of writing them."""
    found = []
    for side in (WIDTH, HEIGHT, WIDTH - 1, HEIGHT - 1):
        for width, order in ((4, "big"), (4, "little"), (2, "big"), (2, "little")):
            place = data.find(side.to_bytes(width, order))
            while place >= 0:
                found.append((place, width, order))
                place = data.find(side.to_bytes(width, order), place + 1)
    if not found:
        return _change_header(rng, data, [])
    changed = bytearray(data)
    everywhere = rng.choice((None, None, None, 4000, 7700))  # 16 and 59 megapixels, just within the limit
    for place, width, order in found if everywhere else rng.sample(found, min(len(found), rng.choice((1, 1, 2, 4)))):
        number = everywhere or min(rng.choice(_SIZES), 256**width - 1)
        changed[place : place + width] = number.to_bytes(width, order)
    return bytes(changed)


def _move_block(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    start = rng.randrange(len(data) + 1)
    block = data[start : start + rng.choice((1, 4, 16, 256))]
    kind = rng.choice(("remove", "repeat", "zero", "elsewhere"))
    if kind == "repeat":
        return data[:start] + block * rng.choice((2, 3, 50)) + data[start + len(block) :]
    if kind == "zero":
        return data[:start] + bytes(len(block)) + data[start + len(block) :]
    rest = data[:start] + data[start + len(block) :]
    if kind == "remove":
        return rest
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + block + rest[place:]


DAMAGES: tuple[tuple[str, Callable[[random.Random, bytes, list[bytes]], bytes]], ...] = (
    ("bits", _flip_bits),
    ("cut", _cut),
    ("splice", _splice),
    ("header", _change_header),
    ("size", _change_size),
    ("block", _move_block),
)


def mend_checksums(data: bytes) -> bytes:
    """Returns a PNG file with the checksum of every chunk made right, as far as its chunks can be followed."""
    changed, place = bytearray(data), 8
    while place + 12 <= len(changed):
        end = place + 8 + int.from_bytes(changed[place : place + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = zlib.crc32(changed[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(changed)


def damaged_files(number: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yields damaged files, every format in turn, and of each format every sound file in turn.

    Args:
        number: How many of each format.
        seed: Another number, other damage.

    Yields:
        The name of the sound file, what was done to it, and the damaged file.
    """
    rng = random.Random(seed)
    files = sound_files()
    others = list(files.values())
    names = [[name for name in files if name.split()[0] == kind] for kind in ACCEPTED_FORMATS]
    for place in range(number):
        for own in names:
            name = own[place % len(own)]
            yield name, *damage(rng, files[name], others)
