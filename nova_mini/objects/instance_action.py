"""Actions on servers: the history that users see, and the intent behind each operation.

A message between services holds only the id of an action. The process that receives it *claims* the
action, and gets the server and the arguments from the database. So the work is done by one process
at a time, whether the message arrives once, twice or never. See :mod:`nova_mini.actions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypedDict

from oslo_utils import versionutils
from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.context import RequestContext
from nova_mini.objects import intent_transactions
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.fields import JsonDictField
from nova_mini.objects.instance import Instance
from nova_mini.objects.intent_transactions import Absorb, Row
from nova_mini.objects.migration import Migration

# [name, start, finish] of each, with ISO times, as ``trace`` collects them.
Steps = Sequence[Sequence[str]]


class Intent(TypedDict):
    """The columns of a row that say what is to be done, and where (``host`` None: at a conductor).

    ``args_version`` belongs to the class in ``nova_mini.actions.parameters`` that made ``args``.
    """

    action: str
    method: str
    host: str | None
    args: dict[str, Any]
    args_version: int


@register
class InstanceActionEvent(NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "action_id": fields.IntegerField(),
        "event": fields.StringField(),
        "start_time": fields.DateTimeField(tzinfo_aware=False),
        "finish_time": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "result": fields.StringField(nullable=True),
        "traceback": fields.StringField(nullable=True),
        "host": fields.StringField(nullable=True),
        "details": fields.StringField(nullable=True),
    }


@register
class InstanceAction(TimestampedObject, NovaObject):
    # 1.1: begin_removal(), has_later(); put_back() has "counts"
    # 1.2: args_version; hand_over() has it
    # 1.3: finish() and hand_over() have "migration"
    VERSION = "1.3"

    fields = {
        "id": fields.IntegerField(),
        "instance_uuid": fields.UUIDField(),
        "action": fields.StringField(),
        "request_id": fields.StringField(nullable=True),
        "user_id": fields.StringField(nullable=True),
        "project_id": fields.StringField(nullable=True),
        "start_time": fields.DateTimeField(tzinfo_aware=False),
        "finish_time": fields.DateTimeField(nullable=True, tzinfo_aware=False),
        "message": fields.StringField(nullable=True),
        "method": fields.StringField(nullable=True),
        "host": fields.StringField(nullable=True),
        "attempts": fields.IntegerField(default=0),
        # Set only for the process that claimed it: they may hold an admin password.
        "args": JsonDictField(nullable=True),
        # Of the class in ``nova_mini.actions.parameters`` that wrote ``args``.
        "args_version": fields.IntegerField(nullable=True),
        "instance": fields.ObjectField("Instance", nullable=True),
        # Set only for a host: nearly all of its operations need the disks.
        "block_device_mappings": fields.ObjectField("BlockDeviceMappingList", nullable=True),
    }

    def obj_make_compatible(self, primitive: dict[str, Any], target_version: str) -> None:
        super().obj_make_compatible(primitive, target_version)
        if versionutils.convert_version_to_tuple(target_version) < (1, 2):
            primitive.pop("args_version", None)

    @classmethod
    def from_row(cls, context: RequestContext, row: Row) -> InstanceAction:
        return cls(context).set_fields({k: v for k, v in row.items() if k != "args"})

    @classmethod
    @remotable
    def get_by_request_id(
        cls, context: RequestContext, instance_uuid: str, request_id: str
    ) -> InstanceAction:
        """Raises InstanceActionNotFound."""
        row = db.actions.get_by_request_id(instance_uuid, request_id)
        if row is None:
            raise exception.InstanceActionNotFound(
                request_id=request_id, instance_uuid=instance_uuid
            )
        return cls.from_row(context, row)

    @remotable
    def get_events(self) -> list[InstanceActionEvent]:
        """[InstanceActionEvent], in the order in which they began."""
        return [
            InstanceActionEvent(self._context).set_fields(row)
            for row in db.actions.get_events([self.id])
        ]

    @classmethod
    def begin(
        cls,
        context: RequestContext,
        instance: Instance,
        action: str,
        *,
        method: str | None = None,
        host: str | None = None,
        args: dict[str, Any] | None = None,
        args_version: int = 1,
        absorb: Absorb | None = None,
        with_records: Callable[[], object] | None = None,
        expected_task_state: Collection[str | None] | None = (None,),
        expected_vm_state: Collection[str] | None = None,
    ) -> InstanceAction:
        """Commit an intent: the server's changed fields (its task_state) and the action, in one
        transaction.

        ``method`` is the RPC method that does it, at ``compute.<host>`` or, without a host, at a
        conductor; ``args`` (JSON) are its arguments. Without a method the action is only recorded.
        ``absorb``: this action ends all others of the server; it is called with the rows of those,
        and returns the arguments to store instead of ``args``. ``with_records()`` writes records of
        other tables in the same transaction, and may raise to refuse the action.
        Raises UnexpectedTaskStateError, InstanceInvalidState, InstanceNotFound when the server does
        not have the expected state any more; nothing is written then.
        """
        values = {
            "instance_uuid": instance.uuid,
            "action": action,
            "request_id": context.request_id,
            "user_id": context.user_id,
            "project_id": context.project_id,
            "start_time": context.timestamp,
            "method": method,
            "host": host,
            "args": args,
            "args_version": args_version,
        }
        begin = db.session.retried(intent_transactions.begin)
        row = begin(instance, values, absorb, with_records, expected_task_state, expected_vm_state)
        instance.forget_changes()
        return cls.from_row(context, row)

    def abandon(self, context: RequestContext, instance: Instance) -> None:
        """End an action that was begun and not sent, and clear the server's task_state.

        Called by ``compute.api`` when an external service refuses what the action needs.
        """
        began_with, instance.task_state = instance.task_state, None
        db.session.retried(intent_transactions.abandon)(self.id, instance, began_with)

    @classmethod
    def reset(cls, context: RequestContext, instance: Instance) -> None:
        """Save the server's fields and end all its actions, also those that are running."""
        db.session.retried(intent_transactions.reset)(instance)

    @classmethod
    @remotable
    def begin_at_host(
        cls,
        context: RequestContext,
        instance: Instance,
        action: str,
        method: str,
        expected_vm_state: list[str],
    ) -> InstanceAction | None:
        """Begin an action that a host decides on by itself, for a server that has no task_state.

        None when the server has another state now. The action may have been begun by an earlier
        call whose reply was lost: the host then gets it like any unfinished action.
        """
        try:
            return cls.begin(
                context,
                instance,
                action,
                method=method,
                host=instance.host,
                args={},
                expected_vm_state=expected_vm_state,
            )
        except (exception.InstanceNotFound, exception.Conflict):
            return None

    @classmethod
    @remotable
    def begin_removal(
        cls, context: RequestContext, instance_uuid: str, port_id: str, expected_vm_state: list[str]
    ) -> InstanceAction | None:
        """Begin the removal of an interface whose port does not exist any more. The interface is
        removed from the record of the server, and stored in the arguments of the action.

        None when the record does not have the interface. Raises InstanceBusy while an operation
        may change the interfaces, InstanceInvalidState, InstanceNotFound.
        """
        row = intent_transactions.begin_removal(context, instance_uuid, port_id, expected_vm_state)
        return cls.from_row(context, row) if row else None

    @classmethod
    @remotable
    def has_earlier(cls, context: RequestContext, instance_uuid: str, action_id: int) -> bool:
        """Whether the server has an unfinished action that began before ``action_id``."""
        return db.actions.has_earlier(instance_uuid, action_id)

    @classmethod
    @remotable
    def has_later(
        cls, context: RequestContext, instance_uuid: str, action_id: int, name: str
    ) -> bool:
        """Whether an action of that name was begun after that one."""
        return db.actions.has_later(instance_uuid, action_id, name)

    @classmethod
    @remotable
    def claim(
        cls,
        context: RequestContext,
        action_id: int,
        owner: str,
        *,
        host: str | None,
        event: str,
        at: str,
    ) -> InstanceAction | None:
        """Claim an action. Returns it with its arguments and with the server as it is now, read in
        the same transaction; for a host, with the server's disks.

        Begins ``event`` in the action's history. Returns None when there is nothing to do for the
        caller: see :func:`nova_mini.db.actions.claim`.
        """
        with db.session.writer():
            row = db.actions.claim(action_id, owner, host)
            if row is None:
                return None
            instance_row = db.instances.get_by_uuid(row["instance_uuid"])
            if instance_row is None:
                db.actions.finish(action_id, owner)
                return None
            if row["attempts"] > 1:
                db.recoveries.resumed(action_id, at, row["attempts"])
            db.actions.event_start(action_id, event, at)
            bdms = None
            if host is not None:
                bdms = BlockDeviceMappingList.get_by_instance_uuid(context, row["instance_uuid"])
        action = cls.from_row(context, row)
        action.block_device_mappings = bdms
        action.args = row["args"] or {}
        action.instance = Instance.from_row(context, instance_row)
        action.instance.claim = f"{action_id}:{owner}"
        action.instance.obj_reset_changes()
        return action

    @classmethod
    @remotable
    def finish(
        cls,
        context: RequestContext,
        action_id: int,
        owner: str,
        event: str,
        *,
        at: str,
        instance: Instance | None = None,
        migration: Migration | None = None,
        steps: Steps = (),
        traceback: str | None = None,
        details: str | None = None,
    ) -> None:
        """End the event and the action; with a ``traceback`` if it failed.

        ``at`` is the name of the host where the steps were taken. The last changes of ``instance``
        and ``migration`` and the steps (see ``trace``) are saved in the same transaction, so no
        half-finished operation is visible.
        """
        with db.session.writer():
            if instance is not None and not instance.write():
                db.instance_updates.touch(instance.uuid)
            if migration is not None:
                migration.write()
            db.actions.record_steps([action_id], at, steps)
            db.actions.event_finish(action_id, event, _result(traceback), traceback, details)
            db.actions.finish(action_id, owner, "Error" if traceback else None)

    @classmethod
    @remotable
    def hand_over(
        cls,
        context: RequestContext,
        action_id: int,
        owner: str,
        event: str,
        *,
        at: str,
        host: str | None,
        method: str,
        args: dict[str, Any],
        args_version: int = 1,
        instance: Instance | None = None,
        migration: Migration | None = None,
        steps: Steps = (),
        traceback: str | None = None,
    ) -> bool:
        """End the event, and let the action continue at ``host``, or at a conductor (None).

        Returns False when the caller does not own the action any more.
        """
        with db.session.writer():
            if instance is not None and not instance.write():
                db.instance_updates.touch(instance.uuid)
            if migration is not None:
                migration.write()
            db.actions.record_steps([action_id], at, steps)
            db.actions.event_finish(action_id, event, _result(traceback), traceback)
            target = {"host": host, "method": method, "args": args, "args_version": args_version}
            return db.actions.hand_over(action_id, owner, target)

    @classmethod
    @remotable
    def put_back(
        cls,
        context: RequestContext,
        action_id: int,
        owner: str,
        event: str,
        reason: str,
        counts: bool = True,
    ) -> None:
        """Requeue an action that cannot continue now, for example because an external service does
        not answer. ``counts``: whether this was one of its ``max_action_attempts``.

        The name of this method is on the wire: computes of earlier releases call it.
        """
        with db.session.writer():
            db.actions.event_finish(action_id, event, "Error", details=reason)
            db.actions.requeue(action_id, owner, counts)

    @classmethod
    @remotable
    def record_leftover(
        cls, context: RequestContext, instance_uuid: str, at: str, details: str
    ) -> None:
        """Record that an orphan of the server was removed on a host (``at``), or in an external
        service.

        The name of this method is on the wire: computes of earlier releases call it.
        """
        db.recoveries.record_for_server(instance_uuid, db.recoveries.ORPHAN_REMOVED, at, details)


def _result(traceback: str | None) -> str:
    return "Error" if traceback else "Success"


def context_of(row: Row) -> RequestContext:
    """The context in which an action is resumed: its user, without the user's token.

    Requests to Glance, Neutron or Cinder for such a context are made as the service user.
    """
    return RequestContext(
        user_id=row["user_id"],
        project_id=row["project_id"],
        request_id=row["request_id"],
        overwrite=False,
    )


@register
class InstanceActionList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("InstanceAction")}

    @classmethod
    @remotable
    def get_by_instance_uuid(
        cls, context: RequestContext, instance_uuid: str, **page: Any
    ) -> InstanceActionList:
        """Newest first; ``page`` as of ``db.actions.get_by_instance``. Raises MarkerNotFound."""
        rows = db.actions.get_by_instance(instance_uuid, **page)
        return cls.of(context, (InstanceAction.from_row(context, row) for row in rows))
