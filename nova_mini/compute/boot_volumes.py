"""The volumes that new servers are to have, made while their user is there.

Only the user's token can make a volume in the user's project, and a token lives as long as the
request: a host that takes a build up again after a crash has none, but finds what was made here.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.trace import traced
from nova_mini.volume import creation

LOG = logging.getLogger(__name__)

# Cinder is asked once more, as its user will not be here again: after so many seconds, unless it
# has hung for long.
_PAUSE, _LONG = 1.0, 10.0


def make_volumes(context, volume_api, new: Sequence[NewInstance]) -> None:
    """For servers that are recorded and not sent to a conductor yet.

    When Cinder is away, the hosts will ask it. When it refuses, its error is raised, and what it
    had made goes with the servers, which the caller deletes. Raises InstanceNotFound for a server
    that somebody deleted meanwhile.
    """
    wanted = [mapping for item in new for mapping in item.mappings if _is_to_be_made(mapping)]
    try:
        for mapping in wanted:
            _make(context, volume_api, new[0].instance.availability_zone, mapping)
    except exception.CinderConnectionFailed as exc:
        LOG.warning("Volumes of new servers will be made by their hosts: %s", exc)
    except exception.NovaException:
        for mapping in wanted:
            with contextlib.suppress(exception.BlockDeviceMappingNotFound):
                _save(context, mapping, delete_on_termination=True)
        raise


def _is_to_be_made(mapping: dict) -> bool:
    return mapping["destination_type"] == "volume" and mapping["source_type"] != "volume"


@traced
def _make(context, volume_api, zone: str | None, mapping: dict) -> None:
    begun = time.monotonic()
    try:
        made = _create(context, volume_api, zone, mapping)
    except exception.CinderConnectionFailed:
        if time.monotonic() - begun > _LONG:
            raise
        time.sleep(_PAUSE)
        made = volume_api.find_made_for(context, mapping["uuid"]) or _create(
            context, volume_api, zone, mapping
        )
    try:
        _save(context, mapping, volume_id=made.id)
    except exception.BlockDeviceMappingNotFound as exc:
        creation.discard(context, volume_api, made.id)
        raise exception.InstanceNotFound(instance_id=mapping["instance_uuid"]) from exc


def _create(context, volume_api, zone: str | None, mapping: dict):
    return volume_api.create(
        context,
        mapping["volume_size"],
        made_for=mapping["uuid"],
        image_id=mapping["image_id"],
        snapshot_id=mapping["snapshot_id"],
        volume_type=mapping["volume_type"],
        availability_zone=None if CONF.cinder.cross_az_attach else zone,
    )


def _save(context, mapping: dict, **fields) -> None:
    """Raises BlockDeviceMappingNotFound when the server was deleted meanwhile."""
    mapping.update(fields)
    bdm = BlockDeviceMapping.get_by_uuid(context, mapping["uuid"])
    if bdm is None:
        raise exception.BlockDeviceMappingNotFound(id=mapping["uuid"])
    for name, value in fields.items():
        setattr(bdm, name, value)
    bdm.save()
