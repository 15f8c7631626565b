"""A group of hosts; with ``availability_zone`` in its metadata, a zone."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField

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
    def get_by_id(cls, context, aggregate_id: int) -> Aggregate:
        """Raises AggregateNotFound."""
        return cls._load(context, aggregate_id)

    @remotable
    def create(self) -> None:
        """Raises AggregateNameExists."""
        self.set_fields(_values(db.aggregates.create(self.name, self.metadata)))

    @remotable
    def change(self, name: str | None, metadata: dict[str, str | None]) -> None:
        """Rename (None: not), and set metadata; a value None takes its key away.

        Raises AggregateNameExists, and InvalidAggregateAction when the zone would change under
        servers, or a host would be in two zones.
        """
        with db.session.writer():
            before = self._load(self._context, self.id, for_change=True)
            merged = {k: v for k, v in {**before.metadata, **metadata}.items() if v is not None}
            zone = merged.get(AVAILABILITY_ZONE)
            if zone != before.availability_zone:
                _check_zone_may_be(before, zone)
            values = {"metadata": merged} if name is None else {"metadata": merged, "name": name}
            db.aggregates.update(self.id, values)
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def add_host(self, host: str) -> None:
        """Raises ComputeHostNotFound, AggregateHostExists, InvalidAggregateAction (two zones)."""
        with db.session.writer():
            aggregate = self._load(self._context, self.id, for_change=True)
            if db.compute_nodes.get_by_host(host) is None:
                raise exception.ComputeHostNotFound(host=host)
            _check_only_zone_of(host, aggregate, aggregate.availability_zone, "add host to")
            if aggregate.availability_zone:
                _check_servers_agree(host, aggregate, aggregate.availability_zone, "add host to")
            db.aggregates.add_host(self.id, host)
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def remove_host(self, host: str) -> None:
        """Raises AggregateHostNotFound, InvalidAggregateAction (servers would leave their zone)."""
        with db.session.writer():
            aggregate = self._load(self._context, self.id, for_change=True)
            if aggregate.availability_zone and host in aggregate.hosts:
                default = CONF.default_availability_zone
                _check_servers_agree(host, aggregate, default, "remove host from")
            db.aggregates.remove_host(self.id, host)
            self.set_fields(_values(db.aggregates.get(self.id)))

    @remotable
    def destroy(self) -> None:
        """Raises InvalidAggregateAction while it has hosts."""
        with db.session.writer():
            if self._load(self._context, self.id, for_change=True).hosts:
                raise exception.InvalidAggregateAction(
                    action="delete", aggregate_id=self.id, reason="it is not empty"
                )
            db.aggregates.destroy(self.id)

    @classmethod
    def _load(cls, context, aggregate_id: int, for_change: bool = False) -> Aggregate:
        row = (db.aggregates.lock if for_change else db.aggregates.get)(aggregate_id)
        if row is None:
            raise exception.AggregateNotFound(aggregate_id=aggregate_id)
        return cls(context).set_fields(_values(row))


def _values(row) -> dict:
    """A row with its hosts."""
    return {**row, "hosts": db.aggregates.get_hosts([row["id"]])[row["id"]]}


def _check_zone_may_be(aggregate: Aggregate, zone: str | None) -> None:
    taken = db.hypervisors.hosts_with_servers(aggregate.hosts)
    if taken:
        raise exception.InvalidAggregateAction(
            action="update",
            aggregate_id=aggregate.id,
            reason=f"there are servers on {', '.join(sorted(taken))}",
        )
    for host in aggregate.hosts:
        _check_only_zone_of(host, aggregate, zone, "update")


def _check_only_zone_of(host: str, aggregate: Aggregate, zone: str | None, action: str) -> None:
    """A host is in one zone at most."""
    if zone is None:
        return
    others = {
        row["metadata"].get(AVAILABILITY_ZONE)
        for row in db.aggregates.get_by_host(host)
        if row["id"] != aggregate.id
    }
    if others - {None, zone}:
        raise exception.InvalidAggregateAction(
            action=action,
            aggregate_id=aggregate.id,
            reason=f"host {host} is in the zone {', '.join(sorted(others - {None, zone}))}",
        )


def _check_servers_agree(host: str, aggregate: Aggregate, zone: str, action: str) -> None:
    """A server that was asked to be in a zone stays in it."""
    left = db.hypervisors.zones_asked_for_on(host) - {zone}
    if left:
        raise exception.InvalidAggregateAction(
            action=action,
            aggregate_id=aggregate.id,
            reason=f"servers on {host} were asked to be in {', '.join(sorted(left))}",
        )


@register
class AggregateList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Aggregate")}

    @classmethod
    @remotable
    def get_all(cls, context) -> AggregateList:
        rows = db.aggregates.get_all()
        hosts = db.aggregates.get_hosts([row["id"] for row in rows])
        return cls.of(
            context,
            (Aggregate(context).set_fields({**row, "hosts": hosts[row["id"]]}) for row in rows),
        )
