"""What a first visit of the landing page costs a browser: `python -m benchmarks.app_speed.visit [REPEATS]`.

Prints one JSON document: for every visit the kilobytes over the wire until the page is idle (files as they were sent,
and the messages of the websocket), and the milliseconds to the first contentful paint. Each visit has an empty cache.
Needs Chromium; Playwright drives it.
"""

import contextlib
import json
import sys

from benchmarks.app_speed.server import served
from tests.browser.conftest import FLAGS, chromium_path

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def visits(repeats: int = 3) -> dict[str, list[float]]:
    """Returns kilobytes and milliseconds of each visit, after one that wakes the server."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[float]] = {"kilobytes": [], "paint": []}
    with served() as (_, base), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for turn in range(-1, repeats):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            tab, sizes = context.new_page(), []
            wire = context.new_cdp_session(tab)
            wire.send("Network.enable")
            wire.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
            wire.on(
                "Network.webSocketFrameReceived",
                # Binary frames come as Base64.
                lambda event, sizes=sizes: sizes.append(len(event["response"]["payloadData"]) * 3 / 4),
            )
            tab.goto(base)
            tab.get_by_role("heading", level=1).wait_for()
            tab.wait_for_load_state("networkidle")
            if turn >= 0:
                found["kilobytes"].append(sum(sizes) / 1000)
                found["paint"].append(tab.evaluate(PAINT))
            context.close()
        browser.close()
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        measured = visits(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    json.dump(measured, sys.stdout)
