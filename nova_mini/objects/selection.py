"""Selections: the hosts that the scheduler returns for a server. The first is claimed, the others
are alternates."""

from __future__ import annotations

from typing import TypedDict

from oslo_versionedobjects import fields

from nova_mini.objects.base import NovaObject, register


class SelectionFields(TypedDict):
    service_host: str
    nodename: str
    availability_zone: str | None


@register
class Selection(NovaObject):
    VERSION = "1.0"

    fields = {
        "service_host": fields.StringField(),
        "nodename": fields.StringField(),
        "availability_zone": fields.StringField(nullable=True),
    }

    def as_dict(self) -> SelectionFields:
        return {
            "service_host": self.service_host,
            "nodename": self.nodename,
            "availability_zone": self.availability_zone,
        }
