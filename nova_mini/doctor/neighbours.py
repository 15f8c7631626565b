"""What Neutron, Cinder and Glance have of servers that are gone, and what our records know of them
and they do not."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception, service_auth
from nova_mini.doctor import attachments, images, ports
from nova_mini.doctor.finding import Finding

_LOOKS = {"neutron": ports.look, "cinder": attachments.look, "glance": images.look}


def examine() -> tuple[list[Finding], list[str]]:
    """The findings, and the names of the neighbours that this cloud has."""
    there = [name for name in _LOOKS if service_auth.is_configured(name)]
    findings = [finding for name in there for finding in _examine(name, _LOOKS[name])]
    return findings, [name.capitalize() for name in there]


def _examine(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What is seen twice: a neighbour and the records are never looked at in the same moment, so
    once may be somebody's work. A neighbour that is away is a finding."""
    try:
        seen = {(one.kind, one.subject, one.problem) for one in look()}
        again = look() if seen else []
        return [one for one in again if (one.kind, one.subject, one.problem) in seen]
    except exception.NovaException as exc:
        return [Finding("neighbour-away", name.capitalize(), exc.format_message())]
