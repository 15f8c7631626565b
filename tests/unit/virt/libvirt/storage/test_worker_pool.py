"""Worker processes die, hang and are replaced; calls succeed."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import pytest

from nova_mini.virt.libvirt.storage import worker, worker_pool
from nova_mini.virt.libvirt.storage.worker import CallFailed
from nova_mini.virt.libvirt.storage.worker_pool import WorkerPool, WorkersExhausted

BACKEND = pathlib.Path(__file__).with_name("harmless_calls.py")
HANG_TIMEOUT = 1


@pytest.fixture
def pool(tmp_path) -> Iterator[WorkerPool]:
    made = WorkerPool(BACKEND, lambda: {"folder": str(tmp_path)}, ("ping",), HANG_TIMEOUT)
    yield made
    made.close()


def notes(tmp_path, word: str) -> list[str]:
    """The rest of each line that begins with ``word``."""
    lines = (tmp_path / "notes").read_text().splitlines()
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(word)]


def wait_for_note(tmp_path, word: str, number: int = 1) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if (tmp_path / "notes").exists() and len(found := notes(tmp_path, word)) >= number:
            return found[-1]
        time.sleep(0.01)
    raise AssertionError(f"no call has noted {word}")


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("value", [None, "text", 7, b"\0" * (3 << 20), ("a", ["b"]), {"c": 1.5}])
def test_values_are_returned(pool, value):
    assert pool.call("echo", value) == value


def test_an_idle_worker_is_used_again(pool):
    assert pool.call("pid") == pool.call("pid") != os.getpid()


def test_an_expected_error_of_the_backend_is_raised(pool):
    pid = pool.call("pid")
    with pytest.raises(CallFailed, match="not now") as caught:
        pool.call("refuse", "not now")
    assert caught.value.kind == "refused"
    assert pool.call("pid") == pid


@pytest.mark.parametrize("name", ["divide_by_zero", "no_such_call", "_note"])
def test_a_programming_error_is_raised_with_its_traceback(pool, name):
    with pytest.raises(CallFailed, match="Traceback") as caught:
        pool.call(name)
    assert caught.value.kind == "bug"


def test_a_worker_with_a_broken_connection_is_not_used_again(pool):
    pid = pool.call("pid")
    with pytest.raises(CallFailed, match="no connection"):
        pool.call("break_connection")
    assert pool.call("pid") != pid
    assert not is_running(pid)


def test_a_backend_that_cannot_connect_raises_an_error(pool, tmp_path):
    (tmp_path / "away").touch()
    with pytest.raises(CallFailed, match="the service is away"):
        pool.call("pid")
    (tmp_path / "away").unlink()
    assert pool.call("pid")


def test_a_backend_that_cannot_be_loaded_raises_an_error(tmp_path):
    (tmp_path / "backend.py").write_text("import no_such_library\n")
    pool = WorkerPool(tmp_path / "backend.py", dict, ("ping",), HANG_TIMEOUT)
    with pytest.raises(CallFailed, match="no_such_library"):
        pool.call("pid")


# -- deaths --------------------------------------------------------------------------------------


def test_a_call_is_retried_in_another_worker_when_one_dies(pool, tmp_path):
    assert pool.call("die", 2) == "done"
    assert len(set(notes(tmp_path, "died"))) == 3
    assert pool.call("is_repeated") is False


def test_a_retried_call_has_is_retry(pool):
    pid = pool.call("pid")
    # The worker takes the call and is killed before it can run it.
    os.kill(pid, signal.SIGSTOP)
    with futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.call, "is_repeated")
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert future.result(10) is True


def test_a_dead_worker_is_fenced_before_its_call_is_retried(pool, tmp_path):
    pool.call("die", 2)
    written = (tmp_path / "notes").read_text().splitlines()
    first, second, third = (line.split()[1] for line in written if line.startswith("died"))
    assert written == [
        f"died {first}",
        f"fenced client {first}",
        f"died {second}",
        f"fenced client {second}",
        f"died {third}",
    ]


def test_the_death_of_an_idle_worker_does_not_affect_calls(pool):
    pid = pool.call("pid")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert pool.call("is_repeated") is False


def test_a_call_that_kills_every_worker_fails(pool, tmp_path):
    with pytest.raises(WorkersExhausted, match="SIGABRT"):
        pool.call("die", 1000)
    assert len(notes(tmp_path, "died")) == 5
    assert pool.call("echo", "well") == "well"


# -- workers that hang ---------------------------------------------------------------------------


def test_a_worker_that_hangs_is_killed_and_replaced(pool, tmp_path):
    began = time.monotonic()
    assert pool.call("hang", 1) == "done"
    assert time.monotonic() - began < 10
    hung, second = notes(tmp_path, "hung")
    assert hung != second
    assert not is_running(int(hung))


def test_a_long_call_with_progress_is_not_interrupted(pool, tmp_path):
    assert pool.call("progress", 6 * HANG_TIMEOUT, long=True) == "done"
    assert len(notes(tmp_path, "progress")) == 1


def test_a_call_is_not_interrupted_while_the_service_does_not_answer(pool, tmp_path):
    """The service does not answer another worker either, so the worker does not hang."""
    pool.call("pid")
    (tmp_path / "away").touch()
    pid = pool.call("pid")
    with futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.call, "sleep", 6 * HANG_TIMEOUT)
        assert future.result(20) == pid
    assert notes(tmp_path, "slept") == [str(pid)]


def test_a_slow_call_gets_a_longer_timeout_at_each_retry(tmp_path):
    """Otherwise a call that is slower than the timeout would never succeed."""
    pool = WorkerPool(BACKEND, lambda: {"folder": str(tmp_path)}, ("ping",), hang_timeout=0.2)
    assert pool.call("sleep", 2)
    pool.close()


def test_a_worker_that_stops_in_the_middle_of_a_message_is_replaced(pool, tmp_path, monkeypatch):
    """Without a timeout, the pool would wait for the rest of the answer for ever."""
    monkeypatch.setattr(worker, "_MESSAGE_SECONDS", 1)
    assert pool.call("stop_in_response", 1) == "done"
    hung, second = notes(tmp_path, "torn")
    assert hung != second
    assert not is_running(int(hung))


# -- how many there are --------------------------------------------------------------------------


def test_concurrent_calls_run_in_different_workers_up_to_the_limit(pool, tmp_path):
    with futures.ThreadPoolExecutor(20) as executor:
        pids = set(executor.map(lambda _: pool.call("sleep", 0.2), range(20)))
    assert 1 < len(pids) <= worker_pool._LIMIT


def test_long_calls_leave_workers_for_short_ones(pool, tmp_path):
    count = worker_pool._LIMIT + 2
    with futures.ThreadPoolExecutor(count) as executor:
        long = [executor.submit(pool.call, "wait_for", "go", long=True) for _ in range(count)]
        wait_for_note(tmp_path, "waiting", worker_pool._LONG_LIMIT)
        assert pool.call("echo", 1) == 1
        assert not any(each.done() for each in long)
        (tmp_path / "go").touch()
    assert [each.result() for each in long] == ["done"] * count


def test_idle_workers_except_the_last_are_ended(pool, monkeypatch):
    with futures.ThreadPoolExecutor(3) as executor:
        pids = set(executor.map(lambda _: pool.call("sleep", 0.3), range(3)))
    monkeypatch.setattr(worker_pool, "_IDLE_SECONDS", 0)
    last = pool.call("pid")
    assert {pid for pid in pids if is_running(pid)} == {last}


def test_a_closed_pool_leaves_no_process(pool):
    with futures.ThreadPoolExecutor(2) as executor:
        busy = executor.submit(pool.call, "sleep", 0.5)
        idle = pool.call("pid")
        time.sleep(0.2)
        pool.close()
        assert not is_running(idle)
        assert not is_running(busy.result())


def test_a_lost_worker_leaves_no_open_file(pool):
    pool.call("echo", 1)
    before = len(os.listdir("/proc/self/fd"))
    pool.call("die", 2)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_ends_with_its_parent_even_during_a_call(tmp_path):
    program = f"""
import pathlib
from nova_mini.virt.libvirt.storage.worker_pool import WorkerPool
WorkerPool(pathlib.Path({str(BACKEND)!r}), lambda: {{"folder": {str(tmp_path)!r}}}, ("ping",)).call(
    "sleep", 3600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program])
    worker = int(wait_for_note(tmp_path, "slept"))
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while is_running(worker):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_does_not_interrupt_a_call(pool, tmp_path, number):
    """The parent gets the signal, too, and completes running operations before it ends."""
    with futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.call, "sleep", 0.5)
        pid = int(wait_for_note(tmp_path, "slept"))
        os.kill(pid, number)
        assert future.result(10) == pid


def test_all_calls_succeed_while_workers_are_killed(pool):
    """From many threads."""
    stop = threading.Event()

    def kill_workers() -> None:
        while not stop.wait(0.05):
            for each, _ in list(pool._idle):
                os.kill(each.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_workers)
    killer.start()
    try:
        with futures.ThreadPoolExecutor(8) as executor:
            values = list(executor.map(lambda i: pool.call("echo", i), range(200)))
    finally:
        stop.set()
        killer.join()
    assert values == list(range(200))
