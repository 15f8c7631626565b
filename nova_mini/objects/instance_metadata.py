"""The metadata of a server for its guest: the content of the metadata service and the config
drive."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects import ec2_metadata, guest_password, network_data
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.network_model import VIF, NetworkInfo

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

#: The versions of the OpenStack format, oldest first.
FOLSOM, GRIZZLY, HAVANA, LIBERTY = "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15"
NEWTON_DEVICES, NEWTON_VENDOR, OCATA = "2016-06-30", "2016-10-06", "2017-02-22"
ROCKY, VICTORIA, EPOXY, LATEST = "2018-08-27", "2020-10-14", "2025-04-04", "latest"
VERSIONS = (
    FOLSOM,
    GRIZZLY,
    HAVANA,
    LIBERTY,
    NEWTON_DEVICES,
    NEWTON_VENDOR,
    OCATA,
    ROCKY,
    VICTORIA,
    EPOXY,
    LATEST,
)

OPENSTACK, EC2 = "openstack", "ec2"
PASSWORD = "password"
#: The system metadata with the roles of the user who made the server, separated by commas.
BOOT_ROLES = "boot_roles"
_RANDOM_SEED_BYTES = 512


@dataclasses.dataclass(frozen=True)
class TaggedDisk:
    """A disk with a tag. ``path``: its device name. ``serial``: the serial number that the guest
    sees, which is the volume's ID."""

    tag: str
    bus: str | None
    path: str | None
    serial: str | None = None

    @classmethod
    def of_mappings(cls, bdms: Iterable[BlockDeviceMapping]) -> list[TaggedDisk]:
        """The disks that have a tag."""
        return [
            cls(bdm.tag, bdm.disk_bus, bdm.device_name, bdm.volume_id) for bdm in bdms if bdm.tag
        ]

    def describe(self) -> dict[str, Any]:
        """Its entry in the list ``devices`` of meta_data.json."""
        entry = {
            "type": "disk",
            "bus": self.bus or "none",
            "address": "none",
            "path": self.path,
            "serial": self.serial,
            "tags": [self.tag],
        }
        return {name: value for name, value in entry.items() if value is not None}


class VendordataSource(Protocol):
    """``first`` and ``second``: the contents of vendor_data.json and vendor_data2.json."""

    @property
    def first(self) -> Any: ...

    @property
    def second(self) -> dict[str, Any]: ...


class InstanceMetadata:
    """The metadata of one instance. Only ``vendordata`` makes requests to other services.

    ``network_info``: used instead of the instance's own. ``admin_password`` and ``injected_files``
    (path, content) are available only during the build.
    """

    def __init__(
        self,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        admin_password: str | None = None,
        injected_files: Sequence[tuple[str, bytes]] = (),
        tagged_disks: Iterable[TaggedDisk] = (),
        vendordata: VendordataSource | None = None,
    ):
        self.instance = instance
        self.network_info = instance.network_info if network_info is None else network_info
        self._admin_password = admin_password
        self._files = list(injected_files)
        self._tagged_disks = list(tagged_disks)
        self._vendordata = vendordata

    # -- reading ---------------------------------------------------------------------------------

    def lookup(self, path: str) -> bytes | list[str]:
        """The content of a file, or the names in a folder. Raises InvalidMetadataPath."""
        parts = [part for part in path.split("/") if part]
        if parts[:1] == [EC2]:  # the EC2 versions are in the root and in the folder "ec2"
            del parts[0]
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
        """(path, content) of every file of a config drive."""
        for version in ec2_metadata.CONFIG_DRIVE_VERSIONS:
            yield f"ec2/{version}/meta-data.json", _json(self._ec2_tree(version))
            if self.instance.user_data:
                yield f"ec2/{version}/user-data", self._user_data()
        for number, (_, content) in enumerate(self._files):
            yield f"openstack/content/{number:04d}", content
        for version in VERSIONS:
            for name, make in self._openstack_files(version).items():
                if name != PASSWORD:  # only the metadata service has it
                    yield f"openstack/{version}/{name}", make()

    # -- the trees: a folder is a dict; a file is its content, or a function that returns it ------

    def _tree(self, parts: list[str]) -> dict[str, Any]:
        """The folder of a version, or "openstack/content". Raises InvalidMetadataPath."""
        match parts:
            case ["openstack", "content", *_]:
                return {f"{number:04d}": item[1] for number, item in enumerate(self._files)}
            case ["openstack", version, *_] if version in VERSIONS:
                return self._openstack_files(version)
            case [version, *_] if version in ec2_metadata.VERSIONS:
                folder: dict[str, Any] = {"meta-data": self._ec2_tree(version)}
                return folder | ({"user-data": self._user_data} if self.instance.user_data else {})
        raise exception.InvalidMetadataPath(path="/".join(parts))

    def _ec2_tree(self, version: str) -> dict[str, Any]:
        image_id = self.instance.image_ref or None
        return ec2_metadata.build(
            self.instance, self.network_info, self.hostname, image_id, version
        )

    def _openstack_files(self, version: str) -> dict[str, Any]:
        files = {"meta_data.json": lambda: _json(self._meta_data(version))}
        if self.instance.user_data:
            files["user_data"] = self._user_data
        if version >= GRIZZLY:
            files[PASSWORD] = lambda: guest_password.extract(self.instance.system_metadata).encode()
        if version >= HAVANA:
            files["vendor_data.json"] = lambda: _json(self._vendor_data().first)
        if version >= LIBERTY:
            files["network_data.json"] = lambda: _json(network_data.build(self.network_info))
        if version >= NEWTON_VENDOR:
            files["vendor_data2.json"] = lambda: _json(self._vendor_data().second)
        return files

    def _vendor_data(self) -> VendordataSource:
        return self._vendordata or _NoVendordata({}, {})

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
            data["devices"] = self._devices(version)
        if version >= VICTORIA:
            data["dedicated_cpus"] = []
        return data

    # -- small parts -----------------------------------------------------------------------------

    @property
    def hostname(self) -> str:
        return full_hostname(self.instance)

    def _user_data(self) -> bytes:
        return base64.b64decode(self.instance.user_data)

    def _key_type(self) -> str:
        is_certificate = self.instance.key_data.startswith("-----BEGIN CERTIFICATE")
        return "x509" if is_certificate else "ssh"

    def _devices(self, version: str) -> list[dict[str, Any]]:
        """The interfaces and disks that have a tag."""
        nics = [_nic(vif, version) for vif in self.network_info if vif.tag]
        return nics + [disk.describe() for disk in self._tagged_disks]


class _NoVendordata(NamedTuple):
    """For a caller that has no vendordata."""

    first: Any
    second: dict[str, Any]


def full_hostname(instance: Instance) -> str:
    """The name of the guest with the domain of the cloud."""
    domain = CONF.api.dhcp_domain
    return f"{instance.hostname}.{domain}" if domain else instance.hostname


def _nic(vif: VIF, version: str) -> dict[str, Any]:
    entry = {
        "type": "nic",
        "bus": "none",
        "address": "none",
        "mac": vif.address,
        "tags": [vif.tag],
    }
    # Only virtual functions of SR-IOV can be trusted, and they are not supported.
    return entry | ({"vf_trusted": False} if version >= ROCKY else {})


def _json(data: Any) -> bytes:
    return json.dumps(data).encode()


def _content(value: Any) -> bytes:
    if callable(value):
        return value()
    if isinstance(value, bytes):
        return value
    return "\n".join(value).encode() if isinstance(value, list) else str(value).encode()
