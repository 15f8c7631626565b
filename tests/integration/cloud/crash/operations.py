"""What is done to a server while something dies, and how it must end."""

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
    """``prepare(boot)`` gives the server, if there must be one; ``act(cloud, boot, guest)`` asks,
    and gives the guest that ``check(cloud, guest)`` waits for."""

    act: Callable[[Cloud, Boot, Guest | None], Guest]
    check: Callable[[Cloud, Guest], None]
    prepare: Callable[[Boot], Guest | None]


def _create_for_sure(cloud: Cloud, boot: Boot, _: None) -> Guest:
    """As a careful client does: when the API dies over it, look whether it was heard."""
    fields = {"name": f"it-{uuid.uuid4().hex[:8]}", "networks": "auto", "wait": None}
    try:
        return boot(**fields)
    except requests.ConnectionError:
        heard = cloud.user.get(f"/servers?name={fields['name']}")["servers"]
        return Guest(cloud, heard[0]["id"]) if heard else boot(**fields)


def _boot(boot: Boot) -> Guest:
    return boot(networks="auto")


def _ask(method: str, path: str = "", body: dict | None = None) -> Callable:
    """A request that is sent again when the API dies over it; then it may have been heard."""

    def act(cloud: Cloud, boot: Boot, guest: Guest) -> Guest:
        path_of_it = f"/servers/{guest.id}{path}"
        try:
            answer = cloud.user.request(method, path_of_it, body)
        except requests.ConnectionError:
            answer = cloud.user.request(method, path_of_it, body)
        assert answer.status_code in (202, 204, 404, 409), answer.text
        return guest

    return act


def _runs(cloud: Cloud, guest: Guest) -> None:
    guest.wait_for("ACTIVE", SECONDS)
    assert node.domains()[guest.id] == RUNNING


def _shelved(cloud: Cloud, guest: Guest) -> None:
    guest.wait_for("SHELVED_OFFLOADED", SECONDS)
    assert guest.id not in node.domains()


def _boot_up(boot: Boot) -> Guest:
    """So far that it shuts down when it is asked to."""
    guest = _boot(boot)
    guest.says("GUEST: ready")
    return guest


def _boot_and_shelve(boot: Boot) -> Guest:
    guest = _boot_up(boot)
    guest.act("shelve", None, "SHELVED_OFFLOADED")
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


def rebuild(image_id: str) -> Operation:
    return Operation(_ask("POST", "/action", {"rebuild": {"imageRef": image_id}}), _runs, _boot)
