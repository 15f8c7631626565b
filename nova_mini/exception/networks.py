"""Errors of networks, ports, addresses and security groups, and of the network service."""

from __future__ import annotations

from nova_mini.exception.base import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NovaException,
    OverQuota,
)


class NetworkNotFound(NotFound):
    msg_fmt = "Network %(network_id)s could not be found."


class NetworkRequiresSubnet(Invalid):
    msg_fmt = "Network %(network_uuid)s requires a subnet in order to boot instances on."


class NetworkAmbiguous(Conflict):
    msg_fmt = (
        "More than one possible network found. Specify network ID(s) to select which one(s) to "
        "connect to."
    )


class UnableToAutoAllocateNetwork(Invalid):
    msg_fmt = "Unable to automatically allocate a network for project %(project_id)s"


class ExternalNetworkAttachForbidden(Forbidden):
    msg_fmt = "It is not allowed to create an interface on external network %(network_uuid)s"


class PortNotFound(NotFound):
    msg_fmt = "Port id %(port_id)s could not be found."


class PortInUse(Conflict):
    msg_fmt = "Port %(port_id)s is still in use."


class PortNotUsable(Conflict):
    msg_fmt = "Port %(port_id)s not usable for instance %(instance)s."


class PortRequiresFixedIP(Invalid):
    msg_fmt = "Port %(port_id)s requires a FixedIP in order to be used."


class PortResourceRequestNotSupported(Invalid):
    msg_fmt = (
        "Port %(port_id)s has a resource request, such as the minimum bandwidth of a QoS policy, "
        "and this cloud does not choose hosts by such requests; use a port without one."
    )


class PortLimitExceeded(OverQuota):
    msg_fmt = "Maximum number of ports exceeded"


class PortBindingFailed(NovaException):
    msg_fmt = "Binding failed for port %(port_id)s, please check neutron logs for more information."


class FixedIpAlreadyInUse(Invalid):
    msg_fmt = "Fixed IP address %(address)s is already in use on instance %(instance_uuid)s."


class FixedIpNotFoundForInstance(Invalid):
    msg_fmt = "Instance %(instance_uuid)s does not have fixed IP '%(ip)s'."


class FloatingIpNotFound(NotFound):
    msg_fmt = "Floating IP not found for ID %(id)s"


class FloatingIpNotFoundForAddress(NotFound):
    msg_fmt = "Floating IP not found for address %(address)s."


class FloatingIpAmbiguous(Conflict):
    msg_fmt = "Multiple floating IPs are found for address %(address)s."


class FloatingIpAssociateFailed(Invalid):
    msg_fmt = "Floating IP %(address)s association has failed."


class FloatingIpNotAssociated(Conflict):
    msg_fmt = "Floating IP %(address)s is not associated with instance %(instance_uuid)s."


class FloatingIpPoolNotFound(NotFound):
    msg_fmt = "Floating IP pool not found."


class NoMoreFixedIps(Invalid):
    msg_fmt = "No fixed IP addresses available for network: %(net)s"


class SecurityGroupNotFound(NotFound):
    msg_fmt = "Security group %(security_group_id)s not found."


class SecurityGroupAmbiguous(Conflict):
    msg_fmt = "Multiple security groups found matching '%(name)s'. Use an ID to be more specific."


class SecurityGroupCannotBeApplied(Invalid):
    msg_fmt = (
        "Network %(network_id)s requires port_security_enabled in order to apply security groups."
    )


class NeutronRequestRefused(NovaException):
    """Neutron refused the request. ``error_type``: the type of Neutron's error, for example
    IpAddressInUse."""

    msg_fmt = "The network service refused the request: %(reason)s"
    code = 400

    def __init__(self, message: str | None = None, *, status: int, error_type: str, reason: str):
        super().__init__(message, status=status, error_type=error_type, reason=reason)
        self.status = status
        self.error_type = error_type
        self.code = status if status in (403, 409) else 400


class NeutronConnectionFailed(NovaException):
    """Neutron may or may not have executed the request."""

    msg_fmt = "Connection to the network service failed: %(reason)s"
    code = 503
    safe = True


class VirtualInterfaceCreateException(NovaException):
    msg_fmt = "Virtual Interface creation failed"


class VirtualInterfacePlugException(NovaException):
    msg_fmt = "Virtual interface plugin failed: %(reason)s"


class InterfaceAttachFailed(Invalid):
    msg_fmt = "Failed to attach network adapter device to %(instance_uuid)s"


class InterfaceAttachDelayed(NovaException):
    msg_fmt = (
        "The interface of instance %(instance_uuid)s is not attached yet, because the network "
        "service does not answer. It will be attached when the service is back; see os-interface."
    )
    code = 503
    safe = True


class InterfaceDetachFailed(Invalid):
    msg_fmt = "Failed to detach network adapter device from %(instance_uuid)s"
