"""nova_mini: OpenStack Compute as a small distributed control plane."""

import sys
from typing import Any, cast

# Native threads only. Some oslo libraries load eventlet when it is installed, which costs memory
# and a warning in each process. With this entry its import fails.
cast("Any", sys.modules).setdefault("eventlet", None)

from oslo_service import backend  # noqa: E402

# Must run before oslo.messaging is imported, which selects its backend then.
backend.init_backend(backend.BackendType.THREADING)
