"""Servers that are rows alone: a table as long as years of use would make it, in seconds.

They are copies of a real server, on hosts that do not exist, so no compute looks after them. Only
for a cloud that is thrown away: this writes where only the services should.
"""

from __future__ import annotations

import datetime
import random
import uuid

import sqlalchemy as sa

from nova_mini.db import instances, models, query
from nova_mini.db.session import reader, writer

MARK = "r-populate"  # the reservation that they all are of
_BATCH = 2000
_YEAR = 365 * 24 * 3600


def copies(server_id: str, until: int) -> None:
    """Copy a server until there are so many copies."""
    template = dict(instances.get_by_uuid(server_id))
    del template["id"]
    for start in range(_count(), until, _BATCH):
        numbers = range(start, min(start + _BATCH, until))
        query.insert_many(models.instances, [_copy(template, number) for number in numbers])


def clear() -> None:
    """Remove all copies."""
    with writer() as connection:
        connection.execute(models.instances.delete().where(_MARKED))


def _count() -> int:
    with reader() as connection:
        return connection.execute(sa.select(sa.func.count()).where(_MARKED)).scalar_one()


_MARKED = models.instances.c.reservation_id == MARK


def _copy(template: dict, number: int) -> dict:
    """Spread over a year and a thousand hosts, as servers that users made one by one would be."""
    age = datetime.timedelta(seconds=random.randrange(_YEAR))
    return template | {
        "uuid": str(uuid.uuid4()),
        "display_name": f"copy-{number}",
        "hostname": f"copy-{number}",
        "reservation_id": MARK,
        "host": f"elsewhere-{number % 1000}",
        "created_at": template["created_at"] - age,
        "updated_at": template["created_at"] - age,
    }
