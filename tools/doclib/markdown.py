"""Parts of Markdown for the generated pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold Markdown of one line."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell(each) for each in line)} |\n" for line in lines)


def cell(text: str) -> str:
    """Text for a cell of a table: in one line, with escaped bars."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def plain(text: str) -> str:
    """Escape text that is not Markdown, so that none of it becomes markup."""
    return re.sub(r"([\\`*_\[\]{}#])", r"\\\1", html.escape(text, quote=False))
