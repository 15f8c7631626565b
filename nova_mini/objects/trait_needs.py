"""Which traits a server requires of its host, and which it forbids."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

_PREFIX = "trait:"
_REQUIRED, _FORBIDDEN = "required", "forbidden"


@dataclasses.dataclass(frozen=True)
class TraitNeeds:
    required: frozenset[str]
    forbidden: frozenset[str]

    @classmethod
    def of(cls, *sources: Mapping[str, str]) -> TraitNeeds:
        """The needs in ``trait:NAME=required|forbidden`` of all sources: extra specs of a flavor,
        properties of an image."""
        return cls(_named(sources, _REQUIRED), _named(sources, _FORBIDDEN))

    def __bool__(self) -> bool:
        """Whether there is any need."""
        return bool(self.required or self.forbidden)

    def are_met_by(self, traits: Collection[str] | None) -> bool:
        """Whether a host with these traits meets the needs. None: they are not known, because the
        host has not reported since the upgrade; it meets no needs."""
        if not self:
            return True
        if traits is None:
            return False
        return self.required.issubset(traits) and self.forbidden.isdisjoint(traits)


def _named(sources: Collection[Mapping[str, str]], value: str) -> frozenset[str]:
    return frozenset(
        key.removeprefix(_PREFIX)
        for source in sources
        for key, given in source.items()
        if given == value and key.startswith(_PREFIX)
    )
