"""What this endpoint speaks: the documents from which clients discover the API."""

from __future__ import annotations

import webob

from nova_mini.api.openstack import api_version, faults, serialization
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF

_MEDIA_TYPE = {
    "base": "application/json",
    "type": "application/vnd.openstack.compute+json;version=2.1",
}


class Versions:
    """``/``: the versions; anything else that is not below one does not exist."""

    @classmethod
    def factory(cls, global_config: dict, **local_config) -> Versions:
        return cls()

    def __call__(self, environ, start_response):
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, req: Request) -> webob.Response:
        if req.environ["PATH_INFO"] not in ("", "/"):
            return faults.make(404, f"The API is at {_url(req, '/v2.1/')}.")
        return _answer(req, {"versions": [_version(_url(req, "/v2.1/"))]})


class VersionV21:
    """``/v2.1/``: answered to anyone, in front of authentication."""

    def __init__(self, application):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config):
        return cls

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] not in ("", "/"):
            return self._application(environ, start_response)
        req = Request(environ)
        version = _version(_url(req, req.script_name + "/"))
        version["media-types"] = [_MEDIA_TYPE]
        return _answer(req, {"version": version})(environ, start_response)


def _version(href: str) -> dict:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": str(api_version.MAX_VERSION),
        "min_version": str(api_version.MIN_VERSION),
        "updated": "2013-07-23T11:33:21Z",
        "links": [
            {"rel": "self", "href": href},
            {
                "rel": "describedby",
                "type": "text/html",
                "href": "https://docs.openstack.org/api-ref/compute/",
            },
        ],
    }


def _url(req: Request, path: str) -> str:
    return (CONF.api.compute_link_prefix or req.host_url).rstrip("/") + path


def _answer(req: Request, document: dict) -> webob.Response:
    if req.method not in ("GET", "HEAD"):
        return faults.make(405, "Version documents can only be read.", [("Allow", "GET")])
    return webob.Response(
        content_type="application/json", charset=None, body=serialization.dumps(document)
    )
