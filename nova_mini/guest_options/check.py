"""Check whether the options that a server requests are supported."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from nova_mini import exception
from nova_mini.guest_options import conflicts, filters
from nova_mini.guest_options.flavor_options import EXTRA_SPECS
from nova_mini.guest_options.image_options import IMAGE_PROPERTIES
from nova_mini.guest_options.option import (
    EXTRA_SPEC,
    IMAGE_PROPERTY,
    GuestRequirements,
    Option,
    Problem,
    Refusal,
    Registry,
)
from nova_mini.guest_options.value_types import Boolean

_UNKNOWN_NAME = "no standard name, and those of an administrator begin with CUSTOM_"


def problems(requested: GuestRequirements) -> list[Problem]:
    """All requested options that are not supported, even if all filters are enabled."""
    found = [
        *_problems(EXTRA_SPEC, EXTRA_SPECS, requested.extra_specs, requested),
        *_problems(IMAGE_PROPERTY, IMAGE_PROPERTIES, requested.image_properties, requested),
    ]
    return found or list(conflicts.find(requested))


def check_for_scheduling(requested: GuestRequirements, enabled_filters: Collection[str]) -> None:
    """Called by the scheduler; ``enabled_filters``: the names of its filters. Raises
    GuestOptionNotSupported, which is a NoValidHost."""
    found = [*problems(requested), *_problems_without_filter(requested, enabled_filters)]
    if found:
        raise exception.GuestOptionNotSupported(problems=_join(found))


def check_request(requested: GuestRequirements) -> None:
    """Check a new server as Nova's API does: refuse invalid values, and some keys. The scheduler
    refuses the rest. Raises InvalidGuestOption (400). Called by the API."""
    found = [each for each in problems(requested) if each.refusal is Refusal.BAD_REQUEST]
    if found:
        raise exception.InvalidGuestOption(problems=_join(found))


def check_on_host(requested: GuestRequirements) -> None:
    """Check the image for a server that stays on its host (rebuild). Raises InvalidGuestOption
    (400)."""
    found = list(_problems(IMAGE_PROPERTY, IMAGE_PROPERTIES, requested.image_properties, requested))
    found = found or list(conflicts.find(requested))
    if found:
        raise exception.InvalidGuestOption(problems=_join(found))


def _problems(
    kind: str, registry: Registry, values: Mapping[str, str], requested: GuestRequirements
) -> Iterator[Problem]:
    for key, value in values.items():
        option = registry.find(key)
        if option is None:
            continue
        error = _error(option, value)
        if error is not None:
            yield Problem(kind, key, value, error, Refusal.BAD_REQUEST)
        elif not option.knows(key):
            yield Problem(kind, key, value, _UNKNOWN_NAME, option.refusal)
        elif option.is_refused(value, requested):
            yield Problem(kind, key, value, option.reason, option.refusal)


def _problems_without_filter(
    requested: GuestRequirements, enabled_filters: Collection[str]
) -> Iterator[Problem]:
    """The options on which only a filter acts that is not enabled."""
    inactive = filters.ALL.difference(enabled_filters)
    for kind, registry, values in (
        (EXTRA_SPEC, EXTRA_SPECS, requested.extra_specs),
        (IMAGE_PROPERTY, IMAGE_PROPERTIES, requested.image_properties),
    ):
        for key, value in values.items() if inactive else ():
            option = registry.find(key)
            if option is not None and option.actor in inactive:
                reason = f"{option.actor} is not enabled"
                yield Problem(kind, key, value, reason, Refusal.NO_VALID_HOST)


def _error(option: Option, value: str) -> str | None:
    """Why a value is invalid. Every text is a valid boolean here; unknown ones such as "enabled"
    mean false, as in Nova."""
    if option.is_ignored or isinstance(option.values, Boolean):
        return None
    return option.values.error(value)


def _join(found: list[Problem]) -> str:
    return "; ".join(map(str, found))
