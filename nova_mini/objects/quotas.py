"""Quotas: the limits of projects, of users in projects, and of the default class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import db
from nova_mini.objects.base import NovaObject, register, remotable

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

DEFAULT_CLASS = "default"


@register
class Quotas(NovaObject):
    """A namespace for remotable queries. It has no instances."""

    VERSION = "1.0"

    @classmethod
    @remotable
    def get_applicable(
        cls, context: RequestContext, project_id: str | None, user_id: str | None
    ) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """{resource: limit} of the default class, of the project, and of the user in the
        project."""
        return db.quotas.get_applicable(project_id, user_id, DEFAULT_CLASS)

    @classmethod
    @remotable
    def get_by_class(cls, context: RequestContext, quota_class: str) -> dict[str, int]:
        return db.quotas.get_by_class(quota_class)

    @classmethod
    @remotable
    def set_class_limits(
        cls, context: RequestContext, quota_class: str, limits: dict[str, int]
    ) -> None:
        with db.session.writer():
            db.quotas.set_by_class(quota_class, limits)

    @classmethod
    @remotable
    def set_limits(
        cls, context: RequestContext, project_id: str, user_id: str, limits: dict[str, int]
    ) -> None:
        """Set limits of a user in a project; of the project itself if ``user_id`` is ""."""
        with db.session.writer():
            db.quotas.set_by_project(project_id, user_id, limits)

    @classmethod
    @remotable
    def destroy(cls, context: RequestContext, project_id: str, user_id: str) -> None:
        db.quotas.destroy_by_project(project_id, user_id)

    @classmethod
    @remotable
    def get_usage(
        cls, context: RequestContext, project_id: str | None, user_id: str | None
    ) -> dict[str, int]:
        """The current usage: instances, cores, ram (MiB) and server_groups of the project, and
        key_pairs of the user."""
        return {
            **db.project_usages.get(project_id),
            "server_groups": db.instance_groups.count(project_id, user_id),
            "key_pairs": db.key_pairs.count(user_id) if user_id else 0,
        }
