"""The scheduler's answer for one server: a host, claimed, or an alternate, not yet claimed."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini.objects.base import NovaObject, register


@register
class Selection(NovaObject):
    VERSION = "1.0"

    fields = {
        "service_host": fields.StringField(),
        "nodename": fields.StringField(),
        "availability_zone": fields.StringField(nullable=True),
    }

    def as_dict(self) -> dict:
        return {name: getattr(self, name) for name in self.fields}
