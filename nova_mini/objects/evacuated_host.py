"""What a host must do that returns after its servers were evacuated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from nova_mini import db
from nova_mini.objects.base import NovaObject, register, remotable
from nova_mini.states import migration_states

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


class Duties(TypedDict):
    """``leaving``: servers that are being evacuated from the host. ``left``: the UUIDs of the
    migrations of servers that are elsewhere now, and of these servers. ``is_fenced``: whether a
    conductor has fenced the host, or has begun to."""

    leaving: list[str]
    left: dict[str, str]
    is_fenced: bool


@register
class EvacuatedHost(NovaObject):
    VERSION = "1.0"

    fields: dict[str, Any] = {}  # noqa: RUF012

    @classmethod
    @remotable
    def get_duties(cls, context: RequestContext, host: str) -> Duties:
        service = db.fences.get_service(host)
        found = db.fences.get_evacuated(host)
        done = [row for row in found if row["status"] == migration_states.DONE]
        return Duties(
            leaving=[row["instance_uuid"] for row in found if row not in done],
            left={row["uuid"]: row["instance_uuid"] for row in done},
            is_fenced=bool(service and service["fence"]),
        )

    @classmethod
    @remotable
    def complete(cls, context: RequestContext, host: str, migration_uuids: list[str]) -> None:
        """Record that the host has removed what it still had of these servers. Idempotent."""
        db.fences.complete(host, migration_uuids)
