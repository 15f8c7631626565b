"""One compute process per host, tested with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nova_mini.compute.host import host_lock
from nova_mini.conf import CONF

_HOLDER = """
import os, signal, subprocess, sys, time
from nova_mini.compute.host import host_lock
from nova_mini.conf import CONF
CONF([], project="nova-mini", default_config_files=[])
CONF.set_override("state_path", sys.argv[1])
host_lock.take("one")
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
os.kill(os.getpid(), getattr(signal, sys.argv[2]))
time.sleep(60)
"""


@pytest.fixture
def state_path(tmp_path):
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("state_path", str(tmp_path))
    yield tmp_path
    CONF.clear_override("state_path")
    for lock in host_lock._held:
        os.close(lock)
    host_lock._held.clear()


@pytest.fixture
def holder(state_path):
    """``holder(signal)``: a process that holds the lock of "one" and sends itself the signal."""
    processes, children = [], []

    def start(signal_name: str) -> subprocess.Popen:
        argv = [sys.executable, "-c", _HOLDER, str(state_path), signal_name]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        children.append(int(process.stdout.readline()))
        return process

    yield start
    for child in children:
        os.kill(child, signal.SIGKILL)
    for process in processes:
        process.kill()
        process.communicate()


def test_a_frozen_predecessor_is_killed(holder):
    frozen = holder("SIGSTOP")
    host_lock.take("one")
    assert frozen.wait(5) == -signal.SIGKILL


def test_a_running_predecessor_is_killed(holder):
    running = holder("SIGCONT")
    host_lock.take("one")
    assert running.wait(5) == -signal.SIGKILL


def test_a_child_does_not_inherit_the_lock(holder):
    dead = holder("SIGKILL")
    dead.wait(5)
    host_lock.take("one")


def test_the_process_of_another_host_is_not_killed(holder):
    other = holder("SIGSTOP")
    host_lock.take("two")
    assert other.poll() is None


def test_other_processes_cannot_take_the_lock(holder):
    host_lock.take("one")
    assert host_lock._try(host_lock._held[0])  # this process holds it
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), 6)",
            str(CONF.state_path) + "/compute-one.lock",
        ],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "BlockingIOError" in other.stderr
