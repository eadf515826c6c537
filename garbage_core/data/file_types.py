"""Kinds of files, told by their content alone: names can be wrong, and browsers send HEIC as unknown data.

The signs of the accepted formats are those of their specifications; the few others are there so that a refusal can say
what was uploaded in place of a photo.
"""

import codecs

from garbage_core.utils.text import printable

PHOTO_EXTENSIONS: tuple[str, ...] = (
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "png",
    "webp",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "avif",
    "heic",
    "heif",
    "hif",
)

_PHOTO_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0\x08\0", "TIFF"),  # BigTIFF
    (b"MM\0+\0\x08", "TIFF"),
)
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs")
_AVIF_BRANDS = (b"avif", b"avis")

# What people upload in place of a photo: offset, sign, name.
RAW_FILE = "a camera's raw file"
_OTHER_SIGNS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or an Office document"),
    (0, b"8BPS", "a Photoshop document"),
    (4, b"ftypcrx ", RAW_FILE),
    (0, b"FUJIFILMCCD-RAW", RAW_FILE),
    (0, b"IIRO", RAW_FILE),  # Olympus
    (0, b"IIRS", RAW_FILE),
    (0, b"IIU\0", RAW_FILE),  # Panasonic
    (0, b"FOVb", RAW_FILE),  # Sigma
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (4, b"ftyp", "a video"),
    (4, b"moov", "a video"),
    (4, b"mdat", "a video"),
)


def photo_format(data: bytes) -> str | None:
    """Returns the format of a photo.

    Args:
        data: The file's content, or its first 64 bytes or more.

    Returns:
        "JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF" or "HEIC", or None for anything else.
    """
    head = bytes(data[:64])
    for sign, name in _PHOTO_SIGNS:
        if head.startswith(sign):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if head[4:8] == b"ftyp":
        # The file type box (ISO 14496-12): its size, "ftyp", the main brand, a version, then all brands it fits.
        brands = head[8 : min(max(int.from_bytes(head[:4], "big"), 16), 64)]
        listed = [brands[i : i + 4] for i in range(0, len(brands), 4)]
        for brand in listed:
            if brand in _AVIF_BRANDS:
                return "AVIF"
            if brand in _HEIF_BRANDS:
                return "HEIC"
        if brands[:4] in (b"mif1", b"msf1"):
            return "HEIC"
    return None


def describe(data: bytes) -> str:
    """Says what a file is that is not a photo.

    Args:
        data: The file's content.

    Returns:
        A noun phrase such as "a PDF document" or "empty (0 bytes)".
    """
    if not data:
        return "empty (0 bytes)"
    for offset, sign, name in _OTHER_SIGNS:
        if data[offset : offset + len(sign)] == sign:
            return name
    head = bytes(data[:4096])
    if not any(head):
        return "blank (nothing but zero bytes)"
    markup = head.lower()
    if b"<svg" in markup:
        return "an SVG drawing"
    if b"<html" in markup or b"<!doctype html" in markup:
        return "a web page"
    try:
        # Incremental, because a character may be cut in two at the end of what was read.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "not a photo of a known format"
    return "a text file" if text.isprintable() or set(text) & set("\n\t ") else "not a photo of a known format"


def shown(name: str) -> str:
    """Returns a file's name fit for a sentence: printable, on one line, at most 80 characters."""
    return printable(str(name), 80, tail=27) or "photo"
