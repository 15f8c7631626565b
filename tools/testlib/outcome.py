"""The outcome of a command of a tier."""

from dataclasses import dataclass


@dataclass
class Outcome:
    """The numbers of tests. ``excuse``: why nothing could be tested, if this is not a failure.
    ``reason``: a sentence about a failure that the numbers do not explain. ``unstable``: the tests
    that failed, and passed when they ran once more."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unstable: int = 0
    seconds: float = 0.0
    excuse: str = ""
    reason: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing failed, and something was tested or is excused."""
        return not self.failed and (self.passed > 0 or bool(self.excuse))
