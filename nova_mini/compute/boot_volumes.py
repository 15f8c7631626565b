"""The volumes that new servers are to have, made while their user is there.

Only the user's token can make a volume in the user's project, and a token lives as long as the
request: a host that takes a build up again after a crash has none, but finds what was made here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_creation import NewInstance
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


def make_volumes(
    context, volume_api, new: Sequence[NewInstance], actions: Sequence[InstanceAction]
) -> None:
    """For servers that are recorded and not sent to a conductor yet.

    When Cinder refuses, the servers are gone again and its error is raised; when it is away, the
    hosts will ask it.
    """
    wanted = [mapping for item in new for mapping in item.mappings if _is_to_be_made(mapping)]
    if not wanted:
        return
    try:
        for mapping in wanted:
            _make(context, volume_api, new[0].instance.availability_zone, mapping)
    except exception.CinderConnectionFailed as exc:
        LOG.warning("Volumes of new servers will be made by their hosts: %s", exc)
    except exception.NovaException:
        _take_back(context, volume_api, wanted, new, actions)
        raise


def _is_to_be_made(mapping: dict) -> bool:
    return mapping["destination_type"] == "volume" and mapping["source_type"] != "volume"


@traced
def _make(context, volume_api, zone: str | None, mapping: dict) -> None:
    made = volume_api.create(
        context,
        mapping["volume_size"],
        made_for=mapping["uuid"],
        image_id=mapping["image_id"],
        snapshot_id=mapping["snapshot_id"],
        volume_type=mapping["volume_type"],
        availability_zone=None if CONF.cinder.cross_az_attach else zone,
    )
    mapping["volume_id"] = made.id
    bdm = BlockDeviceMapping.get_by_uuid(context, mapping["uuid"])
    bdm.volume_id = made.id
    bdm.save()


def _take_back(context, volume_api, wanted, new, actions) -> None:
    for action, item in zip(actions, new, strict=True):
        action.abandon(context, item.instance)
        item.instance.destroy()
    for mapping in wanted:
        if mapping["volume_id"]:
            volume_api.delete(context, mapping["volume_id"])
