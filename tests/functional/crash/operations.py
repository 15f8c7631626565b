"""Operations on a server, as a user sees them: what goes before, what is asked, how it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.functional.harness.project import Project

SECONDS = 30
HOST = "c1"  # every server of these tests is there, so that one knows whom to kill


def _create(project: Project, _: None) -> str | None:
    """The id; None when the API died before it could tell."""
    body = project.server(availability_zone=f"nova:{HOST}")
    try:
        answer = project.admin.request("POST", "/servers", body)
    except requests.ConnectionError:
        return None
    assert answer.status_code == 202, answer.text
    return answer.json()["server"]["id"]


def _boot(project: Project) -> str:
    server_id = _create(project, None)
    project.user.wait_for(server_id, "ACTIVE")
    return server_id


def _boot_stopped(project: Project) -> str:
    server_id = _boot(project)
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    return server_id


def _send(method: str, path: str, body: dict | None = None) -> Callable:
    """A request about a server, sent until it is answered: 409 says that it had been accepted."""

    def act(project: Project, server_id: str) -> str:
        try:
            answer = project.user.request(method, f"/servers/{server_id}{path}", body)
        except requests.ConnectionError:
            answer = project.user.request(method, f"/servers/{server_id}{path}", body)
            assert answer.status_code in (202, 204, 404, 409), answer.text
            return server_id
        assert answer.status_code in (202, 204), answer.text
        return server_id

    return act


def _becomes(status: str) -> Callable:
    def check(project: Project, server_id: str | None) -> None:
        for each in project.servers() if server_id is None else [server_id]:
            project.user.wait_for(each, status, SECONDS)

    return check


def _goes(project: Project, server_id: str) -> None:
    project.user.wait_gone(server_id, SECONDS)


def _action(name: str, arguments: dict | None = None) -> Callable:
    return _send("POST", "/action", {name: arguments})


@dataclass(frozen=True)
class Operation:
    """``prepare(project)`` gives the server, ``act(project, server)`` asks, ``check`` waits for the
    end that was asked for."""

    act: Callable
    check: Callable
    prepare: Callable = _boot


OPERATIONS = {
    "create": Operation(_create, _becomes("ACTIVE"), prepare=lambda project: None),
    "delete": Operation(_send("DELETE", ""), _goes),
    "stop": Operation(_action("os-stop"), _becomes("SHUTOFF")),
    "start": Operation(_action("os-start"), _becomes("ACTIVE"), prepare=_boot_stopped),
    "reboot": Operation(_action("reboot", {"type": "HARD"}), _becomes("ACTIVE")),
    "pause": Operation(_action("pause"), _becomes("PAUSED")),
    "suspend": Operation(_action("suspend"), _becomes("SUSPENDED")),
    "snapshot": Operation(_action("createImage", {"name": "copy"}), _becomes("ACTIVE")),
}


def rebuild_with(image: str) -> Operation:
    return Operation(_action("rebuild", {"imageRef": image}), _becomes("ACTIVE"))
