"""The network information in the row of a server."""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db.instance_updates import KEEP_NETWORK, update
from nova_mini.db.models import instance_actions, instances
from nova_mini.db.session import writer


def update_network_info(uuid: str, network_info: str, expected_revision: int | None) -> None:
    """Write network information that was read from Neutron after the server had this revision.

    None: the revision is not known, and is not compared.

    An operation on the interfaces changes Neutron and the record one after the other, so what is
    read in between is wrong when it ends. For this reason nothing is written while such an
    operation is unfinished (raises InstanceBusy), or when one has begun or ended since then (raises
    InstanceChanged: read the server and Neutron again). Unchanged information is not written.
    Raises InstanceNotFound.
    """
    with writer():
        if lock_network_info(uuid)["network_info"] != network_info:
            values = {"network_info": network_info}
            update(uuid, values, expected_revision=expected_revision)


def lock_network_info(uuid: str) -> Mapping:
    """network_info, vm_state and host of a server. The row is locked until the transaction ends.

    Raises InstanceNotFound, InstanceBusy while an operation may change the interfaces.
    """
    server = instances.c
    busy = _network_is_changing().label("busy")
    statement = sa.select(server.network_info, server.vm_state, server.host, busy)
    statement = statement.where(server.uuid == uuid, server.deleted == sa.false())
    with writer() as connection:
        found = connection.execute(statement.with_for_update()).mappings().first()
    if found is None:
        raise exception.InstanceNotFound(instance_id=uuid)
    if found["busy"]:
        raise exception.InstanceBusy(instance_uuid=uuid)
    return found


def _network_is_changing() -> sa.ColumnElement:
    return sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.finish_time.is_(None),
        instance_actions.c.method.not_in(KEEP_NETWORK),
    )


def change_security_groups(uuid: str, names_by_port: Mapping[str, list[str]]) -> None:
    """Replace the ``security_groups`` of the VIFs in ``network_info``. The row is locked before it
    is read. Raises InstanceNotFound."""
    server = instances.c
    with writer() as connection:
        statement = sa.select(server.network_info).where(
            server.uuid == uuid, server.deleted == sa.false()
        )
        found = connection.execute(statement.with_for_update()).scalar()
        if found is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        vifs = json.loads(found)
        for vif in vifs:
            vif["security_groups"] = names_by_port.get(vif["id"], vif["security_groups"])
        update(uuid, {"network_info": json.dumps(vifs, separators=(",", ":"))})
