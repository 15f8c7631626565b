"""Run the WSGI application of an OpenStack service under uWSGI."""

import os
from pathlib import Path

from stacklib import files, users
from stacklib.stack import Stack
from stacklib.units import Unit

USER = "openstack"
WORKERS = max(1, min(4, (os.cpu_count() or 1) // 2))
# A thread needs little memory, a process 100 MiB or more. Requests may take long: a client may send
# an image slowly, and another service may be slow.
THREADS = 8
# Timeout of a client's reads and writes in seconds. uWSGI's default of 4 disconnects clients on a
# busy host.
PATIENCE = 60


def configure(stack: Stack, name: str, module: str, port: int, **extra: str) -> Path:
    """Write the ini file with which uWSGI serves `module`:application on the node's `port`."""
    options = {
        "http-socket": f"{stack.node.address}:{port}",
        "module": f"{module}:application",
        "virtualenv": stack.venv("openstack"),
        "master": True,
        "die-on-term": True,
        "need-app": True,
        "lazy-apps": True,  # threads that an import starts do not survive a fork
        "enable-threads": True,
        "processes": WORKERS,
        "threads": THREADS,
        "socket-timeout": PATIENCE,
        "listen": 128,
        "buffer-size": 65535,
        "add-header": "Connection: close",
        "disable-logging": True,
        **extra,
    }
    path = stack.etc / name / "uwsgi.ini"
    files.write(path, files.ini({"uwsgi": options}), 0o600, users.ids(USER))
    return path


def unit(stack: Stack, name: str, watched: tuple[Path, ...], environment: dict[str, str]) -> Unit:
    """Return the unit that serves the application of `configure`, as an unprivileged user."""
    ini = stack.etc / name / "uwsgi.ini"
    return Unit(
        name=f"nova-mini-stack-{name}",
        argv=(str(stack.venv("openstack") / "bin" / "pyuwsgi"), "--ini", str(ini)),
        properties={"User": USER, "KillSignal": "SIGTERM", "TimeoutStopSec": "15"},
        environment={"LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore", **environment},
        watched=(ini, *watched),
    )
