"""Operations on volumes during which a process is killed. Each must end with a volume in use and a
working disk in the guest, or with a free volume and no disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.guest import Guest
from tests.integration.cloud.harness.volumes import Volumes

SECONDS = 60


@dataclass
class Scene:
    """One server, which is used in all runs, and the volumes of one run."""

    cloud: Cloud
    guest: Guest
    volumes: Volumes
    backend: str
    boot: Callable[..., Guest]
    ids: list[str] = field(default_factory=list)
    image: str | None = None
    others: list[Guest] = field(default_factory=list)
    last_status: int = 0  # of the last request

    def ask(self, method: str, path: str, body: dict | None = None, *, as_admin=False) -> int:
        """Send a request. Returns the status code; 0 if the API died or did not respond in time."""
        client = self.cloud.admin if as_admin else self.cloud.user
        try:
            return client.request(method, f"/servers/{self.guest.id}{path}", body).status_code
        except requests.RequestException:
            return 0

    def status(self, index: int = 0) -> str:
        return self.volumes.show(self.ids[index]).status

    def attach(self) -> None:
        volume_calls.attach(self.cloud, self.guest, self.ids[0])
        self.volumes.wait(self.ids[0], "in-use")

    def clear(self) -> None:
        """Restore the state before the run."""
        for other in self.others:
            self._remove_server(other)
        for attached in volume_calls.attached(self.cloud, self.guest):
            if attached["volumeId"] in self.ids:
                volume_calls.detach(self.cloud, self.guest, attached["volumeId"])
        if self.image:
            self._remove_image()
        self.volumes.remove()
        self.ids, self.image, self.others = [], None, []

    def _remove_server(self, other: Guest) -> None:
        """Delete the server with its volumes."""
        theirs = [each["volumeId"] for each in volume_calls.attached(self.cloud, other)]
        other.delete()
        gone = self.volumes.is_gone
        until("its volumes are gone", lambda: all(map(gone, theirs)), SECONDS, 0.3)

    def _remove_image(self) -> None:
        if self.cloud.of_user.image.find_image(self.image):
            self.cloud.of_user.image.delete_image(self.image)
        cinder = self.cloud.of_user.block_storage
        for snapshot in cinder.snapshots():
            cinder.delete_snapshot(snapshot)
        until("no snapshot is left", lambda: not list(cinder.snapshots()), SECONDS, 0.3)


@dataclass(frozen=True)
class VolumeOperation:
    prepare: Callable[[Scene], None]
    act: Callable[[Scene], None]
    check: Callable[[Scene], None]


# -- attach and detach ---------------------------------------------------------------------------

_ATTACHMENTS = "/os-volume_attachments"


def _make_one(scene: Scene) -> None:
    scene.ids = [scene.volumes.create(scene.backend)]


def _attach(scene: Scene) -> None:
    body = {"volumeAttachment": {"volumeId": scene.ids[0]}}
    scene.last_status = scene.ask("POST", _ATTACHMENTS, body)


def _is_attached(scene: Scene) -> None:
    """The volume is attached if the request was accepted, and may be attached otherwise."""
    if scene.last_status == 200:
        scene.volumes.wait(scene.ids[0], "in-use", SECONDS)
    assert scene.status() in ("in-use", "available")


def _make_attached(scene: Scene) -> None:
    _make_one(scene)
    scene.attach()


def _detach(scene: Scene) -> None:
    scene.last_status = scene.ask("DELETE", f"{_ATTACHMENTS}/{scene.ids[0]}")


def _is_detached(scene: Scene) -> None:
    if scene.last_status == 202:
        scene.volumes.wait(scene.ids[0], "available", SECONDS)
    assert scene.status() in ("in-use", "available")


# -- swap ----------------------------------------------------------------------------------------


def _make_two(scene: Scene) -> None:
    _make_attached(scene)
    scene.volumes.let_swap(scene.ids[0])
    scene.ids.append(scene.volumes.create("iscsi" if scene.backend == "ceph" else "ceph"))


def _swap(scene: Scene) -> None:
    body = {"volumeAttachment": {"volumeId": scene.ids[1]}}
    scene.last_status = scene.ask("PUT", f"{_ATTACHMENTS}/{scene.ids[0]}", body, as_admin=True)


def _is_swapped(scene: Scene) -> None:
    if scene.last_status == 202:
        scene.volumes.wait(scene.ids[1], "in-use", SECONDS)
    states = sorted(scene.status(index) for index in (0, 1))
    assert states == ["available", "in-use"]


# -- images of volumes, and servers that run from them -------------------------------------------


def _nothing(scene: Scene) -> None:
    pass


def _make_image(scene: Scene) -> None:
    body = {"createImage": {"name": "it-crash"}}
    scene.last_status = scene.ask("POST", "/action", body)
    found = scene.cloud.of_user.image.find_image("it-crash")
    scene.image = found and found.id


def _is_image_or_nothing(scene: Scene) -> None:
    scene.guest.wait_for("ACTIVE", SECONDS)
    found = scene.image and scene.cloud.of_user.image.find_image(scene.image)
    snapshots = list(scene.cloud.of_user.block_storage.snapshots())
    assert (len(snapshots) == 1) == bool(found), (found, snapshots)


def _boot(scene: Scene) -> None:
    disk = {
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": 1,
        "boot_index": 0,
        "uuid": scene.cloud.image("mini-raw"),
        "volume_type": scene.backend,
        "delete_on_termination": True,
    }
    scene.others = [scene.boot(imageRef="", block_device_mapping_v2=[disk], wait=None)]


def _runs(scene: Scene) -> None:
    (other,) = scene.others
    other.wait_for("ACTIVE", SECONDS)
    (disk,) = volume_calls.attached(scene.cloud, other)
    assert scene.volumes.show(disk["volumeId"]).status == "in-use"


ATTACH = VolumeOperation(_make_one, _attach, _is_attached)
DETACH = VolumeOperation(_make_attached, _detach, _is_detached)
SWAP = VolumeOperation(_make_two, _swap, _is_swapped)
IMAGE = VolumeOperation(_nothing, _make_image, _is_image_or_nothing)
BOOT = VolumeOperation(_nothing, _boot, _runs)
