"""What a guest may know of itself: the content of the metadata service and the config drive."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.network import network_data
from nova_mini.network.model import NetworkInfo
from nova_mini.objects import ec2_metadata, guest_password
from nova_mini.objects.block_device_mapping import BlockDeviceMapping

#: OpenStack's versions, oldest first, with what each added to the tree and to meta_data.json.
FOLSOM, GRIZZLY, HAVANA, LIBERTY = "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15"
NEWTON_DEVICES, NEWTON_VENDOR, OCATA = "2016-06-30", "2016-10-06", "2017-02-22"
ROCKY, VICTORIA, LATEST = "2018-08-27", "2020-10-14", "latest"
VERSIONS = (
    FOLSOM, GRIZZLY, HAVANA, LIBERTY, NEWTON_DEVICES, NEWTON_VENDOR, OCATA, ROCKY, VICTORIA, LATEST,
)  # fmt: skip

OPENSTACK = "openstack"
PASSWORD = "password"
_RANDOM_SEED_BYTES = 512


class InstanceMetadata:
    """Made from one instance; it asks nobody for anything.

    ``network_info`` instead of the instance's own where it is fresher. ``admin_password`` and
    ``injected_files`` (path, content) are known at the build only; ``bdms``: the server's disks,
    of which those are told that have a tag.
    """

    def __init__(
        self,
        instance,
        network_info: NetworkInfo | None = None,
        admin_password: str | None = None,
        injected_files: Sequence[tuple[str, bytes]] = (),
        bdms: Iterable[BlockDeviceMapping] = (),
    ):
        self.instance = instance
        self.network_info = instance.network_info if network_info is None else network_info
        self._admin_password = admin_password
        self._files = list(injected_files)
        self._tagged = [bdm for bdm in bdms if bdm.tag]

    # -- reading ---------------------------------------------------------------------------------

    def lookup(self, path: str) -> bytes | list[str]:
        """A file's content or a folder's listing. Raises InvalidMetadataPath."""
        parts = [part for part in path.split("/") if part]
        if not parts:
            return list(ec2_metadata.VERSIONS)
        if parts == [OPENSTACK]:
            return list(VERSIONS)
        node: Any = self._tree(parts)
        for part in parts[2 if parts[0] == OPENSTACK else 1 :]:
            if not isinstance(node, dict) or part not in node:
                raise exception.InvalidMetadataPath(path=path)
            node = node[part]
        if isinstance(node, dict):
            return ec2_metadata.listing(self.instance, node, parts[-1])
        return _content(node)

    def metadata_for_config_drive(self) -> Iterator[tuple[str, bytes]]:
        """Every (path, content) that the drive has."""
        for version in ec2_metadata.CONFIG_DRIVE_VERSIONS:
            yield f"ec2/{version}/meta-data.json", _json(self._ec2_tree())
            if self.instance.user_data:
                yield f"ec2/{version}/user-data", self._user_data()
        for number, (_, content) in enumerate(self._files):
            yield f"openstack/content/{number:04d}", content
        for version in VERSIONS:
            for name, make in self._openstack_files(version).items():
                if name != PASSWORD:  # the guest posts that to the service
                    yield f"openstack/{version}/{name}", make()

    # -- the trees: a folder is a dict, a file its content or what makes it -----------------------

    def _tree(self, parts: list[str]) -> dict[str, Any]:
        """The folder that the first parts of a path name. Raises InvalidMetadataPath."""
        match parts:
            case ["openstack", "content", *_]:
                return {f"{number:04d}": item[1] for number, item in enumerate(self._files)}
            case ["openstack", version, *_] if version in VERSIONS:
                return self._openstack_files(version)
            case [version, *_] if version in ec2_metadata.VERSIONS:
                folder: dict[str, Any] = {"meta-data": self._ec2_tree()}
                return folder | ({"user-data": self._user_data} if self.instance.user_data else {})
        raise exception.InvalidMetadataPath(path="/".join(parts))

    def _ec2_tree(self) -> dict[str, Any]:
        image_id = self.instance.image_ref or None
        return ec2_metadata.build(self.instance, self.network_info, self.hostname, image_id)

    def _openstack_files(self, version: str) -> dict[str, Any]:
        files = {"meta_data.json": lambda: _json(self._meta_data(version))}
        if self.instance.user_data:
            files["user_data"] = self._user_data
        if version >= GRIZZLY:
            files[PASSWORD] = lambda: guest_password.extract(self.instance.system_metadata).encode()
        if version >= HAVANA:
            files["vendor_data.json"] = lambda: b"{}"
        if version >= LIBERTY:
            files["network_data.json"] = lambda: _json(network_data.build(self.network_info))
        if version >= NEWTON_VENDOR:
            files["vendor_data2.json"] = lambda: b"{}"
        return files

    def _meta_data(self, version: str) -> dict[str, Any]:
        instance = self.instance
        data = {
            "uuid": instance.uuid,
            "name": instance.display_name,
            "hostname": self.hostname,
            "launch_index": instance.launch_index,
            "availability_zone": instance.availability_zone,
        }
        if instance.metadata:
            data["meta"] = instance.metadata
        if self._files:
            data["files"] = [
                {"content_path": f"/content/{number:04d}", "path": path}
                for number, (path, _) in enumerate(self._files)
            ]
        if instance.key_name:
            data["public_keys"] = {instance.key_name: instance.key_data}
            data["keys"] = [
                {"name": instance.key_name, "type": self._key_type(), "data": instance.key_data}
            ]
        if self._admin_password:
            data["admin_pass"] = self._admin_password
        if version >= GRIZZLY:
            data["random_seed"] = base64.b64encode(os.urandom(_RANDOM_SEED_BYTES)).decode()
        if version >= LIBERTY:
            data["project_id"] = instance.project_id
        if version >= NEWTON_DEVICES:
            data["devices"] = self._devices()
        if version >= VICTORIA:
            data["dedicated_cpus"] = []
        return data

    # -- small parts -----------------------------------------------------------------------------

    @property
    def hostname(self) -> str:
        domain = CONF.dhcp_domain
        return f"{self.instance.hostname}.{domain}" if domain else self.instance.hostname

    def _user_data(self) -> bytes:
        return base64.b64decode(self.instance.user_data)

    def _key_type(self) -> str:
        is_certificate = self.instance.key_data.startswith("-----BEGIN CERTIFICATE")
        return "x509" if is_certificate else "ssh"

    def _devices(self) -> list[dict[str, Any]]:
        """What the user gave a tag; where it is plugged, the guest sees."""
        nics = [
            {"type": "nic", "bus": "none", "address": "none", "mac": vif.address, "tags": [vif.tag]}
            for vif in self.network_info
            if vif.tag
        ]
        return nics + [_disk(bdm) for bdm in self._tagged]


def _disk(bdm: BlockDeviceMapping) -> dict[str, Any]:
    told = {
        "type": "disk",
        "bus": bdm.disk_bus or "none",
        "address": "none",
        "path": bdm.device_name,
        "serial": bdm.volume_id,
        "tags": [bdm.tag],
    }
    return {name: value for name, value in told.items() if value is not None}


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


def _content(value: Any) -> bytes:
    if callable(value):
        return value()
    if isinstance(value, bytes):
        return value
    return "\n".join(value).encode() if isinstance(value, list) else str(value).encode()
