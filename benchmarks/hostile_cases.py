"""The hostile files: `HOSTILE[name]()` makes one and returns its bytes. The first word of its name is its format."""

import struct
from collections.abc import Callable, Iterable
from functools import partial

from benchmarks.hostile_files import (
    Entry,
    bmp,
    chunk,
    frame,
    gif,
    heif,
    jpeg_resized,
    jpeg_scans,
    jpeg_with,
    overlapping,
    png,
    png_with_tail,
    renamed,
    riff,
    segment,
    tiff_picture,
    tiff_tile,
    vp8,
    vp8l,
    vp8x,
    webp_chunk,
    with_boxes,
    zeros,
)

SIDE = 7_700  # of 59 megapixels, just within the limit
TOOK = 24_000_000  # bytes of the largest files, which are small enough to be accepted


def _deflated(side: int, samples: int, bits: int, more: Iterable[Entry] = ()) -> bytes:
    """A square TIFF, deflated into next to nothing."""
    pixels = zeros(side * side * samples * bits // 8)
    return tiff_picture(side, side, 8, samples, bits, more, pixels=pixels)


def _strips(number: int, kind: int, tag: int = 273) -> bytes:
    """A TIFF that lists so many values for one tag."""
    return tiff_picture(more=[(tag, kind, number, bytes(number * {1: 1, 3: 2, 4: 4}[kind]))])


_SUBDIRECTORIES = (330, 4, 1_000_000, struct.pack("<L", 8) * 1_000_000)
_FRAME = frame(16, 16, vp8(16, 16))

HOSTILE: dict[str, Callable[[], bytes]] = {
    "PNG 1x59m": partial(png, 1, 59_000_000),
    "PNG 59mx1": partial(png, 59_000_000, 1),
    "PNG 40000x400": partial(png, 40_000, 400),
    "PNG 59 megapixels": partial(png, SIDE, SIDE, color=2),
    "PNG of 16 bits": partial(png, 5_000, 5_000, bits=16, color=6),
    "PNG interlaced": partial(png, 5_000, 5_000, color=2, lace=1),
    "PNG claims 2^62 pixels": lambda: png(16, 16).replace(struct.pack(">II", 16, 16), b"\x7f\xff\xff\xff" * 2, 1),
    "PNG empty chunks": lambda: png(16, 16, [chunk(b"teSt") * (TOOK // 12)]),
    "PNG empty chunks behind": lambda: png_with_tail(chunk(b"teSt") * (TOOK // 12)),
    "PNG empty pixels": lambda: png(16, 16, [chunk(b"IDAT") * (TOOK // 12)]),
    "PNG long texts": lambda: png(16, 16, [chunk(b"zTXt", b"a\0\0" + zeros(1_000_000)) * 60]),
    "PNG long profile": lambda: png(16, 16, [chunk(b"iCCP", b"a\0\0" + zeros(400_000_000))]),
    "PNG overlapping EXIF": lambda: png(16, 16, [chunk(b"eXIf", overlapping(4_000, TOOK))]),
    "PNG frames": lambda: png(16, 16, [chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26)) * 500_000]),
    "GIF comments": partial(gif, b"!\xfe\1a\0" * (TOOK // 5)),
    "GIF comments behind": partial(gif, after=b"!\xfe\1a\0" * (TOOK // 5)),
    "GIF long comment": partial(gif, b"!\xfe" + b"\1a" * (TOOK // 2) + b"\0"),
    "GIF long extension": partial(gif, b"!\xff" + b"\1a" * (TOOK // 2) + b"\0"),
    "GIF junk": partial(gif, b"x" * TOOK),
    "GIF large screen": partial(gif, size=(SIDE, SIDE)),
    "GIF large frame": partial(gif, frame=(SIDE, SIDE)),
    "GIF 65535x900": partial(gif, size=(65_535, 900)),
    "GIF frames": partial(gif, after=(b"," + bytes(9) + b"\2\1\0\0") * (TOOK // 14)),
    "JPEG 900 scans": partial(jpeg_scans, 1_000, 900),
    "JPEG 80 scans": partial(jpeg_scans, 3_000, 80),
    "JPEG 15 scans": partial(jpeg_scans, 5_000, 5),
    "JPEG empty segments": lambda: jpeg_with(b"\xff\xe0\0\2" * (TOOK // 4)),
    "JPEG tables": lambda: jpeg_with(segment(0xDB, bytes([0, *[1] * 64])) * (TOOK // 69)),
    "JPEG junk": lambda: jpeg_with(b"x" * TOOK),
    "JPEG filling": lambda: jpeg_with(b"\xff" * TOOK),
    "JPEG overlapping EXIF": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + overlapping(4_000, 65_000))),
    "JPEG two frames": lambda: jpeg_with(segment(0xC0, bytes.fromhex("08 4000 4000 01 011100"))),
    "JPEG 200 megapixels": partial(jpeg_resized, 16_320, 12_240),
    "JPEG 225 megapixels": partial(jpeg_resized, 15_000, 15_000),
    "JPEG 59 megapixels progressive": partial(jpeg_resized, SIDE, SIDE, progressive=True, subsampling=0),
    "JPEG 144 megapixels progressive": partial(jpeg_resized, 12_000, 12_000, progressive=True),
    "JPEG 65500x900": partial(jpeg_resized, 65_500, 900),
    "JPEG 1x65500": partial(jpeg_resized, 1, 65_500),
    "TIFF tile of 16384": partial(tiff_tile, 16_384),
    "TIFF strip offsets": partial(_strips, TOOK, 1),
    "TIFF strip lengths": partial(_strips, TOOK // 4, 4, 279),
    "TIFF palette": partial(_strips, TOOK // 2, 3, 320),
    "TIFF bits of samples": partial(_strips, TOOK // 2, 3, 258),
    "TIFF overlapping tags": partial(overlapping, 4_000, TOOK),
    "TIFF 65535 tags": lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65_535),
    "TIFF 2^60 tags": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(1_000),
    "TIFF loop": partial(tiff_picture, following=8),
    "TIFF subdirectories": partial(tiff_picture, more=[_SUBDIRECTORIES]),
    "TIFF 59 megapixels": partial(_deflated, SIDE, 3, 8),
    "TIFF of 16 bits": partial(_deflated, 5_400, 4, 16),
    "TIFF of 32 bits": partial(_deflated, SIDE, 1, 32, [(339, 3, 1, 3)]),
    "TIFF 40000x400": partial(tiff_picture, 40_000, 400),
    "WebP of 34 bytes": lambda: riff(vp8l(SIDE, SIDE)),
    "WebP 16383x3600": lambda: riff(vp8l(16_383, 3_600)),
    "WebP 24 megapixels": lambda: riff(vp8l(6_000, 4_000)),
    "WebP lossy": lambda: riff(vp8(6_000, 4_000)),
    "WebP chunks": lambda: riff(vp8x(16, 16, 2), webp_chunk(b"junk", b"") * (TOOK // 8)),
    "WebP frames": lambda: riff(vp8x(16, 16, 2), webp_chunk(b"ANIM", bytes(6)), _FRAME * (TOOK // len(_FRAME))),
    "WebP large canvas": lambda: riff(vp8x(16_384, 16_384, 2), webp_chunk(b"ANIM", bytes(6)), _FRAME),
    "WebP small canvas": lambda: riff(vp8x(16, 16), vp8l(SIDE, SIDE)),
    "WebP large frame": lambda: riff(vp8x(16, 16, 2), frame(16, 16, vp8(SIDE, SIDE))),
    "AVIF 59 megapixels": partial(heif, "AVIF", SIDE, SIDE),
    "AVIF 36 megapixels": partial(heif, "AVIF", 6_000, 6_000),
    "AVIF says 512x384": lambda: renamed(heif("AVIF", 6_000, 6_000), 512, 384),
    "AVIF says 6000x6000": lambda: renamed(heif("AVIF", 64, 48), 6_000, 6_000),
    "AVIF boxes": partial(with_boxes, "AVIF", TOOK // 8),
    "HEIC 36 megapixels": partial(heif, "HEIC", 6_000, 6_000),
    "HEIC says 512x384": lambda: renamed(heif("HEIC", 6_000, 6_000), 512, 384),
    "HEIC says 7000x7000": lambda: renamed(heif("HEIC", 64, 48), 7_000, 7_000),
    "HEIC boxes": partial(with_boxes, "HEIC", TOOK // 8),
    "BMP run lengths": partial(bmp, SIDE, SIDE, 8, 1, bytes([255, 7]) * 500_000),
    "BMP empty runs": partial(bmp, SIDE, SIDE, 8, 1, bytes(1_000_000)),
    "BMP many runs": partial(bmp, SIDE, SIDE, 8, 1, bytes([255, 7]) * 5_000_000),
    "BMP of one bit": partial(bmp, 32_768, 1_800, 1, 0, bytes(32_768 // 8 * 1_800)),
    "BMP 2^62 pixels": partial(bmp, 2**31 - 1, 2**31 - 1),
}
