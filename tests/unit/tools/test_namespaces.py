"""tools/stack mounts directories into the mount namespace of a running node."""

import os
import subprocess

import pytest
from stacklib import namespaces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes mount namespaces")

HIDE = 'mount -t tmpfs -o mode=700 none "$1" && echo hidden && exec sleep 60'


@pytest.fixture
def other(tmp_path):
    """A process that sees an empty directory in place of `tmp_path`."""
    argv = ["unshare", "--mount", "--propagation=private", "sh", "-c", HIDE, "sh", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "hidden\n"
        yield process.pid
        process.kill()


def test_a_directory_is_mounted_at_its_own_path(tmp_path, other):
    checkout = tmp_path / "home" / "checkout"
    checkout.mkdir(parents=True)
    (checkout / "file").write_text("here")

    inside = f"/proc/{other}/root{checkout}/file"
    assert not os.path.exists(inside)
    namespaces.bind(other, checkout, checkout)
    with open(inside) as file:
        assert file.read() == "here"


def test_other_users_can_reach_a_mounted_directory(tmp_path, other):
    checkout = tmp_path / "closed" / "checkout"
    checkout.mkdir(parents=True)
    checkout.parent.chmod(0o700)
    namespaces.bind(other, checkout, checkout)
    for inside in (tmp_path, checkout.parent):
        assert os.stat(f"/proc/{other}/root{inside}").st_mode & 0o001
    assert not checkout.parent.stat().st_mode & 0o001, "the machine's own directory was opened"


def test_this_process_stays_in_its_namespace(tmp_path, other):
    (tmp_path / "file").touch()
    assert namespaces.call(other, "mnt", lambda: os.listdir(tmp_path)) == []
    assert os.listdir(tmp_path) == ["file"]


def test_an_exception_arrives_at_the_caller(other):
    with pytest.raises(ZeroDivisionError):
        namespaces.call(other, "net", lambda: 1 / 0)
