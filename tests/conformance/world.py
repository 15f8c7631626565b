"""Something of each kind, whose ids replace the variables in the paths of routes."""

from __future__ import annotations

import re
from typing import Any

import requests

from tests.conformance.declared import Operation, Version, text
from tests.functional.harness.client import Client
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.external_services import ExternalServices

PROJECT = "conformance"


class World:
    """``server``: ACTIVE, with a port, a volume, a tag and metadata. ``moved``: waits for the
    confirmation of its migration."""

    def __init__(self, cloud: Cloud, external: ExternalServices, catalog: dict[str, str]):
        self.external = external
        self.catalog = catalog
        self.admin: Client = cloud.client(f"admin:{PROJECT}")
        self._make_others()
        self.server = self.boot(
            metadata={"key": "value"}, tags=["a"], networks=[{"uuid": external.network}]
        )
        self.volume = self.attach(self.server)
        (self.port,) = external.ports(self.server)
        self.moved = self.boot()
        self.admin.act(self.moved, "migrate", {})
        self.admin.wait_for(self.moved, "VERIFY_RESIZE")
        self.token = self._open_console()
        self._make_what_others_serve()
        self._names = self._names_of_paths()
        self._uuids = self._uuids_of_paths()

    def boot(self, **fields: Any) -> str:
        body = {
            "server": {
                "name": "conformance",
                "imageRef": self.catalog["image"],
                "flavorRef": self.catalog["flavor"],
                "networks": "none",
                **fields,
            }
        }
        server = self.admin.post("/servers", body, 202)["server"]["id"]
        self.admin.wait_for(server, "ACTIVE")
        return server

    def attach(self, server: str) -> str:
        volume = self.external.volume()
        body = {"volumeAttachment": {"volumeId": volume}}
        path = f"/servers/{server}/os-volume_attachments"
        self.send("POST", path, (2, 1), body)
        return volume

    def path(self, operation: Operation, version: Version) -> str:
        """The path of an operation with ids of what exists."""
        special = self._names.get(operation.path, {})
        if version >= (2, 53):
            special = self._uuids.get(operation.path, special)
        names = {**self._names["*"], **special}
        return re.sub(r"{(\w+)}", lambda found: names[found[1]], operation.path)

    def send(self, method: str, path: str, version: Version, body: Any = None) -> requests.Response:
        """Send a request of the administrator."""
        headers = {"OpenStack-API-Version": f"compute {text(version)}"}
        return self.admin.request(method, path, body, headers=headers)

    def _make_others(self) -> None:
        admin, flavor = self.admin, self.catalog["flavor"]
        admin.post(f"/flavors/{flavor}/os-extra_specs", {"extra_specs": {"hw:boot_menu": "true"}})
        private = {"name": "private", "id": "private", "vcpus": 1, "ram": 1, "disk": 0}
        admin.post("/flavors", {"flavor": {**private, "os-flavor-access:is_public": False}})
        access = {"addTenantAccess": {"tenant": PROJECT}}
        admin.post("/flavors/private/action", access)
        self._make_keypair()
        aggregate = {"aggregate": {"name": "conformance", "availability_zone": "zone"}}
        self.aggregate = str(admin.post("/os-aggregates", aggregate)["aggregate"]["id"])
        group = {"server_group": {"name": "conformance", "policy": "affinity"}}
        self.group = admin.post("/os-server-groups", group)["server_group"]["id"]

    def _make_keypair(self) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        public = ed25519.Ed25519PrivateKey.generate().public_key()
        kind = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.public_key = public.public_bytes(*kind).decode()
        body = {"keypair": {"name": "key", "type": "ssh", "public_key": self.public_key}}
        self.admin.post("/os-keypairs", body, 201)

    def _make_what_others_serve(self) -> None:
        """By the requests of old clients, which this API passes on."""
        image = f"/images/{self.catalog['image']}/metadata"
        self._create(image, {"metadata": {"key": "value"}})
        group = {"security_group": {"name": "conformance", "description": "of the tests"}}
        self.security_group = self._create("/os-security-groups", group)["security_group"]["id"]
        self.external.neutron.add_network("nova", PROJECT, **{"router:external": True})
        self.floating_ip = self._create("/os-floating-ips", {})["floating_ip"]["id"]
        snapshot = {"snapshot": {"volume_id": self.volume, "force": True}}
        self.snapshot = self._create("/os-snapshots", snapshot)["snapshot"]["id"]

    def _create(self, path: str, body: dict) -> dict:
        response = self.send("POST", path, (2, 1), body)
        assert response.status_code in (200, 201, 202), f"{path}: {response.text}"
        return response.json()

    def _names_of_paths(self) -> dict[str, dict[str, str]]:
        """Values of variables, by path; "*": of all paths."""
        action = self._get(f"/servers/{self.server}/os-instance-actions", (2, 104))
        migration = self._get(f"/os-migrations?instance_uuid={self.moved}", (2, 59))
        hypervisor = self._get("/os-hypervisors", (2, 1))["hypervisors"][0]
        server = "/servers/{server_id}"
        return {
            "*": {
                "id": self.server,
                "server_id": self.server,
                "flavor_id": self.catalog["flavor"],
                "image_id": self.catalog["image"],
            },
            "/flavors/{id}": {"id": self.catalog["flavor"]},
            "/flavors/{flavor_id}/os-extra_specs/{id}": {"id": "hw:boot_menu"},
            "/flavors/{flavor_id}/os-flavor-access": {"flavor_id": "private"},
            "/extensions/{id}": {"id": "os-aggregates"},
            "/versions/{id}": {"id": "v2.1"},
            "/images/{id}": {"id": self.catalog["image"]},
            "/os-networks/{id}": {"id": self.external.network},
            "/os-tenant-networks/{id}": {"id": self.external.network},
            "/images/{image_id}/metadata/{id}": {"id": "key"},
            "/os-floating-ips/{id}": {"id": self.floating_ip},
            "/os-security-groups/{id}": {"id": self.security_group},
            "/os-snapshots/{id}": {"id": self.snapshot},
            "/os-volumes/{id}": {"id": self.volume},
            "/os-aggregates/{id}": {"id": self.aggregate},
            "/os-console-auth-tokens/{id}": {"id": self.token},
            "/os-floating-ip-dns/{domain_id}/entries/{id}": {"domain_id": "d", "id": "e"},
            **{
                f"/os-hosts/{{id}}{end}": {"id": "c1"}
                for end in ("", "/reboot", "/shutdown", "/startup")
            },
            "/os-hypervisors/{id}": {"id": str(hypervisor["id"])},
            "/os-hypervisors/{id}/uptime": {"id": str(hypervisor["id"])},
            "/os-hypervisors/{id}/search": {"id": hypervisor["hypervisor_hostname"]},
            "/os-hypervisors/{id}/servers": {"id": hypervisor["hypervisor_hostname"]},
            "/os-instance_usage_audit_log/{id}": {"id": "2026-01-01 00:00:00"},
            "/os-keypairs/{id}": {"id": "key"},
            "/os-quota-class-sets/{id}": {"id": "default"},
            "/os-quota-sets/{id}": {"id": PROJECT},
            "/os-quota-sets/{id}/detail": {"id": PROJECT},
            "/os-quota-sets/{id}/defaults": {"id": PROJECT},
            "/os-server-groups/{id}": {"id": self.group},
            "/os-services/{id}": {"id": "enable"},
            "/os-simple-tenant-usage/{id}": {"id": PROJECT},
            f"{server}/ips/{{id}}": {"id": self._network_name()},
            f"{server}/metadata/{{id}}": {"id": "key"},
            f"{server}/os-instance-actions/{{id}}": {
                "id": action["instanceActions"][0]["request_id"]
            },
            f"{server}/os-interface/{{id}}": {"id": self.port},
            f"{server}/migrations/{{id}}": {
                "server_id": self.moved,
                "id": str(migration["migrations"][0]["id"]),
            },
            f"{server}/migrations": {"server_id": self.moved},
            f"{server}/os-volume_attachments/{{id}}": {"id": self.volume},
            f"{server}/tags/{{id}}": {"id": "a"},
        }

    def _uuids_of_paths(self) -> dict[str, dict[str, str]]:
        """Values of variables of paths that name something else from 2.53 on."""
        hypervisor = self._get("/os-hypervisors", (2, 53))["hypervisors"][0]["id"]
        service = self._get("/os-services?binary=nova-compute", (2, 53))["services"][0]["id"]
        return {
            "/os-hypervisors/{id}": {"id": hypervisor},
            "/os-hypervisors/{id}/uptime": {"id": hypervisor},
            "/os-services/{id}": {"id": service},
        }

    def _open_console(self) -> str:
        body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
        path = f"/servers/{self.server}/remote-consoles"
        url = self.send("POST", path, (2, 6), body).json()["remote_console"]["url"]
        return url.rpartition("token%3D")[2]

    def _network_name(self) -> str:
        (name,) = self._get(f"/servers/{self.server}", (2, 1))["server"]["addresses"]
        return name

    def _get(self, path: str, version: Version) -> dict:
        from nova_mini.api.openstack.api_version import MAX_VERSION

        response = self.send("GET", path, min(version, tuple(MAX_VERSION)))
        assert response.status_code == 200, response.text
        return response.json()
