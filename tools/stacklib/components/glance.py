"""Glance: images in Ceph, or as files if there is no Ceph."""

from stacklib import auth, files, milestones, ports, users, wsgi
from stacklib.component import Component
from stacklib.components import ceph, mariadb
from stacklib.components.venv import PINS
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

# Only services may read and set the locations of images, not even administrators.
POLICY = 'service_api: "role:service"\n'

LARGEST_CHUNK = 16 * 1024**2  # bytes that a client may send at a time; uWSGI takes less than 1 MiB


class Glance(Component):
    """The image service."""

    name = "glance"
    needs = ("keystone",)
    wants = ("ceph",)

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database."""
        owner = users.ids(wsgi.USER)
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        files.directory(stack.data / self.name, 0o700, owner)
        for name in ("images", "staging", "tasks"):
            files.directory(stack.data / self.name / name, 0o700, owner)
        config = etc / "glance-api.conf"
        files.write(config, files.ini(self._options(stack)), 0o600, owner)
        shipped = stack.venv("openstack") / "etc" / "glance" / "glance-api-paste.ini"
        files.write(etc / "glance-api-paste.ini", shipped.read_text(), 0o600, owner)
        files.write(etc / "policy.yaml", POLICY, 0o600, owner)
        wsgi.configure(
            stack,
            self.name,
            "glance.wsgi.api",
            ports.GLANCE,
            **{
                "http-chunked-input": "true",
                "http-auto-chunked": "true",
                "chunked-input-limit": str(LARGEST_CHUNK),
                "chunked-input-timeout": str(wsgi.PATIENCE),
            },
        )
        manage = [
            str(stack.venv("openstack") / "bin" / "glance-manage"),
            "--config-file",
            str(config),
            "db_sync",
        ]
        milestones.once(
            stack,
            "glance-database",
            files.digest([PINS]),
            lambda: stack.node.logged(manage, stack.log("glance-manage")),
        )

    def units(self, stack: Stack) -> list[Unit]:
        """Return the one WSGI server."""
        etc = stack.etc / self.name
        names = ("glance-api.conf", "glance-api-paste.ini", "policy.yaml")
        watched = tuple(etc / name for name in names)
        return [wsgi.unit(stack, self.name, watched, {"OS_GLANCE_CONFIG_DIR": str(etc)})]

    def check(self, stack: Stack) -> None:
        """Check that the version document is served (300: multiple choices)."""
        status, _ = ports.get(stack.node, ports.GLANCE, "/versions")
        if status not in (200, 300):
            raise Unhealthy(f"Glance answers {status}")

    def _options(self, stack: Stack) -> dict[str, dict[str, object]]:
        data = stack.data / self.name
        return {
            "DEFAULT": {
                "use_stderr": True,
                "enabled_backends": "files:file,rbd:rbd" if stack.has("ceph") else "files:file",
                "node_staging_uri": f"file://{data / 'staging'}",
                "worker_self_reference_url": f"http://{stack.node.address}:{ports.GLANCE}",
                "show_image_direct_url": False,
                # No checksums of images with registered locations: a restart during the calculation
                # would leave an image that cannot be deleted.
                "do_secure_hash": False,
            },
            **self._stores(stack),
            "os_glance_staging_store": {"filesystem_store_datadir": data / "staging"},
            "os_glance_tasks_store": {"filesystem_store_datadir": data / "tasks"},
            "database": {"connection": mariadb.connection(stack, "glance")},
            "keystone_authtoken": auth.token_check(stack, "glance"),
            "paste_deploy": {
                "flavor": "keystone",
                "config_file": stack.etc / self.name / "glance-api-paste.ini",
            },
            "oslo_policy": {"policy_file": stack.etc / self.name / "policy.yaml"},
            "oslo_concurrency": {"lock_path": data / "locks"},
        }

    def _stores(self, stack: Stack) -> dict[str, dict[str, object]]:
        """The file store is always configured, because images may be older than the Ceph store."""
        files_store = {"filesystem_store_datadir": stack.data / self.name / "images"}
        if not stack.has("ceph"):
            return {"glance_store": {"default_backend": "files"}, "files": files_store}
        return {
            "glance_store": {"default_backend": "rbd"},
            "files": files_store,
            "rbd": {
                "rbd_store_ceph_conf": ceph.conf(stack),
                "rbd_store_user": "glance",
                "rbd_store_pool": ceph.IMAGES,
                "rbd_store_chunk_size": 4,
                "rbd_thin_provisioning": True,
            },
        }
