"""Ground of the versioned objects: what travels between services and what is kept in the database.

A compute has no database: it sets ``NovaObject.indirection_api`` to the conductor's RPC client, and
from then on every ``remotable`` method runs at a conductor.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable

from oslo_versionedobjects import base as ovo
from oslo_versionedobjects import fields

from nova_mini import db, faults

register = ovo.VersionedObjectRegistry.register


def remotable(method: Callable) -> Callable:
    """A method that runs at a conductor for who has no database, and where it runs is run again
    when its transaction breaks. That it is done is a moment at which tests strike: here the caller
    has the answer, there the conductor has not sent it yet."""

    @functools.wraps(method)
    def here(*args, **kwargs):
        return db.session.retried(method)(*args, **kwargs)

    somewhere = ovo.remotable(here)
    name = method.__qualname__

    @functools.wraps(somewhere)
    def call(*args, **kwargs):
        result = somewhere(*args, **kwargs)
        faults.tell(f"call {name} is done")
        faults.strike(name)
        return result

    return call


class NovaObject(ovo.VersionedObject):
    OBJ_SERIAL_NAMESPACE = "nova_object"
    OBJ_PROJECT_NAMESPACE = "nova_mini"

    def set_fields(self, values) -> NovaObject:
        """Take every field of ours that the mapping (a row, a dict) has, as unchanged."""
        for name in self.fields:
            if name in values:
                setattr(self, name, values[name])
        self.obj_reset_changes()
        return self


class TimestampedObject:
    """``created_at`` and ``updated_at``, UTC without zone."""

    fields = {
        "created_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "updated_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
    }


class ObjectList(ovo.ObjectListBase, NovaObject):
    """A list object; a subclass says of what with ``ITEM``."""

    @classmethod
    def of(cls, context, items) -> ObjectList:
        made = cls(context, objects=list(items))
        made.obj_reset_changes()
        return made


class NovaObjectSerializer(ovo.VersionedObjectSerializer):
    OBJ_BASE_CLASS = NovaObject


def utcnow() -> datetime.datetime:
    """Now, UTC, without zone: the form in which every time is kept."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
