"""nova-mini-manage trace: the walk of a request through the services."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import sys
from collections.abc import Sequence

from oslo_utils import uuidutils

from nova_mini.conf import CONF
from nova_mini.terminal import shows_unicode
from nova_mini.waterfall import page, text, walk

_DESCRIPTION = """\
Show how a request walked through api, conductor, scheduler and computes: each step with its
service, its start and its duration. The steps are those of the history of the server, which is
kept until the server is purged.

The times are those of the clocks of the hosts: steps of different hosts fit together as well as
these clocks do. A step marked ! has failed, one marked + still runs."""

_EXIT = "exit status: 0 shown; 1 there is no such server or request; 2 it could not be shown."

_OK, _NOTHING, _FAILED = 0, 1, 2
_OF_REQUEST = 20  # a request may have begun 1,000 servers
_NARROW = 80  # columns, if the output is not a terminal and COLUMNS is not set


def add(subparsers) -> None:
    command = subparsers.add_parser(
        "trace",
        help="show the walk of a request through the services",
        description=_DESCRIPTION,
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "subject", metavar="SERVER|REQUEST", help="the UUID of a server, or an id as req-..."
    )
    command.add_argument(
        "--last",
        type=_count,
        metavar="N",
        help=f"the N newest requests of a server (default: 1), or the first N servers of a request "
        f"(default: {_OF_REQUEST}); 0: all",
    )
    command.add_argument(
        "--html", type=pathlib.Path, metavar="FILE", help="write one self-contained page instead"
    )
    command.set_defaults(action=trace)


def _count(word: str) -> int:
    number = int(word)
    if number < 0:
        raise ValueError(word)
    return number


def trace() -> int:
    """Print the waterfall, or write it as a page."""
    options = CONF.command
    subject = options.subject
    if subject.startswith("req-"):
        found = walk.of_request(subject, _limit(options.last, _OF_REQUEST))
    elif uuidutils.is_uuid_like(subject):
        found = walk.of_server(str(subject).lower(), _limit(options.last, 1))
    else:
        return _say(
            f"{subject!r} is not the UUID of a server or an id of a request (req-...)", _FAILED
        )
    if not found:
        return _say(f"{subject} has no history: it does not exist, or was purged", _NOTHING)
    return _write(options.html, found, subject) if options.html else _print(found)


def _limit(given: int | None, default: int) -> int | None:
    return default if given is None else given or None


def _print(found: Sequence[walk.Walk]) -> int:
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((_NARROW, 24)).columns if is_terminal else _columns()
    colour = is_terminal and not os.environ.get("NO_COLOR")
    print(text.render(found, width, colour=colour, ascii_only=not shows_unicode(sys.stdout)))
    return _OK


def _columns() -> int:
    word = os.environ.get("COLUMNS", "")
    return int(word) if word.isdecimal() else _NARROW


def _write(path: pathlib.Path, found: Sequence[walk.Walk], subject: str) -> int:
    try:
        path.write_text(page.render(found, subject), encoding="utf-8")
    except OSError as exc:
        return _say(f"could not write {path}: {exc.strerror}", _FAILED)
    print(f"{path}: {len(found)} shown")
    return _OK


def _say(problem: str, status: int) -> int:
    print(f"nova-mini-manage trace: {problem}", file=sys.stderr)
    return status
