"""The Compute API calls of the workload."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from benchlib.errors import BenchError
from benchlib.http import Connection

DONE = (200, 201, 202, 204)
PAGE = 1000
GONE = "GONE"  # the status of a deleted server for wait()


@dataclass
class Compute:
    """A Compute API endpoint, and the parameters of the servers. Thread-safe."""

    endpoint: str
    headers: dict[str, str]
    image: str
    flavor: str
    networks: Any = "none"
    prefix: str = "bench"
    poll: float = 0.02
    timeout: float = 600
    volume_endpoint: str | None = None
    _local: threading.local = field(default_factory=threading.local, repr=False)

    def call(self, method: str, path: str, body: Any = None, ok: Collection[int] = DONE) -> Any:
        """Send a request on this thread's connection; raise BenchError unless its status is in
        `ok`.

        Return the parsed body; None for an error status in `ok`.
        """
        if not hasattr(self._local, "connection"):
            self._local.connection = Connection(self.endpoint)
        response = self._local.connection.request(method, path, body, self.headers)
        if response.status not in ok:
            raise BenchError(f"{method} {path}: {response.status} {response.body[:300].decode()}")
        return response.json() if response.status < 400 else None

    def create(self, name: str) -> str:
        """Request a server named `name` with the prefix; return its ID."""
        server = {
            "name": f"{self.prefix}-{name}",
            "imageRef": self.image,
            "flavorRef": self.flavor,
            "networks": self.networks,
        }
        return self.call("POST", "/servers", {"server": server})["server"]["id"]

    def delete(self, server_id: str) -> None:
        """Request the deletion of a server."""
        self.call("DELETE", f"/servers/{server_id}", ok=(204, 404))

    def wait(self, server_id: str, status: str) -> None:
        """Poll until a server has `status` and no task state; raise BenchError on ERROR or after a
        timeout."""
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            response = self.call("GET", f"/servers/{server_id}", ok=(200, 404))
            if response is None:
                if status == GONE:
                    return
                raise BenchError(f"server {server_id} vanished")
            server = response["server"]
            if server["status"] == status and not server.get("OS-EXT-STS:task_state"):
                return
            if server["status"] == "ERROR" and status != GONE:
                raise BenchError(f"server {server_id} went to ERROR: {server.get('fault')}")
            time.sleep(self.poll)
        raise BenchError(f"server {server_id} was not {status} after {self.timeout:.0f} s")

    def ids(self, name: str = "", status: str = "") -> list[str]:
        """Return the IDs of the workload's servers, filtered by a part of the name and by
        status."""
        query = f"limit={PAGE}&name={self.prefix}{name}" + (f"&status={status}" if status else "")
        found: list[str] = []
        while True:
            marker = f"&marker={found[-1]}" if found else ""
            page = self.call("GET", f"/servers?{query}{marker}")["servers"]
            found += [server["id"] for server in page]
            if len(page) < PAGE:
                return found
