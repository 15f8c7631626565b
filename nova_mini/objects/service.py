"""A running process of ours, as the others see it."""

from __future__ import annotations

import datetime

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.conf import CONF
from nova_mini.objects.base import (
    NovaObject,
    ObjectList,
    TimestampedObject,
    register,
    remotable,
    utcnow,
)
from nova_mini.objects.heartbeats import Heartbeats
from nova_mini.objects.idle_services import IdleServices
from nova_mini.objects.instance_action import context_of

# Raised when the services must know of each other's age.
SERVICE_VERSION = 1

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
    def is_up(self) -> bool:
        """Whether it is alive and can do its work (a compute: its hypervisor answers)."""
        return self.is_alive and self.available

    @property
    def is_alive(self) -> bool:
        """Whether it reported lately and nobody forced it down."""
        if self.forced_down or self.last_seen_up is None:
            return False
        return utcnow() - self.last_seen_up <= datetime.timedelta(seconds=CONF.service_down_time)

    @classmethod
    @remotable
    def start(cls, context, host: str, binary: str, topic: str, incarnation: str) -> Service:
        """Register a process that starts; what its predecessor of that name owned is free now."""
        row = db.services.start(host, binary, topic, incarnation, SERVICE_VERSION)
        return cls(context).set_fields(row)

    @classmethod
    def report(cls, incarnation: str, available: bool = True) -> None:
        """A heartbeat. Not ``remotable``: it has no answer, which was most of what it cost."""
        if cls.indirection_api:
            cls.indirection_api.report(incarnation, available)
        else:
            _heartbeats.beat(incarnation, available)

    @classmethod
    @remotable
    def check_in(cls, context, incarnation: str, available: bool = True) -> list | None:
        """A heartbeat that is answered, with what its host was asked to do and has not done:
        [(action id, method, instance uuid, context as dict)], of a compute.

        None: another process has taken this one's name, so it must stop.
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
    def get_by_host_and_binary(cls, context, host: str, binary: str) -> Service:
        """Raises ServiceNotFound."""
        row = db.services.get_by_host_and_binary(host, binary)
        if row is None:
            raise exception.ServiceNotFound(service_id=f"{binary} on {host}")
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_by_uuid(cls, context, uuid: str) -> Service:
        """Raises ServiceNotFound."""
        row = db.services.get_by_uuid(uuid)
        if row is None:
            raise exception.ServiceNotFound(service_id=uuid)
        return cls(context).set_fields(row)

    @classmethod
    @remotable
    def get_by_id(cls, context, service_id: int) -> Service:
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
        """Forget it; of a compute, also its hypervisor and its places in aggregates.

        Raises ServiceInUse while servers are on it.
        """
        with db.session.writer():
            if self.topic == "compute":
                if db.hypervisors.hosts_with_servers([self.host]):
                    raise exception.ServiceInUse(host=self.host)
                db.aggregates.forget_host(self.host)
                db.compute_nodes.destroy(self.host)
            db.services.destroy(self.id)


@register
class ServiceList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Service")}

    @classmethod
    @remotable
    def get_all(cls, context, binary: str | None = None, host: str | None = None) -> ServiceList:
        rows = db.services.get_all(binary=binary, host=host)
        return cls.of(context, (Service(context).set_fields(row) for row in rows))

    @classmethod
    @remotable
    def get_enabled_by_host(cls, context, topic: str) -> dict[str, bool]:
        """host -> whether its service of that topic is enabled."""
        return db.services.get_enabled_by_host(topic)
