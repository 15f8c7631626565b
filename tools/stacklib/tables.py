"""Tables of text."""

from collections.abc import Sequence


def render(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows`, of which the first is the heading, with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)
