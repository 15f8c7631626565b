"""The environment of the tests: Debian's packages, and a virtual environment."""

import os
from collections.abc import Sequence
from pathlib import Path

from stacklib import packages, venvs
from stacklib.components.venv import CEPH_MODULES, PINS, NovaMiniVenv
from stacklib.errors import StackError
from stacklib.stack import REPOSITORY, Choices, Stack

VENV = "test"


def prepare(requested: Sequence[str]) -> Stack:
    """Install what is missing. Return the stack whose venv `test` runs the tests."""
    if os.geteuid() != 0:  # the stack's own directory is root's
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        os.environ.setdefault("NOVA_MINI_STACK_DIR", str(home / "nova-mini-stack"))
    stack = Stack(Choices())
    _install_packages(stack, ["python3-venv", *NovaMiniVenv.packages, *requested])
    arguments = ["--constraint", str(PINS), "--editable", f"{REPOSITORY}[docs,test]"]
    venvs.ensure(stack, VENV, arguments, [PINS, REPOSITORY / "pyproject.toml"])
    venvs.lend(stack, VENV, CEPH_MODULES)
    return stack


def program(stack: Stack, name: str) -> str:
    """Return the path of a program of the virtual environment."""
    return str(stack.venv(VENV) / "bin" / name)


def _install_packages(stack: Stack, requested: Sequence[str]) -> None:
    missing = packages.missing(requested)
    if missing and os.geteuid() != 0:
        names = " ".join(name.split("|")[0] for name in missing)
        raise StackError(f"as root, once: apt-get install {names}")
    packages.install(missing, stack.log("packages"))
