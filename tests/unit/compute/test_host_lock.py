"""One compute process for a host, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nova_mini.compute import host_lock
from nova_mini.conf import CONF

_HOLDER = """
import os, signal, subprocess, sys, time
from nova_mini.compute import host_lock
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
    """``holder(signal)``: a process that has the lock of "one" and sends itself that signal."""
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


def test_one_that_runs_is_killed_too(holder):
    running = holder("SIGCONT")
    host_lock.take("one")
    assert running.wait(5) == -signal.SIGKILL


def test_a_dead_one_holds_nothing_though_its_child_lives(holder):
    dead = holder("SIGKILL")
    dead.wait(5)
    host_lock.take("one")


def test_another_host_is_left_alone(holder):
    other = holder("SIGSTOP")
    host_lock.take("two")
    assert other.poll() is None


def test_the_lock_is_kept_from_its_next_process_too(holder):
    host_lock.take("one")
    assert host_lock._try(host_lock._held[0])  # ours
    asked = subprocess.run(
        [sys.executable, "-c", "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), 6)",
         str(CONF.state_path) + "/compute-one.lock"], capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert "BlockingIOError" in asked.stderr
