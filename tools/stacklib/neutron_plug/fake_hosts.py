"""A mechanism driver for computes that run nova_mini's fake virt driver.

No agent runs on such a host, so Neutron would refuse to bind a port to it. This driver binds every
port, and sets it to active at once.
"""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

DETAILS = {
    portbindings.CAP_PORT_FILTER: True,
    portbindings.OVS_HYBRID_PLUG: False,
    portbindings.VIF_DETAILS_BRIDGE_NAME: "br-int",
}


class FakeHosts(api.MechanismDriver):
    """Binds ports to hosts that have no network."""

    def initialize(self) -> None:
        """Required by the interface."""

    def bind_port(self, context: api.PortContext) -> None:
        """Bind the port to the first segment."""
        for segment in context.segments_to_bind[:1]:
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_OVS,
                DETAILS,
                constants.PORT_STATUS_ACTIVE,
            )
