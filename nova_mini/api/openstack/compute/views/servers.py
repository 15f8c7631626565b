"""Servers as JSON.

The content depends on the microversion and on the caller's permissions. Both are evaluated once for
each request, so that the view of each server needs only a few dict updates.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping

from nova_mini import policy
from nova_mini.api.openstack.common import Links
from nova_mini.api.openstack.compute.views.addresses import addresses
from nova_mini.api.openstack.compute.views.server_status import status_of
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.objects import instance_list
from nova_mini.objects.instance_list import ServerRecord
from nova_mini.policies import server_actions as action_policy
from nova_mini.policies import servers as server_policy

# (view, record): adds a part to the view
_Addition = Callable[[dict, ServerRecord], None]

_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
_WITH_FAULT = frozenset({"ERROR", "DELETED"})


class ViewBuilder:
    """Makes the JSON of servers for one request.

    ``brief``: without the properties that responses to PUT and rebuild did not have before 2.75.
    ``listing``: without the properties that only ``GET /servers/{id}`` has.
    """

    def __init__(self, req: Request, *, brief: bool = False, listing: bool = False):
        self._version = version = req.api_version
        self._context = req.context
        self._is_admin = req.context.is_admin
        self._links = Links(req, "servers")
        self._flavor_links = Links(req, "flavors")
        self._image_links = Links(req, "images")
        full = not brief or version >= (2, 75)
        self._extended_addresses = full
        self._sees_attributes = full and self._may(action_policy.EXTENDED_ATTRIBUTES)
        self._sees_host_status = full and version >= (2, 16) and self._may_see_host_status()
        self._sees_extra_specs = version >= (2, 47) and self._may(
            server_policy.SHOW_FLAVOR_EXTRA_SPECS
        )
        self._additions = list(self._select_additions(full, listing))

    @property
    def include(self) -> frozenset[str]:
        """The parts that a record must have loaded: see ``objects.instance_list``."""
        needed = {
            instance_list.FAULTS: True,
            instance_list.TAGS: self._version >= (2, 26),
            instance_list.VOLUMES: self._extended_addresses,
            instance_list.HOST_STATUS: self._sees_host_status,
            instance_list.ATTRIBUTES: self._sees_attributes or self._version >= (2, 90),
            instance_list.IMAGE_PROPERTIES: self._version >= (2, 98),
            instance_list.SCHEDULER_HINTS: self._version >= (2, 100),
        }
        return frozenset(name for name, is_needed in needed.items() if is_needed)

    def basic(self, record: ServerRecord) -> dict:
        return {
            "id": record.uuid,
            "name": record.display_name,
            "links": self._links.of(record.uuid),
        }

    def show(self, record: ServerRecord) -> dict:
        status = status_of(record.vm_state, record.task_state)
        view = {
            "id": record.uuid,
            "name": record.display_name,
            "status": status,
            "tenant_id": record.project_id,
            "user_id": record.user_id,
            "metadata": record.metadata,
            "hostId": _host_id(record),
            "image": self._image(record),
            "flavor": self._flavor(record),
            "created": record.created_at,
            "updated": record.updated_at,
            "addresses": addresses(record.vifs, extended=self._extended_addresses),
            "accessIPv4": record.access_ip_v4 or "",
            "accessIPv6": record.access_ip_v6 or "",
            "links": self._links.of(record.uuid),
            "OS-DCF:diskConfig": "AUTO" if record.auto_disk_config else "MANUAL",
        }
        if status in _WITH_PROGRESS:
            view["progress"] = record.progress or 0
        if status in _WITH_FAULT and record.fault:
            view["fault"] = self._fault(record.fault)
        for add in self._additions:
            add(view, record)
        return view

    # -- parts of every response -----------------------------------------------------------------

    def _image(self, record: ServerRecord) -> dict | str:
        """An empty string for a server that was not created from an image."""
        if not record.image:
            return ""
        bookmark = self._image_links.of(record.image)[1]
        if CONF.api.glance_link_prefix:
            prefix = CONF.api.glance_link_prefix.rstrip("/")
            bookmark = {"rel": "bookmark", "href": f"{prefix}/images/{record.image}"}
        image: dict = {"id": record.image, "links": [bookmark]}
        if self._version >= (2, 98):
            image["properties"] = record.image_properties
        return image

    def _flavor(self, record: ServerRecord) -> dict:
        flavor = record.flavor_fields
        if self._version < (2, 47):
            flavor_id = flavor["flavorid"]
            return {"id": flavor_id, "links": [self._flavor_links.of(flavor_id)[1]]}
        view = {
            "vcpus": flavor["vcpus"],
            "ram": flavor["memory_mb"],
            "disk": flavor["root_gb"],
            "ephemeral": flavor["ephemeral_gb"],
            "swap": flavor["swap"],
            "original_name": flavor["name"],
        }
        if self._sees_extra_specs:
            view["extra_specs"] = flavor["extra_specs"]
        return view

    def _fault(self, fault: Mapping) -> dict:
        """Only administrators see the details, which contain host names and stack traces."""
        view = {
            "code": fault["code"],
            "created": fault["created_at"],
            "message": fault["message"],
        }
        if fault["details"] and self._is_admin:
            view["details"] = fault["details"]
        return view

    # -- parts that depend on version and permissions --------------------------------------------

    def _select_additions(self, full: bool, listing: bool) -> Iterator[_Addition]:
        """Functions that each add one part to a view."""
        version = self._version
        if full:
            yield _add_details
        if self._sees_attributes:
            yield _add_attributes
            if version >= (2, 3):
                yield _add_more_attributes
        for first, add in _BY_VERSION.items():
            if version >= first:
                yield add
        if version >= (2, 71) and not listing:
            yield _add_server_groups
        if full:
            yield _add_volumes_v23 if version >= (2, 3) else _add_volumes
            if version >= (2, 90) and not self._sees_attributes:
                yield _add_hostname
        if self._sees_host_status:
            yield self._add_host_status

    def _add_host_status(self, view: dict, record: ServerRecord) -> None:
        status = record.host_status
        if self._sees_every_host_status or status == "UNKNOWN":
            view["host_status"] = status

    def _may_see_host_status(self) -> bool:
        self._sees_every_host_status = self._may(server_policy.SHOW_HOST_STATUS)
        return self._sees_every_host_status or self._may(server_policy.SHOW_HOST_STATUS_UNKNOWN)

    def _may(self, rule: str) -> bool:
        return policy.authorize(self._context, rule, fatal=False)


def _host_id(record: ServerRecord) -> str:
    """An id that shows a user which servers share a host, without the host's name."""
    if not record.host:
        return ""
    return hashlib.sha224((record.project_id + record.host).encode()).hexdigest()


def _microseconds(when: datetime.datetime | None) -> str | None:
    return when.isoformat(timespec="microseconds") if when else None


def _add_details(view: dict, record: ServerRecord) -> None:
    view["key_name"] = record.key_name
    view["config_drive"] = record.config_drive or ""
    view["OS-EXT-AZ:availability_zone"] = record.availability_zone or ""
    view["OS-EXT-STS:task_state"] = record.task_state
    view["OS-EXT-STS:vm_state"] = record.vm_state
    view["OS-EXT-STS:power_state"] = record.power_state
    view["OS-SRV-USG:launched_at"] = _microseconds(record.launched_at)
    view["OS-SRV-USG:terminated_at"] = _microseconds(record.terminated_at)
    groups = dict.fromkeys(g for vif in record.vifs for g in vif["security_groups"])
    if groups:
        view["security_groups"] = [{"name": name} for name in groups]


def _add_attributes(view: dict, record: ServerRecord) -> None:
    view["OS-EXT-SRV-ATTR:host"] = record.host
    view["OS-EXT-SRV-ATTR:hypervisor_hostname"] = record.node
    view["OS-EXT-SRV-ATTR:instance_name"] = record.name


def _add_more_attributes(view: dict, record: ServerRecord) -> None:
    view["OS-EXT-SRV-ATTR:reservation_id"] = record.reservation_id
    view["OS-EXT-SRV-ATTR:launch_index"] = record.launch_index
    view["OS-EXT-SRV-ATTR:hostname"] = record.hostname
    view["OS-EXT-SRV-ATTR:kernel_id"] = record.kernel_id or ""
    view["OS-EXT-SRV-ATTR:ramdisk_id"] = record.ramdisk_id or ""
    view["OS-EXT-SRV-ATTR:root_device_name"] = record.root_device_name
    view["OS-EXT-SRV-ATTR:user_data"] = record.user_data


def _add_hostname(view: dict, record: ServerRecord) -> None:
    view["OS-EXT-SRV-ATTR:hostname"] = record.hostname


def _add_volumes(view: dict, record: ServerRecord) -> None:
    view["os-extended-volumes:volumes_attached"] = [{"id": id_} for id_, _ in record.volumes]


def _add_volumes_v23(view: dict, record: ServerRecord) -> None:
    view["os-extended-volumes:volumes_attached"] = [
        {"id": id_, "delete_on_termination": delete} for id_, delete in record.volumes
    ]


def _setter(key: str, value: Callable[[ServerRecord], object]) -> _Addition:
    def add(view: dict, record: ServerRecord) -> None:
        view[key] = value(record)

    return add


_add_server_groups = _setter(
    "server_groups", lambda record: [record.server_group] if record.server_group else []
)

_BY_VERSION: dict[tuple[int, int], _Addition] = {
    (2, 9): _setter("locked", lambda record: record.locked),
    (2, 19): _setter("description", lambda record: record.display_description),
    (2, 26): _setter("tags", lambda record: record.tags),
    (2, 63): _setter("trusted_image_certificates", lambda record: None),
    (2, 73): _setter("locked_reason", lambda record: record.locked_reason),
    (2, 96): _setter("pinned_availability_zone", lambda record: record.pinned_availability_zone),
    (2, 100): _setter("scheduler_hints", lambda record: record.scheduler_hints),
}
