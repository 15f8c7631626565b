"""Flavors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oslo_versionedobjects import fields

from nova_mini import db, exception, patterns
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@register
class Flavor(TimestampedObject, NovaObject):
    """``memory_mb`` and ``swap`` are in MiB, ``root_gb`` and ``ephemeral_gb`` in GiB."""

    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "flavorid": fields.StringField(),
        "name": fields.StringField(),
        "memory_mb": fields.IntegerField(),
        "vcpus": fields.IntegerField(),
        "root_gb": fields.IntegerField(),
        "ephemeral_gb": fields.IntegerField(),
        "swap": fields.IntegerField(),
        "rxtx_factor": fields.FloatField(nullable=True),
        "disabled": fields.BooleanField(),
        "is_public": fields.BooleanField(),
        "description": fields.StringField(nullable=True),
        "extra_specs": JsonDictField(),
    }

    @property
    def disk_gb(self) -> int:
        """The disk that a server of this flavor needs on its host, in GiB (swap is rounded up)."""
        return self.root_gb + self.ephemeral_gb + -(-self.swap // 1024)

    def as_dict(self) -> dict[str, Any]:
        """The fields that are stored with a server of this flavor."""
        return {
            name: getattr(self, name)
            for name in self.fields
            if name not in ("created_at", "updated_at") and self.obj_attr_is_set(name)
        }

    @classmethod
    @remotable
    def get_by_flavor_id(cls, context: RequestContext, flavorid: str) -> Flavor:
        """Raises FlavorNotFound, also if the context's project may not see the flavor."""
        project_id = None if context.is_admin else context.project_id
        row = db.flavors.get_by_flavor_id(flavorid, project_id)
        if row is None:
            raise exception.FlavorNotFound(flavor_id=flavorid)
        return cls(context).set_fields(row)

    @remotable
    def create(self) -> None:
        """Raises FlavorExists."""
        self.set_fields(db.flavors.create(self.obj_get_changes()))

    @remotable
    def save(self) -> None:
        db.flavors.update(self.id, self.obj_get_changes())
        self.obj_reset_changes()

    @remotable
    def destroy(self) -> None:
        db.flavors.destroy(self.id)

    @remotable
    def change_extra_specs(self, added: dict[str, str], removed: list[str]) -> None:
        """Set and remove extra specs. Saved at once."""
        self.extra_specs = db.flavors.change_extra_specs(self.id, added, removed)
        self.obj_reset_changes(["extra_specs"])

    @remotable
    def get_access(self) -> list[str]:
        """The projects that may use a private flavor."""
        return db.flavors.get_access(self.id)

    @remotable
    def add_access(self, project_id: str) -> None:
        """Raises FlavorAccessExists."""
        db.flavors.add_access(self.id, project_id, self.flavorid)

    @remotable
    def remove_access(self, project_id: str) -> None:
        """Raises FlavorAccessNotFound."""
        db.flavors.remove_access(self.id, project_id, self.flavorid)


@register
class FlavorList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("Flavor")}

    @classmethod
    @remotable
    def get_all(
        cls,
        context: RequestContext,
        *,
        name: str | None = None,
        limit: int | None = None,
        **filters: Any,
    ) -> FlavorList:
        """One page. ``name``: a regular expression, see ``patterns``; ``filters``: see
        ``db.flavors.get_all``. Raises MarkerNotFound."""
        rows = db.flavors.get_all(
            project_id=context.project_id, limit=limit if name is None else None, **filters
        )
        if name is not None:  # a cloud has few flavors, so they are matched here
            matches = patterns.matcher(name)
            rows = [row for row in rows if matches(row["name"])][:limit]
        return cls.of(context, (Flavor(context).set_fields(row) for row in rows))
