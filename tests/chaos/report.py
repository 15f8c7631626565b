"""The report of a run: a line for each injection, and a table at the end."""

from __future__ import annotations

import json
import pathlib
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

# The outcomes of an injection. The last three are errors.
RECOVERED = "recovered"  # the server is in the requested state
REFUSED = "refused"  # the request was refused, and nothing has changed
FAILED = "failed"  # the user sees the reason, and the server can be used or deleted
MISSED = "missed"  # the fault was not injected, and the operation succeeded
STUCK = "stuck"
LEAKED = "leaked"
WRONG = "wrong"  # a failure that the fault does not allow, or a wrong response
BAD = (STUCK, LEAKED, WRONG)
OUTCOMES = (RECOVERED, REFUSED, FAILED, MISSED, STUCK, LEAKED, WRONG)


@dataclass
class Row:
    """``fault``: the kind of the fault. ``point``: when it was injected. ``seconds``: the time from
    the repair until everything was in order."""

    operation: str
    fault: str
    point: str
    outcome: str
    seconds: float
    detail: str = ""

    def __str__(self) -> str:
        line = (
            f"{self.operation:18} {self.fault:24} {self.point:58} "
            f"{self.outcome:9} {self.seconds:5.1f} s"
        )
        return f"{line}\n    {self.detail}" if self.outcome in BAD else line


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)

    @property
    def bad(self) -> list[Row]:
        return [row for row in self.rows if row.outcome in BAD]

    def table(self) -> list[str]:
        """The lines of the table: operation × fault -> number of runs, outcomes, and the median and
        maximum of the recovery times."""
        cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            cells[row.operation, row.fault].append(row)
        titles = "".join(f"{outcome:>10}" for outcome in OUTCOMES)
        lines = [f"{'operation':18} {'fault':24}{'runs':>5}{titles}{'median':>8}{'max':>8}"]
        lines += [_line(*key, rows) for key, rows in sorted(cells.items())]
        return [*lines, _line("all", "", self.rows)]

    def save(self, path: pathlib.Path) -> None:
        """Write the rows as JSON lines, and the table as text."""
        path.with_suffix(".jsonl").write_text(
            "".join(json.dumps(asdict(row)) + "\n" for row in self.rows)
        )
        path.with_suffix(".txt").write_text("\n".join(self.table()) + "\n")


def _line(operation: str, fault: str, rows: Iterable[Row]) -> str:
    rows = list(rows)
    counts = "".join(f"{sum(r.outcome == outcome for r in rows):10}" for outcome in OUTCOMES)
    seconds = [row.seconds for row in rows if row.outcome in (RECOVERED, REFUSED, FAILED)] or [0.0]
    median, longest = statistics.median(seconds), max(seconds)
    return f"{operation:18} {fault:24}{len(rows):5}{counts}{median:8.1f}{longest:8.1f}"
