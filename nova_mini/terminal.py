"""Text for the terminal of an operator."""

from __future__ import annotations

from typing import TextIO


def printable(text: str) -> str:
    """The text without characters that control a terminal: users choose parts of it."""
    return "".join(each if each.isprintable() else "?" for each in text)


def shows_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "ascii").lower().replace("-", "") == "utf8"
