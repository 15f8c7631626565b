"""Shelving of servers."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-shelve:"
SHELVE = _NAME + "shelve"
UNSHELVE = _NAME + "unshelve"
UNSHELVE_TO_HOST = _NAME + "unshelve_to_host"
SHELVE_OFFLOAD = _NAME + "shelve_offload"

_ACTION = ("POST", "/servers/{server_id}/action")

RULES = [
    base.rule(SHELVE, base.PROJECT_MEMBER_OR_ADMIN, "Shelve a server", _ACTION),
    base.rule(UNSHELVE, base.PROJECT_MEMBER_OR_ADMIN, "Unshelve a server", _ACTION),
    base.rule(UNSHELVE_TO_HOST, base.ADMIN, "Unshelve a server to a named host", _ACTION),
    base.rule(SHELVE_OFFLOAD, base.ADMIN, "Offload a shelved server from its host", _ACTION),
]
