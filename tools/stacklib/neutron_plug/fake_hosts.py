"""A mechanism driver for computes that run nova_mini's fake virt driver.

Nothing is plugged in on such a host and no agent runs there, so Neutron would refuse to bind a
port to it. This binds every port that a compute asks for, and calls it active at once.
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
        """There is nothing to prepare."""

    def bind_port(self, context: api.PortContext) -> None:
        """Take the first segment that is offered."""
        for segment in context.segments_to_bind[:1]:
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_OVS,
                DETAILS,
                constants.PORT_STATUS_ACTIVE,
            )
