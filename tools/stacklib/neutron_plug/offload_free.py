"""An interface driver for Neutron's DHCP and L3 agents on Open vSwitch's user-space datapath.

This datapath does not calculate checksums that a sender leaves to its network card: ping would
work, but TCP would not. So the devices of the agents calculate their own.
"""

from neutron.agent.linux import interface, ip_lib

OFFLOADS = ("tx", "off", "tso", "off", "gso", "off")


class Driver(interface.OVSInterfaceDriver):
    """Neutron's own driver with disabled checksum offloads of new devices."""

    def plug_new(
        self,
        network_id,
        port_id,
        device_name,
        mac_address,
        bridge=None,
        namespace=None,
        prefix=None,
        mtu=None,
    ):
        """Plug the device, then disable the offloads."""
        super().plug_new(
            network_id, port_id, device_name, mac_address, bridge, namespace, prefix, mtu
        )
        inside = ip_lib.IPWrapper(namespace=namespace)
        inside.netns.execute(["ethtool", "--offload", device_name, *OFFLOADS], run_as_root=True)
