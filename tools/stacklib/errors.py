"""What can go wrong, in the words a user reads."""

from pathlib import Path


class StackError(Exception):
    """A step failed; `log` names the file that tells more."""

    def __init__(self, reason: str, log: Path | None = None):
        super().__init__(reason)
        self.reason = reason
        self.log = log


class Unhealthy(StackError):
    """A component runs but does not answer yet, or no longer."""
