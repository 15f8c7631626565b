"""Debian's packages: install missing ones, without starting their daemons on the host."""

import subprocess
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from stacklib import command, files
from stacklib.errors import StackError

POLICY = Path("/usr/sbin/policy-rc.d")
WANTS = Path("/etc/systemd/system")
OPTIONS = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "LANG": "C.UTF-8",
}


def missing(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are not installed. `a|b`: the first one that apt has."""
    installed = _installed()
    return [name for name in names if not installed.intersection(name.split("|"))]


def install(names: Iterable[str], log: Path) -> list[str]:
    """Install the missing packages of `names`; return those that were installed."""
    wanted = missing(names)
    if not wanted:
        return []
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        command.logged(["apt-get", *OPTIONS, "update"], log, env=ENVIRONMENT)
    chosen = [_available(name) for name in wanted]
    with _nothing_starts():
        argv = ["apt-get", *OPTIONS, "install", "--yes", "--no-install-recommends", *chosen]
        command.logged(argv, log, timeout=900, env=ENVIRONMENT)
    return chosen


def _installed() -> set[str]:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package}\n"]
    lines = command.output(query).splitlines()
    return {line.split()[1] for line in lines if line.startswith("ii ")}


def _available(name: str) -> str:
    for choice in name.split("|"):
        found = subprocess.run(["apt-cache", "show", choice], capture_output=True, text=True)
        if found.returncode == 0 and found.stdout.strip():
            return choice
    raise StackError(f"apt knows no package called {name.replace('|', ' or ')}; run apt-get update")


@contextmanager
def _nothing_starts():
    """Prevent maintainer scripts from starting and enabling daemons."""
    guarded = not POLICY.exists()
    before = _enabled()
    if guarded:
        files.write(POLICY, "#!/bin/sh\nexit 101\n", 0o755)
    try:
        yield
    finally:
        if guarded:
            POLICY.unlink(missing_ok=True)
        for link in _enabled() - before:
            link.unlink()


def _enabled() -> set[Path]:
    return {path for path in WANTS.glob("*.wants/*") if path.is_symlink()}
