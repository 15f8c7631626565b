"""What a killed libvirtd leaves. That libvirt goes on then is for the integration tests."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from nova_mini.virt.libvirt import relics


@pytest.fixture
def libvirtd(tmp_path, monkeypatch):
    """A process in its place, whose pid file says that it started at second 100."""
    process = subprocess.Popen(["sleep", "60"])
    (tmp_path / "driver.pid").write_text(f"{process.pid}\n")
    os.utime(tmp_path / "driver.pid", (100, 100))
    monkeypatch.setattr(relics, "RUN", tmp_path)
    yield process
    process.kill()
    process.wait()


def _note(name: str, text: str, at: int):
    path = relics.RUN / f"{name}.xml"
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_a_start_that_is_older_than_libvirtd_and_has_no_process_is_forgotten(libvirtd):
    relic = _note("one", "<domstatus state='paused' reason='starting up' pid='0'/>", at=99)
    assert relics.remove(relics.URI)
    assert not relic.exists()
    assert libvirtd.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("<domstatus state='running' reason='booted' pid='1234'/>", 99),
        ("<domstatus state='paused' reason='starting up' pid='0'/>", 101),
        ("<domstatus state='pau", 99),
    ],
)
def test_what_runs_and_what_is_being_started_is_left_alone(libvirtd, text, at):
    note = _note("one", text, at)
    assert not relics.remove(relics.URI)
    assert note.exists()
    assert libvirtd.poll() is None


def test_another_libvirtd_has_its_notes_elsewhere(libvirtd):
    _note("one", "<domstatus state='paused' reason='starting up' pid='0'/>", at=99)
    assert not relics.remove("qemu+ssh://elsewhere/system")
    assert libvirtd.poll() is None
