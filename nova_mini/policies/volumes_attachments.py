"""Volume attachments of servers."""

from nova_mini.policies import base

_ALL = "/servers/{server_id}/os-volume_attachments"
_ONE = "/servers/{server_id}/os-volume_attachments/{volume_id}"

INDEX = "os_compute_api:os-volumes-attachments:index"
SHOW = "os_compute_api:os-volumes-attachments:show"
CREATE = "os_compute_api:os-volumes-attachments:create"
UPDATE = "os_compute_api:os-volumes-attachments:update"
SWAP = "os_compute_api:os-volumes-attachments:swap"
DELETE = "os_compute_api:os-volumes-attachments:delete"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List a server's volumes", ("GET", _ALL)),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a volume of a server", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Attach a volume", ("POST", _ALL)),
    base.rule(
        UPDATE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Change whether a volume is deleted with its server",
        ("PUT", _ONE),
    ),
    base.rule(SWAP, base.SERVICE_OR_ADMIN, "Swap a volume for another one", ("PUT", _ONE)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Detach a volume", ("DELETE", _ONE)),
]
