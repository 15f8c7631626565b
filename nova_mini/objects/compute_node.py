"""Compute nodes: the hypervisors, with their capacity and use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oslo_utils import versionutils
from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@register
class ComputeNode(TimestampedObject, NovaObject):
    """The totals are reported by the compute; ``*_used`` and ``running_vms`` are changed by claims
    only. Memory is in MiB, disk in GiB.
    """

    VERSION = "1.1"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "host": fields.StringField(),
        "hypervisor_hostname": fields.StringField(),
        "hypervisor_type": fields.StringField(),
        "hypervisor_version": fields.IntegerField(),
        "host_ip": fields.StringField(nullable=True),
        "vcpus": fields.IntegerField(),
        "memory_mb": fields.IntegerField(),
        "local_gb": fields.IntegerField(),
        "reserved_vcpus": fields.IntegerField(),
        "reserved_memory_mb": fields.IntegerField(),
        "reserved_gb": fields.IntegerField(),
        "cpu_allocation_ratio": fields.FloatField(),
        "ram_allocation_ratio": fields.FloatField(),
        "disk_allocation_ratio": fields.FloatField(),
        "vcpus_used": fields.IntegerField(),
        "memory_mb_used": fields.IntegerField(),
        "local_gb_used": fields.IntegerField(),
        "running_vms": fields.IntegerField(),
        "disk_available_least": fields.IntegerField(nullable=True),
        "disk_pool": fields.StringField(nullable=True),
        "failed_builds": fields.IntegerField(),
        "cpu_info": JsonDictField(nullable=True),
        "supported_instances": JsonListField(nullable=True),
        # None: the host has not reported since the upgrade to a release with traits.
        "traits": JsonListField(nullable=True),
        "uptime": fields.StringField(nullable=True),
    }

    def obj_make_compatible(self, primitive: dict[str, Any], target_version: str) -> None:
        super().obj_make_compatible(primitive, target_version)
        if versionutils.convert_version_to_tuple(target_version) < (1, 1):
            primitive.pop("traits", None)

    @classmethod
    @remotable
    def report(
        cls, context: RequestContext, host: str, values: dict[str, Any]
    ) -> dict[str, float] | None:
        """Write what a compute reports of its host (totals, ratios, ...), or create its node.

        Returns the allocation ratios in force, which aggregates may set; None: the conductor is of
        a release that does not know such aggregates.
        """
        return db.compute_nodes.report(host, values)

    @classmethod
    @remotable
    def count_build(cls, context: RequestContext, host: str, failed: bool) -> None:
        """Increase ``failed_builds``, or set it to 0 after a successful build. Used by
        BuildFailureWeigher."""
        db.compute_nodes.count_build(host, failed)

    @classmethod
    @remotable
    def get_by_host(cls, context: RequestContext, host: str) -> ComputeNode:
        """Raises ComputeHostNotFound."""
        row = db.compute_nodes.get_by_host(host)
        if row is None:
            raise exception.ComputeHostNotFound(host=host)
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_by_key(cls, context: RequestContext, key: str | int) -> ComputeNode:
        """By UUID (str) or ID (int): which one depends on the microversion. Raises
        ComputeHostNotFound."""
        row = db.hypervisors.get(key)
        if row is None:
            raise exception.ComputeHostNotFound(host=key)
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_usage_by_project(
        cls, context: RequestContext, host: str
    ) -> dict[str, tuple[int, int, int]]:
        """project -> (vCPUs, MiB of memory, GiB of disk) of its servers on the host."""
        return db.hypervisors.get_usage_by_project(host)


@register
class ComputeNodeList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("ComputeNode")}

    @classmethod
    @remotable
    def get_all(cls, context: RequestContext) -> ComputeNodeList:
        rows = db.compute_nodes.get_all()
        return cls.of(context, (ComputeNode(context).set_fields(row) for row in rows))

    @classmethod
    @remotable
    def hosts_with_other_storage(cls, context: RequestContext, host: str) -> list[str]:
        """The hosts to which the disks of a server on ``host`` cannot come, because the storage of
        one of the two is a pool that the other does not share."""
        row = db.compute_nodes.get_by_host(host)
        pool = None if row is None else row["disk_pool"]
        return db.compute_nodes.get_hosts_with_other_storage(pool)

    @classmethod
    @remotable
    def get_page(
        cls,
        context: RequestContext,
        name_part: str | None = None,
        limit: int | None = None,
        marker: str | int | None = None,
    ) -> ComputeNodeList:
        """See ``db.hypervisors.get_page``. Raises MarkerNotFound."""
        rows = db.hypervisors.get_page(name_part=name_part, limit=limit, marker=marker)
        return cls.of(context, (ComputeNode(context).set_fields(row) for row in rows))

    @classmethod
    @remotable
    def get_sums(cls, context: RequestContext) -> dict[str, int]:
        """The number of enabled hosts (``count``), and the sums of their capacity and use."""
        return db.hypervisors.get_sums("compute")

    @classmethod
    @remotable
    def get_servers(
        cls, context: RequestContext, hosts: list[str]
    ) -> dict[str, list[tuple[int, str]]]:
        """host -> [(id, uuid)] of the servers on it."""
        return db.hypervisors.get_servers(hosts)
