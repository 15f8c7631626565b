"""The API, a conductor, a scheduler and a compute service in one process.

A message is a function call. The database is real, the hypervisor is the fake driver with its
files, and Cinder is a stub that answers over HTTP.

:meth:`CloudInOneProcess.kill_at` kills the process at a step: what it has done before stays. While
no kill is pending, every transaction with retries breaks once before its commit.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import sys
import threading
import uuid

import oslo_messaging as messaging

from nova_mini import db, exception, faults, rpc
from nova_mini.clock import utcnow
from nova_mini.compute import api as compute_api
from nova_mini.compute.host import evacuated
from nova_mini.compute.manager import ComputeManager
from nova_mini.compute.requests.volume_request import AttachRequest
from nova_mini.conductor.manager import ComputeTaskManager, ConductorManager
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.objects.base import NovaObject
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import context_of
from nova_mini.objects.network_model import NetworkRequest
from nova_mini.objects.service import Service
from nova_mini.scheduler.manager import SchedulerManager

HOST = "host1"
_RESTARTS = 2
_working_on = db.session._working_on
_READS = re.compile(r"\.(get|has)_")


def _over_the_wire(entity):
    """Return the entity as the receiver of a message gets it."""
    serializer = rpc.RequestContextSerializer()
    context = get_admin_context()
    sent = json.dumps(serializer.serialize_entity(context, entity))
    return serializer.deserialize_entity(context, json.loads(sent))


class _Conductor:
    """Stands for the conductors in a compute. Calls each method twice, as after a lost answer."""

    def __getattr__(self, method):
        def call(context, **kwargs):
            NovaObject.indirection_api = None
            try:
                for _ in range(2):
                    sent = {name: _over_the_wire(value) for name, value in kwargs.items()}
                    response = getattr(ConductorManager(), method)(context, **sent)
                return _over_the_wire(response)
            except messaging.ExpectedException as exc:
                raise exc.exc_info[1] from exc
            finally:
                NovaObject.indirection_api = self

        return lambda context, *args, **kwargs: call(
            context, **dict(zip(_PARAMETERS[method], args, strict=False)), **kwargs
        )


_PARAMETERS = {
    "object_action": ("objinst", "objmethod", "args", "kwargs"),
    "object_class_action_versions": (
        "objname",
        "objmethod",
        "object_versions",
        "args",
        "kwargs",
    ),
}


@contextlib.contextmanager
def _without_a_database():
    """Inside, objects call a conductor, as in a compute service."""
    NovaObject.indirection_api = _Conductor()
    try:
        yield
    finally:
        NovaObject.indirection_api = None


class Killed(BaseException):
    """The process was killed."""


class _Broken(Exception):
    """The connection to the database broke just before the commit."""


class CloudInOneProcess:
    def __init__(self, monkeypatch, cinder):
        self.cinder = cinder
        self.casts: list[tuple[str, dict]] = []
        self.steps: list[str] = []
        self._kill_point: str | None = None
        self._call = threading.local()  # of each thread: whether its transaction will break
        self._managers: list[ComputeManager] = []
        monkeypatch.setattr(rpc, "get_client", lambda target: _Client(self, target.topic))
        monkeypatch.setattr(faults, "inject", self._inject)
        monkeypatch.setattr(db.session, "retried", self._retried)
        monkeypatch.setattr(db.session, "_working_on", self._in_transaction)
        monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: False)
        CONF.set_override("compute_driver", "fake.FakeDriver")
        CONF.set_override("faults", "everyone", group="fake")
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

    def start_compute(self, *, cleaned: bool = False) -> None:
        """``cleaned``: with the work of a host that returns."""
        owner = str(uuid.uuid4())
        Service.start(get_admin_context(), HOST, "nova-mini-compute", "compute", owner)
        self.manager = ComputeManager(HOST, owner)
        self._managers.append(self.manager)
        self.manager.driver.init_host(HOST)
        if cleaned:
            evacuated.return_to_service(self.manager.services, owner)
        self.manager.rt.init_host()
        self.manager.rt.update_available_resource()

    def stop(self) -> None:
        """Wait until no thread runs an operation: it would change what the next test sees.

        Guests answer from now on, so that no operation waits for one.
        """
        for manager in self._managers:
            manager.driver._answers = lambda instance: True
            manager.runner.stop(wait=True)

    def disable_faults(self, monkeypatch) -> None:
        """Lose no answers and break no transactions. For tests with several threads."""
        monkeypatch.setattr(db.session, "_working_on", _working_on)
        monkeypatch.setattr(sys.modules[__name__], "_without_a_database", contextlib.nullcontext)

    # -- faults ----------------------------------------------------------------------------------

    def kill_at(self, point: str | None) -> None:
        """Raise Killed once, at the end of the step ``point``, or before it ("before <step>")."""
        self._kill_point = point

    def _inject(self, point: str) -> None:
        if _READS.search(point):
            return  # a read changes nothing: a kill after it is the same as before it
        self.steps.append(point)
        if point == self._kill_point:
            self._kill_point = None
            raise Killed(point)

    def _retried(self, function):
        def call(*args, **kwargs):
            if db.session._state.connection is not None:
                return function(*args, **kwargs)
            self._call.breaks = self._kill_point is None
            try:
                return function(*args, **kwargs)
            except _Broken:
                return function(*args, **kwargs)
            finally:
                self._call.breaks = False

        return call

    @contextlib.contextmanager
    def _in_transaction(self, connection, in_transaction: bool):
        with _working_on(connection, in_transaction):
            yield
        if in_transaction and getattr(self._call, "breaks", False):
            self._call.breaks = False
            raise _Broken

    # -- messages --------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Run all casts that were sent, and those that they send."""
        while self.casts:
            method, kwargs = self.casts.pop(0)
            if "action_ids" in kwargs:
                self._conduct(self.context, method, **kwargs)
            else:
                self._run(self.context, method, **kwargs)

    def redispatch(self) -> None:
        """Run all unfinished actions as if the reconciler had sent them: without a user's token."""
        for row in self.unfinished():
            self._send(row)

    def recover(self, restarts: int = _RESTARTS) -> None:
        """Lose all casts, restart compute and conductor, and resume the unfinished actions."""
        self.casts.clear()
        for _ in range(restarts):
            self.start_compute()
            self.start_conductor()
            self.redispatch()

    def _send(self, row) -> None:
        context, action_id = context_of(row), row["id"]
        if row["host"] is None:
            self._conduct(context, row["method"], action_ids=[action_id])
        else:
            ids = {"instance_uuid": row["instance_uuid"], "action_id": action_id}
            self._run(context, row["method"], **ids)

    def run_periodic_task(self, method: str) -> None:
        """Run a periodic task of the compute."""
        with _without_a_database():
            getattr(self.manager, method)()

    def _conduct(self, context, method: str, action_ids: list[int]) -> None:
        getattr(self.tasks, method)(context, action_ids)

    def _run(self, context, method: str, **kwargs) -> None:
        """Ignore errors of an operation, as after a cast: they are in the history of the action."""
        quiet = contextlib.suppress(messaging.ExpectedException, exception.NovaException)
        with quiet, _without_a_database():
            getattr(self.manager, method)(context, **kwargs)

    # -- requests and records --------------------------------------------------------------------

    def set(self, instance_uuid: str, **columns) -> None:
        instances = db.models.instances
        db.query.update(instances, columns, instances.c.uuid == instance_uuid)

    def instance(self, instance_uuid: str) -> Instance:
        return Instance.get_by_uuid(self.context, instance_uuid)

    def make_running(self, instance_uuid: str) -> None:
        """Finish the build of a server, with its guest."""
        self.set(
            instance_uuid,
            vm_state="active",
            task_state=None,
            power_state=1,
            host=HOST,
            node=HOST,
            launched_at=utcnow(),
            root_device_name="/dev/vda",
            availability_zone="nova",
        )
        for row in db.actions.get_by_instance(instance_uuid):
            db.actions.finish(row["id"], None)
        instance = self.instance(instance_uuid)
        self.manager.driver.spawn(self.context, instance, None, [], None)

    def build(self, action) -> None:
        """Run a build on the host, as if a conductor had chosen it."""
        actions = db.models.instance_actions
        placed = {"host": HOST, "method": "build_and_run_instance"}
        db.query.update(actions, placed, actions.c.id == action.id)
        ids = {"instance_uuid": action.instance_uuid, "action_id": action.id}
        self._run(self.context, "build_and_run_instance", **ids)

    def attach(self, instance_uuid: str, volume_id: str, **fields):
        request = AttachRequest(volume_id=volume_id, **fields)
        bdm = self.api.attach_volume(self.context, self.instance(instance_uuid), request)
        self.deliver()
        return bdm

    def detach(self, instance_uuid: str, volume_id: str) -> None:
        self.api.detach_volume(self.context, self.instance(instance_uuid), volume_id)
        self.deliver()

    def plug(self, instance_uuid: str, network_id: str) -> str:
        """Attach an interface and return the id of its port. The host's answer may be lost."""
        request = NetworkRequest(network_id=network_id)
        with contextlib.suppress(exception.InterfaceAttachDelayed):
            self.api.attach_interface(self.context, self.instance(instance_uuid), request)
        return self.interfaces(instance_uuid)[-1]

    def unplug(self, instance_uuid: str, port_id: str) -> None:
        self.api.detach_interface(self.context, self.instance(instance_uuid), port_id)
        self.deliver()

    def request(self, method: str, instance_uuid: str, *args) -> None:
        """Make a new request of the user and run it to its end."""
        self.context = RequestContext(
            user_id="user", project_id="project", auth_token="users-token", overwrite=False
        )
        getattr(self.api, method)(self.context, self.instance(instance_uuid), *args)
        self.deliver()

    def delete(self, instance_uuid: str) -> None:
        self.api.delete(self.context, self.instance(instance_uuid))
        self.deliver()

    # -- present state ---------------------------------------------------------------------------

    def unfinished(self) -> list:
        """Return all unfinished actions."""
        return db.actions.get_ownerless(db.query.now() + datetime.timedelta(days=1), living=())

    def bdms(self, instance_uuid: str) -> list:
        rows = db.block_device_mappings.get_by_instances([instance_uuid])
        return [row for row in rows if row["destination_type"] == "volume"]

    def interfaces(self, instance_uuid: str) -> list[str]:
        """Return the port ids in the server's record."""
        return [vif.id for vif in self.instance(instance_uuid).network_info]

    def guest_interfaces(self, instance_uuid: str) -> list[str]:
        guest = self.manager.driver._guests.find(instance_uuid)
        return guest.vifs if guest else []

    def guest_volumes(self, instance_uuid: str) -> dict[str, str]:
        guest = self.manager.driver._guests.find(instance_uuid)
        return guest.volumes if guest else {}

    def check_consistent(self, instance_uuid: str, volume_id: str) -> str:
        """Check that the volume is either "in-use" as a disk of the guest or "available" without
        attachments, and that no action is unfinished. Returns the status."""
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
    def __init__(self, cloud: CloudInOneProcess, topic: str):
        self._cloud = cloud
        self._topic = topic

    def prepare(self, **options):
        return self

    def cast(self, context, method, **kwargs):
        self._cloud.casts.append((method, kwargs))

    def call(self, context, method, **kwargs):
        sent = {name: _over_the_wire(value) for name, value in kwargs.items()}
        try:
            if self._topic == rpc.SCHEDULER_TOPIC:
                return _over_the_wire(getattr(self._cloud.scheduler, method)(context, **sent))
            with _without_a_database():
                return _over_the_wire(getattr(self._cloud.manager, method)(context, **sent))
        except messaging.ExpectedException as exc:
            raise exc.exc_info[1] from exc
