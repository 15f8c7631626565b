"""Stale status files of a killed libvirtd. Integration tests check that libvirt works again."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from nova_mini.virt.libvirt import stale_starts


@pytest.fixture
def libvirtd(tmp_path, monkeypatch):
    """Another process instead of libvirtd; its pid file was written at second 100."""
    process = subprocess.Popen(["sleep", "60"])
    (tmp_path / "driver.pid").write_text(f"{process.pid}\n")
    os.utime(tmp_path / "driver.pid", (100, 100))
    monkeypatch.setattr(stale_starts, "RUN", tmp_path)
    yield process
    process.kill()
    process.wait()


def _status_file(name: str, text: str, at: int):
    path = stale_starts.RUN / f"{name}.xml"
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_a_stale_status_file_is_removed_and_libvirtd_is_killed(libvirtd):
    stale = _status_file("one", "<domstatus state='paused' reason='starting up' pid='0'/>", at=99)
    assert stale_starts.remove(stale_starts.URI)
    assert not stale.exists()
    assert libvirtd.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("<domstatus state='running' reason='booted' pid='1234'/>", 99),
        ("<domstatus state='paused' reason='starting up' pid='0'/>", 101),
        ("<domstatus state='pau", 99),
    ],
)
def test_running_and_starting_domains_are_not_affected(libvirtd, text, at):
    path = _status_file("one", text, at)
    assert not stale_starts.remove(stale_starts.URI)
    assert path.exists()
    assert libvirtd.poll() is None


def test_files_are_not_removed_for_another_libvirtd(libvirtd):
    _status_file("one", "<domstatus state='paused' reason='starting up' pid='0'/>", at=99)
    assert not stale_starts.remove("qemu+ssh://elsewhere/system")
    assert libvirtd.poll() is None
