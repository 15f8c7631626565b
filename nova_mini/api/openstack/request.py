"""WebOb's request with the caller's context and the microversion, as controllers get it."""

from __future__ import annotations

from typing import Any

import webob
from webob.multidict import GetDict

from nova_mini import exception
from nova_mini.api.openstack import api_version, serialization
from nova_mini.context import RequestContext

CONTEXT_KEY = "nova.context"
_VERSION_KEY = "nova.api_version"
_JSON_TYPES = ("application/json", "application/vnd.openstack.compute+json")


class Request(webob.Request):
    @property
    def context(self) -> RequestContext:
        return self.environ[CONTEXT_KEY]

    @property
    def api_version(self) -> api_version.APIVersion:
        return self.environ[_VERSION_KEY]

    @api_version.setter
    def api_version(self, version: api_version.APIVersion) -> None:
        self.environ[_VERSION_KEY] = version

    @property
    def query(self) -> GetDict:
        """The query string. Raises InvalidInput if it is not UTF-8 or contains NUL."""
        if not self.environ.get("QUERY_STRING"):
            return self.GET
        try:
            query = self.GET
            clean = not any("\0" in key or "\0" in value for key, value in query.items())
        except UnicodeDecodeError:
            clean = False
        if not clean:
            raise exception.InvalidInput(reason="the query string must be UTF-8 without NUL")
        return query

    def json_body(self) -> Any:
        """The parsed body; {} if there is none.

        Raises UnsupportedMediaType (415) and MalformedRequestBody (400). Under a WSGI server that
        does not decode a chunked body before it calls the application, also
        HTTPRequestEntityTooLarge (413).
        """
        try:
            body = self.body
        except OSError as exc:  # such a server reads the body from the client only now
            raise exception.MalformedRequestBody(reason="it is not complete") from exc
        if not body:
            return {}
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and kind not in _JSON_TYPES:
            raise exception.UnsupportedMediaType(content_type=kind[:64])
        return serialization.loads(body)
