"""A hypervisor: what it has, and what of it is promised."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField


@register
class ComputeNode(TimestampedObject, NovaObject):
    """Totals come from the compute's reports; ``*_used`` and ``running_vms`` from the ledger alone.

    Memory in MiB, disk in GiB.
    """

    VERSION = "1.0"

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
        "uptime": fields.StringField(nullable=True),
    }

    @classmethod
    @remotable
    def report(cls, context, host: str, values: dict) -> None:
        """What a compute says of its host (totals, ratios, ...); made when it is new."""
        db.compute_nodes.report(host, values)

    @classmethod
    @remotable
    def count_build(cls, context, host: str, failed: bool) -> None:
        """For BuildFailureWeigher: one more failed build, or none any more."""
        db.compute_nodes.count_build(host, failed)

    @classmethod
    @remotable
    def get_by_host(cls, context, host: str) -> ComputeNode:
        """Raises ComputeHostNotFound."""
        row = db.compute_nodes.get_by_host(host)
        if row is None:
            raise exception.ComputeHostNotFound(host=host)
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_by_key(cls, context, key: str | int) -> ComputeNode:
        """By uuid (text) or id (int), as the API has it. Raises ComputeHostNotFound."""
        row = db.hypervisors.get(key)
        if row is None:
            raise exception.ComputeHostNotFound(host=key)
        return cls(context).set_fields(row)


@register
class ComputeNodeList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("ComputeNode")}

    @classmethod
    @remotable
    def get_all(cls, context) -> ComputeNodeList:
        rows = db.compute_nodes.get_all()
        return cls.of(context, (ComputeNode(context).set_fields(row) for row in rows))

    @classmethod
    @remotable
    def get_page(cls, context, name_part=None, limit=None, marker=None) -> ComputeNodeList:
        """As ``db.hypervisors.get_page``. Raises MarkerNotFound."""
        rows = db.hypervisors.get_page(name_part=name_part, limit=limit, marker=marker)
        return cls.of(context, (ComputeNode(context).set_fields(row) for row in rows))

    @classmethod
    @remotable
    def get_sums(cls, context) -> dict[str, int]:
        """``count`` and the sums of capacity and use over the enabled hosts."""
        return db.hypervisors.get_sums("compute")

    @classmethod
    @remotable
    def get_servers(cls, context, hosts: list[str]) -> dict[str, list]:
        """host -> [(id, uuid)] of the servers on it."""
        return db.hypervisors.get_servers(hosts)
