"""The content of a ``POST /servers`` request after the API has read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from nova_mini.external.block_device_schema import LegacyDisk, RequestedDisk
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.network_model import RequestedNetworks
from nova_mini.objects.request_spec import SchedulerHints


@dataclass(slots=True, kw_only=True)
class ServerRequest:
    """``user_data`` and the contents of ``injected_files`` are base64, as in the request."""

    display_name: str
    flavor: Flavor
    image_ref: str | None = None
    min_count: int = 1
    max_count: int = 1
    description: str | None = None
    hostname: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    auto_disk_config: bool | None = None
    # the guest
    key_name: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    admin_password: str = field(repr=False)
    injected_files: list[tuple[str, str]] = field(default_factory=list, repr=False)
    # the devices; disks in one of two forms, never in both
    block_device_mapping: list[RequestedDisk] = field(default_factory=list)
    legacy_block_device_mapping: list[LegacyDisk] = field(default_factory=list)
    supports_multiattach: bool = False  # by the API version of the request
    requested_networks: RequestedNetworks = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)
    # the place
    availability_zone: str | None = None
    forced_host: str | None = None
    forced_node: str | None = None
    requested_host: str | None = None
    requested_node: str | None = None
    scheduler_hints: SchedulerHints = field(default_factory=dict)

    @property
    def names_disks(self) -> bool:
        """Whether the request names the disks of the server."""
        return bool(self.block_device_mapping or self.legacy_block_device_mapping)
