"""tools/stack: how long a guest that is pinged does not answer."""

import shlex
import time

import pytest
from stacklib.errors import StackError
from stacklib.pinging import pinging

from tests.functional.harness.waiting import until


def silence(tmp_path, *answers):
    """Of a guest. `answers`: pairs of the seconds since, and the number of the ping."""
    now = time.time()
    lines = [
        "PING 10.0.0.5 (10.0.0.5) 56(84) bytes of data.",
        *(
            f"[{now - seconds:.6f}] 64 bytes from 10.0.0.5: icmp_seq={number} ttl=64"
            for seconds, number in answers
        ),
        f"[{now:.6f}] From 10.0.0.1 icmp_seq=2 Destination Host Unreachable",
    ]
    printed = tmp_path / "printed"
    printed.unlink(missing_ok=True)
    script = f"printf '%s\\n' {shlex.join(lines)}; : >{printed}; exec sleep 60"
    with pinging(["sh", "-c", script], "10.0.0.5") as pings:
        until("it has printed", printed.exists, 10)
        return pings.stop()


def test_between_two_answers(tmp_path):
    found = silence(tmp_path, (100, 1), (99.9, 2), (1, 30), (0.9, 31))
    assert found.longest == pytest.approx(98.9, abs=0.01)
    assert found.lost == pytest.approx(2.7)


def test_answers_that_come_late(tmp_path):
    found = silence(tmp_path, (50, 1), (3.02, 3), (3.01, 2), (3, 4))
    assert found.longest == pytest.approx(46.98, abs=0.01)
    assert found.lost == 0


def test_since_the_last_answer(tmp_path):
    assert silence(tmp_path, (30.1, 1), (30, 2)).longest >= 30
    assert silence(tmp_path, (30, 1)).longest >= 30


def test_a_guest_that_has_never_answered(tmp_path):
    with pytest.raises(StackError, match="has never answered"):
        silence(tmp_path)
