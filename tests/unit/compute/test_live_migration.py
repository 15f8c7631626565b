"""Live migration between two hosts in one process: its outcomes, and a kill at every step."""

from __future__ import annotations

import contextlib
import json
import uuid
from concurrent import futures

import pytest

from nova_mini import db
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.compute.manager import ComputeManager
from nova_mini.context import get_admin_context
from nova_mini.db import models, query
from nova_mini.objects.service import Service
from tests.unit.compute import cloud_in_one_process as one
from tests.unit.compute.conftest import *  # noqa: F403

_PHASES = 8
_DATA = "what the guest has written"
SOURCE, DESTINATION, THIRD = "host1", "host2", "host3"


class _AtOnce:
    """An executor without threads."""

    def submit(self, function, *args):
        function(*args)
        done: futures.Future = futures.Future()
        done.set_result(None)
        return done

    def shutdown(self, **_kwargs) -> None:
        pass


class SeveralHosts(one.CloudInOneProcess):
    hosts = (SOURCE, DESTINATION, THIRD)

    def start_compute(self) -> None:
        self.managers = {}
        for host in self.hosts:
            owner = str(uuid.uuid4())
            Service.start(get_admin_context(), host, "nova-mini-compute", "compute", owner)
            manager = self.managers[host] = ComputeManager(host, owner)
            manager.driver.init_host(host)
            manager.rt.init_host()
            manager.runner._slots = manager.runner._resuming = _AtOnce()
        self.manager = self.managers[SOURCE]

    def _run(self, context, method: str, **kwargs) -> None:
        host = SOURCE
        if "action_id" in kwargs:
            host = db.actions.get(kwargs["action_id"])["host"] or SOURCE
        self.manager = self.managers[host]
        super()._run(context, method, **kwargs)
        self.manager = self.managers[SOURCE]

    def migrate(self, instance_uuid: str, **parameters) -> None:
        given = LiveMigrateParameters(**parameters)
        self.api.live_migrate(self.context, self.instance(instance_uuid), given)
        self.complete()

    def complete(self) -> None:
        """Run all phases. The answer to each hand-over is lost, so no phase sends a message: the
        reconciler does."""
        self.deliver()
        for _ in range(_PHASES):
            if self.unfinished():
                self.redispatch()
                self.deliver()

    def places(self, instance_uuid: str) -> list[str]:
        """The hosts whose hypervisor has the guest."""
        stores = {host: each.driver._guests for host, each in self.managers.items()}
        return [host for host, store in stores.items() if store.find(instance_uuid)]

    def give_disk(self, instance_uuid: str) -> None:
        """Give the guest a local disk at the source."""
        self.managers[SOURCE].driver._guests.write_disk(instance_uuid, _DATA)

    def disks(self, instance_uuid: str) -> dict[str, str]:
        """Host -> content of the local disk that it has of the guest."""
        paths = {
            host: each.driver._guests.disk_path(instance_uuid)
            for host, each in self.managers.items()
        }
        return {host: path.read_text() for host, path in paths.items() if path.exists()}

    def fault(self, instance_uuid: str) -> str | None:
        fault = db.instance_faults.get_latest_faults([instance_uuid]).get(instance_uuid)
        return fault and fault["message"]

    def migration(self, instance_uuid: str):
        table = models.migrations
        return query.one(table, table.c.instance_uuid == instance_uuid)

    def attachments(self, instance_uuid: str) -> list[dict]:
        return self.cinder.of_instance(instance_uuid)


@pytest.fixture
def cloud(database, monkeypatch, tmp_path):
    one.CONF.set_override("state_path", str(tmp_path))
    with stub_cinder.serving() as cinder:  # noqa: F405
        yield SeveralHosts(monkeypatch, cinder)
    for name, group in (
        ("state_path", None),
        ("compute_driver", None),
        ("auth_strategy", "api"),
        ("faults", "fake"),
    ):
        one.CONF.clear_override(name, group=group)


@pytest.fixture
def server(cloud, server):
    """With its allocation at the source, as if it had been scheduled."""
    spec = db.request_specs.get([server])[server]
    amounts = {name: spec[name] for name in ("vcpus", "memory_mb", "local_gb")}
    assert db.allocations.claim(server, SOURCE, amounts)
    return server


def check(cloud, server: str, host: str, status: str) -> None:
    """Guest, record, allocation and attachments are at ``host``, and nothing is anywhere else."""
    assert cloud.unfinished() == []
    instance = cloud.instance(server)
    assert cloud.places(server) == [host]
    assert cloud.disks(server) in ({}, {host: _DATA})
    assert (instance.host, instance.node, instance.task_state) == (host, host, None)
    assert instance.vm_state == "active"
    migration = cloud.migration(server)
    assert migration["status"] == status
    assert db.allocations.get(server)["host"] == host
    assert db.allocations.get(migration["uuid"]) is None
    mappings = cloud.bdms(server)
    attachments = cloud.attachments(server)
    assert [each["attachment_id"] for each in mappings] == [each["id"] for each in attachments]
    assert all(each["status"] == "attached" for each in attachments)
    for mapping in mappings:
        assert json.loads(mapping["connection_info"])["serial"] == mapping["volume_id"]


def metadata(cloud, server: str, **items: str) -> None:
    named = {f"fake:{name}": value for name, value in items.items()}
    cloud.set(server, metadata=named)


def test_a_guest_moves(cloud, server, volume):
    cloud.attach(server, volume)
    (before,) = cloud.attachments(server)
    cloud.migrate(server)
    host = cloud.instance(server).host
    assert host in (DESTINATION, THIRD)
    check(cloud, server, host, "completed")
    (after,) = cloud.attachments(server)
    assert after["id"] != before["id"]


@pytest.mark.parametrize("is_forced", [True, False])
def test_a_guest_moves_to_the_requested_host(cloud, server, is_forced):
    cloud.migrate(server, host=DESTINATION, is_forced=is_forced)
    check(cloud, server, DESTINATION, "completed")


def test_a_host_that_refuses_the_guest_is_followed_by_the_next(cloud, server, volume):
    cloud.attach(server, volume)
    metadata(cloud, server, refuse_live_migration_to=DESTINATION)
    cloud.migrate(server)
    check(cloud, server, THIRD, "completed")


def test_the_requested_host_refuses_the_guest(cloud, server, volume):
    cloud.attach(server, volume)
    metadata(cloud, server, refuse_live_migration_to=DESTINATION)
    cloud.migrate(server, host=DESTINATION)
    check(cloud, server, SOURCE, "error")
    assert cloud.fault(server).startswith("Migration pre-check error: fake:")


def test_all_hosts_refuse_the_guest(cloud, server):
    metadata(cloud, server, refuse_live_migration_to="*")
    cloud.migrate(server)
    check(cloud, server, SOURCE, "error")
    assert cloud.fault(server).startswith("No valid host")


def test_the_preparation_fails(cloud, server, volume):
    cloud.attach(server, volume)
    (before,) = cloud.attachments(server)
    metadata(cloud, server, fail_spawn_on="*")
    cloud.migrate(server)
    check(cloud, server, SOURCE, "error")
    assert cloud.attachments(server) == [before]


def test_the_migration_fails_and_the_guest_stays(cloud, server, volume):
    cloud.attach(server, volume)
    (before,) = cloud.attachments(server)
    metadata(cloud, server, fail_live_migration="yes")
    cloud.migrate(server)
    check(cloud, server, SOURCE, "failed")
    assert cloud.attachments(server) == [before]
    assert "fake:fail_live_migration" in cloud.fault(server)


def test_a_local_disk_is_copied(cloud, server):
    cloud.give_disk(server)
    cloud.migrate(server, host=DESTINATION)
    check(cloud, server, DESTINATION, "completed")
    assert cloud.disks(server) == {DESTINATION: _DATA}


def test_a_local_disk_needs_block_migration(cloud, server):
    cloud.give_disk(server)
    cloud.migrate(server, host=DESTINATION, block_migration=False)
    check(cloud, server, SOURCE, "error")
    assert "without block migration" in cloud.fault(server)
    assert cloud.disks(server) == {SOURCE: _DATA}


def test_a_copy_is_removed_after_a_failure(cloud, server):
    cloud.give_disk(server)
    metadata(cloud, server, fail_live_migration="yes")
    cloud.migrate(server, host=DESTINATION)
    check(cloud, server, SOURCE, "failed")
    assert cloud.disks(server) == {SOURCE: _DATA}


OUTCOMES = {"completed": {}, "failed": {"fail_live_migration": "yes"}}
POINTS = {
    "completed": [
        "check_can_live_migrate_source",
        "API.attachment_create",
        "pre_live_migration",
        "FakeDriver.live_migration",
        "FakeDriver.post_live_migration",
        "live_migration",
        "API.attachment_complete",
        "_keep_destination_only",
        "post_live_migration_at_destination",
    ],
    "failed": [
        "rollback_live_migration",
        "FakeDriver.rollback_live_migration_at_destination",
        "keep_one_host",
        "rollback_live_migration_at_destination",
    ],
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_kill_changes_nothing(cloud, server, volume, outcome):
    cloud.attach(server, volume)
    cloud.give_disk(server)
    metadata(cloud, server, **OUTCOMES[outcome])
    kill_at_each(cloud, server, outcome, POINTS[outcome])


@pytest.mark.long
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_kill_at_any_step_changes_nothing(cloud, server, volume, outcome):
    cloud.attach(server, volume)
    cloud.give_disk(server)
    metadata(cloud, server, **OUTCOMES[outcome])
    cloud.steps.clear()
    cloud.migrate(server)
    walked = list(dict.fromkeys(cloud.steps))
    assert set(POINTS[outcome]) <= set(walked)
    forget_migrations(server)
    kill_at_each(cloud, server, outcome, walked)


def kill_at_each(cloud, server: str, outcome: str, points: list[str]) -> None:
    """The server migrates again and again; each time the processes are killed at the next point."""
    for point in points:
        before = cloud.instance(server).host
        forget_migrations(server)
        cloud.kill_at(point)
        with contextlib.suppress(one.Killed):
            cloud.migrate(server)
        cloud.kill_at(None)
        cloud.recover(restarts=1)
        cloud.complete()
        after = cloud.instance(server).host
        try:
            check(cloud, server, after, outcome)
            assert cloud.disks(server) == {after: _DATA}
            assert (after != before) is (outcome == "completed")
        except AssertionError as exc:
            raise AssertionError(f"killed at {point}: {cloud.fault(server)}") from exc


def forget_migrations(server: str) -> None:
    query.delete(models.migrations, models.migrations.c.instance_uuid == server)
