"""The phase that attaches and detaches a volume."""

import time
from typing import Any

from benchlib.compute import Compute
from benchlib.errors import BenchError
from benchlib.http import Connection
from benchlib.load import distribution

ATTACHMENTS = "os-volume_attachments"


def attach(compute: Compute, count: int) -> dict[str, Any]:
    """One volume to one server and back: POST to in-use, then DELETE to available."""
    if not compute.volume_endpoint:
        raise BenchError("the catalog names no volume service")
    cinder = Volumes(compute)
    server_id = compute.create("volumes")
    volume_id = cinder.create()
    try:
        compute.wait(server_id, "ACTIVE")
        return _measure(compute, cinder, server_id, volume_id, count)
    finally:
        compute.delete(server_id)
        cinder.wait(volume_id, "available")
        cinder.call("DELETE", f"/volumes/{volume_id}")


def _measure(compute, cinder, server_id: str, volume_id: str, count: int) -> dict[str, Any]:
    path = f"/servers/{server_id}/{ATTACHMENTS}"
    attached, detached = [], []
    for _ in range(count):
        start = time.perf_counter()
        compute.call("POST", path, {"volumeAttachment": {"volumeId": volume_id}})
        cinder.wait(volume_id, "in-use")
        attached.append(time.perf_counter() - start)
        start = time.perf_counter()
        compute.call("DELETE", f"{path}/{volume_id}")
        cinder.wait(volume_id, "available")
        detached.append(time.perf_counter() - start)
    return {
        "attach_to_in_use": distribution(attached),
        "detach_to_available": distribution(detached),
    }


class Volumes:
    """The calls of the volume service that the phase needs."""

    def __init__(self, compute: Compute):
        self._connection = Connection(compute.volume_endpoint)
        self._token = {k: v for k, v in compute.headers.items() if k == "X-Auth-Token"}
        self._poll, self._timeout = compute.poll, compute.timeout

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the parsed answer; BenchError when it is an error."""
        response = self._connection.request(method, path, body, self._token)
        if response.status >= 400:
            raise BenchError(f"{method} {path}: {response.status} {response.body[:300].decode()}")
        return response.json()

    def create(self) -> str:
        """Create a volume of 1 GiB of the default type; return its ID when it is available."""
        volume_id = self.call("POST", "/volumes", {"volume": {"size": 1}})["volume"]["id"]
        self.wait(volume_id, "available")
        return volume_id

    def wait(self, volume_id: str, status: str) -> None:
        """Poll until the volume has `status`."""
        deadline = time.monotonic() + self._timeout
        while self.call("GET", f"/volumes/{volume_id}")["volume"]["status"] != status:
            if time.monotonic() > deadline:
                raise BenchError(f"volume {volume_id} was not {status} in time")
            time.sleep(self._poll)
