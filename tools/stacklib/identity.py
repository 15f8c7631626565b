"""Fill Keystone: the services' users, their catalog entries, the demo project and user."""

from stacklib import auth, ports
from stacklib.cloud import Cloud
from stacklib.stack import Stack

# component: (user and service name, catalog types, port, path)
SERVICES = {
    "glance": ("glance", ("image",), ports.GLANCE, ""),
    "barbican": ("barbican", ("key-manager",), ports.BARBICAN, ""),
    "cinder": ("cinder", ("block-storage", "volumev3"), ports.CINDER, "/v3"),
    "neutron": ("neutron", ("network",), ports.NEUTRON, ""),
    "nova-mini": ("nova", ("compute",), ports.COMPUTE, "/v2.1"),
}


def fill(stack: Stack) -> None:
    """Create everything that does not exist yet."""
    cloud = Cloud(stack)
    roles = {
        role["name"]: role["id"] for role in cloud.request("GET", "identity", "/roles")["roles"]
    }
    service_project = _project(cloud, "service")
    for component, (name, kinds, port, path) in SERVICES.items():
        if stack.has(component):
            user = _user(cloud, stack, name, service_project)
            for role in ("admin", "service"):
                _grant(cloud, service_project, user, roles[role])
            for kind in kinds:
                _endpoint(cloud, name, kind, f"http://{stack.node.address}:{port}{path}")
    demo_project = _project(cloud, "demo")
    demo = _user(cloud, stack, "demo", demo_project)
    _grant(cloud, demo_project, demo, roles["member"])


def _project(cloud: Cloud, name: str) -> str:
    body = {"name": name, "domain_id": "default"}
    return cloud.ensure("identity", "/projects", "project", body)["id"]


def _user(cloud: Cloud, stack: Stack, name: str, project: str) -> str:
    body = {
        "name": name,
        "domain_id": "default",
        "default_project_id": project,
        "password": stack.secrets[f"user-{name}"],
    }
    return cloud.ensure("identity", "/users", "user", body)["id"]


def _grant(cloud: Cloud, project: str, user: str, role: str) -> None:
    cloud.request("PUT", "identity", f"/projects/{project}/users/{user}/roles/{role}")


def _endpoint(cloud: Cloud, name: str, kind: str, url: str) -> None:
    service = cloud.ensure(
        "identity", "/services", "service", {"name": name, "type": kind}, by=("name", "type")
    )
    for interface in ("public", "internal"):
        body = {
            "service_id": service["id"],
            "interface": interface,
            "region": auth.REGION,
            "url": url,
        }
        known = cloud.find(
            "identity", "/endpoints", "endpoints", service_id=service["id"], interface=interface
        )
        if not known:
            cloud.request("POST", "identity", "/endpoints", {"endpoint": body})
        elif known["url"] != url:
            path = f"/endpoints/{known['id']}"
            cloud.request("PATCH", "identity", path, {"endpoint": {"url": url}})
