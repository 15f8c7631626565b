"""The random passwords of a stack, stored in a file that only root can read."""

import json
import secrets
import threading
from pathlib import Path

from stacklib import files


class Secrets:
    """A mapping from a name to its password; an unknown name gets a new one."""

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        self._known = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, name: str) -> str:
        with self._lock:
            if name not in self._known:
                self._known[name] = secrets.token_urlsafe(24)
                files.write(self._path, json.dumps(self._known, indent=1, sort_keys=True) + "\n")
            return self._known[name]
