"""Request specs: what a server requires of its host. Stored, so that it can be scheduled again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, cast

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.numa import request as numa_request
from nova_mini.objects.base import NovaObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField
from nova_mini.resource_amounts import ResourceAmounts

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.flavor import Flavor
    from nova_mini.objects.instance_group import InstanceGroup


# Name -> what the user has given: a string, a list or an object.
SchedulerHints = dict[str, Any]


class RequestSpecFields(TypedDict, total=False):
    """The fields of a spec that are set, as they are stored. See :class:`RequestSpec`."""

    instance_uuid: str
    project_id: str | None
    vcpus: int
    memory_mb: int
    local_gb: int
    extra_specs: dict[str, str]
    image_properties: dict[str, str]
    availability_zone: str | None
    force_host: str | None
    force_node: str | None
    requested_host: str | None
    ignore_hosts: list[str]
    scheduler_hints: SchedulerHints


@register
class RequestSpec(NovaObject):
    """The specs of all servers of one request differ only in ``instance_uuid``."""

    VERSION = "1.0"

    fields = {
        "instance_uuid": fields.UUIDField(),
        "project_id": fields.StringField(nullable=True),
        "vcpus": fields.IntegerField(),
        "memory_mb": fields.IntegerField(),
        "local_gb": fields.IntegerField(),
        "extra_specs": JsonDictField(),
        "image_properties": JsonDictField(),
        "availability_zone": fields.StringField(nullable=True),
        "force_host": fields.StringField(nullable=True),
        "force_node": fields.StringField(nullable=True),
        # Only this host, if it passes the filters ("host" of microversion 2.74).
        "requested_host": fields.StringField(nullable=True),
        "ignore_hosts": JsonListField(),
        "scheduler_hints": JsonDictField(),
    }

    # The server group of the servers, with its hosts. The scheduler sets it for each decision; it
    # is neither stored nor sent.
    instance_group: InstanceGroup | None = None

    def resources(self) -> ResourceAmounts:
        """The resources to claim: of the vCPUs, those that share CPUs with other servers. The
        host itself counts the CPUs that it gives to one server."""
        shared, _own = numa_request.own_cpus(self.extra_specs, self.image_properties, self.vcpus)
        return {"vcpus": shared, "memory_mb": self.memory_mb, "local_gb": self.local_gb}

    def numa_topology(self) -> GuestTopology | None:
        """The NUMA nodes that it requests. Raises InvalidTopology."""
        return numa_request.topology_of(
            self.extra_specs, self.image_properties, self.vcpus, self.memory_mb
        )

    @property
    def group_uuid(self) -> str | None:
        """The server group that the request names. It may be deleted since."""
        return self.scheduler_hints.get("group")

    def set_flavor(self, flavor: Flavor, *, is_volume_backed: bool) -> None:
        """Require what a server of this flavor needs. A root disk that is a volume takes no disk
        space of the host."""
        self.vcpus, self.memory_mb = flavor.vcpus, flavor.memory_mb
        self.local_gb = flavor.disk_gb - (flavor.root_gb if is_volume_backed else 0)
        self.extra_specs = flavor.extra_specs

    def as_dict(self) -> RequestSpecFields:
        return cast(
            "RequestSpecFields",
            {name: getattr(self, name) for name in self.fields if self.obj_attr_is_set(name)},
        )

    @classmethod
    @remotable
    def get_by_instance_uuid(cls, context: RequestContext, instance_uuid: str) -> RequestSpec:
        """Raises RequestSpecNotFound."""
        found = db.request_specs.get([instance_uuid])
        if not found:
            raise exception.RequestSpecNotFound(instance_uuid=instance_uuid)
        return cls(context).set_fields(found[instance_uuid])

    @classmethod
    @remotable
    def get_by_instance_uuids(cls, context: RequestContext, uuids: list[str]) -> list[RequestSpec]:
        """The specs in the order of ``uuids``, with one query. Raises RequestSpecNotFound."""
        found = db.request_specs.get(uuids)
        missing = [uuid for uuid in uuids if uuid not in found]
        if missing:
            raise exception.RequestSpecNotFound(instance_uuid=missing[0])
        return [cls(context).set_fields(found[uuid]) for uuid in uuids]

    @remotable
    def claim_host(self, host: str) -> bool:
        """Claim its resources on a host. Return False when the host does not have enough."""
        return db.allocations.claim(self.instance_uuid, host, self.resources())

    @remotable
    def save(self) -> None:
        db.request_specs.save(self.instance_uuid, self.as_dict())
        self.obj_reset_changes()
