"""A stack of several nodes, as its operator uses it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.functional.harness.waiting import until

TOOL = pathlib.Path(__file__).parents[3] / "tools" / "stack"
VERSION = {"OpenStack-API-Version": "compute 2.96"}
FLAVOR = "42"  # m1.nano
ACTIVE_SECONDS = 120
BOOT_SECONDS = 240
GONE_SECONDS = 60
MANAGE_SECONDS = 300  # a command may wait for the servers of a node
VOLUME_SECONDS = 60
ANSWER_SECONDS = 30


class SeveralNodes:
    """``names``: of all nodes. ``control_names``: of those with api, conductor and scheduler.
    ``local_disks``: of those whose disks are files. ``directory``: of the stack."""

    def __init__(self):
        from stacklib import choices
        from stacklib.cloud import Cloud
        from stacklib.stack import Choices, Stack

        self._stack = Stack(Choices())
        self._stack.choices = choices.recall(self._stack.directory / "choices.json") or Choices()
        self._cloud = Cloud(self._stack)
        self.names = self._stack.node_names
        self.control_names = self._stack.control_names
        self.local_disks = self._stack.choices.local_disks
        self.directory = self._stack.directory
        needed = "the tests need `tools/stack up --nodes 4 --control 3 --local-disks n3,n4`"
        assert len(self.names) >= 4, needed

    # -- the machine -----------------------------------------------------------------------------

    def tool(self, *words: str) -> None:
        """Run ``tools/stack``."""
        done = subprocess.run([sys.executable, str(TOOL), *words], capture_output=True, text=True)
        assert done.returncode == 0, f"stack {' '.join(words)}: {done.stdout}{done.stderr}"

    def run(self, node: str, *argv: str) -> str:
        """What a command prints in a node."""
        return self._stack.on(node).node.run(argv)

    def succeeds(self, node: str, *argv: str) -> bool:
        command = self._stack.on(node).node.command(argv)
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    def address(self, node: str) -> str:
        return self._stack.on(node).node.address

    def domains(self, node: str) -> list[str]:
        """The uuids of the running guests of a node."""
        return self.run(node, "virsh", "--quiet", "list", "--uuid").split()

    def kill_compute(self, node: str) -> None:
        self.kill(node, f"nova-mini-compute@{node}")

    def kill(self, node: str, unit: str) -> None:
        """Kill a service of a node; systemd starts it again."""
        self.run(node, "systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)

    def rabbitmqctl(self, node: str, *words: str) -> str:
        """What ``rabbitmqctl`` prints about the broker of a node, as JSON."""
        home = self._stack.on(node).data / "rabbitmq" / "home"
        address = f"ERL_EPMD_ADDRESS={self.address(node)}"
        program = ("/usr/lib/rabbitmq/bin/rabbitmqctl", "--node", f"rabbit@{node}")
        options = ("--quiet", "--formatter", "json")
        command = ("env", f"HOME={home}", address, *program, *options, *words)
        return self.run(node, "setpriv", "--reuid=rabbitmq", "--clear-groups", *command)

    def set_options(self, node: str, daemon: str, values: Mapping[str, str]) -> None:
        """Restart a daemon of a node with other options, as oslo.config reads them from the
        environment: ``OS_GROUP__OPTION`` -> value. Without values, as it is configured."""
        unit = f"nova-mini-{daemon}@{node}"
        override = f"/run/systemd/system/{unit}.service.d/test.conf"
        lines = "".join(f"Environment={name}={value}\n" for name, value in values.items())
        script = 'mkdir -p "${1%/*}" && printf "[Service]\\n$2" >"$1"'
        self.run(node, "sh", "-c", script, "sh", override, lines)
        self.run(node, "systemctl", "daemon-reload")
        self.run(node, "systemctl", "restart", unit)

    def files(self, node: str, *names: str) -> list[str]:
        """Those of the folders (with any ending) and files of servers that a node has."""
        folder = self._stack.instances_path
        patterns = " ".join(f"{folder}/{name}*" for name in names)
        found = self.run(node, "sh", "-c", f"ls -d {patterns} 2>/dev/null || true").split()
        return [each.removeprefix(f"{folder}/") for each in found]

    def disk_info(self, node: str, server: str) -> str:
        """What ``qemu-img`` prints of the root disk of a server, which is a file."""
        disk = f"{self._stack.instances_path}/{server}/disk"
        return self.run(node, "qemu-img", "info", "--force-share", disk)

    # -- Ceph ------------------------------------------------------------------------------------

    def rbd_disks(self, server: str) -> list[str]:
        return [each for each in self._rbd("ls", "vms") if each.startswith(server)]

    def rbd_size(self, disk: str) -> int:
        """In bytes."""
        return self._rbd("info", f"vms/{disk}")["size"]

    def rbd_snapshots(self, disk: str) -> list[str]:
        return [each["name"] for each in self._rbd("snap", "ls", f"vms/{disk}")]

    def _rbd(self, *arguments: str) -> Any:
        from stacklib.components import ceph

        conf = str(ceph.conf(self._stack))
        return json.loads(self.run("n1", "rbd", "--conf", conf, *arguments, "--format", "json"))

    def ceph(self, *words: str) -> str:
        """What the administrator's ``ceph`` prints."""
        from stacklib.components import ceph

        return self.run("n1", "ceph", "--conf", str(ceph.conf(self._stack)), *words)

    def manage(self, *words: str) -> str:
        """What ``nova-mini-manage`` prints."""
        from stacklib.components import nova_compute

        program = nova_compute.program(self._stack, "manage")
        command = [program, *nova_compute.config(database=True), *words]
        return self._stack.on("n1").node.run(command, timeout=MANAGE_SECONDS)

    # -- the cloud -------------------------------------------------------------------------------

    def create(self, node: str, **fields: Any) -> str:
        """Create a server on a node, in the demo project's network; return its id."""
        image = self._cloud.find("image", "/images", "images", name="mini-qcow2")
        network = self._cloud.find("network", "/networks", "networks", name="private")
        body = {
            "name": f"on-{node}",
            "imageRef": image["id"],
            "flavorRef": FLAVOR,
            "networks": [{"uuid": network["id"]}],
            "hypervisor_hostname": node,
            **fields,
        }
        return self._compute("POST", "/servers", {"server": body})["server"]["id"]

    def wait_for(self, server: str, status: str) -> dict:
        def shown() -> dict | None:
            found = self._compute("GET", f"/servers/{server}")["server"]
            assert status == "ERROR" or found["status"] != "ERROR", found.get("fault")
            return found if found["status"] == status else None

        return until(f"server {server} is {status}", shown, ACTIVE_SECONDS, pause=0.5)

    def show(self, server: str) -> dict:
        return self._compute("GET", f"/servers/{server}")["server"]

    def act(self, server: str, action: str, arguments: dict | None = None) -> None:
        self._compute("POST", f"/servers/{server}/action", {action: arguments})

    def console_url(self, server: str, protocol: str, console_type: str) -> str:
        body = {"remote_console": {"protocol": protocol, "type": console_type}}
        answer = self._compute("POST", f"/servers/{server}/remote-consoles", body)
        return answer["remote_console"]["url"]

    def newest_action(self, server: str) -> dict:
        """The newest action of a server, with its events."""
        path = f"/servers/{server}/os-instance-actions"
        newest = self._compute("GET", path)["instanceActions"][0]
        return self._compute("GET", f"{path}/{newest['request_id']}")["instanceAction"]

    def newest_migration(self, server: str) -> dict:
        return self._compute("GET", f"/os-migrations?instance_uuid={server}")["migrations"][0]

    def move(self, server: str, node: str) -> None:
        """Migrate a server to a node, and wait until the user may confirm or revert it."""
        self.act(server, "migrate", {"host": node})
        self.wait_for(server, "VERIFY_RESIZE")

    def create_flavor(self, name: str, **fields: int) -> str:
        body = {"flavor": {"name": name, "id": name, **fields}}
        return self._compute("POST", "/flavors", body)["flavor"]["id"]

    def delete_flavors(self, flavors: Sequence[str]) -> None:
        for flavor in flavors:
            self._compute("DELETE", f"/flavors/{flavor}")

    def create_volume(self) -> str:
        """Create a volume of 1 GiB, wait until it is available, and return its id."""
        made = self._cloud.request("POST", "volume", "/volumes", {"volume": {"size": 1}})
        volume = made["volume"]["id"]
        self._wait_for_volume(volume, "available")
        return volume

    def attach(self, server: str, volume: str) -> None:
        body = {"volumeAttachment": {"volumeId": volume}}
        self._compute("POST", f"/servers/{server}/os-volume_attachments", body)
        self._wait_for_volume(volume, "in-use")

    def detach(self, server: str, volume: str) -> None:
        self._compute("DELETE", f"/servers/{server}/os-volume_attachments/{volume}")
        self._wait_for_volume(volume, "available")

    def attachments(self, volume: str) -> int:
        """How many hosts have the volume."""
        found = self._cloud.request("GET", "volume", f"/volumes/{volume}")["volume"]
        return len(found["attachments"])

    def abort(self, server: str, migration: int) -> None:
        self._compute("DELETE", f"/servers/{server}/migrations/{migration}")

    def allow_ping(self, server: str) -> None:
        """Add a rule to the security group of a server that lets everybody ping it."""
        port = self._cloud.find("network", "/ports", "ports", device_id=server)
        (group,) = port["security_groups"]
        rule = {"security_group_id": group, "direction": "ingress", "protocol": "icmp"}
        rules = "/security-group-rules"
        if not self._cloud.find("network", rules, "security_group_rules", **rule):
            self._cloud.request("POST", "network", rules, {"security_group_rule": rule})

    def in_network(self, name: str) -> list[str]:
        """A command that runs its arguments in a network of servers: beside its DHCP server."""
        network = self._cloud.find("network", "/networks", "networks", name=name)
        inside = ("ip", "netns", "exec", f"qdhcp-{network['id']}")
        return list(self._stack.on("n1").node.command(inside))

    def wait_for_ping(self, address: str) -> None:
        """Wait until a guest in the network ``private`` answers."""
        ping = [*self.in_network("private"), "ping", "-c", "1", "-W", "1", address]

        def answers() -> bool:
            return subprocess.run(ping, capture_output=True).returncode == 0

        until(f"{address} answers", answers, ANSWER_SECONDS)

    def delete_volume(self, volume: str) -> None:
        self._wait_for_volume(volume, "available")
        self._cloud.request("DELETE", "volume", f"/volumes/{volume}")

    def _wait_for_volume(self, volume: str, status: str) -> None:
        def reached() -> bool:
            found = self._cloud.request("GET", "volume", f"/volumes/{volume}")["volume"]
            return found["status"] == status

        until(f"volume {volume} is {status}", reached, VOLUME_SECONDS, pause=0.5)

    def boots(self, server: str, times: int) -> None:
        """Wait until the console of a server shows so many boots. The number that the guest says
        is not used: a guest that is powered off may not have written it to its disk."""
        body = {"os-getConsoleOutput": {}}

        def seen() -> bool:
            answer = self._compute("POST", f"/servers/{server}/action", body)
            return answer["output"].count("GUEST: boot=") >= times

        until(f"{times} boots on the console of {server}", seen, BOOT_SECONDS, pause=1)

    def console(self, server: str) -> str:
        """What the guest has written on its console."""
        body = {"os-getConsoleOutput": {}}
        return self._compute("POST", f"/servers/{server}/action", body)["output"]

    def says(self, server: str, text: str) -> None:
        """Wait for a text on the console of a server."""
        what = f"{text!r} on the console of {server}"
        until(what, lambda: text in self.console(server), BOOT_SECONDS, pause=1)

    def delete(self, servers: Sequence[str]) -> None:
        """Delete servers, and wait until they are gone."""
        for server in servers:
            self._compute("DELETE", f"/servers/{server}")
        gone = set(servers).isdisjoint
        until("the servers are gone", lambda: gone(self._servers()), GONE_SECONDS, pause=0.5)

    def compute_state(self, node: str) -> str:
        return self.state("nova-compute", node)

    def state(self, binary: str, node: str) -> str:
        """``up`` or ``down``: what the cloud says of a service of a node."""
        return self.services(binary)[node]["state"]

    def force_down(self, node: str, forced: bool) -> None:
        """Say that the compute service of a node is down for certain, or take that back."""
        service = self.services("nova-compute")[node]["id"]
        self._compute("PUT", f"/os-services/{service}", {"forced_down": forced})

    def services(self, binary: str) -> dict[str, dict]:
        """The services of a kind, by node."""
        found = self._compute("GET", f"/os-services?binary={binary}")["services"]
        return {each["host"]: each for each in found}

    def _servers(self) -> list[str]:
        return [each["id"] for each in self._compute("GET", "/servers")["servers"]]

    def compute_of(self, node: str, method: str, path: str, body: dict | None = None) -> dict:
        """The answer of the API that runs on a node."""
        from stacklib import ports

        headers = {**VERSION, "X-Auth-Token": self._cloud.token()}
        headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        at = (self._stack.on(node).node, method, ports.COMPUTE, f"/v2.1{path}")
        status, _, answer = ports.http(*at, headers, content)
        assert status < 400, f"{method} {path} on {node}: {status} {answer!r}"
        return json.loads(answer) if answer else {}

    def _compute(self, method: str, path: str, body: dict | None = None) -> dict:
        return self._cloud.request(method, "compute", path, body, VERSION)
