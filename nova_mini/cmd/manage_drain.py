"""nova-mini-manage host drain, and host restore: the maintenance of a host."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from nova_mini import exception, objects, rpc
from nova_mini.cmd import failures
from nova_mini.conf import CONF
from nova_mini.notifications import watch_instances
from nova_mini.terminal import printable, shows_unicode

if TYPE_CHECKING:
    from nova_mini.maintenance.drain import Progress

_DRAIN = """\
Disable HOST, and move its servers to other hosts: those that run by live migration, those that are
stopped by a migration, which is confirmed at once.

Without --wait, begin as many moves as may run at once, and return; run the command again to go on.
With --wait, go on until no server is left that can move. What was begun goes on when the command is
stopped (Ctrl-C). It may be run again at any time."""

_DRAIN_EXIT = """\
exit status: 0 the host is empty; 1 servers are left that cannot move; 2 the drain was not possible;
3 servers are still moving."""

_RESTORE = """\
Enable HOST again, if a drain has disabled it. Nothing is moved back."""

_RESTORE_EXIT = """\
exit status: 0 the host is enabled; 1 it was disabled for another reason, and still is; 2 not
possible."""

_OK, _LEFT, _IMPOSSIBLE, _MOVING = 0, 1, 2, 3
_PARALLEL = 2


def add(commands) -> None:
    """``commands``: those of ``nova-mini-manage host``."""
    drain_command = _command(commands, "drain", "move all servers away", _DRAIN, _DRAIN_EXIT)
    drain_command.add_argument("--wait", action="store_true", help="until all have moved that can")
    drain_command.add_argument(
        "--parallel",
        type=_positive,
        default=_PARALLEL,
        metavar="N",
        help="how many servers move at once (%(default)s)",
    )
    drain_command.set_defaults(action=drain)
    restore_command = _command(
        commands, "restore", "enable a drained host", _RESTORE, _RESTORE_EXIT
    )
    restore_command.set_defaults(action=restore)


def _command(
    commands, name: str, summary: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("hostname", metavar="HOST", help="as in `openstack compute service list`")
    return command


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def drain() -> int:
    """Move the servers, and print what happens."""
    # Imported late: the clients of Neutron, Cinder and Glance take time to load.
    from nova_mini.maintenance import drain as drains

    options = CONF.command
    objects.register_all()
    screen = _Screen(options.hostname)
    try:
        rpc.init()
        watch_instances()
        one = drains.Drain(options.hostname, options.parallel, screen.tell, screen.show)
        return _end(options.hostname, one.run(wait=options.wait), screen)
    except KeyboardInterrupt:
        screen.tell("stopped; what has begun goes on, and the next run continues the drain")
        return _MOVING
    except drains.Restored:
        screen.tell(f"stopped: {options.hostname} was enabled again")
        return _IMPOSSIBLE
    except drains.HostIsDown:
        return _fail(
            f"{options.hostname} does not report; its servers can only be evacuated", screen
        )
    except (exception.ServiceNotFound, *failures.EXPECTED) as exc:
        return _fail(failures.sentence(exc), screen)
    finally:
        screen.close()
        rpc.cleanup()


def _end(host: str, progress: Progress, screen: _Screen) -> int:
    """Print what is left. Returns the exit status."""
    screen.close()
    if progress.stuck:
        print(f"{len(progress.stuck)} cannot move:")
        for uuid, (name, reason) in progress.stuck.items():
            print(f"  {uuid}  {printable(name)}: {printable(reason)}")
    if not progress.is_over:
        print(f"{host} is not empty yet; run the command again to go on")
        return _MOVING
    if progress.stuck:
        return _LEFT
    print(f"{host} is empty")
    return _OK


def restore() -> int:
    """Enable a host that a drain has disabled."""
    from nova_mini.maintenance import service

    host = CONF.command.hostname
    objects.register_all()
    try:
        changed = service.restore(host)
    except exception.Conflict as exc:
        print(f"nova-mini-manage host: {exc}", file=sys.stderr)
        return _LEFT
    except exception.ServiceNotFound as exc:
        print(f"nova-mini-manage host: {failures.sentence(exc)}", file=sys.stderr)
        return _IMPOSSIBLE
    print(f"{host}: enabled" if changed else f"{host} is enabled already")
    return _OK


def _fail(reason: str, screen: _Screen) -> int:
    screen.close()
    print(f"nova-mini-manage host: {reason}", file=sys.stderr)
    return _IMPOSSIBLE


class _Screen:
    """Lines for what happens and, on a terminal, the progress as the last line."""

    def __init__(self, host: str):
        self._host = host
        self._is_terminal = sys.stdout.isatty()
        self._full, self._empty = ("█", "░") if shows_unicode(sys.stdout) else ("#", ".")
        self._bar = ""
        self._told: tuple[int, ...] = ()

    def tell(self, line: str) -> None:
        self._clear()
        print(printable(line), flush=True)
        self._draw()

    def show(self, progress: Progress) -> None:
        parts = {
            "moved": progress.moved,
            "gone": progress.deleted,
            "moving": progress.moving,
            "waiting": progress.waiting,
            "to come": progress.to_come,
            "cannot move": len(progress.stuck),
        }
        words = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
        line = f"of {progress.total} servers: {words}" if words else "no servers"
        if self._is_terminal:
            self._clear()
            self._bar = f"{self._host} {self._picture(progress)} {line}"
            self._draw()
        elif self._told != tuple(parts.values()):  # only what is new
            self._told = tuple(parts.values())
            print(f"{self._host}: {line}", flush=True)

    def close(self) -> None:
        """Leave the last progress on the screen, as a line of its own."""
        if self._bar:
            print(flush=True)
            self._bar = ""

    def _picture(self, progress: Progress) -> str:
        width = 20
        ended = progress.moved + progress.deleted
        full = round(width * ended / progress.total) if progress.total else width
        return f"[{self._full * full}{self._empty * (width - full)}]"

    def _draw(self) -> None:
        if self._bar:
            columns = shutil.get_terminal_size().columns - 1  # a full line would wrap
            print(printable(self._bar)[:columns], end="", flush=True)

    def _clear(self) -> None:
        if self._bar:
            print("\r\x1b[K", end="")
