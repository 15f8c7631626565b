"""One thing that is wrong, and how it can be put right."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable, Iterable

from nova_mini import exception

LOG = logging.getLogger(__name__)


@dataclasses.dataclass
class Finding:
    """``kind``: a stable word, for scripts; ``subject``: whose it is ("server <uuid>", "host c1");
    ``problem``: what is wrong; ``since``: UTC, where known; ``remedy``: what --fix does about it
    (None: it is only told); ``outcome``: how that went.

    ``cure`` does it, only if things still are as they were found, and raises when it cannot.
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
        """For JSON; times in ISO format."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "problem": self.problem,
            "since": f"{self.since.isoformat()}Z" if self.since else None,
            "remedy": self.remedy,
            "outcome": self.outcome,
        }


def fix(findings: Iterable[Finding]) -> None:
    """Cure each that can be; one that cannot keeps nobody else waiting."""
    for finding in findings:
        if finding.cure is None:
            continue
        try:
            finding.cure()
            finding.outcome = "fixed"
        except exception.NovaException as exc:
            finding.outcome = f"not fixed: {exc.format_message()}"
        except Exception as exc:
            LOG.exception("%s of %s could not be fixed", finding.kind, finding.subject)
            finding.outcome = f"not fixed: {type(exc).__name__}"
