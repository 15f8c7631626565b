"""Write files atomically, only if they differ, and by default readable by their owner only."""

import hashlib
import os
import pwd
from collections.abc import Iterable
from pathlib import Path

Owner = tuple[int, int] | None  # uid and gid; None: unchanged


def write(path: Path, text: str, mode: int = 0o600, owner: Owner = None) -> bool:
    """Write `text` to `path` with `mode` and `owner`; return whether the content changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text:
        _own(path, mode, owner)
        return False
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(text)
    _own(draft, mode, owner)
    draft.rename(path)
    return True


def directory(path: Path, mode: int = 0o700, owner: Owner = None) -> Path:
    """Create the directory `path`, or change its `mode` and `owner`; return it."""
    path.mkdir(parents=True, exist_ok=True)
    _own(path, mode, owner)
    return path


def ids(user: str) -> tuple[int, int]:
    """Return (uid, gid) of a user that a Debian package has created on this machine."""
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def ini(sections: dict[str, dict[str, object]]) -> str:
    """Render sections of options for oslo.config, with booleans in lower case."""
    blocks = []
    for name, options in sections.items():
        lines = [f"[{name}]"]
        for key, value in options.items():
            for item in value if isinstance(value, list) else [value]:
                lines.append(f"{key} = {str(item).lower() if isinstance(item, bool) else item}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def digest(paths: Iterable[Path]) -> str:
    """Return one hash over the content of all `paths`, in order."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()


def _own(path: Path, mode: int, owner: Owner) -> None:
    if owner:
        os.chown(path, *owner)
    path.chmod(mode)
