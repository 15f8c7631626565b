"""Delete a server in a way that can be undone for a while."""

from __future__ import annotations

import functools
from collections.abc import Callable

from nova_mini import quota
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects import quota_claims
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import GUEST_CALLS_VERSION, Service


def is_possible(instance: Instance) -> bool:
    """Whether a delete is soft. A server that was never active, or that is on no host, has nothing
    to start again. A host of an older release cannot do it."""
    return bool(
        CONF.reclaim_instance_interval
        and instance.launched_at
        and instance.host
        and Service.compute_version(instance.host) >= GUEST_CALLS_VERSION
    )


def quota_claim(context: RequestContext, instance: Instance) -> Callable[[], None]:
    """What a restore does in its transaction: use the quota of the server, or raise OverQuota."""
    owner = (instance.project_id, instance.user_id)
    limits = quota_claims.Limits(*quota.get_project_and_user_limits(context, *owner))
    requested = {"instances": 1, "cores": instance.vcpus, "ram": instance.memory_mb}
    return functools.partial(quota_claims.claim, *owner, requested, limits)
