"""Virtual environments from PyPI, made by uv, remade only when what they hold should change."""

import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from stacklib import command, files
from stacklib.stack import Stack

UV = "uv==0.13.8"
PYTHON = "/usr/bin/python3"
DEBIANS = Path("/usr/lib/python3/dist-packages")
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


def lend(stack: Stack, name: str, modules: Sequence[str]) -> None:
    """Let the venv `name` use compiled modules that PyPI does not have from Debian's packages:
    these alone, for all of Debian's packages would hide the venv's own. They may come later."""
    library = sysconfig.get_path("purelib", vars={"base": str(stack.venv(name))}, scheme="venv")
    for module in modules:
        file = f"{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
        link, target = Path(library) / file, DEBIANS / file
        if not link.is_symlink():
            link.symlink_to(target)


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
