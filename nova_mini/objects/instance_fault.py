"""Why a server is in ERROR, for its user."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini import db
from nova_mini.objects.base import NovaObject, register, remotable


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
    def from_row(cls, context, row) -> InstanceFault:
        return cls(context).set_fields(row)

    @remotable
    def create(self) -> None:
        self.set_fields(db.instances.add_fault(self.obj_get_changes()))
