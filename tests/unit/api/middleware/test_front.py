"""The filters for CORS and proxy headers are in the pipeline only if they are configured."""

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
def test_unconfigured_filter_is_left_out(factory):
    assert factory({})(application) is application


def test_cors_response_exposes_api_headers_to_allowed_origin(override):
    front.cors_factory({})  # its options are known from now on
    override("allowed_origin", [ORIGIN], "cors")
    response = ask(front.cors_factory, Origin=ORIGIN)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "X-OpenStack-Request-ID" in response.headers["Access-Control-Expose-Headers"]
    assert (
        "Access-Control-Allow-Origin" not in ask(front.cors_factory, Origin="https://other").headers
    )


def test_links_use_address_from_proxy_headers(override):
    override("enable_proxy_headers_parsing", True, "oslo_middleware")
    response = ask(front.proxy_factory, X_Forwarded_Proto="https", X_Forwarded_Host="api.example")
    assert response.text == "https://api.example"
