"""nova_mini: OpenStack Compute as a small distributed control plane."""

import sys

# Native threads only. Some oslo libraries still load eventlet when it is installed, which costs
# memory and a warning in each process; with this they see that it is not there.
sys.modules.setdefault("eventlet", None)

from oslo_service import backend  # noqa: E402

# Before anything imports oslo.messaging, which takes oslo.service as it finds it.
backend.init_backend(backend.BackendType.THREADING)
