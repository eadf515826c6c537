"""A session of the app as a browser holds one, without the browser: for `benchmarks/soak.py`.

It opens the websocket, speaks Streamlit's messages, and uploads files to the address that the server names for them.
"""

import asyncio
import json
import re
import uuid
from dataclasses import dataclass, field

PATIENCE = 1800.0  # seconds for one answer, when many wait on a slow machine
SWAPPED = "the answer of another session"
HEADER, BARS = "header", " bars: "


@dataclass
class Visitor:
    """A session, as a browser holds one."""

    base: str
    session: str = ""
    said: list[str] = field(default_factory=list)

    async def __aenter__(self) -> "Visitor":
        import websockets

        address = self.base.replace("http", "ws") + "/_stcore/stream"
        self._socket = await websockets.connect(
            address, subprotocols=["streamlit"], max_size=None, open_timeout=PATIENCE, ping_timeout=None
        )
        self._uploader = ""
        self._pages = {}  # hash of each page by its address
        self._kept = {}  # messages that the server may refer to instead of sending them again
        await self._send(rerun_script={})
        await self._finish()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def ask(self, name: str, data: bytes) -> list[str]:
        """Uploads a photo; returns the headings and texts of the page that answers it."""
        import requests

        request = uuid.uuid4().hex
        await self._send(file_urls_request={"request_id": request, "file_names": [name], "session_id": self.session})
        while True:
            message = await self._next()
            if message.WhichOneof("type") == "file_urls_response":
                (place,) = message.file_urls_response.file_urls
                break
        upload = {"files": {"file": (name, data, "image/jpeg")}, "timeout": PATIENCE}
        answer = await asyncio.to_thread(requests.put, self.base + place.upload_url, **upload)
        answer.raise_for_status()
        urls = {"file_id": place.file_id, "upload_url": place.upload_url, "delete_url": place.delete_url}
        file = {"file_id": place.file_id, "name": name, "size": len(data), "file_urls": urls}
        state = {"id": self._uploader, "file_uploader_state_value": {"uploaded_file_info": [file]}}
        await self._send(rerun_script={"widget_states": {"widgets": [state]}})
        await self._finish()
        return self.said

    async def go_to(self, page: str) -> list[str]:
        """Goes on to another page, by its address; returns its headings and texts."""
        await self._send(rerun_script={"page_script_hash": self._pages[page]})
        await self._finish()
        return self.said

    async def _send(self, **parts: dict) -> None:
        from google.protobuf.json_format import ParseDict
        from streamlit.proto.BackMsg_pb2 import BackMsg

        await self._socket.send(ParseDict(parts, BackMsg()).SerializeToString())

    async def _next(self):
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(self._socket.recv(), PATIENCE))
        return message

    async def _finish(self) -> None:
        """Reads messages until the page is complete; keeps its texts, the uploader and the session."""
        self.said = []
        while True:
            message = await self._next()
            if message.WhichOneof("type") == "ref_hash":
                message = self._kept.get(message.ref_hash, message)
            elif message.hash:
                self._kept[message.hash] = message
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.said = []  # a new run of the page
                self.session = message.new_session.initialize.session_id
            elif kind == "navigation":
                self._pages = {one.url_pathname: one.page_script_hash for one in message.navigation.app_pages}
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                match element.WhichOneof("type"):
                    case "heading":
                        title = f"{HEADER}: " if element.heading.tag == "h1" else ""
                        self.said.append(title + element.heading.body)
                    case "markdown":
                        self.said.append(element.markdown.body)
                    case "plotly_chart":
                        bars = json.loads(element.plotly_chart.spec)["data"]
                        if len(bars) == 1 and isinstance(bars[0].get("text"), list):  # not a chart of another page
                            self.said.append(BARS + " ".join(map(str, bars[0]["text"])))
                    case "alert" if element.alert.format in (element.alert.ERROR, element.alert.WARNING):
                        self.said.append(f"error: {element.alert.body}")
                    case "exception":
                        self.said.append(f"error: {element.exception.message}")
                    case "file_uploader":
                        self._uploader = element.file_uploader.id
            elif kind == "script_finished" and message.script_finished == 0:
                return  # all of it ran; a run that was stopped for a newer one is followed by that one


def verdict(said: list[str], expected: dict[str, str], others: list[dict[str, str]]) -> str:
    """Returns "right", or what is wrong with a page that answers a photo."""
    errors = [text for text in said if text.startswith("error: ")]
    if errors:
        return errors[0]
    titles = [text.removeprefix(f"{HEADER}: ") for text in said if text.startswith(f"{HEADER}: ")]
    page, title = {HEADER: titles[0] if titles else ""}, ""
    for place, text in enumerate(said[:-1]):
        if text in expected and re.fullmatch(r"\*\*(.*)\*\*", said[place + 1]):
            page[text], title = said[place + 1][2:-2], text
        if said[place + 1].startswith(BARS):
            page[title + BARS] = said[place + 1]
    if page == expected:
        return "right"
    if any(page == other for other in others):
        return SWAPPED
    return f"lost: the page says {page} instead of {expected}"
