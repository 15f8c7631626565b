"""The datapath of Open vSwitch: in the kernel if it has the module, else in user space."""

import functools
import subprocess
from pathlib import Path

PHYSICAL_NETWORK = "public"
EXTERNAL_BRIDGE = "br-ex"
EXTERNAL_PREFIX = "10.78.0"
EXTERNAL_NETWORK = f"{EXTERNAL_PREFIX}.0/24"
EXTERNAL_GATEWAY = f"{EXTERNAL_PREFIX}.1"


@functools.cache
def kind() -> str:
    """Return OVS's name of the datapath that works here: `system` or `netdev`."""
    module = Path("/sys/module/openvswitch")
    if not module.exists():
        subprocess.run(["modprobe", "--quiet", "openvswitch"], capture_output=True)
    return "system" if module.exists() else "netdev"


def in_user_space() -> bool:
    """Whether senders must calculate the checksums of their packets: the datapath does not."""
    return kind() == "netdev"
