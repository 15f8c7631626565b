"""A server's addresses as JSON, by the name of the network."""

from __future__ import annotations


def addresses(vifs: list[dict], *, extended: bool = False) -> dict[str, list[dict]]:
    """{network's label: its addresses, the fixed before the floating ones}.

    ``vifs``: ``ServerRecord.vifs``. ``extended`` adds type and MAC address.
    """
    fixed: dict[str, list[dict]] = {}
    floating: dict[str, list[dict]] = {}
    for vif in vifs:
        label = vif["network"]["label"]
        on_network = fixed.setdefault(label, [])
        for subnet in vif["network"]["subnets"]:
            for ip in subnet["ips"]:
                on_network.append(_address(ip["version"], ip["address"], "fixed", vif, extended))
                for address in ip["floating_ips"]:
                    floating.setdefault(label, []).append(
                        _address(4, address, "floating", vif, extended)
                    )
    return {label: found + floating.get(label, []) for label, found in fixed.items()}


def _address(version: int, address: str, kind: str, vif: dict, extended: bool) -> dict:
    view = {"version": version, "addr": address}
    if extended:
        view["OS-EXT-IPS:type"] = kind
        view["OS-EXT-IPS-MAC:mac_addr"] = vif["address"]
    return view
