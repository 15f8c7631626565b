"""Run a daemon of an older release whose threads can be held: ``python held.py MODULE ARGUMENT…``.

While there is a file ``hold POINT`` in NOVA_MINI_FAULT_DIR, each thread that reaches this fault
injection point waits there until its process is killed. So a process can be killed in the middle of
many operations. In these releases the function ``faults.inject`` was named ``strike``.
"""

import os
import pathlib
import runpy
import sys
import threading

sys.path.pop(0)  # the directory of this file: its modules would hide others with the same names

from nova_mini import faults  # noqa: E402

_directory = pathlib.Path(os.environ.get("NOVA_MINI_FAULT_DIR", os.devnull))
_strike = faults.strike


def _hold_or_strike(point: str) -> None:
    if (_directory / f"hold {point}").exists():
        threading.Event().wait()
    _strike(point)


faults.strike = _hold_or_strike
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
