"""Runs the openstack client inside the node, and shows the commands as a user would type them."""

import json
import shlex
import subprocess
import time
from collections.abc import Sequence

from stacklib import environment
from stacklib.errors import StackError
from stacklib.stack import Stack

# Options of every ssh command that are not shown.
SSH_OPTIONS = ("BatchMode=", "ConnectTimeout=", "StrictHostKey", "UserKnownHosts", "LogLevel=")


class Client:
    """Runs commands as the demo user and shows each with the time it took."""

    def __init__(self, stack: Stack):
        self._stack = stack
        self._environment = stack.node.environment(environment.variables(stack))

    def run(self, *argv: str, seconds: float = 120, show: bool = True, cloud: str = "demo") -> str:
        """Run `argv` in the node; return what it prints; raise StackError when it fails."""
        began = time.monotonic()
        try:
            done = subprocess.run(
                self._stack.node.command(argv),
                env={**self._environment, "OS_CLOUD": cloud},
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(f"`{shlex.join(argv)}` took more than {seconds:.0f} s") from error
        if show:
            self._show(argv, time.monotonic() - began)
        if done.returncode:
            raise StackError(f"`{shlex.join(argv)}`: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def retry(self, seconds: float, *argv: str) -> str:
        """Run `argv` until it succeeds, because the guest may still be booting. Return its output;
        raise StackError when it does not succeed within `seconds`."""
        began = time.monotonic()
        while True:
            try:
                printed = self.run(*argv, seconds=20, show=False)
            except StackError:
                if time.monotonic() - began > seconds:
                    raise
                time.sleep(0.5)
                continue
            self._show(argv, time.monotonic() - began)
            return printed

    def openstack(self, *argv: str, **options) -> str:
        """Run the openstack client and return what it prints."""
        return self.run("openstack", *argv, **options)

    def ask(self, *argv: str, **options) -> dict | list:
        """Run the openstack client and return its output, parsed as JSON."""
        return json.loads(self.openstack(*argv, "-f", "json", **options))

    def _show(self, argv: Sequence[str], seconds: float) -> None:
        words = [word for word in argv if word != "-o" and not word.startswith(SSH_OPTIONS)]
        print(f"\n$ {shlex.join(words)}   # {seconds:.1f} s", flush=True)
