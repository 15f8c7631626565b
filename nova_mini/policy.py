"""Authorization with oslo.policy. ``nova_mini.policies`` has the default rules.

Operators override rules in the file ``[oslo_policy] policy_file``, which is read again after a
change.
"""

from __future__ import annotations

import operator
import threading
import time

from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy as oslo_policy

from nova_mini import exception, policies
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

_CHECK_INTERVAL = 1.0  # seconds between two checks for a changed policy file


class _Enforcer(oslo_policy.Enforcer):
    """An enforcer that checks for a changed policy file once a second instead of in every call, and
    caches its results until then."""

    def __init__(self, conf: cfg.ConfigOpts):
        super().__init__(conf)
        self._checked_at = float("-inf")
        self._results: dict[tuple, bool] = {}

    def load_rules(self, force_reload: bool = False) -> None:
        now = time.monotonic()
        if force_reload or now - self._checked_at >= _CHECK_INTERVAL:
            self._checked_at = now
            self._results = {}
            super().load_rules(force_reload)

    def allows(self, action: str, target: dict, context: RequestContext) -> bool:
        """Whether the rules allow ``action``. Raises InvalidScope."""
        self.load_rules()
        caller = (_CALLER(context), tuple(context.roles), tuple(context.service_roles))
        key = (action, *target.items(), *caller)
        allowed = self._results.get(key)
        if allowed is None:
            allowed = self._results[key] = bool(self.authorize(action, target, context))
        return allowed


# All attributes of a context that a rule can use, except the roles: see its to_policy_values().
_CALLER = operator.attrgetter(
    "user_id",
    "user_domain_id",
    "system_scope",
    "domain_id",
    "project_id",
    "project_domain_id",
    "is_admin",
    "is_admin_project",
    "service_user_id",
    "service_user_domain_id",
    "service_project_id",
    "service_project_domain_id",
)


_enforcer: _Enforcer | None = None
_lock = threading.Lock()

opts.set_defaults(CONF, "policy.yaml")


def get_enforcer() -> _Enforcer:
    """The enforcer of this process, created at the first call. oslopolicy-* tools call it, too."""
    global _enforcer
    if _enforcer is None:
        with _lock:
            if _enforcer is None:
                enforcer = _Enforcer(CONF)
                enforcer.register_defaults(list(policies.list_rules()))
                enforcer.load_rules()
                _enforcer = enforcer
    return _enforcer


def reset() -> None:
    """Forget the enforcer, so that tests can change the policy file."""
    global _enforcer
    _enforcer = None


def authorize(
    context: RequestContext, action: str, target: dict | None = None, fatal: bool = True
) -> bool:
    """Whether ``context`` may do ``action`` (the name of a rule) on ``target``.

    ``target``: project_id and user_id of the resource's owner; None: the caller's own. If the
    action is not allowed, raises PolicyNotAuthorized, or returns False if not ``fatal``.
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
    """Whether the caller is an administrator by its roles (the rule ``context_is_admin``)."""
    return authorize(context, "context_is_admin", fatal=False)
