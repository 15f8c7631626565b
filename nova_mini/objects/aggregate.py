"""Aggregates: groups of hosts. One with ``availability_zone`` in its metadata is a zone."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oslo_utils import uuidutils
from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

AVAILABILITY_ZONE = "availability_zone"


@register
class Aggregate(TimestampedObject, NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "name": fields.StringField(),
        "metadata": JsonDictField(),
        "hosts": JsonListField(),
    }

    @property
    def availability_zone(self) -> str | None:
        return self.metadata.get(AVAILABILITY_ZONE)

    @classmethod
    @remotable
    def get_by_id(cls, context: RequestContext, aggregate_id: int) -> Aggregate:
        """Raises AggregateNotFound."""
        return cls._load(context, aggregate_id)

    @remotable
    def create(self) -> None:
        """``uuid``: a new one, unless it is set. Raises AggregateNameExists."""
        if not self.obj_attr_is_set("uuid"):
            self.uuid = uuidutils.generate_uuid()
        self.set_fields(_values(db.aggregates.create(self.uuid, self.name, self.metadata)))

    @remotable
    def change(self, name: str | None, metadata: dict[str, str | None]) -> None:
        """Set the name (None: unchanged) and metadata items; an item with the value None is
        removed.

        Raises AggregateNameExists. Raises InvalidAggregateAction when the zone changes and there
        are servers on its hosts, or when a host would be in two zones.
        """
        with db.session.writer():
            before = self._load(self._context, self.id, lock=True)
            merged = {k: v for k, v in {**before.metadata, **metadata}.items() if v is not None}
            zone = merged.get(AVAILABILITY_ZONE)
            if zone != before.availability_zone:
                _check_zone_can_change(before, zone)
            values = {"metadata": merged} if name is None else {"metadata": merged, "name": name}
            db.aggregates.update(self.id, values)
            _log_useless_ratios(self.id, metadata)
            if metadata.keys() & set(db.aggregate_ratios.KEYS):
                db.aggregate_ratios.apply(before.hosts)
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def add_host(self, host: str) -> None:
        """Raises ComputeHostNotFound, AggregateHostExists, InvalidAggregateAction (two zones)."""
        with db.session.writer():
            aggregate = self._load(self._context, self.id, lock=True)
            if db.compute_nodes.get_by_host(host) is None:
                raise exception.ComputeHostNotFound(host=host)
            _check_only_zone_of(host, aggregate, aggregate.availability_zone, "add host")
            if aggregate.availability_zone:
                _check_requested_zones(host, aggregate, aggregate.availability_zone, "add host")
            db.aggregates.add_host(self.id, host)
            db.aggregate_ratios.apply([host])
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def remove_host(self, host: str) -> None:
        """Raises AggregateHostNotFound; InvalidAggregateAction when servers would leave the zone
        that was requested for them."""
        with db.session.writer():
            aggregate = self._load(self._context, self.id, lock=True)
            if aggregate.availability_zone and host in aggregate.hosts:
                default = CONF.default_availability_zone
                _check_requested_zones(host, aggregate, default, "remove host")
            db.aggregates.remove_host(self.id, host)
            db.aggregate_ratios.apply([host])
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def destroy(self) -> None:
        """Raises InvalidAggregateAction while it has hosts."""
        with db.session.writer():
            if self._load(self._context, self.id, lock=True).hosts:
                raise exception.InvalidAggregateAction(
                    action="delete", aggregate_id=self.id, reason="Host aggregate is not empty"
                )
            db.aggregates.destroy(self.id)

    @classmethod
    def _load(cls, context: RequestContext, aggregate_id: int, lock: bool = False) -> Aggregate:
        row = (db.aggregates.lock if lock else db.aggregates.get)(aggregate_id)
        if row is None:
            raise exception.AggregateNotFound(aggregate_id=aggregate_id)
        return cls(context).set_fields(_values(row))


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an aggregate: its row and its hosts."""
    return {**row, "hosts": db.aggregates.get_hosts([row["id"]])[row["id"]]}


def _log_useless_ratios(aggregate_id: int, metadata: Mapping[str, str | None]) -> None:
    for key in db.aggregate_ratios.KEYS:
        value = metadata.get(key)
        if value is not None and db.aggregate_ratios.number(value) is None:
            LOG.warning("Aggregate %s: %s=%r is not a number above 0", aggregate_id, key, value)


def _check_zone_can_change(aggregate: Aggregate, zone: str | None) -> None:
    in_use = db.hypervisors.hosts_with_servers(aggregate.hosts)
    if in_use:
        raise exception.InvalidAggregateAction(
            action="update",
            aggregate_id=aggregate.id,
            reason=f"One or more hosts contain instances: {', '.join(sorted(in_use))}",
        )
    for host in aggregate.hosts:
        _check_only_zone_of(host, aggregate, zone, "update")


def _check_only_zone_of(host: str, aggregate: Aggregate, zone: str | None, action: str) -> None:
    """Raise InvalidAggregateAction if the host is already in another zone."""
    if zone is None:
        return
    zones = {
        row["metadata"].get(AVAILABILITY_ZONE)
        for row in db.aggregates.get_by_host(host)
        if row["id"] != aggregate.id
    }
    others = zones - {None, zone}
    if others:
        raise exception.InvalidAggregateAction(
            action=action,
            aggregate_id=aggregate.id,
            reason=f"Host {host} is in availability zone {', '.join(sorted(others))}",
        )


def _check_requested_zones(host: str, aggregate: Aggregate, zone: str, action: str) -> None:
    """Raise InvalidAggregateAction if another zone than ``zone`` was requested for a server on the
    host."""
    others = db.hypervisors.get_requested_zones(host) - {zone}
    if others:
        raise exception.InvalidAggregateAction(
            action=action,
            aggregate_id=aggregate.id,
            reason=f"Instances on host {host} were requested in availability zone "
            f"{', '.join(sorted(others))}",
        )


@register
class AggregateList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Aggregate")}

    @classmethod
    @remotable
    def get_all(cls, context: RequestContext) -> AggregateList:
        return cls._of_rows(context, db.aggregates.get_all())

    @classmethod
    @remotable
    def get_by_host(cls, context: RequestContext, host: str) -> AggregateList:
        """The aggregates of which the host is a member."""
        return cls._of_rows(context, db.aggregates.get_by_host(host))

    @classmethod
    def _of_rows(cls, context: RequestContext, rows: Sequence[Mapping[str, Any]]) -> AggregateList:
        hosts = db.aggregates.get_hosts([row["id"] for row in rows])
        return cls.of(
            context,
            (Aggregate(context).set_fields({**row, "hosts": hosts[row["id"]]}) for row in rows),
        )
