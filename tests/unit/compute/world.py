"""One compute service, a conductor, a scheduler and the API in one process: a message is a call,
the database is real, the hypervisor is the fake one with its files, and Cinder answers over HTTP.

A process can be killed at any step (:meth:`World.strike`): what it had done stays done. As long as
none is to be, every transaction that is done again when it breaks does break once.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import uuid

import oslo_messaging as messaging

from nova_mini import db, exception, faults, rpc
from nova_mini.compute import api as compute_api
from nova_mini.compute.manager import ComputeManager
from nova_mini.compute.volume_request import AttachRequest
from nova_mini.conductor.manager import ComputeTaskManager, ConductorManager
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.objects.base import NovaObject, utcnow
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import context_of
from nova_mini.objects.service import Service
from nova_mini.scheduler.manager import SchedulerManager

HOST = "host1"
_ROUNDS = 2
_working_on = db.session._working_on
_READS = re.compile(r"\.(get|has)_")


def _over_the_wire(entity):
    """As it arrives on the other side of the bus."""
    serializer = rpc.RequestContextSerializer()
    context = get_admin_context()
    sent = json.dumps(serializer.serialize_entity(context, entity))
    return serializer.deserialize_entity(context, json.loads(sent))


class _Conductor:
    """What a compute has instead of a database. Every answer is lost once: it asks twice."""

    def __getattr__(self, method):
        def ask(context, **kwargs):
            NovaObject.indirection_api = None
            try:
                for _ in range(2):
                    sent = {name: _over_the_wire(value) for name, value in kwargs.items()}
                    answer = getattr(ConductorManager(), method)(context, **sent)
                return _over_the_wire(answer)
            except messaging.ExpectedException as exc:
                raise exc.exc_info[1] from exc
            finally:
                NovaObject.indirection_api = self

        return lambda context, *args, **kwargs: ask(
            context, **dict(zip(_PARAMETERS[method], args, strict=False)), **kwargs
        )


_PARAMETERS = {
    "object_action": ("objinst", "objmethod", "args", "kwargs"),
    "object_class_action_versions": (
        "objname", "objmethod", "object_versions", "args", "kwargs",
    ),
}  # fmt: skip


@contextlib.contextmanager
def _without_a_database():
    """Inside, objects ask a conductor, as they do in a compute."""
    NovaObject.indirection_api = _Conductor()
    try:
        yield
    finally:
        NovaObject.indirection_api = None


class Killed(BaseException):
    """A process is no more."""


class _Broken(Exception):
    """The connection to the database is, just before the commit."""


class World:
    def __init__(self, monkeypatch, cinder):
        self.cinder = cinder
        self.casts: list[tuple[str, dict]] = []
        self.steps: list[str] = []
        self._order: str | None = None
        self._breaks = False
        monkeypatch.setattr(rpc, "get_client", lambda target: _Client(self, target.topic))
        monkeypatch.setattr(faults, "strike", self._at)
        monkeypatch.setattr(db.session, "retried", self._retried)
        monkeypatch.setattr(db.session, "_working_on", self._in_transaction)
        monkeypatch.setattr(rpc, "notifications_wanted", lambda: False)
        CONF.set_override("compute_driver", "fake.FakeDriver")
        CONF.set_override("auth_strategy", "keystone", group="api")
        self.context = RequestContext(
            user_id="user", project_id="project", auth_token="users-token", overwrite=False
        )
        self.api = compute_api.API()
        self.scheduler = SchedulerManager()
        self.start_conductor()
        self.start_compute()

    def start_conductor(self) -> None:
        owner = str(uuid.uuid4())
        context = get_admin_context()
        Service.start(context, "control", "nova-mini-conductor", "conductor", owner)
        self.tasks = ComputeTaskManager(owner)

    def start_compute(self) -> None:
        owner = str(uuid.uuid4())
        Service.start(get_admin_context(), HOST, "nova-mini-compute", "compute", owner)
        self.manager = ComputeManager(HOST, owner)
        self.manager.driver.init_host(HOST)
        self.manager.rt.init_host()
        self.manager.rt.update_available_resource()

    # -- faults ----------------------------------------------------------------------------------

    def strike(self, moment: str | None) -> None:
        """Die at the end of the step of that name, or ``before`` it; once."""
        self._order = moment

    def _at(self, moment: str) -> None:
        if _READS.search(moment):
            return  # it changes nothing: dying after it is dying before it
        self.steps.append(moment)
        if moment == self._order:
            self._order = None
            raise Killed(moment)

    def _retried(self, function):
        def call(*args, **kwargs):
            if db.session._state.connection is not None:
                return function(*args, **kwargs)
            self._breaks = self._order is None
            try:
                return function(*args, **kwargs)
            except _Broken:
                return function(*args, **kwargs)
            finally:
                self._breaks = False

        return call

    @contextlib.contextmanager
    def _in_transaction(self, connection, in_transaction: bool):
        with _working_on(connection, in_transaction):
            yield
        if in_transaction and self._breaks:
            self._breaks = False
            raise _Broken

    # -- messages --------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Every cast that was sent."""
        while self.casts:
            method, kwargs = self.casts.pop(0)
            if "action_ids" in kwargs:
                self._conduct(self.context, method, **kwargs)
            else:
                self._run(self.context, method, **kwargs)

    def send_again(self) -> None:
        """What nobody does is sent by a conductor to where it belongs, with no user's token."""
        for row in self.unfinished():
            self._send(row)

    def recover(self, rounds: int = _ROUNDS) -> None:
        """Who died starts again, and goes on with what is left, with no user's token."""
        self.casts.clear()
        for _ in range(rounds):
            self.start_compute()
            self.start_conductor()
            self.send_again()

    def _send(self, row) -> None:
        context, action_id = context_of(row), row["id"]
        if row["host"] is None:
            self._conduct(context, row["method"], action_ids=[action_id])
        else:
            ids = {"instance_uuid": row["instance_uuid"], "action_id": action_id}
            self._run(context, row["method"], **ids)

    def go_round(self, method: str) -> None:
        """What the compute does now and then."""
        with _without_a_database():
            getattr(self.manager, method)()

    def _conduct(self, context, method: str, action_ids: list[int]) -> None:
        getattr(self.tasks, method)(context, action_ids)

    def _run(self, context, method: str, **kwargs) -> None:
        """An error of an operation is in the action's history; a message has nobody to tell."""
        quiet = contextlib.suppress(messaging.ExpectedException, exception.NovaException)
        with quiet, _without_a_database():
            getattr(self.manager, method)(context, **kwargs)

    # -- servers and their volumes ---------------------------------------------------------------

    def set(self, instance_uuid: str, **columns) -> None:
        instances = db.models.instances
        db.query.update(instances, columns, instances.c.uuid == instance_uuid)

    def instance(self, instance_uuid: str) -> Instance:
        return Instance.get_by_uuid(self.context, instance_uuid)

    def make_running(self, instance_uuid: str) -> None:
        """A server whose build is over, with its guest."""
        self.set(
            instance_uuid, vm_state="active", task_state=None, host=HOST, node=HOST,
            launched_at=utcnow(), root_device_name="/dev/vda", availability_zone="nova",
        )  # fmt: skip
        for row in db.actions.get_by_instance(instance_uuid):
            db.actions.finish(row["id"], None)
        instance = self.instance(instance_uuid)
        self.manager.driver.spawn(self.context, instance, None, [], None)

    def build(self, action) -> None:
        """A conductor has chosen our host."""
        actions = db.models.instance_actions
        placed = {"host": HOST, "method": "build_and_run_instance"}
        db.query.update(actions, placed, actions.c.id == action.id)
        ids = {"instance_uuid": action.instance_uuid, "action_id": action.id}
        self._run(self.context, "build_and_run_instance", **ids)

    def attach(self, instance_uuid: str, volume_id: str, **asked):
        request = AttachRequest(volume_id=volume_id, **asked)
        bdm = self.api.attach_volume(self.context, self.instance(instance_uuid), request)
        self.deliver()
        return bdm

    def detach(self, instance_uuid: str, volume_id: str) -> None:
        self.api.detach_volume(self.context, self.instance(instance_uuid), volume_id)
        self.deliver()

    def delete(self, instance_uuid: str) -> None:
        self.api.delete(self.context, self.instance(instance_uuid))
        self.deliver()

    # -- what is there ---------------------------------------------------------------------------

    def unfinished(self) -> list:
        """The actions that are not done."""
        return db.actions.get_ownerless(db.query.now() + datetime.timedelta(days=1), living=())

    def bdms(self, instance_uuid: str) -> list:
        rows = db.block_device_mappings.get_by_instances([instance_uuid])
        return [row for row in rows if row["destination_type"] == "volume"]

    def guest_volumes(self, instance_uuid: str) -> dict[str, str]:
        guest = self.manager.driver._guests.find(instance_uuid)
        return guest.volumes if guest else {}

    def check_consistent(self, instance_uuid: str, volume_id: str) -> str:
        """In use with a working disk, or available with none, and nobody at work. Which of them."""
        assert self.unfinished() == []
        status = self.cinder.status(volume_id)
        attachments = self.cinder.of_instance(instance_uuid)
        mappings = self.bdms(instance_uuid)
        disks = list(self.guest_volumes(instance_uuid).values())
        if status == "in-use":
            assert disks == [volume_id]
            assert [m["attachment_id"] for m in mappings] == [a["id"] for a in attachments]
            assert [a["status"] for a in attachments] == ["attached"]
        else:
            assert (status, attachments, mappings, disks) == ("available", [], [], [])
        return status


class _Client:
    def __init__(self, world: World, topic: str):
        self._world = world
        self._topic = topic

    def prepare(self, **options):
        return self

    def cast(self, context, method, **kwargs):
        self._world.casts.append((method, kwargs))

    def call(self, context, method, **kwargs):
        sent = {name: _over_the_wire(value) for name, value in kwargs.items()}
        try:
            if self._topic == rpc.SCHEDULER_TOPIC:
                return _over_the_wire(getattr(self._world.scheduler, method)(context, **sent))
            with _without_a_database():
                return _over_the_wire(getattr(self._world.manager, method)(context, **sent))
        except messaging.ExpectedException as exc:
            raise exc.exc_info[1] from exc
