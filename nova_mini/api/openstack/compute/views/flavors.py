"""Flavors as JSON."""

from __future__ import annotations

from nova_mini.api.openstack.common import Links
from nova_mini.api.openstack.request import Request
from nova_mini.objects.flavor import Flavor


class ViewBuilder:
    def __init__(self, req: Request, with_extra_specs: bool = False):
        self._links = Links(req, "flavors")
        self._version = req.api_version
        self._with_extra_specs = with_extra_specs and req.api_version >= (2, 61)

    def basic(self, flavor: Flavor) -> dict:
        view = {
            "id": flavor.flavorid,
            "name": flavor.name,
            "links": self._links.of(flavor.flavorid),
        }
        if self._version >= (2, 55):
            view["description"] = flavor.description
        return view

    def detail(self, flavor: Flavor) -> dict:
        view = {
            **self.basic(flavor),
            "ram": flavor.memory_mb,
            "disk": flavor.root_gb,
            "swap": flavor.swap or (0 if self._version >= (2, 75) else ""),
            "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gb,
            "vcpus": flavor.vcpus,
            "os-flavor-access:is_public": flavor.is_public,
        }
        if self._version < (2, 102):
            view["OS-FLV-DISABLED:disabled"] = flavor.disabled
            view["rxtx_factor"] = flavor.rxtx_factor
        if self._with_extra_specs:
            view["extra_specs"] = flavor.extra_specs
        return view
