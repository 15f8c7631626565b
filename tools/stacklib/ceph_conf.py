"""ceph.conf: a small cluster of one monitor, one manager and one OSD."""

import shutil
import uuid
from pathlib import Path

from stacklib import ports
from stacklib.stack import Stack

MODULES = Path("/usr/share/ceph/mgr")
OSD_BYTES = 64 * 2**30  # of a sparse file
CACHE_BYTES = 64 * 2**20
PGS = 8  # in each pool

Sections = dict[str, dict[str, object]]


def fsid(stack: Stack) -> str:
    """Return the cluster's id."""
    return str(uuid.uuid5(uuid.UUID(stack.control.node.uuid), "ceph"))


def sections(stack: Stack) -> Sections:
    """Return the configuration of daemons and clients."""
    data, address = stack.data / "ceph", stack.control.node.address
    return {
        "global": {
            "fsid": fsid(stack),
            "mon host": f"[v2:{address}:{ports.CEPH},v1:{address}:{ports.CEPH_V1}]",
            "public addr": address,
            "keyring": stack.etc / "ceph" / "ceph.$name.keyring",
            "auth allow insecure global id reclaim": False,
            **_one_copy(),
        },
        "mon": {
            **_daemon(data, "mon"),
            "mon cluster log file": "",
            "rocksdb cache size": CACHE_BYTES // 4,
            # A single monitor need not collect proposals of others.
            "paxos propose interval": 0.05,
            "paxos min wait": 0.01,
        },
        "mgr": {
            **_daemon(data, "mgr"),
            # Statistics need no module. The Python modules would take ten times its memory.
            "mgr initial modules": "",
            "mgr disabled modules": ",".join(sorted(path.name for path in MODULES.glob("*/"))),
            "mgr stats period": 1,
            "mgr tick period": 1,
        },
        "osd": {**_daemon(data, "osd"), **_bluestore()},
    }


def osd_bytes(directory: Path) -> int:
    """Return the maximum size of the OSD's file, which is less than the free disk space."""
    return min(OSD_BYTES, shutil.disk_usage(directory).free * 3 // 4)


def _daemon(data: Path, kind: str) -> dict[str, object]:
    return {
        f"{kind} data": data / kind,
        "keyring": data / kind / "keyring",
        "log file": "",
        "log to stderr": True,
        "debug rocksdb": "1/1",
        "admin socket": "",
        "run dir": data / "run",
        "crash dir": data / "run",
    }


def _one_copy() -> dict[str, object]:
    return {
        "osd pool default size": 1,
        "osd pool default min size": 1,
        "osd pool default pg num": PGS,
        "osd pool default pg autoscale mode": "off",
        "osd crush chooseleaf type": 0,  # copies on different OSDs, not hosts
        "mon allow pool size one": True,
        "mon warn on pool no redundancy": False,
    }


def _bluestore() -> dict[str, object]:
    return {
        "osd objectstore": "bluestore",
        "bluestore block create": True,
        "bluestore fsck on mkfs": False,
        "bluestore cache autotune": False,
        "bluestore cache size": CACHE_BYTES,
        "osd op num shards": 2,
        "osd op num threads per shard": 2,
    }
