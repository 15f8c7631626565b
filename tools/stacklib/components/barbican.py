"""Barbican: the keys of encrypted volumes and of virtual TPMs. It is not part of a stack by
default."""

import base64

from stacklib import auth, files, milestones, ports, users, wsgi
from stacklib.component import Component
from stacklib.components import mariadb
from stacklib.components.venv import PINS
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

# What Barbican permits by default, and services: a host fetches the key of a volume or a TPM also
# where it has no token of the user, as after a crash and in a move that an administrator requests.
_MAY_READ = (
    "rule:secret_project_admin or (rule:secret_project_member and "
    "(rule:secret_owner or rule:secret_is_not_private)) or rule:secret_acl_read or role:service"
)
POLICY = f'"secret:get": "{_MAY_READ}"\n"secret:decrypt": "{_MAY_READ}"\n'


class Barbican(Component):
    """The key manager. Its keys are encrypted with one key of its configuration."""

    name = "barbican"
    needs = ("keystone",)
    packages = ("swtpm", "swtpm-tools")  # TPMs need a key manager

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database."""
        owner = users.ids(wsgi.USER)
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        config = etc / "barbican.conf"
        files.write(config, files.ini(self._options(stack)), 0o600, owner)
        shipped = stack.venv("openstack") / "etc" / "barbican" / "barbican-api-paste.ini"
        files.write(etc / "barbican-api-paste.ini", shipped.read_text(), 0o600, owner)
        files.write(etc / "policy.yaml", POLICY, 0o600, owner)
        stack.node.run(["ln", "-sfn", str(etc), "/etc/barbican"])  # where the API looks for it
        wsgi.configure(stack, self.name, "barbican.wsgi.api", ports.BARBICAN)
        manage = [str(stack.venv("openstack") / "bin" / "barbican-manage"), "db", "upgrade"]
        milestones.once(
            stack,
            "barbican-database",
            files.digest([PINS]),
            lambda: stack.node.logged(manage, stack.log("barbican-manage")),
        )

    def units(self, stack: Stack) -> list[Unit]:
        """Return the one WSGI server."""
        etc = stack.etc / self.name
        names = ("barbican.conf", "barbican-api-paste.ini", "policy.yaml")
        return [wsgi.unit(stack, self.name, tuple(etc / name for name in names), {})]

    def check(self, stack: Stack) -> None:
        """Check that the version document is served (300: multiple choices)."""
        status, _ = ports.get(stack.node, ports.BARBICAN, "/")
        if status not in (200, 300):
            raise Unhealthy(f"Barbican answers {status}")

    def _options(self, stack: Stack) -> dict[str, dict[str, object]]:
        return {
            "DEFAULT": {
                "use_stderr": True,
                "host_href": f"http://{stack.node.address}:{ports.BARBICAN}",
            },
            "database": {"connection": mariadb.connection(stack, "barbican")},
            "keystone_authtoken": auth.token_check(stack, "barbican"),
            "simple_crypto_plugin": {"kek": _encryption_key(stack)},
            "oslo_policy": {
                "policy_file": stack.etc / self.name / "policy.yaml",
                "enforce_new_defaults": True,
                "enforce_scope": True,
            },
        }


def _encryption_key(stack: Stack) -> str:
    """Return the key of all keys: the 32 characters of a secret, in the form that Fernet takes."""
    secret = stack.secrets["barbican-kek"].encode()
    return base64.urlsafe_b64encode(secret).decode()
