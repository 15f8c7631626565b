"""The environment variables of commands inside the node."""

from stacklib.components import ceph, mariadb, rabbitmq
from stacklib.node import PATH
from stacklib.stack import Stack


def variables(stack: Stack) -> dict[str, str]:
    """Return PATH with the clients first, the stack's addresses, and the cloud's credentials."""
    clients = [stack.venv(name) / "bin" for name in ("openstack", "nova-mini")]
    found = [str(directory) for directory in clients if directory.is_dir()]
    result = {
        "PATH": ":".join([*found, PATH]),
        "NOVA_MINI_STACK_DIR": str(stack.directory),
        "NOVA_MINI_NODE": stack.node.name,
    }
    if stack.has("ceph"):
        result["CEPH_CONF"] = str(ceph.conf(stack))
    if not stack.is_control:  # it has no credentials of users
        return result
    if stack.has("rabbitmq"):
        result["NOVA_MINI_TEST_TRANSPORT_URL"] = rabbitmq.transport_url(stack, "test")
    if stack.has("mariadb"):
        result["NOVA_MINI_TEST_DATABASE_URL"] = mariadb.administration(stack)
    if stack.has("ceph"):
        result["CEPH_TEST_CONF"] = result["CEPH_CONF"]
    clouds = stack.directory / "clouds.yaml"
    if clouds.exists():
        result |= {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": "demo"}
    return result
