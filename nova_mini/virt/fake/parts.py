"""The guests of the driver, and what its subjects do with them together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.states import power_state
from nova_mini.virt.fake.consoles import FakeConsoles
from nova_mini.virt.fake.guests import FakeGuest, GuestStore
from nova_mini.virt.fake.metadata import DEAF, delay_of, requested

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.volume.connection_info import ConnectionInfo

POLL_SECONDS = 0.1


class FakeParts:
    _host: str
    _guests: GuestStore
    _consoles: FakeConsoles
    _image_api: glance.API

    def _get(self, instance) -> FakeGuest:
        guest = self._guests.find(instance.uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest

    def _get_or_define(self, instance) -> FakeGuest:
        return self._guests.find(instance.uuid) or FakeGuest(instance.uuid)

    def _remove(self, uuid: str) -> None:
        self._guests.remove(uuid)
        self._consoles.close(uuid)

    def _change(self, guest: FakeGuest, state: int, line: str) -> None:
        guest.state = state
        guest.log(line)
        self._guests.save(guest)
        if state == power_state.SHUTDOWN:
            self._consoles.close(guest.uuid)

    def _delay(self, instance: Instance, operation: str) -> None:
        """Take as long as a test requests. Raises Preempted."""
        sleep(delay_of(instance, operation))

    def _await_answer(self, instance, seconds: float) -> bool:
        """Whether the guest answers within ``seconds``. Raises Preempted."""
        started_at = time.monotonic()
        while not self._answers(instance):
            waited = time.monotonic() - started_at
            if waited >= seconds:
                return False
            preemption.check(waited)
            time.sleep(POLL_SECONDS)
        return True

    def _answers(self, instance) -> bool:
        """Whether the guest reacts to requests. A guest that is off needs no request: True."""
        guest = self._guests.find(instance.uuid)
        if guest is None or guest.state == power_state.SHUTDOWN:
            return True
        return guest.state == power_state.RUNNING and not requested(instance, DEAF)


def sleep(seconds: float) -> None:
    """Wait as if for a guest. Raises Preempted."""
    started_at = time.monotonic()
    while (waited := time.monotonic() - started_at) < seconds:
        preemption.check(waited)
        time.sleep(min(POLL_SECONDS, seconds - waited))


def volume_id(connection_info: ConnectionInfo) -> str:
    return connection_info.get("serial") or connection_info.get("data", {}).get("volume_id", "")


def seconds_for_detach() -> float:
    return CONF.libvirt.device_detach_attempts * CONF.libvirt.device_detach_timeout
