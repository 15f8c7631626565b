"""What guests and their volumes leave anywhere in the cloud: before and after must be the same."""

import re
import time
from collections.abc import Callable

from stacklib import nova_conf
from stacklib.cloud import Cloud
from stacklib.components import ceph
from stacklib.stack import Stack

Leftovers = dict[str, set[str]]

ATTACHMENTS = {"OpenStack-API-Version": "volume 3.27"}  # since which one can ask for them


def collect(stack: Stack) -> Leftovers:
    """Return the names of everything that somebody's guest may have left, by what it is."""
    found = _of_servers(stack)
    if stack.has("cinder"):
        found |= _of_volumes(stack)
    if stack.has("ceph"):
        found |= _of_ceph(stack)
    return found


def since(stack: Stack, before: Leftovers, patience: float) -> Leftovers:
    """Return what there is now and was not there `before`; who was told to delete something may
    take `patience` seconds for it."""
    deadline = time.monotonic() + patience
    while True:
        left = {what: names - before[what] for what, names in collect(stack).items()}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def _of_servers(stack: Stack) -> Leftovers:
    run, admin = _runner(stack), Cloud(stack)
    hosts = admin.request("GET", "compute", "/os-hypervisors/detail")["hypervisors"]
    ports = admin.request("GET", "network", "/ports?device_owner=compute:nova")["ports"]
    servers = admin.request("GET", "compute", "/servers?all_tenants=1")["servers"]
    instances = nova_conf.compute_state(stack, stack.node.name) / "instances"
    return {
        "domains": set(run("virsh", "list", "--all", "--name")),
        "servers": {each["id"] for each in servers},
        "ports": {each["id"] for each in ports},
        "taps": {each for each in run("ovs-vsctl", "list-ports", "br-int") if each[:3] == "tap"},
        "instance directories": {path.name for path in instances.glob("*-*-*-*-*")},
        "vcpus and memory used": {
            f"{host['hypervisor_hostname']}: {host['vcpus_used']} vcpus, "
            f"{host['memory_mb_used']} MiB" for host in hosts
        },
    }


def _of_volumes(stack: Stack) -> Leftovers:
    """The secret of a Ceph user is not any volume's: it stays for the next one."""
    run, admin = _runner(stack), Cloud(stack)
    volumes = admin.request("GET", "volume", "/volumes?all_tenants=1")["volumes"]
    path = "/attachments?all_tenants=1"
    attachments = admin.request("GET", "volume", path, headers=ATTACHMENTS)["attachments"]
    secrets = "\n".join(run("virsh", "secret-list"))
    return {
        "volumes": {each["id"] for each in volumes},
        "attachments": {each["id"] for each in attachments},
        "iSCSI secrets": set(re.findall(r"(\S+)\niscsi\n", secrets)),
        "targets and sessions": {each for each in run("tgt-admin", "--show") if each[:4] == "iqn."},
    }


def _of_ceph(stack: Stack) -> Leftovers:
    run, conf = _runner(stack), str(ceph.conf(stack))
    return {
        f"rbd images in {pool}": set(run("rbd", "--conf", conf, "ls", "--pool", pool))
        for pool in (ceph.IMAGES, ceph.DISKS, ceph.VOLUMES)
    }


def _runner(stack: Stack) -> Callable[..., list[str]]:
    """Return what runs a command in the node and gives the words that it prints."""
    return lambda *argv: stack.node.run(argv).split()
