"""Server groups and the hosts of their members, for the scheduler.

Only services with a database import this module.
"""

from __future__ import annotations

from collections.abc import Collection

from nova_mini import db
from nova_mini.objects.instance_group import InstanceGroup


@db.session.errors_named
@db.session.retried
def read(uuid: str, but: Collection[str] = ()) -> InstanceGroup | None:
    """A group with its ``hosts``; None if it was deleted. The members ``but`` are not counted.

    Raises DatabaseUnavailable.
    """
    with db.session.reader():
        row = db.instance_groups.get(uuid)
        if row is None:
            return None
        hosts = db.instance_groups.get_hosts([row["id"]], but).get(row["id"], {})
    return InstanceGroup().set_fields({**row, "hosts": hosts})
