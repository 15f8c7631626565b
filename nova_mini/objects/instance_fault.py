"""The faults of servers: why a server is in ERROR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oslo_versionedobjects import fields

from nova_mini import db, disclosure
from nova_mini.objects.base import NovaObject, register, remotable

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

_MESSAGE_LENGTH = 255


@register
class InstanceFault(NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "instance_uuid": fields.UUIDField(),
        "code": fields.IntegerField(),
        "message": fields.StringField(nullable=True),
        "details": fields.StringField(nullable=True),
        "host": fields.StringField(nullable=True),
        "created_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
    }

    @classmethod
    def from_row(cls, context: RequestContext, row: Mapping[str, Any]) -> InstanceFault:
        return cls(context).set_fields(row)

    @remotable
    def create(self) -> None:
        self.set_fields(db.instance_faults.add_fault(self.obj_get_changes()))


def add_instance_fault(
    context: RequestContext, instance: Instance, exc: BaseException, host: str | None
) -> None:
    """Tell the user why an operation failed: a message that is safe for anyone, and details for
    administrators."""
    fault = InstanceFault(
        context,
        instance_uuid=instance.uuid,
        code=getattr(exc, "code", 500),
        message=disclosure.message_for_user(exc, context.request_id)[:_MESSAGE_LENGTH],
        details=disclosure.details_for_operator(exc),
        host=host,
    )
    fault.create()


def get_latest_message(instance_uuid: str) -> str | None:
    """What users see of the newest fault of a server; None if it has none. In the API only."""
    fault = db.instance_faults.get_latest_faults([instance_uuid]).get(instance_uuid)
    return fault["message"] if fault else None
