"""Keystone: users, projects, roles, tokens, and the catalog of the other services."""

from stacklib import auth, clouds, files, identity, milestones, ports, users, wsgi
from stacklib.component import Component
from stacklib.components import mariadb, memcached
from stacklib.components.venv import PINS
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit


class Keystone(Component):
    """The identity service."""

    name = "keystone"
    needs = ("mariadb", "memcached", "venv-openstack")

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database, create keys and the first user."""
        owner = users.ids(wsgi.USER)
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        files.write(etc / "keystone.conf", files.ini(self._options(stack)), 0o600, owner)
        for name in ("fernet-keys", "credential-keys"):
            files.directory(etc / name, 0o700, owner)
        wsgi.configure(stack, self.name, "keystone.wsgi.api", ports.KEYSTONE)
        inputs = [files.digest([PINS]), auth.url(stack)]
        milestones.once(stack, "keystone-database", inputs, lambda: self._bootstrap(stack))

    def units(self, stack: Stack) -> list[Unit]:
        """Return the one WSGI server."""
        etc = stack.etc / self.name
        environment = {
            "OS_KEYSTONE_CONFIG_DIR": str(etc),
            "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
        }
        return [wsgi.unit(stack, self.name, (etc / "keystone.conf",), environment)]

    def check(self, stack: Stack) -> None:
        """Check that the version document is served."""
        status, _ = ports.get(stack.node, ports.KEYSTONE, "/v3")
        if status != 200:
            raise Unhealthy(f"Keystone answers {status}")

    def finish(self, stack: Stack) -> None:
        """Create the service users, the demo user and the catalog; write the credentials."""
        clouds.write(stack)
        inputs = [stack.node.address, [name for name in identity.SERVICES if stack.has(name)]]
        milestones.once(stack, "identity", inputs, lambda: identity.fill(stack))

    def _options(self, stack: Stack) -> dict[str, dict[str, object]]:
        etc = stack.etc / self.name
        return {
            "DEFAULT": {"use_stderr": True, "log_file": ""},
            "database": {"connection": mariadb.connection(stack, "keystone")},
            "token": {"provider": "fernet", "expiration": 14400},
            "fernet_tokens": {"key_repository": etc / "fernet-keys"},
            "fernet_receipts": {"key_repository": etc / "fernet-keys"},
            "credential": {"key_repository": etc / "credential-keys"},
            "cache": {
                "enabled": True,
                "backend": "oslo_cache.memcache_pool",
                "memcache_servers": memcached.ADDRESS,
            },
        }

    def _bootstrap(self, stack: Stack) -> None:
        program = str(stack.venv("openstack") / "bin" / "keystone-manage")
        manage = [program, "--config-file", str(stack.etc / self.name / "keystone.conf")]
        log = stack.log("keystone-manage")
        owner = [f"--keystone-user={wsgi.USER}", f"--keystone-group={wsgi.USER}"]
        stack.node.logged([*manage, "db_sync"], log)
        stack.node.logged([*manage, "fernet_setup", *owner], log)
        stack.node.logged([*manage, "credential_setup", *owner], log)
        endpoint = auth.url(stack)
        secret = {"OS_BOOTSTRAP_PASSWORD": stack.secrets["user-admin"]}
        stack.node.logged(
            [
                *manage,
                "bootstrap",
                "--bootstrap-region-id",
                auth.REGION,
                "--bootstrap-public-url",
                endpoint,
                "--bootstrap-internal-url",
                endpoint,
                "--bootstrap-admin-url",
                endpoint,
            ],
            log,
            more=secret,
        )
