"""nova-mini-conductor: database access for the computes, and tasks that involve several
services."""

from __future__ import annotations

from typing import NoReturn

from nova_mini import db, rpc
from nova_mini.conductor.service import ConductorService
from nova_mini.conf import CONF
from nova_mini.notifications import watch_instances
from nova_mini.service import Service, prepare, serve


def main() -> NoReturn:
    prepare()
    db.session.configure(CONF)
    watch_instances()
    serve([Service("nova-mini-conductor", rpc.CONDUCTOR_TOPIC, CONF.host, ConductorService)])


if __name__ == "__main__":
    main()
