"""tools/stack reads the cgroups of a node while its systemd creates and removes them."""

import shutil
import threading

from stacklib import cgroups


def _come_and_go(slice_, stop: threading.Event) -> None:
    while not stop.is_set():
        for number in range(20):
            unit = slice_ / f"unit-{number}.service" / "payload"
            unit.mkdir(parents=True)
            (unit / "cgroup.procs").write_text("7\n")
        for number in range(20):
            shutil.rmtree(slice_ / f"unit-{number}.service")


def test_units_that_end_meanwhile_are_passed_over(tmp_path):
    slice_ = tmp_path / "system.slice"
    slice_.mkdir()
    (tmp_path / "cgroup.procs").write_text("3\n1\n")
    stop = threading.Event()
    others = threading.Thread(target=_come_and_go, args=(slice_, stop))
    others.start()
    try:
        seen = [cgroups.processes(tmp_path) for _ in range(1000)]
    finally:
        stop.set()
        others.join()
    assert {1, 3} <= set.intersection(*map(set, seen))
    assert set.union(*map(set, seen)) <= {1, 3, 7}


def test_a_node_that_is_off_has_no_processes(tmp_path):
    assert cgroups.processes(tmp_path / "n1") == []
