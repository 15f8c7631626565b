"""Selections: the hosts that the scheduler returns for a server. The first is claimed, the others
are alternates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from oslo_versionedobjects import fields

from nova_mini.objects.base import NovaObject, register


class SelectionFields(TypedDict):
    service_host: str
    nodename: str
    availability_zone: str | None


@register
class Selection(NovaObject):
    # 1.1: steps
    VERSION = "1.1"

    fields = {
        "service_host": fields.StringField(),
        "nodename": fields.StringField(),
        "availability_zone": fields.StringField(nullable=True),
        # What the scheduler did for the whole request, as ``trace.Steps``; only in the first
        # selection of a response.
        "steps": fields.ListOfListsOfStringsField(),
    }

    def with_steps(self, steps: Sequence[Sequence[str]]) -> Selection:
        """A copy that has these steps. One selection may be the alternate of many servers."""
        copied = Selection(**self.as_dict())
        copied.steps = [list(each) for each in steps]
        return copied

    def as_dict(self) -> SelectionFields:
        return {
            "service_host": self.service_host,
            "nodename": self.nodename,
            "availability_zone": self.availability_zone,
        }
