"""The version documents, from which clients discover the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

import webob

from nova_mini.api.openstack import api_version, faults, serialization
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_DESCRIBED_BY = {
    "rel": "describedby",
    "type": "text/html",
    "href": "https://docs.openstack.org/api-ref/compute/",
}
_V20, _V21 = "v2.0", "v2.1"
_PATHS = {_V20: "/v2", _V21: "/v2.1"}
_VERSIONS = {
    _V20: {
        "id": _V20,
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2025-07-04T12:00:00Z",
    },
    _V21: {
        "id": _V21,
        "status": "CURRENT",
        "version": str(api_version.MAX_VERSION),
        "min_version": str(api_version.MIN_VERSION),
        "updated": "2013-07-23T11:33:21Z",
    },
}


class Versions:
    """Serves ``/``: the list of versions; and every path without a version: 300, with the links of
    that path in each version."""

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> Versions:
        return cls()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, req: Request) -> webob.Response:
        if req.environ["PATH_INFO"] in ("", "/"):
            return _response(req, {"versions": [_summary(req, name) for name in _VERSIONS]})
        return _response(req, {"choices": [_choice(req, name) for name in _VERSIONS]}, 300)


class VersionV2:
    """A filter that serves ``/v2/`` (VersionV21: ``/v2.1/``) before authentication."""

    version_id = _V20

    def __init__(self, application: WSGIApplication):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> type[VersionV2]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in ("", "/"):
            return self._application(environ, start_response)
        req = Request(environ)
        response = _response(req, {"version": document_of(req, self.version_id)})
        return response(environ, start_response)


class VersionV21(VersionV2):
    version_id = _V21


def document_of(req: Request, version_id: str) -> dict | None:
    """The document of one version; None if there is no such version."""
    if version_id not in _VERSIONS:
        return None
    return {
        **_VERSIONS[version_id],
        "links": [_link(req, _PATHS[version_id] + "/"), _DESCRIBED_BY],
        "media-types": _media_types(version_id),
    }


def _summary(req: Request, version_id: str) -> dict:
    return {**_VERSIONS[version_id], "links": [_link(req, _PATHS[version_id] + "/")]}


def _choice(req: Request, version_id: str) -> dict:
    return {
        "id": version_id,
        "status": _VERSIONS[version_id]["status"],
        "links": [_link(req, _PATHS[version_id] + req.environ["PATH_INFO"])],
        "media-types": _media_types(version_id),
    }


def _media_types(version_id: str) -> list[dict]:
    number = "2" if version_id == _V20 else "2.1"
    kind = f"application/vnd.openstack.compute+json;version={number}"
    return [{"base": "application/json", "type": kind}]


def _link(req: Request, path: str) -> dict:
    prefix = (CONF.api.compute_link_prefix or req.host_url).rstrip("/")
    return {"rel": "self", "href": prefix + quote(path.encode("latin-1"), safe="/")}


def _response(req: Request, document: dict, code: int = 200) -> webob.Response:
    if req.method not in ("GET", "HEAD"):
        return faults.make(405, "Version documents are read-only.", [("Allow", "GET")])
    return webob.Response(
        status=code,
        content_type="application/json",
        charset=None,
        body=serialization.dumps(document),
    )
