"""End a process whose Ceph client hangs, so that its successor goes on.

librbd's threads can lock each other up: each call of the process waits then for ever, though Ceph
is well and answers everybody else. Nobody can free them; but whatever the process was doing is on
record.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from nova_mini import exception
from nova_mini.virt.libvirt.storage.rbd_utils import RBDDriver

LOG = logging.getLogger(__name__)

_PAUSE = 5  # seconds between two questions
_PATIENCE = 10  # seconds until an answer is late
_OTHERS = 2  # answers that another client must get meanwhile: ours may only be slower to come back
_ASKED_FOR = "nova-mini-watch"  # an image that is not there


class RbdWatch:
    """``ceph`` is the client of the process; ``end()`` is called when it hangs."""

    def __init__(self, ceph: RBDDriver, end: Callable[[], None] | None = None):
        self._ceph = ceph
        self._end = end or _end_process
        self._answered = threading.Event()
        self._answered.set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="rbd-watch", daemon=True).start()

    def _run(self) -> None:
        while not self.hangs():
            time.sleep(_PAUSE)
        self._end()

    def hangs(self) -> bool:
        """Whether Ceph answers another client time and again, and not ours."""
        self._ask()
        for _ in range(_OTHERS):
            if self._answered.wait(_PATIENCE) or not self._answers_another():
                return False
        return not self._answered.is_set()

    def _ask(self) -> None:
        """In a thread of its own, which may never come back; there is one at a time."""
        if not self._answered.is_set():
            return
        self._answered.clear()

        def ask() -> None:
            try:
                self._ceph.exists(_ASKED_FOR)
            except exception.NovaException as exc:
                LOG.debug("Ceph: %s", exc)
            finally:
                self._answered.set()

        threading.Thread(target=ask, name="rbd-question", daemon=True).start()

    def _answers_another(self) -> bool:
        other = RBDDriver(
            self._ceph.pool, self._ceph.user, self._ceph.ceph_conf, answer_within=_PATIENCE
        )
        try:
            other.exists(_ASKED_FOR)
        except exception.NovaException as exc:
            LOG.warning("Ceph does not answer: %s", exc)
            return False
        finally:
            other.disconnect()
        return True


def _end_process() -> None:
    LOG.critical("Ceph answers, and not this process: it ends, and its successor goes on")
    logging.shutdown()
    os._exit(1)
