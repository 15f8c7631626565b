"""Commands on other hosts, over ``ssh`` between the users of the compute services.

The operator sets ``ssh`` up: with keys, and with the host keys of all hosts. No command asks for
anything.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

from nova_mini import exception

# A connection that was cut is noticed after a minute.
OPTIONS = (
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "ServerAliveCountMax=4"),
)
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,254}")
_NO_CONNECTION = 255  # the exit status of ssh itself
_MAX_ERROR = 2000  # bytes of a command's error output


@contextlib.contextmanager
def output_of(address: str, *command: str) -> Iterator[IO[bytes]]:
    """Context manager: run a command on the host with that address and yield its output. The
    command is killed if the body fails.

    Raises ActionInterrupted if the host cannot be reached, or the connection is lost; an error of
    the body that follows from this is replaced by it. Raises RemoteCommandFailed if the command
    fails, and Invalid for an address that is none.
    """
    if not _ADDRESS.fullmatch(address):
        raise exception.Invalid(f"{address[:80]!r} is not the address of a host")
    argv = ["ssh", "-T", *OPTIONS, "--", address, shlex.join(command)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None  # a pipe
        try:
            yield process.stdout
        except EOFError as exc:
            _check(process, errors, address, command)
            raise exception.RemoteCommandFailed(
                command=command[0], reason="its output is incomplete"
            ) from exc
        else:
            _check(process, errors, address, command)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _check(
    process: subprocess.Popen[bytes], errors: IO[bytes], address: str, command: tuple[str, ...]
) -> None:
    """Wait for the end of the command, and raise the error for its exit status."""
    assert process.stdout is not None
    while process.stdout.read(1 << 16):  # it cannot end before its output is read
        pass
    status = process.wait()
    if status == 0:
        return
    errors.seek(0)
    reason = errors.read(_MAX_ERROR).decode(errors="replace").strip()
    if status == _NO_CONNECTION:
        raise exception.ActionInterrupted(reason=f"no connection to {address}: {reason}")
    raise exception.RemoteCommandFailed(
        command=command[0], reason=f"exit status {status}: {reason}"
    )
