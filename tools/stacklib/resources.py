"""The resources of servers and volumes in the cloud: the same before and after the demo."""

import re
import time
from collections.abc import Callable, Iterable

from stacklib.cloud import Cloud
from stacklib.components import ceph
from stacklib.errors import StackError
from stacklib.stack import Stack

Resources = dict[str, set[str]]

ATTACHMENTS = {"OpenStack-API-Version": "volume 3.27"}  # the first with attachments


def collect(stack: Stack) -> Resources:
    """Return kind of resource -> names, of everything that belongs to servers and volumes."""
    found = _of_servers(stack)
    if stack.has("cinder"):
        found |= _of_volumes(stack)
    if stack.has("ceph"):
        found |= _of_ceph(stack)
    return found


def added(stack: Stack, before: Resources, timeout: float) -> Resources:
    """Return the resources that were not there `before`. Wait up to `timeout` seconds until there
    are none, because deletions are asynchronous."""
    deadline = time.monotonic() + timeout
    while True:
        left = {what: names - before[what] for what, names in collect(stack).items()}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def prove_nothing_is_left(stack: Stack, before: Resources) -> None:
    """Print what there is that was not there `before`; raise StackError if there is any."""
    print("\nleft of it:")
    left = added(stack, before, timeout=30)
    for what, names in left.items():
        print(f"  {what:22} {', '.join(sorted(names)) or 'none'}")
    if any(left.values()):
        raise StackError("something was left behind")


def _of_servers(stack: Stack) -> Resources:
    admin = Cloud(stack)
    hosts = admin.request("GET", "compute", "/os-hypervisors/detail")["hypervisors"]
    ports = admin.request("GET", "network", "/ports?device_owner=compute:nova")["ports"]
    servers = admin.request("GET", "compute", "/servers?all_tenants=1")["servers"]
    return {
        "domains": _on_nodes(stack, _domains),
        "servers": {each["id"] for each in servers},
        "ports": {each["id"] for each in ports},
        "taps": _on_nodes(stack, _taps),
        "instance directories": _on_nodes(stack, _instance_directories),
        "vcpus and memory used": {
            f"{host['hypervisor_hostname']}: {host['vcpus_used']} vcpus, "
            f"{host['memory_mb_used']} MiB"
            for host in hosts
        },
    }


def _of_volumes(stack: Stack) -> Resources:
    """Without the secrets of Ceph users, which are not of a single volume."""
    run, admin = _runner(stack), Cloud(stack)
    volumes = admin.request("GET", "volume", "/volumes?all_tenants=1")["volumes"]
    path = "/attachments?all_tenants=1"
    attachments = admin.request("GET", "volume", path, headers=ATTACHMENTS)["attachments"]
    return {
        "volumes": {each["id"] for each in volumes},
        "attachments": {each["id"] for each in attachments},
        "iSCSI secrets": _on_nodes(stack, _iscsi_secrets),
        "targets and sessions": {each for each in run("tgt-admin", "--show") if each[:4] == "iqn."},
    }


def _of_ceph(stack: Stack) -> Resources:
    run, conf = _runner(stack), str(ceph.conf(stack))
    return {
        f"rbd images in {pool}": set(run("rbd", "--conf", conf, "ls", "--pool", pool))
        for pool in (ceph.IMAGES, ceph.DISKS, ceph.VOLUMES)
    }


def _on_nodes(stack: Stack, find: Callable[[Stack], Iterable[str]]) -> set[str]:
    """Return what `find` finds on each node that is running, with the names of the nodes."""
    views = [stack.on(name) for name in stack.node_names]
    return {f"{view.node.name}: {each}" for view in views if view.node.pid for each in find(view)}


def _domains(view: Stack) -> list[str]:
    return _runner(view)("virsh", "list", "--all", "--name")


def _taps(view: Stack) -> list[str]:
    return [
        port for port in _runner(view)("ovs-vsctl", "list-ports", "br-int") if port[:3] == "tap"
    ]


def _instance_directories(view: Stack) -> list[str]:
    instances = view.compute_state(view.node.name) / "instances"
    return [path.name for path in instances.glob("*-*-*-*-*")]


def _iscsi_secrets(view: Stack) -> list[str]:
    return re.findall(r"(\S+)\niscsi\n", "\n".join(_runner(view)("virsh", "secret-list")))


def _runner(stack: Stack) -> Callable[..., list[str]]:
    """Return a function that runs a command in the node and returns the words of its output."""
    return lambda *argv: stack.node.run(argv).split()
