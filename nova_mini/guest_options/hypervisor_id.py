"""Whether a guest must not see that its hypervisor is KVM."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.guest_options.option import GuestRequirements


def is_hidden(requested: GuestRequirements) -> bool:
    """If the flavor or the image says so."""
    specs, properties = requested.extra_specs, requested.image_properties
    values = (
        specs.get("hw:hide_hypervisor_id"),
        specs.get("hide_hypervisor_id"),
        properties.get("img_hide_hypervisor_id"),
    )
    return any(strutils.bool_from_string(value) for value in values)
