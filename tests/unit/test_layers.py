"""Who may know whom: the contracts of setup.cfg hold."""

from __future__ import annotations

import pathlib

from importlinter.cli import lint_imports

_SETUP_CFG = pathlib.Path(__file__).parents[2] / "setup.cfg"


def test_nobody_imports_what_it_must_not_know(capsys):
    status = lint_imports(config_filename=str(_SETUP_CFG), cache_dir=None)
    assert status == 0, capsys.readouterr().out
