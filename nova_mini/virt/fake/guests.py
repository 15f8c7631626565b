"""The guests of one host of the fake driver, and their local disks."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import threading

from nova_mini.numa.guest import StoredGuest
from nova_mini.states import power_state

CONSOLE_BYTES = 100 * 1024


@dataclasses.dataclass
class FakeGuest:
    uuid: str
    state: int = power_state.RUNNING
    vifs: list[str] = dataclasses.field(default_factory=list)
    volumes: dict[str, str] = dataclasses.field(default_factory=dict)  # mountpoint -> volume id
    image: str | None = None  # id of the image that it was made from
    console: str = ""
    rescue_image: str | None = None  # id of the image of its rescue disk, if it has one
    is_rescued: bool = False  # whether it runs from the rescue disk
    numa: StoredGuest | None = None  # where it was placed when it was defined

    def log(self, line: str) -> None:
        self.console = (self.console + f"FAKE: {line}\n")[-CONSOLE_BYTES:]


class GuestStore:
    """The guests of one host, in memory and in a directory of JSON files named by uuid. A local
    disk is a file beside them."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._guests = {path.stem: self._read(path) for path in directory.glob("*.json")}

    @staticmethod
    def _read(path: pathlib.Path) -> FakeGuest:
        return FakeGuest(**json.loads(path.read_text()))

    def _path(self, uuid: str) -> pathlib.Path:
        return self.directory / f"{uuid}.json"

    def find(self, uuid: str) -> FakeGuest | None:
        guest = self._guests.get(uuid)
        return guest if guest is not None else self._find_moved(uuid)

    def _find_moved(self, uuid: str) -> FakeGuest | None:
        """A guest that was moved here by another host."""
        try:
            guest = self._read(self._path(uuid))
        except FileNotFoundError:
            return None
        with self._lock:
            return self._guests.setdefault(uuid, guest)

    def move(self, uuid: str, directory: pathlib.Path) -> None:
        """Move a guest to another host at once: it is never on two hosts, and never on none."""
        with self._lock:
            os.replace(self._path(uuid), directory / f"{uuid}.json")
            del self._guests[uuid]

    def save(self, guest: FakeGuest) -> None:
        path = self._path(guest.uuid)
        temporary = path.with_suffix(f".{threading.get_ident()}")
        temporary.write_text(json.dumps(dataclasses.asdict(guest)))
        os.replace(temporary, path)
        with self._lock:
            self._guests[guest.uuid] = guest

    def remove(self, uuid: str) -> None:
        self._path(uuid).unlink(missing_ok=True)
        with self._lock:
            self._guests.pop(uuid, None)
        self.remove_disk(uuid)

    def all(self) -> list[FakeGuest]:
        """With those that were moved here by another host."""
        for path in self.directory.glob("*.json"):
            self.find(path.stem)
        with self._lock:
            return list(self._guests.values())

    # -- local disks -------------------------------------------------------------------------

    def disk_path(self, uuid: str) -> pathlib.Path:
        return self.directory / f"{uuid}.disk"

    def write_disk(self, uuid: str, content: str) -> None:
        path = self.disk_path(uuid)
        temporary = path.with_suffix(f".{threading.get_ident()}")
        temporary.write_text(content)
        os.replace(temporary, path)

    def remove_disk(self, uuid: str) -> None:
        self.disk_path(uuid).unlink(missing_ok=True)

    def disk_owners(self) -> set[str]:
        return {path.stem for path in self.directory.glob("*.disk")}
