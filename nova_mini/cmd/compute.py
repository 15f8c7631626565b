"""nova-mini-compute: runs the servers of one host (with the fake driver, of several hosts).

It has no database access: objects are read and saved by a conductor.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

from nova_mini import rpc
from nova_mini.compute.host import host_lock
from nova_mini.compute.manager import ComputeManager
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObject
from nova_mini.rpcapi.conductor import ConductorAPI
from nova_mini.service import Service, prepare, serve


def main() -> NoReturn:
    prepare()
    host_lock.take(CONF.host)
    NovaObject.indirection_api = cast("Any", ConductorAPI())
    serve(
        [Service("nova-mini-compute", rpc.COMPUTE_TOPIC, host, ComputeManager) for host in _hosts()]
    )


def _hosts() -> list[str]:
    if CONF.fake.hosts == 1:
        return [CONF.host]
    return [f"{CONF.host}-{number}" for number in range(1, CONF.fake.hosts + 1)]


if __name__ == "__main__":
    main()
