"""What is done to a server, and was: the user's history, and the intent behind each operation.

A message between services holds an action's id alone. Who receives it *claims* the action and gets
the server and the arguments from the database; so whether a message came once, twice or never, the
work is done by one process at a time and until it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from oslo_versionedobjects import fields

from nova_mini import context as nova_context
from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.fields import JsonDictField
from nova_mini.objects.instance import Instance

# [name, start, finish] of each, with ISO times, as ``trace`` gathers them.
Steps = Sequence[Sequence[str]]


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
    VERSION = "1.0"

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
        # Only in the hands of who claimed it: they may hold an admin password.
        "args": JsonDictField(nullable=True),
        "instance": fields.ObjectField("Instance", nullable=True),
        # Only in the hands of a host: nearly all that it does to a server needs the disks.
        "block_device_mappings": fields.ObjectField("BlockDeviceMappingList", nullable=True),
    }

    @classmethod
    def from_row(cls, context, row) -> InstanceAction:
        return cls(context).set_fields({k: v for k, v in row.items() if k != "args"})

    @classmethod
    @remotable
    def get_by_request_id(cls, context, instance_uuid: str, request_id: str) -> InstanceAction:
        """Raises InstanceActionNotFound."""
        row = db.actions.get_by_request_id(instance_uuid, request_id)
        if row is None:
            raise exception.InstanceActionNotFound(
                request_id=request_id, instance_uuid=instance_uuid
            )
        return cls.from_row(context, row)

    @remotable
    def get_events(self) -> list:
        """[InstanceActionEvent], in the order in which they began."""
        return [
            InstanceActionEvent(self._context).set_fields(row)
            for row in db.actions.get_events([self.id])
        ]

    @classmethod
    def begin(
        cls,
        context,
        instance,
        action: str,
        *,
        method: str | None = None,
        host: str | None = None,
        args: dict | None = None,
        expected_task_state: Collection[str | None] | None = (None,),
        expected_vm_state: Collection[str] | None = None,
    ) -> InstanceAction:
        """Commit an intent: the server's changed fields (its task_state) and the action, at once.

        ``method`` is the RPC method that does it, at ``compute.<host>`` or, without a host, at a
        conductor; ``args`` (JSON) are its arguments. Without a method the action is only recorded.
        Called by ``compute.api``. Raises UnexpectedTaskStateError, InstanceInvalidState,
        InstanceNotFound when the server is not as expected any more; nothing is written then.
        """
        values = {
            "instance_uuid": instance.uuid,
            "action": action,
            "request_id": context.request_id,
            "user_id": context.user_id,
            "project_id": context.project_id,
            "method": method,
            "host": host,
            "args": args,
        }
        begin = db.session.retried(_begin)
        row = begin(instance, values, expected_task_state, expected_vm_state)
        instance.obj_reset_changes()
        return cls.from_row(context, row)

    def abandon(self, context, instance: Instance) -> None:
        """End an action that was begun and that nobody was told of; the server is idle again.

        Called by ``compute.api`` when a neighbour refuses what the action needs.
        """
        began_with, instance.task_state = instance.task_state, None
        db.session.retried(_abandon)(self.id, instance, began_with)

    @classmethod
    def reset(cls, context, instance: Instance) -> None:
        """Save the server's fields and end all its actions, whoever is doing them."""
        db.session.retried(_reset)(instance)

    @classmethod
    @remotable
    def begin_at_host(
        cls, context, instance: Instance, action: str, method: str, expected_vm_state: list[str]
    ) -> InstanceAction | None:
        """What a host does on its rounds, by itself, to a server that is there and idle. None when
        the server is not so any more: it may be that this was begun already, as the answer was
        lost; the host is told of it then as of any other action."""
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
    def has_earlier(cls, context, instance_uuid: str, action_id: int) -> bool:
        """Whether something goes on that was asked of the server before that action."""
        return db.actions.has_earlier(instance_uuid, action_id)

    @classmethod
    @remotable
    def claim(
        cls, context, action_id: int, owner: str, *, host: str | None, event: str, at: str
    ) -> InstanceAction | None:
        """Take up an action: its arguments and the server as it is now, in one transaction; for a
        host, with the server's disks.

        Opens ``event`` in the action's history. Returns None when there is nothing to do for the
        caller: the action is done, meant for another host, or another living process is at it.
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
        context,
        action_id: int,
        owner: str,
        event: str,
        *,
        at: str,
        instance: Instance | None = None,
        steps: Steps = (),
        traceback: str | None = None,
        details: str | None = None,
    ) -> None:
        """The event is over and the action with it; ``traceback`` tells that it failed.

        ``at`` is the name of the host where the steps were walked.

        In one transaction with the last changes of ``instance`` and the steps that were walked
        (see ``trace``), so nothing of an operation is seen half finished.
        """
        with db.session.writer():
            if instance is not None:
                instance.write()
            db.actions.record_steps([action_id], at, steps)
            db.actions.event_finish(action_id, event, _result(traceback), traceback, details)
            db.actions.finish(action_id, owner, "Error" if traceback else None)

    @classmethod
    @remotable
    def hand_over(
        cls,
        context,
        action_id: int,
        owner: str,
        event: str,
        *,
        at: str,
        host: str | None,
        method: str,
        args: dict,
        instance: Instance | None = None,
        steps: Steps = (),
        traceback: str | None = None,
    ) -> bool:
        """The event is over, the action goes on elsewhere: at ``host``, or at a conductor (None).

        Returns False when the caller had lost the action already.
        """
        with db.session.writer():
            if instance is not None:
                instance.write()
            db.actions.record_steps([action_id], at, steps)
            db.actions.event_finish(action_id, event, _result(traceback), traceback)
            return db.actions.hand_over(
                action_id, owner, {"host": host, "method": method, "args": args}
            )

    @classmethod
    @remotable
    def put_back(cls, context, action_id: int, owner: str, event: str, reason: str) -> None:
        """It cannot go on now (a neighbour is away): nobody's again, to be sent again later."""
        with db.session.writer():
            db.actions.event_finish(action_id, event, "Error", details=reason)
            db.actions.hand_over(action_id, owner, {})

    @classmethod
    @remotable
    def record_leftover(cls, context, instance_uuid: str, at: str, details: str) -> None:
        """Something was destroyed that a host (``at``), or a neighbour, still had of a server."""
        db.recoveries.record_for_server(instance_uuid, db.recoveries.LEFTOVER, at, details)


def _begin(instance: Instance, values: dict, expected_task_state, expected_vm_state):
    with db.session.writer():
        expected = {
            "expected_task_state": expected_task_state,
            "expected_vm_state": expected_vm_state,
        }
        changes = instance.columns()
        if changes:
            db.instances.update(instance.uuid, changes, **expected)
        else:
            db.instances.hold(instance.uuid, **expected)
        if values["action"] != "delete":
            return db.actions.begin(values)
        row = db.actions.begin({**values, "args": _args_of_delete(instance, values["args"])})
        db.actions.supersede(instance.uuid, but=row["id"])
    return row


def _abandon(action_id: int, instance: Instance, began_with: str | None) -> None:
    with db.session.writer():
        if db.actions.finish(action_id, None, "Error") and began_with is not None:
            instance.write(expected_task_state=began_with)


def _reset(instance: Instance) -> None:
    with db.session.writer():
        db.actions.supersede(instance.uuid)
        instance.write()


def _args_of_delete(instance: Instance, args: dict) -> dict:
    """With the images of the server that are being made, as their makers are superseded."""
    makers = db.actions.get_of_kinds([instance.uuid], ["createImage"])
    unfinished = [row["args"]["image_id"] for row in makers if row["finish_time"] is None]
    return {**args, "unfinished_images": unfinished} if unfinished else args


def _result(traceback: str | None) -> str:
    return "Error" if traceback else "Success"


def context_of(row) -> nova_context.RequestContext:
    """The context in which an action is done again: its user, without the user's token.

    Who needs to ask Glance, Neutron or Cinder for such a user does it as the service.
    """
    return nova_context.RequestContext(
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
    def get_by_instance_uuid(cls, context, instance_uuid: str, **page) -> InstanceActionList:
        """Newest first; ``page`` as of ``db.actions.get_by_instance``. Raises MarkerNotFound."""
        rows = db.actions.get_by_instance(instance_uuid, **page)
        return cls.of(context, (InstanceAction.from_row(context, row) for row in rows))
