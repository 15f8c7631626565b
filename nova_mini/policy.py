"""Who may do what: oslo.policy, with the rules of ``nova_mini.policies`` as defaults.

An operator's own rules stand in the file of ``[oslo_policy] policy_file`` and are read again when
it changes.
"""

from __future__ import annotations

import threading
import time

from oslo_policy import opts
from oslo_policy import policy as oslo_policy

from nova_mini import exception, policies
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

_LOOK_INTERVAL = 1.0  # seconds


class _Enforcer(oslo_policy.Enforcer):
    """Looks for a changed policy file every second, not at every question."""

    _looked_at = float("-inf")

    def load_rules(self, force_reload: bool = False) -> None:
        now = time.monotonic()
        if force_reload or now - self._looked_at >= _LOOK_INTERVAL:
            self._looked_at = now
            super().load_rules(force_reload)


_enforcer: oslo_policy.Enforcer | None = None
_lock = threading.Lock()

opts.set_defaults(CONF, "policy.yaml")


def get_enforcer() -> oslo_policy.Enforcer:
    """For oslopolicy-* tools, and for us: made when it is first needed."""
    global _enforcer
    if _enforcer is None:
        with _lock:
            if _enforcer is None:
                enforcer = _Enforcer(CONF)
                enforcer.register_defaults(policies.list_rules())
                enforcer.load_rules()
                _enforcer = enforcer
    return _enforcer


def reset() -> None:
    global _enforcer
    _enforcer = None


def authorize(
    context: RequestContext, action: str, target: dict | None = None, fatal: bool = True
) -> bool:
    """Whether ``context`` may do ``action`` (a rule's name) to ``target``.

    ``target``: {"project_id": ..., "user_id": ...} of what is acted on; None for the caller's own.
    Raises PolicyNotAuthorized when it may not and ``fatal``. Called by controllers.
    """
    if target is None:
        target = {"project_id": context.project_id, "user_id": context.user_id}
    try:
        allowed = get_enforcer().authorize(action, target, context)
    except oslo_policy.InvalidScope:
        allowed = False
    if fatal and not allowed:
        raise exception.PolicyNotAuthorized(action=action)
    return allowed


def check_is_admin(context: RequestContext) -> bool:
    """Whether the roles make an administrator (the rule ``context_is_admin``)."""
    return authorize(context, "context_is_admin", fatal=False)
