"""Names of Neutron's that more than one file here needs, and the mark that we leave there."""

BINDING_HOST = "binding:host_id"
BINDING_PROFILE = "binding:profile"
BINDING_VIF_TYPE = "binding:vif_type"
BINDING_VIF_DETAILS = "binding:vif_details"
BINDING_VNIC_TYPE = "binding:vnic_type"

DEVICE_OWNER_COMPUTE = "compute:"
DEVICE_OWNER_DHCP = "network:dhcp"

#: In the binding profile (which only administrators see) of every port that we created: the port
#: itself says whether it goes with its server or stays, whatever crashed in between.
CREATED_BY_US = "nova_mini_created"


def is_ours(port: dict) -> bool:
    """Whether we created this port, so that it goes when its server goes."""
    return CREATED_BY_US in (port.get(BINDING_PROFILE) or {})
