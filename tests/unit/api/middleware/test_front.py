"""CORS and a proxy's headers: there when they are configured, else nothing is in the way."""

from __future__ import annotations

import pytest
import webob
import webob.dec

from nova_mini.api.middleware import front

ORIGIN = "https://dashboard.example"


@webob.dec.wsgify
def application(req):
    return webob.Response(req.host_url)


def ask(factory, **headers) -> webob.Response:
    request = webob.Request.blank("/", headers={k.replace("_", "-"): v for k, v in headers.items()})
    return request.get_response(factory({})(application))


@pytest.mark.parametrize("factory", [front.cors_factory, front.proxy_factory])
def test_what_is_not_configured_is_not_there(factory):
    assert factory({})(application) is application


def test_an_allowed_origin_is_told_what_it_may_read(override):
    front.cors_factory({})  # its options are known from now on
    override("allowed_origin", [ORIGIN], "cors")
    answer = ask(front.cors_factory, Origin=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-OpenStack-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in ask(front.cors_factory, Origin="https://other").headers


def test_links_are_made_as_the_client_of_a_proxy_sees_them(override):
    override("enable_proxy_headers_parsing", True, "oslo_middleware")
    answer = ask(front.proxy_factory, X_Forwarded_Proto="https", X_Forwarded_Host="api.example")
    assert answer.text == "https://api.example"
