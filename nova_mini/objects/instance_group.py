"""Server groups: servers that must be, or should be, on the same host or on different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_versionedobjects import fields

from nova_mini import db, exception, server_groups
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.fields import JsonDictField, JsonListField

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@register
class InstanceGroup(TimestampedObject, NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "uuid": fields.UUIDField(),
        "project_id": fields.StringField(),
        "user_id": fields.StringField(),
        "name": fields.StringField(),
        "policy": fields.StringField(),
        "rules": JsonDictField(),
        # In other tables: UUIDs of the servers, and host -> how many of them are there. Set by
        # load_members() and server_group_hosts.read().
        "members": JsonListField(),
        "hosts": JsonDictField(),
    }

    @property
    def max_server_per_host(self) -> int:
        """How many members may be on one host, if the policy is anti-affinity."""
        return server_groups.max_per_host(self.rules)

    def is_visible_to(self, context: RequestContext) -> bool:
        return context.is_admin or self.project_id == context.project_id

    @classmethod
    @remotable
    def get_by_uuid(cls, context: RequestContext, uuid: str) -> InstanceGroup:
        """Raises InstanceGroupNotFound."""
        row = db.instance_groups.get(uuid)
        if row is None:
            raise exception.InstanceGroupNotFound(group_uuid=uuid)
        return cls(context).set_fields(row)

    @remotable
    def create(self, of_project: int, of_user: int) -> None:
        """Insert it, without members.

        Raises ServerGroupLimitExceeded if its project would have more than ``of_project`` groups,
        or its user more than ``of_user`` in the project (-1: unlimited).
        """
        values = self.obj_get_changes()
        self.set_fields(db.instance_groups.create(values, of_project, of_user))

    @remotable
    def destroy(self) -> None:
        """Delete it. Its members keep their hosts, and are servers without a group from now on.

        Raises InstanceGroupNotFound.
        """
        db.instance_groups.destroy(self.uuid)

    @remotable
    def load_members(self) -> None:
        """Set ``members``, in the order of their creation."""
        self.members = db.instance_groups.get_members([self.id]).get(self.id, [])
        self.obj_reset_changes(["members"])


@register
class InstanceGroupList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("InstanceGroup")}

    @classmethod
    @remotable
    def get_page(
        cls, context: RequestContext, project_id: str | None, limit: int, offset: int
    ) -> InstanceGroupList:
        """Groups with their members, in the order of their creation; with two queries.

        ``project_id`` None: the groups of all projects.
        """
        rows = db.instance_groups.get_page(project_id, limit, offset)
        members = db.instance_groups.get_members([row["id"] for row in rows]) if rows else {}
        return cls.of(
            context,
            (
                InstanceGroup(context).set_fields({**row, "members": members.get(row["id"], [])})
                for row in rows
            ),
        )
