"""Names of Neutron's API, and the mark of ports that nova_mini created."""

BINDING_HOST = "binding:host_id"
BINDING_PROFILE = "binding:profile"
BINDING_VIF_TYPE = "binding:vif_type"
BINDING_VIF_DETAILS = "binding:vif_details"
BINDING_VNIC_TYPE = "binding:vnic_type"

DEVICE_OWNER_COMPUTE = "compute:"
DEVICE_OWNER_DHCP = "network:dhcp"

#: A key of the binding profile of every port that nova_mini created; only administrators see it.
#: Such a port is deleted with its server. Because the mark is in the port, it survives any crash.
CREATED_BY_US = "nova_mini_created"

#: A key of the binding profile while a server is migrated live: the host to which it moves.
#: Neutron's agents and Nova know it, too.
MIGRATING_TO = "migrating_to"


def is_created_by_us(port: dict) -> bool:
    """Whether nova_mini created this port, so that it is deleted with its server."""
    return CREATED_BY_US in (port.get(BINDING_PROFILE) or {})
