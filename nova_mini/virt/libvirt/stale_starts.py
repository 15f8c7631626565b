"""Remove stale status files of libvirtd: those of domains whose start was interrupted.

libvirtd writes a status file of a new domain before QEMU's process exists. If libvirtd is killed
then, the next libvirtd reads the file and shows the domain as "paused". Its start never ends, and
it can be neither destroyed nor undefined, also after another restart. Such a domain has no QEMU: a
new process waits for libvirtd before it executes QEMU. So the file is removed and libvirtd is
restarted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import signal

from lxml import etree

LOG = logging.getLogger(__name__)

# The status files of active domains and the pid file of libvirtd or virtqemud.
RUN = pathlib.Path("/run/libvirt/qemu")
URI = "qemu:///system"


def remove(uri: str) -> bool:
    """Kill libvirtd and remove its stale status files, if there are any; the domains are shut off
    then.

    Returns whether there were any. libvirtd's supervisor starts it again; running guests are not
    affected. Called after a new connection to ``uri``, while this service starts no domain.
    """
    if uri != URI:
        return False
    found = [path for path in sorted(RUN.glob("*.xml")) if _is_stale(path)]
    if not found:
        return False
    names = ", ".join(path.stem for path in found)
    LOG.warning(
        "Domains %s: libvirtd died while it started them; restarting libvirtd without them", names
    )
    # In this order: if this process dies in between, the next one finds the files again.
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(_pid_file().read_text()), signal.SIGKILL)
    for path in found:
        path.unlink(missing_ok=True)
    return True


def _is_stale(path: pathlib.Path) -> bool:
    """Whether a status file has no process and is older than libvirtd. False for a file that
    libvirtd removes or writes meanwhile."""
    try:
        if path.stat().st_mtime_ns >= _pid_file().stat().st_mtime_ns:
            return False
        return etree.parse(path).getroot().get("pid") == "0"
    except (OSError, etree.XMLSyntaxError):
        return False


def _pid_file() -> pathlib.Path:
    """libvirtd writes it when it starts."""
    return RUN / "driver.pid"
