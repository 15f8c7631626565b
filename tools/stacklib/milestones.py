"""Work that is done once for given inputs: migrations, catalogs, uploads."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from stacklib import files
from stacklib.stack import Stack


def once(stack: Stack, name: str, inputs: object, work: Callable[[], None]) -> None:
    """Do `work` unless it was done before with the same `inputs` (JSON). It must bear repeating:
    a stack that dies in the middle does it again."""
    wanted = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    mark = _mark(stack, name)
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)
    work()
    files.write(mark, wanted)


def reached(stack: Stack, name: str) -> str:
    """Return what the work `name` was done for, as an input of work that stands on it."""
    return _mark(stack, name).read_text()


def _mark(stack: Stack, name: str) -> Path:
    return stack.data / "milestones" / name
