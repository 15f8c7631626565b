"""The base classes of the versioned objects.

A compute has no database. It sets ``NovaObject.indirection_api`` to the RPC client of the
conductors, and then every ``remotable`` method runs in a conductor.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from oslo_versionedobjects import base as ovo
from oslo_versionedobjects import fields

from nova_mini import db, faults

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

register = ovo.VersionedObjectRegistry.register
P = ParamSpec("P")
R = TypeVar("R")


def remotable(method: Callable[P, R]) -> Callable[P, R]:
    """A method that runs in a conductor if this process has no database.

    It is retried when its transaction fails. Its end is a fault injection point twice: in the
    conductor before the reply is sent, and in the caller after the reply has arrived.
    """

    @functools.wraps(method)
    def run_locally(*args: P.args, **kwargs: P.kwargs) -> R:
        return db.session.retried(method)(*args, **kwargs)

    # The first parameter is ``self`` or ``cls``, which the types of the library name.
    run: Callable[P, R] = cast("Any", ovo.remotable)(run_locally)
    name = method.__qualname__

    @functools.wraps(run)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        result = run(*args, **kwargs)
        faults.log_point(f"call {name} is done")
        faults.inject(name)
        return result

    return call


class NovaObject(ovo.VersionedObject):
    OBJ_SERIAL_NAMESPACE = "nova_object"
    OBJ_PROJECT_NAMESPACE = "nova_mini"

    if TYPE_CHECKING:  # the attributes of ``fields`` are made at run time
        fields: Any

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def set_fields(self, values: Mapping[str, Any]) -> Self:
        """Set the fields that the mapping (a row or a dict) contains, and mark them unchanged."""
        for name in self.fields:
            if name in values:
                setattr(self, name, values[name])
        self.obj_reset_changes()
        return self


class TimestampedObject:
    """``created_at`` and ``updated_at``: UTC, without a time zone."""

    fields: Any = {
        "created_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "updated_at": fields.DateTimeField(nullable=True, tzinfo_aware=False),
    }


if TYPE_CHECKING:  # at run time, not every release of the library has generic classes
    _ListBase = ovo.ObjectListBase[Any]
else:
    _ListBase = ovo.ObjectListBase


class ObjectList(_ListBase, NovaObject):
    if TYPE_CHECKING:
        fields: Any

    @classmethod
    def of(cls, context: RequestContext, items: Iterable[NovaObject]) -> Self:
        """A list of these objects, marked unchanged."""
        made = cls(context, objects=list(items))
        made.obj_reset_changes()
        return made


class NovaObjectSerializer(ovo.VersionedObjectSerializer):
    OBJ_BASE_CLASS = NovaObject
