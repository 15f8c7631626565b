"""The bytecode of the daemons without docstrings, which saves 4 MiB in each of them.

It is compiled by root, because the daemons must not be able to change each other's code.
"""

import os

from stacklib import command
from stacklib.stack import Stack

# Python writes the bytecode of the modules that it imports. Modules that do something when they are
# imported are left out. A module whose import fails needs a library that this stack does not have,
# and no daemon of the stack loads it.
_COMPILE = """
import contextlib, importlib, pkgutil
import nova_mini, keystonemiddleware.auth_token, sqlalchemy.dialects.mysql.pymysql
for module in pkgutil.walk_packages(nova_mini.__path__, "nova_mini."):
    if not module.name.startswith(("nova_mini.db.migrations", "nova_mini.wsgi.")):
        with contextlib.suppress(ImportError):
            importlib.import_module(module.name)
"""


def environment(stack: Stack) -> dict[str, str]:
    """Return the variables with which Python uses this bytecode."""
    return {"PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(stack.bytecode)}


def compile_all(stack: Stack) -> None:
    """Compile the changed modules of nova_mini and of its libraries."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    python = str(stack.venv("nova-mini") / "bin" / "python")
    command.logged(
        [python, "-c", _COMPILE], stack.log("bytecode"), env={**environ, **environment(stack)}
    )
