"""What users ask of a server: the state in which it may be asked, how it is asked, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import requests

SNAPSHOT = "chaos"  # the name of images that are made


@dataclass
class Server:
    """What its user knows of one: ``id`` None while the answer that told it was lost.

    ``volume`` is a volume of the user's that is meant for it; ``attached`` and ``ports`` are how
    many volumes and ports, beyond those it was made with, it should have.
    """

    name: str
    host: str | None = None
    id: str | None = None
    status: str | None = None
    volume: str | None = None
    attached: int = 0
    ports: int = 0
    from_volume: bool = False

    def is_gone(self) -> None:
        """It was deleted, with its ports and attachments; another may be made of its name."""
        self.id = self.status = None
        self.attached = self.ports = 0
        self.from_volume = False


Ask = Callable[["object", Server], requests.Response]


def _always(_server: Server) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """``begins`` and ``ends``: the server's status before and after (None: there is none).

    ``ask(site, server)`` sends the request. ``fits(server)``: whether more than the status allows
    it; ``changes``: what else of :class:`Server` it changes, with by how much. ``sets_status``: it
    ends with ``ends`` whatever another request did to the server just before.
    """

    name: str
    begins: str | None
    ends: str | None
    ask: Ask
    fits: Callable[[Server], bool] = _always
    changes: dict[str, int] = field(default_factory=dict)
    sets_status: bool = True
    needs_volume: bool = False
    is_repeatable: bool = True  # asked for twice, it is done once
    may_fail: bool = False  # by whatever fault, if its user is told

    def may_be_asked_of(self, server: Server) -> bool:
        return server.status == self.begins and self.fits(server)


def _create(kind: str) -> Ask:
    def ask(site, server: Server) -> requests.Response:
        body = site.new_server(kind, server.name, server.host)
        return site.admin.request("POST", "/servers", body)

    return ask


def _request(method: str, path: str = "", body: Callable | dict | None = None) -> Ask:
    def ask(site, server: Server) -> requests.Response:
        made = body(site, server) if callable(body) else body
        return site.user.request(method, f"/servers/{server.id}{path}", made)

    return ask


def _action(name: str, arguments: dict | None = None) -> Ask:
    return _request("POST", "/action", {name: arguments})


def _volume_body(_site, server: Server) -> dict:
    return {"volumeAttachment": {"volumeId": server.volume}}


def _detach_volume(site, server: Server) -> requests.Response:
    path = f"/servers/{server.id}/os-volume_attachments/{server.volume}"
    return site.user.request("DELETE", path)


def _detach_interface(site, server: Server) -> requests.Response:
    path = f"/servers/{server.id}/os-interface"
    ports = site.user.get(path)["interfaceAttachments"]
    return site.user.request("DELETE", f"{path}/{ports[-1]['port_id']}")


def _unshelve(site, server: Server) -> requests.Response:
    """To where it was, if there is a choice: who breaks its host must know which it is."""
    wishes = {"host": server.host} if len(site.hosts) > 1 else None
    return site.admin.request("POST", f"/servers/{server.id}/action", {"unshelve": wishes})


def _rebuild(site, server: Server) -> requests.Response:
    return _action("rebuild", {"imageRef": site.other_image})(site, server)


ALL = {
    each.name: each
    for each in (
        Operation("create", None, "ACTIVE", _create("image")),
        # Only its user can make the volume, and the user's token goes with the process that dies.
        Operation("create from volume", None, "ACTIVE", _create("volume"), may_fail=True),
        Operation("delete", "ACTIVE", None, _request("DELETE")),
        Operation("stop", "ACTIVE", "SHUTOFF", _action("os-stop")),
        Operation("start", "SHUTOFF", "ACTIVE", _action("os-start")),
        Operation("hard reboot", "ACTIVE", "ACTIVE", _action("reboot", {"type": "HARD"})),
        Operation("soft reboot", "ACTIVE", "ACTIVE", _action("reboot", {"type": "SOFT"}),
                  sets_status=False),
        Operation("pause", "ACTIVE", "PAUSED", _action("pause")),
        Operation("unpause", "PAUSED", "ACTIVE", _action("unpause")),
        Operation("suspend", "ACTIVE", "SUSPENDED", _action("suspend")),
        Operation("resume", "SUSPENDED", "ACTIVE", _action("resume")),
        Operation("rebuild", "ACTIVE", "ACTIVE", _rebuild,
                  fits=lambda server: not server.from_volume, sets_status=False),
        Operation("snapshot", "ACTIVE", "ACTIVE", _action("createImage", {"name": SNAPSHOT}),
                  fits=lambda server: not server.from_volume, sets_status=False),
        Operation("shelve", "ACTIVE", "SHELVED_OFFLOADED", _action("shelve")),
        Operation("unshelve", "SHELVED_OFFLOADED", "ACTIVE", _unshelve),
        Operation("attach volume", "ACTIVE", "ACTIVE",
                  _request("POST", "/os-volume_attachments", _volume_body),
                  fits=lambda server: not server.attached, changes={"attached": 1},
                  sets_status=False, needs_volume=True),
        Operation("detach volume", "ACTIVE", "ACTIVE", _detach_volume,
                  fits=lambda server: server.attached > 0, changes={"attached": -1},
                  sets_status=False),
        Operation("attach interface", "ACTIVE", "ACTIVE",
                  _request("POST", "/os-interface", {"interfaceAttachment": {}}),
                  fits=lambda server: not server.ports, changes={"ports": 1},
                  sets_status=False, is_repeatable=False),
        Operation("detach interface", "ACTIVE", "ACTIVE", _detach_interface,
                  fits=lambda server: server.ports > 0, changes={"ports": -1},
                  sets_status=False),
    )
}  # fmt: skip

# The table's operations that a cloud without volumes and networks can do.
PLAIN = tuple(name for name in ALL if "volume" not in name and "interface" not in name)
