"""nova-mini-manage: the administration commands."""

from __future__ import annotations

import argparse
import datetime
import sys

from oslo_config import cfg
from oslo_log import log

from nova_mini import db, objects, rpc
from nova_mini.cmd import failures, manage_host, manage_trace
from nova_mini.conf import CONF

_DOCTOR = """\
Find what is stuck, leaked or inconsistent now.

  database           actions without an owner, task states without an action, wrong allocations,
                     ledgers and usages, services that are down, servers in ERROR
  hypervisors        guests, files, disks, switch ports and Neutron ports of deleted servers;
                     guests whose state differs from their records (checks all running computes)
  external services  ports in Neutron, attachments in Cinder and unfinished images in Glance of
                     deleted servers; missing ports and attachments

Without --fix nothing is changed. Running operations are not reported. The periodic tasks of the
cloud repair most findings by themselves; --fix repairs them now."""

_PURGE = """\
Remove the rows of servers that were deleted before DATE, and all rows that belong to them:
actions and their events, faults, disks, tags, request specs.

Usage reports, lists with changes-since and the history of actions do not show these servers
afterwards: export first what your billing needs. There are no shadow tables, and so no
archive_deleted_rows: use a dump of the database as an archive.

A server is kept while it has an allocation or an unfinished action, or while its host was not seen
since its deletion: run the command again later. It may be stopped at any time, and may run while
the services run."""

_DOCTOR_EXIT = """\
exit status: 0 nothing was found; 1 something was found, fixed or not (run it again to see what is
left); 2 the check was not possible: the database does not answer or the configuration is wrong."""

_OK, _FINDINGS, _NO_SERVERS = 0, 1, 3


def db_sync() -> int:
    """Upgrade the tables to this release. Idempotent."""
    db.migration.upgrade(CONF.command.version)
    return 0


def db_version() -> int:
    print(db.migration.current() or "no tables yet")
    return 0


def db_purge() -> int:
    """Remove the rows of servers that were deleted before a time.

    Return 0 when there were such servers, 3 when there were none, as Nova's command does.
    """
    options = CONF.command
    if options.dry_run:
        found = db.purge.count(options.before)
        print(f"{found} deleted servers would be purged.")
        return _OK if found else _NO_SERVERS
    count = 0
    for removed in db.purge.purge(options.before):
        count += removed
        if options.verbose:
            print(f"{count} servers purged so far", flush=True)
    print(f"{count} deleted servers were purged.")
    return _OK if count else _NO_SERVERS


def _time(text: str) -> datetime.datetime:
    """A date or time in ISO 8601; UTC if it has no time zone. Raises ValueError."""
    time = datetime.datetime.fromisoformat(text)
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def doctor() -> int:
    """Print what is wrong in the cloud; with --fix, fix what can be fixed."""
    from nova_mini.doctor import audit, finding, report

    options = CONF.command
    objects.register_all()
    try:
        rpc.init()
        findings, checked = audit.audit()
        if options.fix:
            finding.fix(findings)
    except failures.EXPECTED as exc:
        reason = failures.sentence(exc)
        print(f"nova-mini-manage doctor: cannot check the cloud: {reason}", file=sys.stderr)
        return failures.EXIT_STATUS
    finally:
        rpc.cleanup()
    format_report = report.as_json if options.json else report.as_text
    print(format_report(findings, checked, options.limit))
    return _FINDINGS if findings else _OK


def _add_commands(subparsers) -> None:
    category = subparsers.add_parser("db", help="the database")
    commands = category.add_subparsers(required=True)
    sync = commands.add_parser("sync", help="create or upgrade the tables")
    sync.add_argument("version", nargs="?", default="head")
    sync.set_defaults(action=db_sync)
    version = commands.add_parser("version", help="show the revision of the tables")
    version.set_defaults(action=db_version)
    _add_purge(commands)
    _add_doctor(subparsers)
    manage_trace.add(subparsers)
    manage_host.add(subparsers)


def _add_purge(commands) -> None:
    command = commands.add_parser(
        "purge",
        help="remove the rows of servers that were deleted long ago",
        description=_PURGE,
        epilog="exit status: 0 servers were purged; 3 there were none.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add(
        "--before", type=_time, required=True, metavar="DATE", help="2026-01-31 or with a time, UTC"
    )
    add("--dry-run", action="store_true", help="only print how many servers would be removed")
    add("--verbose", action="store_true", help="print the progress after each transaction")
    command.set_defaults(action=db_purge)


def _add_doctor(subparsers) -> None:
    command = subparsers.add_parser(
        "doctor",
        help="find (and fix) what is stuck, leaked or inconsistent",
        description=_DOCTOR,
        epilog=_DOCTOR_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--fix", action="store_true", help="fix what can be fixed")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--limit",
        type=int,
        default=50,
        metavar="N",
        help="how many findings of each kind are shown (%(default)s)",
    )
    command.set_defaults(action=doctor)


def main() -> int:
    log.register_options(CONF)
    rpc.set_defaults()
    CONF.register_cli_opt(cfg.SubCommandOpt("command", title="commands", handler=_add_commands))
    try:
        CONF(sys.argv[1:], project="nova-mini")
        log.setup(CONF, "nova-mini")
        failures.silence_retries()
        db.session.configure(CONF)
        return CONF.command.action()
    except failures.EXPECTED as exc:
        print(f"nova-mini-manage: {failures.sentence(exc)}", file=sys.stderr)
        return failures.EXIT_STATUS


if __name__ == "__main__":
    sys.exit(main())
