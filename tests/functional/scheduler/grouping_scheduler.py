"""A scheduler process that fills server groups, in several threads at once, and deletes some of
their members again.

Run as ``python -m tests.functional.scheduler.grouping_scheduler URL SEED ROUNDS GROUP...``; prints
how many servers it placed.
"""

from __future__ import annotations

import random
import sys
from concurrent import futures

from nova_mini import exception, objects
from nova_mini.conf import CONF
from nova_mini.db import instance_deletion, session
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.db import records
from tests.unit.scheduler import cloud

THREADS = 4
_DELETE = 0.3


def main(url: str, seed: int, rounds: int, groups: list[str]) -> None:
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("connection", url, group="database")
    objects.register_all()
    session.configure(CONF)
    scheduler = SchedulerManager()
    with futures.ThreadPoolExecutor(THREADS) as pool:
        chances = [random.Random(seed + number) for number in range(THREADS)]
        print(sum(pool.map(lambda chance: fill(scheduler, chance, rounds, groups), chances)))


def fill(scheduler: SchedulerManager, chance: random.Random, rounds: int, groups: list[str]) -> int:
    """Request one to three servers of a group, ``rounds`` times. Return how many were placed."""
    join = session.retried(cloud.make_members)
    placed: list[RequestSpec] = []
    count = 0
    for _ in range(rounds):
        group = chance.choice(groups)
        specs = join(group, chance.randint(1, 3), memory_mb=64)
        for spec in specs:
            records.add_server(uuid=spec.instance_uuid, host=None)
        try:
            cloud.select(scheduler, *specs, alternates=1)
        except exception.NoValidHost:
            delete(specs)
        else:
            placed += specs
            count += len(specs)
            if chance.random() < _DELETE:
                delete([placed.pop(chance.randrange(len(placed)))])
    return count


def delete(specs: list[RequestSpec]) -> None:
    for spec in specs:
        session.retried(instance_deletion.destroy)(spec.instance_uuid)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
