"""For how long the machine of a compute service has been running."""

from __future__ import annotations

import os
import pathlib


def of_machine() -> str:
    """The uptime and the load, in the form of the command ``uptime``."""
    seconds = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    days, rest = divmod(int(seconds), 86400)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"up {days} days, {hours:2}:{minutes:02}, 0 users, load average: {load}"
