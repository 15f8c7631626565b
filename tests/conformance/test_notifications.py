"""Versioned notifications, compared with the objects that the released Nova declares."""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance import declared
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import external_services, notifications
from tests.functional.harness.project import Project
from tests.functional.harness.upgrade import SECONDS, Site
from tests.functional.harness.waiting import until

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_STATUS = {"rescue": 200, "confirmResize": 204}
_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
KEY = {"name": "k", "type": "ssh", "public_key": _PUBLIC}
SOURCES = ("nova-api", "nova-compute", "nova-conductor", "nova-scheduler")
# Nova declares the field, but sets it in no notification.
NEVER_SET = {("RequestSpecPayload", "image_meta")}
LEFT = "c3"  # a host whose service is deleted


@pytest.fixture(scope="module")
def nova() -> dict[str, Any]:
    return json.loads(pathlib.Path(os.environ[declared.FILE]).read_text())["notifications"]


@pytest.fixture(scope="module")
def site(engines, images, workspace) -> Iterator[Site]:
    with external_services.running() as external:
        options = {
            **external.options,
            **notifications.OPTIONS,
            "DEFAULT": {"allow_resize_to_same_host": True, "shelved_offload_time": 0},
            "fake": {"faults": "admins"},
        }
        directory = workspace / "versioned"
        computes = ("c1", "c2", LEFT)
        with clouds.running(
            engines, directory, images, options=options, computes=computes
        ) as cloud:
            project = Project(cloud, "versioned", make_catalog(cloud, images, "versioned"))
            yield Site(cloud, project, external, images.add(name="other"))
            project.end()


@pytest.fixture(scope="module")
def sent(site) -> list[tuple[str, str, str, dict]]:
    """The versioned notifications of a life of a server, of servers that cannot be built, and of
    everything else that has some."""
    with notifications.received(site.cloud.config_file) as received:
        site.cloud.computes[LEFT].stop()
        _change_flavors(site)
        _change_groups(site)
        _change_aggregates(site)
        _change_services(site)
        _fail(site)
        _live(site)
        last = {"instance.delete.end", "aggregate.cache_images.end"}
        until("the end", lambda: last <= received.types(), SECONDS)
        return [each for each in received.messages if "nova_object.name" in each[3]]


def _change_flavors(site: Site) -> None:
    admin = site.admin
    private = {"os-flavor-access:is_public": False}
    flavor = {"name": "private", "ram": 64, "vcpus": 1, "disk": 0, "id": "private", **private}
    admin.post("/flavors", {"flavor": flavor}, 200)
    path = "/flavors/private"
    admin.post(f"{path}/action", {"addTenantAccess": {"tenant": "p"}}, 200)
    admin.post(f"{path}/os-extra_specs", {"extra_specs": {"hw:cpu_sockets": "1"}}, 200)
    admin.delete(path, 202)


def _change_groups(site: Site) -> None:
    rules = {"max_server_per_host": 2}
    body = {"server_group": {"name": "g", "policy": "anti-affinity", "rules": rules}}
    group = site.user.post("/os-server-groups", body, 200)["server_group"]["id"]
    request = site.project.server()
    request["os:scheduler_hints"] = {"group": group}
    server = site.user.post("/servers", request, 202)["server"]["id"]
    site.user.wait_for(server, "ACTIVE", SECONDS)
    site.user.delete(f"/servers/{server}")
    site.user.wait_gone(server)
    site.user.delete(f"/os-server-groups/{group}")


def _change_aggregates(site: Site) -> None:
    admin = site.admin
    aggregate = admin.post("/os-aggregates", {"aggregate": {"name": "a"}}, 200)["aggregate"]["id"]
    path = f"/os-aggregates/{aggregate}"
    for action in (
        {"add_host": {"host": "c1"}},
        {"set_metadata": {"metadata": {"a": "b"}}},
    ):
        admin.post(f"{path}/action", action, 200)
    admin.put(path, {"aggregate": {"name": "b"}})
    admin.post(f"{path}/images", {"cache": [{"id": site.other_image}]}, 202)
    admin.post(f"{path}/action", {"remove_host": {"host": "c1"}}, 200)
    admin.delete(path, 200)


def _change_services(site: Site) -> None:
    (left,) = site.admin.get(f"/os-services?binary=nova-compute&host={LEFT}")["services"]
    path = f"/os-services/{left['id']}"
    site.admin.put(path, {"status": "disabled", "disabled_reason": "old"})
    site.admin.delete(path)


def _fail(site: Site) -> None:
    """A server that no host can take, and one whose rebuild fails on its host."""
    body = site.project.server(availability_zone="nova:nowhere")
    site.admin.request("POST", "/servers", body)
    broken = {"metadata": {"fake:fail_spawn_on": "*"}}
    unbuilt = site.admin.post("/servers", site.project.server(**broken), 202)["server"]["id"]
    site.admin.wait_for(unbuilt, "ERROR", SECONDS)
    rebuilt = site.boot()
    site.admin.post(f"/servers/{rebuilt}/metadata", broken)
    site.admin.act(rebuilt, "rebuild", {"imageRef": site.other_image}, 202)
    site.admin.wait_for(rebuilt, "ERROR", SECONDS)
    for server in (unbuilt, rebuilt):
        site.admin.delete(f"/servers/{server}")
        site.admin.wait_gone(server)


def _live(site: Site) -> None:
    user, admin = site.user, site.admin
    key = admin.post("/os-keypairs", {"keypair": KEY}, 201)["keypair"]["name"]
    server = site.boot(key_name=key, metadata={"a": "b"}, tags=["t"])

    def act(name: str, status: str, arguments: dict | None = None, client=user) -> None:
        client.act(server, name, arguments, _STATUS.get(name, 202))
        user.wait_for(server, status, SECONDS)
        site.wait_idle(server)

    volume = site.attach(server)
    user.delete(f"/servers/{server}/os-volume_attachments/{volume}", 202)
    site.wait_for_volume(volume, "available")
    port = user.post(f"/servers/{server}/os-interface", {"interfaceAttachment": {}}, 200)
    port_id = port["interfaceAttachment"]["port_id"]
    user.delete(f"/servers/{server}/os-interface/{port_id}", 202)
    site.wait_idle(server)
    user.act(server, "lock")
    user.act(server, "unlock")
    user.put(f"/servers/{server}", {"server": {"name": "new"}})
    user.put(f"/servers/{server}/tags", {"tags": ["u"]})
    act("reboot", "ACTIVE", {"type": "HARD"})
    for there, back, status in (
        ("pause", "unpause", "PAUSED"),
        ("suspend", "resume", "SUSPENDED"),
        ("os-stop", "os-start", "SHUTOFF"),
        ("rescue", "unrescue", "RESCUE"),
    ):
        act(there, status)
        act(back, "ACTIVE")
    act("trigger_crash_dump", "ACTIVE")
    act("createImage", "ACTIVE", {"name": "i"})
    act("rebuild", "ACTIVE", {"imageRef": site.other_image})
    act("migrate", "VERIFY_RESIZE", client=admin)
    act("confirmResize", "ACTIVE")
    act("migrate", "VERIFY_RESIZE", client=admin)
    act("revertResize", "ACTIVE")
    act("shelve", "SHELVED_OFFLOADED")
    act("unshelve", "ACTIVE")
    act("os-migrateLive", "ACTIVE", {"host": None, "block_migration": "auto"}, client=admin)
    user.delete(f"/servers/{server}")
    user.wait_gone(server)


EXPECTED = {
    f"instance.{action}.{phase}"
    for action in [
        "create",
        "volume_attach",
        "volume_detach",
        "interface_attach",
        "interface_detach",
        "reboot",
        "pause",
        "unpause",
        "suspend",
        "resume",
        "power_off",
        "power_on",
        "rescue",
        "unrescue",
        "trigger_crash_dump",
        "snapshot",
        "rebuild",
        "resize_prep",
        "resize",
        "resize_finish",
        "resize_confirm",
        "resize_revert",
        "shelve",
        "shelve_offload",
        "unshelve",
        "live_migration_pre",
        "live_migration_post",
        "live_migration_post_dest",
        "delete",
    ]
    for phase in ("start", "end")
} | {
    "aggregate.add_host.end",
    "aggregate.cache_images.end",
    "aggregate.cache_images.progress",
    "aggregate.cache_images.start",
    "aggregate.create.end",
    "aggregate.create.start",
    "aggregate.delete.end",
    "aggregate.remove_host.start",
    "aggregate.update_metadata.end",
    "aggregate.update_prop.start",
    "compute.exception",
    "compute_task.build_instances.error",
    "flavor.create",
    "flavor.delete",
    "flavor.update",
    "instance.create.error",
    "instance.exists",
    "instance.lock",
    "instance.rebuild.error",
    "instance.shutdown.end",
    "instance.unlock",
    "instance.update",
    "keypair.import.end",
    "keypair.import.start",
    "scheduler.select_destinations.end",
    "scheduler.select_destinations.start",
    "server_group.add_member",
    "server_group.create",
    "server_group.delete",
    "service.create",
    "service.delete",
    "service.update",
}


def test_all_are_sent_and_nova_has_each(nova, sent):
    types = {event_type for event_type, _, _, _ in sent}
    assert types >= EXPECTED
    assert types <= nova["events"].keys()


def test_the_payloads_are_those_of_nova(nova, sent):
    faults = []
    for event_type, _priority, publisher, payload in sent:
        assert publisher.partition(":")[0] in SOURCES
        expected = nova["events"][event_type]
        if payload["nova_object.name"] != expected:
            faults.append(f"{event_type}: {payload['nova_object.name']} is not {expected}")
        faults += [f"{event_type}{each}" for each in faults_of(nova["classes"], payload)]
    assert not faults, "\n".join(sorted(set(faults))[:40])


def test_what_is_broken_is_found(nova, sent):
    payload = next(each[3] for each in sent if each[0] == "instance.power_off.start")
    payload = json.loads(json.dumps(payload))
    data = payload["nova_object.data"]
    data["uuid"], data["locked"], data["extra"] = 1, None, 1
    del data["flavor"]
    found = faults_of(nova["classes"], payload)
    assert [each.split(":")[0] for each in found] == [".extra", ".flavor", ".locked", ".uuid"]


def faults_of(classes: dict[str, Any], value: dict[str, Any]) -> list[str]:
    """What is wrong with a serialized object, sorted. Empty if it is as Nova declares it."""
    if set(value) - {"nova_object.changes"} != {
        "nova_object.name",
        "nova_object.namespace",
        "nova_object.version",
        "nova_object.data",
    }:
        return [f": {sorted(value)}"]
    declared_class = classes[value["nova_object.name"]]
    found = []
    if value["nova_object.version"] != declared_class["version"]:
        found.append(f": version {value['nova_object.version']}, not {declared_class['version']}")
    if value["nova_object.namespace"] != "nova":
        found.append(f": namespace {value['nova_object.namespace']}")
    fields, data = declared_class["fields"], value["nova_object.data"]
    for name in sorted(fields.keys() | data.keys()):
        if name not in fields:
            found.append(f".{name}: Nova has no such field")
        elif name not in data:
            if (value["nova_object.name"], name) not in NEVER_SET:
                found.append(f".{name}: missing")
        else:
            found += [f".{name}{each}" for each in _faults(classes, fields[name], data[name])]
    return found


def _faults(classes: dict[str, Any], field: dict[str, Any], value: Any) -> list[str]:
    kind = field["kind"]
    if value is None:
        return [] if field["nullable"] else [": null"]
    if kind == "Object":
        if value["nova_object.name"] != field["object"]:
            return [f": {value['nova_object.name']} is not {field['object']}"]
        return faults_of(classes, value)
    if kind in ("List", "Dict"):
        if not isinstance(value, list if kind == "List" else dict):
            return [f": {value!r} is no {kind}"]
        items = value if kind == "List" else value.values()
        return [each for item in items for each in _faults(classes, field["item"], item)]
    if field["values"]:
        return [] if value in field["values"] else [f": {value!r} is not in {field['values']}"]
    return [] if _IS[kind](value) else [f": {value!r} is no {kind}"]


def _parsed(parse: Callable[[Any], object]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            parse(value)
        except (TypeError, ValueError, AttributeError):
            return False
        return True

    return check


_IS: dict[str, Callable[[Any], Any]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "DateTime": lambda value: isinstance(value, str) and _TIME.fullmatch(value),
    "Float": lambda value: isinstance(value, float),
    "IPV4AndV6Address": _parsed(ipaddress.ip_address),
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "MACAddress": lambda value: isinstance(value, str) and _MAC.fullmatch(value),
    "String": lambda value: isinstance(value, str),
    "UUID": _parsed(uuid.UUID),
}
