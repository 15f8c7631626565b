"""nova-mini-manage: what an operator does to the cloud itself."""

from __future__ import annotations

import sys

from oslo_config import cfg
from oslo_log import log

from nova_mini import db, rpc
from nova_mini.conf import CONF


def db_sync() -> int:
    """Bring the tables to this release; nothing to do is fine."""
    db.migration.upgrade(CONF.command.version)
    return 0


def db_version() -> int:
    print(db.migration.current() or "no tables yet")
    return 0


def _add_commands(subparsers) -> None:
    category = subparsers.add_parser("db", help="the database")
    commands = category.add_subparsers(required=True)
    sync = commands.add_parser("sync", help="make or upgrade the tables")
    sync.add_argument("version", nargs="?", default="head")
    sync.set_defaults(action=db_sync)
    version = commands.add_parser("version", help="the release of the tables")
    version.set_defaults(action=db_version)


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
