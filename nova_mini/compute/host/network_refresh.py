"""Keeps the network information in the records of servers equal to Neutron.

A refresh holds no claim. It reads the record, queries Neutron, and writes only if the server was
not changed in between. While an operation runs on the server, nothing is written: the refresh is
repeated when the operation has ended.

An interface whose port does not exist in Neutron any more is still in the guest. The transaction
that begins its removal from the guest removes it from the record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.network_model import VIF, NetworkInfo
from nova_mini.states import vm_states

LOG = logging.getLogger(__name__)

_NOT_NOW = (exception.InstanceBusy, exception.InstanceInvalidState)
_ATTEMPTS = 5  # if the server is changed during the query
# Not SUSPENDED: a device that is in the saved memory of a guest cannot be removed.
_MAY_LOSE_INTERFACE = [
    vm_states.ACTIVE,
    vm_states.ERROR,
    vm_states.PAUSED,
    vm_states.SHELVED,
    vm_states.STOPPED,
]


class NetworkRefresher:
    """One per compute service; safe for threads.

    ``run_action(context, action)`` is called with each removal of an interface that was begun.
    """

    def __init__(self, network_api, run_action: Callable[[RequestContext, InstanceAction], None]):
        self._network_api = network_api
        self._run_action = run_action
        self._lock = threading.Lock()
        self._requested: set[str] = set()
        self._running: set[str] = set()
        self._deleted: set[tuple[str, str]] = set()  # (server, port) of Neutron's events

    def is_requested(self, uuid: str) -> bool:
        """Whether a refresh of that server is pending or running."""
        with self._lock:
            return uuid in self._requested or uuid in self._running

    def refresh(self, context: RequestContext, uuid: str) -> None:
        """Query Neutron and save the answer. Pending while an operation runs on the server.

        One refresh at a time for each server; a call during a refresh makes that one repeat. Raises
        NeutronConnectionFailed.
        """
        if not self._network_api.is_configured():
            return
        with self._lock:
            self._requested.add(uuid)
            if uuid in self._running:
                return
            self._running.add(uuid)
        try:
            self._refresh_until_done(context, uuid)
        finally:
            with self._lock:
                self._running.discard(uuid)

    def _refresh_until_done(self, context, uuid: str) -> None:
        for _ in range(_ATTEMPTS):
            with self._lock:
                if uuid not in self._requested:
                    self._running.discard(uuid)
                    return
                self._requested.discard(uuid)  # a request from here on needs another pass
            try:
                self._refresh(context, uuid)
            except _NOT_NOW as exc:
                LOG.debug("Instance %s: refresh is pending: %s", uuid, exc)
                with self._lock:
                    # After a request from now on, the operation may have ended.
                    if uuid not in self._requested:
                        self._requested.add(uuid)
                        self._running.discard(uuid)
                        return
            except exception.InstanceChanged as exc:
                LOG.debug("Instance %s: refresh again: %s", uuid, exc)
                self._request(uuid)
            except exception.InstanceNotFound:
                LOG.debug("Instance %s: not found", uuid)
            except Exception:
                self._request(uuid)
                raise
        LOG.warning("Instance %s: changes too often, its network information may be stale", uuid)

    def _request(self, uuid: str) -> None:
        with self._lock:
            self._requested.add(uuid)

    def port_deleted(self, context: RequestContext, uuid: str, port_id: str) -> None:
        """Remove the interface of a deleted port from the guest. Called for an event of Neutron."""
        with self._lock:
            self._deleted.add((uuid, port_id))
        try:
            self._remove(context, uuid, port_id)
        except _NOT_NOW as exc:
            LOG.debug("Port %s: deleted, its interface will be removed later: %s", port_id, exc)
            self._request(uuid)
        except exception.InstanceNotFound:
            LOG.debug("Instance %s: not found", uuid)
        else:
            with self._lock:
                self._deleted.discard((uuid, port_id))

    def _refresh(self, context, uuid: str) -> None:
        instance = Instance.get_by_uuid(context, uuid)
        found = self._network_api.get_instance_nw_info(context, instance)
        missing_vifs = missing(instance, found)
        Instance.update_network_info(
            context, uuid, NetworkInfo([*found, *missing_vifs]).to_json(), instance.revision
        )
        for vif in missing_vifs:
            if self._is_deleted(context, instance, vif):
                self._remove(context, uuid, vif.id)
        with self._lock:  # also for ports that are not in the record any more
            self._deleted = {each for each in self._deleted if each[0] != uuid}

    def _is_deleted(self, context, instance: Instance, vif: VIF) -> bool:
        """Whether the port is deleted, and not only hidden: Neutron hides ports from a service user
        that has lost its role."""
        with self._lock:
            if (instance.uuid, vif.id) in self._deleted:
                return True
        return self._network_api.is_port_gone(context, instance, vif)

    def _remove(self, context, uuid: str, port_id: str) -> None:
        """Begin the action that removes an interface from the guest.

        Raises InstanceBusy or InstanceInvalidState (try again later), InstanceNotFound.
        """
        action = InstanceAction.begin_removal(context, uuid, port_id, _MAY_LOSE_INTERFACE)
        if action is not None:
            LOG.info("Instance %s: removing the interface of the deleted port %s", uuid, port_id)
            self._run_action(context, action)


def missing(instance: Instance, found: NetworkInfo) -> NetworkInfo:
    """Return the interfaces of the record that are not in ``found``, the answer of Neutron."""
    return NetworkInfo(vif for vif in instance.network_info if found.get(vif.id) is None)
