"""Ceph: one monitor, one manager, one OSD on a sparse file; for images, disks and volumes."""

import json
import shutil
import uuid
from pathlib import Path

from stacklib import ceph_conf, cephx, files, milestones, users, wsgi
from stacklib.component import Component
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

IMAGES, DISKS, VOLUMES = "images", "vms", "volumes"
CLIENT = "mimic"  # the oldest accepted release; with it, clones need no protected snapshots
USER = "ceph"
DAEMONS = {"mon": "a", "mgr": "x", "osd": "0"}
COMPUTE_CLIENTS = ("nova", "cinder")  # whose keys a compute needs, for disks and for volumes
FENCE, CONDUCTOR = "nova-fence", "nova-mini"  # the client of conductors, and their user
CONNECT_SECONDS = 20


def conf(stack: Stack) -> Path:
    """Return the configuration that daemons and clients share."""
    return stack.etc / "ceph" / "ceph.conf"


def keyring(stack: Stack, client: str) -> Path:
    """Return the path of a client's keyring. `{user}` is a placeholder for any client."""
    return stack.etc / "ceph" / f"ceph.client.{client}.keyring"


def secret(stack: Stack, client: str) -> str:
    """Return the uuid under which libvirt knows the key of a client."""
    return str(uuid.uuid5(uuid.UUID(ceph_conf.fsid(stack)), client))


def write_keyrings(stack: Stack, *clients: str) -> None:
    """Write the keyrings of `clients`, which only root can read."""
    for client in clients:
        files.write(keyring(stack, client), cephx.keyring(stack, f"client.{client}"))


def write_fence_keyring(stack: Stack) -> None:
    """Write the keyring of the conductors of a control node."""
    text = cephx.keyring(stack, f"client.{FENCE}")
    files.write(keyring(stack, FENCE), text, 0o600, users.ids(CONDUCTOR))


class Ceph(Component):
    """The storage cluster."""

    name = "ceph"
    needs = ("node",)
    packages = (
        "ceph-mon",
        "ceph-mgr",
        "ceph-osd",
        "ceph-common",
        "qemu-block-extra",
        "python3-rbd",
        "python3-rados",
    )

    def configure(self, stack: Stack) -> None:
        """Write the configuration and the keyrings; create the stores if they do not exist."""
        owner = files.ids(USER)
        files.directory(stack.etc / self.name, 0o755)
        data = files.directory(stack.data / self.name, 0o700, owner)
        files.directory(data / "run", 0o700, owner)
        files.write(conf(stack), files.ini(ceph_conf.sections(stack)), 0o644)
        everyone = cephx.keyring(stack, *cephx.CAPABILITIES)
        files.write(data / "keyring", everyone, 0o600, owner)
        write_keyrings(stack, "admin", *COMPUTE_CLIENTS)
        write_fence_keyring(stack)
        glance = cephx.keyring(stack, "client.glance")
        files.write(keyring(stack, "glance"), glance, 0o600, users.ids(wsgi.USER))
        self._make_stores(stack)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the monitor, the manager and the OSD. Before the OSD starts, it is registered at
        the monitor, which is idempotent."""
        register = f"ceph --conf {conf(stack)} osd new {self._osd(stack)} {DAEMONS['osd']}"
        more = {"mon": {}, "mgr": {}, "osd": {"ExecStartPre": f"+/usr/bin/{register}"}}
        return [
            Unit(
                name=f"nova-mini-stack-ceph-{kind}",
                argv=(
                    f"/usr/bin/ceph-{kind}",
                    "--foreground",
                    "--id",
                    DAEMONS[kind],
                    "--conf",
                    str(conf(stack)),
                ),
                properties={"User": USER, **more[kind]},
                watched=(conf(stack),),
            )
            for kind in DAEMONS
        ]

    def check(self, stack: Stack) -> None:
        """Check that the OSD is up, and that everything that is stored can be read and written.

        Until the manager has received a report of the OSD, the monitor shows the state before its
        last stop; then, for a short time, no free space, which Cinder would use for a minute.
        """
        try:
            heard = json.loads(_ceph(stack, "osd", "df", "--format", "json"))  # by the manager
            status = json.loads(_ceph(stack, "status", "--format", "json"))
        except StackError as error:
            raise Unhealthy(error.reason) from error
        if not heard["summary"]["total_kb"] or not status["pgmap"]["bytes_total"]:
            raise Unhealthy("the OSD has not reported its size yet")
        if not status["osdmap"]["num_up_osds"]:
            raise Unhealthy("the OSD is not up")
        groups = {each["state_name"]: each["count"] for each in status["pgmap"]["pgs_by_state"]}
        if set(groups) - {"active+clean"}:
            raise Unhealthy(f"placement groups are {groups}")

    def finish(self, stack: Stack) -> None:
        """Create the pools, and the clients with the capabilities of the keyrings."""
        pools = [IMAGES, DISKS, VOLUMES]
        milestones.once(stack, "ceph-pools", [pools, CLIENT], lambda: self._fill(stack, pools))
        milestones.once(
            stack,
            "ceph-keys",
            cephx.keyring(stack, *cephx.CAPABILITIES),
            lambda: _ceph(stack, "auth", "import", "-i", str(stack.data / self.name / "keyring")),
        )

    def _make_stores(self, stack: Stack) -> None:
        """Create the missing stores. Each gets its name when it is complete."""
        data = stack.data / self.name
        size = ["--bluestore-block-size", str(ceph_conf.osd_bytes(data))]
        arguments = {
            "mon": ["--keyring", str(data / "keyring")],
            "mgr": [],
            "osd": ["--osd-uuid", self._osd(stack), "--no-mon-config", *size],
        }
        for kind, number in DAEMONS.items():
            store, draft = data / kind, data / f"{kind}.new"
            if store.exists():
                continue
            shutil.rmtree(draft, ignore_errors=True)
            files.directory(draft, 0o700, files.ids(USER))
            if kind != "mgr":  # which stores nothing
                make = [
                    f"ceph-{kind}",
                    "--mkfs",
                    "--id",
                    number,
                    "--conf",
                    str(conf(stack)),
                    "--setuser",
                    USER,
                    "--setgroup",
                    USER,
                    f"--{kind}-data",
                    str(draft),
                ]
                stack.node.logged([*make, *arguments[kind]], stack.log("ceph-mkfs"))
            name = "mon." if kind == "mon" else f"{kind}.{number}"
            files.write(draft / "keyring", cephx.keyring(stack, name), 0o600, files.ids(USER))
            draft.rename(store)

    def _osd(self, stack: Stack) -> str:
        return str(uuid.uuid5(uuid.UUID(ceph_conf.fsid(stack)), "osd"))

    def _fill(self, stack: Stack, pools: list[str]) -> None:
        _ceph(stack, "osd", "set-require-min-compat-client", CLIENT)
        for pool in pools:
            _ceph(stack, "osd", "pool", "create", pool)
            _ceph(stack, "osd", "pool", "application", "enable", pool, "rbd")
        _ceph(stack, "health", "mute", "MGR_MODULE_ERROR", "--sticky")
        self.wait(stack)


def _ceph(stack: Stack, *words: str) -> str:
    """Run a ceph command as the administrator; return its output."""
    command = ["ceph", "--conf", str(conf(stack)), "--connect-timeout", str(CONNECT_SECONDS)]
    return stack.node.run([*command, *words])
