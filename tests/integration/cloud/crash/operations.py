"""The operations on servers during which a process is killed, and their expected results."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import Guest

SECONDS = 60  # within which everything ends well, by itself
RUNNING = 1

Boot = Callable[..., Guest]


@dataclass(frozen=True)
class Operation:
    """``prepare(boot)`` creates the server, if the operation needs one. ``act(cloud, boot, guest)``
    requests the operation, and returns the guest for ``check(cloud, guest)``, which waits."""

    act: Callable[[Cloud, Boot, Guest | None], Guest]
    check: Callable[[Cloud, Guest], None]
    prepare: Callable[[Boot], Guest | None]


def _create_for_sure(cloud: Cloud, boot: Boot, _: None) -> Guest:
    """Create a server. If the API dies, check whether the request was accepted before a retry."""
    fields = {"name": f"it-{uuid.uuid4().hex[:8]}", "networks": "auto", "wait": None}
    try:
        return boot(**fields)
    except requests.ConnectionError:
        found = cloud.user.get(f"/servers?name={fields['name']}")["servers"]
        return Guest(cloud, found[0]["id"]) if found else boot(**fields)


def _boot(boot: Boot) -> Guest:
    return boot(networks="auto")


def _ask(method: str, path: str = "", body: dict | None = None, accepted: int = 202) -> Callable:
    """Return a function that sends this request to a server.

    The request is sent again if the API dies. The API may have accepted the first request:
    then it refuses the second, as the server is gone (404) or not in the state for it (409).
    """
    if is_delete := method == "DELETE" and not path:
        accepted = 204
    refused_again = 404 if is_delete else 409

    def act(cloud: Cloud, boot: Boot, guest: Guest) -> Guest:
        path_of_it = f"/servers/{guest.id}{path}"
        expected = {accepted}
        try:
            response = cloud.user.request(method, path_of_it, body)
        except requests.ConnectionError:
            response = cloud.user.request(method, path_of_it, body)
            expected = {accepted, refused_again}
        assert response.status_code in expected, response.text
        return guest

    return act


def _runs(cloud: Cloud, guest: Guest) -> None:
    guest.wait_for("ACTIVE", SECONDS)
    assert node.domains()[guest.id] == RUNNING


def _shelved(cloud: Cloud, guest: Guest) -> None:
    guest.wait_for("SHELVED_OFFLOADED", SECONDS)
    assert guest.id not in node.domains()


def _boot_up(boot: Boot) -> Guest:
    """Boot a guest until it reacts to a request to shut down."""
    guest = _boot(boot)
    guest.wait_for_output("GUEST: ready")
    return guest


def _boot_and_shelve(boot: Boot) -> Guest:
    guest = _boot_up(boot)
    guest.act("shelve", None, "SHELVED_OFFLOADED")
    return guest


def _rescued(cloud: Cloud, guest: Guest) -> None:
    guest.wait_for("RESCUE", SECONDS)
    assert node.domains()[guest.id] == RUNNING


def _boot_and_rescue(boot: Boot) -> Guest:
    guest = _boot(boot)
    guest.rescue()
    return guest


def _gone(cloud: Cloud, guest: Guest) -> None:
    cloud.admin.wait_gone(guest.id, SECONDS)


def build(**fields) -> Operation:
    return Operation(
        lambda cloud, boot, _: boot(networks="auto", wait=None, **fields),
        _runs,
        prepare=lambda boot: None,
    )


BUILD = build()
BUILD_FOR_SURE = Operation(_create_for_sure, _runs, prepare=lambda boot: None)
DELETE = Operation(_ask("DELETE"), _gone, prepare=_boot)
REBOOT = Operation(_ask("POST", "/action", {"reboot": {"type": "HARD"}}), _runs, prepare=_boot)

SHELVE = Operation(_ask("POST", "/action", {"shelve": None}), _shelved, prepare=_boot_up)
UNSHELVE = Operation(_ask("POST", "/action", {"unshelve": None}), _runs, prepare=_boot_and_shelve)


RESCUE = Operation(_ask("POST", "/action", {"rescue": None}, 200), _rescued, prepare=_boot)
UNRESCUE = Operation(_ask("POST", "/action", {"unrescue": None}), _runs, prepare=_boot_and_rescue)


def rebuild(image_id: str) -> Operation:
    return Operation(_ask("POST", "/action", {"rebuild": {"imageRef": image_id}}), _runs, _boot)
