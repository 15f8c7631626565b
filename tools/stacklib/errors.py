"""Exceptions, whose messages users read."""

from pathlib import Path


class StackError(Exception):
    """A step failed. `log`: the log file with details."""

    def __init__(self, reason: str, log: Path | None = None):
        super().__init__(reason)
        self.reason = reason
        self.log = log


class Unhealthy(StackError):
    """A component runs, but does not answer."""
