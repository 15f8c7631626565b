"""Stand-ins for the REST APIs of Cinder and Neutron, for a cloud of real processes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from tests.functional.harness.config import Sections
from tests.unit.network.stub_neutron import StubNeutron
from tests.unit.rest_server import running as serving
from tests.unit.volume.stub_cinder import Cinder


@dataclasses.dataclass
class ExternalServices:
    """``network``: the ID of a network that all projects share. ``options``: the configuration with
    the URLs of the services."""

    cinder: Cinder
    neutron: StubNeutron
    network: str
    options: Sections

    def volume(self) -> str:
        """Create a volume. Return its ID."""
        return self.cinder.add_volume(size=1)

    def ports(self, server_id: str) -> list[str]:
        return [port["id"] for port in self.neutron.ports_of(server_id)]

    def volumes(self, server_id: str) -> list[str]:
        """The IDs of the volumes that are attached to the server, according to Cinder."""
        found = self.cinder.of_instance(server_id)
        return [each["volume_id"] for each in found if each["status"] == "attached"]


@contextlib.contextmanager
def running() -> Iterator[ExternalServices]:
    cinder, neutron = Cinder(), StubNeutron()
    network = neutron.add_network(shared=True)
    with serving(cinder.respond) as volumes, serving(neutron.respond) as networks:
        options = {
            "cinder": {
                "endpoint_override": f"{volumes}/v3",
                "block_device_allocate_retries_interval": 0,
            },
            "neutron": {"endpoint_override": networks},
        }
        yield ExternalServices(cinder, neutron, network, options)
