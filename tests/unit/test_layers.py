"""The import contracts of setup.cfg hold."""

from __future__ import annotations

import pathlib
import subprocess
import sys

_REPOSITORY = pathlib.Path(__file__).parents[2]


def test_no_module_breaks_an_import_contract():
    """Runs in a separate process, because import-linter disables the loggers of its process."""
    lint_imports = pathlib.Path(sys.executable).with_name("lint-imports")
    command = [lint_imports, "--no-cache", "--config", "setup.cfg"]
    done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


_COMPUTE_PROCESS = """
import importlib, pkgutil, sys
import nova_mini.cmd.compute, nova_mini.compute, nova_mini.virt.libvirt.driver, nova_mini.virt.fake
from nova_mini import objects
for package in (nova_mini.compute.host, nova_mini.compute.operations):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
objects.register_all()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_compute_process_imports_no_database():
    command = [sys.executable, "-c", _COMPUTE_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert {"nova_mini", "libvirt", "oslo_messaging"} <= loaded
    assert not loaded & {"sqlalchemy", "alembic", "pymysql"}
