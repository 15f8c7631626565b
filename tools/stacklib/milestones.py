"""Work that is done only once for the same inputs: migrations, catalogs, uploads."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from stacklib import files
from stacklib.stack import Stack


def once(stack: Stack, name: str, inputs: object, work: Callable[[], None]) -> None:
    """Do `work` unless it was done before with the same `inputs` (JSON). It must be idempotent:
    if it is interrupted, it is repeated."""
    wanted = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    mark = _mark(stack, name)
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)
    work()
    files.write(mark, wanted)


def reached(stack: Stack, name: str) -> str:
    """Return the inputs of the work `name`, as an input of other work that depends on it."""
    return _mark(stack, name).read_text()


def _mark(stack: Stack, name: str) -> Path:
    return stack.data / "milestones" / name
