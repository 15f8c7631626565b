"""The daemons' bytecode without docstrings, beside the stack: 4 MiB less in each of them.

They may not write it themselves: one user's code must not come out of another user's files.
"""

import os
from pathlib import Path

from stacklib import command
from stacklib.stack import Stack

# Imports everything but what runs when it is imported, because what Python imports it also keeps.
# What needs a library that this stack leaves out, no daemon of it will load.
_COMPILE = """
import contextlib, importlib, pkgutil
import nova_mini, keystonemiddleware.auth_token, sqlalchemy.dialects.mysql.pymysql
for module in pkgutil.walk_packages(nova_mini.__path__, "nova_mini."):
    if not module.name.startswith(("nova_mini.db.migrations", "nova_mini.wsgi.")):
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)
"""


def environment(stack: Stack) -> dict[str, str]:
    """Return what a Python that uses this bytecode needs to be told."""
    return {"PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(_directory(stack))}


def compile_all(stack: Stack) -> None:
    """Compile what has changed of nova_mini, and of all that it imports."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    python = str(stack.venv("nova-mini") / "bin" / "python")
    command.logged(
        [python, "-c", _COMPILE], stack.log("bytecode"), env={**environ, **environment(stack)}
    )


def _directory(stack: Stack) -> Path:
    return stack.data / "bytecode"
