"""Services: the records of the running processes."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.objects.base import (
    NovaObject,
    ObjectList,
    TimestampedObject,
    register,
    remotable,
)
from nova_mini.objects.heartbeats import Heartbeats
from nova_mini.objects.idle_services import IdleServices
from nova_mini.objects.instance_action import context_of

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

# Incremented when services must distinguish this release from older ones. A compute of version 1
# (release 0.1.0) does not know Instance 1.1, nor the parameter "before" of a rebuild. Services of
# version 2 (release 0.2.0) know neither server groups nor moves of servers, and cannot
# rescue servers. Those of version 3 (no release) neither copy the disks of servers that move, nor
# move running guests, nor evacuate servers, know none of the calls and operations of
# ``GUEST_CALLS_VERSION``, open no consoles, and attach only volumes whose device has a name.
SERVICE_VERSION = 4
SERVER_GROUPS_VERSION = 3
MOVES_VERSION = 4
RESCUE_VERSION = 3
LIVE_MIGRATION_VERSION = 4
GUEST_CALLS_VERSION = 4
CONSOLES_VERSION = 4
EVACUATE_VERSION = 4
NAMES_DEVICE_VERSION = 4

_heartbeats = Heartbeats()
_idle = IdleServices()


@register
class Service(TimestampedObject, NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "host": fields.StringField(),
        "binary": fields.StringField(),
        "topic": fields.StringField(),
        "incarnation": fields.UUIDField(),
        "report_count": fields.IntegerField(),
        "last_seen_up": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "available": fields.BooleanField(),
        "disabled": fields.BooleanField(),
        "disabled_reason": fields.StringField(nullable=True),
        "forced_down": fields.BooleanField(),
        "version": fields.IntegerField(),
    }

    @property
    def public_binary(self) -> str:
        """``nova-compute`` for ``nova-mini-compute``, because clients expect Nova's names."""
        return self.binary.replace("nova-mini-", "nova-", 1)

    @property
    def is_up(self) -> bool:
        """Whether it is alive and available (for a compute: its hypervisor answers)."""
        return self.is_alive and self.available

    @property
    def is_alive(self) -> bool:
        """Whether it sent a heartbeat within ``service_down_time`` and is not forced down."""
        if self.forced_down or self.last_seen_up is None:
            return False
        return utcnow() - self.last_seen_up <= datetime.timedelta(seconds=CONF.service_down_time)

    @classmethod
    @remotable
    def start(
        cls, context: RequestContext, host: str, binary: str, topic: str, incarnation: str
    ) -> Service:
        """Register a process that starts. The actions that its predecessor owned have no owner
        then."""
        row = db.services.start(host, binary, topic, incarnation, SERVICE_VERSION)
        return cls(context).set_fields(row)

    @classmethod
    def report(cls, incarnation: str, available: bool = True) -> None:
        """Send a heartbeat. Not ``remotable``, because a reply would cost more than the rest."""
        if cls.indirection_api:
            cast("Any", cls.indirection_api).report(incarnation, available)
        else:
            _heartbeats.beat(incarnation, available)

    @classmethod
    @remotable
    def check_in(
        cls, context: RequestContext, incarnation: str, available: bool = True
    ) -> list[tuple[int, str, str, dict[str, Any]]] | None:
        """A heartbeat with a reply: the unfinished actions of a compute's host, as
        [(action ID, method, instance UUID, context as dict)].

        None: another process has registered under this service's name, so this one must stop.
        """
        _heartbeats.beat(incarnation, available)
        if incarnation in _idle:
            return []
        rows = db.actions.get_unfinished(incarnation)
        if rows is None:
            return None
        return [
            (row["id"], row["method"], row["instance_uuid"], context_of(row).to_dict())
            for row in rows
        ]

    @classmethod
    @remotable
    def get_by_host_and_binary(cls, context: RequestContext, host: str, binary: str) -> Service:
        """Raises ServiceNotFound."""
        row = db.services.get_by_host_and_binary(host, binary)
        if row is None:
            raise exception.ServiceNotFound(service_id=f"{binary} on {host}")
        return cls(context).set_fields(row)

    @classmethod
    def compute_version(cls, host: str) -> int:
        """The ``SERVICE_VERSION`` with which the compute of ``host`` runs, or ran last; 0 for none.

        Services with a database call it before they send a compute data that older releases do not
        understand.
        """
        row = db.services.get_by_host_and_binary(host, "nova-mini-compute")
        return row["version"] if row else 0

    @classmethod
    @remotable
    def get_by_uuid(cls, context: RequestContext, uuid: str) -> Service:
        """Raises ServiceNotFound."""
        row = db.services.get_by_uuid(uuid)
        if row is None:
            raise exception.ServiceNotFound(service_id=uuid)
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_by_id(cls, context: RequestContext, service_id: int) -> Service:
        """Raises ServiceNotFound."""
        row = db.services.get_by_id(service_id)
        if row is None:
            raise exception.ServiceNotFound(service_id=service_id)
        return cls(context).set_fields(row)

    @remotable
    def save(self) -> None:
        db.services.update(self.id, self.obj_get_changes())
        self.obj_reset_changes()

    @remotable
    def destroy(self) -> None:
        """Delete the record; of a compute, also its compute node and its aggregate memberships.

        Raises ServiceInUse while there are servers on the host.
        """
        with db.session.writer():
            if self.topic == "compute":
                if db.hypervisors.hosts_with_servers([self.host]):
                    raise exception.ServiceInUse(host=self.host)
                db.aggregates.remove_host_from_all(self.host)
                db.compute_nodes.destroy(self.host)
            db.services.destroy(self.id)


@register
class ServiceList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Service")}

    @classmethod
    @remotable
    def get_all(
        cls, context: RequestContext, binary: str | None = None, host: str | None = None
    ) -> ServiceList:
        rows = db.services.get_all(binary=binary, host=host)
        return cls.of(context, (Service(context).set_fields(row) for row in rows))

    def oldest_version(self, binaries: Collection[str]) -> int:
        """The smallest version of the running services of these kinds; SERVICE_VERSION if there are
        none."""
        running = [each.version for each in self if each.binary in binaries and each.is_alive]
        return min(running, default=SERVICE_VERSION)

    @classmethod
    @remotable
    def get_enabled_by_host(cls, context: RequestContext, topic: str) -> dict[str, bool]:
        """host -> whether its service with this topic is enabled."""
        return db.services.get_enabled_by_host(topic)
