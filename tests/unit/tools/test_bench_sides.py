"""tools/bench --peer: the measurements on each side, and their end."""

import pathlib
import signal
import subprocess
import sys

from benchlib import compare, sides

from tests.functional.harness import waiting


def test_the_slowest_service_to_become_ready_is_compared():
    shown = """Id=nova-mini-api@n1.service
ExecMainStartTimestampMonotonic=1000000
ActiveEnterTimestampMonotonic=2250000

Id=nova-mini-compute@fake.service
ExecMainStartTimestampMonotonic=1500000
ActiveEnterTimestampMonotonic=2500000
"""
    ready = sides.ready(shown)
    assert ready == {"nova-mini-api": 1.25, "nova-mini-compute": 1.0}
    figures = dict(compare.figures({"results": [], "ready_s": ready}))
    assert list(figures.values()) == [1.25]


STOPPED = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from benchlib import children
up, down = map(pathlib.Path, sys.argv[2:])
children.stop_on_term()
try:
    children.run(["sh", "-c", "echo up; sleep 600 & echo $!; wait"], output=up)
finally:
    children.run(["echo", "down"], output=down)
"""


def test_a_stopped_benchmark_stops_its_child_processes(tmp_path):
    up, down = tmp_path / "up", tmp_path / "down"
    tools = pathlib.Path(sides.__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", STOPPED, tools, up, down]) as program:
        waiting.until("it is up", lambda: up.exists() and len(up.read_text().split()) == 2, 10)
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 128 + signal.SIGTERM
    assert down.read_text() == "down\n"
    sleeper = pathlib.Path("/proc", up.read_text().split()[1], "cmdline")
    waiting.until("its child is gone", lambda: not (sleeper.exists() and sleeper.read_text()), 10)
