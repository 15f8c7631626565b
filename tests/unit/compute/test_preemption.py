"""An urgent operation preempts one that waits for a guest, which is resumed afterwards."""

from __future__ import annotations

import threading
import time
from concurrent import futures

import pytest

from nova_mini import db, exception
from nova_mini.actions import preemption
from nova_mini.actions.server_locks import ServerLocks
from nova_mini.conf import CONF
from nova_mini.virt.fake.metadata import DEAF
from tests.functional.harness.waiting import until
from tests.unit.compute.cloud_in_one_process import Killed

SECONDS = 20  # limit of each test; shorter than the wait for a guest that does not answer


@pytest.fixture(autouse=True)
def short_waits(cloud, monkeypatch, override):
    monkeypatch.setattr(preemption, "MIN_WAIT", 0.3)
    # Three seconds for each of the eight attempts, so that no waiting thread outlives the tests for
    # long.
    override("device_detach_timeout", 3, group="libvirt")
    cloud.disable_faults(monkeypatch)


@pytest.fixture
def in_thread():
    """``in_thread(act)`` runs it in a thread; the fixture waits for its end."""
    with futures.ThreadPoolExecutor() as pool:
        yield pool.submit


def wait_for_guest(cloud, method: str) -> int:
    """Wait until the operation waits for the guest. Returns the id of its action."""

    def find():
        rows = [row for row in cloud.unfinished() if row["method"] == method and row["owner"]]
        return rows[0]["id"] if rows else None

    until(f"{method} has begun", find, SECONDS)
    time.sleep(0.2)
    return find()


def message(action_id: int) -> str | None:
    return db.actions.get(action_id)["message"]


def wait_until_done(cloud) -> None:
    until("all is done", lambda: cloud.unfinished() == [], SECONDS)


def results(action_id: int) -> list[str]:
    return [
        event["result"]
        for event in db.actions.get_events([action_id])
        if event["event"].startswith("compute_")
    ]


# -- by operation --------------------------------------------------------------------------------


def test_unpause_does_not_wait_for_a_detach_of_a_volume(cloud, server, volume, in_thread):
    cloud.attach(server, volume)
    cloud.request("pause", server)
    in_thread(cloud.detach, server, volume)
    action_id = wait_for_guest(cloud, "detach_volume")
    began = time.monotonic()
    cloud.request("unpause", server)
    assert time.monotonic() - began < SECONDS
    assert cloud.instance(server).vm_state == "active"
    wait_until_done(cloud)
    assert cloud.check_consistent(server, volume) == "available"
    assert message(action_id) is None
    assert results(action_id)[0] == "Error" and results(action_id)[-1] == "Success"
    assert db.actions.get(action_id)["attempts"] == 1, "a preemption is not a failed attempt"


def test_unpause_does_not_wait_for_a_detach_of_an_interface(cloud, server, neutron, in_thread):
    port = cloud.plug(server, neutron.network)
    cloud.request("pause", server)
    in_thread(cloud.unplug, server, port)
    wait_for_guest(cloud, "detach_interface")
    cloud.request("unpause", server)
    assert cloud.instance(server).vm_state == "active"
    wait_until_done(cloud)
    assert cloud.interfaces(server) == cloud.guest_interfaces(server) == []
    assert neutron.ports_of(server) == []


def test_several_waiting_operations_are_preempted(cloud, server, neutron, in_thread):
    volumes = [cloud.cinder.add_volume() for _ in range(2)]
    for volume in volumes:
        cloud.attach(server, volume)
    port = cloud.plug(server, neutron.network)
    cloud.request("pause", server)
    for volume in volumes:
        in_thread(cloud.detach, server, volume)
    in_thread(cloud.unplug, server, port)
    wait_for_guest(cloud, "detach_volume")
    until("all are recorded", lambda: len(cloud.unfinished()) == 3, SECONDS)
    cloud.request("unpause", server)
    assert cloud.instance(server).vm_state == "active"
    wait_until_done(cloud)
    assert cloud.guest_volumes(server) == {} and cloud.guest_interfaces(server) == []
    assert [cloud.cinder.status(each) for each in volumes] == ["available"] * 2


@pytest.mark.parametrize("action", ["stop", "reboot", "delete"])
def test_a_guest_that_does_not_answer_is_stopped_rebooted_and_deleted(
    cloud, server, volume, in_thread, action, override
):
    override("shutdown_timeout", 2)  # seconds: no guest of this test shuts down by itself
    cloud.attach(server, volume)
    cloud.set(server, metadata={DEAF: "yes"})
    in_thread(cloud.detach, server, volume)
    wait_for_guest(cloud, "detach_volume")
    cloud.request(action, server, *(["HARD"] if action == "reboot" else []))
    if action == "delete":
        assert db.instances.get_by_uuid(server) is None
        until("the volume is free", lambda: cloud.cinder.status(volume) == "available", SECONDS)
        return
    assert cloud.instance(server).task_state is None
    cloud.set(server, metadata={})
    cloud.recover()
    wait_until_done(cloud)
    assert cloud.cinder.status(volume) == "available"


def test_a_hard_reboot_supersedes_a_waiting_soft_reboot(cloud, server, in_thread):
    cloud.set(server, metadata={DEAF: "yes"})
    in_thread(cloud.request, "reboot", server, "SOFT")
    soft = wait_for_guest(cloud, "reboot_instance")
    cloud.request("reboot", server, "HARD")
    wait_until_done(cloud)
    row = cloud.instance(server)
    assert (row.vm_state, row.task_state, row.power_state) == ("active", None, 1)
    assert message(soft) is None
    console = cloud.manager.driver._guests.find(server).console
    assert console.count("reboot HARD") == 1 and "reboot SOFT" not in console


def test_delete_does_not_wait_for_the_shutdown_of_a_guest(cloud, server, in_thread):
    cloud.set(server, metadata={DEAF: "yes"})
    in_thread(cloud.request, "stop", server)
    wait_for_guest(cloud, "stop_instance")
    began = time.monotonic()
    cloud.request("delete", server)
    assert time.monotonic() - began < SECONDS < CONF.shutdown_timeout
    assert db.instances.get_by_uuid(server) is None


def test_an_operation_is_not_preempted_before_min_wait(cloud, server, volume):
    """Even if an urgent operation waits."""
    cloud.attach(server, volume)
    with preemption.allowed(lambda: True):
        preemption.check(preemption.MIN_WAIT / 2)
        with pytest.raises(exception.Preempted):
            preemption.check(preemption.MIN_WAIT)
    with preemption.allowed(lambda: False):
        preemption.check(1000)
    preemption.check(1000)  # outside of an operation


# -- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        "InstanceAction.put_back",
        "before ComputeManager.unpause_instance",
        "FakeDriver.unpause",
        "ComputeManager.unpause_instance",
    ],
)
def test_a_kill_at_any_point_leaves_both_operations_done(cloud, server, volume, in_thread, point):
    cloud.attach(server, volume)
    cloud.request("pause", server)
    detaching = in_thread(cloud.detach, server, volume)
    wait_for_guest(cloud, "detach_volume")
    cloud.kill_at(point)
    try:
        cloud.request("unpause", server)
    except Killed:
        pass
    else:
        with pytest.raises(Killed):
            detaching.result(SECONDS)
    start_again(cloud)
    wait_until_done(cloud)
    assert cloud.instance(server).vm_state == "active"
    assert cloud.check_consistent(server, volume) == "available"


def test_an_unpause_preempts_a_resumed_detach(cloud, server, volume):
    """The new process resumes the detach before the unpause."""
    cloud.attach(server, volume)
    cloud.request("pause", server)
    cloud.kill_at("before ComputeManager.detach_volume")
    with pytest.raises(Killed):
        cloud.detach(server, volume)
    cloud.kill_at("before ComputeManager.unpause_instance")
    with pytest.raises(Killed):
        cloud.request("unpause", server)
    methods = [row["method"] for row in cloud.unfinished()]
    assert methods == ["detach_volume", "unpause_instance"]
    start_again(cloud)
    wait_until_done(cloud)
    assert cloud.instance(server).vm_state == "active"
    assert cloud.check_consistent(server, volume) == "available"


def start_again(cloud) -> None:
    """Replace the compute process, whose threads are dead, and resume its actions."""

    def die(instance):
        raise Killed

    dead = cloud.manager
    dead.driver._answers = die
    dead.runner._resuming.shutdown(cancel_futures=True)
    cloud.start_compute()
    context = cloud.context.to_dict()
    rows = cloud.unfinished()
    assert rows
    cloud.manager.resume_actions(
        [(row["id"], row["method"], row["instance_uuid"], context) for row in rows]
    )


# -- locks of servers ----------------------------------------------------------------------------


def test_urgent_waiters_get_the_lock_first_then_in_order_of_arrival():
    locks, order = ServerLocks(), []

    def wait(name: str, urgent: bool) -> threading.Thread:
        def run() -> None:
            with locks.hold("server", urgent):
                order.append(name)

        thread = threading.Thread(target=run)
        thread.start()
        waiting = len(threads) + 1
        until("it waits", lambda: _waiting(locks) == waiting, 5, 0.01)
        return thread

    threads: list[threading.Thread] = []
    with locks.hold("server"):
        assert not locks.is_urgently_awaited("server")
        for name, urgent in (("a", False), ("b", False), ("c", True), ("d", False), ("e", True)):
            threads.append(wait(name, urgent))
        assert locks.is_urgently_awaited("server")
        with locks.hold("another server"):
            pass
    for thread in threads:
        thread.join(5)
    assert order == ["c", "e", "a", "b", "d"]
    assert locks._queues == {}


def _waiting(locks: ServerLocks) -> int:
    queue = locks._queues["server"]
    return len(queue.urgent) + len(queue.others)


def test_a_failed_holder_releases_the_lock():
    locks = ServerLocks()
    with pytest.raises(ValueError), locks.hold("server"):
        raise ValueError
    with locks.hold("server"):
        pass
