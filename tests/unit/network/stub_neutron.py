"""The part of Neutron that nova_mini uses, in memory, with faults on demand."""

import json
from types import SimpleNamespace

from oslo_utils import uuidutils

from tests.unit import rest_server
from tests.unit.rest_server import HANG_UP

PROJECT = "11111111111111111111111111111111"
OTHER_PROJECT = "22222222222222222222222222222222"


class StubNeutron:
    """``ports``, ``networks``, ... are Neutron's records by id. ``faults``: (method, fault) for the
    next requests, each used once. A fault is "lost" (the request is executed, but not answered),
    "refused connection", "late" (not answered, and executed just before the next request of that
    method) or an answer (status, error type).
    """

    def __init__(self):
        self.networks, self.subnets, self.ports, self.floatingips = {}, {}, {}, {}
        self.inactive: dict[str, dict] = {}  # port -> host -> binding
        self.security_groups = {}
        self.quota = {"limit": -1, "used": 0, "reserved": 0}
        self.auto_network = None
        self.faults = []
        self.late = []
        self.requests = []
        self.addresses = 0
        self.failing_hosts = set()
        self.add_security_group("default")

    # -- what a test sets up ---------------------------------------------------------------------

    def add_network(self, name="net", project_id=PROJECT, cidr="10.0.0.0/24", **fields):
        net_id, sub_id = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        self.networks[net_id] = {
            "id": net_id,
            "name": name,
            "project_id": project_id,
            "mtu": 1450,
            "shared": False,
            "router:external": False,
            "port_security_enabled": True,
            "provider:physical_network": None,
            "subnets": [sub_id],
            **fields,
        }
        self.subnets[sub_id] = {
            "id": sub_id,
            "network_id": net_id,
            "cidr": cidr,
            "ip_version": 4,
            "gateway_ip": cidr.replace("0/24", "1"),
            "dns_nameservers": ["9.9.9.9"],
            "host_routes": [{"destination": "172.16.0.0/12", "nexthop": "10.0.0.9"}],
            "enable_dhcp": True,
            "ipv6_address_mode": None,
        }
        if self.networks[net_id]["subnets"]:
            self._make_port({"network_id": net_id, "device_owner": "network:dhcp"})
        return net_id

    def add_port(self, network_id, **fields):
        return self._make_port({"network_id": network_id, "project_id": PROJECT, **fields})

    def add_security_group(self, name, project_id=PROJECT):
        group_id = uuidutils.generate_uuid()
        self.security_groups[group_id] = {
            "id": group_id,
            "name": name,
            "project_id": project_id,
            "description": f"{name}!",
            "security_group_rules": [],
        }
        return group_id

    def add_rule(self, group_id, **fields):
        rule = {
            "id": uuidutils.generate_uuid(),
            "security_group_id": group_id,
            "protocol": None,
            "direction": "ingress",
            "ethertype": "IPv4",
            "port_range_min": None,
            "port_range_max": None,
            "remote_group_id": None,
            "remote_ip_prefix": None,
            **fields,
        }
        self.security_groups[group_id]["security_group_rules"].append(rule)
        return rule["id"]

    def ports_of(self, device_id):
        return [port for port in self.ports.values() if port["device_id"] == device_id]

    def count(self, method, path=""):
        return sum(1 for seen in self.requests if seen.method == method and path in seen.path)

    # -- HTTP ------------------------------------------------------------------------------------

    def respond(self, method, path, query, headers, body):
        body = json.loads(body) if body else None
        self.requests.append(
            SimpleNamespace(method=method, path=path, query=query, headers=headers, body=body)
        )
        fault = next((f for f in self.faults if f[0] == method), None)
        if fault:
            self.faults.remove(fault)
            if fault[1] == "late":
                self.late.append((method, path, query, headers, body))
            if fault[1] in ("refused connection", "late"):
                return HANG_UP
            if fault[1] == "lost":
                self._serve(method, path, query, headers, body)
                return HANG_UP
            return self._error(*fault[1])
        while self.late and self.late[0][0] == method:
            self._serve(*self.late.pop())
        return self._serve(method, path, query, headers, body)

    def _serve(self, method, path, query, headers, body):
        resource, *rest = path.removeprefix("/v2.0/").split("/")
        if resource == "quotas":
            return 200, {"quota": {"port": self.quota}}
        if resource == "auto-allocated-topology":
            if self.auto_network is None:
                return self._error(400, "AutoAllocationFailure")
            found = "dry-run=pass" if query else self.auto_network
            return 200, {"auto_allocated_topology": {"id": found}}
        if rest[1:2] == ["bindings"]:
            return self._serve_bindings(method, self.ports[rest[0]], rest[2:], body)
        key = resource.replace("-", "_")
        items = getattr(self, key)
        if method == "GET":
            if len(query.get("sort_key", [])) != len(query.get("sort_dir", [])):
                return self._error(400, "HTTPBadRequest")
            found = self._matching(items, query)
            if headers.get("X-Auth-Token") == "users-token":
                found = [_without(item, "resource_request") for item in found]
            return 200, {key: rest_server.page(found, query)}
        if method == "POST":
            if key in body:
                return 201, {key: [self._make_port(item) for item in body[key]]}
            return 201, {key[:-1]: getattr(self, f"_make_{key[:-1]}")(body[key[:-1]])}
        return self._change(method, key, items, rest[0], headers, body)

    def _change(self, method, key, items, item_id, headers, body):
        if item_id not in items:
            return self._error(404, "NotFound")
        if method == "DELETE":
            self._delete(key, items, item_id)
            return 204, b""
        if key != "ports":
            items[item_id].update(body[key[:-1]])
            if key == "floatingips" and items[item_id]["port_id"] is None:
                items[item_id]["fixed_ip_address"] = None
            return 200, {key[:-1]: items[item_id]}
        port = items[item_id]
        revision = headers.get("If-Match")
        if revision and revision != f"revision_number={port['revision_number']}":
            return self._error(412, "RevisionNumberConstraintFailed")
        port.update(body["port"], revision_number=port["revision_number"] + 1)
        for ip in port["fixed_ips"]:
            ip.setdefault("ip_address", self._address(ip["subnet_id"]))
        self._bind(port)
        return 200, {"port": port}

    def _delete(self, key, items, item_id):
        if key == "security_group_rules":
            rules = self.security_groups[items[item_id]["security_group_id"]]
            rules["security_group_rules"].remove(items[item_id])
        else:
            del items[item_id]

    @property
    def security_group_rules(self):
        groups = self.security_groups.values()
        return {rule["id"]: rule for group in groups for rule in group["security_group_rules"]}

    def _make_security_group(self, body):
        group_id = self.add_security_group(body["name"], body["project_id"])
        self.security_groups[group_id]["description"] = body["description"]
        return self.security_groups[group_id]

    def _make_security_group_rule(self, body):
        fields = {name: value for name, value in body.items() if name != "security_group_id"}
        rule_id = self.add_rule(body["security_group_id"], **fields)
        return self.security_group_rules[rule_id]

    def _make_floatingip(self, body):
        floating_id = uuidutils.generate_uuid()
        self.floatingips[floating_id] = {
            "id": floating_id,
            "floating_ip_address": f"192.0.2.{len(self.floatingips) + 1}",
            "fixed_ip_address": None,
            "port_id": None,
            **body,
        }
        return self.floatingips[floating_id]

    def _serve_bindings(self, method, port, rest, body):
        """The bindings of a port: the active one is in the port, the others in ``inactive``."""
        others = self.inactive.setdefault(port["id"], {})
        if method == "GET":
            active = self._binding(port["binding:host_id"], "ACTIVE", port["binding:profile"])
            return 200, {"bindings": [active, *others.values()]}
        if method == "POST":
            host = body["binding"]["host"]
            if host in others or host == port["binding:host_id"]:
                return self._error(409, "PortBindingAlreadyExists")
            others[host] = self._binding(host, "INACTIVE", body["binding"]["profile"])
            return 201, {"binding": others[host]}
        if method == "DELETE":
            return (204, b"") if others.pop(rest[0], None) else self._error(404, "NotFound")
        former, port["binding:host_id"] = port["binding:host_id"], rest[0]
        profile, port["binding:profile"] = port["binding:profile"], others.pop(rest[0])["profile"]
        others[former] = self._binding(former, "INACTIVE", profile)
        self._bind(port)
        return 200, {}

    def _binding(self, host, status, profile):
        kind = "binding_failed" if host in self.failing_hosts else "ovs"
        details = {"bridge_name": "br-int", "port_filter": True}
        return {
            "host": host,
            "status": status,
            "profile": profile,
            "vif_type": kind,
            "vif_details": details,
        }

    def _make_port(self, body):
        port_id = uuidutils.generate_uuid()
        subnet_id = self.networks[body["network_id"]]["subnets"][0]
        address = self._address(subnet_id)
        fixed_ip = (body.get("fixed_ips") or [{}])[0]
        port = {
            "id": port_id,
            "mac_address": f"fa:16:3e:00:00:{len(self.ports):02x}",
            "status": "DOWN",
            "admin_state_up": True,
            "device_id": "",
            "device_owner": "",
            "project_id": PROJECT,
            "revision_number": 1,
            "ip_allocation": "immediate",
            "security_groups": [next(iter(self.security_groups))],
            "binding:profile": {},
            "binding:host_id": "",
            "binding:vnic_type": "normal",
            **body,
            "fixed_ips": [
                {"subnet_id": subnet_id, "ip_address": fixed_ip.get("ip_address", address)}
            ],
        }
        self.ports[port_id] = port
        self._bind(port)
        return port

    def _address(self, subnet_id):
        self.addresses += 1
        return self.subnets[subnet_id]["cidr"].replace("0/24", str(self.addresses + 1))

    def _bind(self, port):
        host = port["binding:host_id"]
        port["binding:vif_type"] = "ovs" if host else "unbound"
        port["binding:vif_details"] = {"bridge_name": "br-int", "port_filter": True} if host else {}
        if host in self.failing_hosts:
            port["binding:vif_type"] = "binding_failed"

    @staticmethod
    def _matching(items, query):
        def fits(item):
            for name, values in query.items():
                if name in ("fields", "sort_key", "sort_dir", "limit", "marker"):
                    continue
                if name == "fixed_ips":
                    addresses = {ip["ip_address"] for ip in item["fixed_ips"]}
                    if values[0].removeprefix("ip_address=") not in addresses:
                        return False
                elif str(item.get(name)) not in values:
                    return False
            return True

        return [item for item in items.values() if fits(item)]

    @staticmethod
    def _error(status, error_type):
        return status, {"NeutronError": {"type": error_type, "message": "why", "detail": ""}}


def _without(record, name):
    """A record as a user sees it: without the field ``name``."""
    return {key: value for key, value in record.items() if key != name}
