"""A headless Chromium, controlled by the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import websocket

from tests.functional.harness.waiting import until

PROGRAM = "chromium"
_SECONDS = 60
_KEYS = {" ": {"key": " ", "code": "Space"}, "\n": {"key": "Enter", "code": "Enter"}}


class Page:
    """A tab."""

    def __init__(self, url: str):
        self._line = websocket.create_connection(url, _SECONDS, suppress_origin=True)
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: Any) -> dict:
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._line.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def type(self, text: str) -> None:
        """Press keys: letters without shift, blanks and line feeds (Enter)."""
        for letter in text:
            key = _KEYS.get(letter, {"key": letter, "code": f"Key{letter.upper()}"})
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, **key)

    def screenshot(self, path: pathlib.Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def opened(url: str) -> Iterator[Page]:
    """A browser that shows the page of this URL."""
    with tempfile.TemporaryDirectory() as profile:
        argv = [
            PROGRAM,
            "--headless=new",
            "--no-sandbox",  # the tests run as root
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--window-size=1000,700",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        errors = pathlib.Path(profile) / "stderr"
        with errors.open("w") as output:
            process = subprocess.Popen(argv, stdout=output, stderr=output)
        try:
            page = Page(_first_tab(errors))
            page.call("Page.enable")
            page.call("Page.navigate", url=url)
            yield page
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _first_tab(errors: pathlib.Path) -> str:
    """The URL for the control of the first tab. The browser prints its own."""
    found = until(
        "Chromium listens",
        lambda: re.search(r"DevTools listening on (ws://\S+)", errors.read_text()),
        _SECONDS,
    )
    browser = Page(found[1])
    targets = browser.call("Target.getTargets")["targetInfos"]
    tab = next(each["targetId"] for each in targets if each["type"] == "page")
    return re.sub(r"/devtools/.*", f"/devtools/page/{tab}", found[1])
