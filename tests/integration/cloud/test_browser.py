"""A guest's screen in a browser, as a user sees it: ``tools/test --tier browser``."""

from __future__ import annotations

import time

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import chromium, node
from tests.integration.cloud.test_consoles import url_of

SCREENSHOTS = node.STACK / "screenshots"
WORD = "browser"
_CANVAS = "document.querySelector('canvas')"
# Whether anything but black is on the screen of the guest.
_SHOWS_TEXT = (
    f"{_CANVAS}.getContext('2d').getImageData(0, 0, {_CANVAS}.width, {_CANVAS}.height)"
    ".data.some((value, index) => index % 4 < 3 && value > 100)"
)
_SECONDS = 60
_ANSWER_SECONDS = 5


@pytest.mark.browser
def test_a_browser_shows_the_screen_and_types_into_the_guest(cloud, boot):
    guest = boot()
    guest.wait_for_output("GUEST: ready")
    with chromium.opened(url_of(cloud, guest, "vnc", "novnc")) as page:
        connected = "(document.querySelector('#status') || {}).textContent || ''"
        until("noVNC connects", lambda: "Connected" in page.evaluate(connected), _SECONDS)
        until("the screen has text", lambda: page.evaluate(_SHOWS_TEXT), _SECONDS)
        page.screenshot(SCREENSHOTS / "console-before.png")
        page.evaluate(f"{_CANVAS}.focus()")
        page.type("root\n")

        def is_heard() -> bool:
            """What is typed while the shell starts is lost, so it is typed again."""
            page.type(f"say {WORD}\n")  # a program of the guest, which writes to the serial console
            time.sleep(_ANSWER_SECONDS)
            return f"GUEST: {WORD}" in guest.console()

        until("the guest hears the keys", is_heard, _SECONDS)
        page.screenshot(SCREENSHOTS / "console-after.png")
