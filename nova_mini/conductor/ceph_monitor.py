"""A program that asks Ceph; :mod:`.ceph_client` runs it.

librados and librbd can block or abort their process, so conductors do not load them. The program
reads one JSON object from its standard input: ``user``, ``conf`` (a path), ``seconds`` (timeout of
a request to the monitors), ``commands`` for the monitors, each an object with prefix and arguments,
and ``images``, names of images of the pool ``pool``. It prints a JSON list: the addresses of the
clients that have one of these images open. After an error it prints the error to stderr, and ends
with status 1.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import rados
import rbd


def run(
    user: str,
    conf: str,
    seconds: int,
    commands: Sequence[dict[str, Any]],
    pool: str,
    images: Sequence[str],
) -> list[str]:
    """Raises rados.Error, rbd.Error, and ValueError with the monitor's reason when it refuses a
    command."""
    limits = {"client_mount_timeout": str(seconds), "rados_mon_op_timeout": str(seconds)}
    cluster = rados.Rados(rados_id=user, conffile=conf, conf={**limits, "log_to_stderr": "false"})
    cluster.connect()
    for command in commands:
        code, _, reason = cluster.mon_command(json.dumps(command), b"")
        if code:
            raise ValueError(f"{command['prefix']}: {reason or code}")
    if commands:
        cluster.wait_for_latest_osdmap()
    return sorted(_watchers(cluster, pool, images)) if images else []


def _watchers(cluster: rados.Rados, pool: str, images: Sequence[str]) -> set[str]:
    found: set[str] = set()
    with cluster.open_ioctx(pool) as ioctx:
        for name in images:
            with (
                contextlib.suppress(rbd.ImageNotFound),
                rbd.Image(ioctx, name, read_only=True) as image,
            ):
                found.update(each["addr"] for each in image.watchers_list())
    return found


def main() -> int:
    try:
        print(json.dumps(run(**json.load(sys.stdin))))
    except (rados.Error, rbd.Error, ValueError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
