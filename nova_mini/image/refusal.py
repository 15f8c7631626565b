"""Extract the reason from an error response of the image service, to show it to the user."""

from __future__ import annotations

import json
import re

import lxml.etree
import lxml.html
import requests

_MAX_LENGTH = 255
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://\S+")


def reason_of(response: requests.Response | None) -> str:
    """The reason as one line without markup and URLs; empty if the response has none.

    Glance sends a small HTML page or JSON; a proxy may send anything else.
    """
    if response is None:
        return ""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("application/json"):
        text = _of_json(response.text)
    elif kind.startswith("text/html"):
        text = _of_html(response.text)
    else:
        text = response.text if kind.startswith("text/plain") else ""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(_URL.sub("", printable).split())[:_MAX_LENGTH]


def _of_json(text: str) -> str:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    while isinstance(body, dict):
        body = next((body[name] for name in ("error", "message") if name in body), "")
    return body if isinstance(body, str) else ""


def _of_html(text: str) -> str:
    """The text of the page without its heading, which repeats the status."""
    try:
        page = lxml.html.document_fromstring(text.encode())
    except (lxml.etree.ParserError, ValueError):
        return ""
    for node in page.xpath("//head | //h1 | //script | //style"):
        node.drop_tree()
    return page.text_content()
