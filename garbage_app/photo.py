"""A photo that a page works on."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from garbage_core.data.images import Owner, PhotoFile, prepare_photo

PREVIEW = (480, 640)  # height and width in pixels that a photo is shown with, and most networks want it decoded to


@dataclass(frozen=True)
class Photo:
    """A photo to classify or to explain.

    Attributes:
        name: File name, as the reader knows it.
        data: Content of the file.
        digest: SHA-256 of the content; equal content gets equal predictions, whatever its name.
        label: True class, where that is known.
        note: What is said about it, as Markdown.
        private: Whether it is the reader's own: what is made of it is then cached for this session alone, and dropped
            with the page.
    """

    name: str
    data: bytes
    digest: str
    label: str | None = None
    note: str = ""
    private: bool = False

    @cached_property
    def file(self) -> PhotoFile:
        """The file, decoded once for all that one run of the page does with it; goes with the run."""
        return PhotoFile(self.data, self.name, owner_of_session())


def owner_of_session() -> Owner:
    """Returns in whose name this session's photos wait to be decoded, so that they let those of others pass."""
    return st.session_state.setdefault("owner", Owner())


def photo_of(name: str, data: bytes, label: str | None = None, *, note: str = "", private: bool = False) -> Photo:
    """Makes a `Photo` from the content of a file; arguments as its attributes."""
    return Photo(name, data, hashlib.sha256(data).hexdigest(), label, note, private)


def preview_of(photo: Photo) -> np.ndarray:
    """Returns the photo as shown, uint8 of shape (h, w, 3); the session holds the last one. Raises GarbageError."""
    digest, preview = st.session_state.get("preview", (None, None))
    if digest != photo.digest:
        preview = prepare_photo(photo.file.decoded(PREVIEW), *PREVIEW)
        st.session_state["preview"] = photo.digest, preview
    return preview
