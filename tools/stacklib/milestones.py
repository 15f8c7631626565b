"""Work that is done once for given inputs: migrations, catalogs, uploads."""

import hashlib
import json
from collections.abc import Callable

from stacklib import files
from stacklib.stack import Stack


def once(stack: Stack, name: str, inputs: object, work: Callable[[], None]) -> None:
    """Do `work` unless it was done before with the same `inputs` (JSON). It must bear repeating:
    a stack that dies in the middle does it again."""
    wanted = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    mark = stack.data / "milestones" / name
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)
    work()
    files.write(mark, wanted)
