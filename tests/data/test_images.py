"""Whatever a phone or a browser hands over becomes an upright RGB array, or one sentence that says why not."""

import io
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from garbage_core.data import images, tiff_directories
from garbage_core.data.images import (
    ACCEPTED_FORMATS,
    PhotoFile,
    decode_image,
    fit_canvas,
    load_photo,
    photo_size,
    prepare_photo,
)
from garbage_core.data.pixel_modes import to_rgb
from garbage_core.errors import GarbageError
from tests.fixtures.photos import encode, jpeg, picture


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two pictures in levels of 0 to 255; 255 for pictures of different shapes."""
    return 255.0 if a.shape != b.shape else float(np.abs(a.astype(int) - b).mean())


# Accepted files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ACCEPTED_FORMATS)
def test_every_accepted_format_is_decoded_whatever_its_name(kind):
    original = np.asarray(picture())
    rgb = decode_image(encode(picture(), kind), "misleading.txt")
    assert rgb.dtype == np.uint8
    assert difference(rgb, original) < (16 if kind == "GIF" else 3)  # GIF has 256 colors


@pytest.mark.parametrize("kind", ["GIF", "WebP", "PNG", "TIFF"])
def test_the_first_picture_of_an_animation_counts(kind):
    second = Image.new("RGB", (64, 48), "red")
    rgb = decode_image(encode(picture(), kind, save_all=True, append_images=[second]))
    assert difference(rgb, np.asarray(picture())) < 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once(orientation):
    # How a camera held upright must store the picture so that this orientation turns it back.
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = picture()
    sideways = upright.transpose(stored[orientation]) if orientation in stored else upright
    for kind in ("JPEG", "PNG", "WebP", "TIFF", "AVIF", "HEIC"):
        data = encode(sideways, kind, orientation=orientation)
        assert difference(decode_image(data), np.asarray(upright)) < 3, kind
        assert photo_size(data) == (64, 48), kind


@pytest.mark.parametrize("orientation", range(10))
def test_large_pictures_are_turned_piece_by_piece_without_seams(monkeypatch, orientation):
    rgb = np.random.default_rng(0).integers(0, 256, (37, 20, 3), dtype=np.uint8)
    by_hand = {
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.swapaxes(0, 1),
        6: np.rot90(rgb, -1),
        7: rgb[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(rgb),
    }
    monkeypatch.setattr("garbage_core.data.pixel_modes.TILE", 8)
    monkeypatch.setattr("garbage_core.data.pixel_modes.WHOLE", 0)
    turned = to_rgb(Image.fromarray(rgb), orientation=orientation)
    assert turned.flags.c_contiguous
    assert np.array_equal(turned, by_hand.get(orientation, rgb))


def test_turning_the_largest_photo_keeps_no_processor_busy():
    lying = Image.new("RGB", (7700, 7700))
    start = time.process_time()
    to_rgb(lying, orientation=6)
    assert time.process_time() - start < 1.5


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_do_not_spoil_a_sound_photo():
    rgb = decode_image(encode(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert difference(rgb, np.asarray(picture())) < 3


def flat(mode: str, value) -> Image.Image:
    return Image.new(mode, (8, 6), value)


def gray16(value: int, dtype=np.uint16) -> Image.Image:
    return Image.fromarray(np.full((6, 8), value, dtype))


def palette() -> Image.Image:
    return flat("RGB", (200, 30, 40)).quantize(8)


def lab() -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(flat("RGB", (200, 100, 50)), *profiles, outputMode="LAB")


@pytest.mark.parametrize(
    ("image", "kind", "options", "expected"),
    [
        (flat("L", 77), "PNG", {}, (77, 77, 77)),
        (flat("1", 1), "PNG", {}, (255, 255, 255)),
        (flat("1", 0), "TIFF", {"compression": "group4"}, (0, 0, 0)),
        (flat("LA", (60, 255)), "PNG", {}, (60, 60, 60)),
        (flat("CMYK", (0, 255, 255, 0)), "JPEG", {}, (254, 0, 0)),
        (flat("CMYK", (0, 255, 255, 0)), "TIFF", {}, (255, 0, 0)),
        (flat("YCbCr", (76, 85, 255)), "TIFF", {}, (254, 0, 0)),
        (lab(), "TIFF", {}, (200, 100, 50)),
        # Transparent parts are white, half transparent ones half white.
        (flat("RGBA", (10, 20, 30, 0)), "PNG", {}, (255, 255, 255)),
        (flat("RGBA", (0, 100, 200, 128)), "PNG", {}, (127, 177, 227)),
        (flat("RGBA", (10, 20, 30, 0)), "WebP", {"lossless": True}, (255, 255, 255)),
        (flat("RGBA", (10, 20, 30, 0)), "AVIF", {}, (255, 255, 255)),
        (flat("RGBA", (10, 20, 30, 0)), "HEIC", {}, (255, 255, 255)),
        (flat("LA", (60, 0)), "PNG", {}, (255, 255, 255)),
        (flat("RGB", (10, 20, 30)), "PNG", {"transparency": (10, 20, 30)}, (255, 255, 255)),
        (palette(), "PNG", {"transparency": 0}, (255, 255, 255)),
        (palette(), "PNG", {}, (200, 30, 40)),
        (palette(), "GIF", {"transparency": 0}, (255, 255, 255)),
        # 16 and 32 bits and floating point: white is 65,535, 255 or 1.
        (gray16(40_000), "PNG", {}, (156, 156, 156)),
        (gray16(40_000), "TIFF", {}, (156, 156, 156)),
        (gray16(40_000), "PNG", {"transparency": 40_000}, (255, 255, 255)),
        (gray16(40_000), "HEIC", {}, (156, 156, 156)),
        (gray16(40_000, np.int32), "TIFF", {}, (156, 156, 156)),
        (gray16(200, np.int32), "TIFF", {}, (200, 200, 200)),
        (gray16(0.5, np.float32), "TIFF", {}, (128, 128, 128)),
        (gray16(200.0, np.float32), "TIFF", {}, (200, 200, 200)),
        (gray16(np.nan, np.float32), "TIFF", {}, (0, 0, 0)),
    ],
)
def test_modes_are_converted(image, kind, options, expected):
    rgb = decode_image(encode(image, kind, **options))
    assert rgb.shape == (6, 8, 3)
    assert np.abs(rgb.astype(int) - expected).max() <= 2


def test_floating_point_without_a_known_white_is_stretched():
    values = np.array([[-1000.0, 3000.0], [1000.0, np.inf]], np.float32)
    rgb = decode_image(encode(Image.fromarray(np.where(np.isinf(values), 3000, values)), "TIFF"))
    assert rgb[..., 0].tolist() == [[0, 255], [128, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LAB", "F"])
def test_large_pictures_are_converted_piece_by_piece_without_seams(monkeypatch, mode):
    image = picture(60, 50)
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(image, *profiles, outputMode="LAB") if mode == "LAB" else image.convert(mode)
    whole = [to_rgb(image, factor) for factor in (1, 4)]
    monkeypatch.setattr("garbage_core.data.pixel_modes.TILE", 7)
    monkeypatch.setattr("garbage_core.data.pixel_modes.WHOLE", 0)
    assert all(map(np.array_equal, whole, [to_rgb(image, factor) for factor in (1, 4)]))


# Refused files -------------------------------------------------------------------------------------------------------


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("photo.jpg", jpeg())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty (0 bytes)"),
        (bytes(500), "nothing but zero bytes"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
        (b"<svg onload='alert(1)'></svg>", "SVG drawing"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF document"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(40), "a video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  " + bytes(40), "a video"),
        (b"\x1aE\xdf\xa3\x01\0\0\0" + bytes(40), "WebM video"),
        (b"RIFF\0\0\1\0AVI LIST" + bytes(40), "AVI video"),
        (archive(), "ZIP archive"),
        (b"\x1f\x8b\x08" + bytes(40), "not a photo of a known format"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "not a photo of a known format"),
        (b"photo.jpg".ljust(257, b"\0") + b"ustar\0" + bytes(250), "not a photo of a known format"),
        (b"MZ\x90\0" + bytes(200), "not a photo of a known format"),
        (b"\x7fELF\2\1\1" + bytes(200), "not a photo of a known format"),
        (b"#!/bin/sh\nrm -rf ~\n", "a text file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "text file"),
        ("Grüße\n".encode() * 2000, "text file"),
        (b"BMW is a maker of cars", "text file"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(40), "a camera's raw file"),
        (b"8BPS\0\1" + bytes(40), "Photoshop document"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "not a photo of a known format"),
        (b"\x80\x81\x82\x83" * 50, "not a photo of a known format"),
    ],
)
def test_other_files_are_refused_saying_what_they_are(data, found):
    with pytest.raises(GarbageError) as caught:
        decode_image(data, "holiday.jpg")
    message = str(caught.value)
    assert message.startswith("holiday.jpg is ")
    assert found in message
    assert "choose a photo as JPEG" in message


@pytest.mark.parametrize("kind", ACCEPTED_FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off_photos_are_refused(kind, share):
    data = encode(picture(), kind, **({"compression": "tiff_deflate"} if kind == "TIFF" else {}))
    with pytest.raises(GarbageError, match=r"^cut\.jpg is (cut off|damaged)"):
        decode_image(data[: int(share * len(data))], "cut.jpg")
    with pytest.raises(GarbageError, match=r"^cut\.jpg"):
        photo_size(data[: int(share * len(data))], "cut.jpg", verify=True)


def test_too_many_bytes_are_refused():
    with pytest.raises(GarbageError, match=r"^big\.jpg has 25\.0 MB, more than the 25 MB"):
        decode_image(jpeg() + bytes(images.MAX_BYTES), "big.jpg")


def bomb(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that claims any size."""
    data = bytearray(encode(Image.new("L", (8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bomb(10_000, 6_001), "bomb has 10000 x 6001 pixels (60 megapixels), more than the 60 megapixels"),
        (bomb(10_000, 8_000), "bomb has 10000 x 8000 pixels (80 megapixels), more than the 60 megapixels"),
        (bomb(10_000, 10_000), "bomb has far more than the 60 megapixels"),
        (bomb(2**31 - 1, 2**31 - 1), "bomb has far more than the 60 megapixels"),
        (b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", "bomb has far more"),
        (b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 30_000, 30_000, 1, 24, 0) + bytes(20), "bomb has far more"),
        (b"RIFF\x50\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + bytes(60), "bomb "),
    ],
)
@pytest.mark.filterwarnings("error")  # Pillow warns of some bombs and refuses others.
def test_bombs_are_refused_before_they_are_decoded(data, message):
    with pytest.raises(GarbageError) as caught:
        decode_image(data, "bomb")
    assert str(caught.value).startswith(message)


def test_files_built_to_decode_slowly_are_refused(monkeypatch):
    # Thousands of passes over the picture in some kilobytes; an ordinary progressive JPEG has about ten.
    progressive = encode(Image.new("RGB", (1000, 1000)), "JPEG", progressive=True)
    assert decode_image(progressive).shape == (1000, 1000, 3)
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    with pytest.raises(GarbageError, match="decoding it takes too long"):
        decode_image(progressive[:-2] + 1000 * last + progressive[-2:])

    tiles = encode(Image.new("RGB", (100, 3000)), "TIFF", tiffinfo={278: 1})  # one row per strip
    assert decode_image(tiles).shape == (3000, 100, 3)
    monkeypatch.setattr(tiff_directories, "MAX_TILES", 2_000)
    with pytest.raises(GarbageError, match="decoding it takes too long"):
        decode_image(tiles)


@pytest.mark.parametrize(
    "error", [MemoryError(), struct.error("x"), SyntaxError("x"), ZeroDivisionError(), KeyError(1)]
)
def test_whatever_a_decoder_raises_only_one_error_leaves(monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(GarbageError, match=r"^a\.jpg "):
        decode_image(jpeg(), "a.jpg")


def test_names_are_shown_on_one_short_line():
    with pytest.raises(GarbageError) as caught:
        decode_image(b"", "a\nb\x1b[31m" + "c" * 500 + ".jpg")
    assert str(caught.value).startswith("a?b?[31mccc")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
    assert ".jpg is empty" in str(caught.value)


# Size, scale, shape --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "at_least", "shape"),
    [
        ((1600, 1200), (240, 320), (300, 400)),  # a fifth would do, a quarter is what JPEG has
        ((1200, 1600), (240, 320), (400, 300)),  # upright: the same sides
        ((1600, 1200), (1200, 1600), (1200, 1600)),
        ((1600, 1200), (2000, 2000), (1200, 1600)),  # never enlarged
        ((1000, 200), (100, 100), (100, 500)),  # the short side decides
    ],
)
def test_a_jpeg_is_decoded_no_smaller_than_asked(size, at_least, shape):
    image = picture(*size)
    reduced = decode_image(encode(image, "JPEG"), at_least=at_least)
    assert reduced.shape == (*shape, 3)
    assert difference(reduced, np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BOX))) < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_networks_of_several_sizes_share_what_is_decoded_of_a_large_photo(kind, monkeypatch):
    decoded = []
    monkeypatch.setattr(images, "decode_image", lambda *args: decoded.append(args) or decode_image(*args))
    data = encode(picture(2016, 1512), kind)
    file, sizes = PhotoFile(data), [(48, 64), (120, 160), (96, 128)]
    together = [file.prepared(*size) for size in sizes]
    assert len(decoded) == 1
    for photo, size in zip(together, sizes, strict=True):
        np.testing.assert_array_equal(photo, load_photo(data, *size))  # whatever it is read together with


@pytest.mark.parametrize("size", [(2016, 1512), (1500, 2001), (1000, 800)])
def test_a_photo_that_is_shared_has_the_pixels_of_one_decoded_as_small(size):
    data = encode(picture(*size), "JPEG")
    for at_least in ((96, 128), (40, 30), (12, 16)):
        shared, alone = PhotoFile(data).decoded(at_least), decode_image(data, at_least=at_least)
        assert difference(shared, alone) < 1.5


@pytest.mark.parametrize("shape", [(384, 512), (512, 384), (333, 1000), (757, 1009), (100, 130), (2000, 1500)])
def test_two_threads_prepare_the_same_pixels(shape):
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(prepare_photo(rgb, 96, 128, at_once=True), prepare_photo(rgb, 96, 128))


def test_reducing_keeps_rotation_and_mean_color_in_every_format():
    image = picture(320, 240)
    for kind in ("JPEG", "PNG", "WebP", "TIFF", "HEIC"):
        data = encode(image, kind, orientation=6)
        reduced = decode_image(data, at_least=(30, 40))
        assert 40 <= reduced.shape[0] < 80, kind
        assert reduced.shape[0] * 3 == reduced.shape[1] * 4, kind
        assert np.abs(reduced.mean((0, 1)) - decode_image(data).mean((0, 1))).max() < 1.5, kind
        assert photo_size(data) == (240, 320), kind


def test_headers_alone_do_not_tell_that_a_photo_is_cut_off():
    data = encode(picture(), "JPEG")
    assert photo_size(data[:-300]) == (64, 48)
    with pytest.raises(GarbageError, match="cut off"):
        photo_size(data[:-300], verify=True)


@pytest.mark.parametrize(
    ("size", "height", "width", "shape"),
    [
        ((512, 384), 240, 320, (240, 320)),
        ((384, 512), 240, 320, (320, 240)),
        ((512, 384), 320, 240, (240, 320)),  # the order of the target's sides does not matter
        ((320, 240), 240, 320, (240, 320)),
        ((500, 500), 240, 320, (272, 272)),
        ((1920, 1080), 224, 224, (160, 304)),
        ((4000, 500), 224, 224, (160, 320)),  # longer than 2:1: cropped to it
        ((500, 4000), 224, 224, (320, 160)),
        ((1, 1), 64, 64, (64, 64)),
        ((3, 2000), 32, 32, (32, 16)),
        ((64, 48), 16, 16, (16, 16)),
    ],
)
def test_prepared_photos_have_about_the_same_number_of_pixels(size, height, width, shape):
    prepared = prepare_photo(np.asarray(picture(*size)), height, width)
    assert prepared.shape == (*shape, 3)
    assert prepared.dtype == np.uint8
    assert prepared.shape[0] % 16 == prepared.shape[1] % 16 == 0
    assert 0.5 <= prepared.shape[1] / prepared.shape[0] <= 2


def test_photos_of_every_size_can_be_prepared():
    # Among them sizes such as 452x255, at which the crop's edge comes out a hair below zero.
    for width in range(440, 500, 3):
        for height in (255, 256):
            assert prepare_photo(np.zeros((height, width, 3), np.uint8), 240, 320).ndim == 3


@pytest.mark.parametrize("size", [(512, 384), (700, 410), (410, 700), (3000, 1000), (333, 333), (100, 90)])
def test_preparing_squashes_nothing_and_pads_nothing(size):
    across, down = np.meshgrid(np.arange(size[0]) - (size[0] - 1) / 2, np.arange(size[1]) - (size[1] - 1) / 2)
    disc = np.hypot(across, down) < 0.4 * min(size)
    rgb = np.where(disc[..., np.newaxis], 255, 100).astype(np.uint8).repeat(3, axis=2)
    prepared = prepare_photo(rgb, 240, 320)[..., 0]
    seen = prepared > 178
    tall, wide = seen.any(axis=1).sum(), seen.any(axis=0).sum()
    assert abs(int(tall) - int(wide)) <= 2  # a round thing stays round
    assert abs(np.argmax(seen.any(axis=1)) - np.argmax(seen.any(axis=1)[::-1])) <= 1  # and in the middle
    edges = np.concatenate([prepared[0], prepared[-1], prepared[:, 0], prepared[:, -1]])
    assert (edges == 100).all()


def test_shrinking_is_antialiased():
    stripes = np.zeros((960, 1280, 3), np.uint8)
    stripes[:, ::2] = 255
    prepared = prepare_photo(stripes, 240, 320)
    assert prepared[:, 8:-8].min() > 120
    assert prepared[:, 8:-8].max() < 136


def test_loading_is_decoding_and_preparing():
    image = picture(1600, 1200)
    loaded = load_photo(encode(image, "JPEG"), 96, 128)
    assert loaded.shape == (96, 128, 3)
    assert difference(loaded, prepare_photo(np.asarray(image), 96, 128)) < 2
    with pytest.raises(GarbageError, match=r"^x\.png is empty"):
        load_photo(b"", 96, 128, "x.png")


@pytest.mark.parametrize(
    ("size", "height", "width"),
    [
        ((512, 384), 240, 320),
        ((384, 512), 240, 320),
        ((500, 500), 240, 320),
        ((4000, 300), 224, 224),
        ((512, 384), 231, 317),
        ((5, 9), 64, 64),
    ],
)
def test_a_canvas_is_filled_exactly(size, height, width):
    canvas = fit_canvas(np.asarray(picture(*size)), height, width)
    assert canvas.shape == (height, width, 3)
    assert canvas.dtype == np.uint8
    assert canvas.flags.c_contiguous
    assert canvas.flags.writeable


def test_a_canvas_shows_the_middle_of_photos_of_the_other_orientation_and_repeats_the_edge():
    upright = np.asarray(picture(384, 512))
    canvas, prepared = fit_canvas(upright, 240, 320), prepare_photo(upright, 240, 320)
    assert prepared.shape == (320, 240, 3)
    assert np.array_equal(canvas[:, 40:280], prepared[40:280])
    assert np.array_equal(canvas[:, :40], np.repeat(prepared[40:280, :1], 40, axis=1))
    # A square photo is cut above and below and continued to the left and right.
    square = fit_canvas(np.asarray(picture(500, 500)), 240, 320)
    assert np.array_equal(square[:, 0], square[:, 23])
    assert np.array_equal(square[:, -1], square[:, -24])
    assert not np.array_equal(square[:, 24], square[:, 40])


# Robustness ----------------------------------------------------------------------------------------------------------


def test_threads_do_not_swap_photos():
    colors = [(40 * i, 255 - 40 * i, 128) for i in range(6)]
    files = [encode(Image.new("RGB", (90, 60), c), kind) for c in colors for kind in ("JPEG", "PNG", "HEIC", "WebP")]
    with ThreadPoolExecutor(8) as pool:
        decoded = list(pool.map(decode_image, files * 3))
    for place, rgb in enumerate(decoded):
        expected = colors[place % len(files) // 4]
        assert np.abs(rgb.mean((0, 1)) - expected).max() < 4


SEEDS = {kind: encode(picture(24, 16), kind) for kind in ACCEPTED_FORMATS} | {
    "JPEG rotated": encode(picture(24, 16), "JPEG", orientation=6, progressive=True),
    "JPEG CMYK": encode(picture(24, 16).convert("CMYK"), "JPEG"),
    "PNG palette": encode(picture(24, 16).convert("P"), "PNG", transparency=3),
    "PNG 16 bit": encode(gray16(40_000), "PNG"),
    "WebP lossless": encode(picture(24, 16).convert("RGBA"), "WebP", lossless=True, orientation=6),
    "TIFF deflate": encode(picture(24, 16), "TIFF", compression="tiff_deflate"),
    "TIFF float": encode(gray16(0.5, np.float32), "TIFF"),
}


@st.composite
def damage(draw, seed: bytes) -> bytes:
    """A file with some bytes replaced, inserted, removed, or with its end missing."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        # Headers are short and matter most.
        place = draw(st.integers(0, min(len(data), draw(st.sampled_from([64, 300, len(data)])))))
        kind = draw(st.sampled_from(["set", "insert", "remove", "cut"]))
        piece = draw(st.one_of(st.binary(min_size=1, max_size=4), st.just(b"\xff" * 4), st.just(bytes(4))))
        if kind == "set":
            data[place : place + len(piece)] = piece
        elif kind == "insert":
            data[place:place] = piece
        elif kind == "remove":
            del data[place : place + len(piece)]
        else:
            del data[max(place, 1) :]
    return bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow remarks on damaged metadata.
@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_files_are_decoded_or_refused(seed):
    @settings(max_examples=40, deadline=2000, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(damage(SEEDS[seed]), st.sampled_from([None, (8, 12)]))
    def check(data, at_least):
        try:
            rgb = decode_image(data, "photo", at_least)
        except GarbageError:
            return
        assert rgb.dtype == np.uint8
        assert rgb.ndim == 3
        assert rgb.shape[2] == 3
        assert rgb.size

    check()
