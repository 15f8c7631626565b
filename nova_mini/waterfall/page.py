"""The waterfall as one HTML page, which needs nothing else: styles and pictures are inside.

All texts of the history are escaped: users choose some of them, and the page is opened in the
browser of an administrator. The page forbids scripts and requests by a policy of its own.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterator, Sequence

from nova_mini.terminal import printable
from nova_mini.waterfall import text
from nova_mini.waterfall import walk as walks
from nova_mini.waterfall.walk import Span, Walk

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_COLOURS = {
    walks.API: "#3b82c4",
    walks.CONDUCTOR: "#c98a1b",
    walks.SCHEDULER: "#9b59b6",
    walks.COMPUTE: "#3a9d5d",
    walks.RECOVERY: "#7f8c8d",
}
_OTHER, _FAILED = "#7f8c8d", "#d64545"

# Of the pictures, in pixels.
_NAMES, _PLACES, _BARS, _TIMES = 400, 190, 620, 90
_WIDTH = _NAMES + _PLACES + _BARS + _TIMES
_ROW, _TOP, _INDENT = 20, 30, 12
_CHARACTER = 7.3  # the width of one, in the font of the pictures

_STYLE = """
:root { color-scheme: light dark; --text: #1d2733; --ground: #ffffff; --line: #d5dbe1; }
@media (prefers-color-scheme: dark) {
  :root { --text: #d8dee6; --ground: #161b21; --line: #38424d; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground);
       max-width: 1340px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 0; }
p { margin: .3rem 0; } table { border-collapse: collapse; }
td, th { text-align: left; padding: .1rem 1rem .1rem 0; vertical-align: top; }
td.number { text-align: right; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--text); }
svg line { stroke: var(--line); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.failed { color: #d64545; }
"""


def render(found: Sequence[Walk], subject: str) -> str:
    """The page. ``subject``: the server or the request that was asked for."""
    head = _escape(f"Walk of {subject}")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{head}</title><style>{_STYLE}</style></head>",
            f"<body><h1>{head}</h1>",
            f"<p>{_legend()}</p>",
            *(line for each in found for line in _section(each)),
            "</body></html>\n",
        ]
    )


def _section(each: Walk) -> Iterator[str]:
    failed = ' class="failed"' if each.state == "failed" else ""
    yield f"<h2{failed}>{_escape(text.title(each))}</h2>"
    yield f"<p>{_escape(text.origin(each))}</p>"
    yield from _picture(each)
    yield "<table><tr><th>service</th><th>worked</th></tr>"
    for place, time in each.places().items():
        took = _escape(text.milliseconds(time))
        yield f'<tr><td>{_escape(place)}</td><td class="number">{took}</td></tr>'
    yield "</table>"
    for span in each.spans:
        if span.details:
            failed = ' class="failed"' if span.failed else ""
            yield f"<details><summary{failed}>{_escape(span.name)}</summary>"
            yield f"<pre>{_escape(span.details, lines=True)}</pre></details>"


def _legend() -> str:
    known = [f'<b style="color:{_COLOURS[name]}">&#9632;</b> {name}' for name in walks.SERVICES]
    failed = f'<b style="color:{_FAILED}">&#9632;</b> failed'
    return " &nbsp; ".join([*known, failed])


def _picture(each: Walk) -> Iterator[str]:
    height = _TOP + _ROW * len(each.spans) + 6
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{_escape(text.title(each))}">'
    )
    yield from _axis(each, height)
    for number, span in enumerate(each.spans):
        yield from _row(span, each, _TOP + _ROW * number)
    yield "</svg>"


def _axis(each: Walk, height: int) -> Iterator[str]:
    whole = each.finish - each.start
    for quarter in range(5):
        x = _NAMES + _PLACES + _BARS * quarter / 4
        yield f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height}"/>'
        label = _escape(text.milliseconds(whole * quarter / 4))
        yield f'<text x="{x:.1f}" y="{_TOP - 14}" text-anchor="middle">{label}</text>'


def _row(span: Span, each: Walk, y: int) -> Iterator[str]:
    whole = (each.finish - each.start) or datetime.timedelta(microseconds=1)
    end = span.end(each.until)
    x = _NAMES + _PLACES + _BARS * ((span.start - each.start) / whole)
    width = max(2.0, _BARS * ((end - span.start) / whole))
    took = text.milliseconds(end - span.start)
    colour = _FAILED if span.failed else _COLOURS.get(span.service, _OTHER)
    indent = min(span.depth * _INDENT, _NAMES // 3)
    name = _cut(span.name, _NAMES - indent)
    place = _cut(walks.place_of(span), _PLACES)
    hover = f"{span.name} at {walks.place_of(span)}: {took}"
    state = "" if span.finish else ", still running"
    opacity = 0.9 if span.depth == 0 else 0.6
    yield f"<g><title>{_escape(hover + state)}</title>"
    yield f'<text x="{indent}" y="{y + 13}">{_escape(name)}</text>'
    yield f'<text x="{_NAMES}" y="{y + 13}">{_escape(place)}</text>'
    yield (
        f'<rect x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 6}" rx="2" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
    )
    after = f"{took}{'' if span.finish else ' …'}"
    yield f'<text x="{min(x + width + 4, _WIDTH - _TIMES):.1f}" y="{y + 13}">{after}</text></g>'


def _cut(name: str, width: float) -> str:
    most = int(width / _CHARACTER) - 1
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _escape(value: str, *, lines: bool = False) -> str:
    """Text for HTML and SVG, also inside of attributes. ``lines``: keep the ends of lines."""
    parts = value.splitlines() if lines else [value]
    return html.escape("\n".join(map(printable, parts)), quote=True)
