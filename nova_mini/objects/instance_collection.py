"""Several servers as versioned objects, for computes and conductors.

The API lists servers without objects: see :mod:`.instance_list`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oslo_versionedobjects import fields

from nova_mini import db
from nova_mini.objects.base import ObjectList, register, remotable
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_fault import InstanceFault

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@register
class InstanceList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Instance")}

    @classmethod
    @remotable
    def get_by_host(cls, context: RequestContext, host: str) -> InstanceList:
        return cls.of(
            context, (Instance.from_row(context, r) for r in db.instances.get_by_host(host))
        )

    @classmethod
    @remotable
    def get_states(cls, context: RequestContext, host: str) -> list[Sequence[Any]]:
        """[uuid, vm_state, task_state, power_state] of each server on the host. Called by each
        compute every minute."""
        return db.instances.get_states(host)

    @classmethod
    @remotable
    def get_by_uuids(cls, context: RequestContext, uuids: list[str]) -> InstanceList:
        return cls.of(
            context, (Instance.from_row(context, r) for r in db.instances.get_by_uuids(uuids))
        )

    @classmethod
    @remotable
    def get_hosts(cls, context: RequestContext, uuids: list[str]) -> dict[str, str | None]:
        """uuid -> host (None: no host) of the servers that are not deleted."""
        return db.instances.get_hosts(uuids)

    def load_faults(self) -> None:
        """Set ``fault`` to the newest fault of each server, with at most one query."""
        failed = [i.uuid for i in self if i.vm_state == "error" or i.deleted]
        faults = db.instance_faults.get_latest_faults(failed) if failed else {}
        for instance in self:
            row = faults.get(instance.uuid)
            instance.fault = InstanceFault.from_row(self._context, row) if row else None

    def load_tags(self) -> None:
        """Set the tags of each server, with one query."""
        found = db.instance_tags.get_tags([i.uuid for i in self]) if len(self) else {}
        for instance in self:
            instance.tags = found.get(instance.uuid, [])
