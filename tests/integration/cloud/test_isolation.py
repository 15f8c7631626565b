"""A hypervisor has no way to the database."""

from __future__ import annotations

import pathlib
import re

from tests.integration.cloud.harness import node

DATABASE_PORT = 3306


def _pid() -> int:
    pid = node.main_pid(node.unit("compute"))
    assert pid
    return pid


def test_compute_has_no_database_code_in_memory():
    """Of its libraries those with compiled parts are mapped; SQLAlchemy has such."""
    for daemon, there in (("compute", False), ("conductor", True)):
        pid = node.main_pid(node.unit(daemon))
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert ("sqlalchemy" in maps) is there, daemon


def test_the_program_of_compute_imports_no_database_code():
    """Those without compiled parts, too: the same interpreter loads what the daemon loads."""
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
