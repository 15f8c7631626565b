"""The audit of Neutron, Cinder and Glance: resources of deleted servers, and missing resources."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception, service_auth
from nova_mini.doctor import attachments, images, ports
from nova_mini.doctor.finding import Finding

_AUDITS = {"neutron": ports.audit, "cinder": attachments.audit, "glance": images.audit}


def audit() -> tuple[list[Finding], list[str]]:
    """Return the findings, and the names of the services that this cloud has."""
    names = [name for name in _AUDITS if service_auth.is_configured(name)]
    findings = [finding for name in names for finding in _audit_twice(name, _AUDITS[name])]
    return findings, [name.capitalize() for name in names]


def _audit_twice(name: str, audit: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings that two audits have in common.

    The service and the records are not read at the same time, so a running operation may cause a
    finding in one audit. A service that does not answer is a finding.
    """
    try:
        first = {(one.kind, one.subject, one.problem) for one in audit()}
        second = audit() if first else []
        return [one for one in second if (one.kind, one.subject, one.problem) in first]
    except exception.NovaException as exc:
        return [Finding("external-service-down", name.capitalize(), exc.format_message())]
