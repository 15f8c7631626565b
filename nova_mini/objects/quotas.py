"""Limits that were set for projects, users and the default class."""

from __future__ import annotations

from nova_mini import db
from nova_mini.objects.base import NovaObject, register, remotable

DEFAULT_CLASS = "default"


@register
class Quotas(NovaObject):
    """A namespace of queries: a limit is a number, not an object."""

    VERSION = "1.0"

    @classmethod
    @remotable
    def get_applicable(cls, context, project_id: str, user_id: str) -> tuple:
        """({resource: limit} of the default class, of the project, of the user in it)."""
        return db.quotas.get_applicable(project_id, user_id, DEFAULT_CLASS)

    @classmethod
    @remotable
    def get_by_class(cls, context, quota_class: str) -> dict[str, int]:
        return db.quotas.get_by_class(quota_class)

    @classmethod
    @remotable
    def set_class_limits(cls, context, quota_class: str, limits: dict[str, int]) -> None:
        with db.session.writer():
            db.quotas.set_by_class(quota_class, limits)

    @classmethod
    @remotable
    def set_limits(cls, context, project_id: str, user_id: str, limits: dict[str, int]) -> None:
        """``user_id`` '' for the project's own."""
        with db.session.writer():
            db.quotas.set_by_project(project_id, user_id, limits)

    @classmethod
    @remotable
    def destroy(cls, context, project_id: str, user_id: str) -> None:
        db.quotas.destroy_by_project(project_id, user_id)

    @classmethod
    @remotable
    def get_usage(cls, context, project_id: str, user_id: str) -> dict[str, int]:
        """What counts against limits now: instances, cores, ram (MiB) of the project, key_pairs of
        the user."""
        return {
            **db.project_usages.get(project_id),
            "key_pairs": db.key_pairs.count(user_id) if user_id else 0,
        }
