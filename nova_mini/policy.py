"""Who may do what: oslo.policy, with the rules of ``nova_mini.policies`` as defaults.

An operator's own rules stand in the file of ``[oslo_policy] policy_file`` and are read again when
it changes.
"""

from __future__ import annotations

import operator
import threading
import time

from oslo_policy import opts
from oslo_policy import policy as oslo_policy

from nova_mini import exception, policies
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

_LOOK_INTERVAL = 1.0  # seconds


class _Enforcer(oslo_policy.Enforcer):
    """Looks for a changed policy file every second, not at every question; until then, who asks
    again gets the same answer."""

    def __init__(self, conf):
        super().__init__(conf)
        self._looked_at = float("-inf")
        self._answers: dict[tuple, bool] = {}

    def load_rules(self, force_reload: bool = False) -> None:
        now = time.monotonic()
        if force_reload or now - self._looked_at >= _LOOK_INTERVAL:
            self._looked_at = now
            self._answers = {}
            super().load_rules(force_reload)

    def allows(self, action: str, target: dict, context: RequestContext) -> bool:
        """Whether the rules let ``context`` do it. Raises InvalidScope."""
        self.load_rules()
        asker = (_ASKER(context), tuple(context.roles), tuple(context.service_roles))
        question = (action, *target.items(), *asker)
        allowed = self._answers.get(question)
        if allowed is None:
            allowed = self._answers[question] = bool(self.authorize(action, target, context))
        return allowed


# With the roles, all that a rule may ask of a context: see its to_policy_values().
_ASKER = operator.attrgetter(
    "user_id", "user_domain_id", "system_scope", "domain_id", "project_id", "project_domain_id",
    "is_admin_project", "service_user_id", "service_user_domain_id", "service_project_id",
    "service_project_domain_id",
)  # fmt: skip


_enforcer: _Enforcer | None = None
_lock = threading.Lock()

opts.set_defaults(CONF, "policy.yaml")


def get_enforcer() -> _Enforcer:
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
        allowed = get_enforcer().allows(action, target, context)
    except oslo_policy.InvalidScope:
        allowed = False
    if fatal and not allowed:
        raise exception.PolicyNotAuthorized(action=action)
    return allowed


def check_is_admin(context: RequestContext) -> bool:
    """Whether the roles make an administrator (the rule ``context_is_admin``)."""
    return authorize(context, "context_is_admin", fatal=False)
