"""What a drain prints: lines, and a progress bar on a terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest

from nova_mini.cmd.manage_drain import _Screen
from nova_mini.maintenance.drain import Progress

_CLEAR = "\r\x1b[K"


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def _play(screen: _Screen) -> None:
    screen.tell("web (u1): live migration begins")
    screen.show(Progress(moving=1, to_come=1))
    screen.show(Progress(moving=1, to_come=1))
    screen.tell("web\x1b[2J (u1): is on c2 after 1.0 s")
    screen.show(Progress(moved=1, stuck={"u2": ("db", "it is suspended")}))
    screen.close()


def test_lines_without_a_terminal(capsys):
    _play(_Screen("c1"))
    assert capsys.readouterr().out.splitlines() == [
        "web (u1): live migration begins",
        "c1: of 2 servers: 1 moving, 1 to come",
        "web?[2J (u1): is on c2 after 1.0 s",
        "c1: of 2 servers: 1 moved, 1 cannot move",
    ]


@pytest.mark.parametrize("columns", ["120", "40"])
def test_the_bar_is_the_last_line_of_a_terminal(monkeypatch, columns):
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", columns)
    _play(_Screen("c1"))
    shown = terminal.getvalue()
    assert shown.count("\n") == 3 and shown.endswith("\n")
    bars = [part for part in re.split(r"\r\x1b\[K|\n", shown) if part.startswith("c1 [")]
    assert bars[0].startswith("c1 [" + "░" * 20) and "█" * 10 + "░" * 10 in bars[-1]
    assert max(map(len, bars)) < int(columns)
    assert "\x1b" not in shown.replace(_CLEAR, "")
