"""The state of storage on this host, read with its commands."""

from __future__ import annotations

import pathlib
import subprocess


def run(*argv: str, seconds: float = 120) -> str:
    """Run a command. Returns its output. Raises AssertionError with its errors when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=120).returncode == 0


def sessions() -> list[str]:
    """``address iqn`` of each iSCSI session."""
    found = []
    for session in pathlib.Path("/sys/class/iscsi_session").glob("session*"):
        for connection in session.glob("device/connection*/iscsi_connection/connection*"):
            address = (connection / "persistent_address").read_text().strip()
            found.append(f"{address} {(session / 'targetname').read_text().strip()}")
    return sorted(found)


def known_targets() -> list[str]:
    """The targets of which iscsiadm keeps a record, with their passwords."""
    return sorted(path.name for path in pathlib.Path("/etc/iscsi/nodes").glob("*"))


def scsi_disks() -> list[str]:
    return sorted(path.name for path in pathlib.Path("/sys/block").glob("sd*"))


def multipath_maps() -> list[str]:
    """Names of the device mapper's devices that are multipath maps."""
    uuids = pathlib.Path("/sys/block").glob("dm-*/dm/uuid")
    return sorted(path.parts[3] for path in uuids if path.read_text().startswith("mpath"))


def shares() -> list[str]:
    """The mounted NFS shares."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return [line.split()[0] for line in lines if line.split()[2] in ("nfs", "nfs4")]


def make_group(name: str, file: pathlib.Path) -> str:
    """Make a volume group on a file. Returns its loop device."""
    loop = run("losetup", "--find", "--show", str(file)).strip()
    run("vgcreate", name, loop)
    return loop


def remove_group(name: str, loop: str) -> None:
    run("vgremove", "--force", name)
    run("losetup", "--detach", loop)


def volumes(group: str) -> list[str]:
    """Names of all logical volumes, also unfinished ones, and of devices without a volume."""
    listed = run("lvs", "--noheadings", "--options", "lv_name", group).split()
    devices = [path.name for path in pathlib.Path("/dev", group).glob("*")]
    return sorted({*listed, *devices})


def everything() -> dict[str, list[str]]:
    """All orphans that a volume can leave, by kind."""
    return {
        "sessions": sessions(),
        "records": known_targets(),
        "disks": scsi_disks(),
        "links": sorted(map(str, pathlib.Path("/dev/disk/by-path").glob("*-iscsi-*"))),
        "maps": multipath_maps(),
        "shares": shares(),
    }


def write(path: str, text: bytes, offset: int = 0) -> None:
    """Write directly to the device, as a guest with the cache mode "none" does."""
    block = text.ljust(4096, b"\0")
    command = [
        "dd",
        f"of={path}",
        "bs=4096",
        f"seek={offset // 4096}",
        "oflag=direct",
        "conv=notrunc",
        "status=none",
    ]
    subprocess.run(command, input=block, check=True, timeout=60)


def read(path: str, length: int, offset: int = 0) -> bytes:
    """Read directly from the device."""
    command = [
        "dd",
        f"if={path}",
        "bs=4096",
        "count=1",
        f"skip={offset // 4096}",
        "iflag=direct",
        "status=none",
    ]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout[:length]


def size(path: str) -> int:
    """The size of a block device in bytes."""
    return int(run("blockdev", "--getsize64", path))
