"""The real Cinder with volumes in LVM, on this host, and the requests of a compute service."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

from nova_mini.volume.cinder import Attachment, _attachment
from tests.functional.harness.waiting import until
from tests.nightly.storage import make_group, remove_group, run

HOME = "NOVA_MINI_CINDER"  # Cinder's virtual environment
GROUP = "cinder-volumes"
GROUP_SIZE = 3 << 30  # bytes
PROJECT = "0" * 32
URL = f"http://127.0.0.1:8776/v3/{PROJECT}"
VERSION = "volume 3.59"
START_SECONDS = 240  # emulated
SECONDS = 120


class Cinder:
    """Cinder's process, its volume group, and requests to its API as an administrator."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._disk = directory / "volume-group"
        self._process: subprocess.Popen | None = None
        self._loop = ""

    def start(self) -> None:
        with self._disk.open("wb") as disk:
            disk.truncate(GROUP_SIZE)
        self._loop = make_group(GROUP, self._disk)
        pathlib.Path("/etc/target").mkdir(exist_ok=True)  # where the target keeps what it offers
        run("modprobe", "--all", "target_core_mod", "iscsi_target_mod")
        home = pathlib.Path(os.environ[HOME])
        script = pathlib.Path(__file__).with_name("cinder_in_one.py")
        with (self._directory / "output").open("wb") as output:
            # -P: what lies beside the script hides no library.
            argv = [sys.executable, "-P", script, self._directory, home / "etc" / "cinder"]
            self._process = subprocess.Popen(
                list(map(str, argv)),
                env={**os.environ, "PYTHONPATH": str(home / "site-packages")},
                stdout=output,
                stderr=output,
            )
        until("Cinder's volume service", self._is_up, START_SECONDS, pause=1)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        remove_group(GROUP, self._loop)

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(self._log("output"))
        try:
            services = self._ask("GET", "/os-services")["services"]
        except urllib.error.URLError:
            return False
        return {"cinder-volume", "cinder-scheduler"} <= {
            each["binary"] for each in services if each["state"] == "up"
        }

    def _log(self, name: str = "cinder.log") -> str:
        """The end of its log, with the output of the programs that it ran."""
        text = (self._directory / name).read_text()
        errors = [line for line in text.splitlines() if "Stderr: " in line]
        return "\n".join([*errors[-3:], text[-1000:]])

    # -- volumes ---------------------------------------------------------------------------------

    def create(self, size: int) -> str:
        """Create a volume of ``size`` GiB. Returns its id."""
        volume = self._ask("POST", "/volumes", {"volume": {"size": size}})["volume"]["id"]
        self._await(volume, "available")
        return volume

    def extend(self, volume: str, size: int) -> None:
        """Extend a volume that is in use."""
        self._ask("POST", f"/volumes/{volume}/action", {"os-extend": {"new_size": size}})
        until("the new size", lambda: self._show(volume)["size"] == size, SECONDS, pause=1)

    def delete(self, volume: str) -> None:
        self._ask("DELETE", f"/volumes/{volume}")
        until("the volume to go", functools.partial(self._is_gone, volume), SECONDS, pause=1)

    def attach(self, volume: str, connector: dict) -> Attachment:
        """Attach a volume. Returns its ``connection_info`` as compute services have it, with the
        volume's id as the serial."""
        connection = {"attachment": {"volume_uuid": volume, "connector": connector}}
        made = self._ask("POST", "/attachments", connection)["attachment"]
        attachment = _attachment(made)
        self._ask("POST", f"/attachments/{attachment.id}/action", {"os-complete": {}})
        attachment.connection_info["serial"] = volume
        return attachment

    def detach(self, attachment: Attachment) -> None:
        self._ask("DELETE", f"/attachments/{attachment.id}")
        self._await(attachment.volume_id, "available")

    def _await(self, volume: str, status: str) -> None:
        def reached() -> bool:
            seen = self._show(volume)["status"]
            assert "error" not in seen, self._log()
            return seen == status

        until(f"volume {status}", reached, SECONDS, pause=1)

    def _show(self, volume: str) -> dict:
        return self._ask("GET", f"/volumes/{volume}")["volume"]

    def _is_gone(self, volume: str) -> bool:
        try:
            self._show(volume)
        except urllib.error.HTTPError as exc:
            return exc.code == 404
        return False

    def _ask(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            URL + path,
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={
                "X-Auth-Token": f"admin:{PROJECT}",
                "Content-Type": "application/json",
                "OpenStack-API-Version": VERSION,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as exc:
            assert exc.code < 500, self._log()
            raise
        return json.loads(text) if text else {}
