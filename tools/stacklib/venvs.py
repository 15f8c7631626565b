"""Virtual environments from PyPI, made by uv, remade only when what they hold should change."""

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from stacklib import command, files
from stacklib.stack import Stack

UV = "uv==0.13.8"
PYTHON = "/usr/bin/python3"
MARK = "installed-for"


def ensure(stack: Stack, name: str, arguments: Sequence[str], inputs: Sequence[Path]) -> None:
    """Make the venv `name` hold what `uv pip install ARGUMENTS` gives; `inputs` decide when."""
    venv, log = stack.venv(name), stack.log(f"venv-{name}")
    wanted = hashlib.sha256(f"{arguments}{sys.version}{files.digest(inputs)}".encode()).hexdigest()
    mark = venv / MARK
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)  # until it is whole again, it is nothing
    installer, python = str(uv(stack)), str(venv / "bin" / "python")
    if not Path(python).exists():
        make = [installer, "venv", "--quiet", "--clear", "--python", PYTHON, str(venv)]
        command.logged(make, log)
    install = [installer, "pip", "install", "--python", python, "--compile-bytecode", *arguments]
    command.logged(install, log, env=dict(os.environ))
    files.write(mark, wanted)


def uv(stack: Stack) -> Path:
    """Return uv, which pip installs into a venv of its own."""
    venv = stack.venv("uv")
    program = venv / "bin" / "uv"
    mark = venv / MARK
    if not mark.exists() or mark.read_text() != UV:
        log = stack.log("venv-uv")
        shutil.rmtree(venv, ignore_errors=True)
        command.logged([PYTHON, "-m", "venv", str(venv)], log)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", UV]
        command.logged(pip, log, env=dict(os.environ))
        files.write(mark, UV)
    return program
