"""The keyrings of Ceph: a key and the minimal capabilities for each user."""

import base64
import hashlib
import struct

from stacklib.stack import Stack

ALL = "allow *"
# entity: {kind of daemon: capability}
CAPABILITIES = {
    "mon.": {"mon": ALL},
    "mgr.x": {"mon": "allow profile mgr", "osd": ALL},
    "osd.0": {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": ALL},
    "client.admin": {"mon": ALL, "mgr": ALL, "osd": ALL},
    "client.glance": {"mon": "profile rbd", "osd": "profile rbd pool=images"},
    # Volumes and disks are clones of images; a snapshot of a disk becomes an image.
    "client.cinder": {
        "mon": "profile rbd",
        "osd": "profile rbd pool=volumes, profile rbd-read-only pool=images",
    },
    # Conductors put the clients of a dead host on the blocklist, and take them off it.
    # They look who has the disks of a silent host open.
    "client.nova-fence": {
        "mon": "allow r, allow command 'osd blocklist'",
        "osd": "profile rbd-read-only pool=vms",
    },
    "client.nova": {
        "mon": "profile rbd",
        "osd": "profile rbd pool=vms, profile rbd pool=images",
    },
}


def keyring(stack: Stack, *entities: str) -> str:
    """Return a keyring that holds the keys and capabilities of `entities`."""
    blocks = []
    for entity in entities:
        lines = [f"[{entity}]", f"\tkey = {_key(stack.secrets[f'cephx-{entity}'])}"]
        lines += [f'\tcaps {kind} = "{may}"' for kind, may in CAPABILITIES[entity].items()]
        blocks.append("\n".join(lines) + "\n")
    return "".join(blocks)


def _key(secret: str) -> str:
    """Return the AES key that `secret` stands for as cephx writes keys: type, time, length, key."""
    aes = hashlib.sha256(secret.encode()).digest()[:16]
    return base64.b64encode(struct.pack("<hiih", 1, 0, 0, len(aes)) + aes).decode()
