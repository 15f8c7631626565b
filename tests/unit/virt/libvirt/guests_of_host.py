"""The guests of a host, as ``Host`` finds them in libvirt."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class FoundGuest:
    """``definition``: its XML."""

    uuid: str
    definition: str
    active: bool = True

    def get_definition(self, migratable: bool = False, persistent: bool = False) -> str:
        return self.definition

    def is_active(self) -> bool:
        return self.active


class GuestsOfHost:
    def __init__(self, *guests: FoundGuest):
        self.guests = list(guests)

    def list_guests(self) -> list[FoundGuest]:
        return self.guests

    def find_guest_by_uuid(self, uuid: str) -> FoundGuest | None:
        return next((guest for guest in self.guests if guest.uuid == uuid), None)
