"""nova-mini-manage: what an operator does to the cloud itself."""

from __future__ import annotations

import argparse
import sys

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log

from nova_mini import db, exception, objects, rpc
from nova_mini.conf import CONF

_DOCTOR = """\
Look for what is stuck, leaked or inconsistent right now.

  database      actions that nobody does, tasks that never end, allocations, ledgers and usages
                that are not the sums, services that are down, servers in ERROR
  hypervisors   guests, files, disks, switch ports and Neutron ports of servers that are gone;
                guests that are not as their records say (every compute that lives is asked)
  neighbours    ports in Neutron and attachments in Cinder of servers that are gone, or missing

To look changes nothing, and what is under way is not told. The cloud mends most of it by itself on
its rounds: --fix does not wait for them."""

_DOCTOR_EXIT = """\
exit status: 0 nothing was found; 1 something was, fixed or not (look again to see what is left);
2 it could not look, because the database does not answer or the configuration is wrong."""

_NOTHING, _FINDINGS, _BLIND = 0, 1, 2


def db_sync() -> int:
    """Bring the tables to this release; nothing to do is fine."""
    db.migration.upgrade(CONF.command.version)
    return 0


def db_version() -> int:
    print(db.migration.current() or "no tables yet")
    return 0


def doctor() -> int:
    """Print what is wrong in the cloud; with --fix, put right what can be."""
    from nova_mini.doctor import examination, finding, report

    options = CONF.command
    objects.register_all()
    try:
        rpc.init()
        findings, looked_at = examination.examine()
        if options.fix:
            finding.fix(findings)
    except (db_exc.DBError, exception.ConfigurationError) as exc:
        print(f"nova-mini-manage doctor: cannot look: {str(exc).splitlines()[0]}", file=sys.stderr)
        return _BLIND
    tell = report.as_json if options.json else report.as_text
    print(tell(findings, looked_at, options.limit))
    return _FINDINGS if findings else _NOTHING


def _add_commands(subparsers) -> None:
    category = subparsers.add_parser("db", help="the database")
    commands = category.add_subparsers(required=True)
    sync = commands.add_parser("sync", help="make or upgrade the tables")
    sync.add_argument("version", nargs="?", default="head")
    sync.set_defaults(action=db_sync)
    version = commands.add_parser("version", help="the release of the tables")
    version.set_defaults(action=db_version)
    _add_doctor(subparsers)


def _add_doctor(subparsers) -> None:
    command = subparsers.add_parser(
        "doctor",
        help="what is stuck, leaked or inconsistent, and --fix",
        description=_DOCTOR,
        epilog=_DOCTOR_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--fix", action="store_true", help="put right what can be")
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument(
        "--limit",
        type=int,
        default=50,
        metavar="N",
        help="findings shown of each kind (%(default)s)",
    )
    command.set_defaults(action=doctor)


def main() -> int:
    log.register_options(CONF)
    rpc.set_defaults()
    CONF.register_cli_opt(cfg.SubCommandOpt("command", title="commands", handler=_add_commands))
    CONF(sys.argv[1:], project="nova-mini")
    log.setup(CONF, "nova-mini")
    db.session.configure(CONF)
    return CONF.command.action()


if __name__ == "__main__":
    sys.exit(main())
