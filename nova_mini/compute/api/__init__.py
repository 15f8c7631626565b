"""The interface of Compute for the HTTP API. A module holds one group of methods.

Every change is checked here, committed as an intent (see ``actions.intents``), and then sent to a
conductor or a host. Each method that changes a server may raise ``InstanceInvalidState``,
``InstanceIsLocked`` or ``UnexpectedTaskStateError`` (409).
"""

from __future__ import annotations

from nova_mini.compute.api.assisted_snapshots import AssistedSnapshots
from nova_mini.compute.api.console import Console
from nova_mini.compute.api.create import Create
from nova_mini.compute.api.evacuation import Evacuation
from nova_mini.compute.api.guest import Guest
from nova_mini.compute.api.images import Images
from nova_mini.compute.api.interfaces import Interfaces
from nova_mini.compute.api.live_migration import LiveMigration
from nova_mini.compute.api.moves import Moves
from nova_mini.compute.api.power import Power
from nova_mini.compute.api.records import Records
from nova_mini.compute.api.shelve import Shelve
from nova_mini.compute.api.volumes import Volumes


class API(
    Create,
    Power,
    Shelve,
    Moves,
    LiveMigration,
    Evacuation,
    Images,
    Interfaces,
    Volumes,
    AssistedSnapshots,
    Records,
    Console,
    Guest,
):
    """Safe for threads. Its only state is the cache of image records."""
