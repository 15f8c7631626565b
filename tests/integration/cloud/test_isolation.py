"""A compute has no access to the database, and the QEMU of a guest no privileges on its host."""

from __future__ import annotations

import pathlib
import pwd
import re

import pytest

from tests.integration.cloud.harness import node

DATABASE_PORT = 3306


def _pid() -> int:
    pid = node.main_pid(node.unit("compute"))
    assert pid
    return pid


def test_compute_has_no_database_code_in_memory():
    """Libraries with compiled parts, such as SQLAlchemy, are mapped into the process."""
    for daemon, there in (("compute", False), ("conductor", True)):
        pid = node.main_pid(node.unit(daemon))
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert ("sqlalchemy" in maps) is there, daemon


def test_the_program_of_compute_imports_no_database_code():
    """Also libraries without compiled parts: the same interpreter imports the daemon's modules."""
    argv = pathlib.Path(f"/proc/{_pid()}/cmdline").read_text().split("\0")
    probe = (
        "import sys; import nova_mini.cmd.compute, nova_mini.compute.manager; "
        "from nova_mini import objects; objects.register_all(); import nova_mini.virt.libvirt; "
        "print(*sys.modules)"
    )
    modules = node.run(argv[0], "-c", probe).split()
    assert "nova_mini.virt.libvirt.driver" in modules
    found = {name.partition(".")[0] for name in modules} & {"sqlalchemy", "pymysql", "alembic"}
    assert not found
    assert "nova_mini.db.session" not in modules


def test_computes_configuration_names_no_database():
    argv = pathlib.Path(f"/proc/{_pid()}/cmdline").read_text().split("\0")
    files = [word.partition("=")[2] for word in argv if word.startswith("--config-file=")]
    assert files
    for file in files:
        text = pathlib.Path(file).read_text()
        assert "[database]" not in text, file
        assert "mysql" not in text, file
    environment = pathlib.Path(f"/proc/{_pid()}/environ").read_text()
    assert "mysql" not in environment


def test_compute_is_connected_to_the_broker_and_not_to_the_database():
    pid = _pid()
    lines = node.run("ss", "-Htnp").splitlines()
    peers = [line.split()[4] for line in lines if re.search(rf"\bpid={pid},", line)]
    ports = {int(peer.rpartition(":")[2]) for peer in peers}
    assert 5672 in ports
    assert DATABASE_PORT not in ports


# -- a guest's QEMU ------------------------------------------------------------------------------

QEMU_USER = "libvirt-qemu"


@pytest.fixture(scope="module")
def qemu(boot_for_all) -> int:
    """The pid of the QEMU of a guest that runs and has a config drive."""
    guest = boot_for_all(config_drive=True)
    guest.wait_for_output("GUEST: ready")
    return node.qemu_pid(guest.id)


def test_qemu_runs_as_its_own_user_without_capabilities(qemu):
    status = dict(
        line.split(":\t", 1)
        for line in pathlib.Path(f"/proc/{qemu}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert {int(uid) for uid in status["Uid"].split()} == {pwd.getpwnam(QEMU_USER).pw_uid}
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0


def test_qemu_listens_on_loopback_only(qemu):
    """Where the console proxies reach it."""
    show = ("ss", "--no-header", "--numeric", "--listening", "--tcp", "--udp", "--processes")
    listening = [line.split()[4] for line in node.run(*show).splitlines() if f"pid={qemu}," in line]
    assert len(listening) == 2  # the screen and the serial console
    assert all(address.startswith("127.0.0.1:") for address in listening), listening


def test_the_user_of_qemu_reads_no_secret_of_the_services(qemu):
    (compute,) = pathlib.Path("/etc/nova-mini").glob("nova-mini-compute@*.conf")
    secret = [pathlib.Path("/etc/nova-mini/nova-mini.conf"), compute, *node.keyrings()]
    for path in secret:
        assert path.read_text()
        assert not node.succeeds("runuser", "-u", QEMU_USER, "--", "cat", str(path)), path
