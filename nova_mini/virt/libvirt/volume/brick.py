"""Drivers on os-brick, which makes block devices or mounts on the host. os-brick is imported when
it is first needed."""

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
from nova_mini.volume.connection_info import ConnectionInfo

_lock = threading.Lock()


@functools.cache
def _connector_module():
    import os_brick
    from os_brick import privileged
    from os_brick.initiator import connector

    os_brick.setup(CONF)
    if not CONF.os_brick.lock_path:  # os-brick needs one
        locks = pathlib.Path(CONF.state_path) / "locks"
        CONF.set_default("lock_path", str(locks), group="os_brick")
    if os.geteuid() == 0:  # no helper process is needed
        privileged.default.set_client_mode(False)
        privileged.brick_privsep_hide_output.set_client_mode(False)
    return connector


def _load():
    with _lock:
        return _connector_module()


def get_connector_properties(host: str) -> dict:
    """This host's properties for storage backends: its address, its iSCSI name, its HBAs."""
    return dict(_connector_properties(host))


@functools.cache
def _connector_properties(host: str) -> dict:
    """Cached, because os-brick runs a dozen programs to find them."""
    return _load().get_connector_properties(
        root_helper="",
        my_ip=str(CONF.my_ip),
        multipath=CONF.libvirt.volume_use_multipath,
        enforce_multipath=CONF.libvirt.volume_enforce_multipath,
        host=host,
    )


class LibvirtBrickVolumeDriver(LibvirtBaseVolumeDriver):
    """``protocol``: os-brick's name for the kind of connection."""

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

    def connect_volume(self, connection_info: ConnectionInfo) -> None:
        with _translated(connection_info):
            device = self.connector.connect_volume(_copy_data(connection_info))
        connection_info["data"]["device_path"] = device["path"]

    def disconnect_volume(self, connection_info: ConnectionInfo, force: bool = False) -> None:
        data = _copy_data(connection_info)
        if force:  # without its path the device is not flushed; a dead one would take minutes
            data.pop("device_path", None)
        with _translated(connection_info):
            self.connector.disconnect_volume(data, {}, force=force, ignore_errors=force)

    def extend_volume(self, connection_info: ConnectionInfo, size: int) -> None:
        with _translated(connection_info):
            self.connector.extend_volume(_copy_data(connection_info))


def _copy_data(connection_info: ConnectionInfo) -> dict:
    """A copy of the connection's data, because os-brick changes it."""
    return copy.deepcopy(connection_info["data"])


def first(data: dict, name: str) -> object:
    """The first value of a property such as ``target_iqn``. Cinder's drivers give one value
    (``target_iqn``), a list (``target_iqns``) or both."""
    return data[name] if name in data else data[f"{name}s"][0]


@contextlib.contextmanager
def _translated(connection_info: ConnectionInfo) -> Iterator[None]:
    """Translate os-brick's errors to VolumeAttachFailed with a message that has no secrets."""
    from os_brick import exception as brick_exc

    try:
        yield
    except (brick_exc.BrickException, processutils.ProcessExecutionError) as exc:
        raise exception.VolumeAttachFailed(
            volume_id=connection_info["serial"],
            reason="the host's connection to it failed",
            internal=type(exc).__name__,
        ) from exc
