"""Small files that take much time or memory are refused before they are decoded; sound ones like them are not."""

import io
import struct
import time
import tracemalloc
from functools import partial

import numpy as np
import pytest
from PIL import Image

from benchmarks import hostile_files as made
from garbage_core.data import heif_boxes
from garbage_core.data.images import decode_image, load_photo, photo_size
from garbage_core.data.pixel_modes import to_rgb
from garbage_core.errors import GarbageError
from tests.fixtures.photos import cardboard, encode, picture

SLOW = "built so that decoding it takes too long"
NARROW = "a side may be 200 times as long as the other at most"
LONG = "a side may have 32,768 at most"
OTHER_SIZE = "the size that it names is not that of its picture"
RAW = "is a camera's raw file: choose a photo as JPEG"
TAG_4M = (273, 1, 4_000_000, bytes(4_000_000))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(made.png, 1, 4_000_000, color=0), NARROW),
        (partial(made.png, 40_000, 400), LONG),
        (partial(made.png, 201, 1), NARROW),
        (lambda: made.png(16, 16, [made.chunk(b"teSt") * 400_000]), SLOW),
        (lambda: made.png_with_tail(made.chunk(b"teSt") * 400_000), SLOW),
        (lambda: made.png(16, 16, [made.chunk(b"eXIf", made.overlapping(3_000, 65_000))]), SLOW),
        (partial(made.gif, b"!\xfe\1a\0" * 400_000), SLOW),
        (partial(made.gif, b"!\xfe" + b"\1a" * 400_000 + b"\0"), SLOW),
        (partial(made.gif, b"!\xff" + b"\1a" * 400_000 + b"\0"), SLOW),
        (partial(made.gif, b"x" * 400_000), SLOW),
        (partial(made.jpeg_scans, 1000, 900), SLOW),
        (partial(made.jpeg_scans, 100, 900), SLOW),
        (partial(made.jpeg_resized, 8_000, 8_000, progressive=True, subsampling=0), SLOW),
        (partial(made.jpeg_resized, 12_000, 12_000, progressive=True), SLOW),
        (lambda: made.jpeg_with(b"\xff\xe0\0\2" * 100_000), SLOW),
        (lambda: made.jpeg_with(b"x" * 400_000), SLOW),
        (lambda: made.jpeg_with(b"\xff" * 400_000), SLOW),
        (lambda: made.jpeg_with(made.segment(0xE1, b"Exif\0\0" + made.overlapping(3_000, 65_000))), SLOW),
        (partial(made.tiff_tile, 8_192), SLOW),
        (partial(made.tiff_picture, more=[TAG_4M]), SLOW),
        (partial(made.tiff_picture, more=[(279, 4, 1_000_000, bytes(4_000_000))]), SLOW),
        (partial(made.tiff_picture, more=[(320, 3, 1_000_000, bytes(2_000_000))]), SLOW),
        (partial(made.tiff_picture, more=[(258, 3, 1_000_000, bytes(2_000_000))]), SLOW),
        (partial(made.overlapping, 4_000, 1_000_000), SLOW),
        (lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65_535), SLOW),
        (lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(1_000), SLOW),
        (lambda: made.riff(made.vp8x(16, 16, 2), made.webp_chunk(b"junk", b"") * 400_000), SLOW),
        (lambda: made.riff(made.vp8x(16, 16), made.vp8l(7_700, 7_700)), "has|damaged"),
        (lambda: made.riff(made.vp8x(16, 16, 2), made.frame(16, 16, made.vp8(7_700, 7_700))), OTHER_SIZE),
        (lambda: made.renamed(made.heif("AVIF", 1_300, 1_300), 64, 48), OTHER_SIZE),
        (lambda: made.renamed(made.heif("HEIC", 1_300, 1_300), 64, 48), OTHER_SIZE),
        (lambda: made.bmp(64, 64, 8, 1, bytes(2_000_000)), SLOW),
    ],
)
def test_files_that_cost_more_than_their_pixels_are_refused_at_once(make, message):
    data = make()
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(GarbageError, match=message):
            load_photo(data, 240, 320, "small.bin")
        seconds, (_, most) = time.process_time() - start, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds < 0.5
    assert most < 2 * len(data) + 2**22


@pytest.mark.parametrize(
    "make",
    [
        partial(made.png, 200, 1),
        lambda: made.png(16, 16, [made.chunk(b"teSt") * 2_000]),
        partial(made.gif, b"!\xfe\1a\0" * 2_000),
        lambda: encode(picture(), "JPEG", progressive=True, comment=b"x" * 60_000),
        lambda: made.jpeg_with(made.segment(0xE2, bytes(65_000)) * 200),  # a long color profile
        partial(made.tiff_tile, 512),
        partial(made.tiff_picture, 100, 3_000, pixels=bytes(300_000), more=[(278, 4, 1, 3_000)]),
        lambda: encode(picture(), "TIFF", description="x" * 1_000_000),  # as microscopes do
        partial(made.tiff_picture, big=True),
        lambda: encode(picture(), "WebP", save_all=True, append_images=[picture().rotate(r) for r in range(1, 50)]),
        lambda: made.riff(made.vp8x(64, 48), made.vp8(64, 48)),
        lambda: made.with_boxes("HEIC", 1_000),
        lambda: made.with_boxes("AVIF", 1_000),
    ],
)
def test_sound_files_that_come_near_are_accepted(make):
    assert decode_image(make()).size


@pytest.mark.parametrize(
    "data",
    [
        made.raw(b"SONY\0", (254, 4, 1, 1), (330, 4, 1, 8)),  # a preview first, with the picture below it
        made.raw(b"Adobe\0", (50706, 1, 4, b"\1\4\0\0")),  # DNG
        made.raw(b"Canon\0", sign=b"CR\2\0"),
        made.raw(b"PENTAX\0", (259, 3, 1, 65_535)),
        made.raw(b"NIKON\0", (330, 4, 1, 600)).ljust(600, b"\0") + made.tiff([(259, 3, 1, 34_713)])[8:],
        made.raw(b"KODAK\0", (262, 3, 1, 32_803)),
        made.tiff_picture(following=600).ljust(600, b"\0") + made.tiff([(259, 3, 1, 32_767)])[8:],
        b"IIRO\x08\0\0\0" + bytes(64),
        b"IIU\0\x18\0\0\0" + bytes(64),
    ],
)
def test_raw_files_are_named_as_such_even_if_they_have_a_preview(data):
    with pytest.raises(GarbageError, match=rf"^holiday\.nef {RAW}"):
        decode_image(data, "holiday.nef")
    with pytest.raises(GarbageError, match=RAW):
        photo_size(data)


def test_a_tiff_with_smaller_copies_of_its_picture_is_no_raw_file():
    assert decode_image(made.tiff_picture(more=[(330, 4, 1, 8)])).shape == (16, 16, 3)


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
@pytest.mark.parametrize("size", [(64, 48), (130, 70), (1000, 40)])
def test_the_size_of_a_stream_is_read(kind, size):
    width, height = heif_boxes.largest_stream(encode(picture(*size), kind))
    # HEVC codes whole blocks of eight pixels.
    assert 0 <= width - size[0] < 64
    assert 0 <= height - size[1] < 64


@pytest.mark.parametrize("options", [{}, {"save_all": True, "append_images": [picture().rotate(90)]}])
def test_the_size_of_an_animated_stream_is_read(options):
    assert heif_boxes.largest_stream(encode(picture(), "AVIF", **options)) == (64, 48)


# Large and cut off photos that are sound


@pytest.mark.parametrize(("size", "shape"), [((16_320, 12_240), (1_530, 2_040)), ((12_000, 9_000), (1_125, 1_500))])
def test_a_jpeg_of_200_megapixels_is_decoded_at_an_eighth(size, shape):
    data = encode(Image.new("L", size, 77), "JPEG")
    assert photo_size(data) == size
    rgb = decode_image(data, at_least=(480, 640))
    assert rgb.shape[:2] in (shape, (510, 680), (1_530 // 2, 1_020), (562, 750), (563, 750))
    assert np.abs(rgb.astype(int) - 77).max() <= 1


def test_a_jpeg_of_more_than_200_megapixels_is_refused():
    with pytest.raises(GarbageError, match=r"225 megapixels\), more than the 200 megapixels a photo as JPEG may have"):
        decode_image(made.jpeg_resized(15_000, 15_000))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 2}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_only_its_end_is_accepted(options, mode):
    image = Image.open(io.BytesIO(cardboard(640, 480))).convert(mode)
    data = encode(image, "JPEG", **options)
    whole = decode_image(data)
    # The last pass over CMYK is black's, which has next to no data here.
    for missing in (2, 3, 3 if mode == "CMYK" else len(data) // 200):
        rgb = decode_image(data[:-missing])
        assert (rgb != whole).any(axis=2).mean() < (1 if "progressive" in options else 0.02)
        assert np.abs(rgb.astype(int) - whole).mean() < 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_more_is_refused(share, mode):
    data = encode(Image.open(io.BytesIO(cardboard(640, 480))).convert(mode), "JPEG")
    with pytest.raises(GarbageError, match="is cut off"):
        decode_image(data[: int(share * len(data))])


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_progressive_jpeg_that_lacks_a_pass_is_refused(share):
    data = encode(Image.open(io.BytesIO(cardboard(640, 480))), "JPEG", progressive=True)
    with pytest.raises(GarbageError, match="is cut off"):
        decode_image(data[: int(share * len(data))])


@pytest.mark.parametrize("size", [(1, 2_000_000), (2_000_000, 1), (3, 700_000)])
@pytest.mark.parametrize("factor", [1, 4])
def test_a_narrow_picture_is_converted_as_fast_as_a_square_one(size, factor):
    start = time.process_time()
    rgb = to_rgb(Image.new("RGB", size, (1, 2, 3)), factor)
    assert time.process_time() - start < 0.2
    assert (rgb == (1, 2, 3)).all()
