"""A cloud with Keystone, the project of a victim with a server, and the attackers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.functional.attacks import recipes
from tests.functional.harness import cloud as clouds
from tests.functional.harness import identity_service, oracle
from tests.functional.harness.client import Client
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.identity_service import token
from tests.functional.harness.image_service import ImageService
from tests.functional.harness.network import free_port

VICTIM, STRANGER = "victims-project", "strangers-project"
SECRET = "the-proxy-and-the-service-know-it"
NAME = "victims-server"
PRIVATE_IMAGE = "victims-image"


@dataclasses.dataclass
class Site:
    """``victim`` and ``reader`` are of one project, ``stranger`` is a member of another.
    ``anonymous`` has no token. ``known``: the values of the placeholders of ``recipes``."""

    cloud: Cloud
    images: ImageService
    metadata_port: int
    operator: Client
    victim: Client
    reader: Client
    stranger: Client
    anonymous: Client
    known: dict[str, str] = dataclasses.field(default_factory=dict)

    def server(self, **fields) -> dict:
        """The body of a request for a server."""
        usual = {
            "name": "s",
            "imageRef": self.known["image"],
            "flavorRef": "tiny",
            "networks": "none",
        }
        return {"server": {**usual, **fields}}

    def owner_of(self, kind: str) -> str:
        """The object of the victim that a path names, by the kind of object."""
        return {
            recipes.SERVER: self.known["server"],
            recipes.KEYPAIR: recipes.KEY,
            recipes.PRIVATE_FLAVOR: recipes.FLAVOR,
            recipes.PROJECT: VICTIM,
            recipes.SERVER_GROUP: self.known["group"],
        }.get(kind, recipes.UNKNOWN)


@pytest.fixture(scope="package")
def site(engines, images, workspace) -> Iterator[Site]:
    with identity_service.running() as keystone:
        checks = identity_service.options(keystone)
        metadata_port = free_port()
        api = {
            **checks,
            "DEFAULT": {
                "enabled_apis": "osapi_compute,metadata",
                "metadata_listen": "127.0.0.1",
                "metadata_listen_port": metadata_port,
            },
            "neutron": {"service_metadata_proxy": True, "metadata_proxy_shared_secret": SECRET},
        }
        directory = workspace / "attacks"
        with clouds.running(
            engines, directory, images, options={"api": checks["api"]}, api_options=api
        ) as cloud:
            made = _site(cloud, images, metadata_port)
            _furnish(made)
            yield made
            for client in (made.victim, made.stranger):
                for server in client.get("/servers")["servers"]:
                    client.delete(f"/servers/{server['id']}")
                    client.wait_gone(server["id"])
            oracle.assert_clean(cloud)


def _site(cloud: Cloud, images: ImageService, metadata_port: int) -> Site:
    return Site(
        cloud,
        images,
        metadata_port,
        operator=cloud.client(token("root", "admin", "admin", "member", "reader")),
        victim=cloud.client(token("vic", VICTIM)),
        reader=cloud.client(token("ron", VICTIM, "reader")),
        stranger=cloud.client(token("eve", STRANGER)),
        anonymous=cloud.client(None),
    )


def _furnish(site: Site) -> None:
    """Create the objects of the victim that attacks name, and the objects that attacks need."""
    flavor = {
        "name": "tiny",
        "id": "tiny",
        "vcpus": 1,
        "ram": 64,
        "disk": 1,
        "OS-FLV-EXT-DATA:ephemeral": 4,
    }
    site.operator.post("/flavors", {"flavor": flavor})
    quotas = {"instances": 50, "cores": 50}  # so that no attack is stopped by them
    site.operator.put(f"/os-quota-sets/{STRANGER}", {"quota_set": quotas})
    private = {
        **flavor,
        "name": recipes.FLAVOR,
        "id": recipes.FLAVOR,
        "os-flavor-access:is_public": False,
    }
    site.operator.post("/flavors", {"flavor": private})
    specs = {"extra_specs": {"hw:watchdog_action": "pause"}}
    site.operator.post(f"/flavors/{recipes.FLAVOR}/os-extra_specs", specs)
    access = {"addTenantAccess": {"tenant": VICTIM}}
    site.operator.post(f"/flavors/{recipes.FLAVOR}/action", access)
    site.operator.post("/os-aggregates", {"aggregate": {"name": recipes.AGGREGATE}})
    site.known |= {
        "image": site.images.add(),
        "private_image": site.images.add(name=PRIVATE_IMAGE, visibility="private", owner=VICTIM),
        "project": VICTIM,
        "stranger": STRANGER,
        "public_key": _public_key(),
    }
    keypair = {"name": recipes.KEY, "public_key": site.known["public_key"], "type": "ssh"}
    site.victim.post("/os-keypairs", {"keypair": keypair}, 201)
    group = {"server_group": {"name": recipes.GROUP, "policy": "affinity"}}
    site.known["group"] = site.victim.post("/os-server-groups", group)["server_group"]["id"]
    body = site.server(
        name=NAME,
        metadata=recipes.METADATA,
        tags=[recipes.TAG],
        key_name=recipes.KEY,
        imageRef=site.known["private_image"],
        flavorRef=recipes.FLAVOR,
    )
    body["os:scheduler_hints"] = {"group": site.known["group"]}
    server_id = site.victim.post("/servers", body, 202)["server"]["id"]
    site.victim.wait_for(server_id, "ACTIVE")
    actions = site.victim.get(f"/servers/{server_id}/os-instance-actions")["instanceActions"]
    site.known |= {"server": server_id, "request_id": actions[0]["request_id"]}


def _public_key() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return public.public_bytes(*form).decode()
