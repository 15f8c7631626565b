"""All daemons of an older release are killed during operations of every kind. The new release
finishes the actions that it finds in the database."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.functional.harness import oracle, source
from tests.functional.harness.upgrade import HOSTS, SECONDS, Site, old_site
from tests.functional.harness.waiting import until

HOST, OTHER = HOSTS


@dataclasses.dataclass
class Unfinished:
    """An operation that the old release has begun.

    ``method``: the column of its row. ``ask`` requests it; ``check`` waits for its end in the new
    release. ``begins``: the status of the server before the request; None: the request creates it.
    ``points``: the fault injection points at which the daemon is killed. ``if_pending``: ``check``
    for an operation that was not begun.
    """

    method: str
    begins: str | None
    ask: Callable[[Site, Subject], object]
    check: Callable[[Site, Subject], None]
    points: tuple[str, ...] = ()
    waits: bool = False  # the request is answered when the host has done it, or a part of it
    if_pending: Callable[[Site, Subject], None] | None = None


@dataclasses.dataclass
class Subject:
    """A server with an unfinished operation, and the volume and image of this operation."""

    id: str = ""
    volume: str = ""
    other_volume: str = ""
    image: str = ""


def _is(status: str) -> Callable[[Site, Subject], None]:
    def check(site: Site, subject: Subject) -> None:
        site.user.wait_for(subject.id, status, SECONDS)

    return check


def _action(action: str, arguments=None) -> Callable[[Site, Subject], None]:
    def ask(site: Site, subject: Subject) -> None:
        site.admin.act(subject.id, action, arguments)

    return ask


def _create_at(host: str | None, **fields):
    def ask(site: Site, subject: Subject) -> None:
        subject.id = site.create(host, **fields)

    return ask


def _delete(site: Site, subject: Subject) -> None:
    site.user.delete(f"/servers/{subject.id}")


def _is_gone(site: Site, subject: Subject) -> None:
    site.user.wait_gone(subject.id, SECONDS)


def _rebuild(site: Site, subject: Subject) -> None:
    site.user.act(subject.id, "rebuild", {"imageRef": site.other_image})


def _is_rebuilt(site: Site, subject: Subject) -> None:
    site.user.wait_for(subject.id, "ACTIVE", SECONDS)
    assert site.user.show(subject.id)["image"]["id"] == site.other_image
    assert site.cloud.guest(HOST, subject.id)["image"] == site.other_image


def _make_image(site: Site, subject: Subject) -> None:
    subject.image = site.user.act(subject.id, "createImage", {"name": "copy"})["image_id"]


def _has_image(site: Site, subject: Subject) -> None:
    site.user.wait_for(subject.id, "ACTIVE", SECONDS)
    assert site.cloud.images.get(subject.image)["status"] == "active"


def _attach_interface(site: Site, subject: Subject) -> None:
    body = {"interfaceAttachment": {"net_id": site.external.network}}
    site.user.request("POST", f"/servers/{subject.id}/os-interface", body)


def _detach_interface(site: Site, subject: Subject) -> None:
    (port_id,) = site.external.ports(subject.id)
    site.user.delete(f"/servers/{subject.id}/os-interface/{port_id}", 202)


def _has_ports(count: int) -> Callable[[Site, Subject], None]:
    def check(site: Site, subject: Subject) -> None:
        site.wait_idle(subject.id)
        ports = site.external.ports(subject.id)
        assert len(ports) == count
        shown = site.user.get(f"/servers/{subject.id}/os-interface")["interfaceAttachments"]
        assert sorted(each["port_id"] for each in shown) == sorted(ports)
        assert sorted(site.cloud.guest(HOST, subject.id)["vifs"]) == sorted(ports)

    return check


def _attach_volume(site: Site, subject: Subject) -> None:
    subject.volume = site.external.volume()
    body = {"volumeAttachment": {"volumeId": subject.volume}}
    site.user.request("POST", f"/servers/{subject.id}/os-volume_attachments", body)


def _detach_volume(site: Site, subject: Subject) -> None:
    path = f"/servers/{subject.id}/os-volume_attachments/{subject.volume}"
    site.user.delete(path, 202)


def _swap_volume(site: Site, subject: Subject) -> None:
    subject.other_volume = site.external.volume()
    path = f"/servers/{subject.id}/os-volume_attachments/{subject.volume}"
    site.admin.put(path, {"volumeAttachment": {"volumeId": subject.other_volume}}, 202)


def _has_volumes(*names: str) -> Callable[[Site, Subject], None]:
    """The server is on its host with these volumes of the subject; its other volumes are free."""

    def check(site: Site, subject: Subject) -> None:
        site.wait_idle(subject.id)
        expected = [getattr(subject, name) for name in names]
        assert _recorded_volumes(site, subject) == expected
        assert site.external.volumes(subject.id) == expected
        assert list(site.cloud.guest(HOST, subject.id)["volumes"].values()) == expected
        for volume_id in {subject.volume, subject.other_volume} - {*expected, ""}:
            assert site.external.cinder.status(volume_id) == "available"

    return check


def _has_volume_or_not(site: Site, subject: Subject) -> None:
    """The client got no response, so the server may have the volume or not, but not a part."""
    site.wait_idle(subject.id)
    is_attached = bool(_recorded_volumes(site, subject))
    _has_volumes(*(["volume"] if is_attached else []))(site, subject)


def _recorded_volumes(site: Site, subject: Subject) -> list[str]:
    found = site.user.get(f"/servers/{subject.id}/os-volume_attachments")["volumeAttachments"]
    return [each["volumeId"] for each in found]


def _has_reserved(status: str) -> Callable[[Site, Subject], None]:
    """The check of a volume of a server that is on no host."""

    def check(site: Site, subject: Subject) -> None:
        site.wait_idle(subject.id)
        assert site.external.cinder.status(subject.volume) == status
        expected = [subject.volume] if status == "reserved" else []
        assert _recorded_volumes(site, subject) == expected

    return check


WITH_VOLUME, WITH_RESERVED = "ACTIVE with a volume", "SHELVED_OFFLOADED with a volume"

# Operations of hosts.
AT_HOST = (
    Unfinished("build_and_run_instance", None, _create_at(HOST), _is("ACTIVE")),
    Unfinished("terminate_instance", "ACTIVE", _delete, _is_gone),
    Unfinished("stop_instance", "ACTIVE", _action("os-stop"), _is("SHUTOFF")),
    Unfinished("start_instance", "SHUTOFF", _action("os-start"), _is("ACTIVE")),
    Unfinished("reboot_instance", "ACTIVE", _action("reboot", {"type": "HARD"}), _is("ACTIVE")),
    Unfinished("pause_instance", "ACTIVE", _action("pause"), _is("PAUSED")),
    Unfinished("unpause_instance", "PAUSED", _action("unpause"), _is("ACTIVE")),
    Unfinished("suspend_instance", "ACTIVE", _action("suspend"), _is("SUSPENDED")),
    Unfinished("resume_instance", "SUSPENDED", _action("resume"), _is("ACTIVE")),
    Unfinished("rebuild_instance", "ACTIVE", _rebuild, _is_rebuilt),
    Unfinished("shelve_instance", "ACTIVE", _action("shelve"), _is("SHELVED")),
    Unfinished(
        "shelve_offload_instance", "SHELVED", _action("shelveOffload"), _is("SHELVED_OFFLOADED")
    ),
    Unfinished("unshelve_instance", "SHELVED", _action("unshelve"), _is("ACTIVE")),
    Unfinished("snapshot_instance", "ACTIVE", _make_image, _has_image),
    Unfinished("attach_interface", "ACTIVE", _attach_interface, _has_ports(2), waits=True),
    Unfinished("detach_interface", "ACTIVE", _detach_interface, _has_ports(0)),
    Unfinished(
        "attach_volume",
        "ACTIVE",
        _attach_volume,
        _has_volumes("volume"),
        waits=True,
        if_pending=_has_volume_or_not,
    ),
    Unfinished("detach_volume", WITH_VOLUME, _detach_volume, _has_volumes()),
    Unfinished("swap_volume", WITH_VOLUME, _swap_volume, _has_volumes("other_volume")),
)
# Steps of 44604b2: each operation of a host comes to one of them.
HOST_POINTS = (
    "before FakeDriver.spawn",
    "before FakeDriver.destroy",
    "before FakeDriver.reboot",
    "before FakeDriver.power_off",
    "before FakeDriver.power_on",
    "before FakeDriver.pause",
    "before FakeDriver.unpause",
    "before FakeDriver.suspend",
    "before FakeDriver.resume",
    "before FakeDriver.snapshot",
    "before FakeDriver.attach_volume",
    "before FakeDriver.detach_volume",
    "before FakeDriver.swap_volume",
    "attach_interface",
    "detach_interface",
)

# Operations of conductors, in the order in which they are requested.
AT_CONDUCTOR = (
    Unfinished(
        "unshelve_instance",
        "SHELVED_OFFLOADED",
        _action("unshelve"),
        _is("ACTIVE"),
        ("UnshelveTask._schedule",),
    ),
    Unfinished(
        "build_instances",
        None,
        _create_at(None, metadata={"fake:fail_spawn_on": OTHER}),
        _is("ACTIVE"),
        ("RequestSpec.get_by_instance_uuid",),
    ),
    Unfinished(
        "schedule_and_build_instances",
        None,
        _create_at(None),
        _is("ACTIVE"),
        ("BuildTask._schedule_instances",),
    ),
    Unfinished(
        "attach_volume",
        "SHELVED_OFFLOADED",
        _attach_volume,
        _has_reserved("reserved"),
        ("BlockDeviceMapping.get_by_uuid",),
    ),
    Unfinished("detach_volume", WITH_RESERVED, _detach_volume, _has_reserved("available")),
    Unfinished(
        "delete_unscheduled_instance",
        "SHELVED_OFFLOADED",
        _delete,
        _is_gone,
        ("BlockDeviceMappingList.get_by_instance_uuid",),
    ),
)


@dataclasses.dataclass
class FinishedCloud:
    """A cloud whose actions were unfinished when the daemons of the old release were killed.

    ``subjects``: the servers and volumes of the operations, by "host" or "conductor", method,
    "claimed" or "pending"; ``rows``: the unfinished actions.
    """

    site: Site
    subjects: dict[tuple[str, str, str], Subject]
    rows: list[dict]


CASES = [
    pytest.param(place, operation, progress, id=f"{operation.method} at {place}, {progress}")
    for place, operations in (("host", AT_HOST), ("conductor", AT_CONDUCTOR))
    for operation in operations
    for progress in ("claimed", "pending")
]


@pytest.fixture(scope="module")
def finished(engines, images, workspace, old_release) -> Iterator[FinishedCloud]:
    """A cloud whose old daemons were killed, and that has daemons of the new release now."""
    options = {
        "shelved_offload_time": -1,
        "service_down_time": 600,  # so that what waits for a silent host waits on
        "rpc_response_timeout": 120,  # and the API, too
    }
    with old_site(engines, images, workspace / "finished", old_release, **options) as site:
        subjects = _prepare(site)
        _leave_at_host(site, subjects)
        _leave_at_conductor(site, subjects)
        for daemon in site.cloud.daemons:
            daemon.kill()
        rows = site.cloud.query("SELECT * FROM instance_actions WHERE finish_time IS NULL")
        site.cloud.upgrade(source.HERE)
        site.cloud.replace(*(daemon.name for daemon in site.cloud.daemons))
        yield FinishedCloud(site, subjects, rows)


def _prepare(site: Site) -> dict[tuple[str, str, str], Subject]:
    """A server for each case, in the state in which its operation begins."""
    subjects = {}
    begins: dict[str, list[Subject]] = {}
    for case in CASES:
        place, operation, progress = case.values
        subject = subjects[place, operation.method, progress] = Subject()
        if operation.begins:
            subject.id = site.create(HOST)
            begins.setdefault(operation.begins, []).append(subject)
    for subject in subjects.values():
        if subject.id:
            site.user.wait_for(subject.id, "ACTIVE", SECONDS)
    actions = {"SHUTOFF": "os-stop", "PAUSED": "pause", "SUSPENDED": "suspend"}
    shelved = ("SHELVED", "SHELVED_OFFLOADED", WITH_RESERVED)
    for status, some in begins.items():
        for subject in some:
            if status in actions:
                site.user.act(subject.id, actions[status])
            elif status in shelved:
                site.user.act(subject.id, "shelve")
            elif status == WITH_VOLUME:
                subject.volume = site.attach(subject.id)
    for status, some in begins.items():
        for subject in some:
            if status in ("SHELVED_OFFLOADED", WITH_RESERVED):
                site.user.wait_for(subject.id, "SHELVED", SECONDS)
                site.admin.act(subject.id, "shelveOffload")
                site.user.wait_for(subject.id, "SHELVED_OFFLOADED", SECONDS)
            elif status in (*actions, "SHELVED"):
                site.user.wait_for(subject.id, status, SECONDS)
            if status == WITH_RESERVED:
                subject.volume = site.external.volume()
                site.request_attachment(subject.id, subject.volume)
            site.wait_idle(subject.id)
    return subjects


def _request(site: Site, operation: Unfinished, subject: Subject) -> None:
    if operation.waits:
        threading.Thread(target=_ignored, args=(operation, site, subject), daemon=True).start()
    else:
        operation.ask(site, subject)


def _ignored(operation: Unfinished, site: Site, subject: Subject) -> None:
    """Ignore that the API dies before it responds."""
    with contextlib.suppress(requests.RequestException):
        operation.ask(site, subject)


def _wait_for_row(site: Site, operation: Unfinished, subject: Subject, progress: str) -> None:
    def is_there() -> bool:
        rows = site.cloud.query(
            "SELECT owner FROM instance_actions WHERE instance_uuid = :u AND method = :m"
            " AND finish_time IS NULL",
            u=subject.id,
            m=operation.method,
        )
        return [bool(row["owner"]) for row in rows] == [progress == "claimed"]

    until(f"{operation.method} of {subject.id} is begun", is_there, SECONDS)


def _leave_at_host(site: Site, subjects) -> None:
    """Hold the compute in the middle of its operations; it begins no others."""
    compute = site.cloud.computes[HOST]
    compute.hold_at(*HOST_POINTS)
    for progress in ("claimed", "pending"):
        for operation in AT_HOST:
            subject = subjects["host", operation.method, progress]
            _request(site, operation, subject)
            _wait_for_row(site, operation, subject, progress)
        compute.pause()


def _leave_at_conductor(site: Site, subjects) -> None:
    for operation in AT_CONDUCTOR:
        with _only(site, OTHER if operation.method == "build_instances" else None):
            for progress, points in (
                ("claimed", operation.points),
                ("pending", [f"before ComputeTaskManager.{operation.method}"]),
            ):
                site.cloud.conductor.hold_at(*points)
                subject = subjects["conductor", operation.method, progress]
                operation.ask(site, subject)
                _wait_for_row(site, operation, subject, progress)


@contextlib.contextmanager
def _only(site: Site, host: str | None) -> Iterator[None]:
    """Build new servers only on this host."""
    services = site.admin.get("/os-services?binary=nova-compute")["services"]
    others = [each["id"] for each in services if host and each["host"] != host]
    for service_id in others:
        site.admin.put(f"/os-services/{service_id}", {"status": "disabled"})
    yield
    for service_id in others:
        site.admin.put(f"/os-services/{service_id}", {"status": "enabled"})


@pytest.mark.parametrize(("place", "operation", "progress"), CASES)
def test_an_unfinished_operation_is_finished(finished, place, operation, progress):
    subject = finished.subjects[place, operation.method, progress]
    check = progress == "pending" and operation.if_pending or operation.check
    check(finished.site, subject)
    history = finished.site.cloud.query(
        "SELECT action, message, finish_time FROM instance_actions WHERE instance_uuid = :u",
        u=subject.id,
    )
    assert [row for row in history if row["message"] or not row["finish_time"]] == []


def test_every_kind_of_operation_was_left(finished):
    left = {
        (
            "host" if row["host"] else "conductor",
            row["method"],
            "claimed" if row["owner"] else "pending",
        )
        for row in finished.rows
    }
    assert left == finished.subjects.keys()
    assert len(finished.rows) == len(finished.subjects)


def test_nothing_is_left_over(finished):
    site = finished.site
    oracle.assert_clean(site.cloud)
    site.project.end()
    assert not site.external.cinder.attachments
    assert not [p for p in site.external.neutron.ports.values() if p["device_id"]]
