"""os-brick: connections that become something on the host. Loaded when the first is made."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import pathlib
import threading
from collections.abc import Iterator

from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver

_lock = threading.Lock()


@functools.cache
def _connector_module():
    import os_brick
    from os_brick import privileged
    from os_brick.initiator import connector

    os_brick.setup(CONF)
    if not CONF.os_brick.lock_path:  # nothing is connected without
        locks = pathlib.Path(CONF.state_path) / "locks"
        CONF.set_default("lock_path", str(locks), group="os_brick")
    if os.geteuid() == 0:  # no helper process to become root
        privileged.default.set_client_mode(False)
        privileged.brick_privsep_hide_output.set_client_mode(False)
    return connector


def _load():
    with _lock:
        return _connector_module()


def get_connector_properties(host: str) -> dict:
    """What this host is to a storage backend: its address, its iSCSI name, its HBAs."""
    return dict(_connector_properties(host))


@functools.cache
def _connector_properties(host: str) -> dict:
    """Found out once in the life of the service: it takes a dozen programs to be run."""
    return _load().get_connector_properties(
        root_helper="",
        my_ip=str(CONF.my_ip),
        multipath=CONF.libvirt.volume_use_multipath,
        enforce_multipath=CONF.libvirt.volume_enforce_multipath,
        host=host,
    )


class LibvirtBrickVolumeDriver(LibvirtBaseVolumeDriver):
    """``protocol``: os-brick's name of the kind of connection."""

    source_type = "block"
    protocol: str

    def __init__(self):
        self.connector = _load().InitiatorConnector.factory(
            self.protocol,
            "",
            use_multipath=CONF.libvirt.volume_use_multipath,
            device_scan_attempts=CONF.libvirt.num_volume_scan_tries,
            **self._options(),
        )

    def _options(self) -> dict:
        return {}

    def connect_volume(self, connection_info: dict) -> None:
        with _translated(connection_info):
            device = self.connector.connect_volume(_asked(connection_info))
        connection_info["data"]["device_path"] = device["path"]

    def disconnect_volume(self, connection_info: dict, force: bool = False) -> None:
        asked = _asked(connection_info)
        if force:  # a device that is not named is not flushed: one that died would take minutes
            asked.pop("device_path", None)
        with _translated(connection_info):
            self.connector.disconnect_volume(asked, {}, force=force, ignore_errors=force)

    def extend_volume(self, connection_info: dict, size: int) -> None:
        with _translated(connection_info):
            self.connector.extend_volume(_asked(connection_info))


def _asked(connection_info: dict) -> dict:
    """A copy: os-brick writes its own into what it is given."""
    return copy.deepcopy(connection_info["data"])


def first(data: dict, name: str):
    """Of ways to a volume, which Cinder's drivers tell of in the singular, the plural or both."""
    return data[name] if name in data else data[f"{name}s"][0]


@contextlib.contextmanager
def _translated(connection_info: dict) -> Iterator[None]:
    """What failed, in a sentence that holds no password."""
    from os_brick import exception as brick_exc

    try:
        yield
    except (brick_exc.BrickException, processutils.ProcessExecutionError) as exc:
        raise exception.VolumeAttachFailed(
            volume_id=connection_info["serial"],
            reason=f"the host's connection to it failed ({type(exc).__name__})",
        ) from exc
