"""Errors of server groups."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, NotFound, OverQuota


class InstanceGroupNotFound(NotFound):
    msg_fmt = "Instance group %(group_uuid)s could not be found."


class ServerGroupLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many server groups."


class GroupMemberLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many servers in group"


class ServerGroupsNotSupportedYet(Conflict):
    msg_fmt = (
        "Server groups cannot be used until all schedulers and conductors run the new release."
    )
