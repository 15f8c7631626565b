"""A finding of the doctor, and its fix."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterable

from nova_mini import exception

LOG = logging.getLogger(__name__)


@dataclasses.dataclass
class Finding:
    """``kind``: a stable word for scripts. ``subject``: for example "server <uuid>" or "host c1".
    ``problem``: what is wrong. ``since``: UTC, if known. ``remedy``: what --fix does (None: it
    cannot be fixed). ``outcome``: the result of --fix.

    ``cure`` fixes it if the problem still exists, and raises an exception if it cannot.
    """

    kind: str
    subject: str
    problem: str
    since: datetime.datetime | None = None
    remedy: str | None = None
    cure: Callable[[], None] | None = dataclasses.field(default=None, repr=False)
    outcome: str | None = None

    @property
    def can_be_fixed(self) -> bool:
        return self.cure is not None

    def as_dict(self) -> dict:
        """The fields for JSON. Times are in ISO format."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "problem": self.problem,
            "since": f"{self.since.isoformat()}Z" if self.since else None,
            "remedy": self.remedy,
            "outcome": self.outcome,
        }


def fix(findings: Iterable[Finding]) -> None:
    """Fix each finding that can be fixed. An error of one does not affect the others."""
    for finding in findings:
        if finding.cure is None:
            continue
        try:
            finding.cure()
            finding.outcome = "fixed"
        except exception.NovaException as exc:
            finding.outcome = f"not fixed: {exc.format_message()}"
        except Exception as exc:
            LOG.exception("%s: could not fix %s", finding.subject, finding.kind)
            finding.outcome = f"not fixed: {type(exc).__name__}"
