"""A cloud for tests of the servers API: a flavor, an image in a stub of Glance's HTTP API, and a
bus that records messages."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field

import pytest

from nova_mini import db, rpc
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.service import Service
from tests.unit import rest_server

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
OTHER_IMAGE = "70ad04d1-6ad9-4bb0-8b0e-2f0b6a0a3c22"
HOST = "host1"


@dataclass
class Bus:
    """Records each message as (topic, server, method, arguments).

    ``responses``: results of calls."""

    sent: list = field(default_factory=list)
    responses: dict = field(default_factory=dict)

    def client(self, target):
        return _Client(self, target.topic, None)

    def methods(self) -> list[str]:
        return [method for _topic, _server, method, _kwargs in self.sent]


@dataclass
class _Client:
    bus: Bus
    topic: str
    server: str | None

    def prepare(self, server=None, **options):
        return _Client(self.bus, self.topic, server or self.server)

    def cast(self, context, method, **kwargs):
        self.bus.sent.append((self.topic, self.server, method, kwargs))

    def call(self, context, method, **kwargs):
        self.cast(context, method, **kwargs)
        response = self.bus.responses[method]
        if isinstance(response, Exception):
            raise response
        return response


@pytest.fixture
def bus(monkeypatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(rpc, "get_client", bus.client)
    return bus


class Glance:
    def __init__(self):
        self.images = {
            image_id: {
                "id": image_id,
                "name": "small",
                "status": "active",
                "size": 1024 * 1024,
                "disk_format": "raw",
                "container_format": "bare",
                "min_disk": 0,
                "min_ram": 64,
                "os_type": "linux",
                "hw_disk_bus": "virtio",
            }
            for image_id in (IMAGE, OTHER_IMAGE)
        }
        self.refuses = None  # a status for POST
        self.reads = 0
        self.queries = []  # of lists

    def respond(self, method, path, query, headers, body):
        image_id = path.rpartition("/")[2]
        if method == "POST":
            if self.refuses:
                return self.refuses, b"{}"
            image = {"status": "queued", **json.loads(body)}
            self.images[image["id"]] = image
            return 201, image
        if method == "PUT":
            self.images[path.split("/")[-2]].update(status="active", size=len(body))
            return 204, b""
        if method == "PATCH":
            for step in json.loads(body):
                name = step["path"].strip("/")
                if step["op"] == "remove":
                    del self.images[image_id][name]
                else:
                    self.images[image_id][name] = step["value"]
            return 200, self.images[image_id]
        if method == "DELETE":
            return (204 if self.images.pop(image_id, None) else 404), b""
        if image_id == "images":
            self.queries.append({name: values[0] for name, values in query.items()})
            statuses = query.get("status", ["active"])[0].removeprefix("in:").split(",")
            found = [i for i in self.images.values() if i["status"] in statuses]
            newest_first = query.get("sort_dir") == ["desc"]
            return 200, {"images": found[::-1] if newest_first else found}
        self.reads += 1
        if image_id not in self.images:
            return 404, b"{}"
        image = self.images[image_id]
        return image if image is rest_server.HANG_UP else (200, image)


@pytest.fixture
def glance(database):
    served = Glance()
    with rest_server.serving("glance", served.respond):
        CONF.set_override("image_record_cache_time", 0, group="api")
        yield served
        CONF.clear_override("image_record_cache_time", group="api")


def make_flavor(flavorid="1", **fields) -> Flavor:
    values = {
        "flavorid": flavorid,
        "name": f"flavor {flavorid}",
        "memory_mb": 128,
        "vcpus": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "swap": 0,
        "rxtx_factor": 1.0,
        "disabled": False,
        "is_public": True,
        "description": None,
        "extra_specs": {"hw:x": "y"},
        **fields,
    }
    flavor = Flavor(get_admin_context(), **values)
    flavor.create()
    return flavor


def make_host(host=HOST, node=None) -> None:
    context = get_admin_context()
    Service.start(context, host, "nova-mini-compute", "compute", str(uuid.uuid4()))
    ComputeNode.report(
        context,
        host,
        {
            "hypervisor_hostname": node or host,
            "hypervisor_type": "fake",
            "hypervisor_version": 1,
            "vcpus": 8,
            "memory_mb": 8192,
            "local_gb": 100,
            "cpu_allocation_ratio": 1.0,
            "ram_allocation_ratio": 1.0,
            "disk_allocation_ratio": 1.0,
        },
    )


class Cloud:
    """Helpers that read and change records of servers without the API."""

    def __init__(self, api, bus, glance):
        self.api, self.bus, self.glance = api, bus, glance

    def body(self, **fields) -> dict:
        return {
            "server": {
                "name": "one",
                "imageRef": IMAGE,
                "flavorRef": "1",
                "networks": "none",
                **fields,
            }
        }

    def boot(self, *, version="2.96", token="user:project", **fields) -> str:
        """The uuid of a server that was built."""
        response = self.api.post("/servers", self.body(**fields), version=version, token=token)
        assert response.status_int == 202, response.text
        server_id = response.json["server"]["id"]
        self.built(server_id)
        self.bus.sent.clear()
        return server_id

    def built(self, server_id: str) -> None:
        self.set(
            server_id,
            vm_state="active",
            task_state=None,
            power_state=1,
            host=HOST,
            node=HOST,
            launched_at=utcnow(),
            availability_zone="nova",
        )
        for row in [a for a in db.actions.get_by_instance(server_id) if not a["finish_time"]]:
            db.actions.finish(row["id"], None)

    def set(self, server_id: str, **columns) -> None:
        instances = db.models.instances
        db.query.update(instances, columns, instances.c.uuid == server_id)

    def row(self, server_id: str):
        return db.instances.get_by_uuid(server_id, read_deleted=True)

    def action(self, server_id: str):
        """The newest action."""
        return db.actions.get_by_instance(server_id)[0]

    def act(self, server_id: str, action: str, args=None, **kwargs):
        return self.api.post(f"/servers/{server_id}/action", {action: args}, **kwargs)


@pytest.fixture
def cloud(api, bus, glance) -> Cloud:
    make_flavor()
    make_host()
    return Cloud(api, bus, glance)
