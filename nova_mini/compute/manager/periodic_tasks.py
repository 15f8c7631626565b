"""What the service does without a request."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute.host import evacuated, orphans, power_sync, shelved_servers
from nova_mini.compute.manager.parts import ManagerParts
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.service import Periodic

LOG = logging.getLogger(__name__)


class PeriodicTasks(ManagerParts):
    _to_heal: list[str]  # uuids of the servers whose network information is refreshed next

    def periodic_tasks(self) -> list[Periodic]:
        tasks = [
            (CONF.update_resources_interval, self.rt.update_available_resource),
            (CONF.update_resources_interval, self._release_ended_moves),
            (CONF.sync_power_state_interval, self._complete_evacuations),
            (CONF.sync_power_state_interval, self._sync_power_states),
            (CONF.sync_power_state_interval * 5, self._destroy_orphans),
            (CONF.shelved_poll_interval, self._poll_shelved_instances),
            (CONF.image_cache.manager_interval, self._manage_image_cache),
        ]
        if CONF.heal_instance_info_cache_interval > 0:
            tasks.append((CONF.heal_instance_info_cache_interval, self._heal_instance_info_cache))
        return tasks

    def _handle_lifecycle_event(self, event) -> None:
        self.runner.submit(power_sync.sync_one, self.driver, event.uuid)

    def _sync_power_states(self) -> None:
        servers = power_sync.sync_power_states(self.driver, self.host)
        if not self._to_heal:
            self._to_heal = [each.uuid for each in servers if each.task_state is None]

    def _destroy_orphans(self) -> None:
        orphans.destroy_all(self.services, orphans.ALL.values())
        orphans.clean_shared_disks(self.services)

    def _release_ended_moves(self) -> None:
        """The other host may have ended a move, or the server was deleted meanwhile."""
        if uuids := self.rt.release_ended_moves():
            orphans.destroy_all(self.services, [orphans.GUEST], uuids)

    def _complete_evacuations(self) -> None:
        evacuated.complete(self.services)

    def _poll_shelved_instances(self) -> None:
        for context, action in shelved_servers.begin_offloads(self.host):
            self._resume(context, action)

    def _heal_instance_info_cache(self) -> None:
        """Refresh the network information of one server, for changes without an event (security
        groups) and for lost events.

        One server per run, in turn, so that the load on Neutron does not grow with the number of
        servers. The list of servers comes from the last comparison of their power states.
        """
        if self._to_heal:
            self._refresh_network_info(get_admin_context(), self._to_heal.pop())

    def _refresh_network_info(self, context, uuid: str) -> None:
        try:
            self.network_refresher.refresh(context, uuid)
        except exception.NovaException as exc:
            LOG.warning("Instance %s: could not refresh its network information: %s", uuid, exc)

    def _manage_image_cache(self) -> None:
        instances = InstanceList.get_by_host(get_admin_context(), self.host)
        used = {i.image_ref for i in instances if i.image_ref}
        self.driver.manage_image_cache(get_admin_context(), used)
