"""One server as its user sees it: its console, its addresses, its history."""

from __future__ import annotations

import base64
import re

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.cloud import Cloud

KEY = "demo"
FLAVOR = "42"  # m1.nano
BOOT_SECONDS = 180  # emulated, on a machine with other work
ACTIVE_SECONDS = 90
REACH_SECONDS = 60

PUBLIC_KEY = node.STACK / "demo-key.pub"  # of the key pair KEY

_SSH = (
    "ssh",
    "-i",
    str(node.STACK / "demo-key"),
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=5",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
)


class Guest:
    def __init__(self, cloud: Cloud, server_id: str):
        self._cloud = cloud
        self.id = server_id
        self._skipped = 0  # of the console, which goes on where it was when the guest boots again

    # -- the record ------------------------------------------------------------------------------

    def show(self) -> dict:
        return self._cloud.admin.show(self.id)

    def wait_for(self, status: str, seconds: float = ACTIVE_SECONDS) -> dict:
        return self._cloud.admin.wait_for(self.id, status, seconds)

    def act(self, action: str, arguments=None, status: str | None = None) -> None:
        """Request an action as the user, and wait for the status after it.

        :meth:`wait_for_output` searches the output of the console from here on.
        """
        self.skip_output()
        self._cloud.user.act(self.id, action, arguments)
        if status:
            self.wait_for(status)

    def rescue(self, **arguments: str) -> None:
        """As the user, until it runs from the rescue disk."""
        self.skip_output()
        self._cloud.user.act(self.id, "rescue", arguments, 200)
        self.wait_for("RESCUE")

    def delete(self) -> None:
        self._cloud.admin.request("DELETE", f"/servers/{self.id}")
        self._cloud.admin.wait_gone(self.id, ACTIVE_SECONDS)

    def addresses(self, kind: str = "fixed") -> list[str]:
        return [
            each["addr"]
            for network in self.show()["addresses"].values()
            for each in network
            if each["OS-EXT-IPS:type"] == kind
        ]

    def interfaces(self) -> list[dict]:
        return self._cloud.user.get(f"/servers/{self.id}/os-interface")["interfaceAttachments"]

    def events(self, action: str) -> list[dict]:
        """The events of the newest ``action`` in the history."""
        path = f"/servers/{self.id}/os-instance-actions"
        actions = self._cloud.admin.get(path)["instanceActions"]
        found = next(each for each in actions if each["action"] == action)
        return self._cloud.admin.get(f"{path}/{found['request_id']}")["instanceAction"]["events"]

    # -- the guest itself ------------------------------------------------------------------------

    def console(self) -> str:
        response = self._cloud.user.act(self.id, "os-getConsoleOutput", {}, expect=200)
        return response["output"]

    def skip_output(self) -> None:
        """Ignore the output of the console so far."""
        self._skipped = len(self.console())

    def wait_for_output(self, pattern: str, seconds: float = BOOT_SECONDS) -> re.Match:
        """Wait for a line on the console."""
        try:
            return until(
                f"console of {self.id}: {pattern}",
                lambda: re.search(pattern, self._new_output()),
                seconds,
                pause=1,
            )
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.console()}") from None

    def _new_output(self) -> str:
        text = self.console()
        if len(text) < self._skipped:  # a new console
            self._skipped = 0
        return text[self._skipped :]

    def ssh(self, address: str, command: str, user: str = "root") -> str:
        """Run ``command`` in the guest over ssh, as soon as it accepts the login. Returns the
        output."""
        argv = (*_SSH, f"{user}@{address}", command)
        until(
            f"ssh to {address}",
            lambda: node.succeeds(*_SSH, f"{user}@{address}", "true"),
            REACH_SECONDS,
            pause=1,
        )
        return node.run(*argv)


def answers_ping(address: str) -> bool:
    return node.succeeds("ping", "-c", "1", "-W", "2", address)


def wait_ping(address: str) -> None:
    until(f"ping of {address}", lambda: answers_ping(address), REACH_SECONDS, pause=0.5)


def user_data(*commands: str) -> str:
    """Commands that the guest runs once; their output is on its console."""
    return base64.b64encode("\n".join(["#!/bin/sh", *commands, ""]).encode()).decode()
