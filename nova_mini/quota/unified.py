"""Limits that are kept in Keystone (``[quota] driver = nova.quota.UnifiedLimitsDriver``).

A limit of a project, else the registered limit, which is the default of all projects. oslo.limit
reads them, all of a project at once. It is imported late, because it takes much memory.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from nova_mini import exception
from nova_mini.conf import CONF

#: The name in Keystone -> the name in the Compute API.
NAMES = {
    "servers": "instances",
    "class:VCPU": "cores",
    "class:MEMORY_MB": "ram",
    "server_metadata_items": "metadata_items",
    "server_injected_files": "injected_files",
    "server_injected_file_content_bytes": "injected_file_content_bytes",
    "server_injected_file_path_bytes": "injected_file_path_bytes",
    "server_key_pairs": "key_pairs",
    "server_groups": "server_groups",
    "server_group_members": "server_group_members",
}
_UNLIMITED = -1
_TIMEOUT = 60  # seconds without an answer of Keystone
_lock = threading.Lock()


def get_defaults() -> dict[str, int]:
    """The registered limits, by the names of the API. Raises KeystoneConnectionFailed."""
    with _translated_errors():
        return _by_api_name(_enforcer().get_registered_limits(None))


def get_limits(project_id: str | None) -> dict[str, int]:
    """The limits of a project, by the names of the API. Raises KeystoneConnectionFailed."""
    if project_id is None:
        return get_defaults()
    with _translated_errors():
        registered = _enforcer().get_registered_limits(None)
        own = _enforcer().get_project_limits(project_id, None)
        return _by_api_name([*registered, *own])


def _by_api_name(limits: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The later ones of equal names hold."""
    found = dict(limits)
    return {
        api_name: found.get(name, _limit_of_unregistered(name)) for name, api_name in NAMES.items()
    }


def _limit_of_unregistered(name: str) -> int:
    """A resource without a registered limit: 0 if the administrator requires one."""
    is_listed = name in CONF.quota.unified_limits_resource_list
    is_required = CONF.quota.unified_limits_resource_strategy == "require"
    return 0 if is_listed == is_required else _UNLIMITED


def _enforcer() -> Any:
    """The enforcer of oslo.limit, whose annotations do not say that None means all resources."""
    with _lock:
        return _make_enforcer()


@functools.cache
def _make_enforcer() -> Any:
    """Nothing is cached in it: a changed limit holds at once."""
    from oslo_limit import limit

    CONF.set_default("timeout", _TIMEOUT, group="oslo_limit")
    return limit.Enforcer(lambda project_id, names: dict.fromkeys(names, 0), cache=False)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    from keystoneauth1 import exceptions as ks_exc
    from openstack import exceptions as sdk_exc
    from oslo_limit import exception as limit_exc

    try:
        yield
    except limit_exc.SessionInitError as exc:
        raise exception.KeystoneConnectionFailed(reason="[oslo_limit] cannot log in") from exc
    except (ks_exc.ClientException, sdk_exc.SDKException, ValueError) as exc:
        raise exception.KeystoneConnectionFailed(reason="it did not return the limits") from exc
