"""Horizon's pages: what a user clicks, writes and reads there."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.chromium import Page

SECONDS = 60
_WIDTH, _HEIGHT = 1280, 1000  # pixels
_PAUSE = 0.2

# Functions for all expressions. An element that is not shown does not count, except for the items
# of closed menus, which `press` finds by their id.
_LIBRARY = """
window.shown = (selector, text) => [...document.querySelectorAll(selector)].find(
    each => each.getClientRects().length && each.innerText.includes(text || ''));
window.press = (element) => Boolean(element) && (element.click(), true);
window.put = (element, value) => {
    if (!element) return false;
    element.value = value;
    for (const kind of ['input', 'change'])
        element.dispatchEvent(new Event(kind, {bubbles: true}));
    return true;
};
window.choose = (select, text) => {
    const option = select && [...select.options].find(each => each.text.includes(text));
    return Boolean(option) && put(select, option.value);
};
window.cell = (row, title) => {
    const heads = [...row.closest('table').querySelectorAll('thead tr:last-child th')];
    const index = heads.findIndex(each => each.innerText.trim() == title);
    return index < 0 ? null : row.cells[index].innerText.trim();
};
"""


class Dashboard:
    """A browser that shows Horizon."""

    def __init__(self, page: Page, url: str, screenshots: pathlib.Path):
        self._page = page
        self._url = url
        self._screenshots = screenshots
        self._failures = 0
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=_WIDTH,
            height=_HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )
        page.call("Page.addScriptToEvaluateOnNewDocument", source=_LIBRARY)

    def visit(self, path: str) -> None:
        """Open a page by its path or whole URL, and wait until it is loaded."""
        self._page.evaluate("window.old = true")
        url = path if path.startswith("http") else self._url + path
        self._page.call("Page.navigate", url=url)
        self.wait("the page is loaded", "!window.old && document.readyState == 'complete'")

    def log_in(self, user: str, password: str) -> None:
        """Log in with the form."""
        self.visit("/auth/login/")
        self.fill("#id_username", user)
        self.fill("#id_password", password)
        self.press("#loginBtn")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript."""
        return self._page.evaluate(expression)

    def wait(self, description: str, expression: str, seconds: float = SECONDS) -> Any:
        """Wait until the expression is true, and return it. A failure leaves a screenshot."""
        try:
            return until(description, lambda: self.evaluate(expression), seconds, _PAUSE)
        except AssertionError:
            self._failures += 1
            self.screenshot(f"failure-{self._failures}")
            raise

    def wait_for(self, selector: str, text: str = "") -> None:
        """Wait until an element with the text is shown."""
        self.wait(f"{selector} {text} is shown", f"Boolean({_shown(selector, text)})")

    def wait_without(self, selector: str, text: str = "") -> None:
        """Wait until no element with the text is shown."""
        self.wait(f"{selector} {text} is gone", f"!{_shown(selector, text)}")

    def press(self, selector: str, text: str = "") -> None:
        """Click an element when it is shown."""
        self.wait(f"{selector} {text} can be clicked", f"press({_shown(selector, text)})")

    def fill(self, selector: str, value: str) -> None:
        """Write into a field when it is shown."""
        self.wait(f"{selector} can be filled", f"put({_shown(selector)}, {json.dumps(value)})")

    def choose(self, selector: str, text: str) -> None:
        """Choose the option of a select that has the text. Horizon hides selects behind menus."""
        select = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{text} can be chosen", f"choose({select}, {json.dumps(text)})")

    def text(self, selector: str = "body") -> str:
        """Return the text of an element."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def complaints(self) -> list[str]:
        """Return the errors that Horizon shows."""
        found = "[...document.querySelectorAll('.alert-danger')].map(each => each.innerText.trim())"
        return [text for text in self.evaluate(found) if text]

    def confirm(self) -> None:
        """Press the button of the dialog, and wait until it is closed."""
        self.press(".modal .modal-footer .btn-primary, .modal .modal-footer .btn-danger")
        self.wait_without(".modal .modal-footer")

    def row(self, name: str) -> str:
        """Return the expression of the row of a table with this name."""
        return f"document.querySelector('tr[data-display={json.dumps(name)}]')"

    def wait_for_cell(self, name: str, title: str, *values: str, seconds: float = SECONDS) -> str:
        """Wait until the cell below the title, in the row of the name, has one of the values."""
        row = self.row(name)
        expression = f"{row} && {json.dumps(values)}.find(text => text == cell({row}, '{title}'))"
        return self.wait(f"{title} of {name} is {' or '.join(values)}", expression, seconds)

    def press_in_row(self, name: str, action: str) -> None:
        """Choose an action of the menu in a row."""
        item = f"[...{self.row(name)}.querySelectorAll('[id$=__action_{action}]')].pop()"
        self.wait(f"{action} of {name}", f"{self.row(name)} && press({item})")

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page."""
        self._page.screenshot(self._screenshots / f"{name}.png")


def _shown(selector: str, text: str = "") -> str:
    return f"shown({json.dumps(selector)}, {json.dumps(text)})"
