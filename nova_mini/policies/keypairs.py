"""Key pairs belong to users; administrators may act for them."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-keypairs:"
INDEX = _NAME + "index"
SHOW = _NAME + "show"
CREATE = _NAME + "create"
DELETE = _NAME + "delete"

_OWN = f"({base.ADMIN}) or user_id:%(user_id)s"
_ONE = "/os-keypairs/{keypair_name}"

RULES = [
    base.rule(INDEX, _OWN, "List key pairs", ("GET", "/os-keypairs")),
    base.rule(SHOW, _OWN, "Show a key pair", ("GET", _ONE)),
    base.rule(CREATE, _OWN, "Create or import a key pair", ("POST", "/os-keypairs")),
    base.rule(DELETE, _OWN, "Delete a key pair", ("DELETE", _ONE)),
]
