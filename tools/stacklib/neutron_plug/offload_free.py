"""An interface driver for Neutron's DHCP and L3 agents on Open vSwitch's user-space datapath.

There nobody fills in a checksum that a sender left to its network card: TCP would stall while
ping works. So the agents' devices compute their own.
"""

from neutron.agent.linux import interface, ip_lib

OFFLOADS = ("tx", "off", "tso", "off", "gso", "off")


class Driver(interface.OVSInterfaceDriver):
    """Neutron's own driver, with the offloads of each new device switched off."""

    def plug_new(self, network_id, port_id, device_name, mac_address, bridge=None,
                 namespace=None, prefix=None, mtu=None):
        """Plug as usual, then switch the offloads off."""
        super().plug_new(network_id, port_id, device_name, mac_address, bridge,
                         namespace, prefix, mtu)
        inside = ip_lib.IPWrapper(namespace=namespace)
        inside.netns.execute(["ethtool", "--offload", device_name, *OFFLOADS], run_as_root=True)
