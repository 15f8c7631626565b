"""The program ``ssh`` of hosts that copy files from each other."""

import os

import pytest

from nova_mini.conf import CONF


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """``ssh.write(script)`` replaces the program. ``ssh.calls()``: the commands that it got."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "ssh.log"

    class Ssh:
        source = ""

        def write(self, script: str) -> None:
            program = folder / "ssh"
            program.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$last" >>{log}\n{script}\n')
            program.chmod(0o755)

        def works(self) -> None:
            """Run the command where the source has its files."""
            here = CONF.instances_path
            self.write(f'eval "$(echo "$last" | sed "s#{here}#{self.source or here}#g")"')

        def calls(self) -> list[str]:
            return log.read_text().splitlines() if log.exists() else []

    made = Ssh()
    made.works()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return made
