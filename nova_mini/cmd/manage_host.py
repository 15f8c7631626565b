"""nova-mini-manage host: commands for all servers of a host."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

from nova_mini import db, exception, objects, rpc
from nova_mini.cmd import failures, manage_drain
from nova_mini.conf import CONF
from nova_mini.notifications import watch_instances

_EVACUATE = """\
Start the servers of a host that is down on other hosts.

The compute service of HOST must be down: it has sent no heartbeat for service_down_time seconds, or
was forced down. A conductor fences the host before the first server starts elsewhere: it runs
[conductor] fence_command, and puts the host on Ceph's blocklist. If neither is possible, force the
service down when you know that the host runs no guests:

  openstack --os-compute-api-version 2.53 compute service set --down HOST nova-compute

Servers that are neither ACTIVE nor SHUTOFF nor in ERROR, and servers that move already, stay. The
command may be repeated."""

_EVACUATE_EXIT = """\
exit status: 0 every server is evacuated (without --wait: requested); 1 some servers stay; 2 the
host is up or unknown, or the cloud does not answer."""

_OK, _SOME_STAY = 0, 1
_PAUSE = 1  # seconds between two looks at the migrations


def add(subparsers) -> None:
    category = subparsers.add_parser("host", help="all servers of a host")
    commands = category.add_subparsers(required=True)
    _add_evacuate(commands)
    manage_drain.add(commands)


def _add_evacuate(commands) -> None:
    command = commands.add_parser(
        "evacuate",
        help="start the servers of a dead host elsewhere",
        description=_EVACUATE,
        epilog=_EVACUATE_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("of_host", metavar="HOST")  # "host" is an option of the configuration
    add("--to", metavar="HOST", help="only to this host, if it passes the filters")
    add("--stop", action="store_true", help="leave the servers stopped at their destinations")
    add("--dry-run", action="store_true", help="only list the servers")
    add("--wait", action="store_true", help="wait until every evacuation has ended")
    command.set_defaults(action=evacuate)


@dataclass
class _Row:
    """``outcome``: for the list; ``stays``: whether the server is not evacuated."""

    uuid: str
    name: str
    state: str
    outcome: str = ""
    stays: bool = False


def evacuate() -> int:
    """Evacuate all servers of a host, and print what happens to each."""
    objects.register_all()
    try:
        rpc.init()
        watch_instances()
        return _evacuate(CONF.command)
    except (*failures.EXPECTED, exception.NovaException) as exc:
        print(f"nova-mini-manage host evacuate: {failures.sentence(exc)}", file=sys.stderr)
        return failures.EXIT_STATUS
    finally:
        rpc.cleanup()


def _evacuate(options: argparse.Namespace) -> int:
    # Imported here: the clients of other services take a second, which "db sync" need not wait.
    from nova_mini.context import get_admin_context
    from nova_mini.objects.instance_collection import InstanceList
    from nova_mini.objects.service import Service

    context = get_admin_context()
    service = Service.get_by_host_and_binary(context, options.of_host, "nova-mini-compute")
    if service.is_alive:
        raise exception.ComputeServiceInUse(host=options.of_host)
    servers = InstanceList.get_by_host(context, options.of_host)
    rows = [_Row(each.uuid, each.display_name, each.vm_state) for each in servers]
    if not options.dry_run:
        _request(context, zip(rows, servers, strict=True), options)
        if options.wait:
            _wait(options.of_host, [row for row in rows if not row.stays])
    _print(rows)
    stay = sum(row.stays for row in rows)
    print(f"{len(rows)} servers, of which {stay} stay." if stay else f"{len(rows)} servers.")
    return _SOME_STAY if stay else _OK


def _request(context, servers, options: argparse.Namespace) -> None:
    """``servers``: pairs of a row of the list and an Instance."""
    from nova_mini.compute.api import API
    from nova_mini.compute.requests.evacuate_request import EvacuateRequest

    api, request = API(), EvacuateRequest(host=options.to, stop=options.stop)
    for row, instance in servers:
        try:
            api.evacuate(context, instance, request)
            row.outcome = "requested"
        except (exception.Conflict, exception.Invalid, exception.NotFound) as exc:
            row.outcome, row.stays = f"stays: {exc.format_message()}", True


def _wait(host: str, rows: list[_Row]) -> None:
    """Wait for the end of the evacuations, and print how many have ended."""
    open_, ended = {row.uuid: row for row in rows}, -1
    while open_:
        for found in db.fences.get_newest_evacuations(host, list(open_)):
            if found["status"] in ("done", "completed"):
                open_.pop(found["instance_uuid"]).outcome = f"is on {found['dest_compute']}"
            elif found["status"] == "error":
                row = open_.pop(found["instance_uuid"])
                row.outcome, row.stays = f"stays: {_fault(row.uuid)}", True
        if len(rows) - len(open_) != ended:
            ended = len(rows) - len(open_)
            print(f"{ended} of {len(rows)} evacuations have ended", file=sys.stderr, flush=True)
        if open_:
            time.sleep(_PAUSE)


def _fault(uuid: str) -> str:
    found = db.instance_faults.get_latest_faults([uuid]).get(uuid)
    return found["message"] if found else "see its history"


def _print(rows: list[_Row]) -> None:
    widths = [max([len(getattr(row, name) or "") for row in rows], default=0) for name in _COLUMNS]
    for row in rows:
        cells = [getattr(row, name) or "" for name in _COLUMNS]
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)))


_COLUMNS = ("uuid", "name", "state", "outcome")
