"""A scheduler process that places servers in several concurrent threads until the hosts are full.

Run as ``python -m tests.functional.scheduler.greedy_scheduler URL SEED``. It prints the uuids of
the servers that it has placed, one in each line.
"""

from __future__ import annotations

import random
import sys
from concurrent import futures

from nova_mini import exception, objects
from nova_mini.conf import CONF
from nova_mini.db import allocations, session
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.scheduler.cloud import make_spec, select

THREADS = 4
_GIVE_BACK = 0.1


def main(url: str, seed: int) -> None:
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("connection", url, group="database")
    objects.register_all()
    session.configure(CONF)
    scheduler = SchedulerManager()
    with futures.ThreadPoolExecutor(THREADS) as pool:
        for placed in pool.map(lambda n: place(scheduler, random.Random(seed + n)), range(THREADS)):
            print("\n".join(placed), flush=True)


def place(scheduler: SchedulerManager, chance: random.Random) -> list[str]:
    """Place one to five servers at a time, then single ones; delete a server at times."""
    placed: list[str] = []
    largest = 5
    while True:
        specs = [
            make_spec(vcpus=1, memory_mb=64, local_gb=1) for _ in range(chance.randint(1, largest))
        ]
        try:
            select(scheduler, *specs, alternates=2)
        except exception.NoValidHost:
            if len(specs) == 1:
                return placed
            largest = 1
        else:
            placed += [spec.instance_uuid for spec in specs]
            if chance.random() < _GIVE_BACK:
                allocations.release(placed.pop(chance.randrange(len(placed))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
