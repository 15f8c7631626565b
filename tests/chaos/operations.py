"""The operations on servers: the initial state, the request, and the final state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from tests.chaos import tenant

SNAPSHOT = "chaos"  # the name of all snapshots


@dataclass
class Server:
    """The expected state of a server. ``id`` is None until a response has contained it.

    ``volume``: the user's volume for this server. ``attached`` and ``ports``: how many volumes and
    ports it has in addition to those that it was created with.
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
        """Set the state after the deletion. Another server may be created with the name."""
        self.id = self.status = None
        self.attached = self.ports = 0
        self.from_volume = False


Send = Callable[["object", Server], requests.Response]


def _always(_server: Server) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """``begins`` and ``ends``: the status before and after (None: the server does not exist).

    ``send(site, server)`` sends the request. ``fits(server)``: a condition in addition to the
    status. ``changes``: field of :class:`Server` -> increment. ``sets_status``: the final status is
    ``ends`` even if a concurrent request has changed it. ``moves``: two hosts execute it, and the
    server may be on the other one afterwards. ``takes_host``: the host of the server is down
    meanwhile. ``restores``: only in a cloud that keeps deleted servers for a while.
    """

    name: str
    begins: str | None
    ends: str | None
    send: Send
    fits: Callable[[Server], bool] = _always
    changes: dict[str, int] = field(default_factory=dict)
    sets_status: bool = True
    needs_volume: bool = False
    moves: bool = False
    takes_host: bool = False
    restores: bool = False
    is_repeatable: bool = True  # a repeated request has no further effect
    may_fail: bool = False  # with any fault that the user sees

    def accepts(self, server: Server) -> bool:
        return server.status == self.begins and self.fits(server)

    def is_of(self, site) -> bool:
        """Whether the cloud has this operation."""
        return (not self.moves or len(site.hosts) > 1) and (not self.restores or site.keeps_deleted)


def _create(kind: str) -> Send:
    def send(site, server: Server) -> requests.Response:
        body = site.new_server(kind, server.name, server.host)
        body["server"] |= tenant.words(server.name)
        return site.admin.request("POST", "/servers", body)

    return send


def _request(method: str, path: str = "", body: Callable | dict | None = None) -> Send:
    def send(site, server: Server) -> requests.Response:
        made = body(site, server) if callable(body) else body
        return site.user.request(method, f"/servers/{server.id}{path}", made)

    return send


def _action(name: str, arguments: dict | None = None) -> Send:
    return _request("POST", "/action", {name: arguments})


def delete(site, server: Server) -> requests.Response:
    """Delete a server in any state, also in a cloud that would keep it for a while."""
    if site.keeps_deleted:
        return _action("forceDelete")(site, server)
    return _request("DELETE")(site, server)


def _evacuate(site, server: Server) -> requests.Response:
    site.take_down(server.host)
    return site.admin.request("POST", f"/servers/{server.id}/action", {"evacuate": {}})


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
    """To its former host, if there are several: faults of the host must affect the operation."""
    arguments = {"host": server.host} if len(site.hosts) > 1 else None
    return site.admin.request("POST", f"/servers/{server.id}/action", {"unshelve": arguments})


def _interface(site, _server: Server) -> dict:
    """An administrator has several networks, and must name one."""
    return {"interfaceAttachment": {"net_id": site.network}}


def _rebuild(site, server: Server) -> requests.Response:
    return _action("rebuild", {"imageRef": site.other_image})(site, server)


def _rescue(site, server: Server) -> requests.Response:
    return _action("rescue", {"rescue_image_ref": site.other_image})(site, server)


def _resize(site, server: Server) -> requests.Response:
    """To the flavor that the server does not have."""
    name = site.user.show(server.id)["flavor"]["original_name"]
    (other,) = set(site.flavors) - {name}
    return _action("resize", {"flavorRef": site.flavors[other]})(site, server)


def _migrate(site, server: Server) -> requests.Response:
    return site.admin.request("POST", f"/servers/{server.id}/action", {"migrate": None})


def _live_migrate(site, server: Server) -> requests.Response:
    arguments = {"host": None, "block_migration": "auto"}
    path = f"/servers/{server.id}/action"
    return site.admin.request("POST", path, {"os-migrateLive": arguments})


ALL = {
    each.name: each
    for each in (
        Operation("create", None, "ACTIVE", _create("image")),
        # The volume is created with the user's token, which is lost when the process is killed.
        Operation("create from volume", None, "ACTIVE", _create("volume"), may_fail=True),
        Operation("delete", "ACTIVE", None, delete),
        Operation("soft delete", "ACTIVE", "SOFT_DELETED", _request("DELETE"), restores=True),
        Operation("restore", "SOFT_DELETED", "ACTIVE", _action("restore"), restores=True),
        Operation("force delete", "SOFT_DELETED", None, _action("forceDelete"), restores=True),
        Operation("stop", "ACTIVE", "SHUTOFF", _action("os-stop")),
        Operation("start", "SHUTOFF", "ACTIVE", _action("os-start")),
        Operation("hard reboot", "ACTIVE", "ACTIVE", _action("reboot", {"type": "HARD"})),
        Operation(
            "soft reboot",
            "ACTIVE",
            "ACTIVE",
            _action("reboot", {"type": "SOFT"}),
            sets_status=False,
        ),
        Operation("pause", "ACTIVE", "PAUSED", _action("pause")),
        Operation("unpause", "PAUSED", "ACTIVE", _action("unpause")),
        Operation("suspend", "ACTIVE", "SUSPENDED", _action("suspend")),
        Operation("resume", "SUSPENDED", "ACTIVE", _action("resume")),
        Operation(
            "rebuild",
            "ACTIVE",
            "ACTIVE",
            _rebuild,
            fits=lambda server: not server.from_volume,
            sets_status=False,
        ),
        Operation(
            "snapshot",
            "ACTIVE",
            "ACTIVE",
            _action("createImage", {"name": SNAPSHOT}),
            fits=lambda server: not server.from_volume,
            sets_status=False,
        ),
        Operation(
            "backup",
            "ACTIVE",
            "ACTIVE",
            _action("createBackup", {"name": SNAPSHOT, "backup_type": "daily", "rotation": 2}),
            fits=lambda server: not server.from_volume,
            sets_status=False,
        ),
        Operation(
            "rescue", "ACTIVE", "RESCUE", _rescue, fits=lambda server: not server.from_volume
        ),
        Operation("unrescue", "RESCUE", "ACTIVE", _action("unrescue")),
        Operation("shelve", "ACTIVE", "SHELVED_OFFLOADED", _action("shelve")),
        Operation("unshelve", "SHELVED_OFFLOADED", "ACTIVE", _unshelve),
        Operation("resize", "ACTIVE", "VERIFY_RESIZE", _resize, moves=True),
        Operation("migrate", "ACTIVE", "VERIFY_RESIZE", _migrate, moves=True),
        Operation(
            "live migrate",
            "ACTIVE",
            "ACTIVE",
            _live_migrate,
            sets_status=False,
            moves=True,
        ),
        Operation(
            "confirm resize", "VERIFY_RESIZE", "ACTIVE", _action("confirmResize"), moves=True
        ),
        # From 2.95 on, the server is stopped afterwards.
        Operation("evacuate", "ACTIVE", "SHUTOFF", _evacuate, moves=True, takes_host=True),
        Operation("revert resize", "VERIFY_RESIZE", "ACTIVE", _action("revertResize"), moves=True),
        Operation(
            "attach volume",
            "ACTIVE",
            "ACTIVE",
            _request("POST", "/os-volume_attachments", _volume_body),
            fits=lambda server: not server.attached,
            changes={"attached": 1},
            sets_status=False,
            needs_volume=True,
        ),
        Operation(
            "detach volume",
            "ACTIVE",
            "ACTIVE",
            _detach_volume,
            fits=lambda server: server.attached > 0,
            changes={"attached": -1},
            sets_status=False,
        ),
        Operation(
            "attach interface",
            "ACTIVE",
            "ACTIVE",
            _request("POST", "/os-interface", _interface),
            fits=lambda server: not server.ports,
            changes={"ports": 1},
            sets_status=False,
            is_repeatable=False,
        ),
        Operation(
            "detach interface",
            "ACTIVE",
            "ACTIVE",
            _detach_interface,
            fits=lambda server: server.ports > 0,
            changes={"ports": -1},
            sets_status=False,
        ),
    )
}

# The operations of a cloud without volumes and networks, which keeps no deleted servers.
PLAIN = tuple(
    name
    for name, each in ALL.items()
    if "volume" not in name and "interface" not in name and not each.restores
)
