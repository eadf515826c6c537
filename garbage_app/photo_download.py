"""Fetches the data set's photos in the background, once per server; pages that lack them fill when they are here.

`GARBAGE_DOWNLOAD=0` leaves it to the reader, and so does `GARBAGE_DATA`, which says that the photos are elsewhere.
"""

import os
import threading

import streamlit as st

from garbage_core.errors import GarbageError
from garbage_core.utils.text import escape

SIZE = "43 MB"
AT_ONCE = 0.5  # seconds in which a download that cannot even begin has failed


class Download:
    """A download of the data set that runs in a thread.

    Attributes:
        received: Bytes that have arrived.
        total: Bytes in all; 0 as long as that is not known.
        error: Why the last attempt failed, in one sentence, or None.
    """

    def __init__(self) -> None:
        """Begins nothing yet."""
        self.received = self.total = 0
        self.error: str | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def was_tried(self) -> bool:
        """Whether it was ever begun."""
        return self._thread is not None

    def start(self, wait: float = 0.0) -> None:
        """Begins, unless it is under way, and waits for so many seconds at most."""
        with self._lock:
            if not self.is_running:
                self.received, self.total, self.error = 0, 0, None
                self._thread = threading.Thread(target=self._run, name="download-photos", daemon=True)
                self._thread.start()
            thread = self._thread
        if wait and thread is not None:
            thread.join(wait)

    def _run(self) -> None:
        from garbage_core.data import dataset

        try:
            dataset.download_dataset(progress=self._report)
        except GarbageError as error:
            self.error = str(error)

    def _report(self, received: int, total: int) -> None:
        self.received, self.total = received, total


DOWNLOAD = Download()


def start_download() -> None:
    """Begins the download if the photos are not on this machine; once per server, and not if it is switched off."""
    if DOWNLOAD.was_tried or os.environ.get("GARBAGE_DOWNLOAD") == "0" or os.environ.get("GARBAGE_DATA"):
        return
    from garbage_core.data.dataset import find_dataset

    try:
        find_dataset()
    except GarbageError:
        DOWNLOAD.start()


def write_download() -> None:
    """Writes one line: how far the download is, or why it failed and a button that begins it."""
    if DOWNLOAD.is_running:
        _write_progress()
        return
    if DOWNLOAD.error:
        st.caption(f":material/cloud_off: {escape(DOWNLOAD.error, 500)}")
    st.button(
        "Try again" if DOWNLOAD.error else f"Download the photos, {SIZE}",
        icon=":material/download:",
        key="download_photos",
        on_click=lambda: DOWNLOAD.start(AT_ONCE),
    )


@st.fragment(run_every=1)
def _write_progress() -> None:
    if not DOWNLOAD.is_running:
        st.rerun()
    received, total = DOWNLOAD.received, DOWNLOAD.total
    if total and received >= total:
        st.progress(1.0, "The photos have arrived and are being checked")
    elif total:
        st.progress(received / total, f"Fetching TrashNet's photos: {received / 1e6:.0f} of {total / 1e6:.0f} MB")
    else:
        st.progress(0.0, f"Fetching TrashNet's photos, {SIZE}")
