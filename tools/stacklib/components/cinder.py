"""Cinder: volumes in Ceph, and as files that tgtd exports over iSCSI."""

from pathlib import Path

from stacklib import cinder_conf, files, milestones, ports, users, wsgi
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.components.venv import PINS
from stacklib.errors import Unhealthy
from stacklib.node import PATH
from stacklib.stack import Stack
from stacklib.units import Unit

PLUG = Path(__file__).parents[1] / "cinder_plug"  # the stack's own driver
TARGETS = "/etc/tgt/conf.d/cinder.conf"  # read by tgtd's tools
WORKERS = ("cinder-scheduler", "cinder-volume")


class Cinder(Component):
    """The volume service, and the target of its iSCSI backend."""

    name = "cinder"
    needs = ("keystone", "rabbitmq")
    wants = ("ceph", "barbican")
    packages = ("tgt", "qemu-utils", "qemu-block-extra")

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database."""
        owner = users.ids(wsgi.USER)
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        data = files.directory(stack.data / self.name, 0o711)
        files.directory(data / "control", 0o700, owner)
        for name in ("volume", "volume/files", "volume/targets"):
            files.directory(data / name)
        files.write(etc / "cinder.conf", files.ini(cinder_conf.common(stack)), 0o600, owner)
        files.write(etc / "cinder-volume.conf", files.ini(cinder_conf.volume(stack)))
        shipped = stack.venv("openstack") / "etc" / "cinder" / "api-paste.ini"
        files.write(etc / "api-paste.ini", shipped.read_text(), 0o600, owner)
        stack.node.run(["ln", "-sfn", str(etc), "/etc/cinder"])  # where the API looks for it
        stack.node.write(TARGETS, f"include {cinder_conf.exports(stack)}/*\n")
        wsgi.configure(stack, self.name, "cinder.wsgi.api", ports.CINDER)
        manage = [
            str(stack.venv("openstack") / "bin" / "cinder-manage"),
            "--config-file",
            str(etc / "cinder.conf"),
            "db",
            "sync",
        ]
        milestones.once(
            stack,
            "cinder-database",
            files.digest([PINS]),
            lambda: stack.node.logged(manage, stack.log("cinder-manage")),
        )

    def units(self, stack: Stack) -> list[Unit]:
        """Return tgtd, which restores its exports when it starts, the API, the scheduler and the
        volume service."""
        etc = stack.etc / self.name
        portal = f"portal={stack.node.address}:{ports.ISCSI}"
        target = Unit(
            name="nova-mini-stack-tgtd",
            argv=("/usr/sbin/tgtd", "--foreground", "--iscsi", portal),
            properties={
                "Type": "notify",
                "ExecStartPost": "/usr/sbin/tgt-admin --execute",
                # SIGKILL: on SIGTERM, tgtd would wait for its initiators. It has no unwritten data.
                "KillSignal": "SIGKILL",
            },
        )
        watched = (etc / "cinder.conf", etc / "api-paste.ini")
        api = wsgi.unit(stack, self.name, watched, {})
        return [target, api, *(self._worker(stack, program) for program in WORKERS)]

    def check(self, stack: Stack) -> None:
        """Check that the scheduler and every backend report to Cinder."""
        services = Cloud(stack).request("GET", "volume", "/os-services")["services"]
        heard = {each["host"] for each in services if each["state"] == "up"}
        host = stack.node.name
        wanted = {host} | {f"{host}@{name}" for name in cinder_conf.backends(stack)}
        if wanted - heard:
            raise Unhealthy(f"no report of: {', '.join(sorted(wanted - heard))}")

    def finish(self, stack: Stack) -> None:
        """Create the volume types."""
        types = cinder_conf.volume_types(stack)
        milestones.once(stack, "volume-types", types, lambda: self._fill(stack, types))

    def _worker(self, stack: Stack, program: str) -> Unit:
        etc, programs = stack.etc / self.name, stack.venv("openstack") / "bin"
        configs = [etc / "cinder.conf"]
        properties = {"KillMode": "mixed", "TimeoutStopSec": "10"}
        if program == "cinder-volume":
            configs.append(etc / "cinder-volume.conf")
        else:
            properties["User"] = wsgi.USER
        return Unit(
            name=f"nova-mini-stack-{program}",
            argv=(str(programs / program), *(f"--config-file={path}" for path in configs)),
            properties=properties,
            environment={
                "PATH": f"{programs}:{PATH}",
                "PYTHONPATH": str(PLUG),
                "PYTHONWARNINGS": "ignore",
                "LANG": "C.UTF-8",
            },
            watched=(*configs, *PLUG.glob("*.py")),
        )

    def _fill(self, stack: Stack, types: dict[str, dict[str, str]]) -> None:
        cloud = Cloud(stack)
        known = cloud.request("GET", "volume", "/types")["volume_types"]
        ids = {each["name"]: each["id"] for each in known}
        for name, specs in types.items():
            if name not in ids:
                body = {"volume_type": {"name": name, "os-volume-type-access:is_public": True}}
                made = cloud.request("POST", "volume", "/types", body)
                ids[name] = made["volume_type"]["id"]
            path = f"/types/{ids[name]}/extra_specs"
            cloud.request("POST", "volume", path, {"extra_specs": specs})
        if cinder_conf.LUKS in types:
            self._encrypt(cloud, f"/types/{ids[cinder_conf.LUKS]}/encryption")

    def _encrypt(self, cloud: Cloud, path: str) -> None:
        """Let volumes of a type be encrypted. Cinder permits it once for a type."""
        if not cloud.request("GET", "volume", path).get("provider"):
            cloud.request("POST", "volume", path, {"encryption": cinder_conf.ENCRYPTION})
