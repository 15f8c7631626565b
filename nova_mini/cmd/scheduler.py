"""nova-mini-scheduler: chooses hosts for servers and claims their resources."""

from __future__ import annotations

from typing import NoReturn

from nova_mini import db, rpc
from nova_mini.conf import CONF
from nova_mini.scheduler.service import SchedulerService
from nova_mini.service import Service, prepare, serve


def main() -> NoReturn:
    prepare()
    db.session.configure(CONF)
    serve([Service("nova-mini-scheduler", rpc.SCHEDULER_TOPIC, CONF.host, SchedulerService)])


if __name__ == "__main__":
    main()
