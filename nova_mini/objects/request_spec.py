"""What the scheduler is asked for: kept beside the server, so that it can be asked again."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField


@register
class RequestSpec(NovaObject):
    """One server's wishes. The same spec with other uuids serves all servers of one request."""

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
        # Only these hosts, but with filters (microversion 2.74's "host").
        "requested_host": fields.StringField(nullable=True),
        "ignore_hosts": JsonListField(),
        "scheduler_hints": JsonDictField(),
    }

    def resources(self) -> dict[str, int]:
        """What a claim takes: vcpus, memory_mb (MiB), local_gb (GiB)."""
        return {"vcpus": self.vcpus, "memory_mb": self.memory_mb, "local_gb": self.local_gb}

    def as_dict(self) -> dict:
        return {name: getattr(self, name) for name in self.fields if self.obj_attr_is_set(name)}

    @classmethod
    @remotable
    def get_by_instance_uuid(cls, context, instance_uuid: str) -> RequestSpec:
        """Raises RequestSpecNotFound."""
        found = db.request_specs.get([instance_uuid])
        if not found:
            raise exception.RequestSpecNotFound(instance_uuid=instance_uuid)
        return cls(context).set_fields(found[instance_uuid])

    @classmethod
    @remotable
    def get_by_instance_uuids(cls, context, uuids: list[str]) -> list[RequestSpec]:
        """In the order of ``uuids``; one query. Raises RequestSpecNotFound."""
        found = db.request_specs.get(uuids)
        missing = [uuid for uuid in uuids if uuid not in found]
        if missing:
            raise exception.RequestSpecNotFound(instance_uuid=missing[0])
        return [cls(context).set_fields(found[uuid]) for uuid in uuids]

    @remotable
    def claim_host(self, host: str) -> bool:
        """Claim what it asks for on one host, in the ledger; False when there is no room."""
        return db.allocations.claim(self.instance_uuid, host, self.resources())

    @remotable
    def save(self) -> None:
        db.request_specs.save(self.instance_uuid, self.as_dict())
        self.obj_reset_changes()
