"""Virtual environments from PyPI, made by uv, updated only when their inputs have changed."""

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
    """Run `uv pip install ARGUMENTS` in the venv `name` if the files `inputs` have changed."""
    venv, log = stack.venv(name), stack.log(f"venv-{name}")
    wanted = hashlib.sha256(f"{arguments}{sys.version}{files.digest(inputs)}".encode()).hexdigest()
    mark = venv / MARK
    if mark.exists() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)  # written again when the venv is complete
    installer, python = str(uv(stack)), str(venv / "bin" / "python")
    if not Path(python).exists():
        make = [installer, "venv", "--quiet", "--clear", "--python", PYTHON, str(venv)]
        command.logged(make, log)
    install = [installer, "pip", "install", "--python", python, "--compile-bytecode", *arguments]
    command.logged(install, log, env=dict(os.environ))
    files.write(mark, wanted)


def lend(stack: Stack, name: str, modules: Sequence[str]) -> None:
    """Let the venv `name` use compiled modules from Debian's packages, which PyPI does not have.
    Only these, because Debian's other packages would hide those of the venv. The modules need not
    be installed yet."""
    library = sysconfig.get_path("purelib", vars={"base": str(stack.venv(name))}, scheme="venv")
    for module in modules:
        file = f"{module}{sysconfig.get_config_var('EXT_SUFFIX')}"
        link, target = Path(library) / file, DEBIANS / file
        if not link.is_symlink():
            link.symlink_to(target)


def uv(stack: Stack) -> Path:
    """Return the path of uv, which pip installs into its own venv."""
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
