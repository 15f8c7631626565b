"""Bodies of the action evacuate."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_PASSWORD = {"type": "string", "maxLength": 255}
_AT_LEAST_214 = {"host": types.service_host, "adminPass": _PASSWORD}

evacuate = types.body_of(
    "evacuate", {**_AT_LEAST_214, "onSharedStorage": types.boolean}, ["onSharedStorage"]
)
evacuate_v214 = types.body_of("evacuate", _AT_LEAST_214)
evacuate_v229 = types.body_of("evacuate", {**_AT_LEAST_214, "force": types.boolean})
