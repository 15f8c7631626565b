"""What a run tells: a line for each injection as it comes, the table at the end."""

from __future__ import annotations

import json
import pathlib
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

# How an injection can end. The last three are what must never be.
RECOVERED = "recovered"  # the server is what was asked for
REFUSED = "refused"  # the user was told no, and nothing has changed
FAILED = "failed"  # the user was told why, the server can be used or deleted
MISSED = "missed"  # the moment did not come; what was asked for was done
STUCK = "stuck"
LEAKED = "leaked"
WRONG = "wrong"  # a failure that nothing excuses, or an answer that is not true
BAD = (STUCK, LEAKED, WRONG)
OUTCOMES = (RECOVERED, REFUSED, FAILED, MISSED, STUCK, LEAKED, WRONG)


@dataclass
class Row:
    """``fault`` is its kind, ``moment`` when it struck; ``seconds``: until all was well again,
    once what was broken was back."""

    operation: str
    fault: str
    moment: str
    outcome: str
    seconds: float
    detail: str = ""

    def __str__(self) -> str:
        line = (
            f"{self.operation:18} {self.fault:24} {self.moment:58} "
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
        """operation × fault -> how often, how it ended, the median and longest recovery."""
        cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            cells[row.operation, row.fault].append(row)
        titles = "".join(f"{outcome:>10}" for outcome in OUTCOMES)
        lines = [f"{'operation':18} {'fault':24}{'runs':>5}{titles}{'median':>8}{'max':>8}"]
        lines += [_line(*key, rows) for key, rows in sorted(cells.items())]
        return [*lines, _line("all", "", self.rows)]

    def save(self, path: pathlib.Path) -> None:
        """The rows as JSON lines, the table beside them."""
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
