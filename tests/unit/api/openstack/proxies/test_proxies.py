"""All proxies: from which microversion on they are gone, and that they can be switched off."""

import pytest
import webob

from nova_mini.api.openstack.compute.removed import REMOVED_ROUTES
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.proxies.routes import PROXY_ROUTES
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from tests.unit.conftest import ADMIN, make_context

UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"
METHODS = [(path, method) for path, methods in PROXY_ROUTES for method in methods]
# The first microversion without the path; others end in 2.36.
GONE_IN = {"os-hosts": 43, "metadata": 39}


def url_of(path: str) -> str:
    return path.replace("{id}", UUID).replace("{image_id}", UUID)


def gone_in(path: str) -> int:
    return next((minor for name, minor in GONE_IN.items() if name in path), 36)


def is_missing(response, minor: int) -> bool:
    return response.status_int == 404 and f"API version 2.{minor} is not" in response.text


@pytest.mark.parametrize(("path", "method"), METHODS)
def test_proxy_ends_at_its_version(api, path, method):
    """No service is configured, so the last version has another 404, or a 400 or 403."""
    minor = gone_in(path)
    body = {} if method in ("POST", "PUT") else None

    def ask(version):
        return api.request(method, url_of(path), body, version=f"2.{version}", token=ADMIN)

    assert is_missing(ask(minor), minor)
    assert not is_missing(ask(minor - 1), minor - 1)
    assert not is_missing(ask(1), 1)


@pytest.mark.parametrize(
    "path", ["/images", "/images/detail", "/os-networks", "/os-tenant-networks"]
)
def test_cloud_without_the_service(api, path):
    answer = api.get(path)
    assert answer.status_int == 404
    assert "This cloud has no" in answer.json["itemNotFound"]["message"]


def ask_router(router, method, path, body=b"") -> webob.Response:
    req = Request.blank(path, method=method, body=body)
    req.environ[CONTEXT_KEY] = make_context(admin=True)
    return router.respond(req)


@pytest.mark.parametrize(("path", "method"), METHODS)
def test_proxies_can_be_switched_off(database, override, path, method):
    override("enable_proxies", False, "api")
    assert ask_router(APIRouterV21(), method, url_of(path)).status_int == 404


@pytest.mark.parametrize(
    "action", ["addFixedIp", "removeFixedIp", "addFloatingIp", "removeFloatingIp"]
)
def test_actions_can_be_switched_off(database, override, action):
    override("enable_proxies", False, "api")
    body = f'{{"{action}": {{}}}}'.encode()
    answer = ask_router(APIRouterV21(), "POST", f"/servers/{UUID}/action", body)
    assert "no such action" in answer.json["badRequest"]["message"]


def test_other_routes_stay_without_proxies(database, override):
    override("enable_proxies", False, "api")
    router = APIRouterV21()
    assert ask_router(router, "GET", "/flavors").status_int == 200
    assert ask_router(router, "POST", "/flavors/detail").status_int == 405


def test_what_nova_has_removed_is_410_beside_a_proxy(api):
    beside = [each for each in REMOVED_ROUTES if each[0] in {path for path, _ in PROXY_ROUTES}]
    assert len(beside) >= 4
    for path, methods in beside:
        for method in methods:
            assert api.request(method, url_of(path), {}).status_int == 410, (method, path)
