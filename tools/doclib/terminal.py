"""A picture of a terminal: an excerpt of the output of `tools/stack demo` as SVG."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

COLUMNS = 128
GAP = ""  # stands for lines that are left out

# The lines of the excerpt, in the order of the output, as patterns. Each pattern selects the first
# matching line after the line of the pattern before.
DEMO = (
    r"^stack: up after",
    r"^\$ openstack server create --image",
    r"^  ACTIVE ",
    r"^  GUEST: boot=1",
    r"^  GUEST: root grown",
    r"^  GUEST: ssh ready",
    r"^3 packets transmitted",
    r"^\$ ssh .*uname -r",
    r"^demo-",
    r"^[\d.]+ [\d.]+$",
    r"^\d+\.\d+\.\d+-",
    r"^how the build went:",
    r"^  step  ",
    r"^  conductor_schedule_and_build_instances",
    r"^ .*select_destinations ",
    r"^  compute_build_and_run_instance",
    r"^ .*instance_claim ",
    r"^ .*allocate_for_instance ",
    r"^ .*LibvirtDriver\.spawn ",
    r"^ .*_create_image ",
    r"^ .*Rbd\.clone ",
    r"^ .*_create_domain_and_network ",
    r"^ .*_create_guest ",
    r"^ .*wait_for_instance_event ",
    r"^\$ openstack server add volume",
    r"^  GUEST: hotplug add",
    r"^\$ openstack server delete",
    r"^left of it:",
    r"^  domains ",
    r"^  ports ",
    r"^  volumes ",
    r"^all of it took",
)

_CHARACTER, _LINE, _GAP = 7.8, 18, 8  # pixels
_LEFT, _TOP = 16, 50
_COLOURS = {"command": "#8bd5a0", "guest": "#f2cd7c", "text": "#cdd6f4"}
_PROMPTS = ("$ ", "# ")
_NOTE = "An excerpt of real output: at each space between two lines, lines are left out."


def excerpt(output: str, patterns: Sequence[str] = DEMO) -> list[str]:
    """The lines of ``output`` that match the patterns; a line with GAP replaces the lines between.

    Raises ValueError when a pattern finds no line after the line of the pattern before.
    """
    lines = output.splitlines()
    shown: list[str] = []
    at = -1
    for pattern in patterns:
        found = _find(lines, pattern, at + 1)
        if any(line.strip() for line in lines[at + 1 : found]):
            shown.append(GAP)
        shown.append(lines[found])
        at = found
    return shown


def _find(lines: Sequence[str], pattern: str, first: int) -> int:
    for number in range(first, len(lines)):
        if re.search(pattern, lines[number]):
            return number
    raise ValueError(f"no line after line {first} of the output matches {pattern!r}")


def picture(command: str, shown: Iterable[str]) -> str:
    """An SVG of a terminal with ``command`` as the input and ``shown`` as the output."""
    texts, y = [], _TOP
    for row in [row for line in [f"# {command}", *shown] for row in _rows(line)]:
        if row != GAP:
            texts.append(_text(row, y, _COLOURS[_kind(row)]))
        y += _GAP if row == GAP else _LINE
    texts.append(_text(_NOTE, y + _GAP, "#7f849c"))
    width, height = round(COLUMNS * _CHARACTER + 2 * _LEFT), y + 2 * _LINE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">',
            f"  <title>{escape(command)}</title>",
            f'  <rect width="{width}" height="{height}" rx="10" fill="#1e1e2e"/>',
            '  <circle cx="22" cy="20" r="6" fill="#f38ba8"/>',
            '  <circle cx="42" cy="20" r="6" fill="#f9e2af"/>',
            '  <circle cx="62" cy="20" r="6" fill="#a6e3a1"/>',
            *texts,
            "</svg>\n",
        ]
    )


def _text(row: str, y: int, colour: str) -> str:
    return f'  <text x="{_LEFT}" y="{y}" xml:space="preserve" fill="{colour}">{escape(row)}</text>'


def _rows(line: str) -> list[str]:
    """The rows of a line: a command is wrapped, as by a terminal; another long line is cut."""
    if line.startswith(_PROMPTS):
        return textwrap.wrap(line, COLUMNS, subsequent_indent="    ", break_on_hyphens=False)
    return [line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"]


def _kind(row: str) -> str:
    if row.startswith(_PROMPTS):
        return "command"
    return "guest" if row.startswith("  GUEST:") else "text"
