"""``/versions/{id}``: the document of one version, for authenticated users."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api.openstack import versions, wsgi
from nova_mini.api.openstack.request import Request


class VersionsController(wsgi.Controller):
    def show(self, req: Request, id: str) -> dict:
        document = versions.document_of(req, id)
        if document is None:
            raise exception.NotFound
        return {"version": document}
