"""Domains that a libvirtd left half started when it was killed.

Before it has a process for a new domain it notes the domain as starting. Its successor reads the
note, finds no process to connect to, and from then on the domain is "paused" and waits for the end
of a start that nobody does: it can be neither destroyed nor undefined, however often libvirtd
starts. There is no QEMU behind such a note: a new process waits for libvirtd's word before it
becomes QEMU. So libvirtd is made to start again without that note.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import signal

from lxml import etree

LOG = logging.getLogger(__name__)

# Of the machine's libvirtd or virtqemud: a note of each active domain, and its own pid.
RUN = pathlib.Path("/run/libvirt/qemu")
URI = "qemu:///system"


def remove(uri: str) -> bool:
    """Make a libvirtd that was just connected to forget such domains: they are shut off then.

    Returns whether there were any: libvirtd is killed, its supervisor starts it again, and guests
    that run do not notice. Called while nobody of ours is starting a domain.
    """
    found = [note for note in sorted(RUN.glob("*.xml")) if _is_relic(note)] if uri == URI else []
    if not found:
        return False
    names = ", ".join(note.stem for note in found)
    LOG.warning("libvirtd died while it started %s; it is killed to forget that", names)
    # In this order: if this process dies in between, the next one finds the notes again.
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(_pid_file().read_text()), signal.SIGKILL)
    for note in found:
        note.unlink(missing_ok=True)
    return True


def _is_relic(note: pathlib.Path) -> bool:
    """Whether it is of a start that is older than libvirtd. One may go while we look."""
    try:
        if note.stat().st_mtime_ns >= _pid_file().stat().st_mtime_ns:
            return False
        return etree.parse(note).getroot().get("pid") == "0"
    except (OSError, etree.XMLSyntaxError):
        return False


def _pid_file() -> pathlib.Path:
    """Written when libvirtd starts."""
    return RUN / "driver.pid"
