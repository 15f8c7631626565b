"""The waterfall for a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from nova_mini.terminal import printable
from nova_mini.waterfall import walk as walks
from nova_mini.waterfall.walk import Span, Walk

NARROWEST = 70  # columns
_COLOURS = {
    walks.API: 36,
    walks.CONDUCTOR: 33,
    walks.SCHEDULER: 35,
    walks.COMPUTE: 32,
    walks.RECOVERY: 31,
}
_RED = 31
_TIMES = 20  # columns of the two times, with the spaces around them


def render(found: Sequence[Walk], width: int, *, colour: bool, ascii_only: bool) -> str:
    """The walks as text of at most ``width`` columns (at least NARROWEST)."""
    page = _Page(max(width, NARROWEST), colour, ascii_only)
    return "\n\n".join("\n".join(page.lines(each)) for each in found)


def milliseconds(time: datetime.timedelta) -> str:
    """``12 ms``, and from ten seconds on ``12.3 s``."""
    seconds = time.total_seconds()
    return f"{seconds:,.1f} s" if seconds >= 10 else f"{seconds * 1000:.0f} ms"


def title(each: Walk) -> str:
    took = milliseconds(each.finish - each.start)
    action = each.action
    return f"{action['action']} of server {action['instance_uuid']}: {each.state} after {took}"


def origin(each: Walk) -> str:
    action = each.action
    return (
        f"{action['start_time']:%Y-%m-%d %H:%M:%S} UTC, request {action['request_id'] or '-'}, "
        f"project {action['project_id'] or '-'}, user {action['user_id'] or '-'}"
    )


class _Page:
    def __init__(self, width: int, colour: bool, ascii_only: bool):
        self._colour = colour
        self._bar, self._cut = ("#", "~") if ascii_only else ("█", "…")
        self._width = width
        self._place = width // 5
        self._bars = max(12, (width - self._place - _TIMES) * 2 // 5)
        self._name = width - self._place - _TIMES - self._bars - 2

    def lines(self, each: Walk) -> Iterator[str]:
        yield self._fit(title(each))
        yield from self._wrapped(origin(each))
        yield ""
        yield self._row("step", "service@host", "at ms", "took ms", "").rstrip()
        for span in each.spans:
            yield self._line(span, each)
        yield ""
        times = [f"{place} {milliseconds(time)}" for place, time in each.places().items()]
        yield from self._wrapped("; ".join(times))
        for span in each.spans:
            if span.details:
                mark = "failed: " if span.failed else ""
                yield from self._wrapped(f"{span.name}: {mark}{span.details}")

    def _line(self, span: Span, each: Walk) -> str:
        whole = (each.finish - each.start).total_seconds() or 1
        end = span.end(each.until)
        at, took = (span.start - each.start).total_seconds(), (end - span.start).total_seconds()
        left = min(int(at / whole * self._bars), self._bars - 1)
        length = max(1, round(took / whole * self._bars))
        bar = " " * left + self._bar * min(length, self._bars - left)
        name = "  " * min(span.depth, self._name // 6) + span.name
        mark = "!" if span.failed else "+" if span.finish is None else ""
        took_text = f"{took * 1000:.0f}{mark}"
        row = self._row(name, walks.place_of(span), f"{at * 1000:.0f}", took_text, "")
        return row + self._painted(bar, _RED if span.failed else _COLOURS.get(span.service))

    def _row(self, name: str, place: str, at: str, took: str, bar: str) -> str:
        name, place = self._fit(name, self._name), self._fit(place, self._place)
        return f"{name:{self._name}} {place:{self._place}} {at:>8} {took:>9}  {bar}"

    def _fit(self, text: str, width: int | None = None) -> str:
        text, width = printable(text), width or self._width
        return text if len(text) <= width else text[: width - 1] + self._cut

    def _wrapped(self, text: str) -> Iterator[str]:
        line = ""
        for word in printable(text.replace("\n", " ")).split(" "):
            while len(word) > self._width:
                yield from [line] if line else []
                line, word = word[: self._width], word[self._width :]
            if line and len(line) + 1 + len(word) > self._width:
                yield line
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield line

    def _painted(self, text: str, colour: int | None) -> str:
        if not self._colour or colour is None:
            return text
        return f"\x1b[{colour}m{text}\x1b[0m"
