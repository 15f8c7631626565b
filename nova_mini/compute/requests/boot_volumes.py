"""Creates the volumes of new servers during the user's request.

Creating a volume in the user's project needs the user's token, which is only available during the
request. A host that resumes a build after a crash has no token, but finds the volumes made here.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, NewMapping
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.trace import traced
from nova_mini.volume import cinder, creation

LOG = logging.getLogger(__name__)

# One retry after a failed connection, because the token will not be available later: after
# _RETRY_DELAY seconds, but not if the first attempt took longer than _LONG seconds.
_RETRY_DELAY, _LONG = 1.0, 10.0


def make_volumes(
    context: RequestContext, volume_api: cinder.API, new_instances: Sequence[NewInstance]
) -> None:
    """Create the volumes of servers that have records but are not sent to a conductor yet.

    If Cinder is not reachable, the hosts will create the volumes. If Cinder refuses, its error is
    raised, and the caller deletes the servers; the volumes made so far are deleted with them.
    Raises InstanceNotFound for a server that was deleted meanwhile.
    """
    mappings = [
        mapping for item in new_instances for mapping in item.mappings if _needs_volume(mapping)
    ]
    try:
        for mapping in mappings:
            _make(context, volume_api, new_instances[0].instance.availability_zone, mapping)
    except exception.CinderConnectionFailed as exc:
        LOG.warning("Volumes of new servers: the hosts will create them: %s", exc)
    except exception.NovaException:
        for mapping in mappings:
            with contextlib.suppress(exception.BlockDeviceMappingNotFound):
                _save(context, mapping, delete_on_termination=True)
        raise


def _needs_volume(mapping: NewMapping) -> bool:
    return mapping.destination_type == "volume" and mapping.source_type != "volume"


@traced("_make")
def _make(
    context: RequestContext, volume_api: cinder.API, zone: str | None, mapping: NewMapping
) -> None:
    started_at = time.monotonic()
    try:
        made = _create(context, volume_api, zone, mapping)
    except exception.CinderConnectionFailed:
        if time.monotonic() - started_at > _LONG:
            raise
        time.sleep(_RETRY_DELAY)
        made = volume_api.find_by_mapping(context, mapping.uuid) or _create(
            context, volume_api, zone, mapping
        )
    try:
        _save(context, mapping, volume_id=made.id)
    except exception.BlockDeviceMappingNotFound as exc:
        creation.discard(context, volume_api, made.id)
        raise exception.InstanceNotFound(instance_id=mapping.instance_uuid) from exc


def _create(
    context: RequestContext, volume_api: cinder.API, zone: str | None, mapping: NewMapping
) -> cinder.Volume:
    return volume_api.create(
        context,
        mapping.volume_size or 0,
        mapping_uuid=mapping.uuid,
        image_id=mapping.image_id,
        snapshot_id=mapping.snapshot_id,
        volume_type=mapping.volume_type,
        availability_zone=None if CONF.cinder.cross_az_attach else zone,
    )


def _save(context: RequestContext, mapping: NewMapping, **fields: Any) -> None:
    """Raises BlockDeviceMappingNotFound when the server was deleted meanwhile."""
    bdm = BlockDeviceMapping.get_by_uuid(context, mapping.uuid)
    if bdm is None:
        raise exception.BlockDeviceMappingNotFound(id=mapping.uuid)
    for name, value in fields.items():
        setattr(bdm, name, value)
    bdm.save()
